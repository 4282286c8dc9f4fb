"""Where tables live and queries run: DuckDB here, Spark when outgrown, behind one small protocol."""

from __future__ import annotations

from brandloom.engine import tables
from brandloom.engine.base import Engine, Value, read_sql, scalar
from brandloom.engine.duck import DuckEngine
from brandloom.settings import Settings
from brandloom.workspace import Workspace

__all__ = ["DuckEngine", "Engine", "Value", "ensure_tables", "open_engine", "read_sql", "scalar", "tables"]


def open_engine(workspace: Workspace, settings: Settings) -> Engine:
    """Open the workspace's warehouse and make the canonical tables that are missing."""
    engine: Engine
    if workspace.config.engine == "spark":
        from brandloom.engine.spark import SparkEngine
        engine = SparkEngine(workspace.warehouse, memory_gb=settings.memory_limit_gb)
    else:
        engine = DuckEngine(workspace.warehouse, memory_limit_gb=settings.memory_limit_gb, threads=settings.threads)
    ensure_tables(engine)
    return engine


def ensure_tables(engine: Engine) -> None:
    """Make every canonical table that is missing, empty, and add columns that a table of an earlier version lacks."""
    for name, schema in tables.CANONICAL.items():
        if not engine.exists(name):
            engine.put(name, schema.empty_table())
            continue
        there = set(engine.query(f"SELECT * FROM {name} WHERE 1 = 0").column_names)
        if there.issuperset(schema.names):
            continue
        engine.put("_new_columns", schema.empty_table())
        columns = ", ".join(f"{'old' if column in there else 'new'}.{column} AS {column}" for column in schema.names)
        engine.replace(name, f"SELECT {columns} FROM {name} old LEFT JOIN _new_columns new ON 1 = 0")
        engine.drop("_new_columns")
