"""Reads files of tables without interpretation: text stays text, and only empty cells are missing."""

import bz2
import gzip
import io
import json
import lzma
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

import pandas as pd

from ...validation import nearest_name_hint
from ..errors import CommandError
from ..files import similar_files
from .delimited import RawTable, TextFormat, UnreadableError, decode, name_columns, read_delimited
from .names import COMPRESSIONS, SUFFIXES
from .numerals import parse_number

STANDARD_INPUT = Path("-")
# The first bytes of Microsoft's compound files.
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
# Features of a sheet that pandas does not report, each with a sentence for the user.
LAYOUTS = {
    rb"<mergeCell ": "The workbook has merged cells. Only the first of them has the value; fill the others.",
    rb'<row [^>]*hidden="(1|true)"': "The workbook has hidden rows, which are read too. Delete wrong ones.",
}
# The start of a list of records, or of a record.
RECORD = re.compile(rb'\s*(\[\s*)?\{\s*"')


def read_table(path: Path, text_format: TextFormat) -> RawTable:
    """Read a file.

    Parameters
    ----------
    path : Path
        ``-`` is standard input, whose format is detected from its first bytes.
    text_format : TextFormat

    Returns
    -------
    table : RawTable
        A table with distinct column names.

    Raises
    ------
    CommandError
        If the file cannot be read, has no rows, or gives two columns the same name.
    """
    try:
        table = _read(path, text_format)
    except FileNotFoundError:
        raise CommandError(f"{nearest_name_hint(path.name, similar_files(path))}There is no file '{path}'.") from None
    except (MemoryError, CommandError):
        raise
    # A damaged file may raise any exception.
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).removesuffix(".")
        name = "Standard input" if path == STANDARD_INPUT else f"'{path}'"
        raise CommandError(f"{name} cannot be read: {reason}.") from None
    frame = table.frame
    frame.columns = [str(name).strip() for name in frame.columns]
    if not len(frame):
        raise CommandError(f"'{path}' has no rows.")
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        advice = " If the first line is data, write a line of names above." if parse_number(name) else ""
        raise CommandError(f"'{path}' has more than one column {name!r}. Rename all but one.{advice}")
    table.frame = frame.reset_index(drop=True)
    return table


def _read(path: Path, text_format: TextFormat) -> RawTable:
    if path == STANDARD_INPUT:
        content = _decompress(sys.stdin.buffer.read())
        text_suffix = {b"[": ".json", b"{": ".jsonl"}.get(content.lstrip()[:1], ".csv")
        return READERS[_suffix_of_content(content) or text_suffix](io.BytesIO(content), text_format)
    # pathlib keeps one of the two slashes.
    if re.match(r"\w{2,}:/", str(path)):
        raise UnreadableError("it is an address, not a file. Download it first")
    suffixes = [suffix.lower() for suffix in path.suffixes[-3:]]
    archive = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else None
    if archive and suffixes and suffixes[-1] == ".tar":
        suffixes.pop()
    if not suffixes or suffixes[-1] not in READERS:
        takes = ", ".join(SUFFIXES)
        raise CommandError(
            f"A table is a file that ends in {takes}, or in one of them and {', '.join(COMPRESSIONS)}; got '{path}'."
        )
    suffix = suffixes[-1]
    if path.is_dir():
        if suffix != ".parquet":
            raise UnreadableError("it is a folder")
        # The folder may hold the parts of one table.
        return RawTable(_without_index(pd.read_parquet(path)))
    # Opened here because some libraries cannot open a file whose name is not UTF-8.
    with path.open("rb") as file:
        content = _decompress(file.read())
    if READERS[suffix] is read_delimited and RECORD.match(content):
        suffix = ".jsonl"
    if suffix == ".tsv" and b"\t" in content and text_format.separator is None:
        text_format = TextFormat("\t", text_format.encoding)
    return READERS[_suffix_of_content(content) or suffix](io.BytesIO(content), text_format)


def _decompress(content: bytes) -> bytes:
    """Decompress content if its first bytes say that it is compressed. An archive must hold one file."""
    for start, decompress in SIGNATURES.items():
        if content.startswith(start) and not _is_workbook(content):
            return _decompress(decompress(content))
    if content[257:262] == b"ustar":
        return _only_member(content)
    return content


def _is_workbook(content: bytes) -> bool:
    return content.startswith(b"PK") and b"[Content_Types].xml" in content


def _unzip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # Archives of macOS have hidden files.
        names = [name for name in archive.namelist() if not re.search(r"(^|/)(__MACOSX/|\.[^/]*$)|/$", name)]
        _check_one_member(names)
        return archive.read(names[0])


def _only_member(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        _check_one_member([member.name for member in members])
        file = archive.extractfile(members[0])
        assert file is not None
        return file.read()


def _check_one_member(names: list[str]) -> None:
    if len(names) != 1:
        raise UnreadableError(
            f"the archive has {len(names)} files ({', '.join(names[:5])}). Unpack it, and give one file"
        )


def _decompress_zstandard(content: bytes) -> bytes:
    try:
        from zstandard import ZstdDecompressor
    except ImportError:
        raise CommandError("Files that end in .zst need zstandard: pip install zstandard") from None
    # zstandard's decompress would need the size in advance.
    return ZstdDecompressor().stream_reader(io.BytesIO(content)).read()


SIGNATURES: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"\x28\xb5\x2f\xfd": _decompress_zstandard,
    b"PK\x03\x04": _unzip,
}


