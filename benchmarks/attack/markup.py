"""Live markup through every path to HTML: mails, previews and the report here, the other pages in `pages`."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.attack import pages as others
from benchmarks.attack.browser import Harmless, Page, Seen, judge, parse_judge
from benchmarks.attack.paths import HOSTS, UNSUBSCRIBE, Paths
from brandloom.content import Brief, Press, Product, Rendered, Variant
from brandloom.content.render import safe_url
from brandloom.deliver import Envelope, Mailer, Parts
from brandloom.errors import BrandloomError
from brandloom.measure import Report, text
from brandloom.measure.html import render_report
from brandloom.workspace import SenderConfig, ShopConfig

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
SLOTS = ("subject", "preheader", "headline", "body", "cta")
MAIL_PLACES = (*SLOTS, "first name", "product 1 name", "product 2 name", "product url", "product id", "product category", "offer text",
               "sender name", "postal address", "shop name", "website", "unsubscribe url", "produce id")
"""Where a payload is put in a mail; texts of the model are put in as if no check had seen them."""
_KEPT = {"currency", "as_of", "made_at", "start", "first_event", "last_event", "cutoffs", "template", "at", "schema", "language", "srcdoc"}
"""Fields of a report that hold no free text: a code, a date, a template of ours."""


def mail(values: Mapping[str, str], *, preview: bool = False) -> tuple[Rendered, ShopConfig, Brief]:
    """One mail with these values in these places, harmless ones in the others."""
    given = {"subject": "A thought", "preheader": "For you", "headline": "For the evenings", "body": "We have put {{ product.name }} aside.",
             "cta": "Look", "first name": "Zoe", "product 1 name": "Red Candle", "product 2 name": "Blue Candle", "product url": "",
             "product id": "P2", "product category": "Candles", "offer text": "orders over 20", "sender name": "Lantern Hall",
             "postal address": "1 Quay", "shop name": "Lantern Hall", "website": "https://shop.example.com", "unsubscribe url": UNSUBSCRIBE,
             "produce id": "p1:a"} | dict(values)
    shop = ShopConfig(name=given["shop name"], sender=SenderConfig(
        name=given["sender name"], email="news@shop.example.com", postal_address=given["postal address"], website=given["website"]))
    brief = Brief.model_validate({"name": "b", "offer": {"kind": "percent_off", "value": 10, "code": "TEN", "text": given["offer text"]}})
    variant = Variant("a/b/email/en", "a", "b", "email", "en", {name: given[name] for name in SLOTS}, "model")
    products = [Product("P1", given["product 1 name"], given["product category"], Decimal("12.50"), None, given["product url"] or None),
                Product(given["product id"], given["product 2 name"], None, Decimal("3"))]
    press = Press(brief, shop, label_key=b"k" * 32, preview=preview)
    made = press.message(variant, {"first_name": given["first name"]}, products, unsubscribe_url=given["unsubscribe url"],
                         produce_id=given["produce id"])
    return made, shop, brief


def mails(paths: Paths, payloads: Sequence[str], every: int = 1) -> None:
    """Mails whose places hold payloads: number n has payload n in its first place, n + 1 in its second and so on.

    With `every` 1 each payload is once in each place, with 3 in a third of the places.
    """
    harmless = [mail({})[0].html, mail({}, preview=True)[0].html, mail({"first name": ""})[0].html, mail({"headline": "Hi {{ first_name }}"})[0].html]
    paths.kinds["mail"] = Harmless.of(harmless, HOSTS)
    for number in range(0, len(payloads), every):
        values = {place: payloads[(number + shift) % len(payloads)] for shift, place in enumerate(MAIL_PLACES)}
        made = _accepted(paths, values, preview=number % 4 == 3)
        paths.pages.append(Page(f"m{number}", "mail", _sent(paths, made, f"m{number}") if number % 4 != 3 else made[0].html))


def _accepted(paths: Paths, values: dict[str, str], *, preview: bool) -> tuple[Rendered, ShopConfig]:
    """The mail with as many of the values as are not refused."""
    for place in ("product url", "website", "unsubscribe url"):
        try:
            safe_url(values[place])
            paths.uses[place] += 1  # a plain address where the shop gives its own is no attack: the mail has to lead there
        except BrandloomError:
            paths.refused[place] += 1
        del values[place]
    try:
        made, shop, _brief = mail(values, preview=preview)
        paths.uses.update(values.keys())
        return made, shop
    except (BrandloomError, ValueError):
        kept: dict[str, str] = {}
        for place, value in values.items():
            try:
                mail({place: value}, preview=preview)
                kept[place] = value
            except (BrandloomError, ValueError):
                paths.refused[place] += 1
        made, shop, _brief = mail(kept, preview=preview)
        paths.uses.update(kept.keys())
        return made, shop


def _sent(paths: Paths, made: tuple[Rendered, ShopConfig], name: str) -> str:
    """The HTML as a reader's program takes it out of the mail; its headers are looked at on the way."""
    rendered, shop = made
    envelope = Envelope("<a@shop.example.com>", "zoe@reader.example", "en", "p1", UNSUBSCRIBE, rendered.label)
    message = Mailer(shop).message(envelope, Parts(rendered.subject, rendered.text, rendered.html), now=NOON)
    read = email.message_from_bytes(message.data, policy=email.policy.SMTP)
    names = Counter(key.lower() for key in read)
    right = message.recipient == "zoe@reader.example" and [one.addr_spec for one in read["to"].addresses] == ["zoe@reader.example"]
    sender = [one.addr_spec for one in read["from"].addresses]
    if not right or max(names.values()) > 1 or {"bcc", "cc"} & set(names) or sender != ["news@shop.example.com"]:
        paths.forged.append(name)
    if [part.get_content_type() for part in read.walk()] != ["multipart/alternative", "text/plain", "text/html"]:
        paths.forged.append(f"{name}: parts")
    plain, part = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None and part is not None
    paths.pages.append(Page(f"t{name}", "plain text", str(plain.get_content()), media="text/plain"))
    return str(part.get_content())


