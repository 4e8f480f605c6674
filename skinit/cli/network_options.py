"""The options for networks and their training, and the parameters behind them."""

import argparse

from ..kernels.activations import ACTIVATIONS
from ..training.solvers import STOCHASTIC_SOLVERS
from .errors import CommandError
from .values import one_of, parameter

# Options only for the solvers that train on mini-batches, and their parameters.
STOCHASTIC_OPTIONS = {
    "--learning-rate": "learning_rate_init",
    "--batch-size": "batch_size",
    "--early-stopping": "early_stopping",
}
# All options for training, and their parameters.
TRAINING_OPTIONS = {"--alpha": "alpha", **STOCHASTIC_OPTIONS}


def add_activation(group) -> None:
    """Add --activation to a group of options."""
    group.add_argument(
        "--activation",
        metavar="NAME",
        type=one_of(list(ACTIVATIONS)),
        default="relu",
        help="activation of the hidden layers, see below (default: %(default)s)",
    )


def add_training(group) -> None:
    """Add --solver, and the `TRAINING_OPTIONS` that `compare` and `inspect` share."""
    group.add_argument(
        "--solver",
        metavar="NAME",
        type=one_of(["lbfgs", *STOCHASTIC_SOLVERS]),
        default="adam",
        help=f"{', '.join(STOCHASTIC_SOLVERS)} or lbfgs (default: %(default)s)",
    )
    group.add_argument(
        "--learning-rate",
        dest="learning_rate_init",
        metavar="{RATE,auto}",
        type=parameter("learning_rate_init"),
        help="initial learning rate; auto computes it from the curvature (default: 0.001)",
    )
    group.add_argument(
        "--alpha", metavar="A", type=parameter("alpha"), help="strength of the L2 penalty (default: 0.0001)"
    )
    group.add_argument(
        "--batch-size",
        metavar="{N,auto}",
        type=parameter("batch_size"),
        help="rows in a mini-batch; auto is 200, or all rows if there are fewer (default: auto)",
    )


def add_early_stopping(group) -> None:
    """Add --early-stopping to a group of options."""
    group.add_argument(
        "--early-stopping",
        action="store_true",
        default=None,
        help="leave a tenth of the rows out of training, and stop when the score on them no longer improves",
    )


def check_solver(arguments: argparse.Namespace) -> None:
    """Check that the solver can use the given options.

    Parameters
    ----------
    arguments : argparse.Namespace
        The options of this module, and `init`, a list of schemes.

    Raises
    ------
    CommandError
        If the solver cannot use an option.
    """
    if arguments.solver != "lbfgs":
        return
    given = [f"--init {scheme.text}" for scheme in arguments.init if scheme.is_automatic]
    given += [option for option, name in STOCHASTIC_OPTIONS.items() if getattr(arguments, name, None) is not None]
    if given:
        raise CommandError(
            f"{given[0]} is not for the solver lbfgs, which has no learning rate and uses all rows in every iteration. "
            f"It is for {', '.join(STOCHASTIC_SOLVERS)}."
        )


def network_parameters(arguments: argparse.Namespace) -> dict[str, object]:
    """The networks' parameters for the given options.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Returns
    -------
    parameters : dict of str to object
        Parameters by name. Options without a default here are left out if they were not given.
    """
    names = ("activation", "solver", *TRAINING_OPTIONS.values())
    values = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def describe_training(arguments: argparse.Namespace) -> str:
    """The solver and the given training options in words: 'adam, learning rate 0.01'.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Returns
    -------
    description : str
    """
    words = [arguments.solver]
    for option, name in TRAINING_OPTIONS.items():
        value = getattr(arguments, name, None)
        if value is not None:
            words.append(option.removeprefix("--").replace("-", " ") + ("" if value is True else f" {value}"))
    return ", ".join(words)
