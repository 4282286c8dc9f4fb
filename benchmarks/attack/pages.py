"""Live markup through the pages that are no mails: articles, a brand's look, exports of the studio, logos, marks, the link server."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from pydantic import BaseModel, ValidationError

from benchmarks.attack.browser import Harmless, Page
from benchmarks.attack.paths import HOSTS, UNSUBSCRIBE, Paths
from brandloom.content import Brief, Press, Product, Variant
from brandloom.content.articles import Article, plan_article, read_order, write_article
from brandloom.content.articles.links import own_url
from brandloom.content.brand import brand_sender, look
from brandloom.content.brand.kit import BrandKit
from brandloom.content.brand.logo import clean_svg
from brandloom.content.studio import KINDS, Maker, Written, export, read_asked, write_copy
from brandloom.deliver import LinkServer
from brandloom.errors import BrandloomError
from brandloom.govern import ai_label
from brandloom.ledger import open_ledger
from brandloom.llm import ScriptedTextModel
from brandloom.settings import Settings
from brandloom.workspace import SenderConfig, ShopConfig, create_workspace

SITE = "https://shop.example.com"
FORMATS = ("blog", "seo", "guide", "faq", "news")
_KEPT = {"lang", "format", "kind", "published", "currency", "url", "site", "slug", "source", "level", "id", "logo", "jurisdiction", "sector",
         "limits", "intent", "@type", "@context", "item", "severity", "rule", "digital_source"}
"""Fields of an article and its brief that hold a code, an address that was checked when it was read, or a word of ours."""
_TODAY = date(2024, 5, 1)
_BRIEF = {
    "topic": "candles", "keyword": "red candle", "headline": "A red candle for the evening", "author": "Ana", "place": "London", "url": "/candles",
    "products": [{"name": "Red Candle", "material": "wax", "colour": "red", "price": "12.50 EUR", "stock": "in stock", "url": "/red"},
                 {"name": "Blue Candle", "material": "wax", "colour": "blue", "price": "9.50 EUR", "stock": "in stock", "url": "/blue"}],
    "facts": ["The candle burns for 20 hours.", "Every candle is made of wax."],
    "questions": [{"question": "How long does a red candle burn?", "answer": "The candle burns for 20 hours."}],
    "quotes": [{"text": "We pour every candle ourselves.", "speaker": "Ana"}], "currency": "EUR",
    "pages": [{"url": f"{SITE}/wax", "title": "Wax", "keywords": ["wax"]}, {"url": f"{SITE}/lanterns", "title": "Lanterns for the garden"}],
    "image": {"url": f"{SITE}/red.png", "alt": "A red candle"},
    "shop": {"name": "Lantern Hall", "url": SITE, "logo": f"{SITE}/logo.png", "about": "Lantern Hall sells candles.", "contact": "Ana, 1 Quay"}}


def harmless_article(form: str) -> Article:
    """An article in which every place holds a harmless word."""
    words = '{"text": "A red candle of wax stands on the table in the evening. The candle burns for 20 hours."}'
    order = read_order(json.dumps({"lang": "en", "format": form, **_BRIEF}), source="b")
    return write_article(ScriptedTextModel(lambda _messages, _schema: words, name="m"), plan_article(order), today=_TODAY)


def filled(value: Any, supply: Iterator[str], paths: Paths, name: str = "") -> Any:
    """The same with every free text replaced by the next payload, in records, lists and mappings."""
    if name in _KEPT:
        return value
    if isinstance(value, str):
        paths.uses[f"article: {name}"] += 1
        return next(supply, value)
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: filled(getattr(value, key), supply, paths, key) for key in type(value).model_fields})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{item.name: filled(getattr(value, item.name), supply, paths, item.name)
                                             for item in dataclasses.fields(value) if item.init})
    if isinstance(value, (tuple, list)):
        return type(value)([filled(one, supply, paths, name) for one in value])
    if isinstance(value, dict):
        return {key: filled(one, supply, paths, key) for key, one in value.items()}
    return value


def articles(paths: Paths, payloads: Sequence[str], rotations: int) -> int:
    """Articles of five kinds with a payload in every free text, as HTML with structured data and as Markdown read by a CommonMark reader.

    Texts stand there as if no check had seen them. Gives the documents of structured data that do not say what was put in.
    """
    reader, wrong = MarkdownIt("commonmark"), 0
    for form in FORMATS:
        sample = harmless_article(form)
        paths.kinds[f"article {form}"] = Harmless.of([sample.html], HOSTS)
        paths.kinds[f"markdown {form}"] = Harmless.of([_read_markdown(reader, sample.markdown)], HOSTS)
        counter = Paths()
        filled(sample, iter(()), counter)
        step = max(1, sum(counter.uses.values()))
        for turn in range(rotations):
            shift = turn * step // rotations
            for start in range(shift, shift + len(payloads), step):
                made: Article = filled(sample, iter([payloads[at % len(payloads)] for at in range(start, start + step)]), paths)
                paths.pages += [Page(f"a{form}{turn}x{start}", f"article {form}", made.html),
                                Page(f"k{form}{turn}x{start}", f"markdown {form}", _read_markdown(reader, made.markdown))]
                wrong += _linked_data(made.html) != [made.schema]
    for payload in payloads:
        for url in (payload, f"{SITE}/{payload}", f"{SITE}{payload}"):
            paths.uses["article: address"] += 1
            if own_url(url, SITE) is None:
                paths.refused["article: address"] += 1
            elif (urlsplit(url).hostname or "shop.example.com") != "shop.example.com":
                paths.forged.append(f"article address {url[:60]}")
    return wrong


def _read_markdown(reader: MarkdownIt, text: str) -> str:
    """As a site shows it: what stands in front is data, the rest CommonMark with raw HTML let through."""
    return f"<!doctype html><html><head></head><body>{reader.render(text.split('---', 2)[2])}</body></html>"


def _linked_data(page: str) -> list[Any]:
    """Structured data as a search engine reads it: up to the first sign that could end a script."""
    return [json.loads(part.partition("<")[0]) for part in page.split('<script type="application/ld+json">')[1:]]


def looks(paths: Paths, payloads: Sequence[str], folder: Path, every: int = 1) -> None:
    """Mails in the look of a brand whose kit holds payloads: number n has payload n in its first field, n + 1 in its second and so on."""
    first = {"name": "house", "sender": {"name": "House", "email": "news@shop.example.com", "website": SITE}, "postal_address": "1 Quay",
             "logo": {"url": f"{SITE}/logo.png", "alt": "House"}, "legal": [{"language": "en", "text": "House Ltd."}]}
    paths.kinds["brand"] = Harmless.of([_branded(BrandKit.model_validate(first), folder)], HOSTS)
    for number in range(0, len(payloads), every):
        word = [payloads[(number + shift) % len(payloads)] for shift in range(10)]
        wanted: dict[str, Any] = {
            "sender.name": word[0], "sender.email": word[1], "sender.website": word[2], "postal_address": word[3], "logo.url": f"{SITE}/{word[4]}",
            "logo.alt": word[5], "colours.primary": word[6], "colours.page": f"#ffffff;{word[7]}", "legal": word[8], "legal 2": word[9]}
        kit = _kit(paths, first, wanted)
        try:
            page = _branded(kit, folder)
        except (BrandloomError, ValueError):
            paths.refused["brand: whole kit"] += 1
            continue
        paths.pages.append(Page(f"b{number}", "brand", page))


def _kit(paths: Paths, first: dict[str, Any], wanted: dict[str, Any]) -> BrandKit:
    """A kit with as many of the values as are not refused."""
    kept: dict[str, Any] = json.loads(json.dumps(first))
    for place, value in wanted.items():
        tried = json.loads(json.dumps(kept))
        if place.startswith("legal"):
            tried["legal"].append({"language": "en", "text": value})
        else:
            *above, last = place.split(".")
            (tried.setdefault(above[0], {}) if above else tried)[last] = value
        try:
            BrandKit.model_validate(tried)
        except ValidationError:
            paths.refused[f"brand: {place}"] += 1
        else:
            kept = tried
            paths.uses[f"brand: {place}"] += 1
    return BrandKit.model_validate(kept)


def _branded(kit: BrandKit, folder: Path) -> str:
    sender = brand_sender(kit, SenderConfig(name="Lantern Hall", email="news@shop.example.com", postal_address="1 Quay", website=SITE))
    shop = ShopConfig(name="Lantern Hall", sender=sender)
    variant = Variant("a/b/email/en", "a", "b", "email", "en", {"subject": "A thought", "preheader": "For you", "headline": "For the evenings",
                                                                "body": "We have put {{ product.name }} aside.", "cta": "Look"}, "model")
    press = Press(Brief.model_validate({"name": "b"}), shop, label_key=b"k" * 32, looks={"en": look(kit, folder, language="en").values})
    return press.message(variant, {"first_name": "Zoe"}, [Product("P1", "Red Candle")], unsubscribe_url=UNSUBSCRIBE, produce_id="p1:a").html


def harmless_written() -> Written:
    """Two variants of a product's description, by a model."""
    brief = {"lang": "en", "format": "product_description", "products": [{"name": "Red Candle", "material": "wax"}]}
    words = json.dumps({"text": "The Red Candle is made of wax. It stands on the table in the evening, and you can carry it where you like."})
    return write_copy(ScriptedTextModel(lambda _messages, _schema: words, name="m"), read_asked(json.dumps(brief), source="b"), variants=1)


