"""Names that options take, without the libraries that read tables, because --help should not wait for these."""

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".json", ".jsonl")
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar")
# The encodings that files have most often.
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16", "cp1250", "cp1251", "gb18030", "shift_jis")
# What a column may be taken for.
KINDS = ("number", "category", "date", "duration", "text")
