"""The command `inspect`: what it prints, the report that it writes, and how it fails."""

import base64
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skinit import MLPClassifier
from skinit.cli import main
from skinit.cli.arguments import parse_arguments
from skinit.cli.inspect import COMMAND_LINE
from skinit.inspection.advice import phrase
from skinit.inspection.findings import NOTHING_FOUND, RULES

QUICK = ["--hidden", "6"]
DEEP_LOGISTIC = ["--hidden", "6,6,6,6,6,6", "--activation", "logistic"]


@pytest.fixture(scope="module")
def flats_csv(tmp_path_factory):
    """Return the path of a table of numbers and text with missing values, and two targets."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=80), "colour": rng.choice(["red", "green", "blue"], 80)})
    frame["rent"] = 1000 + 100 * frame["size"] + 50 * (frame["colour"] == "red")
    frame["kind"] = np.where(frame["size"] > 0, "dear", "cheap")
    frame.loc[::9, "size"] = np.nan
    frame.loc[::11, "colour"] = None
    path = tmp_path_factory.mktemp("data") / "flats <b>.csv"
    frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command; return its status, stdout, stderr and the report."""

    def run(*arguments, html=None):
        html = html or tmp_path / "report.html"
        status = main(["inspect", *arguments, "--html", str(html)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err, html.read_text("utf-8") if html.is_file() else None

    return run


class Page(HTMLParser):
    """The tags, attributes and text of an HTML page. Unmatched tags raise an error."""

    EMPTY = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data

    def images(self):
        return [value for name, value in self.attributes if name == "src"]


def test_the_table_and_the_findings_are_printed_and_in_the_report(run, tmp_path):
    status, out, err, report = run(*DEEP_LOGISTIC)
    assert (status, err) == (0, "")
    assert "untrained; measured on 500 rows" in out
    assert "vanishing gradients; try --init hessian and --activation tanh." in " ".join(out.split())
    assert out.endswith(f"Written: {tmp_path / 'report.html'}\n")
    page = Page(report)
    words = " ".join(page.text.split())
    findings = out[out.index("Findings\n- ") + len("Findings\n- ") : out.index("\n\n[3/4]")]
    for sentence in findings.split("\n- "):
        assert " ".join(sentence.split()) in words
    numbers = re.findall(r"^ *(?:output )?\d .*$", out, re.MULTILINE)
    assert len(numbers) == 2 * 7
    rows = re.findall(r"<tr>(.*?)</tr>", report)
    cells = [unescape(re.sub(r"<.*?>", " ", row)).split() for row in rows]
    for line in numbers:
        assert line.split() in cells


def test_each_stage_is_announced_as_it_begins(run):
    *_, out, _, _ = run(*QUICK)
    stages = re.findall(r"^\[\d/4\] .*$", out, re.MULTILINE)
    assert stages == [
        "[1/4] initializing the network",
        "[2/4] measuring signals and gradients",
        "[3/4] drawing signals and gradients",
        "[4/4] measuring and drawing the curvature",
    ]
    assert "[1/4] training the network\n" in run(*QUICK, "--epochs", "1")[1]


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_advice_names_options_of_the_command(rule, activation):
    advice = phrase(rule.advice, [activation], COMMAND_LINE)
    assert "='" not in advice
    # The command standardizes tables, so only one of the findings about scale can come up.
    assert "scale X" not in advice or rule.name == "unscaled_features"
    for option, values in re.findall(r"(--[a-z-]+) (\w+(?: or (?!--)\w+)*)", advice):
        for value in values.split(" or "):
            if value != "a":
                parse_arguments(["inspect", option, value])
    parameters = re.findall(r"(\w+)='(\w+)'", phrase(rule.advice, [activation]))
    MLPClassifier(**dict(parameters))._validate_params()
    assert len(parameters) == advice.count("--")


def test_the_report_is_one_file_without_links_or_scripts(run):
    *_, report = run(*QUICK)
    page = Page(report)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", report)
    images = page.images()
    assert len(images) == 7
    for image in images:
        kind, data = image.split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    assert len([name for name, _ in page.attributes if name == "alt"]) == 7
    assert 'name="viewport"' in report


def test_a_good_network_has_no_findings(run):
    status, out, _, report = run("--hidden", "30,30,30", "--init", "orthogonal")
    assert status == 0
    assert NOTHING_FOUND in " ".join(out.split())
    assert NOTHING_FOUND in report


def test_the_report_goes_to_the_folder_of_compare_by_default(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *QUICK]) == 0
    assert (tmp_path / "skinit-results" / "inspection.html").is_file()


@pytest.mark.parametrize(("target", "task"), [("kind", "classification"), ("rent", "regression")])
def test_inspect_reads_the_table_of_a_user(run, flats_csv, target, task):
    status, out, err, report = run("--data", flats_csv, "--target", target, *QUICK)
    assert (status, err) == (0, "")
    assert out.startswith(f"flats <b>.csv: {task} of '{target}'")
    assert "measured on 80 rows" in out
    # Names are shown as text, not as HTML.
    assert "<b>" not in report
    assert "flats <b>.csv" in Page(report).text
    # The command standardizes features and targets.
    assert "unscaled" not in out


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_inspect_can_train_the_network_first(run, solver):
    _, untrained, _, _ = run(*QUICK)
    status, trained, err, _ = run(*QUICK, "--solver", solver, "--epochs", "5")
    assert (status, err) == (0, "")
    assert f"after 5 epoch(s) of {solver}" in trained
    assert trained.split("Outputs")[1] != untrained.split("Outputs")[1]


def test_same_seed_gives_the_same_report_and_another_seed_another(run):
    outputs = [run(*QUICK, "--init", "hessian", "--seed", seed)[1:] for seed in ("3", "3", "4")]
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


def test_a_network_that_overflows_has_a_report(run, monkeypatch):
    initialize = MLPClassifier.initialize

    def initialize_large(self, X, y):
        initialize(self, X, y)
        for coef in self.coefs_:
            coef[...] = 1e200
        return self

    monkeypatch.setattr(MLPClassifier, "initialize", initialize_large)
    status, out, err, report = run(*QUICK)
    assert (status, err) == (0, "")
    assert "infinite or undefined: not finite" in " ".join(out.split())
    assert "Not drawn. The Hessian is not finite" in report
    Page(report)


def assert_fails(outcome, *words):
    """Check for exit status 2, one line that contains the words, and no report."""
    status, out, err, report = outcome
    assert status == 2
    assert report is None
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--activation", "rellu"], ["--activation", "Did you mean 'relu'"]),
        (["--init", "xavjer"], ["--init", "Did you mean 'xavier'"]),
        (["--init", "xavier", "he"], ["Unrecognized arguments: he", "skinit inspect --help"]),
        (["--hidden", "10,ten"], ["--hidden", "'10,ten'"]),
        (["--hidden", "10,0"], ["--hidden", "positive"]),
        (["--solver", "adamm"], ["Did you mean 'adam'"]),
        (["--epochs", "-1"], ["--epochs", "whole number from 0"]),
        (["--seed", "x"], ["--seed", "'x'"]),
        (["--epoch", "1"], ["--epoch", "Did you mean '--epochs'"]),
        (["--max-iter", "1"], ["--max-iter", "skinit inspect --help"]),
        (["--data", "absent.csv", "--target", "y"], ["no file 'absent.csv'"]),
        (["--target", "y"], ["--target", "--data"]),
    ],
)
def test_wrong_arguments_are_one_line_and_nothing_is_computed(run, monkeypatch, arguments, words):
    def compute(*arguments, **parameters):
        raise AssertionError

    monkeypatch.setattr(MLPClassifier, "initialize", compute)
    assert assert_fails(run(*arguments), *words) == ""