def reports(paths: Paths, payloads: Sequence[str], sample: Report, rotations: int) -> None:
    """Reports with a payload in every free text; the page's own policy is taken out, so that escaping alone is judged."""
    places = sum(1 for _place in _texts(sample))
    paths.kinds["report"] = Harmless.of([_bare(render_report(sample, languages=(code,))) for code in ("en", "zh")], (*HOSTS, *_hosts(sample)))
    step = max(1, places)
    for turn in range(rotations):
        shift = turn * step // max(1, rotations)
        for start in range(shift, shift + len(payloads), step):
            supply = (payloads[at % len(payloads)] for at in range(start, start + step))
            attacked, language = list(supply), ("en", "zh")[turn % 2]
            try:
                page = render_report(_filled(sample, iter(attacked), paths), languages=(language,))
            except ValueError:  # the chart renderer cannot measure a word with half an escape in it; charts show words of ours
                paths.refused["report with a half escape"] += 1
                page = render_report(_filled(sample, iter([one.replace("\\", "/") for one in attacked]), paths), languages=(language,))
            paths.pages.append(Page(f"r{turn}x{start}", "report", _bare(page)))


def walled(paths: Paths, payloads: Sequence[str], sample: Report, per_report: int = 24) -> None:
    """Reports whose messages are payloads as they stand: nothing in a message's frame may act or ask for anything."""
    for start in range(0, len(payloads), per_report):
        message = sample.messages[0]
        messages = tuple(dataclasses.replace(message, html=f"<!doctype html><body>{payload}") for payload in payloads[start:start + per_report])
        page = render_report(dataclasses.replace(Report(sample.shop), messages=messages), languages=("en",))
        paths.pages.append(Page(f"w{start}", "walled", page.replace('loading="lazy"', ""), watched=False))
        paths.uses["message in the report"] += len(messages)


def _bare(page: str) -> str:
    head, _tag, rest = page.partition('<meta http-equiv="Content-Security-Policy"')
    return head + rest[rest.find(">") + 1:] if _tag else page


def _hosts(sample: Report) -> list[str]:
    return [host for source in sample.provenance.sources if (host := urlsplit(source.url).hostname)]


def _texts(value: object, name: str = "") -> Iterator[str]:
    if name in _KEPT:
        return
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield from _texts(getattr(value, item.name), item.name)
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one, name)


