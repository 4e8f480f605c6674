"""Schemes of the command line: what users type, which initializer it gives, and how mistakes are reported."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinit import MLPClassifier
from skinit.cli import main
from skinit.cli.arguments import parse_arguments
from skinit.cli.schemes import distinct_schemes, parse_scheme
from skinit.cli.search import SchemeSearch
from skinit.initializers import get_initializer, get_initializer_names

QUICK = ["--hidden", "4", "--cv", "2", "--max-iter", "3", "--n-jobs", "1"]


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command line; return its status, stdout, stderr and results."""

    def run(*arguments):
        status = main([*arguments, "--out", str(tmp_path)])
        captured = capsys.readouterr()
        csv = tmp_path / "cv_results.csv"
        return status, captured.out, captured.err, pd.read_csv(csv) if csv.is_file() else None

    return run


@pytest.mark.parametrize("name", get_initializer_names())
def test_a_plain_name_is_passed_on(name):
    assert parse_scheme(name).parameters == {"init": name}
    assert parse_scheme(f"{name}+auto").parameters == {"init": name, "learning_rate_init": "auto"}


@settings(max_examples=50)
@given(std=st.floats(0, 1e300), sample_size=st.integers(1, 10**6), is_automatic=st.booleans())
def test_parameters_are_those_of_the_initializer(std, sample_size, is_automatic):
    for text, expected in (
        (f"random:std={std!r}", get_initializer("random").set_params(std=std)),
        (
            f"hessian:sample_size={sample_size},base=he_normal,tol=0.1",
            get_initializer("hessian").set_params(sample_size=sample_size, base="he_normal", tol=0.1),
        ),
    ):
        scheme = parse_scheme(text + "+auto" * is_automatic)
        assert repr(scheme.parameters["init"]) == repr(expected)
        assert scheme.is_automatic == is_automatic


def test_equal_schemes_are_merged():
    texts = ["he", "random:std=1.0", "random:std=1e0", "random:std=1.0+auto", "he+auto", "he", "kaiming"]
    texts_left = [scheme.text for scheme in distinct_schemes(map(parse_scheme, texts))]
    assert texts_left == ["he", "random:std=1.0", "random:std=1.0+auto", "he+auto", "kaiming"]


def test_candidates_are_shown_as_they_were_typed(run):
    schemes = ["random:std=0.5", "orthogonal:gain=2", "hessian+auto", "random:std=5e-1+auto"]
    status, out, err, results = run("--init", *schemes, *QUICK, "--hidden", "4", "3,2")
    assert (status, err) == (0, "")
    assert sorted(results["init"]) == sorted(2 * schemes)
    for scheme in schemes:
        assert re.search(rf"^ +\d  {re.escape(scheme)} +1 x 4 ", out, re.MULTILINE)
        assert f"{scheme}, 2 hidden layers of 3 and 2: " in out


def test_a_scheme_sets_init_and_the_learning_rate_of_the_estimator(run, monkeypatch):
    fitted = []
    fit = MLPClassifier.fit

    def note(self, X, y):
        fitted.append((repr(self.init), self.learning_rate_init))
        return fit(self, X, y)

    monkeypatch.setattr(MLPClassifier, "fit", note)
    run("--init", "random:std=0.5", "he+auto", *QUICK, "--learning-rate", "0.01")
    assert set(fitted) == {("RandomNormal(std=0.5)", 0.01), ("'he'", "auto")}


def test_the_default_comparison_has_hessian_with_and_without_the_automatic_step():
    def names(*arguments):
        return [scheme.text for scheme in parse_arguments(arguments).init]

    schemes = ["zero", "random", "xavier", "he", "hessian"]
    assert names() == names("--learning-rate", "0.1") == [*schemes, "hessian+auto"]
    # L-BFGS has no learning rate, and --learning-rate auto gives the automatic step to all schemes.
    assert names("--solver", "lbfgs") == names("--learning-rate", "auto") == schemes


@pytest.mark.parametrize("command", [[], ["inspect"]])
@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("xaver", ["'xaver'", "Did you mean 'xavier'"]),
        ("hesian+auto", ["'hesian'", "Did you mean 'hessian"]),
        ("hessian+aut", ["'hessian+aut'", "Did you mean 'hessian+auto'"]),
        ("random:sdt=0.1", ["A parameter of 'random'", "Did you mean 'std'?"]),
        ("random:", ["NAME[:PARAMETER=VALUE"]),
        ("random:0.1", ["NAME[:PARAMETER=VALUE", "'0.1'"]),
        ("random:std=0.1,", ["NAME[:PARAMETER=VALUE"]),
        ("random:std=0.1,std=0.2", ["'std' is given twice"]),
        ("random:std=-1", ["'std' parameter", "[0.0, inf)", "Got -1"]),
        ("random:std=nan", ["'std' parameter", "Got nan"]),
        ("random:std=inf", ["'std' parameter", "Got inf"]),
        (f"random:std={'9' * 400}", ["'std' parameter"]),
        (f"random:std={'9' * 5000}", ["'std' parameter", "Got inf"]),
        ("random:std=big", ["'std' parameter", "Got 'big'"]),
        ("hessian:sample_size=2.5", ["'sample_size' parameter", "int"]),
        ("hessian:base=orthogonl", ["'base' parameter", "Did you mean 'orthogonal'"]),
        ("zero:std=1", ["'zero' has no parameters"]),
        ("auto:scale=1", ["'auto' has no parameters"]),
    ],
)
def test_a_bad_scheme_is_one_line_before_anything_is_fitted(tmp_path, capsys, monkeypatch, command, scheme, words):
    monkeypatch.setattr(SchemeSearch, "warm_up", lambda *_: pytest.fail("the search began"))
    assert main([*command, "--init", scheme]) == 2
    err = capsys.readouterr().err
    assert err.startswith("skinit: --init")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


@pytest.mark.parametrize("command", [[], ["inspect"]])
def test_lbfgs_has_no_automatic_step(capsys, command):
    assert main([*command, "--init", "he:scale=1+auto", "--solver", "lbfgs"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("skinit: --init he:scale=1+auto is not for the solver lbfgs, ")
    assert err.count("\n") == 1
