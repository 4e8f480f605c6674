"""The documentation is complete, agrees with the signatures, and its code runs."""

import csv
import importlib
import inspect
import json
import re
import shlex
from dataclasses import is_dataclass
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from pkgutil import resolve_name
from statistics import median

import numpydoc.validate
import pandas as pd
import pytest

from benchmarks.quality_again import summarize
from skinit import MLPClassifier, MLPRegressor
from skinit.cli.arguments import parse_arguments
from skinit.initializers import get_initializer_names
from skinit.kernels.activations import ACTIVATIONS

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.rst"))
MODULES = [
    "skinit",
    "skinit.callbacks",
    "skinit.curvature",
    "skinit.initializers",
    "skinit.inspection",
    "skinit.model_selection",
]
# scikit-learn calls these while it trains. Users do not.
HOOKS = {"setup", "on_fit_task_begin", "on_fit_task_end", "teardown"}
# The checks of numpydoc whose faults a reader would notice: the order of sections, the summary, and the parameters of
# the signature. Left out are matters of style, and sections that not every function needs.
CHECKS = {"GL06", "GL07", "GL08", "SS01", "SS02", "SS03", "SS04", "PR01", "PR02", "PR03", "RT01", "YD01"}


def public_names():
    """Return the full names of everything that the public modules export."""
    return [
        f"{module}.{name}"
        for module in MODULES
        for name in importlib.import_module(module).__all__
        if name != "__version__"
    ]


def skip_without_callbacks(full_name):
    """Skip a callback if scikit-learn is too old to make it. Its docstring then is a message."""
    if full_name.startswith("skinit.callbacks.") and find_spec("sklearn.callback") is None:
        pytest.skip("callbacks need scikit-learn 1.9")


def find(full_name):
    """Return the object with a full name."""
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


def documented_names():
    """Return the names of objects with a docstring, so of all but lists."""
    return [name for name in public_names() if not isinstance(find(name), list)]


def names_in_api_reference():
    """Return the full names in the tables of docs/api.rst."""
    module, names = None, []
    for line in (ROOT / "docs" / "api.rst").read_text().splitlines():
        if match := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   ([A-Za-z]\w*(?:\.\w+)*)", line):
            names.append(f"{module}.{match[1]}")
    return names


def documented_objects():
    """Yield the names of public objects, and of the methods that public classes define or inherit within skinit."""
    for full_name in documented_names():
        yield full_name
        value = find(full_name)
        if inspect.isclass(value):
            for attribute in dir(value):
                method = getattr(value, attribute)
                is_ours = inspect.isfunction(method) and method.__module__.startswith("skinit")
                # A method without a docstring inherits that of the method that it overrides.
                if not attribute.startswith("_") and attribute not in HOOKS and is_ours and method.__doc__:
                    yield f"{full_name}.{attribute}"


