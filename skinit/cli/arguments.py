"""What the command line takes, and what it says to --help."""

import argparse
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ..initializers import get_initializer_names
from ..kernels.activations import ACTIVATIONS
from ..precompilation import NAMES
from ..training.solvers import STOCHASTIC_SOLVERS
from ..validation import nearest_name_hint
from .errors import CommandError

# The command that runs if none is named.
DEFAULT_COMMAND = "compare"

DEFAULT_INITS = ("zero", "random", "xavier", "he", "hessian")
DEFAULT_HIDDEN = ((100,), (100, 100, 100, 100))
# Folder of what is written.
DEFAULT_FOLDER = Path("skinit-results")

COMPARE_DESCRIPTION = """\
Compare initialization schemes: a cross-validated grid search over schemes and
hidden layers, shown as a ranked table, and written as cv_results.csv and
comparison.png. This is what runs if no command is named.
"""

COMPARE_EPILOG = """\
examples:
  skinit
      the five schemes that everybody asks about, on scikit-learn's digits
  skinit --data houses.csv --target price --init xavier he orthogonal --hidden 50 50,50,50
      three schemes and two networks on a table of one's own

other commands:
  skinit inspect --help     look into one network: why does it not train?
  skinit warmup --help      compile ahead of time
"""

INSPECT_DESCRIPTION = """\
Look into a network, layer by layer: signals, gradients and curvature, as
tables, as plain sentences that say what is wrong and what to try, and as a
report with pictures that one can send to somebody (a single HTML file).
"""

INSPECT_EPILOG = """\
examples:
  skinit inspect --hidden 30,30,30,30,30,30 --activation logistic
      why deep logistic networks do not train, on scikit-learn's digits
  skinit inspect --data houses.csv --target price --hidden 50,50 --init xavier --epochs 20
      a network on a table of one's own, after 20 epochs
"""

WARMUP_DESCRIPTION = """\
Compile ahead of time what networks need, for an image or a new machine, and
keep it below $NUMBA_CACHE_DIR or, if that is not set, in your cache folder.
Without options everything is compiled, which takes about a minute.
"""

WARMUP_EPILOG = """\
example, in a Dockerfile:
  ENV NUMBA_CACHE_DIR=/opt/numba-cache
  RUN python -m skinit warmup --dtype float32 --activation relu && chmod -R a+rX /opt/numba-cache

Everyone who runs the image must be able to read that folder. Compiled code
belongs to the type of the processor; on another type it is compiled again.
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises CommandError, where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        unrecognized = "unrecognized arguments: "
        if message.startswith(unrecognized):
            name, _, _ = message.removeprefix(unrecognized).partition(" ")
            message += f".{nearest_name_hint(name, self._option_string_actions)}"
        raise CommandError(f"{message} (see {self.prog} --help)")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments of a command.

    Parameters
    ----------
    argv : sequence of str

    Returns
    -------
    arguments : argparse.Namespace
        `command` and its options.

    Raises
    ------
    CommandError
        If an argument is invalid.
    SystemExit
        After --help.
    """
    parser = Parser(prog="skinit")
    commands = parser.add_subparsers(dest="command", parser_class=Parser)
    _add_compare(commands)
    _add_inspect(commands)
    _add_warmup(commands)
    names = list(commands.choices)
    if not argv or argv[0].startswith("-"):
        argv = [DEFAULT_COMMAND, *argv]
    elif argv[0] not in names:
        raise CommandError(
            f"The command must be {' or '.join(map(repr, names))}, got {argv[0]!r}.{nearest_name_hint(argv[0], names)}"
        )
    # Of the command's parser, not of the one above, so that options that it does not know get hints from those it does.
    return commands.choices[argv[0]].parse_args(argv[1:], argparse.Namespace(command=argv[0]))


def _add_compare(commands) -> None:
    parser = commands.add_parser(
        "compare",
        usage="skinit [compare] [options]",
        description=COMPARE_DESCRIPTION,
        epilog=_names_to_choose_from() + COMPARE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_data(parser)
    search = parser.add_argument_group("what to compare")
    search.add_argument(
        "--init",
        nargs="+",
        metavar="SCHEME",
        type=_name(get_initializer_names()),
        default=list(DEFAULT_INITS),
        help=f"initialization schemes, see below (default: {' '.join(DEFAULT_INITS)})",
    )
    search.add_argument(
        "--hidden",
        nargs="+",
        metavar="SIZES",
        type=_hidden_layer_sizes,
        default=list(DEFAULT_HIDDEN),
        help="hidden layers of each network, sizes joined by commas "
        f"(default: {' '.join(','.join(map(str, sizes)) for sizes in DEFAULT_HIDDEN)})",
    )

    network = parser.add_argument_group("how to train")
    _add_activation(network)
    _add_solver(network)
    network.add_argument(
        "--max-iter",
        metavar="N",
        type=_whole_number(1),
        default=200,
        help="epochs (iterations of lbfgs) at most (default: %(default)s)",
    )
    _add_seed(network, "the folds, the initial weights and the order of rows")

    run = parser.add_argument_group("how to run")
    run.add_argument(
        "--cv", metavar="K", type=_whole_number(2), default=5, help="folds of cross-validation (default: %(default)s)"
    )
    run.add_argument(
        "--n-jobs", metavar="N", type=_n_jobs, default=-1, help="fits at a time; -1: one a core (default: %(default)s)"
    )
    run.add_argument(
        "--backend",
        metavar="{threading,loky,dask}",
        type=_name(["threading", "loky", "dask"]),
        default="threading",
        help="threads, processes, or the workers of a dask cluster (default: %(default)s)",
    )
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="of the dask cluster, tcp://host:8786 say, or its scheduler file"
    )
    run.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=DEFAULT_FOLDER,
        help="folder for cv_results.csv, comparison.png and finished-fits, from which the same search goes on if it is "
        "interrupted (default: %(default)s)",
    )


