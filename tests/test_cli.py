"""The command line: what it writes and prints, and how it fails."""

import re
import signal
import sys

import numpy as np
import pandas as pd
import pytest

from skinit.cli import main
from skinit.cli.data import infer_task
from skinit.cli.metrics import make_metric
from skinit.cli.results import Results

QUICK = ["--hidden", "4", "--cv", "2", "--max-iter", "5", "--n-jobs", "1"]


@pytest.fixture(scope="module")
def houses():
    """Return a table of numbers, text, truth values, dates and durations, with missing values in every column."""
    rng = np.random.default_rng(0)
    n_rows = 60
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n_rows),
            "rooms": rng.integers(1, 6, n_rows),
            "colour": rng.choice(["red", "green", "blue"], n_rows),
            "garden": pd.array(rng.random(n_rows) < 0.5, dtype="boolean"),
            "sold": pd.date_range("2020-01-01", periods=n_rows, tz="UTC"),
            "waited": pd.to_timedelta(rng.integers(0, 99, n_rows), unit="h"),
            "unknown": np.nan,
        }
    )
    frame["price"] = 1e5 * frame["size"] + 1e4 * (frame["colour"] == "red")
    frame["kind"] = np.where(frame["size"] > 0, "dear", "cheap")
    frame["same"] = "house"
    frame["nearly_same"] = ["castle", *["house"] * (n_rows - 1)]
    for number, column in enumerate(["size", "colour", "garden", "sold", "waited"]):
        frame.loc[number :: 7 + number, column] = None
    frame["partly_sold"] = frame["kind"].where(frame.index > 2)
    return frame


