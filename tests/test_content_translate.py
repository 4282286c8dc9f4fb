"""Translation: facts are carried by code, and what a check objects to is left out and told."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content import desk
from brandloom.content.desk.carry import mask, same_figures, swapped, unmask
from brandloom.errors import ConfigError, StateError
from brandloom.ledger import Ledger
from brandloom.llm import Message, ScriptedTextModel
from desk_world import CUP, KETTLE, NOW, SAID, WORDS, ZH, asked, kept, opened, versions


def translator(said: dict[str, str], **back: str) -> ScriptedTextModel:
    """A model that knows these sentences in both directions; a value of `back` replaces what it says on the way back."""
    known = said | {value: key for key, value in said.items()} | {said[key]: value for key, value in back.items() if key in said}

    def reply(messages: Sequence[Message], _schema: object) -> str:
        text = messages[-1].content.partition(": ")[2].partition("\n")[0]
        return json.dumps({"text": known.get(text, "")}, ensure_ascii=False)
    return ScriptedTextModel(reply)


def test_a_text_is_carried_into_english_with_its_facts(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    done = desk.translate(translator(SAID), piece.asked, {"text": ZH}, "en", glossary=WORDS)
    english = ("Before you go out, fill it with hot water and put it in your bag. The Spruce Flask is made of 316 stainless steel, holds 500 ml, "
               "comes in dark green and costs 129 yuan.")
    assert done.parts == {"text": english} and not done.left_out and done.calls == 4 and done.kept is not None
    made = at.translated(piece, done.kept, by="Ana", now=NOW)
    assert (made.parent, made.state, made.version, made.asked.lang, made.brand) == (piece.id, "draft", 1, "en", "Spruce")
    assert versions(ledger, made.id)[0].origin == "translation" and versions(ledger, made.id)[0].by == "Ana"
    with pytest.raises(StateError, match="is the name of a model"):
        at.edit(made.id, {"text": english + " Enjoy."}, base=1, by="scripted", now=NOW)


def test_what_a_model_is_shown_holds_no_fact() -> None:
    model = translator(SAID)
    desk.translate(model, asked(), {"text": ZH}, "en", glossary=WORDS)
    shown = "".join(call.messages[-1].content for call in model.calls)
    assert not any(fact in shown for fact in ("云杉", "Spruce", "316", "500", "129"))


@pytest.mark.parametrize(("target", "why"), [
    ("The [1] is made of [2], holds [3], comes in [4] and costs.", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3], comes in [4] and costs [5], yes, [5].", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3], comes in [4] and costs [6].", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3] for 12 hours, comes in [4] and costs [5].", "its figures are not those of the source"),
    ("The award-winning [1] is made of [2], holds [3], comes in [4] and costs [5].", "says more than the source"),
    ("The waterproof [1] is made of [2], holds [3], comes in [4] and costs [5].", "says more than the source"),
    ("The [1] by Contoso is made of [2], holds [3], comes in [4] and costs [5].", "is a name that no fact gives"),
    ("", "a name or figure was lost"),
])
def test_a_sentence_that_fails_is_left_out_and_told(ledger: Ledger, target: str, why: str) -> None:
    source = "[1]用[2]做成，容量[3]，[4]，[5]。"
    done = desk.translate(translator(SAID | {source: target}), asked(products=[CUP | {"防水": "是"}]), {"text": ZH}, "en", glossary=WORDS)
    assert done.parts == {"text": "Before you go out, fill it with hot water and put it in your bag."}
    (gone,) = done.left_out
    assert gone.source.startswith("云杉保温杯") and gone.reason is not None and why in gone.reason.text("en")
    assert done.kept is not None
    at = opened(ledger)
    made = at.translated(kept(at), done.kept, by="Ana", now=NOW)
    (version,) = versions(ledger, made.id)
    assert "translation" in {item.rule for item in version.findings}


def test_the_opposite_of_the_source_is_left_out() -> None:
    said = {"杯身防水，放进包里也放心。": "It is not waterproof, so keep it out of your bag."}
    done = desk.translate(translator(said), asked(products=[CUP | {"防水": "是"}]), {"text": "杯身防水，放进包里也放心。"}, "en")
    (gone,) = done.left_out
    assert gone.reason is not None and "or the opposite" in gone.reason.text("en")


def test_the_second_look_reads_it_back() -> None:
    """The sentence passes the gate; what it says, read back, is something else."""
    first = next(iter(SAID))
    done = desk.translate(translator(SAID, **{first: "天气不好的时候在家里看书。"}), asked(), {"text": ZH}, "en", glossary=WORDS)
    (gone,) = done.left_out
    assert gone.source == first and gone.reason is not None and "translated back it reads" in gone.reason.text("en")


def test_law_of_the_target_is_what_counts() -> None:
    """A sentence without a false word may still be unlawful where it is read."""
    said = {"Ask for [1] at the counter.": "柜台有售[1]，国家级的选择。"}
    english = asked(lang="en", products=[KETTLE])
    done = desk.translate(translator(said), english, {"text": "Ask for Aurora Kettle at the counter."}, "zh")
    (gone,) = done.left_out
    assert gone.reason is not None and "国家级" in gone.reason.text("en")


def test_a_whole_text_that_is_lost_is_a_refused_draft(ledger: Ledger) -> None:
    at = opened(ledger)
    done = desk.translate(translator({}), asked(), {"text": ZH}, "en", glossary=WORDS)
    assert done.kept is not None and len(done.left_out) == 2 and not done.parts
    made = at.translated(kept(at), done.kept, by="Ana", now=NOW)
    assert made.version == 0 and versions(ledger, made.id)[0].refused


def test_a_language_the_gate_does_not_check_is_shown_and_not_kept() -> None:
    model = translator({"[1]用[2]不锈钢做成，容量[3]。": "[1] est en acier inoxydable [2], pour [3]."})
    done = desk.translate(model, asked(), {"text": "云杉保温杯用316不锈钢做成，容量500毫升。"}, "fr", glossary={"云杉保温杯": "Spruce"})
    assert done.parts == {"text": "Spruce est en acier inoxydable 316, pour 500 ml."} and done.kept is None
    with pytest.raises(ConfigError, match=r"Nothing is known of the language 'xx'\. Known: en, zh, fr"):
        desk.translate(model, asked(), {"text": ZH}, "xx")
    with pytest.raises(ConfigError, match="is in 'zh' already"):
        desk.translate(model, asked(), {"text": ZH}, "zh")
    with pytest.raises(ConfigError, match=r"must_say '墨绿色' has no translation. Add it to the glossary"):
        desk.translate(model, asked(must_say=["墨绿色"]), {"text": ZH}, "en")


def test_names_and_figures_that_changed_places_are_left_out() -> None:
    """Each mark stands once, so only the words around them tell."""
    source, wrong = "[1]用[2]做成，容量[3]，[4]，[5]。", "The [1] is made of [2], holds [5], comes in [4] and costs [3]."
    model = translator(SAID | {source: wrong}, **{source: "[1]用[2]做成，容量[5]，[4]，[3]。"})
    (gone,) = desk.translate(model, asked(), {"text": ZH}, "en", glossary=WORDS).left_out
    assert gone.reason is not None and "two names or figures changed places" in gone.reason.text("en")
    assert not swapped("[1]用[2]做成，[3]。", "[3]，[1]是用[2]做成的。")


def test_a_sentence_without_facts_that_comes_back_empty_is_told() -> None:
    done = desk.translate(translator({}), asked(), {"text": "放进包里。"}, "en")
    assert [one.source for one in done.left_out] == ["放进包里。"] and not done.parts


CARRIED = [
    ("满200减20，打85折优惠，2026年12月1日截止", "en", ("200", "20", "15% off", "1 December 2026")),
    ("3-5个工作日送达，两晚，12个月，三天", "en", ("3–5 working days", "2 nights", "12 months", "3 days")),
    ("30×40cm，1.5米，2斤，5000毫安，1天", "en", ("30 × 40 cm", "1.5 m", "1000 g", "5000 mAh", "1 day")),
    ("用码SPRING10，{{ offer.value }}，半价", "en", ("SPRING10", "{{ offer.value }}", "half price")),
    ("Only £49.99 until 3 May, 15% off, 2 to 3 days", "zh", ("49.99英镑", "5月3日", "8.5折", "2–3天")),
    ("1.2 l, 55mm, a dozen, 2026-05-03, half price", "zh", ("1.2升", "55毫米", "12", "2026年5月3日", "半价")),
    ("1.2 l, 3 hours, 2026-05-03, 20 GBP", "fr", ("1.2 l", "3 heures", "2026-05-03", "20 GBP")),
]


@pytest.mark.parametrize(("text", "to", "values"), CARRIED, ids=[text[:12] for text, _to, _values in CARRIED])
def test_code_writes_facts_in_the_targets_way(text: str, to: str, values: tuple[str, ...]) -> None:
    masked = mask(text, names=(), glossary={}, language=to)
    assert masked.values == values
    put = unmask(masked.text, masked, to)
    assert put is not None and (to == "fr" or same_figures(text, put))


@settings(max_examples=300)
@given(st.text(alphabet="[]123 用做a的 ", max_size=30))
def test_marks_are_put_back_exactly_once_or_not_at_all(reply: str) -> None:
    masked = mask("云杉用129元做，500毫升", names=["云杉"], glossary={}, language="en")
    assert masked.text == "[1]用[2]做，[3]"
    put, marks = unmask(reply, masked, "en"), re.findall(r"\[ *(\d+) *\]", reply)
    assert (put is None) == (sorted(map(int, marks)) != [1, 2, 3])
    if put is not None:
        assert all(put.count(value) >= 1 for value in ("云杉", "129 yuan", "500 ml"))
