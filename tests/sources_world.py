"""A shop with everything `load` asks for, and the order lines its tests start from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brandloom.engine import Engine, open_engine
from brandloom.govern import Vault
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.settings import Settings
from brandloom.sources import LoadReport, load
from brandloom.workspace import ShopConfig, Workspace, create_workspace

NOW = datetime(2024, 6, 1, tzinfo=UTC)
HEAD = "Order ID,Customer ID,Order Date,SKU,Product Name,Quantity,Unit Price"
LINES = ["1001,7,2024-01-05 10:00:00,A1,Green tea,2,3.50", "1001,7,2024-01-05 10:00:00,B2,Tea pot,1,20",
         "1002,,2024-02-01 09:30:00,A1,Green tea,1,3.50", "C1003,7,2024-02-02 09:30:00,A1,Green tea,-1,3.50"]


class Shop:
    """A workspace with everything `load` asks for."""

    def __init__(self, workspace: Workspace, ledger: Ledger) -> None:
        self.workspace, self.ledger = workspace, ledger
        self.engine: Engine = open_engine(workspace, Settings(memory_limit_gb=1, threads=1))
        self.vault = Vault(ledger, workspace)
        self.files = workspace.path.parent

    def load(self, *files: Path | str, kind: Any = "orders", **options: Any) -> LoadReport:
        options.setdefault("now", NOW)
        return load(self.engine, self.ledger, self.vault, self.workspace, files, kind=kind, **options)

    def write(self, name: str, *lines: str, encoding: str = "utf-8") -> Path:
        path = self.files / name
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return path

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.engine.query(sql).to_pylist()

    def rejects(self, report: LoadReport) -> list[dict[str, str]]:
        path = report.files[0].rejects
        assert path is not None
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


@contextmanager
def open_shop(folder: Path, config: ShopConfig | None = None) -> Iterator[Shop]:
    """A new workspace under `folder` with its ledger beside it."""
    ledger = open_ledger_at(f"sqlite:///{folder / 'shop-ledger.sqlite'}")
    shop = Shop(create_workspace(folder / "shop", config), ledger)
    yield shop
    shop.engine.close()
    ledger.close()


def balanced(report: LoadReport) -> bool:
    return all(f.rows_read == f.rows_new + f.rows_known + f.rows_refused and f.rows_refused == sum(f.reasons.values())
               for f in report.files)
