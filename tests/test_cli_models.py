"""Models of the command line: it scores the best candidate on test rows, saves it and predicts with it."""

import io
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from skinit import TRUSTED_TYPES, MLPClassifier
from skinit.cli import main
from skinit.cli.search import SchemeSearch

N_ROWS = 60
QUICK = ["--hidden", "4", "--cv", "2", "--max-iter", "5", "--n-jobs", "1", "--init", "he"]
RNG = np.random.default_rng(0)
FLATS = pd.DataFrame(
    {
        "flat": np.arange(N_ROWS),
        "size": [f"{size:.1f} m²" for size in RNG.uniform(20, 200, N_ROWS)],
        "floor": [*RNG.choice(["1", "2", "?"], N_ROWS - 1), "3"],
        "street": RNG.choice(["Elm", "Oak", "Fir"], N_ROWS),
        "let": pd.date_range("2020-01-01", periods=N_ROWS).strftime("%d.%m.%Y"),
        "text": [f"near the {thing} number {i}" for i, thing in enumerate(RNG.choice(["park", "sea"], N_ROWS))],
    }
)
TARGETS = {
    "words": RNG.choice(["dear", "cheap"], N_ROWS),
    "whole numbers": RNG.choice([1, 2, 10], N_ROWS),
    "truth": RNG.choice(["true", "false"], N_ROWS),
    "rent": [f"€{rent:,.2f}" for rent in RNG.uniform(500, 5000, N_ROWS)],
}


@pytest.fixture
def run(tmp_path, capsys):
    def run(*arguments):
        status = main([*map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path):
    """Write a table with a target. Return its path, and that of an Excel file with its first rows."""

    def files(target):
        frame = FLATS.assign(y=TARGETS[target])
        frame.to_csv(tmp_path / "flats.csv", index=False)
        # The columns are in another order, with an extra column that the model does not know.
        frame[:7][[*frame.columns[::-1]]].assign(more=0).to_excel(tmp_path / "new.xlsx", index=False)
        return tmp_path / "flats.csv", tmp_path / "new.xlsx"

    return files


def compare(data, tmp_path, *arguments):
    return ["--data", data, "--target", "y", *QUICK, "--out", tmp_path / "out", *arguments]


@pytest.mark.parametrize("target", TARGETS)
def test_a_saved_model_predicts_targets_for_rows_of_any_file(run, files, tmp_path, target):
    data, new = files(target)
    model = tmp_path / "flats.skops"
    status, out, err = run(*compare(data, tmp_path, "--save", model))
    assert (status, err) == (0, "")
    assert f"Written: {model}, the model of he, 1 hidden layer of 4, fitted to all rows" in out
    status, out, err = run("predict", "--model", model, "--data", new)
    assert (status, err) == (0, "")
    predictions = pd.read_csv(io.StringIO(out))
    assert list(predictions) == ["y"]
    # The model gives the same predictions in Python for a frame that pandas read.
    loaded = skops.io.load(model, trusted=[*TRUSTED_TYPES, "numpy.dtype"])
    frame = pd.read_csv(data)
    expected = loaded.predict(frame[:7])
    if target == "rent":
        np.testing.assert_allclose(predictions["y"], expected, rtol=1e-12)
        assert expected.min() > 100
    else:
        assert predictions["y"].astype(str).tolist() == list(map(str, expected))
        written = map(str, TARGETS[target])
        assert set(map(str, loaded.classes_)) == {each.capitalize() if target == "truth" else each for each in written}


def test_the_test_score_is_the_score_of_the_saved_model(run, files, tmp_path):
    data, _ = files("words")
    test = tmp_path / "test.csv"
    frame = pd.read_csv(data)[::3]
    frame.loc[0, "y"] = None
    frame.to_csv(test, index=False)
    status, out, _ = run(*compare(data, tmp_path, "--test", test, "--save", tmp_path / "m.skops"))
    assert status == 0
    rows = frame[frame["y"].notna()]
    model = skops.io.load(tmp_path / "m.skops", trusted=[*TRUSTED_TYPES, "numpy.dtype"])
    accuracy = np.mean(model.predict(rows) == rows["y"])
    commonest = pd.read_csv(data)["y"].mode()[0]
    words = " ".join(out.split())
    assert f"On the {len(rows)} rows of test.csv, the accuracy is {accuracy:.3f} for he" in words
    assert f"(chance {np.mean(rows['y'] == commonest):.3f})" in words
    assert "1 row(s) of test.csv have no target and are left out." in out


def test_the_json_document_has_the_test_score(run, files, tmp_path):
    data, new = files("rent")
    status, out, _ = run(*compare(data, tmp_path, "--test", new, "--json"))
    assert status == 0
    document = pd.read_json(io.StringIO(out), typ="series")
    assert set(document["test"]) == {"data", "rows", "score", "chance"}
    assert document["test"]["rows"] == 7


def test_the_document_lists_the_saved_model_among_the_files(run, files, tmp_path):
    model = tmp_path / "m.skops"
    status, out, _ = run(*compare(files("words")[0], tmp_path, "--save", model, "--json"))
    assert status == 0
    written = json.loads(out)["files"]
    assert written[-1] == str(model)
    assert len(written) == 3
    assert all(Path(file).is_file() for file in written)


def test_the_bundled_digits_have_a_model_too(run, tmp_path):
    digits = load_digits(as_frame=True).frame[:9]
    digits.to_csv(tmp_path / "digits.csv", index=False)
    arguments = [*QUICK, "--out", tmp_path, "--save", tmp_path / "m.skops", "--seed", 3]
    assert run(*arguments)[0] == 0
    status, out, _ = run("predict", "--model", tmp_path / "m.skops", "--data", tmp_path / "digits.csv")
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    network = MLPClassifier((4,), init="he", max_iter=5, random_state=3).fit(X, y)
    assert (status, out) == (0, "digit\n" + "".join(f"{digit}\n" for digit in network.predict(X[:9])))


def test_predictions_go_to_a_file(run, files, tmp_path):
    data, new = files("words")
    run(*compare(data, tmp_path, "--save", tmp_path / "m.skops"))
    printed = run("predict", "--model", tmp_path / "m.skops", "--data", new)[1]
    status, out, _ = run("predict", "--model", tmp_path / "m.skops", "--data", new, "--out", tmp_path / "y.csv")
    assert (status, out) == (0, f"Written: {tmp_path / 'y.csv'}, 7 rows\n")
    assert (tmp_path / "y.csv").read_text() == printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--save", "model.pkl"], "--save takes a file that ends in .skops, got 'model.pkl'"),
        (["--save", "/dev/null/model.skops"], "--save '/dev/null/model.skops' cannot be written to"),
        (["--test", "missing.csv"], "There is no file 'missing.csv'"),
    ],
)
def test_bad_save_and_test_options_are_refused_before_the_search(run, files, tmp_path, monkeypatch, arguments, words):
    monkeypatch.setattr("skinit.cli.search.SchemeSearch.warm_up", lambda *_: pytest.fail("the search began"))
    status, _, err = run(*compare(files("words")[0], tmp_path, *arguments))
    assert status == 2
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.rename(columns={"size": "sise"}), "Did you mean 'sise'? There is no column 'size'"),
        (lambda frame: frame.rename(columns={"y": "z"}), "There is no column 'y'"),
        (lambda frame: frame.assign(y="palace"), "'palace' is none of the classes of the target 'y' ('cheap', 'dear')"),
        (lambda frame: frame.assign(y=None), "has no row with a target"),
        (lambda frame: frame.assign(size=np.inf), "The column 'size' holds infinite numbers"),
    ],
)
def test_unsuitable_test_rows_are_reported_in_one_line(run, files, tmp_path, change, words):
    data, _ = files("words")
    change(FLATS.assign(y=TARGETS["words"])).to_csv(tmp_path / "test.csv", index=False)
    status, _, err = run(*compare(data, tmp_path, "--test", tmp_path / "test.csv"))
    assert status == 2
    assert err.count("\n") == 1
    assert words in err


