"""The how-to pages of the gallery: each is linked from the start page, and has one picture, its thumbnail."""

from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted((DOCS / "gallery" / "how_to").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_start_page_links_to_the_how_to_page(page):
    assert f":ref:`sphx_glr_auto_gallery_how_to_{page.name}`" in (DOCS / "index.rst").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_how_to_page_has_one_picture(page):
    assert page.read_text().count("plt.show()") == 1