def exports(paths: Paths, payloads: Sequence[str], per_file: int = 40) -> None:
    """The studio's files of copy in every kind: HTML, Markdown read by a CommonMark reader, and JSON, CSV and text opened as plain text."""
    written, reader = harmless_written(), MarkdownIt("commonmark")
    clean = {kind: export(written, kind, maker=Maker("House")) for kind in ("html", "md")}
    many = dataclasses.replace(written, drafts=written.drafts * 2)
    paths.kinds["export html"] = Harmless.of([clean["html"], export(many, "html")], ())
    paths.kinds["export md"] = Harmless.of([_read_markdown(reader, clean["md"]), "<ul><li><hr>"], ())
    paths.kinds["plain text"] = Harmless.of(["<html><head><meta name=color-scheme content=x></head><body><pre style=x></pre></body></html>"], ())
    for start in range(0, len(payloads), per_file):
        part = payloads[start:start + per_file]
        drafts = tuple(dataclasses.replace(written.drafts[0], copy={"text": payload}, angle=part[at - 1], model=part[at - 2])
                       for at, payload in enumerate(part))
        made, maker = dataclasses.replace(written, drafts=drafts), Maker(part[0])
        for kind in KINDS:
            text = export(made, kind, maker=maker)
            paths.uses[f"export {kind}"] += len(part)
            if kind == "md":
                text = _read_markdown(reader, text)
            page = Page(f"x{start}{kind}", f"export {kind}", text) if kind in ("html", "md") else Page(
                f"x{start}{kind}", "plain text", text, media="text/plain")
            paths.pages.append(page)


