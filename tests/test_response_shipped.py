"""The scorer that ships: small, checked, knows its domain, and is where a shop's own tests begin."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brandloom.content.response import MiniLM, ResponseModel, fit_response, learn_from, open_scorer, shipped_scorer, shipped_words
from brandloom.content.response.domain import is_english
from brandloom.content.response.features import read_texts, transform
from brandloom.content.response.shipped import load_with_words
from brandloom.content.response.words import PIECES, WordTable, make_table
from brandloom.errors import DataError, NotFittedError

FOLDER = Path(str(files("brandloom.content.response").joinpath("shipped")))
HEADLINES = ["He Was Told He Would Never Walk Again. Then He Did Something That Left Doctors Speechless.",
             "Watch What Happens When A Little Girl Asks Her Teacher A Question Nobody Wants To Answer",
             "Why Do We Throw Away So Much Food, And What One Small Town Is Doing About It"]
MAIL = ["Your order has shipped", "Free shipping on orders over $50", "Introducing the Glow Table Lamp", "Flash sale: up to 40% off kitchenware"]
FOREIGN = ["Descubre las mejores ofertas de verano para toda la familia", "Warum dieser Mann seinen Beruf aufgab und nie wieder zurückkam",
           "Il a tout quitté pour vivre dans une cabane au fond des bois", "你见过这样的沙发吗？", "12345", ""]


def own_tests(count: int, *, lift: float = 0.7, impressions: int = 4000, seed: int = 1) -> pa.Table:
    """A shop's tests of headlines in which those that begin with 'Why' win by `lift`."""
    rng, rows = np.random.default_rng(seed), []
    things = ["the town", "a small school", "the old bridge", "her garden", "that river", "my street", "one bakery", "our library"]
    for test in range(count):
        thing, verb = things[test % 8], ("changed", "saved", "left", "loved", "built")[test // 8 % 5]
        for text, effect in ((f"Why the people {verb} {thing} after the war, and {test} more things you should know", lift),
                             (f"The people {verb} {thing} after the war, and {test} more things you should know", 0.0)):
            rows.append((f"t{test}", text, impressions, int(rng.binomial(impressions, 1 / (1 + np.exp(3.7 - effect))))))
    return pa.table(dict(zip(("test", "text", "impressions", "clicks"), map(list, zip(*rows, strict=True)), strict=True)))


PAIR = ["Why the people moved the clock after the fire, and what you should know", "The people moved the clock after the fire, and what you should know"]


def test_it_is_small_plain_and_says_what_it_learned_from():
    model = shipped_scorer()
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 3_000_000
    assert {file.suffix for file in FOLDER.iterdir()} == {".npz", ".json"}
    assert model.card.languages == ("en",) and model.card.name == "headlines 1"
    assert model.card.accuracy is not None and model.card.accuracy.low > 0.6  # out of fold
    for file in FOLDER.glob("*.npz"):
        with np.load(file, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "iufU" for name in arrays)


def test_headlines_are_scored_with_less_than_full_confidence():
    model = shipped_scorer()
    scores = model.score(HEADLINES, language="en")
    assert scores.reason == (None,) * 3 and scores.mean.std() > 0
    bold = replace(model, card=replace(model.card, carries=(1.0, 0.0)))
    surer = bold.score(HEADLINES)
    assert (np.abs(scores.mean) < np.abs(surer.mean)).all() and (scores.deviation > surer.deviation).all()
    assert abs(model.compare(*HEADLINES[:2]).probability - 0.5) < abs(bold.compare(*HEADLINES[:2]).probability - 0.5)


def test_product_mail_is_not_its_kind_and_other_languages_are_unknown():
    model = shipped_scorer()
    mail, foreign = model.score(MAIL), model.score(FOREIGN)
    assert set(mail.reason) == {"far_from_tests"} and mail.mean.tolist() == [0.0] * 4
    assert set(foreign.reason) == {"unknown_language"}
    assert model.score(HEADLINES, language="zh").reason == ("unknown_language",) * 3
    assert model.compare(MAIL[0], HEADLINES[0]).probability == 0.5
    assert mail.deviation.min() > model.score(HEADLINES).deviation.max()


def test_the_nearer_a_text_is_the_more_is_said_of_it():
    model = shipped_scorer()
    assert model.space is not None and model.domain is not None
    features = transform(read_texts([*HEADLINES, *MAIL], model.encoder), model.space)
    distance, weight = model.domain.distance(features), model.domain.weight(features)
    assert distance[:3].max() < distance[3:].min() and weight[:3].min() > 0 == weight[3:].max()
    order = np.argsort(distance)
    assert (np.diff(weight[order]) <= 0).all()


def test_names_in_a_real_catalogue_and_chinese_copy_are_mostly_left_alone(shared_data):
    model = shipped_scorer()
    names = pq.read_table(shared_data / "amazon_toys_catalog" / "amazon_toys.parquet")["product_name"].drop_null().to_pylist()[::25]
    scored = model.score(names)
    assert np.mean([reason is not None for reason in scored.reason]) > 0.5
    copy = [json.loads(line)["summary"] for line in (shared_data / "advertisegen" / "advertisegen_half_a.jsonl").read_text("utf-8").splitlines()]
    assert set(model.score(copy).reason) == {"unknown_language"}


@pytest.mark.parametrize(("text", "expected"), [("The shop is open", True), ("It’s here, don’t wait", True), ("La tienda está abierta", False),
                                                ("20 %", False), ("", False), ("Der Laden ist offen", False)])
def test_english_is_told_from_its_words(text, expected):
    assert is_english(text) is expected


@pytest.mark.parametrize("name", ["response.json", "response.npz", "words.npz"])
def test_a_damaged_file_is_refused(name, tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "scorer"))
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(bytes(raw))
    with pytest.raises(DataError, match=rf"{name} of the scorer .* its hash is wrong"):
        load_with_words(folder)
    (folder / "sha256.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        load_with_words(folder)


def test_a_few_own_tests_move_it_and_many_overrule_it():
    model, words = shipped_scorer(), shipped_words()
    start = model.compare(*PAIR).probability
    few = fit_response(own_tests(6), encoder=words, before=model)
    many = fit_response(own_tests(60), encoder=words, before=model)
    assert few.card.reason is None and few.card.before == "headlines 1" and few.card.accuracy is None
    assert start < few.compare(*PAIR).probability < many.compare(*PAIR).probability and many.compare(*PAIR).probability > 0.9
    against = fit_response(own_tests(60, lift=-0.7), encoder=words, before=model)
    assert against.compare(*PAIR).probability < 0.1


def test_own_tests_without_a_signal_do_not_silence_what_was_known():
    model = shipped_scorer()
    few = fit_response(own_tests(5, impressions=1), encoder=shipped_words(), before=model)
    found, kept = few.score(HEADLINES), model.score(HEADLINES)
    np.testing.assert_allclose(found.mean - found.mean.mean(), kept.mean - kept.mean.mean(), atol=0.03)


def test_own_texts_of_another_kind_or_language_begin_from_nothing():
    table = pa.table({"test": ["a", "a"], "text": ["台灯", "茶壶"], "impressions": [100, 100], "clicks": [3, 1]})
    found = learn_from(table, Path("unused"))
    assert found.card.reason == "too_few_tests" and found.card.before is None and found.card.encoder is None
    assert learn_from(own_tests(5), Path("unused"), alone=True).card.reason == "too_few_tests"


def test_a_combined_scorer_is_kept_and_opened_again(tmp_path):
    found = learn_from(own_tests(40), tmp_path)
    found.save(tmp_path / "own")
    again = open_scorer(tmp_path / "own", tmp_path)
    texts = [*PAIR, *HEADLINES, "你好，茶壶"]
    np.testing.assert_allclose(again.score(texts).mean, found.score(texts).mean, atol=1e-5)
    np.testing.assert_allclose(again.score(texts).deviation, found.score(texts).deviation, atol=1e-4)
    assert again.score(texts).reason[-1] == "unknown_language" and again.card == found.card
    assert open_scorer(None, tmp_path) is shipped_scorer()
    with pytest.raises(NotFittedError, match="began from 'headlines 1'"):
        ResponseModel.load(tmp_path / "own", shipped_words())


def test_a_table_keeps_what_single_pieces_mean(tmp_path):
    rng = np.random.default_rng(0)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "tea", "##pot", "茶", "[unused1]", "lamp", "small", "big", "red"]
    weights = {"embeddings.word_embeddings.weight": rng.normal(size=(len(pieces), 384)).astype(np.float32),
               "embeddings.position_embeddings.weight": np.zeros((128, 384), np.float32),
               "embeddings.token_type_embeddings.weight": np.zeros((2, 384), np.float32),
               "embeddings.LayerNorm.weight": np.ones(384, np.float32), "embeddings.LayerNorm.bias": np.zeros(384, np.float32)}
    encoder = Pieces({piece: at for at, piece in enumerate(pieces)}, weights)
    texts = ["good tea", "bad lamp", "small red teapot", "big bad tea", "good good lamp", "red tea", "big lamp", "small bad tea"]
    table = make_table(encoder, texts, "tiny", width=4)
    assert "茶" not in table.vocabulary and "[unused1]" not in table.vocabulary and len(table.vocabulary) <= PIECES
    found = table.encode(["good tea", "tea good", "good", "tea", "茶 zzz"])
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[0], (found[2] + found[3]) / 2)
    assert found[4].tolist() == [0.0] * 4
    table.save(tmp_path / "words.npz")
    again = WordTable.load((tmp_path / "words.npz").read_bytes())
    assert again.name == "tiny" and np.array_equal(again.encode(texts), table.encode(texts))
    with pytest.raises(DataError, match="table of word vectors is damaged"):
        WordTable.load(b"nothing")


class Pieces(MiniLM):
    """An encoder of no layers: what it makes of a piece is the piece's own vector and its neighbours'."""

    def hidden(self, ids):
        return self.weights["embeddings.word_embeddings.weight"][ids].mean(axis=1, dtype=np.float64)
