"""A message holds what was approved and what belongs to its reader, and nothing in it can act."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content import Brief, Layout, Press, Product, Rendered, Variant, bundled_layout, verify
from brandloom.content.render import safe_url, usable_name, without_name
from brandloom.errors import ConfigError
from brandloom.govern import is_genuine, label_in_html
from brandloom.workspace import SenderConfig, ShopConfig
from conftest import require

ATTACKS = Path(__file__).parents[1] / ".." / "shared" / "data" / "attacks"
SENDER = SenderConfig(name="Harbour Gifts", email="hello@harbour.example", postal_address="12 Quay Street, Bristol BS1 4DJ")
SHOP = ShopConfig(name="Harbour Gifts", currency="GBP", sender=SENDER)
BRIEF = Brief(name="x", offer={"kind": "percent_off", "value": 10, "code": "XMAS10", "until": date(2011, 12, 1), "min_order": 50})
PRODUCTS = [Product("1", "WHITE HANGING HEART T-LIGHT HOLDER", price=Decimal("2.95")),
            Product("2 3", "SET OF 3 CAKE TINS", price=Decimal("1234.5"), url="https://shop.example.com/tins?a=1&b=2")]
SLOTS = {
    "en": {"subject": "For {{ first_name }}, a little light", "preheader": "With {{ offer.value }} off", "headline": "Small lights",
           "body": "We thought of {{ product.name }} for {{ product.price }}. Use {{ offer.code }} until {{ offer.until }}.", "cta": "Look"},
    "zh": {"subject": "{{ first_name }}，添一点微光", "preheader": "可享{{ offer.value }}优惠", "headline": "一点微光",
           "body": "先看看 {{ product.name }}（{{ product.price }}）吧。即日起至{{ offer.until }}，输入 {{ offer.code }}。", "cta": "去看看"},
}


def variant(language: str, source: str = "model", **parts: str) -> Variant:
    slots = MappingProxyType({**SLOTS[language], **parts})
    return Variant(f"p/g/email/{language}", "p", "g", "email", language, slots, source)  # type: ignore[arg-type]


def make(language: str = "en", *, name: str | None = "Anna", products: list[Product] | None = None, shop: ShopConfig = SHOP,
         source: str = "model", preview: bool = False, layout: Layout | None = None, **parts: str) -> Rendered:
    press = Press(BRIEF, shop, label_key=b"k", preview=preview, layout=layout)
    return press.message(variant(language, source, **parts), {"first_name": name}, PRODUCTS if products is None else products,
                         unsubscribe_url="https://shop.example.com/u/abc?x=1&y=2", produce_id="plan-7")


class Acts(HTMLParser):
    """What a reader's program could run in a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.live: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "svg", "math", "base", "img", "input", "video", "audio"):
            self.live.append(tag)
        for key, value in attrs:
            if key.startswith("on") or re.match(r"[\x00-\x20]*(javascript|data|vbscript):", value or "", re.I):
                self.live.append(f"{tag} {key}")
            if key == "href":
                self.links.append(value or "")

    handle_startendtag = handle_starttag


def test_english_and_chinese_messages_are_whole() -> None:
    english, chinese = make("en"), make("zh", name="小雨")
    assert english.subject == "For Anna, a little light"
    assert chinese.subject == "（广告）小雨，添一点微光"
    for message, words in ((english, ["White Hanging Heart T-Light Holder", "£2.95", "£1,234.50", "10% off", "XMAS10", "1 December 2011",
                                      "£50.00", "Unsubscribe", "agreed to news", "12 Quay Street", "AI-generated", "Hello Anna,"]),
                           (chinese, ["White Hanging Heart T-Light Holder", "£2.95", "9折", "XMAS10", "2011年12月1日", "一键退订",
                                      "同意接收", "12 Quay Street", "AI生成", "小雨，你好！"])):
        for word in words:
            assert word in message.html, word
            assert word in message.text, word
        for page in (message.html, message.text, message.subject, message.preheader):
            assert "{{" not in page
            assert "[[" not in page
            assert "\ue000" not in page
        assert Acts(message.html).live == []
        assert "https://shop.example.com/u/abc?x=1&y=2" in Acts(message.html).links
        assert "https://shop.example.com/tins?a=1&b=2" in message.text
        assert "https://shop.example.com/?product=1" in message.text


def test_the_ai_label_is_in_the_page_and_sealed_and_a_template_has_none() -> None:
    message = make("zh")
    label = label_in_html(message.html)
    assert label == message.label
    assert label is not None
    assert (label.label, label.produce_id, label.content_producer) == ("1", "plan-7", "Harbour Gifts")
    assert is_genuine(label, "\n".join(SLOTS["zh"].values()), key=b"k")
    plain = make("en", source="template")
    assert plain.label is None
    assert label_in_html(plain.html) is None
    assert "AI-generated" not in plain.html