def _suffix_of_content(content: bytes) -> str | None:
    """The suffix for a file's content, whatever its name is, or None if it is text."""
    if content.startswith(b"PAR1"):
        return ".parquet"
    if content.startswith(OLD_OFFICE):
        raise UnreadableError(
            "it is an Excel workbook in the old format or with a password. Save it as .xlsx without one"
        )
    return ".xlsx" if _is_workbook(content) else None


def _read_parquet(file: io.BytesIO, _: TextFormat) -> RawTable:
    try:
        return RawTable(_without_index(pd.read_parquet(file)))
    except ImportError:
        raise CommandError("Parquet files need pyarrow: pip install pyarrow") from None


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without its index, except for levels with a name, which become columns."""
    names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(names)[[*names, *frame.columns]] if names else frame


def _read_workbook(file: io.BytesIO, _: TextFormat) -> RawTable:
    if not _is_workbook(file.getvalue()):
        raise UnreadableError("it is not an Excel workbook. If it is text, name it .csv")
    try:
        # Without a header, because pandas would rename duplicate columns.
        sheets = pd.read_excel(file, sheet_name=None, header=None, dtype=object, keep_default_na=False, na_values=[""])
    except ImportError:
        raise CommandError("Excel files need openpyxl: pip install openpyxl") from None
    filled = {name: cells.dropna(how="all") for name, cells in sheets.items() if cells.notna().any(axis=None)}
    if not filled:
        raise UnreadableError("its sheets are empty")
    first, *others = filled
    cells = filled[first]
    columns = cells.columns[cells.notna().any()]
    names = name_columns(["" if pd.isna(name) else str(name) for name in cells.iloc[0][columns]])
    frame = cells[columns].iloc[1:].set_axis(names, axis=1).infer_objects()
    notes = [f"The sheet {first!r} is read. Other sheets are not: {', '.join(map(repr, others))}."] if others else []
    notes += _describe_layout(file)
    if empty := [name for name in names if frame[[name]].isna().all(axis=None)]:
        notes.append(
            f"Cells below {empty[0]!r} are empty. If they have formulas, save the workbook in Excel, which stores the "
            "results."
        )
    return RawTable(frame, notes=notes)


def _describe_layout(file: io.BytesIO) -> list[str]:
    """Say where a workbook looks different from the table that is read."""
    with zipfile.ZipFile(file) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]*\.xml", name)]
    return [sentence for pattern, sentence in LAYOUTS.items() if any(re.search(pattern, sheet) for sheet in sheets)]


def _read_json_lines(file: io.BytesIO, text_format: TextFormat) -> RawTable:
    with suppress(ValueError):
        record = json.loads(file.getvalue(), object_pairs_hook=_make_record)
        if isinstance(record, dict) and not any(isinstance(value, list | dict) for value in record.values()):
            return RawTable(pd.DataFrame([record]))
    return _read_json(file, text_format)


def _read_json(file: io.BytesIO, _: TextFormat) -> RawTable:
    text = decode(file.getvalue(), None)[0]
    try:
        value = json.loads(text, object_pairs_hook=_make_record)
    except json.JSONDecodeError:
        # The file may have a record on each line instead.
        value = [_loads_line(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    notes = []
    if isinstance(value, dict) and {"columns", "data"} <= set(value):
        value = [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    elif isinstance(value, dict):
        tables = [name for name, part in value.items() if _are_records(part)]
        if len(tables) == 1:
            notes.append(f"The records under {tables[0]!r} are read.")
            value = value[tables[0]]
    if not (_are_records(value) or value == [] or _are_columns(value)):
        raise UnreadableError('it must be a list of records such as {"a": 1, "b": 2}, or have a record in each line')
    if _are_rows(value):
        value = list(value.values())
    frame = _flatten(value) if isinstance(value, list) else pd.DataFrame(value)
    return RawTable(frame.infer_objects(), notes=notes)


def _flatten(records: list[dict]) -> pd.DataFrame:
    """A column for each value, with names such as address.city for records in records."""
    outer = {name for record in records for name, value in record.items() if isinstance(value, dict)}
    for name in {name for record in records for name in record}:
        if name not in outer and any(name.startswith(f"{start}.") for start in outer):
            raise UnreadableError(f"{name!r} may be a name or a place in a record. Rename it")
    return pd.json_normalize(records)


def _make_record(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        # Python would keep the last value.
        repeated = next(name for name in record if sum(name == other for other, _ in pairs) > 1)
        raise UnreadableError(f"a record has more than one value {repeated!r}. Rename all but one")
    return record


def _are_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(record, dict) for record in value)


def _are_columns(value: object) -> bool:
    return isinstance(value, dict) and (
        all(isinstance(column, list) for column in value.values())
        or all(isinstance(column, dict) for column in value.values())
    )


def _are_rows(value: object) -> TypeGuard[dict[str, dict]]:
    """Whether a record of records has a row under each name, and not a column.

    Rows usually have numbers for names, and are more than columns.
    """
    if not isinstance(value, dict) or not value or not all(isinstance(row, dict) for row in value.values()):
        return False
    names = {name for row in value.values() for name in row}
    return not all(map(str.isdecimal, names)) and (all(map(str.isdecimal, value)) or len(value) > len(names))


def _loads_line(line: str, number: int) -> object:
    try:
        return json.loads(line, object_pairs_hook=_make_record)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {number} is not JSON ({error})") from None


READERS: dict[str, Callable[[io.BytesIO, TextFormat], RawTable]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".parquet": _read_parquet,
    ".xlsx": _read_workbook,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
}