@pytest.fixture(scope="module")
def houses_csv(houses, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "houses.csv"
    houses.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run the command line; return its status, stdout, stderr and results."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments, out=None):
        out = out or tmp_path / "results"
        status = main([*arguments, "--out", str(out)])
        captured = capsys.readouterr()
        csv = out / "cv_results.csv"
        return status, captured.out, captured.err, pd.read_csv(csv) if csv.is_file() else None

    return run


def assert_fails(outcome, *words):
    """Check for exit status 2 and one line of error that contains the words."""
    status, _, err, results = outcome
    assert status == 2
    assert results is None
    assert "Traceback" not in err
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_compare_writes_ranked_results_and_a_picture(run, tmp_path):
    status, out, err, results = run("compare", "--init", "zero", "he", *QUICK, "--hidden", "4", "3,2")
    assert (status, err) == (0, "")
    assert len(results) == 4
    assert results["rank"].is_monotonic_increasing
    assert results["mean_test_score"].is_monotonic_decreasing
    assert set(results["init"]) == {"zero", "he"}
    assert set(results["hidden"]) == {"4", "3,2"}
    assert (results["mean_epochs"] == 5).all()
    folds = results[["split0_test_score", "split1_test_score"]]
    np.testing.assert_allclose(folds.mean(axis=1), results["mean_test_score"])
    assert (tmp_path / "results" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "[4/4] he, 2 hidden layers of 3 and 2: " in out


def test_compare_is_the_default_command(run):
    _, out, _, results = run("--init", "he", *QUICK)
    _, same_out, _, same_results = run("compare", "--init", "he", *QUICK)
    is_time = results.columns.str.contains("time")
    pd.testing.assert_frame_equal(results.loc[:, ~is_time], same_results.loc[:, ~is_time])


def test_table_does_not_wrap_in_80_columns(run):
    _, out, _, _ = run("--init", "hessian_closed_form", "zero", *QUICK, "--hidden", "5,4,3")
    table = out[out.index(" rank") : out.index("--max-iter 5 stopped")]
    assert max(map(len, table.splitlines())) <= 80
    assert re.search(r"^ +\d  hessian_closed_form  5, 4, 3  [\d.]+ ± [\d.]+ ", table, re.MULTILINE)


def test_the_summary_names_the_best_scheme_and_zero_as_chance(run):
    _, out, _, _ = run("--init", "zero", "he", "--hidden", "20", "--cv", "2", "--max-iter", "20")
    meaning = " ".join(out.split())
    assert "With 1 hidden layer of 20, he is best (accuracy 0." in meaning
    assert "zero stays at chance (0.1" in meaning


def test_repeated_schemes_and_networks_are_searched_once(run):
    *_, results = run("--init", "he", "he", *QUICK, "--hidden", "4", "4")
    assert len(results) == 1


def test_fits_that_do_not_converge_are_counted_without_a_warning(run):
    _, out, err, _ = run("--init", "he", *QUICK)
    assert "--max-iter 5 stopped 2 of 2 fits" in out
    assert err == ""


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_every_solver_is_compared_and_drawn(run, tmp_path, solver):
    status, *_ = run("--init", "zero", "he", "--solver", solver, *QUICK)
    assert status == 0
    assert (tmp_path / "results" / "comparison.png").stat().st_size > 0


def test_same_seed_gives_same_scores_in_threads_and_in_processes(run):
    arguments = ["--init", "he", "random", "--hidden", "4", "--cv", "2", "--max-iter", "5", "--n-jobs", "2"]
    scores = {}
    for backend in ("threading", "loky"):
        status, _, err, results = run(*arguments, "--backend", backend)
        assert (status, err) == (0, "")
        scores[backend] = results.filter(regex="score$|loss$").drop(columns=["mean_score_time"], errors="ignore")
    pd.testing.assert_frame_equal(scores["threading"], scores["loky"], check_exact=True)


def test_other_seed_gives_other_scores(run):
    losses = [run("--init", "he", *QUICK, "--seed", seed)[3]["mean_train_loss"][0] for seed in ("0", "1")]
    assert losses[0] != losses[1]


# With weights of 1 and no saturation, the outputs of the untrained network are of the order of a million.
DIVERGING = ["--activation", "identity", "--solver", "sgd", *QUICK, "--hidden", "50,50,50"]


@pytest.mark.parametrize("others", [["he"], []], ids=["one of two", "all"])
def test_schemes_that_diverge_are_shown_as_diverged(run, others):
    status, out, err, results = run("--init", "ones", *others, *DIVERGING)
    assert (status, err) == (0, "")
    assert "ones, 3 hidden layers of 50: diverged\n" in out
    assert re.search(r"^ +-  ones  3 x 50 +diverged ", out, re.MULTILINE)
    assert "ones diverged" in " ".join(out.split())
    diverged = results[results["init"] == "ones"].iloc[0]
    assert np.isnan(diverged["mean_test_score"])
    assert np.isnan(diverged["rank"])


@pytest.mark.parametrize(("target", "task"), [("kind", "classification"), ("price", "regression")])
def test_csv_with_text_dates_and_missing_values(run, houses_csv, target, task):
    status, out, err, results = run("--data", houses_csv, "--target", target, "--init", "he", *QUICK)
    assert (status, err) == (0, "")
    assert f"houses.csv: {task} of {target!r}" in out
    assert np.isfinite(results["mean_test_score"]).all()


def test_parquet_gives_what_csv_gives(run, houses, tmp_path):
    # In a CSV file a duration is text.
    houses = houses.drop(columns="waited")
    csv, parquet = tmp_path / "houses.csv", tmp_path / "houses.parquet"
    houses.to_csv(csv, index=False)
    houses.to_parquet(parquet)
    arguments = ["--target", "kind", "--init", "he", *QUICK]
    *_, from_csv = run("--data", str(csv), *arguments)
    *_, from_parquet = run("--data", str(parquet), *arguments)
    np.testing.assert_allclose(from_parquet["mean_train_loss"], from_csv["mean_train_loss"])


def test_categories_unseen_in_training_are_no_error(run, tmp_path):
    path = tmp_path / "letters.csv"
    pd.DataFrame({"letter": list("abcdefghij"), "y": [0, 1] * 5}).to_csv(path, index=False)
    status, *_ = run("--data", str(path), "--target", "y", "--init", "he", *QUICK)
    assert status == 0


def test_regression_does_not_depend_on_the_unit_of_the_target(run, houses, tmp_path):
    losses = []
    for unit in (1, 1024):
        path = tmp_path / f"{unit}.csv"
        houses[["size", "rooms", "price"]].fillna(0).assign(price=houses["price"].fillna(0) * unit).to_csv(path)
        *_, results = run("--data", str(path), "--target", "price", "--init", "he", *QUICK)
        losses.append(results["mean_train_loss"][0])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


def test_rows_without_a_target_are_left_out_and_counted(run, houses_csv):
    status, out, _, _ = run("--data", houses_csv, "--target", "partly_sold", "--init", "he", *QUICK)
    assert status == 0
    assert "3 row(s) without a target are left out." in out
    assert "from a table of 57 x " in out


def test_task_can_be_chosen(run, houses_csv):
    arguments = ["--data", houses_csv, "--target", "rooms", "--init", "he", *QUICK]
    assert "classification of 'rooms'" in run(*arguments)[1]
    assert "regression of 'rooms'" in run(*arguments, "--task", "regression")[1]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([True, False], "classification"),
        (["a", "b"], "classification"),
        ([1, 2, 3], "classification"),
        ([1.0, 2.0], "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        ([0.5, 1.0], "regression"),
    ],
)
def test_task_follows_from_the_target(values, task):
    assert infer_task(pd.Series(values)) == task


def make_results(scores: dict[str, list[float]], chance: float) -> Results:
    folds = pd.DataFrame(scores).T
    frame = pd.DataFrame(
        {
            "init": folds.index,
            "hidden": [(5,)] * len(folds),
            "mean_test_score": folds.mean(axis=1).to_numpy(),
            "std_test_score": folds.std(axis=1, ddof=0).to_numpy(),
        }
    )
    for number in folds.columns:
        frame[f"split{number}_test_score"] = folds[number].to_numpy()
    frame = frame.sort_values("mean_test_score", ascending=False, ignore_index=True)
    metric, _ = make_metric(None, "regression", [])
    return Results(frame, list(scores), [(5,)], np.full(folds.shape[1], chance), metric, 10, {})


def test_the_summary_names_ties_chance_worse_than_chance_and_divergence():
    results = make_results(
        {
            "best": [0.80, 0.90, 0.85],
            "tie": [0.79, 0.89, 0.84],
            "behind": [0.60, 0.60, 0.60],
            "idle": [0.01, 0.00, -0.01],
            "worse": [-50.0, -60.0, -70.0],
            "wild": [np.nan, np.nan, np.nan],
        },
        chance=0.0,
    )
    assert results.meaning() == (
        "With 1 hidden layer of 5, best is best (R² 0.850), and tie ties with it within one standard error; "
        "idle stays at chance (0.000); worse does worse than chance (0.000); wild diverged."
    )


def test_the_summary_says_if_nothing_was_learned():
    assert (
        "no scheme learned anything; a and b stay at chance"
        in make_results({"a": [0.5, 0.5], "b": [0.5, 0.5]}, chance=0.5).meaning()
    )


def test_partial_divergence_is_counted():
    results = make_results({"wild": [0.5, np.nan, 0.5]}, chance=0.1)
    assert results.describe_score(0) == "diverged 1/3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--init", "xaver"], ["--init", "'xaver'", "Did you mean 'xavier'"]),
        (["--activation", "tahn"], ["--activation", "'tahn'", "'tanh'"]),
        (["--solver", "adm"], ["--solver", "'adm'", "'adam'"]),
        (["--task", "clasification"], ["--task", "'classification'"]),
        (["--backend", "thread"], ["--backend", "'threading'"]),
        (["--hiden", "3"], ["--hiden", "'--hidden'"]),
        (["--hidden", "100x2"], ["--hidden", "'100x2'", "commas"]),
        (["--hidden", "100,"], ["--hidden", "'100,'"]),
        (["--hidden", "0"], ["--hidden", "'0'"]),
        (["--hidden", "-5"], ["--hidden", "'-5'"]),
        (["--hidden"], ["--hidden"]),
        (["--hidden", "9" * 30], ["The search failed"]),
        (["--cv", "1"], ["--cv", "from 2", "'1'"]),
        (["--cv", "1000"], ["--cv", "1000 folds"]),
        (["--max-iter", "0"], ["--max-iter", "'0'"]),
        (["--n-jobs", "0"], ["--n-jobs", "'0'"]),
        (["--seed", "-1"], ["--seed", "'-1'"]),
        (["--target", "x"], ["--target", "--data"]),
        (["--data", "table.docx", "--target", "x"], [".csv, .tsv", ".parquet", ".gz", "table.docx"]),
        (["comprae"], ["'comprae'", "Did you mean 'compare'?"]),
        (["compare", "more"], ["more"]),
    ],
)
def test_bad_arguments_are_one_line(run, arguments, words):
    assert_fails(run(*arguments), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--target is missing", "Columns: colour, garden"]),
        (["--target", "prize"], ["'prize'", "Did you mean 'price'"]),
        (["--target", "unknown"], ["'unknown'", "no value"]),
        (["--target", "same"], ["'same'", "1 class"]),
        (["--target", "nearly_same"], ["'castle'", "1 row(s)", "--cv"]),
        (["--target", "kind", "--task", "regression"], ["--task regression", "'kind'"]),
        (["--target", "price", "--cv", "40"], ["--cv 40"]),
    ],
)
def test_bad_targets_are_one_line(run, houses_csv, arguments, words):
    assert_fails(run("--data", houses_csv, *arguments), *words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, ["no file"]),
        ("empty.csv", "", ["empty.csv"]),
        ("header.csv", "a,y\n", ["no rows"]),
        ("ragged.csv", "a,y\n1,2\n1,2,3\n", ["ragged.csv", "line 3"]),
        ("alone.csv", "y\n1\n2\n", ["no column besides the target 'y'"]),
        ("infinite.csv", "a,y\n1,0\ninf,1\n", ["'a'", "infinite"]),
        ("text.parquet", "text", ["text.parquet", "parquet"]),
    ],
)
def test_bad_files_are_one_line(run, tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    assert_fails(run("--data", str(path), "--target", "y"), *words)


def test_a_missing_file_is_reported_with_the_nearest_names(run, houses_csv):
    assert_fails(run("--data", houses_csv.replace("houses", "house"), "--target", "kind"), "Did you mean 'houses.csv'?")


def test_folder_is_checked_before_the_search(run, tmp_path, monkeypatch):
    monkeypatch.setattr("skinit.cli.search.SchemeSearch.warm_up", lambda *_: pytest.fail("the search began"))
    file = tmp_path / "file"
    file.touch()
    assert_fails(run(out=file), "--out", "cannot be written to")
    assert_fails(run(out=file / "folder"), "--out", "cannot be written to")


@pytest.mark.parametrize("package", ["pandas", "rich", "matplotlib"])
def test_missing_packages_are_named(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert_fails(run(), package, "pip install 'skinit[cli]'")


def test_ctrl_c_in_a_fit_ends_the_whole_command(run, monkeypatch):
    monkeypatch.setattr("skinit.training.loop.History.note_loss", lambda *_: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    status, _, err, results = run("--init", "he", *QUICK)
    assert status == 130
    assert err == "skinit: Interrupted.\n"
    assert results is None
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"]])
def test_help_names_every_option(capsys, arguments):
    with pytest.raises(SystemExit) as exit_status:
        main(arguments)
    assert exit_status.value.code == 0
    text = capsys.readouterr().out
    for name in ("data", "target", "task", "init", "hidden", "activation", "solver", "max-iter", "seed"):
        assert f"--{name} " in text
    for name in ("cv", "n-jobs", "backend", "out"):
        assert f"--{name} " in text
    assert "examples:" in text


COLOR = re.compile(r"\x1b\[[\d;]*3[1-7]m")


def test_colors_are_used_on_a_terminal_unless_no_color_is_set(run, monkeypatch):
    arguments = ["--init", "he", *QUICK]
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in run(*arguments)[1]
    # FORCE_COLOR makes rich take the output for a terminal.
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert COLOR.search(run(*arguments)[1])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOR.search(run(*arguments)[1])


# tests/test_tables.py has thirty more ways to write one table.
KINDS_OF_FILES = {
    "houses.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";", decimal=","),
    "houses.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t", encoding="utf-16"),
    "houses.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "houses.xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "houses.json": lambda frame, path: frame.to_json(path, orient="records", date_format="iso"),
    "houses.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, date_format="iso"),
    "houses.parquet": lambda frame, path: frame.to_parquet(path),
}


def test_seven_kinds_of_files_give_one_result(run, houses, tmp_path):
    # JSON writes durations as numbers, and Excel has no time zones. Every kind of file keeps two decimals exactly.
    houses = houses.drop(columns="waited").assign(
        sold=houses["sold"].dt.tz_localize(None), size=houses["size"].round(2)
    )
    outcomes = {}
    for name, write in KINDS_OF_FILES.items():
        write(houses, tmp_path / name)
        out = tmp_path / f"results of {name}"
        arguments = ["--data", str(tmp_path / name), "--target", "kind", "--init", "he", *QUICK]
        status, printed, err, results = run(*arguments, out=out)
        assert (status, err) == (0, "")
        assert f"{name}: classification of 'kind' into 2 classes" in printed
        outcomes[name] = results.loc[:, ~results.columns.str.contains("time")]
    for name, outcome in outcomes.items():
        pd.testing.assert_frame_equal(outcome, outcomes["houses.csv"], obj=name)