def _add_inspect(commands) -> None:
    parser = commands.add_parser(
        "inspect",
        usage="skinit inspect [options]",
        description=INSPECT_DESCRIPTION,
        epilog=_names_to_choose_from() + INSPECT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_data(parser)

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--hidden",
        metavar="SIZES",
        type=_hidden_layer_sizes,
        default=DEFAULT_HIDDEN[0],
        help=f"hidden layers, sizes joined by commas (default: {','.join(map(str, DEFAULT_HIDDEN[0]))})",
    )
    _add_activation(network)
    network.add_argument(
        "--init",
        metavar="SCHEME",
        type=_name(get_initializer_names()),
        default="sklearn",
        help="initialization scheme, see below (default: %(default)s)",
    )

    training = parser.add_argument_group("how to train")
    training.add_argument(
        "--epochs",
        metavar="N",
        type=_whole_number(0),
        default=0,
        help="epochs (iterations of lbfgs) before it is looked into; 0: none, as it is initialized (default: 0)",
    )
    _add_solver(training)
    _add_seed(training, "the initial weights, the order of rows, and the rows looked at")

    report = parser.add_argument_group("what to write")
    report.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        default=DEFAULT_FOLDER / "inspection.html",
        help="the report (default: %(default)s)",
    )


def _add_warmup(commands) -> None:
    parser = commands.add_parser(
        "warmup",
        usage="skinit warmup [options]",
        description=WARMUP_DESCRIPTION,
        epilog=WARMUP_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    meanings = {
        "dtype": "of the training data",
        "activation": "activations of hidden layers",
        "loss": "log_loss and binary_log_loss (two classes, several labels) are those of classifiers",
        "solver": "solvers",
    }
    for parameter, meaning in meanings.items():
        parser.add_argument(
            f"--{parameter}",
            nargs="+",
            metavar="NAME",
            type=_name([*NAMES[parameter], "all"]),
            default=["all"],
            help=f"{meaning}: {', '.join(NAMES[parameter])} (default: all)",
        )
    parser.add_argument(
        "--no-curvature",
        dest="curvature",
        action="store_false",
        help="leave out what init hessian, learning_rate_init auto and skinit.curvature need",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group(
        "data",
        "Numbers are standardized, missing ones imputed; text is one-hot encoded;\n"
        "dates count as days. Without --data: scikit-learn's digits.",
    )
    data.add_argument("--data", metavar="FILE", type=Path, help="a table: .csv or .parquet")
    data.add_argument("--target", metavar="COLUMN", help="the column to predict")
    data.add_argument(
        "--task",
        metavar="{classification,regression}",
        type=_name(["classification", "regression"]),
        help="default: classification if the target is text, true/false or at most 20 distinct whole numbers, "
        "regression otherwise",
    )


def _add_activation(group) -> None:
    group.add_argument(
        "--activation",
        metavar="NAME",
        type=_name(list(ACTIVATIONS)),
        default="relu",
        help="activation of the hidden layers, see below (default: %(default)s)",
    )


def _add_solver(group) -> None:
    group.add_argument(
        "--solver",
        metavar="NAME",
        type=_name(["lbfgs", *STOCHASTIC_SOLVERS]),
        default="adam",
        help=f"{', '.join(STOCHASTIC_SOLVERS)} or lbfgs (default: %(default)s)",
    )


def _add_seed(group, of: str) -> None:
    group.add_argument(
        "--seed",
        metavar="N",
        type=_whole_number(0, 2**32 - 1),
        default=0,
        help=f"of {of} (default: %(default)s)",
    )


def _names_to_choose_from() -> str:
    return _paragraph("schemes", get_initializer_names()) + _paragraph("activations", sorted(ACTIVATIONS))


def _paragraph(title: str, names: Sequence[str]) -> str:
    return f"{title}:\n{textwrap.fill(', '.join(names), 78, initial_indent='  ', subsequent_indent='  ')}\n\n"


def _name(names: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(
                f"unknown name {text!r}.{nearest_name_hint(text, names)} It takes {', '.join(sorted(names))}"
            )
        return text

    return parse


def _whole_number(low: int, high: float = float("inf")) -> Callable[[str], int]:
    takes = f"a whole number from {low}" + ("" if high == float("inf") else f" to {high}")

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"takes {takes}, got {text!r}")
        return number

    return parse


def _n_jobs(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0:
        raise argparse.ArgumentTypeError(f"takes a whole number other than 0, got {text!r}")
    return number


def _hidden_layer_sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"takes positive whole numbers joined by commas, one for each hidden layer (100,50 say), got {text!r}"
        )
    return sizes
