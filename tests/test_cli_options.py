"""Options for training and scores on the command line: what reaches the estimators, what is shown, bad values."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier, MLPRegressor
from skinit.cli import main
from skinit.cli.arguments import parse_arguments
from skinit.cli.metrics import make_metric, scorer_names
from skinit.cli.network_options import network_parameters
from skinit.cli.search import SchemeSearch

# A few epochs are enough to tell options apart.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = ["--init", "he", "--hidden", "4", "--cv", "2", "--max-iter", "3", "--n-jobs", "1"]


@pytest.fixture(scope="module")
def flats_csv(tmp_path_factory):
    """Return the path of a table with two classes, three classes, and a positive target in a small unit."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60), "rooms": rng.integers(1, 6, 60)})
    frame["kind"] = np.where(frame["size"] > 0, "dear", "cheap")
    frame["part"] = np.array(["east", "mid", "west"])[np.arange(60) % 3]
    frame["rent"] = 0.01 * np.exp(0.3 * frame["size"])
    path = tmp_path_factory.mktemp("data") / "flats.csv"
    frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command line; return its status, stdout, stderr and results."""

    def run(*arguments):
        status = main([*arguments, "--out", str(tmp_path)])
        captured = capsys.readouterr()
        csv = tmp_path / "cv_results.csv"
        return status, captured.out, captured.err, pd.read_csv(csv) if csv.is_file() else None

    return run


def test_options_reach_the_estimator(monkeypatch, run):
    seen = []
    fit = MLPClassifier.fit

    def note(self, X, y):
        names = ("learning_rate_init", "alpha", "batch_size", "early_stopping")
        seen.append({name: getattr(self, name) for name in names})
        return fit(self, X, y)

    monkeypatch.setattr(MLPClassifier, "fit", note)
    options = ["--learning-rate", "0.02", "--alpha", "1e-3", "--batch-size", "50", "--early-stopping"]
    status, out, err, _ = run(*QUICK, *options)
    assert (status, err) == (0, "")
    expected = {"learning_rate_init": 0.02, "alpha": 1e-3, "batch_size": 50, "early_stopping": True}
    assert seen
    assert all(each == expected for each in seen)
    assert "relu, adam, alpha 0.001, learning rate 0.02, batch size 50, early stopping, 1 at a time" in out


def test_scores_are_those_of_the_estimators_with_these_options(run):
    options = ["--learning-rate", "auto", "--alpha", "0.1", "--batch-size", "auto", "--seed", "3"]
    *_, results = run(*QUICK, *options)
    X, y = load_digits(return_X_y=True)
    network = MLPClassifier((4,), init="he", max_iter=3, learning_rate_init="auto", alpha=0.1, random_state=3)
    folds = StratifiedKFold(2, shuffle=True, random_state=3)
    scores = cross_val_score(make_pipeline(StandardScaler(), network), X, y, cv=folds)
    # Reading the CSV file may round.
    np.testing.assert_allclose(results[["split0_test_score", "split1_test_score"]].iloc[0], scores, rtol=1e-12)


def test_options_that_are_not_given_keep_the_defaults_of_the_estimators():
    assert network_parameters(parse_arguments([])) == {"activation": "relu", "solver": "adam"}
    assert network_parameters(parse_arguments(["inspect"])) == {"activation": "relu", "solver": "adam"}


def test_inspect_trains_with_the_options(tmp_path, capsys, monkeypatch):
    seen = []
    fit = MLPClassifier.fit

    def note(self, X, y):
        seen.append((self.init, self.learning_rate_init, self.alpha, self.batch_size))
        return fit(self, X, y)

    monkeypatch.setattr(MLPClassifier, "fit", note)
    options = ["--epochs", "2", "--learning-rate", "0.5", "--alpha", "1", "--batch-size", "100", "--init", "he+auto"]
    assert main(["inspect", "--hidden", "4", *options, "--html", str(tmp_path / "report.html")]) == 0
    # The automatic step of a scheme overrides --learning-rate.
    assert seen == [("he", "auto", 1, 100)]
    assert "init he+auto, after 2 epoch(s) of adam, alpha 1, learning rate 0.5, batch size 100;" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("command", [[], ["inspect"]])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--learning-rate", "0"], ["--learning-rate", "takes auto or a float in the range (0.0, inf), got '0'"]),
        (["--learning-rate", "aut"], ["--learning-rate", "got 'aut'", "Did you mean 'auto'"]),
        (["--learning-rate", "nan"], ["--learning-rate", "'nan'"]),
        (["--learning-rate", "inf"], ["--learning-rate", "'inf'"]),
        (["--learning-rate"], ["--learning-rate", "expected one argument"]),
        (["--alpha", "-1"], ["--alpha", "[0.0, inf)", "'-1'"]),
        (["--alpha", "auto"], ["--alpha", "'auto'"]),
        (["--alpha", "9" * 400], ["--alpha"]),
        (["--batch-size", "0"], ["--batch-size", "auto or an int in the range [1, inf)", "'0'"]),
        (["--batch-size", "1.5"], ["--batch-size", "'1.5'"]),
        (["--learning-rat", "1"], ["--learning-rat", "Did you mean '--learning-rate'"]),
        (["--solver", "lbfgs", "--learning-rate", "1"], ["--learning-rate is not for the solver lbfgs"]),
        (["--solver", "lbfgs", "--batch-size", "1"], ["--batch-size is not for the solver lbfgs"]),
    ],
)
def test_bad_options_are_one_line_before_anything_is_fitted(capsys, monkeypatch, command, arguments, words):
    monkeypatch.setattr(SchemeSearch, "warm_up", lambda *_: pytest.fail("the search began"))
    monkeypatch.setattr(MLPClassifier, "initialize", lambda *_: pytest.fail("a network was initialized"))
    assert main([*command, *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_table_without_its_option_is_named_with_it(capsys, tmp_path):
    table = tmp_path / "flats.csv"
    table.touch()
    assert main([str(table), "--target", "rent"]) == 2
    assert f"got '{table}'. If it is a table, give --data '{table}'." in capsys.readouterr().err


def test_lbfgs_has_no_early_stopping(capsys):
    assert main(["--solver", "lbfgs", "--early-stopping"]) == 2
    assert "--early-stopping is not for the solver lbfgs" in capsys.readouterr().err
    # Early stopping would end before the requested number of epochs.
    assert main(["inspect", "--early-stopping"]) == 2
    assert "Unrecognized arguments: --early-stopping" in capsys.readouterr().err


@pytest.mark.parametrize("scoring", ["f1_macro", "neg_log_loss", "roc_auc_ovr", "balanced_accuracy", "top_k_accuracy"])
def test_scores_of_classes_are_scikit_learns(run, scoring):
    status, out, err, results = run(*QUICK, "--scoring", scoring)
    assert (status, err) == (0, "")
    X, y = load_digits(return_X_y=True)
    network = MLPClassifier((4,), init="he", max_iter=3, random_state=0)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    scores = cross_val_score(make_pipeline(StandardScaler(), network), X, y, cv=folds, scoring=scoring)
    # Reading the CSV file may round.
    np.testing.assert_allclose(results[["split0_test_score", "split1_test_score"]].iloc[0], scores, rtol=1e-12)
    for word in make_metric(scoring, "classification", [])[0].name.split():
        assert word in out


def test_losses_are_shown_positive_and_the_lowest_is_best(run, flats_csv):
    arguments = ["--data", flats_csv, "--target", "rent", "--hidden", "20", "--cv", "2", "--n-jobs", "1"]
    arguments += ["--max-iter", "300", "--solver", "lbfgs", "--scoring", "neg_mean_squared_error"]
    status, out, err, results = run(*arguments, "--init", "zero", "he")
    assert (status, err) == (0, "")
    assert results["init"].tolist() == ["he", "zero"]
    # The file has the negative scores of scikit-learn, in the squared unit of the target.
    assert (results["mean_test_score"] < 0).all()
    loss = -results["mean_test_score"][0]
    assert loss < 1e-5
    words = " ".join(out.split())
    assert f"he is best (mean squared error {loss:.2e})" in words
    assert re.search(rf"^ +1  he +1 x 20 +{loss:.2e} ± \d", out, re.MULTILINE)
    assert "zero stays at chance" in words
    assert not re.search(r"-\d\.\d+e-\d+ ±|nan", out)
    table = out[out.index(" rank") : out.index("With 1")]
    assert max(map(len, table.splitlines())) <= 80


def test_losses_have_the_unit_of_the_target(run, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.normal(size=40), "rent": 1e6 * rng.normal(size=40)})
    frame.to_csv(tmp_path / "rents.csv", index=False)
    arguments = ["--data", str(tmp_path / "rents.csv"), "--target", "rent", "--scoring", "neg_mean_absolute_error"]
    status, out, err, results = run(*arguments, *QUICK)
    assert (status, err) == (0, "")
    network = MLPRegressor(hidden_layer_sizes=(4,), init="he", max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), TransformedTargetRegressor(network, transformer=StandardScaler()))
    folds = KFold(2, shuffle=True, random_state=0)
    scoring = "neg_mean_absolute_error"
    scores = cross_val_score(pipeline, frame[["size"]], frame["rent"], cv=folds, scoring=scoring)
    np.testing.assert_allclose(results[["split0_test_score", "split1_test_score"]].iloc[0], scores, rtol=1e-9)
    chance = cross_val_score(DummyRegressor(), frame[["size"]], frame["rent"], cv=folds, scoring=scoring)
    # Three epochs learn nothing from noise.
    assert f" chance ({-chance.mean():.2e})" in " ".join(out.split())


def test_the_positive_class_is_named(run, flats_csv):
    status, out, err, results = run("--data", flats_csv, "--target", "kind", *QUICK, "--scoring", "f1")
    assert (status, err) == (0, "")
    assert "The positive class is 'dear'." in out
    assert results["mean_test_score"].between(0, 1).all()
    assert "positive class" not in run("--data", flats_csv, "--target", "kind", *QUICK)[1]


@pytest.mark.parametrize(
    ("target", "scoring", "words"),
    [
        ("kind", "acuracy", ["--scoring", "'acuracy'", "Did you mean 'accuracy'"]),
        ("kind", "rand_score", ["--scoring", "'rand_score'"]),
        ("kind", "f1_samples", ["--scoring", "'f1_samples'"]),
        ("kind", "r2", ["--scoring r2 is not for classification", "accuracy"]),
        ("rent", "accuracy", ["--scoring accuracy is not for regression", "r2", "neg_mean_squared_error"]),
        ("part", "f1", ["--scoring f1", "'part'", "multiclass", "f1_macro, f1_micro, f1_weighted"]),
        ("part", "roc_auc", ["--scoring roc_auc", ". For more than two classes there are roc_auc_ovo"]),
    ],
)
def test_unsuitable_scores_are_one_line_before_the_search(run, flats_csv, monkeypatch, target, scoring, words):
    monkeypatch.setattr(SchemeSearch, "warm_up", lambda *_: pytest.fail("the search began"))
    status, _, err, _ = run("--data", flats_csv, "--target", target, *QUICK, "--scoring", scoring)
    assert status == 2
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_every_score_has_its_own_name_in_words():
    for task in ("classification", "regression"):
        metrics = [make_metric(name, task, [])[0] for name in scorer_names(task)]
        assert len({metric.name for metric in metrics}) == len(metrics)
        for metric in metrics:
            assert not metric.name.startswith("neg")
            assert metric.format(metric.sign * 0.5) == "0.500"
    assert "r2" in scorer_names("regression")
    assert not set(scorer_names("regression")) & set(scorer_names("classification"))


def test_the_picture_has_lower_losses_on_the_right(run, tmp_path, flats_csv, monkeypatch):
    from skinit.inspection import InitComparisonDisplay

    drawn = []
    plot = InitComparisonDisplay.plot
    monkeypatch.setattr(InitComparisonDisplay, "plot", lambda self, ax: drawn.append(plot(self, ax)))
    options = ["--target", "rent", *QUICK, "--init", "zero", "he", "--scoring", "neg_median_absolute_error"]
    assert run("--data", flats_csv, *options)[0] == 0
    (display,) = drawn
    left, right = display.ax_[-1].get_xlim()
    assert left > right
    assert display.ax_[-1].get_xlabel() == "median absolute error: mean ± std, and each fit"
    assert (display.test_scores > 0).all()
