"""The command `compare`: from its arguments to the table, the sentence and the files."""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from joblib import effective_n_jobs, parallel_config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .data import Table, load_table
from .errors import CommandError
from .picture import draw
from .report import make_table
from .results import Results, describe_hidden, format_spread, make_results
from .search import SchemeSearch

SCORE_NAMES = {"classification": "accuracy", "regression": "R²"}


def compare(arguments: argparse.Namespace) -> None:
    """Run the command `compare`.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `parse_arguments` returns.

    Raises
    ------
    CommandError
        If an argument does not fit the data, or the folder cannot be written to.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    table = load_table(arguments.data, arguments.target, arguments.task)
    table.check_folds(arguments.cv)
    # Before the search, which takes long.
    with _errors_of_folder(arguments.out):
        arguments.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.out).close()
    search = SchemeSearch(
        table.make_preprocessor(),
        table.task,
        list(dict.fromkeys(arguments.init)),
        list(dict.fromkeys(arguments.hidden)),
        cv=arguments.cv,
        n_jobs=arguments.n_jobs,
        seed=arguments.seed,
        activation=arguments.activation,
        solver=arguments.solver,
        max_iter=arguments.max_iter,
    )
    with parallel_config(backend=arguments.backend):
        for line in _plan(table, search, arguments):
            console.print(line, soft_wrap=True)
        results = _search(console, table, search, arguments)
    console.print()
    console.print(make_table(results))
    if results.n_unconverged:
        console.print(
            f"{results.n_unconverged} of {results.n_fits} fits were stopped by --max-iter {arguments.max_iter} "
            "before they converged."
        )
    console.print(results.meaning())
    files = _write(results, arguments.out, f"Initialization schemes on {table.name}, {_training(arguments)}")
    console.print(f"Written: {', '.join(map(str, files))}", soft_wrap=True)


def _plan(table: Table, search: SchemeSearch, arguments: argparse.Namespace) -> list[str]:
    goal = f"{table.task} of {table.target!r}"
    if table.class_names:
        goal += f" into {len(table.class_names)} classes"
    n_fits = search.n_candidates * arguments.cv
    n_workers = effective_n_jobs(arguments.n_jobs)
    return [
        f"{table.name}: {goal}, from a table of {' x '.join(map(str, table.X.shape))}.",
        *table.notes,
        f"{n_fits} fits ({arguments.cv} folds of each candidate), {_training(arguments)}, {n_workers} at a time.",
    ]


def _training(arguments: argparse.Namespace) -> str:
    return f"{arguments.activation}, {arguments.solver}"


def _search(console: Console, table: Table, search: SchemeSearch, arguments: argparse.Namespace) -> Results:
    """Search, with a bar on a terminal and a line for each candidate elsewhere."""
    bar = Progress(
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_interactive,
    )
    task = bar.add_task("compiling", total=search.n_candidates)

    def report(cv_results: dict, group: slice) -> None:
        for i in range(group.start, group.stop):
            init, hidden = search.candidate(cv_results["params"][i])
            score = format_spread(cv_results["mean_test_score"][i], cv_results["std_test_score"][i])
            line = f"{init}, {describe_hidden(hidden)}: {score}"
            bar.update(task, advance=1, description=line)
            if not console.is_interactive:
                console.print(f"[{i + 1}/{search.n_candidates}] {line}", soft_wrap=True)

    try:
        with bar, _no_warnings():
            search.warm_up(table.X, table.y)
            bar.update(task, description="searching")
            cv_results = search.run(table.X, table.y, report)
            bar.update(task, description="learning curves")
            return make_results(
                search,
                cv_results,
                chance=search.chance_scores(table.X, table.y),
                score_name=SCORE_NAMES[table.task],
                max_iter=arguments.max_iter,
                loss_curves=search.loss_curves(table.X, table.y),
            )
    except (ValueError, OverflowError, BrokenProcessPool) as error:
        raise CommandError(f"The search failed: {error}") from error


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ignore warnings: what they say is in the results.

    Filters alone would not do. Each worker thread sets and restores those of the process, at times in between those of
    another; what a filter lets through then is recorded, not shown.
    """
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield


def _write(results: Results, folder: Path, title: str) -> list[Path]:
    csv, picture = folder / "cv_results.csv", folder / "comparison.png"
    with _errors_of_folder(folder):
        frame = results.frame.assign(hidden=[",".join(map(str, hidden)) for hidden in results.frame["hidden"]])
        frame.to_csv(csv, index=False)
        draw(results, title, picture)
    return [csv, picture]


@contextmanager
def _errors_of_folder(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"--out '{folder}' cannot be written to: {error.strerror or error}.") from None
