"""Scores of untuned networks, compared with a grid search over initialization and learning rate.

Untuned is one run with ``init="hessian", learning_rate_init="auto"``. A member of the grid is a run with one scheme and
one rate, and the grid has every scheme with every rate. A *cell* is a table, an activation, a depth and a solver. All
runs of a cell have the same epochs, batches and momentum.

For each seed the rows are split into training, validation and test (60/20/20). The seed also draws the weights. The
choice of the grid is the member with the best mean score over seeds on the validation rows, which untuned never sees.
Both are compared on the test rows. They are also compared with rivals, other recipes of a single run: each scheme,
and the weights of untuned, at each of three rates and at the automatic one.

Scores are accuracies, or R² clipped below at -1. A run that diverged gets the score of chance, which predicts the
most common class or the mean.

Every finished fit is a line of ``fits.jsonl`` in the folder of ``--out``, and the same command resumes from it. The
report is written to the same folder: ``cells.csv``, ``quality.json`` and ``quality.png``, and for the rivals
``rivals.csv`` and ``rivals.png``.
"""

import hashlib
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score

import skinit

from .quality_data import Split, Table, bundled_tables, read_csv, split

WIDTH = 64
SCHEMES = ("random", "xavier", "he", "lecun_normal", "orthogonal", "lsuv", "hessian_closed_form")
RATES = {"sgd": (1e-3, 1e-2, 1e-1, 0.5, 1.0), "adam": (1e-4, 1e-3, 1e-2)}
DEFAULT_RATE = 1e-3
UNTUNED = ("hessian", "auto")
# Initializations of the recipes of a single run.
RIVAL_INITS = (*SCHEMES, "hessian")
RIVAL_RATES = {"sgd": (1e-3, 1e-2, 1e-1, "auto"), "adam": (1e-4, 1e-3, 1e-2, "auto")}
LOWEST_SCORE = -1.0
# scikit-learn's defaults: 200 rows a batch, and Nesterov's momentum 0.9.
TRAINING = {"batch_size": "auto", "momentum": 0.9, "nesterovs_momentum": True}


@dataclass(frozen=True)
class Study:
    """The tables, activations and depths to compare on, and the size of the runs."""

    tables: tuple[str, ...] | None  # None means all tables.
    activations: tuple[str, ...]
    depths: tuple[int, ...]
    seeds: int
    epochs: int
    most_rows: int


FULL = Study(None, ("relu", "tanh", "logistic", "gelu"), (1, 3, 10, 20), seeds=5, epochs=30, most_rows=1000)
QUICK = Study(
    ("breast_cancer", "digits", "diabetes", "hard"),
    ("relu", "tanh", "logistic"),
    (1, 10),
    seeds=2,
    epochs=30,
    most_rows=1000,
)


@dataclass(frozen=True)
class Cell:
    """A setting in which the grid and untuned are compared."""

    data: str
    activation: str
    depth: int
    solver: str

    def __str__(self) -> str:
        return f"{self.data} {self.activation} {self.depth} {self.solver}"


@dataclass(frozen=True)
class Fit:
    """One training run with a seed: untuned, a member of the grid of a cell, or a rival."""

    cell: Cell
    init: str
    rate: float | str
    seed: int


def grid(solver: str) -> list[tuple[str, float | str]]:
    """Return the grid of a solver, as pairs of scheme and rate."""
    return list(product(SCHEMES, RATES[solver]))


def recipes(solver: str) -> list[tuple[str, float | str]]:
    """Return all pairs of scheme and rate to run: untuned, the grid and the rivals."""
    return list(dict.fromkeys([UNTUNED, *grid(solver), *product(RIVAL_INITS, RIVAL_RATES[solver])]))


@lru_cache(maxsize=8)
def cached_split(table: Table, seed: int, most_rows: int) -> Split:
    return split(table, seed, most_rows)


def make_estimator(fit: Fit, table: Table, epochs: int) -> skinit.MLPClassifier | skinit.MLPRegressor:
    """Return the estimator of a run."""
    make = skinit.MLPClassifier if table.is_classification else skinit.MLPRegressor
    return make(
        hidden_layer_sizes=(WIDTH,) * fit.cell.depth,
        activation=fit.cell.activation,
        solver=fit.cell.solver,
        init=fit.init,
        learning_rate_init=fit.rate,
        max_iter=epochs,
        # The run trains for all epochs, whatever the loss does.
        tol=0.0,
        n_iter_no_change=np.inf,
        random_state=fit.seed,
        **TRAINING,
    )


def _score(is_classification: bool, y: np.ndarray, predictions: np.ndarray) -> float:
    if is_classification:
        return float(accuracy_score(y, predictions))
    return max(LOWEST_SCORE, float(r2_score(y, predictions)))


