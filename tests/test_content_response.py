"""The response scorer: learns contrasts within tests, says how sure it is and when it knows nothing, survives the disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content.response import MiniLM, ResponseModel, fit_response, out_of_fold, picked, read_arms
from brandloom.content.response.encoder import word_pieces
from brandloom.content.response.features import STATISTICS, script_of, text_statistics
from brandloom.content.response.fit import linked, pairs_of, z_scores
from brandloom.content.response.process import within
from brandloom.errors import ConfigError, DataError, NotFittedError

NOUNS = ["lamp", "teapot", "ribbon", "candle", "mirror", "basket", "blanket", "puzzle", "kettle", "garland", "cushion", "lantern"]
CHINESE_NOUNS = ["台灯", "茶壶", "丝带", "蜡烛", "镜子", "篮子", "毛毯", "拼图", "水壶", "花环", "靠垫", "灯笼"]


def world(tests: int, *, lift: float = 0.6, seed: int = 0, chinese: bool = False) -> pa.Table:
    """Tests of three texts: one asks a question (and wins by `lift`), one shouts (and loses by as much), one is plain."""
    rng = np.random.default_rng(seed)
    forms = ([("你见过这样的{}吗？", lift), ("全新{}！！！", -lift), ("这是一款{}。", 0.0)] if chinese else
             [("Have you seen how this {} shines?", lift), ("NEW {} NOW!!!", -lift), ("A {} for the home.", 0.0)])
    rows = []
    for test in range(tests):
        level, noun = rng.normal(-3.5, 0.8), f"{(CHINESE_NOUNS if chinese else NOUNS)[rng.integers(12)]} {rng.integers(1000)}"
        for form, effect in forms:
            rate = 1 / (1 + np.exp(-(level + effect + rng.normal(0, 0.1))))
            rows.append((f"t{test}", form.format(noun), 3000, int(rng.binomial(3000, rate))))
    return pa.table(dict(zip(("test", "text", "impressions", "clicks"), map(list, zip(*rows, strict=True)), strict=True)))


class Lengths:
    """A tiny encoder: what a real one gives, in two numbers."""

    name = "lengths"

    def encode(self, texts):
        return np.array([[len(text), text.count(" ")] for text in texts], dtype=float)


@pytest.fixture(scope="module")
def model() -> ResponseModel:
    return fit_response(world(120))


def test_it_picks_the_form_that_won_in_tests_it_has_not_seen(model):
    texts = ["Have you seen how this sofa shines?", "A sofa for the home.", "NEW sofa NOW!!!"]
    scores = model.score(texts)
    assert list(np.argsort(-scores.mean)) == [0, 1, 2] and scores.reason == (None,) * 3
    assert 0.4 < scores.mean[0] - scores.mean[2] < 1.4  # the truth is 1.2; for words never seen it is drawn towards 0
    assert model.card.accuracy.low > 0.9 and model.card.accuracy.pairs > 100


def test_comparisons_are_probabilities_that_answer_both_ways_round(model):
    a, b = "Have you seen how this sofa shines?", "NEW sofa NOW!!!"
    assert model.compare(a, b).probability > 0.8
    assert model.compare(a, b).probability + model.compare(b, a).probability == pytest.approx(1)
    assert model.compare(a, a).probability == 0.5


def test_an_easy_audience_teaches_nothing_about_words():
    """Texts that win everywhere they stand, but only because their whole test does, get no credit."""
    rows = []
    rng = np.random.default_rng(3)
    for test in range(80):
        good = test % 2
        for text in ("A quiet evening", "A calm morning"):
            rows.append((f"t{test}", f"{text} {'gold' if good else 'clay'} {test}", 4000, int(rng.binomial(4000, 0.06 if good else 0.01))))
    table = pa.table(dict(zip(("test", "text", "impressions", "clicks"), map(list, zip(*rows, strict=True)), strict=True)))
    found = fit_response(table)
    assert found.card.reason == "no_signal"


def test_noise_is_called_noise_and_few_tests_are_called_few():
    noise = fit_response(world(60, lift=0.0, seed=2))
    assert noise.card.reason == "no_signal" and noise.compare("A lamp?", "A kettle!").probability == 0.5
    few = fit_response(world(8))
    scores = few.score(["A lamp", "A kettle"])
    assert few.card.reason == "too_few_tests" and scores.reason == ("too_few_tests",) * 2
    assert scores.mean.tolist() == [0, 0] and scores.deviation.min() > 0.2


def test_a_language_or_script_never_tested_is_not_scored(model):
    scores = model.score(["Have you seen how this sofa shines?", "你见过这样的沙发吗？", "", "12345"])
    assert scores.reason == (None, "unknown_language", "unknown_language", "unknown_language")
    assert scores.mean[1] == 0 and scores.deviation[1] > scores.deviation[0]
    table = world(60)
    tagged = fit_response(table.append_column("language", pa.array(["en"] * table.num_rows)))
    assert tagged.score(["Tiene usted una casa?"], language="es").reason == ("unknown_language",)
    assert tagged.score(["A sofa for the home."], language="en").reason == (None,)


def test_chinese_copy_is_learned_from_chinese_tests():
    found = fit_response(world(80, chinese=True))
    assert found.card.scripts == ("cjk",)
    assert found.compare("你见过这样的沙发吗？", "全新沙发！！！").probability > 0.75
    assert found.score(["A sofa for the home."]).reason == ("unknown_language",)


def test_a_text_unlike_any_tested_one_says_so_or_is_less_sure(model):
    near, far = model.score(["Have you seen how this lamp shines?", "zzyzx qwrtp " * 60]).deviation
    assert far > near


def test_saving_and_loading_changes_no_score(model, tmp_path):
    model.save(tmp_path / "m")
    again = ResponseModel.load(tmp_path / "m")
    texts = ["Have you seen how this sofa shines?", "A sofa.", "NEW sofa NOW!!!"]
    assert again.card == model.card
    np.testing.assert_allclose(again.score(texts).mean, model.score(texts).mean, atol=1e-3)
    np.testing.assert_allclose(again.score(texts).deviation, model.score(texts).deviation, atol=1e-3)
    assert again.compare(texts[0], texts[2]).probability == pytest.approx(model.compare(texts[0], texts[2]).probability, abs=1e-3)


def test_a_model_that_knows_nothing_is_kept_too(tmp_path):
    few = fit_response(world(8))
    few.save(tmp_path)
    assert ResponseModel.load(tmp_path).score(["A lamp"]).reason == ("too_few_tests",)


def test_loading_says_what_is_missing_old_or_damaged(model, tmp_path):
    with pytest.raises(NotFittedError, match="No response scorer"):
        ResponseModel.load(tmp_path)
    model.save(tmp_path)
    body = json.loads((tmp_path / "response.json").read_text())
    (tmp_path / "response.json").write_text(json.dumps({**body, "format": 99}))
    with pytest.raises(DataError, match="another version"):
        ResponseModel.load(tmp_path)
    (tmp_path / "response.json").write_text(json.dumps(body))
    (tmp_path / "response.npz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match="damaged"):
        ResponseModel.load(tmp_path)


def test_an_encoder_is_part_of_the_model(tmp_path):
    found = fit_response(world(60), encoder=Lengths())
    assert found.card.encoder == "lengths" and found.card.accuracy.low > 0.9
    found.save(tmp_path)
    with pytest.raises(NotFittedError, match="needs the encoder 'lengths'"):
        ResponseModel.load(tmp_path)
    assert ResponseModel.load(tmp_path, Lengths()).compare("Have you seen how this sofa shines?", "NEW sofa NOW!!!").probability > 0.8


def test_the_same_seed_gives_the_same_model_and_row_order_does_not_matter():
    table = world(50)
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    one, two = (fit_response(each).score(["A sofa?", "A sofa"]).mean for each in (table, shuffled))
    np.testing.assert_allclose(one, two, rtol=1e-6)


@pytest.mark.parametrize("change", [{"clicks": [5000, *[1] * 23]}, {"impressions": [-1, *[3000] * 23]}, {"clicks": [None, *[1] * 23]}])
def test_impossible_counts_name_the_row(change):
    table = world(8)
    for name, values in change.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.int64()))
    with pytest.raises(DataError, match=r"Row 1 of the tests.*1 such rows"):
        fit_response(table)


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="lack the column 'clicks'"):
        fit_response(world(8).drop_columns(["clicks"]))


def test_only_texts_under_one_picture_are_compared():
    table = pa.table({"test": ["a"] * 5, "picture": ["x", "x", "y", "y", "z"], "text": ["one", "two", "one", "one", "three"],
                      "impressions": [100] * 5, "clicks": [1, 2, 3, 4, 5]})
    arms = read_arms(table)
    assert arms.text == ("one", "two") and arms.clicks.tolist() == [1, 2]


def test_tests_that_share_a_text_stay_together():
    groups = linked(["a", "a", "b", "b", "c"], ["one", "two", "Two ", "three", "four"])
    assert groups.tolist() == [0, 0, 0, 0, 1]


def test_pairs_and_z_scores_are_those_of_the_textbook():
    first, second = pairs_of(np.array([0, 0, 0, 1, 1]))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2), (3, 4)]
    arms = replace(read_arms(world(1)), impressions=np.array([1000.0, 1000.0, 1.0]), clicks=np.array([30.0, 10.0, 0.0]))
    assert z_scores(arms, np.array([0]), np.array([1]))[0] == pytest.approx(0.02 / np.sqrt(0.02 * 0.98 * 0.002))


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-5, 5), st.floats(0.1, 5)), min_size=1, max_size=30))
def test_contrasts_within_a_test_have_weighted_mean_zero(rows):
    test = np.unique([row[0] for row in rows], return_inverse=True)[1]
    value, weight = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    centred = within(value[:, None], weight, test)[:, 0]
    np.testing.assert_allclose(np.bincount(test, weight * centred), 0, atol=1e-9)


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_every_text_has_finite_statistics_and_a_script(text):
    found = text_statistics(text)
    assert len(found) == len(STATISTICS) and np.isfinite(np.array(found, dtype=float)).all()
    assert script_of(text)


def test_brand_names_do_not_hide_the_script():
    assert script_of("这是一款 lantern。") == "cjk" and script_of("A lantern, 灯") == "latin" and script_of("Лампа") == "cyrillic"


def test_word_pieces_follow_the_rules_of_the_encoder():
    vocabulary = {token: at for at, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cafe", "run", "##ning", "!", "$", "5", "茶"])}
    names = {at: token for token, at in vocabulary.items()}
    read = [names[at] for at in word_pieces("Café RUNNING! $5 茶 xyz", vocabulary)]
    assert read == ["[CLS]", "cafe", "run", "##ning", "!", "$", "5", "茶", "[UNK]", "[SEP]"]
    assert len(word_pieces("run " * 500, vocabulary)) == 128


def test_the_encoder_gives_a_text_the_same_vector_in_any_company():
    rng = np.random.default_rng(0)
    shapes = {"embeddings.word_embeddings.weight": (6, 384), "embeddings.position_embeddings.weight": (128, 384),
              "embeddings.token_type_embeddings.weight": (2, 384)}
    for at in ("encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm", "embeddings.LayerNorm"):
        shapes |= {f"{at}.weight": (384,), f"{at}.bias": (384,)}
    for at, (wide, narrow) in {"attention.self.query": (384, 384), "attention.self.key": (384, 384), "attention.self.value": (384, 384),
                               "attention.output.dense": (384, 384), "intermediate.dense": (512, 384), "output.dense": (384, 512)}.items():
        shapes |= {f"encoder.layer.0.{at}.weight": (wide, narrow), f"encoder.layer.0.{at}.bias": (wide,)}
    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    tiny = MiniLM({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5}, weights, layers=(1,))
    together, alone = tiny.encode(["a b", "b", "a a a", "b a"]), tiny.encode(["b a"])
    assert together.shape == (4, 384)
    np.testing.assert_allclose(together[3], alone[0], atol=1e-5)
    assert np.abs(together[0] - together[3]).max() > 1e-3  # the order of words matters


def test_an_encoder_that_is_missing_or_another_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"lacks vocab\.txt"):
        MiniLM.load(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]")
    with pytest.raises(ConfigError, match="not the pinned one"):
        MiniLM.load(tmp_path)


def test_on_real_tests_it_beats_chance_without_an_encoder(shared_data):
    raw = pq.read_table(shared_data / "upworthy_headlines" / "packages_half_a.parquet")
    table = pa.table({"test": raw["clickability_test_id"], "picture": raw["eyecatcher_id"], "text": raw["headline"],
                      "impressions": raw["impressions"], "clicks": raw["clicks"]}).slice(0, 1800)
    arms = read_arms(table)
    found = picked(arms, out_of_fold(arms), 0)
    assert found.low > 0.5
