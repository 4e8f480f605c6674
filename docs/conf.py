"""Configuration of these pages. Build them with ``python -m sphinx -W -n docs docs/_build``."""

import re
import sys
from pathlib import Path

from numpydoc.xref import DEFAULT_LINKS

import skinit

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "skinit"
author = "The skinit developers"
copyright = author
version = release = skinit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "pictures",
]
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]

# Docstrings already state the types in words.
autodoc_typehints = "none"
# The templates list the members.
numpydoc_show_class_members = False

# The title of a page names the class, so the table of contents lists methods without it, in a narrow column.
toc_object_entries_show_parents = "hide"

nitpicky = True
# The inventories list the objects that the pages refer to, so that a build needs no network.
intersphinx_mapping = {
    "scikit-learn": ("https://scikit-learn.org/stable", "inventories/scikit-learn.txt"),
    "numpy": ("https://numpy.org/doc/stable", "inventories/numpy.txt"),
    "scipy": ("https://docs.scipy.org/doc/scipy", "inventories/scipy.txt"),
}
# The types of parameters link to their documentation, apart from Python's own.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | {
    "array-like": "`array-like <https://scikit-learn.org/stable/glossary.html#term-array-like>`__",
    "ndarray": ":class:`~numpy.ndarray`",
    "RandomState": ":class:`~numpy.random.RandomState`",
    "numpy.random.RandomState": ":class:`~numpy.random.RandomState`",
    "LinearOperator": ":class:`~scipy.sparse.linalg.LinearOperator`",
    "scipy.sparse.linalg.LinearOperator": ":class:`~scipy.sparse.linalg.LinearOperator`",
    "MLPClassifier": ":class:`~skinit.MLPClassifier`",
    "MLPRegressor": ":class:`~skinit.MLPRegressor`",
    "Activation": ":func:`Activation <skinit.make_activation>`",
    "Initializer": ":class:`~skinit.initializers.Initializer`",
}
nitpick_ignore_regex = [
    # Docstrings that are inherited from scikit-learn refer to these.
    ("std:ref", "accuracy_score|r2_score"),
    ("py:class", "ScoringMonitorLog"),
]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "subsection_order": ["gallery/how_to", "gallery/initialization", "gallery/curvature", "gallery/inspection"],
    "within_subsection_order": "FileNameSortKey",
    # The code of an example links to the API reference.
    "reference_url": {"skinit": None},
    "remove_config_comments": True,
    "show_memory": False,
    # Pictures are sharp on screens with two pixels per point.
    "image_srcset": ["2x"],
    "write_computation_times": False,
    "abort_on_example_error": True,
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skinit"
html_static_path = ["_static"]
html_css_files = ["skinit.css"]
html_show_sourcelink = False
# The API reference and the search replace both indices.
html_use_index = False
html_domain_indices = False
# A page without pages below it needs no navigation.
html_sidebars = dict.fromkeys(["installation", "tour", "claims"], [])
html_theme_options = {
    "logo": {"text": "skinit"},
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": ["sphinx-version", "theme-version"],
}
# Do not copy prompts and outputs.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def describe_data(app, what, name, obj, options, lines):
    """Describe `TRUSTED_TYPES`, for which Python returns the docstring of `list`."""
    if name == "skinit.TRUSTED_TYPES":
        lines[:] = ["List of the classes of skinit that are safe to load, for `skops.io.load(file, trusted=...)`."]


def setup(app):
    """Leave out methods that only scikit-learn calls, for metadata routing and callbacks."""
    internal = re.compile("set_.*_request|get_metadata_routing|setup|teardown|on_fit_task_.*")
    app.connect("autodoc-skip-member", lambda app, what, name, *_: True if internal.fullmatch(name) else None)
    app.connect("autodoc-process-docstring", describe_data, priority=900)
