"""Tables of the command line: how files are read, and the kind found for each column."""

import bz2
import gzip
import io
import json
import lzma
import re
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard

from skinit.cli.arguments import parse_arguments
from skinit.cli.data import load_table
from skinit.cli.errors import CommandError
from skinit.cli.tables.columns import read_columns
from skinit.cli.tables.delimited import TextFormat
from skinit.cli.tables.names import COMPRESSIONS, SUFFIXES
from skinit.cli.tables.reader import ColumnReader
from skinit.cli.tables.reading import READERS, read_table
from skinit.cli.tables.uninformative import leave_out_uninformative

N_ROWS = 40
RNG = np.random.default_rng(0)
SIZES = RNG.normal(size=N_ROWS).round(3)
COLOURS = RNG.choice(["red", "green", "blue"], N_ROWS)
DAYS = pd.date_range("2020-01-01", periods=N_ROWS).to_numpy()
KINDS = RNG.choice(["a", "b"], N_ROWS)
HOUSES = pd.DataFrame({"size": SIZES, "colour": COLOURS, "sold": DAYS, "kind": KINDS})


@pytest.fixture
def load(tmp_path):
    """Return a function that loads the table of a file. If content is given, it is written to the file first."""

    def load(content, *arguments, name="table.csv", target="y"):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content = content.to_csv(index=False)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_table(parse_arguments(["--data", str(path), "--target", target, *arguments]))

    return load


def with_target(**columns):
    """Return a frame of columns, with a target that does not depend on them."""
    n_rows = len(next(iter(columns.values())))
    return pd.DataFrame({**columns, "y": np.tile(["u", "v", "v"], n_rows)[:n_rows]})


def kinds_of(table):
    return {column.name: column.taken_for for column in table.columns}


def assert_same(table, expected):
    pd.testing.assert_frame_equal(table.X, expected.X)
    np.testing.assert_array_equal(table.y, expected.y)
    assert kinds_of(table) == kinds_of(expected)


