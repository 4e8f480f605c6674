"""Every name `in quotes` in the README, the pages, docstrings and comments is a name of the code."""

import ast
import builtins
import pkgutil
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ["skinit", "tests", "benchmarks", "docs/gallery", "docs/_extensions"]
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES += sorted((ROOT / "docs").glob("*.py"))
TEXTS = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst")), *SOURCES]
# The program or the build of the documentation writes these.
WRITTEN = {"skinit-results/", "docs/_build/"}
# Names of Python, numba and scikit-learn that do not occur in the code.
OF_OTHERS = {
    *dir(builtins),
    "__init",
    "__pycache__",
    "n_features_in_",
    "skip_parameter_validation",
    "NUMBA_CPU_FEATURES",
    "NUMBA_CPU_NAME",
}
# The fields of syntax trees that hold names, or strings that might be names.
FIELDS = ["id", "attr", "arg", "name", "asname", "module", "value"]
QUOTED = re.compile(r"(?<![:`\w])(`{1,2})([^`\n]+)\1(?!`)")
ROLE = re.compile(r":(?:attr|class|func|meth|mod|obj):`~?([\w.]+)`")
FILE = re.compile(r"[\w./-]*\w\.(?:cfg|md|py|rst|toml)|[\w./-]+/")
# A name, perhaps of a room or a module, perhaps called. Letters of formulas, with or without an index, do not match.
NAME = re.compile(r"(?!.?_?\w$)(?!\d)(\w+(?:\.\w+)*)(?:\(.*\))?")
# Matches a name with its file, such as "`ACTIVATIONS` (`kernels/activations.py`)".
PLACED = re.compile(r"(`{1,2})(\w+)\1 (?:\(|in |of )(`{1,2})([\w./]+\.py)\3")


def name(path):
    return path.relative_to(ROOT).as_posix()


def prose(path):
    """Return the text without blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def quoted(path):
    """Return the texts in quotes, or in a role that refers to code."""
    text = prose(path)
    return {match[2] for match in QUOTED.finditer(text)} | set(ROLE.findall(text))


@cache
def words():
    """Return all names that occur in code, and strings that might be names."""
    found = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    for path in set(SOURCES) - {Path(__file__)}:
        for node in ast.walk(ast.parse(path.read_text())):
            for text in (getattr(node, field, None) for field in FIELDS):
                if isinstance(text, str) and re.fullmatch(r"\w+(\.\w+)*", text):
                    found.update(text.split("."))
    return found


def find_file(text):
    """Return the file or folder for a path from the root, from skinit/, or for the end of a path, or None."""
    places = [ROOT / text, ROOT / "skinit" / text, *(path for path in SOURCES if f"/{name(path)}".endswith(f"/{text}"))]
    return next((place for place in places if place.exists()), None)


def resolves(full_name):
    """Return whether a name that begins with "skinit" is that of a module or of something in one."""
    try:
        pkgutil.resolve_name(full_name)
    except (ImportError, AttributeError):
        return False
    return True


def is_known(text):
    """Return whether a text in quotes exists. True if it is neither a file nor a name."""
    if FILE.fullmatch(text):
        return text in WRITTEN or find_file(text) is not None
    match = NAME.fullmatch(text)
    if match is None:
        return True
    if match[1].startswith("skinit."):
        return resolves(match[1])
    first, *rest = match[1].split(".")
    if rest and (ROOT / "skinit" / first).exists():
        return resolves(f"skinit.{match[1]}")
    if rest and first.islower() and not first.endswith("_"):
        # The text is a data file, or a name of another library.
        return True
    return {first, *rest} <= words() | OF_OTHERS


def is_defined(word, path):
    """Return whether a file defines a function, a class or a variable of this name."""
    return re.search(rf"^\s*(def |class )?{word}\b.*[(:=]", path.read_text(), flags=re.MULTILINE) is not None


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_names_in_quotes_exist(path):
    assert sorted(text for text in quoted(path) if not is_known(text)) == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_names_are_in_the_file_that_the_text_names(path):
    placed = [(word, file) for _, word, _, file in PLACED.findall(" ".join(prose(path).split()))]
    assert [(word, file) for word, file in placed if not is_defined(word, find_file(file))] == []


@pytest.mark.parametrize(
    "text",
    [
        "KernelPointer",
        "_kernel_pointer",
        "kernel_pointer(f)",
        "pointers.py",
        "kernels/pointers.py",
        "kernels/pointers/",
        "kernels.pointers",
        "skinit.kernels.pointers",
        "skinit.curvature.hessian_norms",
        "kernels.updates.POINTERS",
        "Network.pointers",
    ],
)
def test_names_that_do_not_exist_are_found(text):
    assert not is_known(text)
