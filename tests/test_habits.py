"""Files for contributors: the parts of `.ci/run`, and files that repeat a version or a name."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from skinit import __version__

ROOT = Path(__file__).parent.parent
RUN = ROOT / ".ci" / "run"
PARTS = re.search(r"^parts=\((.*)\)$", RUN.read_text(), flags=re.MULTILINE)[1].split()
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Faster", "Fixed", "Development"]


def read(name):
    return (ROOT / name).read_text()


def test_every_part_is_a_function():
    assert re.findall(r"^([\w-]+)\(\) \{$", RUN.read_text(), flags=re.MULTILINE)[-len(PARTS) :] == PARTS


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_an_unknown_part_is_refused_before_anything_runs():
    run = subprocess.run(["bash", RUN, "lint", "linnt"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f".ci/run: no part is named 'linnt'. The parts are: {' '.join(PARTS)}\n"


def test_nox_has_a_session_for_each_part():
    (parts,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(read("noxfile.py")).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "PARTS"
    ]
    assert list(parts) == PARTS
    assert all(description.endswith(".") for description in parts.values())


def test_hosted_ci_runs_every_part_and_no_other():
    text = read(".github/workflows/ci.yml")
    listed = [
        part for names in re.findall(r"^ +part: \[(.*)\]$", text, flags=re.MULTILINE) for part in names.split(", ")
    ]
    included = re.findall(r"\{ part: ([\w-]+),", text)
    assert {*listed, *included} == set(PARTS)


def test_hosted_ci_tests_every_python_from_the_oldest_on():
    (oldest,) = re.findall(r'^requires-python = ">=3\.(\d+)"$', read("pyproject.toml"), flags=re.MULTILINE)
    (versions,) = re.findall(r"^ +python: \[(.*)\]$", read(".github/workflows/ci.yml"), flags=re.MULTILINE)
    minors = [int(version.strip('"').removeprefix("3.")) for version in versions.split(", ")]
    assert minors == list(range(int(oldest), max(minors) + 1))


def test_contributing_names_every_part():
    assert [part for part in PARTS if f"`{part}`" not in read("CONTRIBUTING.md")] == []


def test_the_citation_and_the_changelog_have_this_version():
    assert f"\nversion: {__version__}\n" in read("CITATION.cff")
    first = re.search(r"^## (\S+)", read("CHANGELOG.md"), flags=re.MULTILINE)[1]
    assert first == __version__


def test_lines_of_the_changelog_are_grouped_by_kind():
    for release in read("CHANGELOG.md").split("\n## ")[1:]:
        introduction, *sections = release.split("\n### ")
        assert "\n- " not in introduction
        kinds = [section.partition("\n")[0] for section in sections]
        assert kinds == [kind for kind in KINDS if kind in kinds]
