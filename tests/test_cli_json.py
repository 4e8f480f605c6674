"""``--json`` and ``--version`` write standard output for programs."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skinit import MLPClassifier, __version__
from skinit.cli import main
from skinit.cli.documents import to_json
from skinit.inspection import signal_propagation

QUICK = ["--hidden", "4", "--cv", "2", "--max-iter", "3", "--n-jobs", "1"]


def reject(constant):
    raise AssertionError(f"{constant} is not JSON")


def read(text):
    """Parse a JSON document. NaN and infinity are errors."""
    return json.loads(text, parse_constant=reject)


@pytest.mark.parametrize("command", [[], ["compare"], ["inspect"], ["warmup"]])
def test_version_is_one_plain_line(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"skinit {__version__}\n"


def test_results_are_those_of_the_table(tmp_path, capsys):
    assert main([*QUICK, "--init", "he", "random:std=0.5+auto", "--json", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    document = read(captured.out)
    results = pd.read_csv(tmp_path / "cv_results.csv")
    candidates = pd.DataFrame(document.pop("candidates"))
    assert [",".join(map(str, hidden)) for hidden in candidates.pop("hidden")] == ["4", "4"]
    expected = results.drop(columns="hidden")
    pd.testing.assert_frame_equal(candidates[expected.columns], expected, check_dtype=False)
    # Everything but the document goes to standard error.
    assert " ".join(document.pop("meaning").split()) in " ".join(captured.err.split())
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    assert document.pop("chance") == cross_val_score(DummyClassifier(), X, y, cv=folds).mean()
    assert document == {
        "skinit": __version__,
        "data": "digits",
        "rows": 1797,
        "columns": 64,
        "target": "digit",
        "task": "classification",
        "classes": list("0123456789"),
        "taken_for": {},
        "remarks": [],
        "training": {"activation": "relu", "solver": "adam", "max_iter": 3, "seed": 0},
        "scoring": "accuracy",
        "folds": 2,
        "files": [str(tmp_path / "cv_results.csv"), str(tmp_path / "comparison.png")],
    }


def test_candidates_that_diverge_have_no_score(tmp_path, capsys):
    diverging = ["--init", "ones", "--activation", "identity", "--solver", "sgd", *QUICK, "--hidden", "50,50,50"]
    assert main([*diverging, "--json", "--out", str(tmp_path)]) == 0
    (candidate,) = read(capsys.readouterr().out)["candidates"]
    assert candidate["rank"] is candidate["mean_test_score"] is candidate["split1_train_loss"] is None
    assert candidate["mean_fit_time"] > 0


def test_inspect_prints_what_signal_propagation_measures(tmp_path, capsys):
    report = tmp_path / "report.html"
    options = ["--hidden", "6,6,6,6,6,6", "--activation", "logistic", "--init", "xavier"]
    assert main(["inspect", *options, "--json", "--html", str(report)]) == 0
    document = read(capsys.readouterr().out)
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    network = MLPClassifier((6,) * 6, "logistic", init="xavier", random_state=0).initialize(X, y)
    rows = np.sort(np.random.RandomState(0).permutation(len(y))[:500])
    signals = signal_propagation(network, X[rows], y[rows])
    assert len(document["layers"]) == 7
    for name, values in signals.arrays().items():
        found = [np.nan if layer[name] is None else layer[name] for layer in document["layers"]]
        np.testing.assert_allclose(found, values, rtol=1e-6)
    assert [finding["name"] for finding in document["findings"]] == [each.name for each in signals.findings]
    assert set(document["findings"][0]) == {"name", "layers", "evidence", "advice"}
    assert document["hidden"] == [6] * 6
    assert document["init"] == "xavier"
    assert document["rows_looked_at"] == 500
    assert document["training"] == {"activation": "logistic", "solver": "adam", "epochs": 0, "seed": 0}
    assert document["files"] == [str(report)]


def test_an_error_leaves_standard_output_empty(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main([*QUICK, "--json", "--out", str(tmp_path / "file")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_numbers_that_json_lacks_are_null():
    values = [np.float64("nan"), np.inf, -np.inf, pd.NA, None, np.int64(3), True, np.float32(0.5), "é", (1,)]
    assert read(to_json({"values": values}))["values"] == [None, None, None, None, None, 3, True, 0.5, "é", [1]]