def run_fit(fit: Fit, table: Table, study: Study, **parameters) -> dict:
    """Train and score, with other parameters if given, and return the line to keep."""
    parts = cached_split(table, fit.seed, study.most_rows)
    X, y = parts.training
    dummy = DummyClassifier() if table.is_classification else DummyRegressor()
    dummy.fit(X, y)
    chance = {
        name: _score(table.is_classification, part[1], dummy.predict(part[0]))
        for name, part in (("validation", parts.validation), ("test", parts.test))
    }
    estimator = make_estimator(fit, table, study.epochs).set_params(**parameters)
    record = {
        **asdict(fit.cell),
        "init": fit.init,
        "rate": fit.rate,
        "seed": fit.seed,
        "table": table.digest,
        "chance": chance["test"],
        "chance_validation": chance["validation"],
    }
    diverged = False
    began = time.perf_counter()
    try:
        estimator.fit(X, y)
    except skinit.DivergenceError:
        diverged = True
    seconds = time.perf_counter() - began
    scores = chance
    if not diverged:
        predictions = {"validation": estimator.predict(parts.validation[0]), "test": estimator.predict(parts.test[0])}
        diverged = not all(np.isfinite(values).all() for values in predictions.values())
    if not diverged:
        scores = {
            "validation": _score(table.is_classification, parts.validation[1], predictions["validation"]),
            "test": _score(table.is_classification, parts.test[1], predictions["test"]),
        }
    return {
        **record,
        **scores,
        "diverged": diverged,
        "seconds": round(seconds, 5),
        "rate_used": float(estimator.learning_rate_init_) if not diverged else None,
        "losses": None if diverged else [float(f"{loss:.6g}") for loss in estimator.loss_curve_],
    }


# The file of finished fits.


def key_of(record: dict) -> Fit:
    """Return the run that a line describes."""
    cell = Cell(record["data"], record["activation"], record["depth"], record["solver"])
    return Fit(cell, record["init"], record["rate"], record["seed"])


def settings(study: Study) -> dict:
    """Return the settings that must be equal for fits to be comparable. They are the first line of the file."""
    sources = hashlib.sha256()
    root = Path(skinit.__file__).parent
    for path in sorted(root.rglob("*.py")):
        sources.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return {
        "skinit": skinit.__version__,
        "skinit sources": sources.hexdigest()[:16],
        **{name: version(name) for name in ("scikit-learn", "numpy", "numba")},
        "epochs": study.epochs,
        "rows at most": study.most_rows,
        "width": WIDTH,
        "training": TRAINING,
    }


def load_fits(path: Path, header: dict) -> dict[Fit, dict]:
    """Return the fits in `path`, which is created if it is missing. A line cut short by an interruption is dropped."""
    if path.exists():
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        lines = [json.loads(line) for line in whole.splitlines()]
        if lines:
            theirs = lines[0].get("settings", {})
            differing = [name for name in {**theirs, **header} if theirs.get(name) != header.get(name)]
            if differing:
                changes = "; ".join(f"{name}: {theirs.get(name)} there, {header.get(name)} here" for name in differing)
                raise SystemExit(
                    f"{path} holds fits that cannot be compared with new ones ({changes}). "
                    "Give another folder with --out, or delete the file."
                )
            return {key_of(line): line for line in lines[1:]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"settings": header}) + "\n")
    return {}


def check_tables(fits: dict[Fit, dict], tables: dict[str, Table], path: Path) -> None:
    """Refuse to mix fits of a table that changed."""
    for record in fits.values():
        table = tables.get(record["data"])
        if table is not None and table.digest != record["table"]:
            raise SystemExit(
                f"The table {table.name!r} has changed since {path} was written. "
                "Give another folder with --out, or delete the file."
            )


# Running.