def write_tar(content, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        member = tarfile.TarInfo("houses.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_zip(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("houses.csv", content)
    return buffer.getvalue()


def write_binary(writer):
    buffer = io.BytesIO()
    writer(buffer)
    return buffer.getvalue()


CSV = HOUSES.to_csv(index=False).encode()
FILES = {
    "houses.csv": CSV,
    "houses.tsv": HOUSES.to_csv(index=False, sep="\t").encode(),
    "houses.txt": HOUSES.to_csv(index=False, sep=" ").encode(),
    "houses.csv.gz": gzip.compress(CSV, mtime=0),
    "houses.csv.bz2": bz2.compress(CSV),
    "houses.csv.xz": lzma.compress(CSV),
    "houses.csv.zip": write_zip(CSV),
    "houses.csv.tar": write_tar(CSV, "w"),
    "houses.csv.tar.gz": write_tar(CSV, "w:gz"),
    "houses.parquet": write_binary(HOUSES.to_parquet),
    "houses.parquet.gz": gzip.compress(write_binary(HOUSES.to_parquet)),
    "houses.xlsx": write_binary(lambda file: HOUSES.to_excel(file, index=False)),
    "houses.json": HOUSES.to_json(orient="records", date_format="iso").encode(),
    "columns.json": HOUSES.to_json(orient="columns", date_format="iso").encode(),
    "index.json": HOUSES.to_json(orient="index", date_format="iso").encode(),
    "split.json": HOUSES.to_json(orient="split", date_format="iso").encode(),
    "answer.json": json.dumps(
        {"count": 2, "rows": json.loads(HOUSES.to_json(orient="records", date_format="iso"))}
    ).encode(),
    "houses.jsonl": HOUSES.to_json(orient="records", lines=True, date_format="iso").encode(),
    "utf16.csv": CSV.decode().replace(",", "\t").encode("utf-16"),
    "semicolons.csv": HOUSES.to_csv(index=False, sep=";", decimal=",").encode(),
    "bars.csv": HOUSES.to_csv(index=False, sep="|").encode(),
    "mark.csv": b"\xef\xbb\xbf" + CSV,
    "excel.csv": b"sep=;\r\n" + HOUSES.to_csv(index=False, sep=";").encode(),
    "workbook.csv": write_binary(lambda file: HOUSES.to_excel(file, index=False)),
    "zipped.csv": gzip.compress(CSV, mtime=0),
    "old_mac.csv": CSV.replace(b"\n", b"\r"),
    "dates.csv": HOUSES.assign(sold=HOUSES["sold"].dt.strftime("%d.%m.%Y")).to_csv(index=False).encode(),
    "padded.csv": CSV + b"\0\0\x1a",
    "invisible.csv": CSV.replace(b"red", "\u200bred\u200e".encode()),
    "commas.tsv": CSV,
    "records.csv": HOUSES.to_json(orient="records", date_format="iso").encode(),
    "trailing.csv": b"\n".join([CSV.split(b"\n")[0], *(row + b"," for row in CSV.split(b"\n")[1:-1])]),
    "header.csv": CSV.replace(b"kind\n", b"kind,,\n"),
    "quoted.csv": HOUSES.to_csv(index=False, quoting=1).encode(),
    "spaced.csv": CSV.replace(b",", b" , "),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_table(load, name):
    table = load(FILES[name], name=name, target="kind")
    days = (DAYS - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    expected = pd.DataFrame({"size": SIZES, "colour": COLOURS.astype(object), "sold": days})
    pd.testing.assert_frame_equal(table.X, expected, check_dtype=False)
    np.testing.assert_array_equal(np.array(table.class_names)[table.y], KINDS)
    assert [kind.split(" (")[0] for kind in kinds_of(table).values()] == ["number", "category of 3", "date"]


def test_zstandard_is_read(load):
    content = zstandard.ZstdCompressor().compress(CSV)
    assert_same(load(content, name="houses.csv.zst", target="kind"), load(CSV, target="kind"))


def test_a_missing_zstandard_is_named(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(CommandError, match="pip install zstandard"):
        load(b"\x28\xb5\x2f\xfd", name="houses.csv.zst")


@pytest.mark.parametrize(("package", "name"), [("pyarrow", "houses.parquet"), ("openpyxl", "houses.xlsx")])
def test_a_missing_package_is_named(load, monkeypatch, package, name):
    monkeypatch.setattr(pd, "read_parquet", _raise_import_error)
    monkeypatch.setattr(pd, "read_excel", _raise_import_error)
    with pytest.raises(CommandError, match=f"pip install {package}"):
        load(FILES[name], name=name, target="kind")


def _raise_import_error(*_, **__):
    raise ImportError


@pytest.mark.parametrize("name", ["houses.csv", "houses.parquet", "houses.xlsx", "houses.jsonl", "houses.csv.gz"])
def test_standard_input_tells_its_kind(load, monkeypatch, name):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILES[name])))
    table = load_table(parse_arguments(["--data", "-", "--target", "kind"]))
    assert_same(table, load(FILES[name], name=name, target="kind"))
    assert table.name == "standard input"


def test_the_listed_kinds_of_files_are_those_that_can_be_read():
    assert set(READERS) == set(SUFFIXES)
    assert {"." + name.rsplit(".", 1)[-1] for name in FILES if ".csv." in name} <= set(COMPRESSIONS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_found_and_reported(load, encoding):
    text = with_target(**{"größe": SIZES, "straße": np.where(SIZES > 0, "Süd €", "Nord")}).to_csv(index=False)
    table = load(text.encode(encoding))
    assert list(table.X.columns) == ["größe", "straße"]
    assert set(table.X["straße"]) == {"Süd €", "Nord"}
    assert any("encoding" in note for note in table.notes) == (encoding not in ("utf-8", "utf-8-sig"))


def test_a_wrong_byte_leaves_utf_8_and_is_told(load):
    text = with_target(**{"größe": SIZES, "straße": ["Süd", "Köln"] * 20}).to_csv(index=False).encode()
    table = load(text.replace("Köln".encode(), b"K\xf6ln", 1))
    assert list(table.X.columns) == ["größe", "straße"]
    assert set(table.X["straße"]) == {"Süd", "Köln", "K\ufffdln"}
    assert table.notes[0].startswith("1 letter(s) are not valid in the encoding utf-8")


def test_a_value_of_several_lines_is_one_value(load):
    table = load(with_target(a=[f'"{i}", he said,\nand {i} more, too' for i in range(40)]))
    assert table.X.shape == (40, 1)
    assert table.X["a"][1] == '"1", he said,\nand 1 more, too'


def test_headers_of_joined_files_are_no_rows(load):
    table = load(CSV + b"\xef\xbb\xbf" + CSV, target="kind")
    assert table.X.shape[0] == 2 * N_ROWS
    assert table.class_names == ["a", "b"]
    assert "1 row(s) repeat the header and are left out." in table.notes


def test_separators_of_lines_in_unicode_do_not_end_a_record(load):
    records = [{"a": float(size), "b": "x\u2028y", "y": kind} for size, kind in zip(SIZES, KINDS, strict=True)]
    table = load("\n".join(json.dumps(record, ensure_ascii=False) for record in records), name="a.jsonl")
    assert table.X.shape == (40, 1)


def test_options_control_how_a_file_is_read(load):
    frame = with_target(a=SIZES, b=np.where(SIZES > 0, "жук", "кот"))
    text = frame.to_csv(index=False, sep="~", decimal=",")
    table = load(text.encode("cp1251"), "--sep", "~", "--encoding", "cp1251", "--decimal", ",")
    assert set(table.X["b"]) == {"жук", "кот"}
    np.testing.assert_array_equal(table.X["a"], SIZES)
    assert table.notes == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b,y\nr1,1,2,3\nr2,4,5,6\n", ["line 2 has 4 values", "the header, has 3", "--sep"]),
        ("A title\n\na,b,y\n1,2,3\n4,5,6\n", ["line 3 has 3 values", "delete lines above the header"]),
        ("a,y\n1,2\n1,2,3\n", ["line 3 has 3 values"]),
        ("a,y,y\n1,2,3\n", ["more than one column 'y'", "Rename all but one"]),
        ("a,y, y\n1,2,3\n", ["more than one column 'y'"]),
        ("<!DOCTYPE html><html>404, not found</html>", ["web page"]),
        ('a,y\n1,"u\n2,v\n', ["a quote that opens a value above line 3 is not closed"]),
        ('a,y\n"1,u\n2,v\n"3,u\n', ["a quote that opens a value above line 4 is not closed"]),
        ("a,y\n1,\0u\n", ["zero bytes"]),
        ("", ["empty"]),
        ("a,y\n", ["no rows"]),
    ],
)
def test_a_broken_file_of_text_is_one_error_with_its_remedy(load, content, words):
    with pytest.raises(CommandError) as error:
        load(content)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "[1, 2]", "list of records"),
        ("a.json", '{"a": 1, "y": 2}', "list of records"),
        ("a.jsonl", '{"a": 1, "y": [2]}', "list of records"),
        ("a.json", '"text"', "list of records"),
        ("a.json", '[{"a.b": 1, "a": {"b": 2}, "y": 1}]', "'a.b' may be a name or a place in a record. Rename it"),
        ("a.jsonl", '{"a": 1}\n{"a": 1,\n', "line 2 is not JSON"),
        ("a.json", '[{"a": 1, "y": 2, "a": 3}]', "a record has more than one value 'a'"),
        ("a.jsonl", '{"a": 1, "y": 2}\n{"a": 1, "y": 2, "y": 3}\n', "a record has more than one value 'y'"),
        ("a.xlsx", "a,y\n1,2\n", "not an Excel workbook. If it is text, name it .csv"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Save it as .xlsx"),
        ("a.parquet", "a,y\n1,2\n", "cannot be read"),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)[:50], "cannot be read"),
        ("a.zip", b"", "A table is a file that ends in"),
        ("a.docx", "", ".csv, .tsv"),
    ],
)
def test_a_broken_file_of_another_kind_is_one_error(load, name, content, words):
    with pytest.raises(CommandError) as error:
        load(content, name=name)
    assert words in str(error.value)


