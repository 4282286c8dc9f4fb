"""Texts that want to be templates stay texts; layouts that want to run for ever end in an error."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from benchmarks.attack.markup import SLOTS, mail
from benchmarks.attack.pages import FORMATS, SITE, filled, harmless_article
from benchmarks.attack.paths import UNSUBSCRIBE, Paths
from brandloom.content import Brief, Layout, Press, Product, Variant, bundled_layout, humanise
from brandloom.content.brand import look
from brandloom.content.brand.kit import BrandKit
from brandloom.content.facts import plain_text
from brandloom.content.layout import without_holes
from brandloom.content.render import usable_name
from brandloom.errors import BrandloomError
from brandloom.workspace import SenderConfig, ShopConfig

MOST_MS, MOST_BYTES = 50.0, 1_000_000
TEXTS = (
    "{{7*7}}", "{{ 7*7 }}", "{{7*'7'}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{%print 7*7%}", "{% raw %}x{% endraw %}", "{{config}}", "{{ self }}",
    "{{ settings.SECRET_KEY }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ request.application.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% render 'x' %}", "{% assign x = 'y' %}{{ x }}", "{{ shop | json }}", "{{ brand.colours.primary }}", "{{ sender.address }}",
    "{{ unsubscribe_url }}",
    "{% for p in products %}{{ p.name }}{% endfor %}", "{{ products[0].name }}", "[[unsubscribe]]", "[[preview]]", "[[lang]]", "{name}", "{shop}",
    "{0}",
    "{0.__class__}", "{value.__init__.__globals__}", "{shop!r}", "{text:>99999}", "%s%s%s%n", "%(shop)s", "%d", "$shop", "${shop}", "$(id)", "`id`",
    "@(1+2)", "@{7*7}", "*{7*7}", "~{7*7}", "{{=7*7}}", "{{!7*7}}", "{{{7*7}}}", "{{#if 1}}x{{/if}}", "{{> x}}", "<#assign x=1>${x}", "#set($x=7)$x",
    "<mj-raw>x</mj-raw>", "<mj-include path='/etc/passwd'/>", "{% comment %}", "{# x #}", "{{", "}}", "{%", "%}", "{{ '{{' }}", "\ue000\ue100\ue001",
    "\ue000\ue101\ue001", "\ue100", "\\{\\{7*7\\}\\}", "&#123;&#123;7*7&#125;&#125;", "\u007b\u007b7*7\u007d\u007d", "{\u200b{7*7}}", "｛｛7*7｝｝",
    "{{ product.name | upcase }}", "{{product.price|times:2}}", "{{ offer.codes }}", "{{last_name}}", "{{ customer.email }}",
    "{% capture x %}y{% endcapture %}", "{% cycle 'a','b' %}", "{% increment x %}", "{% liquid echo 1 %}", "{% echo 7 %}", "{%- 7 -%}", "{{- 7 -}}",
    "__import__('os').system('id')", "eval('7*7')", "exec('x')", "f'{7*7}'", "!!python/object/apply:os.system [id]", "*alias", "&anchor x", "<<: *x",
    "{\"$ref\": \"x\"}", "<!ENTITY x SYSTEM 'file:///etc/passwd'>", "&x;", "{% block x %}{% endblock %}", "{% extends 'x' %}",
    "{% macro x() %}{% endmacro %}")
_FILTERS = " | ".join(["replace: 'a', 'aaaaaaaaaa'"] * 9)
_MANY = "{% assign many = '" + "," * 1500 + "' | split: ',' %}"
LAYOUTS = {
    "a range": "{% for i in (1..100000000) %}a{% endfor %}", "a range turned round": "{% for i in (1..90000000) reversed %}a{% endfor %}",
    "a range in a filter": "{{ (1..90000000) | join: '' | size }}",
    "a range of values": "{% assign n = 90000000 %}{% for i in (1..n) %}a{% endfor %}",
    "a range in a table": "{% tablerow i in (1..90000000) cols: 1 %}a{% endtablerow %}", "filters in a chain": f"{{{{ 'a' | {_FILTERS} | size }}}}",
    "filters in a chain, nothing shown": f"{{% assign x = 'a' | {_FILTERS} %}}", "a list joined": _MANY + "{{ many | join: '" + "x" * 9000 + "' }}",
    "loops in loops": _MANY + "{% for a in many %}{% for b in many %}{% for c in many %}x{% endfor %}{% endfor %}{% endfor %}",
    "loops that print nothing": _MANY + "{% for a in many %}{% assign x = a %}{% endfor %}",
    "texts that double": _MANY + "{% assign s = 'aaaaaaaa' %}{% for a in many %}{% assign s = s | append: s %}{% endfor %}{{ s }}",
    "texts that double by capture": _MANY + "{% for a in many %}{% capture s %}{{ s }}{{ s }}a{% endcapture %}{% endfor %}{{ s }}",
    "lists that double": _MANY + "{% for a in many %}{% assign many = many | concat: many %}{% endfor %}",
    "a long number": "{{ " + "9" * 5000 + " | times: 9 }}",
    "numbers that square": "{% assign n = 99999999 %}" + "{% assign n = n | times: n %}" * 30 + "{{ n }}", "a division": "{{ 1 | divided_by: 0 }}",
    "many tags": "{% if true %}x{% endif %}" * 5000, "deep tags": "{% if true %}" * 3000 + "{% endif %}" * 3000, "a long source": "x" * 3_000_000,
    "an unknown value": "{{ config.items }}", "attributes": "{{ subject.__class__.__mro__ }}", "a file": "{% include '/etc/passwd' %}",
    "a part": "{% render 'x' %}", "no end": "{% for p in products %}", "half a tag": "{{ subject",
    "sorted": _MANY + "{{ many | sort | reverse | uniq | size }}",
    "cut": "{{ subject | truncate: 999999999 }}", "a date": "{{ 'now' | date: '%999999999d' }}",
    "markup out of a search": "{{ '<' | append: '<<<<<<<<' | strip_html }}",
    "escapes": "{{ '&' | " + " | ".join(["escape"] * 400) + " }}", "url escapes": "{{ '%' | " + " | ".join(["url_encode"] * 400) + " }}",
    "base 64": "{{ 'aaaaaaaa' | " + " | ".join(["base64_encode"] * 60) + " }}", "shown often": "{{ headline }}" * 400,
    "broken in lines": "{{ 'a' | " + " | ".join(["replace: 'a', 'a\na'"] * 30) + " | newline_to_br }}", "a loop of products in products":
    "".join(f"{{% for {name} in products %}}" for name in "pqrs") + "{{ p.name }}" + "{% endfor %}" * 4}
PAGES = {"deep elements": "<mj-wrapper>" * 20_000 + "</mj-wrapper>" * 20_000,
    "deep raw elements": "<mj-raw>" + "<div>" * 20_000 + "</div>" * 20_000 + "</mj-raw>",
         "many elements": "<mj-section></mj-section>" * 20_000, "an include": "<mj-include path='/etc/passwd' />",
         "attributes for every page": "<mj-html-attributes></mj-html-attributes>",
         "a long attribute": f"<mj-section css-class='{'x' * 500_000}'></mj-section>",
         "an entity": "&lol;" * 50_000, "no end": "<mj-section>" * 300, "a script": "<mj-raw><script>1</script></mj-raw>"}


def texts(folder: Path | None) -> list[str]:
    """The shared list of template injections, then our own, no line twice: about 200."""
    shared = [] if folder is None else [line for line in (folder / "ssti.txt").read_text("utf-8", "replace").splitlines() if line.strip()]
    return list(dict.fromkeys([*shared, *TEXTS]))


class _Said(HTMLParser):
    """Everything a page says, texts and values of attributes; blanks are left out of the comparison."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.values: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.values += [value or "" for _name, value in attrs]