@pytest.mark.parametrize(("text", "language", "read"), [
    ("Hi {{ first_name }}, have a look", "en", "Hello, have a look"),
    ("{{ first_name }}, have a look", "en", "Have a look"),
    ("Something for you, {{ first_name }}!", "en", "Something for you!"),
    ("Thank you {{ first_name }}. Have a look", "en", "Thank you. Have a look"),
    ("{{ first_name }}'s little light", "en", "Your little light"),
    ("亲爱的{{ first_name }}，好久不见", "zh", "好久不见"),
    ("好久不见，{{ first_name }}！", "zh", "好久不见！"),
])
def test_a_missing_name_leaves_a_natural_sentence(text: str, language: str, read: str) -> None:
    assert without_name(text, language) == read


def test_without_a_name_the_greeting_has_none() -> None:
    assert "Hello,\n" in make("en", name=None).text
    assert "你好，" in make("zh", name="").text
    assert make("en", name=None).subject == "For you, a little light"


@pytest.mark.parametrize(("name", "shown"), [
    ("anna", "Anna"), ("ANNA", "Anna"), ("McKay", "McKay"), ("小雨", "小雨"), ("O'Neil", "O'Neil"), ("Zoë", "Zoë"), (None, ""), ("  ", ""),
    ("http://evil.example", ""), ("visit evil.example", ""), ("{{7*7}}", ""), ("a" * 41, ""), ("<b>Anna</b>", "Anna"), ("0207946", ""),
    ("Anna\r\nBcc: all@example.com", ""), ("Anna\u202e", "Anna"),
])
def test_only_what_looks_like_a_name_is_greeted(name: str | None, shown: str) -> None:
    assert usable_name(name) == shown


def test_a_message_without_address_product_or_safe_link_is_not_made() -> None:
    nowhere = ShopConfig(name="x", sender=SenderConfig(postal_address=" "))
    with pytest.raises(ConfigError, match="postal address"):
        make(shop=nowhere)
    assert "Preview: this message has not been sent" in make(shop=nowhere, preview=True).html
    with pytest.raises(ConfigError, match=r"product\.name"):
        make(products=[])
    with pytest.raises(ConfigError, match="not a link"):
        make(products=[Product("1", "Mug", url="javascript:alert(1)")])


def test_a_message_without_products_and_offer_leaves_their_boxes_out() -> None:
    plain = {"preheader": "Have a look", "body": "Come in."}
    message = Press(Brief(name="x"), SHOP).message(variant("en", **plain), {}, [], unsubscribe_url="https://s.example/u", produce_id="1")
    assert "XMAS10" not in message.html
    assert 'class="items"' not in message.html


def test_the_brief_can_name_another_sender() -> None:
    brief = BRIEF.model_copy(update={"sender": Brief(name="x", sender={"name": "Anna of Harbour"}).sender})
    message = Press(brief, SHOP).message(variant("en"), {}, PRODUCTS, unsubscribe_url="https://s.example/u", produce_id="1")
    assert "Anna of Harbour, 12 Quay Street" in message.text


def lines(name: str) -> list[str]:
    file = ATTACKS / name
    require(file.exists(), "shared data absent: put ../shared/data/attacks beside the repository")
    return [line for line in file.read_text("utf-8", errors="replace").splitlines() if line.strip()]


def test_no_script_injection_becomes_live_in_any_place() -> None:
    payloads = lines("xss_intruders.txt") + lines("xss_payloadbox.txt")[::23]
    for payload in payloads:
        page = make(name=payload, products=[Product(payload, payload, price=Decimal(1))]).html
        assert Acts(page).live == [], payload
    for payload in payloads[::16]:
        page = make(headline=payload.replace("{{", ""), body=payload.replace("{{", ""),
                    shop=SHOP.model_copy(update={"name": payload, "sender": SENDER.model_copy(update={"name": payload})})).html
        assert Acts(page).live == [], payload


def test_template_injection_in_values_stays_text() -> None:
    for payload in [*lines("ssti.txt"), "{{ 7 | times: 7 }}", "{% assign x = 1 %}", "{{ unsubscribe_url }}", "{{ offer.code }}"]:
        message = make(products=[Product("1", payload + " mug", price=Decimal(1))], name=payload)
        if "{{" in payload and "<" not in payload and "&" not in payload:
            shown = " ".join(payload.replace("{", " ").replace("}", " ").split())  # a product's name shows no brace
            assert shown.lower() in message.text.lower()
        assert message.text.count("XMAS10") == make().text.count("XMAS10")


