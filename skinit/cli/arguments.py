"""The arguments of the command line, and the texts of --help."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..initializers import get_initializer_names
from ..kernels.activations import ACTIVATIONS
from ..precompilation import NAMES
from ..validation import nearest_name_hint, wrong_name
from ..version import __version__
from .errors import CommandError
from .metrics import scorer_names
from .network_options import add_activation, add_early_stopping, add_training, check_solver
from .schemes import AUTOMATIC, SYNTAX, Scheme, parse_scheme
from .tables.arguments import DATA_HELP, add_data, add_text_format
from .values import hidden_layer_sizes, n_jobs, one_of, scheme, whole_number

# The command that runs if none is given.
DEFAULT_COMMAND = "compare"

DEFAULT_SCHEMES = ("zero", "random", "xavier", "he", "hessian", f"hessian{AUTOMATIC}")
DEFAULT_HIDDEN = ((100,), (100, 100, 100, 100))
# Folder for the output files.
DEFAULT_FOLDER = Path("skinit-results")

COMPARE_DESCRIPTION = """\
Compare initialization schemes by a cross-validated grid search over schemes
and hidden layers. Prints a ranked table and writes cv_results.csv and
comparison.png. This command runs if none is given.
"""

COMPARE_EPILOG = """\
examples:
  skinit
      the most popular schemes, on scikit-learn's digits
  skinit --data houses.csv --target price --init xavier random:std=0.1 hessian+auto --hidden 50 50,50,50
      three schemes and two networks, on your own table

other commands:
  skinit inspect --help     find out why a network does not train
  skinit predict --help     predict new rows with a saved model
  skinit warmup --help      compile ahead of time
"""

INSPECT_DESCRIPTION = """\
Inspect a network layer by layer: its signals, gradients and curvature.
Prints tables, says what is wrong and what to try, and writes a report with
pictures as a single HTML file that you can share.
"""

INSPECT_EPILOG = """\
examples:
  skinit inspect --hidden 30,30,30,30,30,30 --activation logistic
      why deep logistic networks do not train, on scikit-learn's digits
  skinit inspect --data houses.csv --target price --hidden 50,50 --init xavier --epochs 20
      a network on your own table, after 20 epochs
"""

SCHEME_SYNTAX = f"""\
  A scheme may have parameters, and +auto gives it the automatic learning rate:
  {SYNTAX}
  Examples: random:std=0.1, he:scale=1,mode=fan_out, hessian+auto

"""

PREDICT_DESCRIPTION = """\
Predict the target of new rows with a model from skinit compare --save. The
rows must have the model's columns under the same names, in any order. Other
columns are ignored.
"""

PREDICT_EPILOG = """\
example:
  skinit --data houses.csv --target price --save houses.skops
  skinit predict --model houses.skops --data new.csv > prices.csv
"""

WARMUP_DESCRIPTION = """\
Compile the code of networks ahead of time, for a container image or a new
machine. The compiled code is kept in $NUMBA_CACHE_DIR or, if that is not set,
in your cache folder. Without options, everything is compiled, which takes
about a minute.
"""

WARMUP_EPILOG = """\
example, in a Dockerfile:
  ENV NUMBA_CACHE_DIR=/opt/numba-cache
  RUN python -m skinit warmup --dtype float32 --activation relu && chmod -R a+rX /opt/numba-cache

