"""The options for reading data."""

import argparse
import codecs
from pathlib import Path

from ...validation import nearest_name_hint
from ..values import one_of
from .names import COMPRESSIONS, ENCODINGS, KINDS, SUFFIXES

DATA_HELP = f"a table: {', '.join(SUFFIXES)}; also compressed ({', '.join(COMPRESSIONS)}); or - for standard input"


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the group of options "data" to a parser.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    data = parser.add_argument_group(
        "data",
        "Numbers are standardized, and missing numbers become the median. Categories are\n"
        "one-hot encoded, dates become days, and free text becomes tf-idf weights of its\n"
        "words. Row numbers, identifiers and constants are left out. The default is\n"
        "scikit-learn's digits.",
    )
    data.add_argument(
        "--data",
        metavar="FILE",
        type=Path,
        help=DATA_HELP,
    )
    data.add_argument("--target", metavar="COLUMN", help="the column to predict")
    data.add_argument(
        "--task",
        metavar="{classification,regression}",
        type=one_of(["classification", "regression"]),
        help="predict classes or numbers (default: classification if the target is text, true/false or at most 20 "
        "distinct whole numbers, regression otherwise)",
    )
    data.add_argument(
        "--drop",
        nargs="+",
        metavar="COLUMN",
        default=[],
        help="columns to leave out, such as columns made from the target",
    )
    data.add_argument("--columns", nargs="+", metavar="COLUMN", help="columns to learn from (default: all)")
    data.add_argument(
        "--as",
        nargs="+",
        dest="kinds",
        metavar="COLUMN=TYPE",
        type=_column_kind,
        default=[],
        help=f"types of columns: {', '.join(KINDS)} (default: inferred from the values)",
    )
    data.add_argument(
        "--decimal",
        metavar="CHARACTER",
        type=one_of([".", ","]),
        help="decimal separator: . or , (default: detected)",
    )
    add_text_format(data)


def add_text_format(group) -> None:
    """Add the options for the format of text files.

    Parameters
    ----------
    group : argument group or argparse.ArgumentParser
    """
    group.add_argument("--sep", metavar="CHARACTER", type=_separator, help="column separator (default: detected)")
    group.add_argument(
        "--encoding", metavar="NAME", type=_encoding, help="encoding such as utf-8 or cp1252 (default: detected)"
    )


def _column_kind(text: str) -> tuple[str, str]:
    column, equals, kind = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"takes COLUMN=TYPE, such as zip=category, got {text!r}")
    return column, one_of(KINDS)(kind)


def _separator(text: str) -> str:
    sign = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(sign) != 1:
        raise argparse.ArgumentTypeError(f"takes one character, such as ; or tab, got {text!r}")
    return sign


def _encoding(text: str) -> str:
    try:
        # Python has codecs that do not encode text, such as rot13. They raise a LookupError too.
        "".encode(text)
        return codecs.lookup(text).name
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{nearest_name_hint(text, ENCODINGS)}An encoding must be one of Python's, such as "
            f"{', '.join(sorted(ENCODINGS))}, got {text!r}."
        ) from None