@contextmanager
def progress(total: int, done: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to call after each fit. It updates a bar on a terminal, or prints a line every 15 seconds."""
    if sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("fits,"),
            TimeRemainingColumn(),
            TextColumn("left {task.description}"),
        ) as bar:
            task = bar.add_task("", total=total, completed=done)
            yield lambda text: bar.update(task, advance=1, description=text)
        return
    began, at_start, said = time.perf_counter(), done, time.perf_counter()

    def advance(text: str) -> None:
        nonlocal done, said
        done += 1
        now = time.perf_counter()
        if now - said >= 15 or done == total:
            said = now
            left = (now - began) / (done - at_start) * (total - done)
            print(f"{done} of {total} fits, about {left / 60:.1f} minutes left ({text})", flush=True)

    yield advance


def warm_up(fits: list[Fit], tables: dict[str, Table], study: Study) -> None:
    """Compile the kernels that the fits need, so that no timed fit compiles."""
    kinds = {}
    for fit in fits:
        table = tables[fit.cell.data]
        n_classes = np.unique(table.y).size if table.is_classification else 0
        kinds[fit.init in ("lsuv", "hessian"), fit.cell.activation, fit.cell.solver, min(n_classes, 3)] = fit
    for fit in kinds.values():
        X, y = cached_split(tables[fit.cell.data], fit.seed, study.most_rows).training
        estimator = make_estimator(fit, tables[fit.cell.data], 1).set_params(hidden_layer_sizes=(4,))
        # The fit is made for its compilation alone.
        try:
            estimator.fit(X, y)
        except skinit.DivergenceError:
            continue


def run_fits(
    pending: list[Fit], tables: dict[str, Table], study: Study, path: Path, n_done: int, n_jobs: int
) -> list[dict]:
    """Run fits in threads (the kernels release the GIL), and append each to the file when it ends."""
    records = []
    # Simultaneous fits use the cores better than threads within a small fit.
    skinit.set_num_threads(1)
    with warnings.catch_warnings(), path.open("a") as file:
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Runs that diverge overflow first. They are counted as diverged.
        warnings.simplefilter("ignore", RuntimeWarning)
        warm_up(pending, tables, study)
        # Fits arrive as they end, so a slow fit does not delay the lines of others.
        results = Parallel(n_jobs, prefer="threads", return_as="generator_unordered")(
            delayed(run_fit)(fit, tables[fit.cell.data], study) for fit in pending
        )
        with progress(n_done + len(pending), n_done) as advance:
            for record in results:
                file.write(json.dumps(record) + "\n")
                file.flush()
                records.append(record)
                advance(str(key_of(record).cell))
    return records


def find_tables(study: Study, data_dir: Path | None) -> dict[str, Table]:
    """Return the tables of a study and of a folder, by name."""
    tables = {table.name: table for table in bundled_tables(study.most_rows)}
    if study.tables is not None:
        tables = {name: tables[name] for name in study.tables}
    if data_dir is not None:
        paths = sorted(data_dir.glob("*.csv"))
        if not paths:
            raise SystemExit(f"There are no CSV files in {data_dir}.")
        for path in paths:
            if path.stem in tables:
                raise SystemExit(f"{path} has the name of a bundled table: rename the file.")
            try:
                tables[path.stem] = read_csv(path)
            except ValueError as error:
                raise SystemExit(f"{path}: {error}") from None
    return tables


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument(
        "--quick", action="store_true", help="fewer tables, activations, depths and seeds, which takes minutes"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of CSV files to add, each with the target in its last column",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder for fits and reports (default: quality-results, with --quick quality-results-quick)",
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help=f"number of seeds (default: {FULL.seeds}, with --quick {QUICK.seeds})"
    )
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="the first seed (default: 0)")
    parser.add_argument(
        "--only",
        metavar="TEXT",
        nargs="+",
        default=[""],
        help="only cells whose names, such as 'digits relu 10 sgd', contain one of these texts",
    )
    parser.add_argument(
        "--grid",
        type=Path,
        metavar="FILE",
        help="run only untuned, and compare it with the grid in this cells.csv of an earlier report",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="number of simultaneous fits (default: 2)")
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Run the missing fits, then write and print the report."""
    from .quality_again import write_comparison
    from .quality_report import collect, write_report
    from .quality_rivals import write_rivals

    study = QUICK if arguments.quick else FULL
    out = arguments.out or Path("quality-results-quick" if arguments.quick else "quality-results")
    n_seeds = study.seeds if arguments.seeds is None else arguments.seeds
    if n_seeds < 2:
        raise SystemExit(f"--seeds must be 2 or more, because standard errors need two, got {n_seeds}.")
    tables = find_tables(study, arguments.data_dir)
    cells = [Cell(*values) for values in product(tables, study.activations, study.depths, RATES)]
    cells = [cell for cell in cells if any(text in str(cell) for text in arguments.only)]
    if not cells:
        raise SystemExit(f"--only matches no cell: no name contains {' or '.join(map(repr, arguments.only))}.")
    header = settings(study)
    path = out / "fits.jsonl"
    done = load_fits(path, header)
    check_tables(done, tables, path)
    seeds = range(arguments.first_seed, arguments.first_seed + n_seeds)
    wanted = [
        Fit(cell, *recipe, seed)
        for cell in cells
        for recipe in (recipes(cell.solver) if arguments.grid is None else [UNTUNED])
        for seed in seeds
    ]
    pending = [fit for fit in wanted if fit not in done]
    print(f"{len(wanted)} fits of {len(cells)} cells, of which {path} has {len(wanted) - len(pending)}", flush=True)
    if pending:
        try:
            for record in run_fits(pending, tables, study, path, len(wanted) - len(pending), arguments.jobs):
                done[key_of(record)] = record
        except KeyboardInterrupt:
            raise SystemExit(f"Interrupted. The same command resumes from {path}.") from None
    records = [done[fit] for fit in wanted]
    if arguments.grid is not None:
        write_comparison(records, arguments.grid, out)
        return
    results = collect(records)
    write_report(results, out, header)
    write_rivals(results, out)
