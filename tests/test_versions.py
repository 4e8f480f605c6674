"""The versions in pyproject.toml: stated for every imported package, and allowing the installed ones."""

import ast
import os
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def requirements(texts):
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "skinit"]


NEEDED = requirements(PROJECT["dependencies"])
OPTIONAL = requirements([*EXTRAS["plot"], *EXTRAS["cli"], *EXTRAS["files"], *EXTRAS["onnx"], *EXTRAS["cluster"]])
TOOLS = requirements(EXTRAS["test"])
EVERY = [*NEEDED, *requirements(text for texts in EXTRAS.values() for text in texts)]


def oldest(requirement):
    """Return the oldest version that a requirement allows."""
    (bound,) = requirement.specifier
    assert bound.operator in (">=", "==")
    return Version(bound.version)


def imported_packages():
    """Return the external packages that skinit imports, each with a file that imports it."""
    packages = {}
    for path in (ROOT / "skinit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            packages.update({module.partition(".")[0]: path.name for module in modules})
    return {name: path for name, path in packages.items() if name not in sys.stdlib_module_names}


@pytest.mark.parametrize("requirement", EVERY, ids=str)
def test_every_requirement_has_an_oldest_version(requirement):
    assert oldest(requirement) > Version("0")


def test_imported_packages_are_required():
    distributions = packages_distributions()
    required = {requirement.name for requirement in [*NEEDED, *OPTIONAL]}
    imported = imported_packages()
    assert {"numpy", "matplotlib"} < set(imported)
    assert [name for name in imported if not required & set(distributions[name])] == []


@pytest.mark.parametrize("requirement", [*NEEDED, *OPTIONAL, *TOOLS], ids=str)
def test_the_installed_version_is_allowed(requirement):
    assert requirement.specifier.contains(version(requirement.name), prereleases=True)


@pytest.mark.skipif("SKINIT_TESTS_OLDEST" not in os.environ, reason="only for the environment of the oldest versions")
@pytest.mark.parametrize("requirement", [*NEEDED, *OPTIONAL, *TOOLS], ids=str)
def test_the_installed_version_is_the_oldest_allowed(requirement):
    assert Version(version(requirement.name)) == oldest(requirement)


@pytest.mark.parametrize("page", ["README.md", "docs/installation.rst"])
def test_pages_name_the_oldest_versions(page):
    text = " ".join((ROOT / page).read_text().split())
    assert "Python " + PROJECT["requires-python"].removeprefix(">=") + " or later" in text
    for library in ("NumPy", "SciPy", "scikit-learn", "numba"):
        (requirement,) = [requirement for requirement in NEEDED if requirement.name == library.lower()]
        assert f"{library} {oldest(requirement)}" in text


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/installation.rst", "docs/performance.rst"])
def test_documented_extras_exist(page):
    asked = re.findall(r"'\.\[(\w+)\]'", (ROOT / page).read_text())
    assert asked
    assert set(asked) <= set(EXTRAS)