def test_an_archive_of_two_files_is_refused(load):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with pytest.raises(CommandError, match=r"2 files \(a.csv, b.csv\)"):
        load(buffer.getvalue(), name="two.csv.zip")


def test_rows_that_end_early_have_missing_values_and_are_reported(load):
    table = load("y,a,b\n" + "u,1,2\nv,2\nv,3,4\n" * 10)
    assert np.isnan(table.X["b"]).sum() == 10
    assert any(note.startswith("10 row(s) have fewer values") for note in table.notes)


def test_a_header_of_numbers_is_questioned(load):
    table = load("5.1,3.5,y\n" + "4.9,3.0,u\n4.7,3.1,v\n" * 10)
    assert any("If it is data" in note for note in table.notes)


def test_other_sheets_are_reported(load, tmp_path):
    with pd.ExcelWriter(tmp_path / "two.xlsx") as writer:
        pd.DataFrame().to_excel(writer, sheet_name="Cover", index=False)
        HOUSES.to_excel(writer, sheet_name="Houses", index=False)
        HOUSES.to_excel(writer, sheet_name="More", index=False)
    table = load(None, name="two.xlsx", target="kind")
    assert "The sheet 'Houses' is read. Other sheets are not: 'More'." in table.notes


@pytest.mark.parametrize("names", [None, "key", "y"])
def test_an_index_of_a_parquet_file_changes_no_rows_or_columns(load, names):
    frame = with_target(a=SIZES)
    frame = pd.concat([frame, frame])
    if names == "key":
        frame.index = pd.Index([f"row {number}" for number in range(len(frame))], name="key")
    if names == "y":
        frame = frame.set_index("y")
    table = load(write_binary(frame.to_parquet), name="table.parquet")
    assert table.X.shape == (2 * N_ROWS, 1)
    assert ("key" in kinds_of(table)) == (names == "key")


