"""The report's chapter on waves, from the ledger and the tables: what each text brought, what moved and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brandloom import deliver
from brandloom.campaigns.plans import METRICS, Plan
from brandloom.campaigns.waves import responses
from brandloom.decide import FLOOR
from brandloom.deliver import MACHINES, TextShare, Wave
from brandloom.deliver.clicks import LIFETIME
from brandloom.i18n import _, say
from brandloom.measure import Count, Estimate, PolicyValue, both, text_values, wilson
from brandloom.measure.wave_rows import CellWaves, TextRow, WaveRow, Waves
from brandloom.measure.words import Words

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

MOVED = 0.1
"""Least change of a share between two waves that is told."""


def wave_chapter(shop: Shop, plan: Plan) -> Waves | None:
    """None before anything was sent, and where no cell has several texts. Outcomes are those to date, late ones included."""
    opened = deliver.waves_of(shop.ledger, plan.id)
    several = {cell: texts for cell, texts in plan.cells.items() if len(texts) > 1}
    if not opened or not several:
        return None
    now = shop.clock().astimezone(UTC).replace(tzinfo=None)
    learn = plan.brief.learn
    to_date = _to_date(shop, plan, now)
    mature = to_date if learn is None else responses(shop.engine, plan, window=learn.pause, until=now)
    columns = [np.array(mature.column(name).to_pylist(), dtype=object) for name in ("cell", "text")]
    numbers = [mature.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in ("brought", "propensity")]
    values = text_values(*columns, *numbers)
    cells = tuple(_cell(plan, cell, texts, opened, to_date, values.get(cell, {})) for cell, texts in several.items())
    machines = shop.engine.query("SELECT machine, COUNT(*) AS n FROM clicks WHERE plan = $plan AND machine IS NOT NULL GROUP BY machine "
                                 "ORDER BY n DESC, machine", plan=plan.id).to_pylist()
    return Waves(learn.metric if learn else "clicks", plan.waves, len(opened), learn.every if learn else "", FLOOR, cells,
                   tuple(Count(MACHINES[row["machine"]], row["n"]) for row in machines))


def _to_date(shop: Shop, plan: Plan, now: datetime) -> pa.Table:
    """Every message sent and whether it has brought anything so far; orders count for as long as the plan's horizon."""
    window = timedelta(days=plan.horizon_days) if plan.brief.learn and plan.brief.learn.metric == "orders" else LIFETIME
    return responses(shop.engine, plan, window=window, until=now + window)


def _cell(plan: Plan, cell: str, texts: tuple[str, ...], opened: list[Wave], to_date: pa.Table, values: dict[str, PolicyValue]) -> CellWaves:
    first = plan.variant(texts[0])
    names = {text: ascii_uppercase[number % 26] for number, text in enumerate(texts)}
    counts = _counts(to_date.filter(pc.equal(to_date["cell"], cell)))
    rows = tuple(WaveRow(wave.number, one.text, one.share, *counts.get((one.text, wave.number), (0, 0)),
                           wilson(*reversed(counts.get((one.text, wave.number), (0, 0)))))
                 for wave in opened for one in wave.texts if one.cell == cell)
    personas = {one.key: one for one in plan.personas}
    groups = {one.key: one for one in plan.groups}
    persona, group = personas.get(first.persona), groups.get(first.product_group)
    return CellWaves(cell, persona.label_en if persona else first.persona, group.label_en if group else first.product_group, first.channel,
                       first.language, tuple(_text(plan, text, names[text], rows, values.get(text)) for text in texts), rows,
                       _moved(plan, names, [[one for one in wave.texts if one.cell == cell] for wave in opened]))


def _counts(rows: pa.Table) -> dict[tuple[str, int], tuple[int, int]]:
    """(text, wave) -> messages sent, and those that brought something."""
    found = rows.group_by(["text", "wave"]).aggregate([("brought", "count"), ("brought", "sum")]).to_pylist()
    return {(row["text"], row["wave"]): (row["brought_count"], row["brought_sum"]) for row in found}


def _text(plan: Plan, text: str, name: str, rows: tuple[WaveRow, ...], value: PolicyValue | None) -> TextRow:
    sent, hits = (sum(getattr(row, what) for row in rows if row.text == text) for what in ("sent", "successes"))
    always: Estimate | None = value.steady if value else None
    return TextRow(text, name, plan.variant(text).title, sent, hits, wilson(hits, sent), always,
                     value.effective if value else None)


def _moved(plan: Plan, names: dict[str, str], waves: list[list[TextShare]]) -> tuple[Words, ...]:
    """One sentence per wave: what was dealt, what moved and what was known then."""
    said: list[Words] = []
    for number, (before, after) in enumerate(zip([[], *waves], waves, strict=False), start=1):
        if not after:
            continue
        had = {one.text: one.share for one in before}
        if not had:
            said.append(both(partial(_first, number, after, names, scored=bool(plan.extra.get("scores")))))
            continue
        if not any(one.known for one in after):
            said.append(both(partial(_blind, number)))
            continue
        gained = [one for one in after if abs(one.share - had.get(one.text, 0.0)) >= MOVED]
        said.append(both(partial(_change, plan, number, gained, had, names)))
    return tuple(said)


def _first(number: int, texts: list[TextShare], names: dict[str, str], *, scored: bool) -> str:
    dealt = say(_(", ")).join(f"{names[one.text]} {one.share:.0%}" for one in texts)
    if scored and len({round(one.share, 6) for one in texts}) > 1:
        return say(_("Wave {wave}: {dealt}, by what the scorer predicts."), wave=number, dealt=dealt)
    return say(_("Wave {wave}: {dealt}; nothing was known yet."), wave=number, dealt=dealt)


def _blind(number: int) -> str:
    return say(_("Wave {wave}: no outcome was known yet, so nothing was learned for it. For orders, load them before launching."), wave=number)


def _change(plan: Plan, number: int, gained: list[TextShare], had: dict[str, float], names: dict[str, str]) -> str:
    if not gained:
        return say(_("Wave {wave}: what was known did not tell the texts apart, so the shares stayed."), wave=number)
    metric = say(METRICS[plan.brief.learn.metric if plan.brief.learn else "clicks"])
    parts = [say(_("{text} from {before} to {after} ({successes} {metric} of {known} messages known)"), text=names[one.text],
                 before=f"{had.get(one.text, 0.0):.0%}", after=f"{one.share:.0%}", successes=one.successes, metric=metric, known=f"{one.known:,}")
             for one in sorted(gained, key=lambda one: -one.share)]
    return say(_("Wave {wave}: {changes}."), wave=number, changes=say(_("; ")).join(parts))
