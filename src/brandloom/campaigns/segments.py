"""Saved segments of a shop: brought up to date, and named as the audience of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from brandloom.customers import rules
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.ledger import schema

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop


def update_segments(shop: Shop, now: datetime, *, everybody: bool = False) -> tuple[rules.Updated, dict[str, int]]:
    """Bring all saved segments up to `now` (naive UTC); returns what was done and the sizes.

    Everybody is evaluated when asked, and after a file of customers or products was loaded or ids were merged or unmerged: that may
    change anybody.

    Raises:
        DataError: no segment is saved.
    """
    saved = rules.saved_rules(shop.workspace.path / "segments")
    if not saved:
        raise DataError(_("No segment is saved. Save one with `brandloom segments save`."))
    resolved = {name: rules.resolve(rule, saved, (name,)) for name, rule in saved.items()}
    last = rules.stands_at(shop.engine)
    work = rules.refresh if everybody or last is None or _reloaded(shop, last) else rules.update
    return work(shop.engine, resolved, now), rules.sizes(shop.engine)


def _reloaded(shop: Shop, since: datetime) -> bool:
    with shop.ledger.read() as connection:
        merges = schema.merges.c
        moments = connection.execute(select(
            select(func.max(schema.loads.c.at)).where(schema.loads.c.kind.in_(("customers", "products"))).scalar_subquery(),
            select(func.max(merges.at)).scalar_subquery(), select(func.max(merges.undone_at)).scalar_subquery())).one()
    return any(moment.astimezone(UTC).replace(tzinfo=None) >= since for moment in moments if moment is not None)


def audience_of(shop: Shop, names: Sequence[str], as_of: datetime) -> frozenset[str] | None:
    """Customers in any of these saved segments at `as_of`; None when no segment is named, which leaves nobody out."""
    if not names:
        return None
    saved = rules.saved_rules(shop.workspace.path / "segments")
    found: set[str] = set()
    for name in names:
        rule = rules.resolve(rules.rule_from_json({"segment": name}), saved)
        found.update(rules.evaluate(shop.engine, rule, as_of).customers)
    if not found:
        raise DataError(_("Nobody is in {names} as of {as_of}. Loosen the rule, or leave `segments` out of the brief."), names=", ".join(names),
                        as_of=as_of)
    return frozenset(found)
