"""The command `compare`, which prints a table and a sentence and writes files."""

import argparse
import io
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
from joblib import cpu_count, effective_n_jobs, parallel_config
from matplotlib.figure import Figure
from rich.console import Console

from ..inspection import InitComparisonDisplay
from ..inspection.displays.panels import GREY
from ..kernels.compilation import announcing_compilation
from ..model_selection.finished_fits import NAME as FINISHED_FITS
from ..model_selection.finished_fits import FinishedFits
from ..precompilation import warmup
from .best import check_save, load_test_rows, use_best
from .cleanup import cleaned_up
from .cluster import dask_cluster
from .data import Table, load_table
from .documents import comparison_document
from .errors import CommandError, errors_of_file
from .files import check_writable, write_file
from .metrics import DEFAULTS, Metric, make_metric, scorer_names
from .network_options import describe_training, network_parameters
from .progress import make_bar, make_console
from .report import make_table, say_table
from .results import Results, describe_hidden, make_results
from .schemes import distinct_schemes
from .search import SchemeSearch
from .text import one_line, say, shorten


def compare(arguments: argparse.Namespace) -> dict:
    """Run the command `compare`.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Returns
    -------
    document : dict
        The results, for `to_json`.

    Raises
    ------
    CommandError
        If an argument does not fit the data, or the folder cannot be written to.
    """
    table = load_table(arguments)
    table.check_folds(arguments.cv)
    test = load_test_rows(table, arguments)
    check_save(arguments)
    # Checked before the long search.
    with errors_of_file("--out", arguments.out):
        for file in _files(arguments.out):
            check_writable(file)
        FinishedFits(arguments.out)
    metric, notes = make_metric(arguments.scoring, table.task, table.class_names)
    search = SchemeSearch(
        table.make_preprocessor(),
        table.task,
        distinct_schemes(arguments.init),
        list(dict.fromkeys(arguments.hidden)),
        scorer=metric.scorer,
        cv=arguments.cv,
        n_jobs=_n_workers(arguments.n_jobs),
        seed=arguments.seed,
        memory=arguments.out,
        max_iter=arguments.max_iter,
        **network_parameters(arguments),
    )
    console = make_console()
    with _backend(table, arguments):
        say_table(console, table)
        chance = _chance_scores(table, search, arguments.scoring or DEFAULTS[table.task])
        for line in [_plan(search, arguments), *notes]:
            say(line)
        results = _search(console, search, metric, chance, table, arguments)
    if search.n_reused_fits:
        say(
            f"{search.n_reused_fits} fits were taken from '{arguments.out / FINISHED_FITS}', where an earlier run "
            "saved them."
        )
    with console.capture() as summary:
        console.print()
        console.print(make_table(results))
        if results.n_unconverged:
            console.print(
                f"--max-iter {arguments.max_iter} stopped {results.n_unconverged} of {results.n_fits} fits before they "
                "converged."
            )
        console.print(results.meaning())
    print(summary.get(), end="", flush=True)
    _write(results, arguments.out, f"Initialization schemes on {shorten(table.name, 50)}, {_training(arguments)}")
    say(f"Written: {', '.join(map(str, _files(arguments.out)))}")
    best = use_best(table, test, search, results, metric, arguments) if test or arguments.save else {}
    files = [*_files(arguments.out), *([arguments.save] if arguments.save else [])]
    return comparison_document(table, results, arguments, files) | best


def _backend(table: Table, arguments: argparse.Namespace) -> AbstractContextManager:
    if arguments.backend == "dask":
        loss = "log_loss" if len(table.class_names) > 2 else "binary_log_loss"
        warm_up = partial(
            warmup,
            dtype="float64",
            activation=arguments.activation,
            loss=loss if table.task == "classification" else "squared_error",
            solver=arguments.solver,
        )
        return dask_cluster(arguments.scheduler, warm_up)
    if arguments.scheduler is not None:
        raise CommandError("--scheduler needs --backend dask.")
    return parallel_config(backend=arguments.backend)


def _n_workers(n_jobs: int) -> int:
    # More workers than cores make nothing faster, and a thousand processes bring a machine down.
    return min(effective_n_jobs(n_jobs), cpu_count())


def _plan(search: SchemeSearch, arguments: argparse.Namespace) -> str:
    n_fits = search.n_candidates * arguments.cv
    n_workers = effective_n_jobs() if arguments.backend == "dask" else _n_workers(arguments.n_jobs)
    return f"{n_fits} fits ({arguments.cv} folds of each candidate), {_training(arguments)}, {n_workers} at a time."


def _training(arguments: argparse.Namespace) -> str:
    return f"{arguments.activation}, {describe_training(arguments)}"