def test_no_line_break_reaches_the_subject() -> None:
    for payload in [*lines("crlf.txt"), "Anna\r\nBcc: x", "Anna\nX", "Anna\u2028X", "Anna\x85X"]:
        for message in (make(name=payload), make(subject="For you {{ product.name }}", products=[Product("1", payload)])):
            assert len(message.subject.splitlines()) == 1
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", message.subject + message.preheader)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=50), st.text(min_size=1, max_size=50))
def test_any_name_and_any_product_give_a_safe_page(name: str, product: str) -> None:
    message = make(name=name, products=[Product(product, product, price=Decimal(1))])
    assert Acts(message.html).live == []
    assert "\ue000" not in message.html
    json.dumps([message.subject, message.text])


def layout(body: str, text: str = "{{ body }}") -> Layout:
    return Layout("mine", f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>", text)


@pytest.mark.parametrize(("body", "reason"), [
    ("<mj-text>{{ nothing }}</mj-text>", "undefined"),
    ("<mj-text>{{ person.email }}</mj-text>", "undefined"),
    ("<mj-text>{% include 'x' %}</mj-text>", "include"),
    ("<mj-text>{% for i in (1..100000) %}x{% endfor %}</mj-text>", "limit"),
    ("<mj-text>{% for i in (1..1000) %}{{ reason }}{{ reason }}{{ reason }}{{ reason }}{{ reason }}{{ reason }}{{ reason }}{% endfor %}</mj-text>", "limit"),
    ("<mj-text>{{ body | safe }}</mj-text>", "safe"),
    ("<mj-text>{% if %}</mj-text>", "rendered"),
    ("<mj-raw><script>alert(1)</script></mj-raw>", "<script>"),
    ("<mj-raw><a href='javascript:alert(1)'>x</a></mj-raw>", "href="),
    ("<mj-raw><p onclick='x()'>x</p></mj-raw>", "onclick="),
    ("<mj-include path='/etc/passwd' />", "mj-include"),
    ("<mj-nothing>", "MJML"),
    ("<mj-text>{{ greeting | append: 'x' | slice: 7, 3 }}</mj-text>", "filter"),
])
def test_a_marketers_layout_is_bounded_and_refused_in_one_line(body: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(layout=layout(body))
    line = caught.value.text("en")
    assert reason in line
    assert "mine" in line
    assert "\n" not in line
    assert "\n" not in caught.value.text("zh")


def test_a_marketers_own_layout_works() -> None:
    message = make(layout=layout("<mj-text>{{ headline }} {% for p in products %}{{ p.name }};{% endfor %}</mj-text>",
                                 "{{ headline }} {{ unsubscribe_url }}"))
    assert "White Hanging Heart T-Light Holder;Set of 3 Cake Tins;" in message.html
    assert message.text == "Small lights https://shop.example.com/u/abc?x=1&y=2\n"
    assert bundled_layout().name == "card"


def test_the_last_look_stops_what_must_not_go_out() -> None:
    good, hosts = make(), {"shop.example.com"}

    def faults(message: Rendered, **changes: object) -> list[str]:
        asked = {"products": PRODUCTS, "currency": "GBP", "language": "en", "hosts": hosts} | changes
        return [item.rule for item in verify(message, **asked)]  # type: ignore[arg-type]

    assert faults(good) == []
    assert faults(replace(good, text=good.text + "{{ first_name }}")) == ["slot"]
    assert faults(replace(good, subject="Hello\nBcc: all@example.com")) == ["invisible"]
    assert faults(replace(good, html=good.html.replace("https://shop.example.com/tins", "https://shop.example.com.evil.example/tins"))) == ["link"]
    assert faults(replace(good, html=good.html.replace("https://shop.example.com/u/", "https://shop.example.com@evil.example/u/"))) == ["link"]
    assert faults(good, products=[replace(PRODUCTS[0], price=Decimal("3.95")), PRODUCTS[1]]) == ["figure"]
    assert faults(replace(good, html=good.html.replace("plan-7", "plan-8"))) == ["label"]


@given(st.text(max_size=60))
def test_a_link_is_usual_only_if_it_is_safe(text: str) -> None:
    for url in ("https://shop.example" + text, text):
        try:
            assert not re.search(r"[\s<>\"'\x00-\x1f]", safe_url(url))
            assert safe_url(url).startswith(("https://", "http://"))
        except ConfigError:
            pass
