"""The command `predict`, which predicts new rows with a saved model."""

import argparse
import sys

import pandas as pd

from .errors import errors_of_file
from .files import check_writable, write_file
from .models import load_model, predict
from .tables.delimited import TextFormat
from .tables.reading import STANDARD_INPUT, read_table
from .text import one_line, say


def predict_file(arguments: argparse.Namespace) -> None:
    """Run the command `predict`.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Raises
    ------
    CommandError
        If the model or the rows cannot be read, if the rows do not suit the model, or if the file cannot be written.
    """
    model = load_model(arguments.model)
    is_printed = arguments.out == STANDARD_INPUT
    if not is_printed:
        with errors_of_file("--out", arguments.out):
            check_writable(arguments.out)
    frame = read_table(arguments.data, TextFormat(arguments.sep, arguments.encoding)).frame
    predictions, warnings = predict(model, frame)
    for sentence in warnings:
        print(one_line(sentence), file=sys.stderr)
    text = pd.DataFrame({model[0].target: predictions}).to_csv(index=False)
    if is_printed:
        print(text, end="", flush=True)
        return
    with errors_of_file("--out", arguments.out):
        write_file(arguments.out, text.encode())
    say(f"Written: {arguments.out}, {len(predictions)} rows")