def marks(paths: Paths, payloads: Sequence[str], per_page: int = 60) -> None:
    """The machine-readable mark of generated text, with payloads in the producer's name and the ids."""
    harmless = ai_label("x", producer="House", produce_id="p", key=None).meta_tag()
    paths.kinds["mark"] = Harmless.of([f"<!doctype html><html><head>{harmless}</head><body>"], ())
    for start in range(0, len(payloads), per_page):
        part = payloads[start:start + per_page]
        labels = [ai_label("x", producer=payload, produce_id=part[at - 1], key=None, propagator=part[at - 2], propagate_id=payload)
                  for at, payload in enumerate(part)]
        paths.uses["mark"] += len(part)
        paths.pages.append(Page(f"l{start}", "mark", "<!doctype html><html><head>" + "".join(one.meta_tag() for one in labels) + "</head><body>"))


def logos(paths: Paths, payloads: Sequence[str], per_page: int = 100) -> None:
    """SVG logos with payloads inside, cleaned; a page shows them as they are, though mails carry a drawing of them only."""
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
    wraps = (f'{head}<rect width="9" height="9"/>{{}}</svg>', f'{head}<g {{}}><path d="M0 0h9"/></g></svg>',
             f'{head}<use href="{{}}"/><path d="M0 0h9" style="{{}}" fill="{{}}"/></svg>')
    sizes = "x=0 y=0 r=1 width=1 height=1 cx=1 cy=1 rx=1 ry=1 d=x points=x fill=x style=x id=x class=x viewBox=x xmlns=x transform=x opacity=1"
    known = ("svg", "g", "rect", "circle", "ellipse", "line", "path", "polygon", "use", "title", "desc")
    shapes = "".join(f"<{tag} {sizes}></{tag}>" for tag in known)
    paths.kinds["logo"] = Harmless.of([f"<!doctype html><html><head></head><body><div></div>{shapes}"], ())
    made: list[str] = []
    for payload in payloads:
        for wrap in wraps:
            try:
                made.append(clean_svg(wrap.replace("{}", payload).encode("utf-8", "replace"), "logo.svg"))
                paths.uses["logo"] += 1
            except BrandloomError:
                paths.refused["logo"] += 1
    for start in range(0, len(made), per_page):
        paths.pages.append(Page(f"g{start}", "logo", "<!doctype html><html><head></head><body>" + "".join(
            f"<div>{one}</div>" for one in made[start:start + per_page])))


