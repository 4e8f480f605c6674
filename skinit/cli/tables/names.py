"""Names for options. They do not import the libraries that read tables, because --help should be fast."""

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".json", ".jsonl")
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar")
# The most frequent encodings of files.
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "cp1250", "cp1251", "gb18030", "shift_jis")
# The kinds of columns.
KINDS = ("number", "category", "date", "duration", "text")
