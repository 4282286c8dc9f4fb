"""Brand kits: what is learned and what is not, edits that win, and the voice a text is held against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from brand_world import CASUAL, CUP, FORMAL, WARM_ZH, learned, png
from brandloom.cli import app
from brandloom.content.brand import (
    BrandKit,
    VoiceKit,
    brand_names,
    brand_path,
    brand_sender,
    check_voice,
    compare,
    default_brand,
    language_of,
    learn_brand,
    learn_kit,
    learn_voice,
    open_brand,
    read_corpus,
    read_kit,
    tone_of,
    write_kit,
)
from brandloom.content.brand.reading import sentences, size, words
from brandloom.content.brand.scales import SCALES, Counted
from brandloom.content.brand.vocabulary import favoured, medoids, usable
from brandloom.content.studio import Gate, read_asked, write_copy
from brandloom.errors import BrandloomError, ConfigError, DataError
from brandloom.llm import ScriptedTextModel
from brandloom.workspace import SenderConfig, ShopConfig, Workspace, create_workspace


def test_scales_are_counts_that_can_be_checked_by_hand() -> None:
    by_name = {scale.name: scale for scale in SCALES}
    text = Counted("Wow, you will love it! We promise. Is 3 enough?", "en")
    assert text.words == ["wow", "you", "will", "love", "it", "we", "promise", "is", "enough"] and text.sentences == 3
    assert by_name["exclamations"].value(text) == pytest.approx(10 / 3) and by_name["questions"].value(text) == pytest.approx(10 / 3)
    assert by_name["reader"].value(text) == pytest.approx(100 / 9) and by_name["first_person"].value(text) == pytest.approx(100 / 9)
    assert by_name["figures"].value(text) == 10 and by_name["sentence_length"].value(text) == pytest.approx(10 / 3)
    assert by_name["formality"].value(text) == pytest.approx(-100 / 9) and by_name["warmth"].value(text) == pytest.approx(100 / 9)
    assert by_name["capitals"].value(Counted("The Best Bell In Town, she said", "en")) == pytest.approx(100 * 4 / 7)
    chinese = Counted("亲，您好！今天有3款新品😊。", "zh")
    assert chinese.size == size(chinese.text, "zh") == 10 and by_name["emoji"].value(chinese) == 10


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_measured(text: str) -> None:
    language = language_of(text)
    for scale in SCALES:
        value = scale.value(Counted(text, language))
        assert value is None or -100 <= value <= 100 * max(1, len(text))
    assert "".join(words(text, "zh")).lower() == "".join(words(text, "zh"))
    assert compare(VoiceKit(), text, language).distance is None


def test_chinese_is_divided_into_words() -> None:
    assert words("欢迎来到我们的店铺", "zh") == ["欢迎", "来到", "我们", "的", "店铺"]
    assert sentences("早上好。今天有新品！来看看吧") == ["早上好。", "今天有新品！", "来看看吧"]


def test_a_voice_is_what_the_texts_show() -> None:
    formal, casual, warm = learn_voice(FORMAL, "en"), learn_voice(CASUAL, "en"), learn_voice(WARM_ZH, "zh")
    value = lambda voice, name: voice.scales[name].value  # noqa: E731
    assert value(formal, "formality") > 5 > -5 > value(casual, "formality") and value(casual, "energy") > value(formal, "energy")
    assert value(formal, "exclamations") == 0 and value(casual, "exclamations") > 5 and value(warm, "warmth") > 5
    assert formal.first_person.value == "we" and warm.address.value == "您" and casual.emoji.value == "never"
    assert all(measured.texts == 12 for measured in warm.scales.values())
    assert "formal" in tone_of(formal, "en") and "no exclamation marks" in tone_of(formal, "en")
    assert "casual, " in tone_of(casual, "en") and "亲切" in tone_of(warm, "zh") and "称读者为“您”" in tone_of(warm, "zh")
    assert 1 <= len(formal.examples) <= 5 and set(formal.examples) <= set(FORMAL)


@pytest.mark.parametrize("texts", [["We love bells."], FORMAL[:4]])
def test_too_few_texts_leave_the_scales_unknown_and_still_work(texts: list[str]) -> None:
    voice = learn_voice(texts, "en")
    assert {measured.value for measured in voice.scales.values()} == {"unknown"} and voice.distance.value == "unknown"
    assert voice.use == {} and voice.emoji.value == "unknown" and voice.address.value == "unknown"
    assert set(voice.examples) == set(texts) and tone_of(voice, "en") == "" and check_voice("Whatever! 😊", voice, "en") == []


def test_words_are_more_frequent_than_in_the_language_and_stand_in_several_texts() -> None:
    texts = [f"The lantern shines softly while evening falls over street {number}." for number in range(6)] + ["Serendipity serendipity serendipity."] * 2
    found = {item.word: item for item in favoured([words(text, "en") for text in texts], "en")}
    assert {"lantern", "shines", "softly"} <= set(found) and found["lantern"].texts == 6
    assert "serendipity" not in found and "the" not in found
    assert found["lantern"].z > found["evening"].z


def test_a_word_that_claims_or_breaks_the_law_is_not_one_to_like() -> None:
    texts = [f"国家级工艺，全网第一的{thing}，纯棉面料，温柔陪伴每个清晨。" for thing in ("杯子", "毛毯", "台灯", "围巾", "茶壶", "抱枕")]
    use = {item.word for item in usable(favoured([words(text, "zh") for text in texts], "zh"), texts, "zh")}
    assert {"温柔", "陪伴", "清晨"} <= use and not {"国家级", "第一", "纯棉"} & use


def test_examples_stand_for_the_rest_and_differ() -> None:
    groups = [[f"Our {thing} is made for long walks in the rain and short ones in the sun." for thing in ("coat", "boot", "hat", "scarf", "glove")],
              [f"Every {thing} leaves the oven at dawn while the town is still asleep." for thing in ("loaf", "roll", "cake", "pie", "bun")],
              [f"Tune the {thing} slowly and listen until the string stops trembling." for thing in ("cello", "viola", "harp", "lute", "guitar")]]
    chosen = medoids([text for group in groups for text in group], most=3)
    assert [sum(text in group for text in chosen) for group in groups] == [1, 1, 1]


PEOPLE = ("Zbigniew", "Quillfeather", "王秀芳", "李雷", "anna.q@mail-example.com", "+44 7700 900123", "13812345678", "12 Larch Road", "11010119900307123")


def test_nobody_gets_into_a_kit(tmp_path: Path) -> None:
    english = [form.format(text=text) for text in FORMAL for form in (
        "Dear Zbigniew Quillfeather,\n{text}", "{text} Ask Zbigniew at anna.q@mail-example.com or +44 7700 900123.", "{text}\nZbigniew Quillfeather",
        "Zbigniew said: {text}", "Send it to Zbigniew Quillfeather, 12 Larch Road, Leeds. {text}")]
    chinese = [form.format(text=text) for text in WARM_ZH for form in (
        "王秀芳您好，{text}", "{text}请联系李雷，电话13812345678。", "{text}\n王秀芳\n13812345678", "李雷女士说：{text}", "身份证11010119900307123X的李雷，{text}")]
    source = tmp_path / "texts.json"
    source.write_text(json.dumps(english + chinese, ensure_ascii=False), encoding="utf-8")
    corpus = read_corpus([source])
    assert not [text for group in corpus.texts.values() for text in group if "anna.q" in text or "13812345678" in text or "900123" in text]
    kit = learn_kit(BrandKit(name="bells"), corpus.texts).kit
    write_kit(kit, tmp_path / "bells.yaml")
    written = (tmp_path / "bells.yaml").read_text("utf-8").lower()
    assert kit.voice["en"].texts == len(english) and kit.voice["zh"].texts == len(chinese)
    assert not [mark for mark in PEOPLE if mark.lower() in written]


def test_a_kit_comes_back_as_it_was_written(tmp_path: Path) -> None:
    kit = learned({"en": FORMAL, "zh": WARM_ZH}, legal=({"language": "zh", "channel": "email", "text": "本邮件为商业广告。"},),
                  sender={"name": "Pedal Post"}, colours={"primary": "#ffcc00"})
    path = tmp_path / "bells.yaml"
    write_kit(kit, path)
    assert read_kit(path) == kit
    assert kit.legal_notes("zh", "email") == ("本邮件为商业广告。",) and kit.legal_notes("zh", "sms") == kit.legal_notes("en", "email") == ()
    text = path.read_text("utf-8")
    assert "formality: {value: " in text and "texts: 12}" in text and "温暖" in text


def test_edits_win_when_the_kit_is_learned_again(tmp_path: Path) -> None:
    path = tmp_path / "bells.yaml"
    write_kit(learned({"en": FORMAL}), path)
    content = yaml.safe_load(path.read_text("utf-8"))
    content["voice"]["en"]["use"] = ["brass", "ring"]
    content["voice"]["en"]["avoid"] = ["cheap"]
    content["voice"]["en"]["scales"]["formality"] = {"value": 9, "usual": [8, 10], "texts": 0}
    del content["voice"]["en"]["examples"]
    content["voice"]["en"]["address"] = "none"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    again = learn_kit(read_kit(path), {"en": CASUAL})
    voice = again.kit.voice["en"]
    assert again.kept == ("en.scales.formality", "en.address", "en.use", "en.avoid")
    assert voice.use == {"brass": 0, "ring": 0} and voice.avoid == ("cheap",) and voice.scales["formality"].value == 9 and voice.address.value == "none"
    assert set(voice.examples) <= set(CASUAL) and voice.scales["exclamations"].value == learn_voice(CASUAL, "en").scales["exclamations"].value
    once_more = learn_kit(again.kit, {"en": CASUAL})
    assert once_more == again
    untouched = learn_kit(learned({"en": FORMAL, "zh": WARM_ZH}), {"en": CASUAL})
    assert untouched.kept == () and untouched.kit.voice["zh"] == learn_voice(WARM_ZH, "zh") and untouched.kit.voice["en"] == learn_voice(CASUAL, "en")


def test_words_to_avoid_are_never_learned() -> None:
    assert learned({"en": FORMAL, "zh": WARM_ZH}).voice["en"].avoid == ()


@pytest.mark.parametrize(("text", "words_of_error"), [
    ("name: bells\ncolour: x\n", "unknown key 'colour'; did you mean 'colours'?"),
    ("name: bells\nvoice:\n  en:\n    tune: warm\n", "unknown key 'voice.en.tune'; did you mean 'tone'?"),
    ("name: bells\nvoice:\n  fr: {}\n", "'voice.fr'"),
    ("name: bells\ncolours: {primary: red}\n", "'colours.primary' cannot be used"),
    ("name: bells\nvoice: {en: {scales: {formalty: 3}}}\n", "there is no scale"),
    ("name: bells\nvoice: {en: {scales: {formality: {value: 1, usual: [3, 1]}}}}\n", "lower end first"),
    ("name: bells\nvoice: {en: {emoji: always}}\n", "voice.en.emoji"),
    ("name: bells\nname: bells\n", "'name' is given twice"),
    ("name: chimes\n", "called 'chimes', its file 'bells'"),
    ("sender: {}\n", "'name' is missing"),
    ("- a\n", "is no list of `key: value` lines"),
    ("name: [\n", "is not valid YAML, line"),
    ("name: bells\nsender: {email: 'a@b.com\\r\\nBcc: c@d.com'}\n", "'sender.email' cannot be used"),
    ("name: bells\nlegal: [{language: en, channel: fax, text: x}]\n", "'legal.0.channel' cannot be used"),
    ("name: bells\nnotes: " + "x" * 300_000, "Is it the right file?"),
])
def test_a_kit_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, words_of_error: str) -> None:
    path = tmp_path / "bells.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_kit(path)
    assert words_of_error in str(caught.value) and "bells.yaml" in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_text("utf-8") == text


def test_texts_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "more").mkdir(parents=True)
    (folder / "lines.txt").write_text("First line of copy here\nSecond line of copy here", encoding="utf-8")
    (folder / "blocks.txt").write_text("A first block\nof two lines\n\nA second block here", encoding="utf-8")
    (folder / "dashes.md").write_text("One mail starts here.\n\nIt goes on here.\n---\nAnother mail is this.", encoding="utf-8")
    (folder / "gbk.txt").write_bytes("欢迎光临我们的小店，今天有新品。".encode("gb18030"))
    (folder / "page.html").write_text("<head><title>no</title><script>no()</script></head><p>Tea for <b>two</b> people</p><p>and cake</p>", encoding="utf-8")
    (folder / "mail.eml").write_bytes(b"From: a@b.co\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n<p>Soup of the day</p>")
    (folder / "faq.json").write_text('{"questions": [{"question": "Is it open on Sunday?", "answer": "Yes it is open."}]}', encoding="utf-8")
    (folder / "posts.jsonl").write_text('{"id": "not this one ever", "text": "A post of ours"}\n"And a bare string too"\n', encoding="utf-8")
    (folder / "more" / "products.csv").write_text("sku,Description\n1,A kettle for the kitchen\n", encoding="utf-8")
    (folder / "picture.png").write_bytes(png(9, 9))
    (folder / ".hidden.txt").write_text("A hidden text stays out", encoding="utf-8")
    found = read_corpus([folder])
    assert found.texts["zh"] == ["欢迎光临我们的小店，今天有新品。"] and found.files == 9 and found.skipped == ("picture.png",)
    assert set(found.texts["en"]) == {
        "First line of copy here", "Second line of copy here", "A first block\nof two lines", "A second block here",
        "One mail starts here.\n\nIt goes on here.", "Another mail is this.", "Tea for two people\nand cake", "Soup of the day", "Yes it is open.",
        "A post of ours", "And a bare string too", "A kettle for the kitchen"}


@pytest.mark.parametrize(("name", "content", "words_of_error"), [
    ("a.json", b"{", "a.json, line 1, is not JSON"), ("a.csv", b"sku,price\n1,2\n", "a.csv has no column of texts"),
    ("a.txt", b"\x00\x01", "is not text in UTF-8"), ("a.txt", b"Hi\n", "No text to learn from"), ("a.pdf", b"%PDF", "No text to learn from"),
    ("a.txt", b"x" * 20_000_001, "larger than 20 MB"),
])
def test_a_file_that_cannot_be_learned_from_is_refused(tmp_path: Path, name: str, content: bytes, words_of_error: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words_of_error):
        read_corpus([tmp_path / name])
    with pytest.raises(DataError, match="is not there"):
        read_corpus([tmp_path / "nothing"])


def test_several_brands_and_one_default(tmp_path: Path) -> None:
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(FORMAL), encoding="utf-8")
    shop = create_workspace(tmp_path / "shop", ShopConfig(name="Pedal Post & Co"))
    assert brand_names(shop) == [] and default_brand(shop) is None
    with pytest.raises(ConfigError, match="No brand here yet"):
        open_brand(shop)
    first, corpus = learn_brand(shop, [source])
    assert first.kit.name == "pedal-post-co" == default_brand(shop) and len(corpus.texts["en"]) == 12
    learn_brand(shop, [source], "木铃")
    assert brand_names(shop) == ["pedal-post-co", "木铃"] and open_brand(shop, "木铃").name == "木铃"
    for call in (lambda: open_brand(shop), lambda: learn_brand(shop, [source])):
        with pytest.raises(ConfigError, match="several brands here: pedal-post-co, 木铃"):
            call()
    chosen = Workspace(shop.path, shop.config.model_copy(update={"brand": "木铃"}), shop.derive_key("test"))
    assert open_brand(chosen).name == "木铃"
    with pytest.raises(ConfigError, match="there is no brand 'x'"):
        open_brand(Workspace(shop.path, shop.config.model_copy(update={"brand": "x"}), shop.derive_key("test")))
    with pytest.raises(ConfigError, match="There is no brand 'y'"):
        open_brand(shop, "y")
    for name in ("../x", "a/b", ".x", "", "x" * 41, "a b"):
        with pytest.raises(ConfigError, match="cannot be a brand's name"):
            brand_path(shop, name)


def test_the_sender_is_the_brands_where_it_names_one() -> None:
    shop = SenderConfig(name="Shop", email="a@shop.example.com", postal_address="1 High Street")
    kit = BrandKit.model_validate({"name": "bells", "sender": {"name": "Bells"}, "postal_address": "2 Low Street"})
    sender = brand_sender(kit, shop)
    assert (sender.name, sender.email, sender.postal_address) == ("Bells", "a@shop.example.com", "2 Low Street")


def test_a_text_far_from_the_voice_is_a_caution_with_its_scale() -> None:
    voice = learn_voice(FORMAL, "en").model_copy(update={"avoid": ("cheap",)})
    found = check_voice("Hey guys!!! It's a super cheap 😍 bell, gonna love it!!", voice, "en")
    text = " ".join(item.text() for item in found)
    assert {"Formality", "Exclamation marks"} <= {item.text().split(":")[0] for item in found} and "uses no emoji" in text
    assert [item.severity for item in found if item.rule == "brand-word"] == ["ban"] and {item.severity for item in found if item.rule == "voice"} == {"caution"}
    assert compare(voice, FORMAL[3].replace("parcel", "basket"), "en").findings == ()
    far, near = (compare(voice, text, "en").distance for text in (CASUAL[0], FORMAL[0].replace("order", "basket")))
    assert far is not None and near is not None and near < 1.5 < far
    polite = learn_voice(WARM_ZH, "zh")
    assert any("称读者为" in item.text("zh") for item in check_voice("亲，谢谢你喜欢这款杯子哦！", polite, "zh"))


def test_a_kit_knows_its_companys_other_texts(shared_data: Path) -> None:
    """Two real kinds of text per language, halves: the other half of the same one is nearer than the other's."""
    faq = [item["answer"] for item in json.loads((shared_data / "ecommerce_faq" / "faq_even.json").read_text("utf-8"))["questions"]]
    clothes = [json.loads(line)["summary"] for line in (shared_data / "advertisegen" / "advertisegen_half_a.jsonl").read_text("utf-8").splitlines()][:200]
    for own, other, language in ((faq, FORMAL + CASUAL, "en"), (clothes, WARM_ZH, "zh")):
        voice = learn_voice(own[::2], language)
        near = [compare(voice, text, language).distance or 0 for text in own[1::2]]
        far = [compare(voice, text, language).distance or 0 for text in other]
        assert sum(a < b for a in near for b in far) / (len(near) * len(far)) > 0.95