# Columns as people write them, and the kind that each should get.
COLUMNS = {
    "marker": (["1.5", "?", "2", "-"] * 10, "number"),
    "word": ([f"{i % 20}.5" if i % 4 else "k.A." for i in range(40)], "number"),
    "few": (["1", "2", "3", "many"] * 10, "category of 4"),
    "thousands": ([f"{1000 * i:,}" for i in range(1, 41)], "number"),
    "money": ([f"${1.25 * i:,.2f}" for i in range(800, 840)], "number in $"),
    "share": ([f"{i % 7}%" for i in range(40)], "number"),
    "truth": (["true", "FALSE", "", "True"] * 10, "number (true or false)"),
    "codes": (["01234", "90210", "00501", "10001"] * 10, "category of 4"),
    "months": (["01", "02", "11", "12"] * 10, "number"),
    "answers": (["yes", "no", "no", "n/a"] * 10, "category of 3"),
    "days": ([f"{i % 28 + 1}.{i % 12 + 1}.2020" for i in range(40)], "date (day.month.year)"),
    "far": (["9999-12-31", "1066-10-14"] * 20, "date"),
    "clock": (["12:30", "7:15"] * 20, "duration"),
    "words": ([f"Mr. {i} of {i * i}th street" for i in range(40)], "text"),
    "same": (["x"] * 40, "left out: the same value in every row"),
    "nothing": (["", "?"] * 20, "left out: no value in any row"),
    "Unnamed: 0": ([str(i) for i in range(40)], "left out: row numbers"),
    "shuffled": ([str(i) for i in RNG.permutation(40) + 1], "left out: row numbers"),
    "PassengerId": (
        [str(7 * i) for i in range(40)],
        "left out: an identifier, because every row has a different whole number",
    ),
    "token": ([f"x{i}y" for i in range(40)], "left out: an identifier, because every row has a different value"),
    "almost token": (
        [f"x{i % 39}y" for i in range(40)],
        "left out: an identifier, because nearly every row has a different value",
    ),
    "row": (
        [str(3 * i) for i in range(39)] + [""],
        "left out: an identifier, because nearly every row has a different whole number",
    ),
    "big codes": ([str(2**53 + i % 4) for i in range(40)], "category of 4"),
    "big numbers": ([f"{i + 1}000000000000000000" for i in range(40)], "number"),
    "month and year": (["01.2020", "12.2021"] * 20, "date (month.year)"),
    "year": ([str(1980 + i) for i in range(40)], "number"),
    "population": ([str(i * i + 7) for i in range(40)], "number"),
    "units": (["5 kg", "5 lb"] * 20, "category of 2"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_get_the_right_kind(name):
    values, taken_for = COLUMNS[name]
    (column,) = (column for column in load_columns({name: values}) if column.name == name)
    assert column.taken_for == taken_for


MIXTURES = {
    "decimals": [f"{i},5" if i % 2 else f"{i}.25" for i in range(40)],
    "units": ["5 kg", "5 lb"],
    "percentages": ["45%", "50"],
    "dates": ["2020-01-31", "31.1.2020"],
    "remarks": ["1", "2", "3", "n.v.", "x"],
    "bounds": ["3", "4", "≥5"],
}


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_of_notations_is_told(name):
    values = (MIXTURES[name] * 40)[:40]
    column = load_columns({name: values})[0]
    assert column.kind in ("category", None)
    assert f"mixes values such as {values[0]!r} and " in column.warnings[0]
    assert "in the same way" in column.warnings[0]


@pytest.mark.parametrize("values", [["01234", "A12"], ["red", "blue"], ["2020-01-31", "late", "never"], ["1/2", "3/4"]])
def test_categories_are_no_mixture(values):
    assert load_columns({"a": (values * 20)[:40]})[0].warnings == []


def test_identifiers_that_repeat_are_told(load):
    table = load(with_target(customer_id=np.arange(40) % 13, a=SIZES))
    assert kinds_of(table)["customer_id"] == "number"
    assert "--drop customer_id" in table.remarks[-1]


def test_typed_whole_numbers_that_a_float_cannot_hold_are_codes(load):
    frame = pd.DataFrame({"a": SIZES, "code": 2**53 + np.arange(40) % 4, "y": 2**53 + np.arange(40) % 2})
    table = load(write_binary(frame.to_parquet), name="a.parquet")
    assert kinds_of(table)["code"] == "category of 4"
    assert table.class_names == ["9007199254740992", "9007199254740993"]


def load_columns(columns):
    # A second column stays whatever happens to the first.
    frame = pd.DataFrame({**columns, "other": np.arange(len(next(iter(columns.values())))) / 7}, dtype=object)
    return leave_out_uninformative(read_columns(frame), ())


@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, 1j])
def test_columns_of_unusable_values_are_left_out(value):
    assert load_columns({"a": [value] * 3})[0].kind is None


