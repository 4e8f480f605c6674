"""The command line resumes: it reuses the finished fits in its folder, and Ctrl-C saves the finished candidates."""

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skinit.cli import compare, main
from skinit.model_selection.finished_fits import NAME

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
QUICK = ["--hidden", "3", "--init", "he", "zero", "--max-iter", "2", "--cv", "2", "--n-jobs", "1"]


@pytest.fixture
def table(tmp_path):
    """Return the path of a table with numbers, text and missing values."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40), "text": rng.choice(["u", "v", None], 40), "label": ["a", "b"] * 20})
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def run(table, tmp_path, capsys, monkeypatch):
    """Run the command line. Return the number of reused fits and the results."""
    # Pictures would take most of the time.
    monkeypatch.setattr(compare, "_draw", lambda *arguments: b"")

    def run(*options):
        arguments = ["--data", str(table), "--target", "label", "--out", str(tmp_path / "out"), *QUICK, *options]
        assert main(arguments) == 0
        words = capsys.readouterr().out.split(f" fits were taken from '{tmp_path / 'out' / NAME}'")
        n_reused = int(words[0].split()[-1]) if len(words) == 2 else 0
        return n_reused, pd.read_csv(tmp_path / "out" / "cv_results.csv")

    return run


def test_the_same_command_reuses_all_fits_with_their_times(run):
    n_reused, first = run()
    assert n_reused == 0
    n_reused, again = run("--backend", "threading", "--n-jobs", "2")
    assert n_reused == 4
    pd.testing.assert_frame_equal(again, first)


def test_adding_a_scheme_runs_only_its_fits(run):
    run()
    n_reused, results = run("--init", "xavier", "he", "zero")
    assert (n_reused, len(results)) == (4, 3)


OTHERS = ["--seed=1", "--max-iter=3", "--hidden=4", "--activation=tanh", "--solver=sgd", "--cv=3", "--init=orthogonal"]


def test_other_options_run_new_fits(run):
    run()
    assert {option: run(option)[0] for option in OTHERS} == dict.fromkeys(OTHERS, 0)


def test_changing_one_cell_of_the_table_runs_new_fits(run, table):
    run()
    for column, value in (("x", 0.125), ("text", "w"), ("label", "b")):
        frame = pd.read_csv(table)
        frame.loc[10, column] = value
        frame.to_csv(table, index=False)
        assert run()[0] == 0


PROCESS = """
import os, signal, sys, threading
import skinit.cli.process as process

def main():
    # NumPy has threads of its own, so nobody may import it before Ctrl-C is taken care of.
    import skinit.cli.compare as compare
    import skinit.cli.search as search
    from skinit.model_selection.finished_fits import FinishedFits
    names = {{"compare": compare, "search": search, "FinishedFits": FinishedFits}}
    exec({code!r}, globals() | names)
    return run_command()

sys.argv[1:] = {arguments}
run_command, process.main = process.main, main
process.run()
"""


def start(table, tmp_path, code):
    """Start a process of the command line that runs `code` first."""
    arguments = [
        "--data",
        table,
        "--target",
        "label",
        "--out",
        tmp_path / "out",
        *QUICK,
        "--init",
        "he",
        "zero",
        "xavier",
    ]
    script = PROCESS.format(arguments=list(map(str, arguments)), code=code)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@POSIX
def test_a_killed_process_resumes(run, table, tmp_path):
    code = """
keep, kept = FinishedFits.keep, []
def keep_three(self, *arguments):
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    kept.append(keep(self, *arguments))
FinishedFits.keep = keep_three
"""
    process = start(table, tmp_path, code)
    process.communicate(timeout=120)
    assert process.returncode == -9
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]
    options = ("--init", "he", "zero", "xavier")
    n_reused, results = run(*options)
    assert n_reused == 3
    (tmp_path / "out" / NAME).rename(tmp_path / "elsewhere")
    n_reused, expected = run(*options)
    assert n_reused == 0
    is_time = results.columns.str.contains("time")
    pd.testing.assert_frame_equal(results.loc[:, ~is_time], expected.loc[:, ~is_time])


# Sends SIGINT when two of three candidates are finished.
INTERRUPT = """
say = compare.say
def interrupting(text):
    say(text)
    if text.startswith("[2/3]"):
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60)
compare.say = interrupting
search.FITS_PER_REPORT = 2
"""


@POSIX
def test_ctrl_c_reports_and_saves_the_finished_candidates(run, table, tmp_path):
    process = start(table, tmp_path, INTERRUPT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "skinit: Interrupted.\n")
    assert "2 of 3 candidates are finished." in out
    shown = out[out.index(" rank ") :]
    assert "he" in shown
    assert "xavier" not in shown
    results = pd.read_csv(tmp_path / "out" / "cv_results.csv")
    assert set(results["init"]) == {"he", "zero"}
    n_reused, whole = run("--init", "he", "zero", "xavier")
    assert n_reused == 4
    columns = ["init", "split0_test_score", "split1_test_score", "mean_fit_time"]
    merged = results[columns].merge(whole[columns])
    assert len(merged) == 2


HANGING = """
import os, signal, sys, threading
import skinit.cli.process as process
from skinit.cli.cleanup import cleaned_up

def hang():
    print("hanging", flush=True)
    threading.Event().wait(60)

def main():
    with cleaned_up(hang):
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60)

process.main, process.MOST_SECONDS = main, float(sys.argv[1])
process.run()
"""


@POSIX
@pytest.mark.parametrize(("presses", "most_seconds"), [(1, 0.5), (2, 60)])
def test_ctrl_c_ends_the_process_even_if_cleanup_hangs(presses, most_seconds):
    command = [sys.executable, "-c", HANGING, str(most_seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "hanging\n"
    if presses == 2:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=50)
    assert process.returncode == 130
