"""Test scores on the bundled diabetes table without tuning: the default regressor and the untuned one.

The table comes in two forms: with features of size 0.05, the default, and with the measured features
(``scaled=False``). Its targets are about 150 in both. Each split takes 75% of the rows for training and 25% for the
test. Its number is also the random state of the estimator. Scores are R² on the test rows.
"""

import warnings
from pathlib import Path

import numpy as np
import sklearn.neural_network
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import skinit

N_SPLITS = 8
ESTIMATORS = {
    "scikit-learn's MLPRegressor()": sklearn.neural_network.MLPRegressor(),
    'MLPRegressor(init="hessian", learning_rate_init="auto")': skinit.MLPRegressor(
        init="hessian", learning_rate_init="auto"
    ),
}


def scores(estimator, scaled: bool, n_splits: int) -> np.ndarray:
    """Return the test score of an estimator on each split."""
    X, y = load_diabetes(return_X_y=True, scaled=scaled)
    values = []
    for seed in range(n_splits):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        values.append(clone(estimator).set_params(random_state=seed).fit(X_train, y_train).score(X_test, y_test))
    return np.array(values)


def format_table(results: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Return a CSV table: for each estimator the mean score and standard error over splits, on both forms."""
    lines = ["estimator,as it comes,scaled=False"]
    for name, columns in results.items():
        cells = [f"{column.mean():.2f} ± {column.std(ddof=1) / np.sqrt(column.size):.2f}" for column in columns]
        lines.append(",".join(['"' + name.replace('"', '""') + '"', *cells]))
    return "\n".join(lines) + "\n"


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument(
        "--splits", type=int, default=N_SPLITS, metavar="N", help=f"number of splits (default: {N_SPLITS})"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder in which the table is also written, as scores.csv"
    )
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Fit all estimators on all splits, and print the table."""
    if arguments.splits < 2:
        raise SystemExit(f"--splits must be 2 or more, because standard errors need two, got {arguments.splits}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        table = format_table(
            {
                name: (scores(estimator, True, arguments.splits), scores(estimator, False, arguments.splits))
                for name, estimator in ESTIMATORS.items()
            }
        )
    print(table, end="")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "scores.csv").write_text(table)