def code_blocks(page):
    """Yield the language and the lines of each code block that is no doctest."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        is_literal = line.endswith("::") and not line.lstrip().startswith("..")
        directive = re.match(r"\s*\.\. (?:code-block|code|sourcecode)::\s*(\S*)", line)
        if is_literal or directive:
            indent = len(line) - len(line.lstrip())
            block = []
            for following in lines[number + 1 :]:
                if following.strip() and len(following) - len(following.lstrip()) <= indent:
                    break
                block.append(following.strip())
            yield directive[1] if directive else "", [text for text in block if text]


def shell_commands():
    """Return the commands in the blocks and sentences of all pages, the README and CONTRIBUTING.md."""
    lines = [line for page in PAGES for language, block in code_blocks(page) if language == "bash" for line in block]
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.DOTALL):
            lines += block.splitlines()
    for page in (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        lines += re.findall(r"`(python -m \w+[^`]*)`", page.read_text())
    # A backslash continues a command in the next line.
    lines = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines]


def test_api_reference_has_every_public_name_once_and_no_other():
    assert sorted(names_in_api_reference()) == sorted(public_names())


@pytest.mark.parametrize("name", documented_objects())
def test_docstring_agrees_with_the_signature(name):
    skip_without_callbacks(name)
    errors = numpydoc.validate.validate(name)["errors"]
    assert [error for error in errors if error[0] in CHECKS] == []


# The examples of functions show what dataclasses contain.
@pytest.mark.parametrize("name", [name for name in documented_names() if not is_dataclass(find(name))])
def test_docstring_has_an_example(name):
    skip_without_callbacks(name)
    assert ">>>" in find(name).__doc__


# "K. Wu" at the beginning of a paragraph of one line becomes an item of a list, whose page shows "Wu".
@pytest.mark.parametrize("name", documented_objects())
def test_no_paragraph_of_one_line_begins_with_an_initial(name):
    skip_without_callbacks(name)
    paragraphs = re.split(r"\n\s*\n|\n-+\n", inspect.getdoc(resolve_name(name)))
    assert [text for text in paragraphs if re.fullmatch(r"[A-Z]\. .*", text)] == []


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_docstring_names_every_activation(estimator):
    assert [name for name in ACTIVATIONS if f'- "{name}": ' not in estimator.__doc__] == []


def test_page_of_initializers_names_every_initializer():
    text = (ROOT / "docs" / "initializers.rst").read_text()
    names = re.findall(r"``(\w+)``", text)
    families = tuple(re.findall(r"``(\w+_)\.\.\.``", text))
    # "glorot_..." stands for "glorot" too.
    missing = [name for name in get_initializer_names() if name not in names and not f"{name}_".startswith(families)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_code_in_pages_is_doctests(page):
    assert [block for language, block in code_blocks(page) if language != "bash"] == []


def test_the_command_line_accepts_the_documented_commands():
    arguments = [words[3:] for words in shell_commands() if words[:3] == ["python", "-m", "skinit"]]
    assert len(arguments) >= 3
    for words in arguments:
        parse_arguments([word for word in words if word != "--help"])


def test_the_readme_has_the_table_of_the_benchmark():
    table = (ROOT / "benchmarks" / "results" / "speed" / "table.md").read_text()
    assert table in (ROOT / "README.md").read_text()


def test_the_readme_has_the_scores_of_the_benchmark():
    table = (ROOT / "benchmarks" / "results" / "diabetes" / "scores.csv").read_text()
    _, default, untuned = csv.reader(table.splitlines())
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"its test R² is {untuned[1]}, and scikit-learn's default regressor has {default[1]}." in text
    assert f"With `load_diabetes(scaled=False)` the scores are {untuned[2]} and {default[2]} (" in text


def test_the_speeds_of_the_start_page_are_those_of_the_benchmark():
    folder = ROOT / "benchmarks" / "results" / "speed"
    header, _, *rows = [line.strip("| ").split(" | ") for line in (folder / "table.md").read_text().splitlines()]
    # The page is about training.
    fits = [row for row in rows if not row[0].startswith(("predict", "GridSearchCV", "200 Hessian"))]
    low, high = {}, {}
    for column in (1, 2, 3):
        ratios = [float(row[column]) for row in fits if len(row) > column and row[column].strip()]
        low[header[column]], high[header[column]] = min(ratios), max(ratios)
    text = " ".join((ROOT / "docs" / "index.rst").read_text().split())
    assert f"trained {low['scikit-learn']} to {high['scikit-learn']} times as fast." in text
    assert f"trained {low['PyTorch']} to {high['PyTorch']} times as fast as PyTorch" in text
    assert f"{low['JAX']} to {high['JAX']} times as fast as JAX, which was faster only with layers of 512 units" in text
    assert all("(512,512)" in row[0] for row in fits if len(row) > 3 and row[3].strip() and float(row[3]) < 1)
    first_fits = json.loads((folder / "speed.json").read_text())["seconds of first fits"]["empty cache"]
    assert f"skinit's first fit on a machine took {median(first_fits):.0f} seconds" in text
    assert f"It took {median(first_fits):.0f} seconds here" in (ROOT / "README.md").read_text()


def test_documented_benchmarks_exist():
    names = {words[3] for words in shell_commands() if words[:3] == ["python", "-m", "benchmarks"]}
    assert names
    assert [name for name in names if not (ROOT / "benchmarks" / f"{name}.py").exists()] == []


GALLERY = ROOT / "docs" / "gallery"
JUDGING_PAGES = sorted([*GALLERY.glob("initialization/*.py"), *GALLERY.glob("curvature/*.py")])


def verdicts_in_index():
    """Return the verdicts that the index of claims reports for each page, in order."""
    text = " ".join((ROOT / "docs" / "claims.rst").read_text().split())
    verdicts = {}
    for verdict, page in re.findall(r" - ((?:(?! - ).)*?) \(:doc:`[^`<]+ <(\S+)>`\)", text):
        verdicts.setdefault(page, []).append(verdict)
    return verdicts


@pytest.mark.parametrize("page", JUDGING_PAGES, ids=lambda page: page.stem)
def test_every_verdict_of_the_gallery_is_in_the_index_of_claims(page):
    verdicts = re.findall(r"^# \.\. admonition:: Verdict[^:]*: (.*)$", page.read_text(), flags=re.MULTILINE)
    reported = verdicts_in_index().get(f"auto_gallery/{page.parent.name}/{page.stem}", [])
    assert verdicts
    # The index may add conditions.
    assert [report[: len(verdict)] for report, verdict in zip_longest(reported, verdicts, fillvalue="")] == verdicts


@pytest.mark.parametrize(("column", "name"), [("depth", "layers"), ("data", "data")])
def test_the_tables_of_the_study_are_those_of_its_cells(column, name):
    folder = ROOT / "benchmarks" / "results" / "quality"
    table = pd.read_csv(folder / "untuned.csv")
    assert table["diverged"].sum() == 0
    summary = summarize(table, column).rename_axis(["solver", name])
    assert summary.to_csv(float_format="%.3f") == (folder / f"untuned_by_{column}.csv").read_text()
