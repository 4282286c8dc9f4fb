"""AI labels: seen by people in their language, read by programs, sealed by the workspace."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.errors import DataError
from brandloom.govern import AiLabel, ai_label, is_genuine, is_sealed, label_in_html, label_in_mail, parse_label, visible_label

KEY = b"k" * 32
COPY = "Hello {{ first_name }}, your {{ product.name }} is back."
SEVEN = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]


def made(producer: str = "小店 & Söhne", produce_id: str = "p1/loyal/mugs/email/en") -> AiLabel:
    return ai_label(COPY, producer=producer, produce_id=produce_id, key=KEY, propagator="Mail <carrier>", propagate_id="m-1")


def test_the_seven_fields_in_order_all_text_and_compact() -> None:
    written = made().to_json()
    content = json.loads(written)
    assert list(content) == SEVEN
    assert all(isinstance(value, str) for value in content.values())
    assert content["Label"] == "1"
    assert written == json.dumps(content, ensure_ascii=False, separators=(",", ":"))


@given(st.text(), st.text())
def test_json_html_and_header_all_read_back(producer: str, produce_id: str) -> None:
    label = made(producer, produce_id)
    assert parse_label(label.to_json()) == label
    assert label_in_html(f"<html><head><title>x</title>{label.meta_tag()}</head><body>y</body></html>") == label
    assert parse_label(label.mail_header()[1]) == label


def test_the_header_survives_a_mail_on_its_way() -> None:
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = "x"
    name, value = made().mail_header()
    message[name] = value
    message.set_content("body")
    sent = message.as_bytes()
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    assert sent.isascii()
    assert label_in_mail(message_from_bytes(sent, policy=policy.default)) == made()
    assert label_in_mail(message_from_bytes(b"Subject: x\r\n\r\ny", policy=policy.default)) is None


@pytest.mark.parametrize(("language", "mark"), [("zh", "AI生成"), ("en", "AI-generated")])
def test_the_words_a_reader_sees(language: str, mark: str) -> None:
    label = visible_label(language, producer="小店")
    assert label.mark == mark
    assert label.sentence.startswith(mark)
    assert "小店" in label.sentence
    assert "{" not in label.sentence


def test_only_this_workspace_and_text_verify() -> None:
    label = made()
    assert is_genuine(label, COPY, key=KEY)
    assert not is_genuine(label, COPY + " Free!", key=KEY)
    assert not is_genuine(label, COPY, key=b"x" * 32)
    for changed in (made(producer="Other"), made(produce_id="p2")):
        stolen = AiLabel(**{**vars(changed), "reserved_code1": label.reserved_code1})
        assert not is_genuine(stolen, COPY, key=KEY)


def test_in_china_the_mark_is_chinese_too() -> None:
    assert visible_label("en", producer="x", jurisdictions=("eu", "cn")).mark == "AI-generated AI生成"
    assert visible_label("zh", producer="x", jurisdictions=("cn",)).mark == "AI生成"
    assert visible_label("en", producer="x", jurisdictions=("eu", "us")).mark == "AI-generated"


def test_without_a_workspace_a_change_shows_but_nobody_is_proven() -> None:
    label = ai_label(COPY, producer="x", produce_id="p", key=None)
    assert is_genuine(label, COPY, key=None) and not is_sealed(label)
    assert not is_genuine(label, COPY + " ", key=None)
    assert not is_genuine(label, COPY, key=KEY)
    assert not is_genuine(AiLabel(**{**vars(label), "produce_id": "q"}), COPY, key=None)
    assert is_sealed(made()) and not is_genuine(made(), COPY, key=None)


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", json.dumps(dict.fromkeys(SEVEN, 1)), json.dumps(dict.fromkeys(SEVEN[:6], "")),
                                  json.dumps(dict.fromkeys([*SEVEN, "Extra"], ""))])
def test_anything_else_is_no_label(text: str) -> None:
    with pytest.raises(DataError) as error:
        parse_label(text)
    assert "exactly these seven fields" in error.value.text("en")
    assert "七个" in error.value.text("zh")


def test_a_page_without_a_label_has_none() -> None:
    assert label_in_html("<html><head><meta name='other' content='x'></head></html>") is None