Everyone who runs the image must be able to read that folder. Compiled code
is valid for one type of processor; on another type, it is compiled again.
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises CommandError instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        # argparse writes "argument --cv: takes ...".
        message = message.removeprefix("argument ").replace(": takes ", " takes ", 1).removesuffix(".")
        unrecognized = "unrecognized arguments: "
        if message.startswith(unrecognized):
            name, _, _ = message.removeprefix(unrecognized).partition(" ")
            message = f"{nearest_name_hint(name, self._option_string_actions)}{message[0].upper()}{message[1:]}"
        raise CommandError(f"{message} (see {self.prog} --help).")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments of a command.

    Parameters
    ----------
    argv : sequence of str

    Returns
    -------
    arguments : argparse.Namespace
        The command, in `command`, and its options.

    Raises
    ------
    CommandError
        If an argument is invalid.
    SystemExit
        After --help and --version.
    """
    parser = Parser(prog="skinit")
    commands = parser.add_subparsers(dest="command", parser_class=Parser)
    _add_compare(commands)
    _add_inspect(commands)
    _add_predict(commands)
    _add_warmup(commands)
    for each in commands.choices.values():
        each.add_argument("--version", action="version", version=f"skinit {__version__}")
    names = list(commands.choices)
    if not argv or argv[0].startswith("-"):
        argv = [DEFAULT_COMMAND, *argv]
    elif argv[0] not in names:
        advice = f" If it is a table, give --data '{argv[0]}'." if Path(argv[0]).is_file() else ""
        raise CommandError(wrong_name("The command", argv[0], names) + advice)
    # Use the command's own parser, so that hints for unknown options come from the options of this command.
    arguments = commands.choices[argv[0]].parse_args(argv[1:], argparse.Namespace(command=argv[0]))
    if arguments.command == "compare":
        arguments.init = arguments.init or _default_schemes(arguments)
    if arguments.command in ("compare", "inspect"):
        check_solver(arguments)
    return arguments


def _default_schemes(arguments: argparse.Namespace) -> list[Scheme]:
    """The default schemes, without "+auto" if all schemes have the automatic learning rate or the solver has none."""
    schemes = map(parse_scheme, DEFAULT_SCHEMES)
    has_own_step = arguments.solver == "lbfgs" or arguments.learning_rate_init == "auto"
    return [scheme for scheme in schemes if not (scheme.is_automatic and has_own_step)]


def _add_compare(commands) -> None:
    parser = commands.add_parser(
        "compare",
        usage="skinit [compare] [options]",
        description=COMPARE_DESCRIPTION,
        epilog=_names_to_choose_from() + COMPARE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_data(parser)
    search = parser.add_argument_group("what to compare")
    search.add_argument(
        "--init",
        nargs="+",
        metavar="SCHEME",
        type=scheme,
        help=f"initialization schemes, see below (default: {' '.join(DEFAULT_SCHEMES)})",
    )
    search.add_argument(
        "--hidden",
        nargs="+",
        metavar="SIZES",
        type=hidden_layer_sizes,
        default=list(DEFAULT_HIDDEN),
        help="sizes of the hidden layers of each network, joined by commas "
        f"(default: {' '.join(','.join(map(str, sizes)) for sizes in DEFAULT_HIDDEN)})",
    )

    search.add_argument(
        "--scoring",
        metavar="NAME",
        type=one_of([*scorer_names("classification"), *scorer_names("regression")]),
        help="the score to compare by, a name from scikit-learn such as f1_macro, roc_auc or neg_mean_absolute_error "
        "(default: accuracy or r2)",
    )

    network = parser.add_argument_group("how to train")
    add_activation(network)
    add_training(network)
    network.add_argument(
        "--max-iter",
        metavar="N",
        type=whole_number(1),
        default=200,
        help="maximum number of epochs (iterations for lbfgs) (default: %(default)s)",
    )
    add_early_stopping(network)
    _add_seed(network, "the folds, the initial weights and the order of rows")

    run = parser.add_argument_group("how to run")
    run.add_argument(
        "--cv",
        metavar="K",
        type=whole_number(2),
        default=5,
        help="number of cross-validation folds (default: %(default)s)",
    )
    run.add_argument(
        "--n-jobs",
        metavar="N",
        type=n_jobs,
        default=-1,
        help="number of fits that run at the same time; -1 means one for each core (default: %(default)s)",
    )
    run.add_argument(
        "--backend",
        metavar="{threading,loky,dask}",
        type=one_of(["threading", "loky", "dask"]),
        default="threading",
        help="run the fits in threads, in processes (loky), or on a dask cluster (default: %(default)s)",
    )
    run.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="address of the dask cluster, such as tcp://host:8786, or its scheduler file",
    )
    run.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=DEFAULT_FOLDER,
        help="folder for cv_results.csv, comparison.png and finished-fits, from which an interrupted search "
        "continues (default: %(default)s)",
    )
    run.add_argument(
        "--test",
        metavar="FILE",
        type=Path,
        help="file with test rows; the best candidate is fitted to all rows of --data and scored on these",
    )
    run.add_argument(
        "--save",
        metavar="FILE.skops",
        type=Path,
        help="file for the best candidate, fitted to all rows of --data, for skinit predict",
    )
    _add_json(run)


def _add_inspect(commands) -> None:
    parser = commands.add_parser(
        "inspect",
        usage="skinit inspect [options]",
        description=INSPECT_DESCRIPTION,
        epilog=_names_to_choose_from() + INSPECT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_data(parser)

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--hidden",
        metavar="SIZES",
        type=hidden_layer_sizes,
        default=DEFAULT_HIDDEN[0],
        help=f"sizes of the hidden layers, joined by commas (default: {','.join(map(str, DEFAULT_HIDDEN[0]))})",
    )
    add_activation(network)
    network.add_argument(
        "--init",
        metavar="SCHEME",
        nargs=1,
        type=scheme,
        default=[parse_scheme("sklearn")],
        help="initialization scheme, see below (default: sklearn)",
    )

    training = parser.add_argument_group("how to train")
    training.add_argument(
        "--epochs",
        metavar="N",
        type=whole_number(0),
        default=0,
        help="epochs (iterations for lbfgs) before the inspection; 0 inspects the initial network (default: 0)",
    )
    add_training(training)
    _add_seed(training, "the initial weights, the order of rows, and the measured rows")

    report = parser.add_argument_group("what to write")
    report.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        default=DEFAULT_FOLDER / "inspection.html",
        help="the report (default: %(default)s)",
    )
    _add_json(report)


def _add_predict(commands) -> None:
    parser = commands.add_parser(
        "predict",
        usage="skinit predict --model FILE --data FILE [options]",
        description=PREDICT_DESCRIPTION,
        epilog=PREDICT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--model", metavar="FILE", type=Path, required=True, help="a model from skinit compare --save")
    parser.add_argument("--data", metavar="FILE", type=Path, required=True, help=DATA_HELP)
    add_text_format(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("-"),
        help="file for the predictions, comma-separated (default: standard output)",
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
        "dtype": "dtype of the training data",
        "activation": "activations of hidden layers",
        "loss": "losses (classifiers use binary_log_loss for two classes and for multilabel targets, log_losses for "
        "several columns of labels, log_loss otherwise)",
        "solver": "solvers",
    }
    for parameter, meaning in meanings.items():
        parser.add_argument(
            f"--{parameter}",
            nargs="+",
            metavar="NAME",
            type=one_of([*NAMES[parameter], "all"]),
            default=["all"],
            help=f"{meaning}: {', '.join(NAMES[parameter])} (default: all)",
        )
    parser.add_argument(
        "--no-curvature",
        dest="curvature",
        action="store_false",
        help="leave out the code for init hessian, learning_rate_init auto and skinit.curvature",
    )


def _add_json(group) -> None:
    group.add_argument(
        "--json",
        action="store_true",
        help="write the results to standard output as JSON, and everything else to standard error",
    )


def _add_seed(group, of: str) -> None:
    group.add_argument(
        "--seed",
        metavar="N",
        type=whole_number(0, 2**32 - 1),
        default=0,
        help=f"seed for {of} (default: %(default)s)",
    )


def _names_to_choose_from() -> str:
    schemes = _paragraph("schemes", get_initializer_names()) + SCHEME_SYNTAX
    return schemes + _paragraph("activations", sorted(ACTIVATIONS))


def _paragraph(title: str, names: Sequence[str]) -> str:
    return f"{title}:\n{textwrap.fill(', '.join(names), 78, initial_indent='  ', subsequent_indent='  ')}\n\n"
