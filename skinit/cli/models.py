"""Saved models, which are pipelines from the rows of a table to predictions of its target."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..persistence import TRUSTED_TYPES
from ..validation import nearest_name_hint
from .data import Table
from .errors import CommandError
from .files import similar_files, write_file
from .search import Trial
from .tables.reader import ColumnReader

SUFFIX = ".skops"
# skops trusts scikit-learn's steps, except for the dtype that an imputer keeps.
TRUSTED = [*TRUSTED_TYPES, "numpy.dtype"]
MISSING_SKOPS = "Saved models need skops: pip install skops"


def make_model(table: Table, trial: Trial) -> Pipeline:
    """Make a pipeline from a trial that takes the rows of a file and predicts the target as written in the file.

    Parameters
    ----------
    table : Table
        The table on which the trial was fitted.
    trial : Trial
        A fitted trial. Its network is changed to predict names of classes instead of numbers.

    Returns
    -------
    model : Pipeline
        Its first step, a `ColumnReader`, turns a file's DataFrame into the columns of the table.
    """
    if table.task == "classification":
        network = trial[-1]
        network._label_binarizer.fit(table.labels)
        network.classes_ = network._label_binarizer.classes_
    return Pipeline([("columns", table.make_reader()), *trial.steps])


def save_model(model: Pipeline, path: Path) -> None:
    """Write a model to a skops file.

    Parameters
    ----------
    model : Pipeline
        The result of `make_model`.
    path : Path

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import skops.io

    write_file(path, skops.io.dumps(model))


def load_model(path: Path) -> Pipeline:
    """Read a model from a file of `save_model`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    model : Pipeline

    Raises
    ------
    CommandError
        If there is no such file, or if it is not a model with trusted types only.
    """
    try:
        import skops.io
    except ImportError:
        raise CommandError(MISSING_SKOPS) from None
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        models = [name for name in similar_files(path) if name.endswith(SUFFIX)]
        raise CommandError(f"{nearest_name_hint(path.name, models)}There is no file '{path}'.") from None
    except OSError as error:
        raise CommandError(f"'{path}' cannot be read: {error.strerror}.") from None
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
        model = None if foreign else skops.io.loads(content, trusted=TRUSTED)
    except MemoryError:
        raise
    # A damaged file may raise any exception.
    except Exception as error:
        raise CommandError(f"'{path}' is not a skops file: {error}") from None
    if foreign:
        raise CommandError(f"'{path}' is not loaded, because it has types that are not trusted: {', '.join(foreign)}.")
    if not isinstance(model, Pipeline) or not isinstance(model[0], ColumnReader):
        raise CommandError(f"'{path}' is not a model from skinit compare --save.")
    return model


def predict(model: Pipeline, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Predict the target of each row.

    Parameters
    ----------
    model : Pipeline
    frame : DataFrame
        The rows as read from a file.

    Returns
    -------
    predictions : ndarray of shape (n_rows,)
    warnings : list of str
        A sentence for each column with values that cannot be read.

    Raises
    ------
    CommandError
        If a column is missing, or if values are not finite.
    """
    reader = model[0]
    try:
        X = reader.transform(frame)
        predictions = model[1:].predict(X)
    except ValueError as error:
        raise CommandError(f"The rows do not suit the model: {error}") from error
    return predictions, reader.describe_unread(frame, X)
