"""Posts of a campaign: written once for everybody about the products it shows most, approved with the plan, handed out as files.

Nothing is posted by itself: the networks want an account, and most of them a person, behind each post.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from brandloom.campaigns.catalogue import read_products
from brandloom.content import Brief
from brandloom.content.brand import BrandKit
from brandloom.content.facts import format_price, plain_text
from brandloom.content.studio import Asked, Maker, Voice, Written, keep_record, most_asked, pieces, write_copy
from brandloom.content.studio.attempt import TRIES
from brandloom.content.templates import offer_fact
from brandloom.engine import Engine
from brandloom.errors import DataError, ProviderError
from brandloom.i18n import _
from brandloom.llm import Ask, BudgetError, TextModel
from brandloom.sources.cells import safe_cell
from brandloom.workspace import ShopConfig

if TYPE_CHECKING:
    from brandloom.campaigns.plans import Plan
    from brandloom.campaigns.shop import Shop

LEADING = 3
"""Products that a post is about."""
NETWORKS = {"xiaohongshu": _("Xiaohongshu"), "moments": _("WeChat Moments"), "wechat_article": _("WeChat article"), "weibo": _("Weibo"),
            "douyin": _("Douyin"), "x": _("X"), "facebook": _("Facebook"), "instagram": _("Instagram"), "linkedin": _("LinkedIn")}
_CHINESE = frozenset({"xiaohongshu", "moments", "wechat_article", "weibo", "douyin"})


@dataclass(frozen=True)
class Post:
    """One post of a plan, as it is approved and handed out."""

    network: str
    language: str
    text: str
    """With the mark that a model wrote it; empty where there could be none."""
    source: str
    """model, repaired or plain; 'none' where not even the facts made a post."""
    mark: dict[str, Any] | None
    """What programs read of who wrote it; None where no model did."""
    reason: str = ""
    """Why there is no post."""


def write_posts(shop: Shop, plan_id: str, brief: Brief, *, kit: BrandKit | None) -> tuple[Post, ...]:
    """Write the posts that a brief asks for, each through the studio's gate.

    A model that fails costs its post, for which the plain facts stand in; where they make none, the post says why.
    """
    records = _leading(shop.engine, plan_id)
    return tuple(_post(shop, brief, network, records, kit) for network in brief.posts)


def post_asks(shop: Shop, plan_id: str, brief: Brief, *, kit: BrandKit | None) -> list[Ask]:
    """The requests that `write_posts` makes at most, for `llm.most_cost`; none for a post about which nothing is known."""
    records = _leading(shop.engine, plan_id) if brief.posts else []
    found: list[Ask] = []
    for network in brief.posts:
        with suppress(DataError):
            found += most_asked(_asked(brief, network, _language(brief, network), records, shop.workspace.config, kit), variants=1, most_calls=TRIES)
    return found


def posts_of(plan: Plan) -> tuple[Post, ...]:
    """The posts of a plan as it stands."""
    return tuple(Post(**one) for one in plan.extra.get("posts", []))


def export_posts(plan: Plan, folder: Path, *, day: date) -> Path | None:
    """Write a plan's posts to files: a text each, all with their marks as JSON, and a calendar for whoever posts them.

    Done again it writes the same; None without posts.
    """
    posts = [one for one in posts_of(plan) if one.text]
    if not posts:
        return None
    place = folder / plan.id
    place.mkdir(parents=True, exist_ok=True)
    rows = io.StringIO(newline="")
    calendar = csv.writer(rows)
    calendar.writerow(["day", "network", "language", "file", "ai", "text"])
    for post in posts:
        name = f"{post.network}.{post.language}.txt"
        (place / name).write_text(post.text + "\n", encoding="utf-8")
        seen = post.mark["visible"] if post.mark else ""
        calendar.writerow([day.isoformat(), post.network, post.language, name, seen, safe_cell(post.text)])
    (place / "posts.json").write_text(json.dumps({"plan": plan.id, "day": day.isoformat(), "posts": [asdict(one) for one in posts]},
                                                 ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (place / "calendar.csv").write_text("\ufeff" + rows.getvalue(), encoding="utf-8")
    return place


def _post(shop: Shop, brief: Brief, network: str, records: Sequence[tuple[str, Mapping[str, Any]]], kit: BrandKit | None) -> Post:
    config, language = shop.workspace.config, _language(brief, network)
    try:
        written = _written(shop.model, _asked(brief, network, language, records, config, kit))
    except DataError as error:
        return Post(network, language, "", "none", None, error.text())
    maker = Maker(plain_text(config.name), shop.workspace.derive_key("label"))
    keep_record(written, shop.audit, maker=maker, actor="brandloom", now=shop.clock())
    [piece] = pieces(written, maker)
    return Post(network, language, piece.text, written.drafts[0].source, None if piece.mark is None else piece.mark.to_dict())


def _written(model: TextModel, asked: Asked) -> Written:
    try:
        return write_copy(model, asked, variants=1, most_calls=TRIES)
    except (ProviderError, BudgetError):
        return write_copy(None, asked, variants=1)  # the plan's other texts are there by now


def _language(brief: Brief, network: str) -> Literal["en", "zh"]:
    usual: Literal["en", "zh"] = "zh" if network in _CHINESE else "en"
    return usual if usual in brief.languages else brief.languages[0]


def _asked(brief: Brief, network: str, language: Literal["en", "zh"], records: Sequence[tuple[str, Mapping[str, Any]]], shop: ShopConfig,
           kit: BrandKit | None) -> Asked:
    products = tuple({name: format_price(value, shop.currency, language) if name == "price" else value for name, value in record.items()
                      if value} for _product, record in records)
    facts = (*(plain_text(fact.text) for fact in brief.facts), *offer_fact(brief.offer, shop, language))
    asked = Asked(lang=language, format=network, products=products, facts=facts, voice=Voice(tone=", ".join(brief.tone)),
                  jurisdiction="cn" if network in _CHINESE else None)
    return asked if kit is None else asked.with_kit(kit)


def _leading(engine: Engine, plan_id: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The products that most messages show, as records a claim may rest on."""
    shown = engine.query("SELECT products FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan_id)
    counts = Counter(product for products in shown.column("products").to_pylist() for product in products or ())
    top = sorted(counts, key=lambda one: (-counts[one], one))[:LEADING]
    known = read_products(engine, sorted(top))
    return [(one, {"name": known[one].display, "price": known[one].price, "category": known[one].category, "description": known[one].description})
            for one in top if one in known]
