"""The table of rooms in CONTRIBUTING.md is complete and agrees with the imports."""

import ast
import re
from graphlib import TopologicalSorter
from itertools import combinations
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "skinit"
COMPILING = {"jit", "njit", "vectorize", "guvectorize", "cfunc", "intrinsic", "overload", "register_jitable"}


def rooms():
    """Return the files and folders of the table, from top to bottom."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    (table,) = re.findall(r"^```\nskinit/\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [name for line in table.splitlines() for name in re.split(r"\s{2,}", line.strip())[0].split(", ")]


def room_of(path):
    """Return the room of a file of the package."""
    first, *rest = path.relative_to(PACKAGE).parts
    return f"{first}/" if rest else first


def parse(path):
    return ast.parse(path.read_text())


def is_for_types_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported_files(path, node):
    """Yield the files of the package that a node imports, also within functions and conditions."""
    if isinstance(node, ast.Import):
        modules = [name.name.split(".") for name in node.names]
    elif isinstance(node, ast.ImportFrom):
        folder = ["skinit", *path.parent.relative_to(PACKAGE).parts]
        start = folder[: len(folder) - node.level + 1] if node.level else []
        start += node.module.split(".") if node.module else []
        modules = [[*start, name.name] for name in node.names]
    else:
        modules = []
    for module in modules:
        # The last part may be a module, or a name within the module before it.
        places = [PACKAGE.parent.joinpath(*parts) for parts in (module, module[:-1])]
        candidates = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
        if module[0] == "skinit":
            yield next(file for file in candidates if file.exists())


def imports(path, with_types=True):
    """Return the files of the package that a file imports."""
    found, nodes = set(), [parse(path)]
    while nodes:
        node = nodes.pop()
        found.update(imported_files(path, node))
        if with_types or not is_for_types_only(node):
            nodes.extend(ast.iter_child_nodes(node))
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def name(path):
    return path.relative_to(PACKAGE).as_posix()


def test_the_table_has_every_room_once():
    assert sorted(rooms()) == sorted({room_of(path) for path in FILES})


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_run_downwards(path):
    order = rooms()
    room = room_of(path)
    lower = order[order.index(room) :]
    assert [name(file) for file in sorted(imports(path)) if room_of(file) not in lower] == []


def test_imports_within_rooms_have_no_cycles():
    # `static_order` raises a CycleError if imports form a cycle. Imports for type checkers alone may run upwards within
    # a room.
    order = TopologicalSorter({path: imports(path, with_types=False) - {path} for path in FILES})
    assert len(list(order.static_order())) == len(FILES)


OUTSIDE_OF_KERNELS = [path for path in FILES if room_of(path) != "kernels/"]
# These rooms may make kernels and their arguments. All rooms may read tables of names and call `evaluate`.
DOORS = {"engine/", "precompilation.py"}
MOST_PARAMETERS, MOST_LINES = 12, 400


@pytest.mark.parametrize("path", OUTSIDE_OF_KERNELS, ids=name)
def test_only_kernels_are_compiled(path):
    modules = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom) and node.level == 0]
    names = {alias.name for node in modules if node.module.partition(".")[0] == "numba" for alias in node.names}
    assert names & COMPILING == set()


@pytest.mark.parametrize("path", [path for path in OUTSIDE_OF_KERNELS if room_of(path) not in DOORS], ids=name)
def test_only_the_engine_makes_kernels(path):
    modules = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom) and node.level > 0]
    names = {alias.name for node in modules if "kernels" in (node.module or "") for alias in node.names}
    assert {each for each in names if each.startswith("compile_")} | names & {"Kernel", "arguments"} == set()


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) == "kernels/"], ids=name)
def test_no_kernel_takes_more_than_a_dozen_parameters(path):
    functions = [node for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if len(node.args.args) > MOST_PARAMETERS] == []


def docstring_lines(node):
    """The number of lines that the docstring of a module, class or function takes."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    if not isinstance(node, documented) or ast.get_docstring(node) is None:
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


# Docstrings do not count, because the documentation shows them on pages of their own. The estimators' constructors list
# all parameters.
@pytest.mark.parametrize("path", [path for path in FILES if path.name != "estimators.py"], ids=name)
def test_a_file_can_be_read_in_one_sitting(path):
    n_lines = len(path.read_text().splitlines())
    assert n_lines - sum(map(docstring_lines, ast.walk(parse(path)))) <= MOST_LINES


def test_the_introduction_lists_kernels_after_those_that_they_import():
    folder = PACKAGE / "kernels"
    introduction = ast.get_docstring(parse(folder / "__init__.py"))
    order = [folder / f"{word}.py" for word in re.findall(r"`(\w+)`", introduction)]
    assert sorted(order) == sorted(set(folder.glob("*.py")) - {folder / "__init__.py"})
    assert [(name(file), name(later)) for file, later in combinations(order, 2) if later in imports(file)] == []