def brief(**changes: Any) -> str:
    return json.dumps({"lang": "zh", "format": "product_description", "products": [CUP]} | changes, ensure_ascii=False)


def test_the_studio_fills_a_silent_brief_from_the_kit() -> None:
    kit = learned({"zh": WARM_ZH})
    kit = kit.model_copy(update={"voice": {"zh": kit.voice["zh"].model_copy(update={"avoid": ("便宜",)})}})
    brands = {"": kit, "bells": kit}.get
    filled = read_asked(brief(), source="b", brands=brands)
    assert filled.brand == "bells" and "亲切" in filled.voice.tone and filled.voice.avoid == ("便宜",) and filled.voice.examples == kit.voice["zh"].examples
    assert not filled.voice.emoji and set(filled.voice.use) <= set(kit.voice["zh"].use)
    own = read_asked(brief(voice={"tone": "冷静", "use": ["清晨"], "avoid": ["热水"], "emoji": True}), source="b", brands=brands)
    assert own.voice.tone == "冷静" and own.voice.use == ("清晨",) and own.voice.avoid == ("热水", "便宜") and own.voice.emoji
    good = "亲，谢谢您喜欢云杉保温杯哦！愿它陪伴您每个温暖早晨。316不锈钢做成，容量500毫升，墨绿色，129元！祝您开心！"
    model = ScriptedTextModel([json.dumps({"text": text}, ensure_ascii=False) for text in ("真便宜。" + good, good)])
    (draft,) = write_copy(model, filled, variants=1).drafts
    assert "便宜" not in str(draft.copy) and draft.rejected
    prompt = model.calls[0].messages[-1].content
    assert "语气：" in prompt and "称读者为“您”" in prompt and "不要写：便宜" in prompt and "我们平时这样说话：" in prompt
    stiff = Gate(filled).check({"text": "云杉保温杯，316不锈钢，容量500毫升，墨绿色，售价129元，你可以按照规定及时办理确认手续。"})
    assert {item.rule for item in stiff if not item.blocks} >= {"voice"} and not [item for item in stiff if item.rule == "voice" and item.blocks]
    assert not [item for item in Gate(read_asked(brief(), source="b")).check({"text": "云杉保温杯，316不锈钢，容量500毫升，墨绿色，售价129元。"})
                if item.rule == "voice"]


