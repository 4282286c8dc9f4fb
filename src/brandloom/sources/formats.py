"""Opening a shop's file, whatever its form: afterwards it is a relation that DuckDB can scan, with columns c0, c1, ..."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection
from python_calamine import CalamineError, CalamineWorkbook

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.sources.encodings import find_encoding, first_guess, transcode
from brandloom.sources.texts import clean

MAX_COLUMNS = 500
MAX_XLSX_BYTES = 2_000_000_000  # unpacked; a sheet of 1,048,576 rows is about a third of this
MAX_XLSX_RATIO = 200  # unpacked / packed; honest sheets stay under 40
MAX_XLSX_ENTRIES = 5_000
MAX_LINE_BYTES = 8_000_000
MAX_HEADING_BYTES = 1_000_000
READ_AT_ONCE = "buffer_size=56000000"
"""Bytes of a CSV file that one thread reads at a time: rows enough for a row group of DuckDB's, else it copies groups together afterwards."""
SUFFIXES = {".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
            ".parquet": "parquet", ".xlsx": "xlsx"}
KNOWN = ".csv, .tsv, .txt, .csv.gz, .jsonl, .parquet, .xlsx"


@dataclass(frozen=True)
class Source:
    """A file ready to be scanned once."""

    name: str
    format: str
    encoding: str
    columns: tuple[str, ...]
    """Headings as found; column i of the relation is called c{i}."""
    types: tuple[str, ...]
    """Per column 'text', 'number', 'time' (a moment without a zone) or 'zoned'."""
    relation: str
    """Text of a FROM item."""
    malformed: str = "FALSE"
    """SQL condition over the relation that marks a row which is none."""
    first_line: int = 2
    """Line number of the first record."""
    guessed: bool = False
    """The encoding is that of the file's first piece; whether all of it is UTF-8 is still to be seen."""

    def typed(self, types: Mapping[int, str]) -> str:
        """The relation with these columns of a CSV file read as DuckDB's types; rows that do not fit become rejects."""
        relation = self.relation
        for at, name in types.items():
            relation = relation.replace(_cell_type(at, "VARCHAR"), _cell_type(at, name))
        return relation

    @property
    def head(self) -> str:
        """The relation for looking at its first rows only: of a CSV file no more is read ahead than they need."""
        return self.relation.replace(READ_AT_ONCE, f"parallel=false, buffer_size={2 * MAX_LINE_BYTES}")

    def can_type(self, at: int) -> bool:
        """Whether `typed` works for this column."""
        return _cell_type(at, "VARCHAR") in self.relation