def test_the_decimal_separator_follows_the_other_columns(load):
    ambiguous = [f"{i},{i}00" for i in range(1, 10)] * 4
    table = load(with_target(a=ambiguous))
    assert table.X["a"][0] == 1100
    assert any("--decimal , it is 1.1" in remark for remark in table.remarks)
    table = load(with_target(a=ambiguous, b=["1,5", "2,25", "3"] * 12))
    assert table.X["a"][0] == 1.1
    assert load(with_target(a=ambiguous), "--decimal", ",").X["a"][0] == 1.1
    semicolons = with_target(a=ambiguous).to_csv(index=False, sep=";")
    assert load(semicolons).X["a"][0] == 1.1


def test_a_remark_among_numbers_is_counted(load):
    table = load(with_target(a=["1.5", "2.5"] * 20 + ["see note"]))
    assert kinds_of(table) == {"a": "number"}
    assert "has 1 value(s) that are not numbers, such as 'see note'" in table.remarks[-1]


def test_columns_can_be_chosen_dropped_and_given_a_kind(load):
    frame = with_target(id=np.arange(40), zip=[1, 2] * 20, a=SIZES, b=SIZES)
    assert kinds_of(load(frame, "--drop", "a", "b")) == {"id": "left out: row numbers", "zip": "number"}
    assert kinds_of(load(frame, "--columns", "a", "zip", "--as", "zip=category")) == {
        "zip": "category of 2",
        "a": "number",
    }
    assert kinds_of(load(frame, "--columns", "id", "--as", "id=number")) == {"id": "number"}
    assert kinds_of(load(frame, "--columns", "a", "--as", "a=text")) == {"a": "text"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--drop", "sise"], "Did you mean 'size'? There is no column 'sise' for --drop."),
        (["--columns", "sise"], "Did you mean 'size'? There is no column 'sise' for --columns."),
        (["--as", "sise=number"], "Did you mean 'size'? There is no column 'sise' for --as."),
        (["--as", "size=nmber"], "Did you mean 'number'?"),
        (["--as", "size"], "COLUMN=TYPE"),
        (["--as", "colour=number"], "'colour' cannot be read as numbers: it has values such as"),
        (["--as", "colour=date"], "'colour' cannot be read as dates"),
        (["--drop", "kind"], "--drop cannot leave out the target 'kind'"),
        (["--drop", "size", "colour", "sold"], "no column besides the target"),
        (["--sep", ";;"], "--sep takes one character"),
        (["--sep", ";"], "There is no column 'kind'"),
        (["--decimal", "x"], "--decimal"),
        (["--encoding", "utf8x"], "Did you mean 'utf-8' or 'utf-16'? An encoding"),
        (["--encoding", "utf-32"], "not in the encoding utf-32"),
    ],
)
def test_bad_options_are_one_error_with_a_hint(load, arguments, words):
    with pytest.raises(CommandError) as error:
        load(CSV, *arguments, target="kind")
    assert words in str(error.value)


def test_options_of_files_need_a_file():
    with pytest.raises(CommandError, match="--drop needs --data, which is missing"):
        load_table(parse_arguments(["--drop", "a"]))


def test_a_table_of_identifiers_alone_is_refused(load):
    with pytest.raises(CommandError, match="no column to learn from.*'id': row numbers.*--as NAME=TYPE"):
        load(with_target(id=np.arange(40)))


def test_an_only_column_of_row_numbers_is_kept_unless_its_name_says_id(load):
    table = load(with_target(x=np.arange(40)))
    assert kinds_of(table) == {"x": "number"}
    assert table.remarks[-1] == "The column 'x' looks like row numbers. It is kept, because no other column is left."