def test_an_unwritable_report_is_refused_before_anything_is_computed(run, tmp_path, monkeypatch):
    monkeypatch.setattr(MLPClassifier, "initialize", None)
    (tmp_path / "file").write_text("")
    assert assert_fails(run(*QUICK, html=tmp_path / "file" / "report.html"), "--html", "cannot be written") == ""
    assert assert_fails(run(*QUICK, html=tmp_path), "--html", "cannot be written", "directory") == ""


def test_an_earlier_report_is_kept_if_training_diverges(run, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("earlier")
    diverging = ["--solver", "sgd", "--init", "ones", "--activation", "identity", "--hidden", "50,50,50"]
    status, _, err, text = run(*diverging, "--epochs", "5")
    assert (status, text) == (2, "earlier")
    assert err.count("\n") == 1
    assert "--epochs 0 inspects the network before training" in err


def test_a_target_of_one_value_is_refused(run, tmp_path):
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "a", "a"]}).to_csv(tmp_path / "one.csv", index=False)
    assert_fails(run("--data", str(tmp_path / "one.csv"), "--target", "y", *QUICK), "1 class", "at least two")


def test_help_explains_the_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["inspect", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("--data", "--hidden", "--activation", "--init", "--epochs", "--html", "hessian", "softplus"):
        assert word in text
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "skinit inspect" in capsys.readouterr().out
