"""Reads delimited text files, and detects their separator and their encoding."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import pandas as pd

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
# Number of lines from which the separator is guessed.
N_SAMPLE = 200
# Python's default limit is 131,072 characters in a value.
csv.field_size_limit(2**31 - 1)

# Names of columns that look like values.
NUMBER = re.compile(r"[-+]?\d*[.,]\d+")

# Spaces of no width, and marks for the direction of writing and for the order of bytes.
INVISIBLE = re.compile("[\u200b\u200e\u200f\u2060\ufeff]")

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    # UTF-32 comes before UTF-16, because its mark begins with UTF-16's.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class TextFormat:
    """The format of a text file.

    Parameters
    ----------
    separator, encoding : str or None, default=None
        None detects it.
    """

    separator: str | None = None
    encoding: str | None = None


@dataclass
class RawTable:
    """A table as written in a file.

    Parameters
    ----------
    frame : DataFrame
        Columns of str if the file has no types, with empty texts for empty cells.
    separator : str, default=","
        The separator of columns in a text file.
    notes : list of str
        Remarks about reading the file, if anything is unusual.
    """

    frame: pd.DataFrame
    separator: str = ","
    notes: list[str] = field(default_factory=list)


class UnreadableError(ValueError):
    """A file is not a table. The message gives the reason."""


def decode(content: bytes, encoding: str | None) -> tuple[str, str]:
    """Decode bytes to text.

    Parameters
    ----------
    content : bytes
    encoding : str or None
        None takes the encoding of the byte order mark, or else the first that fits of UTF-8, UTF-16 and Windows-1252.

    Returns
    -------
    text, encoding : str

    Raises
    ------
    UnreadableError
        If the bytes are not in the encoding.
    """
    if encoding is not None:
        try:
            return content.decode(encoding).removeprefix("\ufeff"), encoding
        except (UnicodeDecodeError, LookupError) as error:
            raise UnreadableError(f"it is not in the encoding {encoding}: {error}. Give another --encoding") from None
    for mark, name in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(name, "replace"), name
    for name in _likely_encodings(content):
        try:
            return content.decode(name), name
        except UnicodeDecodeError:
            if name == "utf-8" and (text := _decode_damaged(content)):
                return text, name
    # Every byte is valid in this encoding.
    return content.decode("latin-1"), "latin-1"


def _likely_encodings(content: bytes) -> Iterator[str]:
    # In UTF-16, every second byte of plain letters is zero.
    sample = content[:10_000]
    if sample.count(0) > len(sample) / 4:
        yield "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    yield "utf-8"
    yield "cp1252"


def _decode_damaged(content: bytes) -> str | None:
    """Text in UTF-8 with a few wrong bytes, or None if it is not UTF-8."""
    text = content.decode("utf-8", "replace")
    n_wrong = text.count("\ufffd")
    n_right = sum(letter > "\x7f" for letter in text) - n_wrong
    return text if n_right > n_wrong else None


def read_delimited(file: io.BytesIO, text_format: TextFormat) -> RawTable:
    """Read a text file.

    Parameters
    ----------
    file : BytesIO
    text_format : TextFormat

    Returns
    -------
    table : RawTable

    Raises
    ------
    UnreadableError
        If a row has more values than the header has names.
    """
    text, encoding = decode(file.getvalue(), text_format.encoding)
    separator = text_format.separator
    # Excel writes and reads a first line that names the separator.
    if match := re.match(r'"?sep=(.)"?\r?\n', text):
        separator = separator or match[1]
        text = text[match.end() :]
    # Invisible characters, marks at the start of joined files, and bytes that pad the end of a file.
    text = INVISIBLE.sub("", text).rstrip("\0\x1a")
    if not text.strip():
        raise UnreadableError("it is empty")
    if "\0" in text:
        raise UnreadableError("it has zero bytes, so it is not text, or in another encoding. Save it as text in UTF-8")
    if re.match(r"\s*<(!doctype|html|\?xml)", text, re.IGNORECASE):
        raise UnreadableError("it is a web page or XML, not a table")
    separator = separator or _find_separator(text)
    names, n_columns, n_short = _measure(text, separator)
    # The header is read as a row, because pandas would rename columns of one name.
    frame = pd.read_csv(
        io.StringIO(text),
        sep=r"\s+" if separator == " " else separator,
        skipinitialspace=True,
        header=None,
        names=list(range(n_columns)),
        dtype=str,
        keep_default_na=False,
        na_filter=False,
    )
    notes = []
    if n_wrong := text.count("\ufffd"):
        notes.append(f"{n_wrong} letter(s) are not valid in the encoding {encoding}, and are shown as \ufffd.")
    if encoding not in ("utf-8", "utf-8-sig") and text_format.encoding is None:
        notes.append(f"The file is read in the encoding {encoding} (--encoding sets another).")
    if separator != "," and text_format.separator is None:
        notes.append(
            f"Columns are separated by {SEPARATORS.get(separator, repr(separator))} (--sep sets another character)."
        )
    if frame.shape[1] > len(names):
        notes.append("Rows end with a separator, which is ignored.")
    if n_short:
        notes.append(f"{n_short} row(s) have fewer values than there are columns. The last values count as missing.")
    if any(NUMBER.fullmatch(name) for name in names):
        notes.append(
            f"The first line is read as names, such as {names[0]!r}. If it is data, add a line of names above it."
        )
    # Joined files repeat their header.
    is_header = (frame == frame.iloc[0]).all(axis=1)
    if n_repeats := is_header.sum() - 1:
        notes.append(f"{n_repeats} row(s) repeat the header and are left out.")
    return RawTable(frame.loc[~is_header, : len(names) - 1].set_axis(names, axis=1), separator, notes)


def name_columns(header: list[str]) -> list[str]:
    """Name blank columns by their number, like pandas.

    Parameters
    ----------
    header : list of str

    Returns
    -------
    names : list of str
        Names without spaces around them. A name that pandas gave before is not used again.
    """
    names = [name.strip() for name in header]
    for number, name in enumerate(names):
        if not name:
            unused = f"Unnamed: {number}"
            while unused in names:
                unused += "_"
            names[number] = unused
    return names


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line numbers."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        (line.strip() + "\n" for line in lines) if separator == " " else lines,
        delimiter=separator,
        skipinitialspace=True,
    )
    for row in reader:
        # pandas also skips blank lines.
        if len(row) > 1 or (row and row[0].strip()):
            yield reader.line_num, row


def _find_separator(text: str) -> str:
    """The character that splits most of the first lines into equal numbers of values."""
    sample = "".join(islice(io.StringIO(text, newline=""), N_SAMPLE))

    def rate(separator: str) -> tuple[float, int, bool]:
        rows = [len(row) for _, row in _rows(sample, separator)]
        width, n_rows = Counter(rows).most_common(1)[0]
        return (n_rows / len(rows), width, rows[0] > 1) if width > 1 else (0.0, 0, False)

    rates = {separator: rate(separator) for separator in SEPARATORS}
    likely = sorted((sign for sign in SEPARATORS if rates[sign][0] >= 0.5), key=rates.__getitem__, reverse=True)
    # Spaces also occur in text with other separators, and commas in numbers. The first line may be a title.
    split_header = [sign for sign in likely if rates[sign][2]]
    for signs in (split_header, likely):
        if signs:
            return next((sign for sign in signs if sign != " "), " ")
    return ","


def _measure(text: str, separator: str) -> tuple[list[str], int, int]:
    """Names of the columns, the most values in a row, and rows with fewer values than names."""
    rows = _rows(text, separator)
    last_line, header = next(rows)
    widths: Counter[int] = Counter()
    for line, row in rows:
        widths[len(row)] += 1
        if line > last_line + 1 and any("\n" in value or "\r" in value for value in row):
            _check_quotes(islice(io.StringIO(text, newline=""), last_line, line), separator, line)
        last_line = line
        if len(row) > len(header) and any(value.strip() for value in row[len(header) :]):
            shown = "a space" if separator == " " else repr(separator)
            raise UnreadableError(
                f"line {line} has {len(row)} values, but the first line, the header, has {len(header)}. Name every "
                f"column there, delete lines above the header, quote values that contain {shown}, or give --sep"
            )
    widest = max([len(header), *widths])
    # A header may end with separators that the rows do not have.
    while not header[-1].strip() and len(header) > max(widths, default=widest):
        header.pop()
    names = name_columns(header)
    return names, widest, sum(n_rows for width, n_rows in widths.items() if width < len(names))


def _check_quotes(lines: Iterable[str], separator: str, last_line: int) -> None:
    """Refuse a row of several lines unless its quotes begin and end values, because an open quote swallows rows."""
    try:
        for _ in csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True):
            pass
    except csv.Error:
        raise UnreadableError(
            f"a quote that opens a value above line {last_line} is not closed where the value ends. Close it, or write "
            "each quote within a value twice, between quotes"
        ) from None
