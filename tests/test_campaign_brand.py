"""A campaign in a brand's voice and look: from the kit into the prompt, the page and the mail, and no further once it changes."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from brandloom.campaigns import create
from brandloom.content.brand import BrandKit, write_kit
from brandloom.deliver import OutboxChannel
from brandloom.errors import ConfigError, StateError
from brandloom.llm import Message, ScriptedTextModel
from shop_world import AS_OF, good_model, write_shop

NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
SIDE = 16
CHUNKS = ((b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress((b"\0" + b"\x7a\x1f\x3d" * SIDE) * SIDE)), (b"IEND", b""))
LOGO = b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                                          for kind, data in CHUNKS)
KIT = {"name": "wick", "logo": {"file": "logo.png", "alt": "Wick & Co"}, "colours": {"primary": "#7a1f3d"},
       "sender": {"name": "Wick & Co", "email": "hello@wick.example"}, "postal_address": "2 Flame Row",
       "legal": [{"language": "en", "channel": "email", "text": "Company number 4711."}],
       "voice": {"en": {"avoid": ["Nights in"], "examples": ["Evenings, candles, no fuss."]}}}


def test_a_brand_speaks_in_its_voice_and_look_and_a_changed_kit_needs_a_new_plan(tmp_path: Path) -> None:
    files, told = write_shop(tmp_path), list[str]()

    def reply(messages: list[Message], schema: object) -> str:
        told.append(messages[-1].content)
        return str(good_model().complete(messages, max_tokens=200).text)
    with create(tmp_path / "shop", name="Candle Shop", model=ScriptedTextModel(reply),
                sender={"name": "Candle Shop", "email": "hi@candle.example", "postal_address": "1 Wick Lane"}) as shop:
        shop.load(files / "orders.csv", kind="orders")
        shop.load(files / "customers.csv", kind="customers")
        shop.clock = lambda: NOW
        folder = shop.workspace.brands
        folder.mkdir(exist_ok=True)
        (folder / "logo.png").write_bytes(LOGO)
        write_kit(BrandKit.model_validate(KIT), folder / "wick.yaml")
        brief = files / "brief.yaml"
        brief.write_text(brief.read_text("utf-8") + "languages: [en]\n", encoding="utf-8")
        plan = shop.plan(brief, as_of=AS_OF)
        assert any("Evenings, candles, no fuss." in text for text in told)
        shop.approve(plan, by="Ana")
        seen = shop.preview(plan)
        assert "data:image/png;base64," in seen.html and "Company number 4711." in seen.html and "#7a1f3d" in seen.html
        assert "Company number 4711." in seen.text and "2 Flame Row" in seen.text and seen.sender == "Wick & Co <hello@wick.example>"
        channel = OutboxChannel()
        assert shop.launch(plan, channel=channel).sent > 0
        mail = message_from_bytes(next(iter(channel)), policy=policy.default)
        assert "hello@wick.example" in mail["From"]
        pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
        assert [part["Content-ID"] for part in pictures] == ["<logo>"]
        assert pictures[0].get_content()[:4] == b"\x89PNG"
        assert 'src="cid:logo"' in mail.get_body(("html",)).get_content()
        assert mail.get_body(("plain",)) is not None
        write_kit(BrandKit.model_validate(KIT | {"postal_address": "3 Ash Row"}), folder / "wick.yaml")
        with pytest.raises(StateError, match="another brand kit"):
            shop.preview(plan)
        brief.write_text(brief.read_text("utf-8") + "name: Other\nbrand: unknown\n".replace("name: Other\n", ""), encoding="utf-8")
        with pytest.raises(ConfigError, match="no brand 'unknown'"):
            shop.plan(brief, as_of=AS_OF)