def test_classes_called_none_or_na_are_classes(load):
    frame = pd.DataFrame({"a": SIZES, "y": ["None", "NA", "x", "nan"] * 10})
    table = load(frame)
    assert table.class_names == ["NA", "None", "nan", "x"]
    assert len(table.y) == 40
    assert sum("is a class of the target" in note for note in table.notes) == 3


def test_missing_markers_in_a_numeric_target_are_named_and_may_be_a_class(load):
    frame = pd.DataFrame({"a": SIZES, "y": ["None", "5", "10", "5"] * 10})
    table = load(frame)
    assert table.class_names == ["5", "10"]
    assert (
        "10 row(s) without a target are left out. These values count as missing: 'None' (--as y=category"
        in table.notes[0]
    )
    assert load(frame, "--as", "y=category").class_names == ["10", "5", "None"]


@pytest.mark.parametrize(
    ("values", "task", "class_names"),
    [
        (["2D", "3D"] * 20, "classification", ["2D", "3D"]),
        (["true", "False"] * 20, "classification", ["False", "True"]),
        (["1", "0"] * 20, "classification", ["0", "1"]),
        ([f"${i}.50" for i in range(40)], "regression", []),
        ([f"{i} kg" for i in range(40)], "regression", []),
        ([f"{i}:30" for i in range(40)], "regression", []),
    ],
)
def test_targets_are_read_like_columns_and_keep_class_names(load, values, task, class_names):
    table = load(pd.DataFrame({"a": SIZES, "y": values}))
    assert (table.task, table.class_names) == (task, class_names)


def test_a_target_of_dates_is_refused(load):
    with pytest.raises(CommandError, match="holds dates.*--as y=category"):
        load(pd.DataFrame({"a": SIZES, "y": ["2020-01-01", "2021-01-01"] * 20}))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_column_that_reveals_the_target_is_suspected(load, task):
    # A tree needs many rows to read a number off a column.
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b"], 300) if task == "classification" else rng.uniform(size=300)
    copies = [f"is {value}" for value in y] if task == "classification" else 1000 - 3 * y
    frame = pd.DataFrame({"a": rng.normal(size=300), "copy": copies, "twin": y, "y": y})
    suspects = [column.name for column in load(frame).columns if column.warnings]
    assert suspects == ["copy", "twin"]


def test_rare_classes_are_reported(load):
    table = load(pd.DataFrame({"a": SIZES, "y": ["u"] * 20 + ["v"] * 17 + ["w"] * 3}))
    assert "Some classes of the target 'y' have fewer than 10 rows: 'w' (3)." in table.notes


@pytest.mark.parametrize("name", ["houses.csv", "houses.parquet", "houses.xlsx", "houses.jsonl", "dates.csv"])
def test_a_reader_reads_new_rows_like_the_training_rows(load, name):
    table = load(FILES[name], name=name, target="kind")
    reader = ColumnReader.from_columns(table.columns, "kind")
    frame = READERS["." + name.split(".")[1]](io.BytesIO(FILES[name]), TextFormat()).frame
    new = frame.iloc[[3]].reset_index(drop=True)
    pd.testing.assert_frame_equal(reader.fit(new).transform(new), table.X.iloc[[3]].reset_index(drop=True))


def test_a_reader_treats_unreadable_values_as_missing(load):
    reader = ColumnReader.from_columns(load(CSV, target="kind").columns, "kind")
    new = pd.DataFrame(
        {"size": ["n.d.", "1,234.5"], "colour": ["", 3.0], "sold": ["soon", date(1970, 1, 2)], "more": 0}
    )
    read = reader.transform(new)
    np.testing.assert_array_equal(read["size"], [np.nan, 1234.5])
    assert read["colour"].isna().tolist() == [True, False]
    assert read["colour"][1] == "3"
    np.testing.assert_array_equal(read["sold"], [np.nan, 1])
    with pytest.raises(ValueError, match=r"Did you mean 'sise'\? There is no column 'size'"):
        reader.transform(new.rename(columns={"size": "sise"}))


NUMBERS_AND_DAYS = pd.DataFrame(
    {
        "size": [1.5, 22.25, 3.0] * 20,
        "price": [f"{i + 1},{i % 10}00" for i in range(60)],
        "day": pd.date_range("2020-01-13", periods=60).strftime("%d.%m.%Y"),
        "y": np.arange(60) * 1.5,
    }
)


