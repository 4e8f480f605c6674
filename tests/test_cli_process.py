"""The command line as a process: Ctrl-C, output that cannot be written, files that stay whole, and text shown."""

import os
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from skinit.cli import main
from skinit.cli.files import write_file
from skinit.cli.text import LONGEST_LINE, one_line, shorten

QUICK = ["--hidden", "3", "--init", "he", "--max-iter", "2", "--cv", "2", "--n-jobs", "1"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals, pipes and devices")


@pytest.fixture
def table(tmp_path):
    """Return the path of a small table."""
    path = tmp_path / "table.csv"
    pd.DataFrame({"x": np.arange(20.0), "label": ["a", "b"] * 10}).to_csv(path, index=False)
    return path


def compare(path, folder, *options):
    """Run the command in this process."""
    return main(["--data", str(path), "--target", "label", "--out", str(folder), *QUICK, *options])


def command(*arguments):
    return [sys.executable, "-m", "skinit", *map(str, arguments)]


@POSIX
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.7, 1.3, 2.5, 4.0])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_ctrl_c_at_any_moment_is_one_line_and_status_130(tmp_path, seconds, backend):
    options = ["--max-iter", "100000", "--out", tmp_path, "--backend", backend, "--n-jobs", "2"]
    process = subprocess.Popen(command(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Python takes some milliseconds before it runs the first line of skinit.
    time.sleep(seconds + 0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert err == "skinit: Interrupted.\n"
    # Finished fits are kept. No file is half written, and an unfinished search has no picture.
    assert {path.name for path in tmp_path.iterdir()} <= {"finished-fits", "cv_results.csv"}


@POSIX
def test_an_error_after_ctrl_c_changes_neither_the_status_nor_the_message():
    code = """
import os, signal, threading, time
import skinit.cli.process as process

def main():
    os.kill(os.getpid(), signal.SIGINT)
    # Until the other thread is at the workers.
    is_ending.wait(10)
    raise RuntimeError("a worker is gone")

def end_workers():
    is_ending.set()
    time.sleep(1)

is_ending = threading.Event()
process.main, process._end_workers = main, end_workers
process.run()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (130, "skinit: Interrupted.\n")


@POSIX
def test_a_closed_pipe_ends_the_process_quietly(table, tmp_path):
    arguments = command("--data", table, "--target", "label", "--out", tmp_path / "out", *QUICK)
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=120) == 141
    assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(table, tmp_path):
    arguments = command("--data", table, "--target", "label", "--out", tmp_path / "out", *QUICK)
    with open("/dev/full", "w") as full:
        run = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == "skinit: The output cannot be written: No space left on device.\n"


@POSIX
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cause_no_traceback(table, tmp_path, closed):
    arguments = command("--data", table, "--target", "label", "--out", tmp_path / "out", *QUICK)
    run = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "Traceback" not in run.stderr
    assert (tmp_path / "out" / "cv_results.csv").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
def test_a_file_stays_as_it_was_until_the_new_one_is_whole(tmp_path, monkeypatch, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error if isinstance(error, type) else OSError):
        write_file(path, b"new" * 1000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_a_file_keeps_its_link_and_permissions(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_file(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


@POSIX
def test_devices_are_written_to_and_folders_refused(tmp_path):
    write_file(tmp_path / ".." / tmp_path.name / "new" / "folder" / "file", b"content")
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == b"content"
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, b"content")
    write_file(type(tmp_path)("/dev/null"), b"content")


@POSIX
@pytest.mark.parametrize("name", ["cv_results.csv", "comparison.png"])
def test_a_killed_process_leaves_the_old_results(table, tmp_path, name):
    out = tmp_path / "out"
    assert compare(table, out) == 0
    before = (out / name).read_bytes()
    # The process is killed when the new file is written, but has not yet replaced the old one.
    code = f"""
import os, signal, sys
from skinit.cli import main
replace = os.replace
os.replace = lambda old, new: os.kill(os.getpid(), signal.SIGKILL) if new.name == {name!r} else replace(old, new)
main(sys.argv[1:])
"""
    arguments = ["--data", table, "--target", "label", "--out", out, *QUICK, "--max-iter", "3"]
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL
    assert (out / name).read_bytes() == before


DATES = {
    "far dates": [date(9999, 12, 31), date(1, 1, 1)],
    "far times": [datetime(9999, 12, 31, 23, 59), datetime(1, 1, 1)],
    "far durations": [timedelta(days=999_999_999), timedelta(days=-999_999_999)],
    "far text": ["9999-12-31", "0001-01-01"],
    "no dates": ["2020-13-45", "0000-00-00"],
    "zones": ["2020-01-01T00:00:00+14:00", "2020-01-01T00:00:00-12:00"],
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_of_any_age_are_read(tmp_path, kind):
    path = tmp_path / "table.csv"
    pd.DataFrame({"when": pd.Series(DATES[kind] * 10, dtype=object), "label": ["a", "b"] * 10}).to_csv(
        path, index=False
    )
    assert compare(path, tmp_path / "out") == 0


CELLS = {
    "bytes": [b"a", b"\x00\xff"],
    "lists": [[1, 2], []],
    "records": [{"a": 1}, {"a": None}],
    "far dates": [date(9999, 12, 31), date(1, 1, 1)],
}


@pytest.mark.parametrize("kind", CELLS)
def test_cells_of_parquet_files_are_read_or_named(tmp_path, capsys, kind):
    path = tmp_path / "table.parquet"
    cells = pd.Series(CELLS[kind] * 10, dtype=object)
    pd.DataFrame({"x": np.arange(20.0), "cells": cells, "label": ["a", "b"] * 10}).to_parquet(path)
    assert compare(path, tmp_path / "out") == 0
    if kind != "far dates":
        assert f"The column 'cells' holds {kind} and is left out." in capsys.readouterr().out
    assert main(["--data", str(path), "--target", "cells", "--out", str(tmp_path), *QUICK]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["$x^2$.csv", "$_{.csv", "a$b.csv", "a\x1b[31mb\n.csv", b"\xff\xfe.csv", "\u202e.csv"])
def test_file_names_with_special_characters_are_shown_safely(table, tmp_path, capsys, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(table.read_bytes())
    assert compare(path, tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert compare(tmp_path / f"none{os.fsdecode(name)}", tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202eback", "$x$", "a" * 100_000, "", "<b>"])
def test_column_names_with_special_characters_are_shown_safely(tmp_path, capsys, name):
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame({"x": np.arange(20.0), name: ["a", "b"] * 10})
    frame.to_parquet(path)
    assert main(["--data", str(path), "--target", name, "--out", str(tmp_path / "out"), *QUICK]) == 0
    assert main(["--data", str(path), "--target", "missing", "--out", str(tmp_path / "out")]) == 2
    html = tmp_path / "report.html"
    assert main(["inspect", "--data", str(path), "--target", name, "--hidden", "3", "--html", str(html)]) == 0
    shown = capsys.readouterr()
    for text in (shown.out, shown.err, html.read_text()):
        assert not any(mark in text for mark in ("\x1b", "\u202e"))
    assert max(map(len, shown.err.splitlines())) <= LONGEST_LINE + len("skinit: ")
    assert "<b>" not in html.read_text()


def test_long_text_loses_its_middle():
    assert shorten("abcdefghijklmnop", 11) == "abc ... nop"
    assert len(shorten("x" * 10**6, 80)) == 80
    assert one_line("a\tb\x00\x1b[0m\ud800é") == "a\\tb\\x00\\x1b[0m\\ud800é"