def _chance_scores(table: Table, search: SchemeSearch, scoring: str) -> np.ndarray:
    """Chance scores, which show before the search whether the metric suits the target."""
    try:
        return search.chance_scores(table.X, table.y)
    except ValueError as error:
        names = [name for name in scorer_names(table.task) if name.startswith(f"{scoring}_")]
        reason = str(error).removesuffix(".")
        hint = f" For more than two classes there are {', '.join(names)}." if names else ""
        raise CommandError(f"--scoring {scoring} does not suit the target {table.target!r}: {reason}.{hint}") from None


def _search(
    console: Console,
    search: SchemeSearch,
    metric: Metric,
    chance: np.ndarray,
    table: Table,
    arguments: argparse.Namespace,
) -> Results:
    """Search, with a progress bar on a terminal and a line for each candidate elsewhere."""
    bar = make_bar(console)
    task = bar.add_task("warming up", total=search.n_candidates)

    so_far: list[dict] = []

    def report(cv_results: dict, group: slice) -> None:
        so_far[:] = [cv_results]
        for i in range(group.start, group.stop):
            init, hidden = search.candidate(cv_results["params"][i])
            score = metric.format_spread(cv_results["mean_test_score"][i], cv_results["std_test_score"][i])
            line = f"{init}, {describe_hidden(hidden)}: {score}"
            bar.update(task, advance=1, description=line)
            if not console.is_interactive:
                say(f"[{i + 1}/{search.n_candidates}] {line}")

    def say_finished() -> None:
        if so_far:
            results = make(so_far[0], {})
            _write_table(results, arguments.out)
            with console.capture() as summary:
                console.print(make_table(results))
            say(
                f"\n{summary.get()}\n{len(results.frame)} of {search.n_candidates} candidates are finished. Written: "
                f"{_files(arguments.out)[0]}. Run the same command again to continue."
            )

    def make(cv_results: dict, loss_curves: dict) -> Results:
        return make_results(
            search,
            cv_results,
            chance=chance,
            metric=metric,
            max_iter=arguments.max_iter,
            loss_curves=loss_curves,
        )

    try:
        # The bar stops before the table is printed.
        with cleaned_up(say_finished), cleaned_up(bar.live.stop), bar:
            with announcing_compilation(say):
                search.warm_up(table.X, table.y)
            bar.update(task, description="searching")
            cv_results = search.run(table.X, table.y, report)
            bar.update(task, description="learning curves")
            return make(cv_results, search.loss_curves(table.X, table.y))
    except (ValueError, OverflowError, RuntimeError) as error:
        raise CommandError(f"The search failed: {error}") from error


def _draw(results: Results, title: str) -> bytes:
    """A PNG image with learning curves and scores, with a row for each network."""
    curves = results.loss_curves
    row_height = max(2.8, 1.3 + 0.35 * len(results.inits))
    figure = Figure(figsize=(12 if curves else 7.5, 1 + row_height * len(results.networks)), layout="constrained")
    axes = figure.subplots(len(results.networks), 1 + bool(curves), squeeze=False)
    for panels, hidden in zip(axes, results.networks, strict=True):
        # In the order of the arguments.
        rows = results.of_network(hidden).reset_index().set_index("init").loc[results.inits, "index"]
        InitComparisonDisplay(
            inits=results.inits,
            test_scores=results.metric.sign * results.fold_values("test_score").loc[rows].to_numpy(),
            loss_curves=[[curves.get((init, hidden), [])] for init in results.inits] if curves else None,
            score_name=results.metric.name,
            greater_is_better=results.metric.sign > 0,
        ).plot(panels if curves else panels[0])
        # Do not extend the axis for this line.
        low, high = sorted(panels[-1].get_xlim())
        chance = results.metric.sign * results.chance.mean()
        if low <= chance <= high:
            panels[-1].axvline(chance, color=GREY, linestyle=":", zorder=0)
        panels[0].set_ylabel(f"{describe_hidden(hidden)}\n{panels[0].get_ylabel()}".strip())
    # Dollar signs in a file's name are not mathematics.
    figure.suptitle(one_line(title), parse_math=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / "cv_results.csv", folder / "comparison.png"


def _write(results: Results, folder: Path, title: str) -> None:
    """Write the table first, so that a failure of the picture does not lose it."""
    table, picture = _files(folder)
    _write_table(results, folder)
    try:
        write_file(picture, _draw(results, title))
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error or "not enough memory"
        raise CommandError(
            f"'{table}' is written, but '{picture}' is not: {reason}. A picture there is from an earlier search."
        ) from None


def _write_table(results: Results, folder: Path) -> None:
    table, _ = _files(folder)
    frame = results.frame.assign(hidden=[",".join(map(str, hidden)) for hidden in results.frame["hidden"]])
    with errors_of_file("--out", folder):
        write_file(table, frame.to_csv(index=False).encode())