def test_a_reader_finds_the_separators_and_dates_of_another_file(load):
    table = load(NUMBERS_AND_DAYS.to_csv(sep=";", decimal=",", index=False))
    reader = table.make_reader()
    days = pd.to_datetime(NUMBERS_AND_DAYS["day"], format="%d.%m.%Y").dt.strftime("%Y-%m-%d")
    prices = NUMBERS_AND_DAYS["price"].str.replace(",", ".")
    other = load(NUMBERS_AND_DAYS.assign(price=prices, day=days, y=lambda frame: frame["y"].astype(str)))
    raw = NUMBERS_AND_DAYS.assign(price=prices, day=days).astype(str)
    pd.testing.assert_frame_equal(reader.transform(raw), other.X)
    pd.testing.assert_frame_equal(table.X, other.X)
    np.testing.assert_array_equal(table.read_target(raw), table.y)


def test_a_reader_tells_values_that_it_cannot_read(load):
    reader = ColumnReader.from_columns(load(CSV, target="kind").columns, "kind")
    new = pd.DataFrame({"size": ["?", "1.5", "big"], "colour": ["red"] * 3, "sold": ["1.2.2020", "soon", ""]})
    assert [sentence.split(",")[0] for sentence in reader.describe_unread(new, reader.transform(new))] == [
        "The column 'size' has 1 value(s) that cannot be read as its numbers",
        "The column 'sold' has 2 value(s) that cannot be read as its dates",
    ]
    with pytest.raises(ValueError, match="The column 'size' holds infinite numbers"):
        reader.transform(new.assign(size=np.inf))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.csv",
            "Prices,\n,\na,y\n1,u\n",
            "A row below them has 'y'. If it is the header, delete the lines above it.",
        ),
        ("a.csv", "1,2,u\n3,4,v\n", "If the first line is data, write a line of names above."),
        ("a.csv", "1,1,u\n3,4,v\n", "If the first line is data, write a line of names above."),
        ("a.csv", "a~y\n1~u\n", "--sep sets the character between them"),
        ("a.csv", "a;x\n1;u\n", "Columns are separated by semicolons"),
    ],
)
def test_the_remedy_for_a_missing_target_is_named(load, name, content, words):
    with pytest.raises(CommandError) as error:
        load(content, name=name)
    assert words in str(error.value)


def test_an_address_is_no_file():
    with pytest.raises(CommandError, match="Download it first"):
        load_table(parse_arguments(["--data", "https://example.org/a.csv", "--target", "y"]))


def test_formulas_without_results_are_named(load):
    frame = with_target(a=SIZES, b="=A1").assign(y="=A1")
    content = write_binary(lambda file: frame.to_excel(file, index=False))
    with pytest.raises(CommandError, match="no value in any row. Cells below 'b' are empty. If they have formulas"):
        load(content, name="a.xlsx")


def test_records_in_records_are_columns(load):
    records = [
        {"place": {"x": float(size), "colour": colour}, "y": kind}
        for size, colour, kind in zip(SIZES, COLOURS, KINDS, strict=True)
    ]
    table = load(json.dumps(records), name="a.json")
    assert kinds_of(table) == {"place.x": "number", "place.colour": "category of 3"}


@pytest.mark.parametrize("name", ["-", "a.jsonl"])
def test_one_record_is_a_table(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1, "b": "x"}')))
    (tmp_path / "a.jsonl").write_text('{"a": 1,\n"b": "x"}')
    frame = read_table(Path(name), TextFormat()).frame
    assert frame.to_dict("records") == [{"a": 1, "b": "x"}]


def test_periods_are_dates_and_intervals_are_categories(load):
    frame = with_target(
        month=pd.period_range("2020-01", periods=40, freq="M"), part=pd.IntervalIndex.from_breaks([0, 1, 2]).repeat(20)
    )
    table = load(write_binary(frame.to_parquet), name="a.parquet")
    assert kinds_of(table) == {"month": "date", "part": "category of 2"}
    assert table.X["month"][1] == 18293


def test_spellings_and_numbers_that_stand_for_missing_are_told(load):
    frame = with_target(a=["Red", "red", "blue", "blue"] * 10, b=[-999, 1, 2, 3.5] * 10, c=[99, 1, 2, 98] * 10)
    remarks = load(frame.assign(y=["Yes", "no", "yes", "no"] * 10)).remarks
    assert (
        "The target 'y' has values that differ only in capitals, such as 'Yes' and 'yes'. They count as different."
        in remarks
    )
    assert any("'a' has values that differ only in capitals, such as 'Red' and 'red'" in remark for remark in remarks)
    assert any("'b' has -999 in 10 rows, far from all other values" in remark for remark in remarks)
    assert not any("'c' has 99" in remark for remark in remarks)