def test_a_brand_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ConfigError, match="no workspace is given"):
        read_asked(brief(brand="bells"), source="b")
    kit = learned({"zh": WARM_ZH}).model_copy(update={"voice": {}})
    assert read_asked(brief(), source="b", brands=lambda name: kit).voice.tone == ""
    assert read_asked(brief(), source="b", brands=lambda name: None).brand == ""
    banned = learned({"zh": WARM_ZH})
    banned = banned.model_copy(update={"voice": {"zh": banned.voice["zh"].model_copy(update={"avoid": ("包邮",)})}})
    with pytest.raises(BrandloomError, match="must not be said"):
        read_asked(brief(must_say=["满100元包邮"], facts=["满100元包邮"]), source="b", brands=lambda name: banned)


def test_kits_of_the_documentation_can_be_used(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parent.parent / "docs"
    for page in (docs / "brands.md", docs / "zh" / "brands.md"):
        kit = page.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
        (tmp_path / "pedal-post.yaml").write_text(kit, encoding="utf-8")
        assert len(read_kit(tmp_path / "pedal-post.yaml").legal) == 2


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words_of_command: object) -> str:
        app([str(word) for word in words_of_command], standalone_mode=False)
        return capsys.readouterr().out

    create_workspace(tmp_path / "shop")
    (tmp_path / "faq.txt").write_text("\n".join(FORMAL), encoding="utf-8")
    (tmp_path / "one.txt").write_text("We love bells.", encoding="utf-8")
    shown = run("brand", "learn", tmp_path / "shop", tmp_path / "faq.txt", "--name", "bells")
    assert "en: learned from 12 texts. formal" in shown and "bells.yaml" in shown
    assert "1 of the 5 texts that a scale needs" in run("brand", "learn", tmp_path / "shop", tmp_path / "one.txt", "--name", "small")
    assert [row["name"] for row in json.loads(run("brand", "list", tmp_path / "shop", "--json"))] == ["bells", "small"]
    assert "Formality" in run("brand", "show", tmp_path / "shop", "--name", "bells")
    (tmp_path / "draft.txt").write_text(CASUAL[0], encoding="utf-8")
    (row,) = json.loads(run("brand", "check", tmp_path / "shop", tmp_path / "draft.txt", "--name", "bells", "--json"))
    assert row["distance"] > 1 and row["scales"]["formality"]["texts"] == 12 and {item["severity"] for item in row["findings"]} == {"caution"}
    assert "Formality" in run("brand", "check", tmp_path / "shop", tmp_path / "draft.txt", "--name", "bells")
    with pytest.raises(ConfigError, match="several brands"):
        run("brand", "show", tmp_path / "shop")
    with pytest.raises(DataError, match="is not there"):
        run("brand", "learn", tmp_path / "shop", tmp_path / "none", "--name", "x")
    (tmp_path / "brief.json").write_text(brief(brand="nobody"), encoding="utf-8")
    with pytest.raises(ConfigError, match="There is no brand 'nobody'"):
        run("write", tmp_path / "brief.json", "--model", "none", "--workspace", tmp_path / "shop")