def open_source(connection: DuckDBPyConnection, path: Path, scratch: Path, *, guess: bool = False) -> Source:
    """Find out what a file is and make it scannable; copies that this needs are written under `scratch`.

    Args:
        guess: judge the encoding of a CSV file by its first piece, for a caller who has all of it examined beside other work.
    Raises:
        DataError: not there, unknown kind, empty, not text, too many columns, an unsafe archive.
    """
    if not path.exists():
        raise DataError(_("{file} is not there. Check the name and the folder."), file=path)
    if path.is_dir():
        raise DataError(_("{file} is a folder. Name the files in it, e.g. {file}/*.csv."), file=path)
    packed = path.suffix.lower() == ".gz"
    kind = SUFFIXES.get((path.with_suffix("") if packed else path).suffix.lower())
    if kind is None or (packed and kind not in {"csv", "tsv"}):
        raise DataError(_("{file}: this kind of file is not known. Known: {known}."), file=path.name, known=KNOWN)
    if path.stat().st_size == 0:
        raise DataError(_("{file} is empty. Export it again."), file=path.name)
    if kind == "parquet":
        return _open_parquet(path)
    if kind == "xlsx":
        return _open_xlsx(path, scratch)
    guessed = first_guess(path) if guess and kind != "jsonl" and not packed else None
    return _open_text(connection, path, kind, packed, scratch, guessed)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _open_text(connection: DuckDBPyConnection, path: Path, kind: str, packed: bool, scratch: Path, guessed: str | None) -> Source:
    try:
        with _reading(path, packed) as stream:
            encoding = guessed or find_encoding(stream, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(_("{file} is not a gzip file, or a damaged one. Export it again."), file=path.name) from error
    readable = path
    if encoding not in {"utf-8", "utf-8-sig"}:
        readable = scratch / "transcoded.csv"
        with _reading(path, packed) as stream:
            transcode(stream, encoding, readable)
    if kind == "jsonl":
        return _json_lines(connection, path.name, encoding.removesuffix("-sig"), readable)
    with _reading(readable, packed and readable == path) as stream:
        delimiter, columns = _read_heading(stream, path.name, kind)
    gz = ", compression='gzip'" if packed and readable == path else ""
    return Source(path.name, kind, encoding.removesuffix("-sig"), columns, ("text",) * len(columns),
                  _csv_relation(readable, delimiter, len(columns)) + f"{gz})", guessed=guessed is not None)


def _csv_relation(path: Path, delimiter: str, columns: int) -> str:
    names = ", ".join(_cell_type(i, "VARCHAR") for i in range(columns))
    return (f"read_csv({literal(str(path))}, columns={{{names}}}, header=true, auto_detect=false, delim={literal(delimiter)}, "
            f"quote='\"', escape='\"', store_rejects=true, max_line_size={MAX_LINE_BYTES}, {READ_AT_ONCE}, timestampformat='%Y-%m-%d %H:%M:%S'")


def _cell_type(at: int, name: str) -> str:
    return f"'c{at}': '{name}'"


def _read_heading(stream: io.BufferedIOBase, file: str, kind: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter and the headings, from the first record."""
    head = codecs.getincrementaldecoder("utf-8-sig")().decode(stream.read(MAX_HEADING_BYTES))
    line = _outside_quotes(head).splitlines()[0] if head.strip() else ""
    delimiter = "\t" if kind == "tsv" else max(",;\t|", key=lambda mark: (line.count(mark), mark == ","))
    try:
        cells = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise DataError(_("{file}: the heading cannot be read ({reason}). Save it again as CSV."),
                        file=file, reason=error) from error
    return delimiter, _headings(cells, file)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _headings(cells: list[str], file: str) -> tuple[str, ...]:
    if len(cells) > MAX_COLUMNS:
        raise DataError(_("{file} has {count} columns; at most {limit} are read. Export the columns you need."),
                        file=file, count=f"{len(cells):,}", limit=MAX_COLUMNS)
    if not any(cell.strip() for cell in cells):
        raise DataError(_("{file}: the first line has no column names. Put a heading above the rows."), file=file)
    seen: Counter[str] = Counter()
    named = []
    for index, cell in enumerate(cells, start=1):
        name = " ".join(clean(cell).split()) or f"column {index}"
        seen[name] += 1
        named.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(named)


def _reading(path: Path, packed: bool) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if packed else path.open("rb")


def _json_lines(connection: DuckDBPyConnection, name: str, encoding: str, path: Path) -> Source:
    lines = (f"read_csv({literal(str(path))}, columns={{'line': 'VARCHAR'}}, header=false, auto_detect=false, delim='\x01', "
             f"quote='', escape='', max_line_size={MAX_LINE_BYTES})")
    good = "json_valid(line) AND json_type(line) = 'OBJECT'"
    found = connection.execute(
        f"SELECT key FROM (SELECT unnest(json_keys(line)) AS key FROM {lines} WHERE {good}) GROUP BY key ORDER BY key"
        f" LIMIT {MAX_COLUMNS + 1}").fetchall()
    keys = [str(row[0]) for row in found if '"' not in str(row[0])]
    if not keys:
        raise DataError(_("{file} holds no JSON objects. Write one object per line."), file=name)
    columns = _headings(keys, name)
    paths = ", ".join(literal(f'$."{key}"') for key in keys)
    cells = ", ".join(f"cells[{i + 1}] AS c{i}" for i in range(len(keys)))
    relation = (f"(SELECT {cells}, cells IS NULL AS not_an_object FROM (SELECT CASE WHEN {good} THEN "
                f"json_extract_string(line, [{paths}]) END AS cells FROM {lines}))")
    return Source(name, "jsonl", encoding, columns, ("text",) * len(columns), relation, "not_an_object", 1)


def _open_parquet(path: Path) -> Source:
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError) as error:
        raise DataError(_("{file} is not a Parquet file, or a damaged one. Export it again."), file=path.name) from error
    columns = _headings(list(schema.names), path.name)
    types = tuple(_parquet_type(str(field.type)) for field in schema)
    cells = ", ".join(f"{quoted(name)} AS c{i}" if kind != "text" else f"CAST({quoted(name)} AS VARCHAR) AS c{i}"
                      for i, (name, kind) in enumerate(zip(schema.names, types, strict=True)))
    relation = f"(SELECT {cells} FROM read_parquet({literal(str(path))}))"
    return Source(path.name, "parquet", "binary", columns, types, relation, first_line=1)


def _parquet_type(name: str) -> str:
    if name.startswith(("int", "uint", "float", "double", "halffloat", "decimal")):
        return "number"
    if name.startswith("timestamp"):
        return "zoned" if "tz=" in name else "time"
    return "time" if name.startswith("date") else "text"


def _open_xlsx(path: Path, scratch: Path) -> Source:
    """Write the first sheet as CSV under `scratch` and open that."""
    _refuse_zip_bomb(path)
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheet = book.get_sheet_by_index(0)
            rows = sheet.iter_rows()
            columns = _headings([_cell(value) for value in next(rows, [])], path.name)
            target = scratch / "sheet.csv"
            with target.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, quoting=csv.QUOTE_ALL)
                writer.writerow(columns)
                for row in rows:
                    writer.writerow([_cell(value) for value in row])
            first = (sheet.start[0] if sheet.start else 0) + 2
    except (CalamineError, zipfile.BadZipFile) as error:
        raise DataError(_("{file} is not an Excel workbook, or a damaged one. Save it again as .xlsx."), file=path.name) from error
    return Source(path.name, "xlsx", "binary", columns, ("text",) * len(columns),
                  _csv_relation(target, ",", len(columns)) + ")", first_line=first)


def _refuse_zip_bomb(path: Path) -> None:
    """Look at the archive's directory before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise DataError(_("{file} is not an Excel workbook, or a damaged one. Save it again as .xlsx."), file=path.name) from error
    size = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if len(entries) > MAX_XLSX_ENTRIES or size > MAX_XLSX_BYTES or (size > 50_000_000 and size / packed > MAX_XLSX_RATIO):
        raise DataError(_("{file} would unpack to {size} MB from {packed} MB: it looks like a zip bomb and was not opened."
                          " Save the sheet as CSV."), file=path.name, size=f"{size // 1_000_000:,}", packed=f"{packed // 1_000_000:,}")


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


__all__ = ["MAX_COLUMNS", "Source", "literal", "open_source", "quoted"]
