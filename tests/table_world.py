"""Tables with a known truth: leads of a shop whose chance to convert is computed, not guessed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from brandloom.predict.tables import Frame, read_frame

NOW = datetime(2026, 6, 1)
START = datetime(2025, 1, 1)
CHANNELS = ("微信", "抖音", "搜索", "门店")
CHANNEL_EFFECT = np.array([0.0, 0.8, -0.6, 0.3])


def lead_columns(rows: int, seed: int = 0) -> tuple[dict[str, list[object]], np.ndarray]:
    """Columns as a shop writes them, and each row's true chance to convert."""
    rng = np.random.default_rng(seed)
    visits, amount, channel = rng.poisson(3, rows), rng.lognormal(6.0, 1.0, rows), rng.integers(0, 4, rows)
    age = rng.normal(40, 12, rows)
    score = -2.2 + 0.45 * visits + CHANNEL_EFFECT[channel] + 0.5 * (np.log(amount) - 6.0) - 0.8 * (age > 55)
    p = 1 / (1 + np.exp(-score))
    bought = rng.random(rows) < p
    empty = rng.random(rows) < 0.1
    columns: dict[str, list[object]] = {
        "线索编号": [f"L{n:06d}" for n in range(rows)],
        "访问次数": [str(v) for v in visits],
        "金额": [f"¥{v:,.2f}" for v in amount],
        "渠道": [CHANNELS[c] for c in channel],
        "年龄": ["缺失" if gap else f"{a:.0f}" for a, gap in zip(age, empty, strict=True)],
        "创建日期": [(START + timedelta(hours=int(h))).strftime("%Y-%m-%d %H:%M:%S") for h in np.sort(rng.integers(0, 10_000, rows))],
        "城市": [f"城市{n}" for n in rng.integers(0, 80, rows)],
        "成交": ["是" if b else "否" for b in bought],
    }
    return columns, p


def write_table(path: Path, columns: dict[str, list[object]]) -> Path:
    csv.write_csv(pa.table({name: pa.array([None if cell is None else str(cell) for cell in cells], pa.string()) for name, cells in columns.items()}), path)
    return path


def leads(folder: Path, rows: int, seed: int = 0, **more: list[object]) -> tuple[Path, np.ndarray]:
    """The file, and each row's true chance."""
    columns, p = lead_columns(rows, seed)
    return write_table(folder / "leads.csv", {**columns, **more}), p


def lead_frame(folder: Path, rows: int, seed: int = 0, **more: list[object]) -> tuple[Frame, np.ndarray]:
    path, p = leads(folder, rows, seed, **more)
    return read_frame(path), p