def link_pages(paths: Paths, payloads: Sequence[str], folder: Path) -> int:
    """Payloads in path, token, language, method and body of requests to the server of click and unsubscribe links.

    Gives how many different pages came back.
    """
    workspace = create_workspace(folder / "links")
    ledger = open_ledger(workspace, Settings(cache=folder))
    answers: set[bytes] = set()
    with LinkServer(ledger, workspace) as server:
        port = urlsplit(server.url).port or 80
        clean = {asked(port, request)[1] for request in (b"GET /unsubscribe?t=x HTTP/1.0\r\n\r\n", b"GET /c?t=x HTTP/1.0\r\n\r\n",
                                                         b"POST /unsubscribe?t=x HTTP/1.0\r\nContent-Length: 0\r\n\r\n")}
        for number, payload in enumerate(payloads):
            raw = payload.encode("utf-8", "replace")
            line = raw.replace(b"\r", b"").replace(b"\n", b"")
            path = line.replace(b" ", b"%20")
            body = b"List-Unsubscribe=One-Click&t=" + raw
            length = (b" HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + str(len(body)).encode()
                      + b"\r\n\r\n" + body)
            language = b" HTTP/1.0\r\nAccept-Language: " + line + b"\r\n\r\n"
            requests = (b"GET /unsubscribe?t=" + path + language, b"POST /" + path + length, b"GET /c?t=" + path + language,
                        b"GET /" + path + b"/c?s=" + path + b" HTTP/1.0\r\n\r\n", line[:200] + b" / HTTP/1.0\r\n\r\n",
                        b"GET / " + line[:200] + b"\r\n\r\n")
            for at in (number % 6, (number + 3) % 6):
                answers.add(asked(port, requests[at])[1])
                paths.uses["link server"] += 1
    ledger.close()
    paths.kinds["link server"] = Harmless.of([page.decode() for page in clean] + [
        "<!DOCTYPE HTML><html lang=en><head><meta charset=utf-8><style></style><title></title></head><body><h1></h1><p></p></body></html>"], HOSTS)
    for number, page in enumerate(sorted(answers - {b""})):
        paths.pages.append(Page(f"u{number}", "link server", page.decode("utf-8", "replace")))
    return len(answers)


def asked(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to a request, byte for byte."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.sendall(request)
        wire.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _gap, body = answer.partition(b"\r\n\r\n")
    return head, body


def kinds_of(pages: Sequence[Page]) -> Mapping[str, int]:
    """How many pages of each kind there are."""
    return {kind: sum(page.kind == kind for page in pages) for kind in dict.fromkeys(page.kind for page in pages)}