def _filled(value: Any, supply: Iterator[str], paths: Paths, name: str = "") -> Any:
    """The same with every free text replaced by the next payload; a message's HTML stays, its frame is judged elsewhere."""
    if name in _KEPT or (name == "html" and isinstance(value, str)):
        if name == "html":
            next(supply, None)
        return value
    if isinstance(value, str):
        paths.uses[f"report: {name}"] += 1
        return next(supply, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {item.name: _filled(getattr(value, item.name), supply, paths, item.name) for item in dataclasses.fields(value) if item.init}
        return dataclasses.replace(value, **changed)
    if isinstance(value, (tuple, list)):
        return type(value)([_filled(one, supply, paths, name) for one in value])
    if isinstance(value, dict):
        return {key: _filled(one, supply, paths, name) for key, one in value.items()}
    return value


def control(payloads: Sequence[str], most: int) -> tuple[int, int, int]:
    """The judges on pages that escape nothing: pages, those the browser calls alive, those the parser does."""
    step = max(1, len(payloads) // most)
    harmless = {"raw": Harmless.of(["<!doctype html><html><head></head><body><p>x</p></body></html>"], HOSTS)}
    pages = [Page(f"c{number}", "raw", f"<!doctype html><html><body><p>{payload}</p></body></html>") for number, payload in
             enumerate(payloads[::step])]
    return len(pages), len(judge(pages, harmless).alive), len(parse_judge(pages, harmless))


def together(pages: Sequence[Page], sizes: Mapping[str, int]) -> list[Page]:
    """Pages of a kind after each other in one document: what lives in one of them lives in it too, and a browser builds it faster."""
    found: list[Page] = []
    for kind in dict.fromkeys(page.kind for page in pages):
        mine = [page for page in pages if page.kind == kind]
        size = sizes.get(kind, 1)
        for start in range(0, len(mine), size):
            part = mine[start:start + size]
            found.append(replace(part[0], html="\n".join(page.html for page in part)))
    return found


def run(payloads: Sequence[str], sample: Report, folder: Path, *, every: int, rotations: int, controls: int,
        keep: Path | None = None) -> dict[str, Any]:
    """All paths, both judges; figures for the results file.

    Args:
        keep: file of verdicts; an interrupted run goes on from it.
    """
    started, paths = time.monotonic(), Paths()
    mails(paths, payloads, every)
    reports(paths, payloads, sample, rotations)
    walled(paths, payloads, sample)
    others.looks(paths, payloads, folder, every)
    wrong_data = others.articles(paths, payloads, rotations)
    others.exports(paths, payloads)
    others.marks(paths, payloads)
    others.logos(paths, payloads)
    different = others.link_pages(paths, payloads, folder)
    print(f"{len(paths.pages)} pages made in {time.monotonic() - started:.0f} s", flush=True)
    documents = together(paths.pages, {"mail": 16, "brand": 16, "link server": 60, "plain text": 40})
    seen: Seen = judge([page for page in documents if page.watched], paths.kinds, keep=keep, progress=_tell)
    apart = judge([page for page in documents if not page.watched], paths.kinds, batch=3, keep=keep, progress=_tell)
    parser = parse_judge(paths.pages, paths.kinds)
    shown = {page.id: page for page in paths.pages}
    checked, alive_raw, parsed_raw = control(payloads, controls)
    alive = seen.alive | apart.alive
    return {"payloads": len(payloads), "pages": others.kinds_of(paths.pages), "documents": len(documents),
            "judged": seen.judged + apart.judged, "every": every, "browser_alive": len(alive), "unloaded": len({*seen.unloaded, *apart.unloaded}),
            "loaded_again": seen.again + apart.again, "taken_over": seen.kept + apart.kept,
            "parser_alive": len(parser), "requests": dict(seen.requests + apart.requests), "forged_headers": len(paths.forged),
            "uses": dict(paths.uses), "refused": dict(paths.refused), "link_server_answers": different, "wrong_structured_data": wrong_data,
            "seconds": time.monotonic() - started, "browser_seconds": seen.seconds + apart.seconds,
            "control": {"pages": checked, "browser_alive": alive_raw, "parser_alive": parsed_raw},
            "examples": {key: {"kind": shown[key].kind, "said": (seen.reports.get(key) or seen.objections.get(key) or parser.get(key) or ["?"])[:3]}
                         for key in sorted({*alive, *parser})[:10]}, "forged": paths.forged[:5]}


def _tell(done: int, total: int) -> None:
    print(f"  {done} of {total} documents judged", flush=True)


__all__ = ["MAIL_PLACES", "Paths", "mails", "reports", "run", "text", "walled"]