def test_a_candidate_that_diverges_on_all_rows_is_not_saved(run, files, tmp_path, monkeypatch):
    fit = SchemeSearch.fit

    def diverge(*arguments):
        trial = fit(*arguments)
        trial.network_ = None
        return trial

    monkeypatch.setattr(SchemeSearch, "fit", diverge)
    status, _, err = run(*compare(files("words")[0], tmp_path, "--save", tmp_path / "m.skops"))
    assert status == 2
    assert "diverges when fitted to all rows, so nothing is scored or saved" in err
    assert not (tmp_path / "m.skops").exists()


class Foreign:
    pass


def test_a_file_without_a_model_is_reported_in_one_line(run, files, tmp_path):
    data, new = files("words")
    (tmp_path / "pickle.skops").write_bytes(pickle.dumps(FLATS))
    skops.io.dump(StandardScaler(), tmp_path / "scaler.skops")
    skops.io.dump(Foreign(), tmp_path / "foreign.skops")
    for name, words in {
        "missing.skops": "There is no file",
        "pickle.skops": "is not a skops file",
        "scaler.skops": "is not a model from skinit compare --save",
        "foreign.skops": "types that are not trusted: test_cli_models.Foreign",
    }.items():
        status, _, err = run("predict", "--model", tmp_path / name, "--data", new)
        assert status == 2
        assert err.count("\n") == 1
        assert words in err


def test_unsuitable_new_rows_are_reported_in_one_line(run, files, tmp_path):
    data, _ = files("words")
    run(*compare(data, tmp_path, "--save", tmp_path / "m.skops"))
    FLATS.drop(columns="size").to_csv(tmp_path / "new.csv", index=False)
    status, out, err = run("predict", "--model", tmp_path / "m.skops", "--data", tmp_path / "new.csv")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "The rows do not suit the model: There is no column 'size'" in err
    assert run("predict", "--data", data)[2].startswith("skinit: the following arguments are required: --model")


def test_missing_values_and_new_categories_are_predicted(run, files, tmp_path):
    data, _ = files("words")
    run(*compare(data, tmp_path, "--save", tmp_path / "m.skops"))
    new = pd.DataFrame({"size": ["n/a"], "floor": ["attic"], "street": [""], "let": ["soon"], "text": [""]})
    new.to_csv(tmp_path / "new.csv", index=False)
    status, out, err = run("predict", "--model", tmp_path / "m.skops", "--data", tmp_path / "new.csv")
    assert (status, out.splitlines()[0]) == (0, "y")
    assert err.splitlines() == [
        "The column 'floor' has 1 value(s) that cannot be read as its numbers, such as 'attic'. They count as missing.",
        "The column 'let' has 1 value(s) that cannot be read as its dates, such as 'soon'. They count as missing.",
    ]
    assert out.splitlines()[1] in ("dear", "cheap")


@pytest.mark.parametrize("command", ["predict", "compare"])
def test_a_missing_skops_is_named_with_the_command_that_installs_it(run, files, tmp_path, monkeypatch, command):
    data, new = files("words")
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    model = tmp_path / "m.skops"
    arguments = (
        ["predict", "--model", model, "--data", new]
        if command == "predict"
        else compare(data, tmp_path, "--save", model)
    )
    assert run(*arguments) == (2, "", "skinit: Saved models need skops: pip install skops\n")