def _said(page: str) -> str:
    reader = _Said()
    reader.feed(page)
    reader.close()
    return "".join("".join([*reader.parts, *reader.values]).split())


def literal(payloads: Sequence[str], folder: Path) -> dict[str, Any]:
    """Each text in each place of mail, brand kit and article: is it said as it stands, or refused?"""
    seen: Counter[str] = Counter()
    changed: list[str] = []
    places: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(SLOTS, _kept), "subject": plain_text, "first name": usable_name, "product 1 name": humanise,
        "product 2 name": humanise, "offer text": plain_text,
              "sender name": plain_text, "postal address": plain_text, "shop name": plain_text, "legal": _kept, "logo alt": _kept}
    for payload in payloads:
        for place, shown in places.items():
            seen["texts"] += 1
            try:
                page = _kit_page(place, payload, folder) if place in ("legal", "logo alt") else mail({place: payload})[0].html
            except (BrandloomError, ValueError):
                seen["refused"] += 1
                continue
            expected = "".join(without_holes(shown(payload)).split())
            if expected and expected not in _said(page):
                changed.append(f"{place}: {payload[:60]!r}")
    for form in FORMATS:
        sample, counter = harmless_article(form), Paths()
        filled(sample, iter(()), counter)
        step = sum(counter.uses.values())
        for start in range(0, len(payloads), step):
            made = filled(sample, iter([payloads[at % len(payloads)] for at in range(start, start + step)]), Paths())
            said = _said(made.html)
            seen["texts"] += len(made.passages)
            changed += [f"article {form}: {item.text[:60]!r}" for item in made.passages if any(
                "".join(line.split()) not in said for line in item.text.split("\n"))]
    return {"payloads": len(payloads), **seen, "changed": len(changed), "examples": changed[:8]}


