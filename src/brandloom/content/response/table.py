"""A shop's own tests as a file: which column holds what, and the counts as numbers."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _
from brandloom.sources.formats import open_source

_NAMES = {
    "test": ("test", "test_id", "experiment", "experiment_id", "campaign", "campaign_id", "clickability_test_id", "测试", "测试编号", "实验", "活动"),
    "text": ("text", "headline", "subject", "subject_line", "title", "copy", "文案", "文本", "标题", "主题"),
    "impressions": ("impressions", "views", "sends", "sent", "delivered", "recipients", "曝光", "曝光量", "展示", "展示量", "发送", "发送量"),
    "clicks": ("clicks", "clicked", "unique_clicks", "点击", "点击量", "点击数"),
    "picture": ("picture", "picture_id", "image", "image_id", "eyecatcher_id", "图片"),
    "language": ("language", "lang", "语言"),
    "period": ("period", "date", "day", "week", "month", "created_at", "日期", "周"),
}
"""What the columns are usually called; the last three may be missing."""
_NEEDED = ("test", "text", "impressions", "clicks")
_COUNTS = ("impressions", "clicks")


def read_tests(path: Path, mapping: Mapping[str, str] | None = None) -> pa.Table:
    """Read a file of tests for `fit_response`: CSV, TSV, JSONL, Parquet or XLSX.

    Args:
        mapping: name -> the file's own column, where the names do not tell.
    Raises:
        DataError: not such a file, or a needed column is missing; names the columns there are.
        ConfigError: the mapping names something that is not there.
    """
    if not path.is_file():
        raise ConfigError(_("{file} is not there. Check the name and the folder."), file=path)
    with tempfile.TemporaryDirectory() as scratch, closing(duckdb.connect(config={"threads": 1})) as connection:
        source = open_source(connection, path, Path(scratch))
        places = _places(source.columns, dict(mapping or {}), path.name)
        chosen = ", ".join(f"{_value(name, f'c{at}', source.malformed)} AS {name}" for name, at in places.items())
        table = connection.sql(f"SELECT {chosen} FROM {source.relation}").to_arrow_table()
        _refuse_broken(connection, path.name)
        return table


def _refuse_broken(connection: duckdb.DuckDBPyConnection, file: str) -> None:
    """Records that DuckDB could not read as a row of the file's columns."""
    known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
    broken = connection.execute("SELECT count(DISTINCT line), min(line) FROM reject_errors").fetchone() if known and known[0] else None
    if broken and broken[0]:
        raise DataError(_("{file}, line {line}: the record does not fit the columns ({count} such records). Correct or leave them out."), file=file,
                        line=broken[1], count=broken[0])


def _places(columns: Sequence[str], mapping: Mapping[str, str], file: str) -> dict[str, int]:
    """Name -> number of the file's column."""
    heads = [column.strip().lower().replace(" ", "_") for column in columns]
    found = {}
    for name, known in _NAMES.items():
        at = next((heads.index(one) for one in known if one in heads), None)
        if at is not None:
            found[name] = at
    for name, column in mapping.items():
        if name not in _NAMES:
            raise ConfigError(_("--map {name}={column}: tests have no '{name}'. Known: {known}."), name=name, column=column, known=", ".join(_NAMES))
        if column not in columns:
            close = difflib.get_close_matches(column, columns, n=1) or columns
            raise ConfigError(_("{file} has no column '{column}' for {name}. There are: {known}."), file=file, column=column, name=name,
                              known=", ".join(close))
        found[name] = list(columns).index(column)
    for name in _NEEDED:
        if name not in found:
            raise DataError(_("{file}: no column says the {name} of each text. Name it with --map {name}=COLUMN; there are {known}."), file=file,
                            name=name, known=", ".join(columns))
    return found


def _value(name: str, column: str, malformed: str) -> str:
    """SQL of one cell; what is no number is empty, and `fit_response` names its row."""
    text = f"nullif(trim(CAST({column} AS VARCHAR)), '')"
    value = f"TRY_CAST(replace({text}, ',', '') AS BIGINT)" if name in _COUNTS else text
    return f"CASE WHEN {malformed} THEN NULL ELSE {value} END"