def test_a_total_below_the_rows_is_told(load):
    frame = pd.DataFrame({"city": [*COLOURS, "Total"], "a": [*SIZES, 1], "y": [*SIZES + 0.5, 20]})
    assert load(frame).notes == ["One of the last rows has 'Total'. If it sums up the others, delete it."]
    assert load(frame.assign(city=[*["total", "part"] * 20, "total"])).notes == []


def test_huge_numbers_are_refused_and_not_a_traceback(load):
    with pytest.raises(CommandError, match="'a' holds numbers beyond 1e.150. Correct them"):
        load(with_target(a=["1e308", "-1e308"] * 20))
    with pytest.raises(CommandError, match="'y' holds numbers beyond 1e.150. Use another unit"):
        load(pd.DataFrame({"a": SIZES, "y": SIZES * 1e300}))


def test_a_copy_of_the_target_is_found_among_large_numbers(load):
    table = load(pd.DataFrame({"a": SIZES, "b": 1.5e9 + (KINDS == "a"), "y": KINDS}))
    assert "predicts the target on its own" in table.columns[1].warnings[0]


def test_hidden_files_of_an_archive_are_ignored(load):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("houses/", "houses/.DS_Store", "__MACOSX/houses/._a.csv"):
            archive.writestr(name, b"")
        archive.writestr("houses/a.csv", CSV)
    assert_same(load(buffer.getvalue(), name="a.csv.zip", target="kind"), load(CSV, target="kind"))


@pytest.mark.parametrize("values", [["!", "?!"] * 20, ["some words"] + [""] * 39], ids=["no word", "one row"])
def test_text_with_too_few_words_is_refused(load, values):
    with pytest.raises(CommandError, match=r"'a' cannot be read as text: it has words in [01] row\(s\)"):
        load(with_target(a=values, b=SIZES), "--as", "a=text")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hauses.csv", "Did you mean 'houses.csv'? "), ("houses.tsv", "Did you mean 'houses.csv'? "), ("x.csv", "")],
)
def test_a_missing_file_is_answered_with_a_file_of_nearly_the_same_name(tmp_path, name, hint):
    (tmp_path / "houses.csv").write_bytes(CSV)
    with pytest.raises(CommandError, match=f"^{re.escape(hint)}There is no file"):
        read_table(tmp_path / name, TextFormat())


def test_durations_that_may_be_minutes_are_told(load):
    table = load(with_target(a=["59:59", "1:05:00"] * 20))
    assert "'59:59' is read as hours and minutes" in table.columns[0].warnings[0]
    assert load(with_target(a=["59:59", "5:00"] * 20)).columns[0].warnings == []


def test_remarks_below_the_table_do_not_turn_numbers_into_categories(load):
    text = with_target(a=SIZES, b=SIZES * 2).to_csv(index=False)
    table = load(text + "\nNotes:\n1) estimated\n2) revised\n(40 rows)\n")
    assert kinds_of(table) == {"a": "number", "b": "number"}
    assert "4 row(s) without a target are left out." in table.notes
    assert table.X.shape == (40, 2)


def test_decimal_commas_do_not_hide_that_spaces_separate(load):
    table = load("x z y\n" + "1,5 2,5 u\n3,5 4,25 v\n" * 10, name="a.txt")
    assert table.X.iloc[0].tolist() == [1.5, 2.5]


def test_the_error_about_classes_says_why_a_target_is_no_number(load):
    frame = pd.DataFrame({"a": SIZES, "y": [f"{i},5" if i % 2 else f"{i}.5" for i in range(40)]})
    with pytest.raises(CommandError, match="The target mixes values such as '0.5' and '1,5'"):
        load(frame).check_folds(2)
    with pytest.raises(CommandError, match="takes a target of numbers; .* It mixes values such as '0.5' and '1,5'"):
        load(frame, "--task", "regression")


def test_negative_zero_is_zero(load):
    assert load(pd.DataFrame({"a": SIZES, "y": ["-0", "0", "1"] * 13 + ["0"]})).class_names == ["0", "1"]


def test_merged_cells_and_hidden_rows_are_told(load, tmp_path):
    with pd.ExcelWriter(tmp_path / "merged.xlsx") as writer:
        HOUSES.to_excel(writer, index=False)
        writer.sheets["Sheet1"].merge_cells("B2:B5")
        writer.sheets["Sheet1"].row_dimensions[7].hidden = True
    table = load(None, name="merged.xlsx", target="kind")
    assert [note.split(".")[0].split(",")[0] for note in table.notes] == [
        "The workbook has merged cells",
        "The workbook has hidden rows",
    ]
    assert table.X["colour"].isna().sum() == 3