def _kept(text: str) -> str:
    return "" if any(mark in text for mark in "\ue000\ue001\u200b") else text  # what is taken out anywhere is looked for elsewhere


def _kit_page(place: str, payload: str, folder: Path) -> str:
    kit = BrandKit.model_validate({"name": "house", "logo": {"url": f"{SITE}/l.png", "alt": payload if place == "logo alt" else "House"},
                                   "legal": [{"language": "en", "text": payload if place == "legal" else "House Ltd."}]})
    return message(Layout("card", *bundled()), {"en": look(kit, folder, language="en").values})


def bundled() -> tuple[str, str]:
    """MJML and text of the layout that comes with the package."""
    layout = bundled_layout()
    return layout.mjml, layout.text


def message(layout: Layout, looks: dict[str, Any] | None = None, slots: dict[str, str] | None = None) -> str:
    """One mail in this layout, its HTML and its text."""
    shop = ShopConfig(name="Lantern Hall", sender=SenderConfig(name="Lantern Hall", email="news@shop.example.com", postal_address="1 Quay",
        website=SITE))
    words = {"subject": "A thought", "preheader": "For you", "headline": "For the evenings", "body": "We have put it aside.", "cta": "Look",
        **(slots or {})}
    press = Press(Brief.model_validate({"name": "b"}), shop, label_key=b"k" * 32, looks=looks, layout=layout)
    made = press.message(Variant("a/b/email/en", "a", "b", "email", "en", words, "model"), {"first_name": "Zoe"},
                         [Product(f"P{n}", f"Red Candle {n}") for n in range(4)], unsubscribe_url=UNSUBSCRIBE, produce_id="p1:a")
    return made.html + made.text


def hostile() -> dict[str, Any]:
    """Layouts and texts that want to be large or slow: milliseconds and bytes of each, or its error."""
    mjml, text = bundled()
    tried = {f"{name}, {where}": Layout(f"x{number}", mjml.replace("{{ body }}", source, 1) if where == "page" else mjml,
        text if where == "page" else source)
             for number, (name, source) in enumerate(LAYOUTS.items()) for where in ("page", "text")}
    tried |= {f"{name}, MJML": Layout(f"y{number}", mjml.replace("</mj-body>", f"{source}</mj-body>"), text)
              for number, (name, source) in enumerate(PAGES.items())}
    rows: dict[str, Any] = {}
    for name, layout in tried.items():
        rows[name] = _timed(lambda layout=layout: message(layout))
    usual = Layout("card", mjml, text)
    for name, body in (("braces", "{{" * 50_000), ("slots", "{{ shop.name }}" * 3_000), ("tags", "{% for x in y %}" * 8_000), ("marks",
        "\ue000" * 90_000)):
        rows[f"{name}, body"] = _timed(lambda body=body: message(usual, slots={"body": body}))
    over = [name for name, row in rows.items() if row["error"] is None and (row["ms"] > MOST_MS or row["bytes"] > MOST_BYTES)]
    slow = [name for name, row in rows.items() if row["error"] is not None and row["ms"] > 1000]
    return {"layouts": len(rows), "refused": sum(row["error"] is not None for row in rows.values()), "over": len(over), "slow_errors": len(slow),
            "slowest_ms": max(row["ms"] for row in rows.values() if row["error"] is None),
            "largest_bytes": max(row["bytes"] for row in rows.values()),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "examples": [(name, rows[name]) for name in (*over, *slow)][:8]}


def _timed(call: Any) -> dict[str, Any]:
    """The quickest of three runs, in time of the processor: what the machine does besides is no matter of the layout's."""
    best, size, error = 1e9, 0, None
    for _turn in range(3):
        started = time.thread_time()
        try:
            size = len(call().encode("utf-8", "replace"))
        except BrandloomError as found:
            error = str(found)[:120]
        best = min(best, 1000 * (time.thread_time() - started))
    return {"ms": round(best, 1), "bytes": size, "error": error}


def run(folder: Path, lists: Path | None) -> dict[str, Any]:
    """Both; figures for the results file."""
    return {"literal": literal(texts(lists), folder), "hostile": hostile()}
