"""Names in prose, `in quotes`, are names of the code: in the README and the pages, in docstrings and comments."""

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
# Written when the documentation is built, or by the program.
WRITTEN = {"skinit-results/", "docs/_build/"}
# Names of Python, numba and scikit-learn that the code does not have.
OF_OTHERS = {
    *dir(builtins),
    "__init",
    "__pycache__",
    "n_features_in_",
    "skip_parameter_validation",
    "NUMBA_CPU_FEATURES",
    "NUMBA_CPU_NAME",
}
# Where syntax trees have names, and strings that might be names.
FIELDS = ["id", "attr", "arg", "name", "asname", "module", "value"]
QUOTED = re.compile(r"(?<![:`\w])(`{1,2})([^`\n]+)\1(?!`)")
ROLE = re.compile(r":(?:attr|class|func|meth|mod|obj):`~?([\w.]+)`")
FILE = re.compile(r"[\w./-]*\w\.(?:cfg|md|py|rst|toml)|[\w./-]+/")
# A name, perhaps of a room or a module, perhaps called; neither a letter of a formula nor one with an index.
NAME = re.compile(r"(?!.?_?\w$)(?!\d)(\w+(?:\.\w+)*)(?:\(.*\))?")
# "`ACTIVATIONS` (`kernels/activations.py`)", "`FAULTS` of `tests/test_inspection.py`"
PLACED = re.compile(r"(`{1,2})(\w+)\1 (?:\(|in |of )(`{1,2})([\w./]+\.py)\3")


def name(path):
    return path.relative_to(ROOT).as_posix()


def prose(path):
    """The text without blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def quoted(path):
    """What is in quotes, or in a role that refers to code."""
    text = prose(path)
    return {match[2] for match in QUOTED.finditer(text)} | set(ROLE.findall(text))


@cache
def words():
    """All names that occur in code, and strings that might be names."""
    found = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    for path in set(SOURCES) - {Path(__file__)}:
        for node in ast.walk(ast.parse(path.read_text())):
            for text in (getattr(node, field, None) for field in FIELDS):
                if isinstance(text, str) and re.fullmatch(r"\w+(\.\w+)*", text):
                    found.update(text.split("."))
    return found


def find_file(text):
    """The file or folder of the repository that is meant: a path from its root, from skinit's, or the end of one."""
    places = [ROOT / text, ROOT / "skinit" / text, *(path for path in SOURCES if f"/{name(path)}".endswith(f"/{text}"))]
    return next((place for place in places if place.exists()), None)


def resolves(full_name):
    """Whether a name from "skinit" on is that of a module, or of what is in one."""
    try:
        pkgutil.resolve_name(full_name)
    except (ImportError, AttributeError):
        return False
    return True


def is_known(text):
    """Whether what is in quotes exists; True for what is neither a file nor a name."""
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
        # A file of data, or of another library.
        return True
    return {first, *rest} <= words() | OF_OTHERS


def is_defined(word, path):
    """Whether a file has a function, a class or a variable of this name."""
    return re.search(rf"^\s*(def |class )?{word}\b.*[(:=]", path.read_text(), flags=re.MULTILINE) is not None


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_what_is_in_quotes_exists(path):
    assert sorted(text for text in quoted(path) if not is_known(text)) == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_names_are_where_the_text_says(path):
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
def test_what_does_not_exist_is_found(text):
    assert not is_known(text)
