"""What readers did with a plan's texts, kept on the desk: there it becomes preference pairs, for prompts, examples and adapters."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from brandloom.campaigns.plans import Plan
from brandloom.campaigns.waves import responses
from brandloom.content.desk import Result, read_pieces, read_results

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

_METRICS: tuple[Literal["clicks", "orders"], ...] = ("clicks", "orders")


def keep_results(shop: Shop, plan: Plan) -> int:
    """Keep clicks and orders of texts that compete, wave by wave, as far as they are known now; the same counts are written once.

    Every message has the same time, the pause between waves. Each wave is a test of its own: its readers were drawn alike for each of the
    texts, while from wave to wave shares and days differ. The warehouse's copy of messages and clicks must be up to date.

    Returns:
        Counts that are new or changed.
    """
    if plan.brief.learn is None:
        return 0
    competing = {text for texts in plan.cells.values() if len(texts) > 1 for text in texts}
    counts = _counts(shop, plan)
    with shop.ledger.read() as connection:
        pieces = {one.name: one for one in read_pieces(connection, plan=plan.id) if one.name in competing}
        known = {name: {one.source: one for one in read_results(connection, piece)} for name, piece in pieces.items()}
    changed = 0
    for (text, wave), (shown, clicks, conversions) in sorted(counts.items()):
        if text not in pieces:
            continue
        source = f"{plan.id} {wave}"
        if known[text].get(source) != Result(pieces[text].version, source, shown, clicks, conversions):
            shop.desk.record_result(pieces[text].id, source=source, shown=shown, clicks=clicks, conversions=conversions, now=shop.clock())
            changed += 1
    return changed


def _counts(shop: Shop, plan: Plan) -> dict[tuple[str, int], list[int]]:
    """(text, wave) -> messages whose time is over, and how many of them brought a click and an order."""
    found: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    assert plan.brief.learn is not None
    window, until = plan.brief.learn.pause, shop.clock().astimezone(UTC).replace(tzinfo=None)
    for at, metric in enumerate(_METRICS, start=1):
        rows = responses(shop.engine, plan, window=window, until=until, metric=metric)
        grouped = rows.group_by(["text", "wave"]).aggregate([("brought", "count"), ("brought", "sum")])
        for row in grouped.to_pylist():
            count = found[row["text"], row["wave"]]
            count[0], count[at] = row["brought_count"], row["brought_sum"]
    return found


__all__ = ["keep_results"]
