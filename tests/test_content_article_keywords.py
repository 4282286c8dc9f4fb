"""Keywords and questions of articles, from the shop's own texts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from article_world import brief, order, plain
from brandloom.content import articles
from brandloom.content.articles import Texts, find_keywords, find_questions
from brandloom.content.articles.terms import find_terms
from brandloom.engine import Engine
from brandloom.errors import DataError


def test_chinese_words_are_found_without_a_word_list() -> None:
    filler = "今天天气晴朗我们出门散步看花喝茶写字听歌做饭洗碗扫地买菜回家睡觉读书跑步游泳画画种树钓鱼下棋打球爬山骑车开会上课加班休息聊天等车排队过桥"
    texts = [f"{a}保温杯{b}" for a in ("买了", "这只", "送妈妈", "喜欢", "新到", "大号") for b in ("很轻", "好看", "值得", "送人", "耐用", "不漏")]
    texts += [filler[at:at + 9] for at in range(len(filler) - 9)]
    found = find_terms(texts, "zh")
    assert "保温杯" in found
    assert not {"保温", "温杯", "的保温", "杯很"} & found  # halves of a word and pieces across words


def test_keywords_set_texts_apart_from_the_rest() -> None:
    near = Texts("reviews", tuple(f"the glass kettle is {word} and nice" for word in ("quiet", "big", "light", "loud", "small")))
    rest = Texts("rest", tuple(f"the {word} is nice and quick" for word in ("toaster", "blender", "pan", "oven", "fridge")))
    words = [item.text for item in find_keywords([near, rest], "en")]
    assert words[0] == "glass kettle"
    assert "nice" not in words and "kettle" not in words  # an opinion, and a word that stands only inside the longer one


def test_a_keyword_stands_in_three_texts_and_has_no_made_up_volume() -> None:
    corpus = [Texts("searches", ("glass kettle", "steel pot"), (40, 2)), Texts("reviews", ("my glass kettle broke", "a glass kettle", "old pot"))]
    (found,) = (item for item in find_keywords(corpus, "en") if item.text == "glass kettle")
    assert found.texts == 42 and dict(found.sources) == {"searches": 40, "reviews": 2} and found.volume is None
    assert next(item for item in find_keywords(corpus, "en", volumes={"glass kettle": 900}) if item.text == "glass kettle").volume == 900
    assert not any("pot" in item.text for item in find_keywords(corpus, "en"))
    assert "unknown" in plain(brief()).to_dict()["volumes"]
    assert plain(brief(volumes={"kettle": 900})).to_dict()["volumes"] == "given"


def test_related_terms_stand_together() -> None:
    texts = tuple(["blue mug and saucer"] * 4 + ["red pan and lid"] * 4 + ["blue mug and saucer with spoon"] * 3)
    found = {item.text: item.related for item in find_keywords([Texts("reviews", texts)], "en")}
    assert any("saucer" in item for item in found["blue mug"]) and not any("lid" in item for item in found["blue mug"])


def test_questions_come_from_searches_and_name_nobody() -> None:
    corpus = [Texts("searches", ("保温杯怎么清洗", "保温杯怎么清洗", "保温杯", "13800138000怎么联系", "<b>怎么</b>用它")), Texts("reviews", ("这是人干的事吗？",))]
    found = find_questions(corpus, "zh")
    assert [(item.text, item.asked) for item in found] == [("保温杯怎么清洗", 2), ("怎么用它", 1)]


def test_texts_come_from_files_and_missing_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("query,times,shop\nglass kettle,7,a\nglass kettle spare lid,2,a\nglass kettle,5,b\n", encoding="utf-8")
    wanted = {"kind": "searches", "file": "log.csv", "column": "query", "count": "times", "where": {"shop": "a"}}
    (read, _names) = order(brief(texts=[wanted])).corpus(tmp_path)
    assert read == Texts("searches", ("glass kettle", "glass kettle spare lid"), (7, 2))
    with pytest.raises(DataError, match=r"log\.csv has no column 'qery'\. It has: query"):
        order(brief(texts=[wanted | {"column": "qery"}])).corpus(tmp_path)
    with pytest.raises(DataError, match=r"absent\.csv is not there"):
        order(brief(texts=[wanted | {"file": "absent.csv"}])).corpus(tmp_path)


def test_the_warehouse_gives_reviews_and_names(engine: Engine) -> None:
    rows = [{"document": str(number), "kind": kind, "text": text, "language": language}
            for number, (kind, text, language) in enumerate([("review", "nice kettle", "en"), ("policy", "30 days", "en"), ("review", "好", "zh")])]
    engine.put("documents", pa.Table.from_pylist([{**dict.fromkeys(("title", "product", "rating", "written_at", "properties")), **row} for row in rows],
                                                 schema=pa.schema([*engine.query("SELECT * FROM documents").schema])))
    assert articles.shop_texts(engine, "en") == [Texts("reviews", ("nice kettle",))]
