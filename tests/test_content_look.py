"""How a brand looks: colours that can be read, logos that cannot act, and mails in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brand_world import png
from brandloom.content.brand import (
    BrandKit,
    look,
    with_picture,
)
from brandloom.content.brand.colours import contrast, palette, readable, text_on
from brandloom.content.brand.logo import clean_svg, read_logo
from brandloom.content.layout import PLAIN_BRAND, bundled_layout, render_html, render_text
from brandloom.errors import ConfigError


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert text_on("#ffcc00") == "#26312f" and text_on("#0c5c50") == "#ffffff"


@given(st.integers(0, 0xFFFFFF), st.integers(0, 0xFFFFFF))
@settings(max_examples=200, deadline=None)
def test_every_text_can_be_read_on_its_ground_whatever_the_colours(primary: int, page: int) -> None:
    shades = palette(f"#{primary:06x}", f"#{page:06x}")
    for text, ground in (("on_primary", "primary"), ("soft", "page"), ("accent", "tint"), ("on_tile", "tile"), ("night_accent", "night_tint"),
                         ("on_night_tile", "night_tile")):
        assert contrast(shades[text], shades[ground]) >= 4.5, (text, shades)
    assert readable("#ffffff", shades["primary"], least=1.0) == "#ffffff"
    assert set(shades) == set(PLAIN_BRAND["colours"])  # type: ignore[call-overload]


SVG = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="120" height="40" onload="alert(1)">'
       '<script>alert(2)</script><style>@import url(http://x)</style><rect width="120" height="40" fill="#c12" onclick="x()"/>'
       '<a href="javascript:x()"><path d="M1 1L2 2"/></a><image xlink:href="http://x.example/y.png"/><foreignObject><p>no</p></foreignObject>'
       '<path d="M0 0L9 9" style="fill:url(http://x.example/z)"/><circle cx="9" cy="9" r="4" fill="#fff"/></svg>')


def test_an_svg_loses_what_acts_and_is_drawn(tmp_path: Path) -> None:
    clean = clean_svg(SVG.encode(), "logo.svg")
    assert "circle" in clean and "rect" in clean
    for bad in ("script", "style", "onload", "onclick", "javascript", "image", "foreignObject", "http://x", "alert"):
        assert bad not in clean, bad
    (tmp_path / "logo.svg").write_text(SVG, encoding="utf-8")
    picture = read_logo(tmp_path, "logo.svg")
    assert (picture.kind, picture.width, picture.height) == ("png", 240, 80) and picture.data.startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "content", "words_of_error"), [
    ("logo.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>', "no PNG, JPEG or plain SVG"),
    ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><g><text>Bells</text></g></svg>', "Convert text to paths"),
    ("logo.svg", b"<svg", "not valid SVG"), ("logo.gif", b"GIF89a", "no PNG, JPEG or plain SVG"), ("logo.png", b"\x89PNG\r\n\x1a\n", "no PNG"),
    ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 3000 + b"</g>" * 3000 + b"</svg>", "nested too deeply"),
    ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + b'<use href="#a"/>' * 13 + b"</svg>", "more than 12"),
    ("logo.png", png(5000, 4), "5000 by 4 pixels"), ("logo.png", b"\x89PNG\r\n\x1a\n" + b"x" * 300_000, "300 kB"),
    ("logo.jpg", b"\xff\xd8\xff\xe0\x00\x04ab", "no PNG, JPEG or plain SVG"),
])
def test_a_logo_that_cannot_be_sent_is_refused(tmp_path: Path, name: str, content: bytes, words_of_error: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words_of_error):
        read_logo(tmp_path, name)


def test_a_logo_lies_beside_the_kit(tmp_path: Path) -> None:
    inside = tmp_path / "brands"
    inside.mkdir()
    (tmp_path / "secret.png").write_bytes(png(20, 20))
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
        with pytest.raises(ConfigError, match="lies outside"):
            read_logo(inside, name)
    with pytest.raises(ConfigError, match="is not in"):
        read_logo(inside, "none.png")
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x20\x00\x40" + b"\0" * 12
    (inside / "logo.jpg").write_bytes(jpeg)
    assert (read_logo(inside, "logo.jpg").width, read_logo(inside, "logo.jpg").height) == (64, 32)


MAIL: dict[str, object] = {
    "subject": "S", "preheader": "P", "headline": "H", "body": "B", "cta": "C", "cta_url": "https://shop.example.com/", "greeting": "", "products": [],
    "offer": {"text": "Ten off", "terms": ""}, "shop": {"name": "Bell Shop"}, "sender": {"name": "N", "address": "A"}, "reason": "R",
    "unsubscribe_url": "https://shop.example.com/u", "preview": False, "ai_sentence": ""}


def test_the_mail_takes_the_brands_look_and_is_plain_without(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(png(300, 100))
    kit = BrandKit.model_validate({"name": "bells", "logo": {"file": "logo.png", "alt": 'Bells" onerror="x'}, "colours": {"primary": "#7a1fa2"}, "legal": [
        {"language": "en", "text": "Registered in England <b>no. 1</b>"}, {"language": "zh", "text": "沪ICP备1号"}, {"language": "en", "channel": "sms", "text": "no"}]})
    seen = look(kit, tmp_path, language="en")
    page = render_html(bundled_layout(), "en", {**MAIL, "brand": seen.values})
    assert 'src="cid:logo"' in page and 'width="160"' in page and "#7a1fa2" in page and "#0c5c50" not in page and "Bell Shop" not in page
    assert "Registered in England &lt;b&gt;no. 1" in page and "ICP" not in page and 'onerror="x' not in page
    assert "Registered in England" in render_text(bundled_layout(), "en", {**MAIL, "brand": seen.values})
    assert seen.picture is not None and seen.picture.data_url in with_picture(page, seen) and "cid:" not in with_picture(page, seen)
    plain = render_html(bundled_layout(), "en", MAIL)
    assert "#0c5c50" in plain and "Bell Shop" in plain and "<img" not in plain and "cid:" not in plain
    linked = look(kit.model_copy(update={"logo": kit.logo.model_copy(update={"url": "https://shop.example.com/logo.png"})}), tmp_path, language="en")
    assert linked.picture is None and 'src="https://shop.example.com/logo.png"' in render_html(bundled_layout(), "en", {**MAIL, "brand": linked.values})


def test_colours_that_are_hard_to_see_are_named(tmp_path: Path) -> None:
    kit = BrandKit.model_validate({"name": "bells", "colours": {"primary": "#ffee88"}})
    seen = look(kit, tmp_path, language="en")
    assert len(seen.cautions) == 2 and "WCAG 1.4.11" in seen.cautions[0] and "#26312f" in seen.cautions[1]
    assert look(BrandKit(name="bells"), tmp_path, language="en").cautions == ()
