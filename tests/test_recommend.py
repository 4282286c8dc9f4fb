"""Recommending on small shops whose right answer is known."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from brandloom import i18n
from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.errors import NotFittedError
from brandloom.recommend import REASONS, Weights, evaluate, fit, recommend
from brandloom.recommend.fit import NEIGHBOURS, _strongest, coded, fit_with
from brandloom.recommend.history import MAX_ITEMS, history_select, unpack
from brandloom.recommend.measures import bought_after, gains
from brandloom.recommend.model import score_batch, top
from brandloom.recommend.ranking import FEWEST_JUDGED

NOW = datetime(2024, 5, 1)
Sale = tuple[str | None, str, int]  # customer, product, days before NOW
TOGETHER = Weights(again=0.0, together=1.0, popular=0.01)


def shop(sales: list[Sale], engine: Engine | None = None, kind: str = "purchase") -> Engine:
    """A warehouse with these sales."""
    if engine is None:
        engine = DuckEngine(threads=1)
        ensure_tables(engine)
    n = len(sales)
    engine.add("events", pa.table({
        "event": pa.array(range(n), pa.int64()), "customer": pa.array([s[0] for s in sales], pa.string()),
        "product": pa.array([s[1] for s in sales], pa.string()), "kind": pa.array([kind] * n, pa.string()),
        "occurred_at": pa.array([NOW - timedelta(days=s[2]) for s in sales], tables.TIME)}))
    return engine


def stock(engine: Engine, rows: list[tuple[str, str, float | None]]) -> None:
    engine.add("products", pa.table({
        "product": pa.array([r[0] for r in rows], pa.string()), "origin": pa.array([r[1] for r in rows], pa.string()),
        "stock": pa.array([r[2] for r in rows], pa.float64())}))


def lists(engine: Engine) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in engine.query("SELECT customer, product FROM recommendations ORDER BY customer, rank").to_pylist():
        found.setdefault(row["customer"], []).append(row["product"])
    return found


def checkerboard(n: int = 8) -> list[Sale]:
    """Even customers buy even products, odd ones odd; nobody has bought the product of their own number yet."""
    return [(f"c{c}", f"p{p}", 10) for c in range(n) for p in range(n) if c % 2 == p % 2 and c != p]


def test_checkerboard_finds_the_product_that_is_missing() -> None:
    engine = shop(checkerboard())
    model = fit_with(engine, NOW, TOGETHER)
    rows = [(f"c{c}", f"p{p}", 10) for c in range(8) for p in range(8) if c % 2 == p % 2 and c != p]
    recommend(engine, model, NOW, k=4)
    bought = {(c, p) for c, p, _ in rows}
    for customer, products in lists(engine).items():
        assert {int(p[1:]) % 2 for p in products} == {int(customer[1:]) % 2}
        assert [p for p in products if (customer, p) not in bought] == [f"p{customer[1:]}"]


def test_reason_names_the_product_it_follows_from() -> None:
    sales: list[Sale] = [(f"t{i}", p, 5) for i in range(6) for p in ("tea", "cup")]
    sales += [(f"d{i}", p, 5) for i in range(6) for p in ("lead", "leash")] + [("me", "tea", 3), ("me", "lead", 50)]
    engine = shop(sales)
    recommend(engine, fit_with(engine, NOW, Weights(again=0.3, together=1.0, popular=0.01)), NOW, k=4)
    mine = {r["product"]: (r["reason"], r["because"])
            for r in engine.query("SELECT * FROM recommendations WHERE customer = 'me'").to_pylist()}
    assert mine == {"cup": ("together", "tea"), "leash": ("together", "lead"), "tea": ("again", "tea"), "lead": ("again", "lead")}


def test_often_and_lately_bought_comes_first() -> None:
    sales: list[Sale] = [("me", "milk", d) for d in (60, 40, 20)] + [("me", "lamp", 20), ("me", "vase", 80)]
    engine = shop(sales)
    recommend(engine, fit_with(engine, NOW, Weights(1.0, 0.0, 0.0)), NOW)
    assert lists(engine)["me"] == ["milk", "lamp", "vase"]


def test_popular_fades_and_serves_those_the_model_knows_nothing_about() -> None:
    sales: list[Sale] = [(f"a{i}", "old", 60) for i in range(9)] + [(f"b{i}", "new", 3) for i in range(5)] + [(None, "new", 3)]
    engine = shop([*sales, ("cold", "gone", 400)])
    recommend(engine, fit(engine, NOW), NOW)
    cold = engine.query("SELECT product, reason, because FROM recommendations WHERE customer = 'cold' ORDER BY rank").to_pylist()
    assert [(r["product"], r["reason"], r["because"]) for r in cold] == [("new", "popular", None), ("old", "popular", None)]


def test_only_what_is_sold_is_recommended() -> None:
    engine = shop([("me", p, 10) for p in ("kept", "empty", "unknown_stock")] + [("me", "gone", 200), ("me", "listed", 200)])
    shop([("me", "postage", 5)], engine, kind="adjustment")
    shop([("me", "broken", 5)], engine, kind="return")
    stock(engine, [("kept", "catalogue", 5), ("empty", "catalogue", 0), ("unknown_stock", "catalogue", None), ("gone", "orders", None),
                   ("listed", "catalogue", 2), ("postage", "orders", None), ("broken", "orders", None)])
    recommend(engine, fit(engine, NOW), NOW)
    assert set(lists(engine)["me"]) == {"kept", "unknown_stock", "listed"}


def test_nothing_from_after_the_date_is_used() -> None:
    past = checkerboard()
    engine, knowing = shop(past), shop([*past, *[("c1", "p0", -1), ("c3", "p0", 0), ("zz", "p9", -5)]])
    for warehouse in (engine, knowing):
        recommend(warehouse, fit(warehouse, NOW), NOW)
    assert lists(engine) == lists(knowing)


def test_equal_scores_go_by_product_id() -> None:
    engine = shop([(f"c{i}", p, 10) for i in range(3) for p in ("b", "a", "d", "c")])
    recommend(engine, fit(engine, NOW), NOW, k=3)
    assert set(map(tuple, lists(engine).values())) == {("a", "b", "c")}


def test_table_has_the_canonical_columns_ranks_from_one_and_no_leftovers() -> None:
    engine = shop(checkerboard())
    rows = recommend(engine, fit(engine, NOW), NOW, k=3)
    table = engine.query("SELECT * FROM recommendations ORDER BY customer, rank")
    assert table.schema.names == tables.RECOMMENDATIONS.names
    assert [f.type for f in table.schema] == [f.type for f in tables.RECOMMENDATIONS]
    assert table.num_rows == rows == 8 * 3
    assert table["rank"].to_pylist() == [1, 2, 3] * 8
    assert not engine.exists("recommend_items")
    assert not engine.exists("recommend_scores")


def test_a_model_may_be_used_at_a_later_date() -> None:
    engine = shop([("me", "tea", 100), ("me", "cup", 95), ("you", "tea", 100), ("late", "new", 10)])
    model = fit_with(engine, NOW - timedelta(days=60), Weights())
    recommend(engine, model, NOW)
    assert lists(engine) == {}  # tea and cup are no longer sold, and it never heard of the new one
    recommend(engine, model, NOW - timedelta(days=20))
    assert sorted(lists(engine)["me"]) == ["cup", "tea"]


def test_weights_are_chosen_on_an_earlier_date() -> None:
    habits: list[Sale] = [(f"c{c}", f"p{c}", d) for c in range(40) for d in (5, 35, 65, 95)]
    loyal = fit(shop(habits), NOW)
    assert loyal.tuned_on == NOW - timedelta(days=30)
    assert loyal.weights.again > 0
    young = fit(shop([("a", "p", 3), ("b", "p", 2)]), NOW)
    assert (young.tuned_on, young.weights) == (None, Weights())


def test_a_huge_buyer_counts_with_the_most_recent_products_only() -> None:
    engine = shop([("whale", f"p{i:04d}", 1 + i // 10) for i in range(3000)])
    model = fit(engine, NOW)
    with coded(engine, pa.chunked_array([pa.array(model.products)])):
        rows = engine.query(history_select(), as_of=NOW, bar="~")
    codes = unpack(rows["items"]).latest(100).codes
    assert sorted(model.products[c] for c in codes) == [f"p{i:04d}" for i in range(100)]


def test_no_sales_say_what_to_do() -> None:
    engine = shop([])
    with pytest.raises(NotFittedError, match="No product was bought before 2024-05-01") as caught:
        fit(engine, NOW)
    assert "请先导入订单" in caught.value.text("zh")


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    fit(shop(checkerboard()), NOW, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_reasons_have_sentences_in_both_languages() -> None:
    assert set(REASONS) == {"again", "together", "popular"}
    assert all(i18n.translate(text, "zh") != text for text in REASONS.values())


def test_evaluate_counts_hits_of_each_method() -> None:
    before: list[Sale] = [("me", "tea", 50), ("me", "tea", 40), ("you", "cup", 45), ("you", "pot", 44), ("x", "hit", 35), ("y", "hit", 35)]
    after: list[Sale] = [("me", "tea", 20), ("me", "cup", 20), ("you", "jar", 10), ("new", "tea", 10), ("x", "hit", -5)]
    rows = evaluate(shop([*before, *after]), NOW - timedelta(days=30), 30, k=1)
    found = {(r["method"], r["customer"]): r for r in rows.to_pylist()}
    assert {customer for _, customer in found} == {"me", "you"}
    own, popular = found["own", "me"], found["popular", "me"]
    assert (own["bought"], own["bought_new"], own["hits"], own["hits_new"], own["recall"], own["ndcg"]) == (2, 1, 1, 0, 0.5, 1.0)
    assert (popular["hits"], popular["ndcg"]) == (0, 0.0)
    assert (found["ours", "you"]["bought_new"], found["ours", "you"]["hits"]) == (1, 0)


SALES = st.lists(st.tuples(st.sampled_from([*"abcdef", None]), st.sampled_from(list("pqrstuvw")), st.integers(1, 200)), min_size=1, max_size=60)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sales=SALES, k=st.integers(1, 9), random=st.randoms(use_true_random=False))
def test_shuffled_rows_and_split_batches_change_nothing(sales: list[Sale], k: int, random: object) -> None:
    shuffled = list(sales)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    results = []
    for rows in (sales, shuffled):
        engine = shop(rows)
        model = fit(engine, NOW)
        recommend(engine, model, NOW, k=k)
        results.append(engine.query("SELECT * FROM recommendations ORDER BY customer, rank").to_pylist())
    assert results[0] == results[1]
    sold = {p for _, p, days in sales if days <= 90}
    assert all(r["product"] in sold and r["score"] > 0 for r in results[0])
    assert {r["customer"] for r in results[0]} == ({c for c, _, _ in sales if c} if sold else set())
    with coded(engine, pa.chunked_array([pa.array(model.products)])):
        batch = engine.query(history_select() + " ORDER BY customer", as_of=NOW, bar="~")
    function = pickle.loads(pickle.dumps(partial(score_batch, model=model, k=k)))
    whole, parts = function(batch), [function(batch.slice(i, 1)) for i in range(batch.num_rows)]
    assert pa.concat_tables([whole.slice(0, 0), *parts]).to_pylist() == whole.to_pylist()


PURCHASES = st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 65_535)), max_size=8)


@given(st.lists(PURCHASES, max_size=5), st.integers(1, 3))
def test_packed_purchases_unpack_to_what_went_in(people: list[list[tuple[int, int]]], copies: int) -> None:
    packed = pa.array([[code * 65_536 + age for code, age in bought] * copies + [-1] for bought in people], pa.list_(pa.int64()))
    h = unpack(packed)
    found: list[list[tuple[int, ...]]] = [[] for _ in people]
    for row, *values in zip(h.rows.tolist(), h.codes.tolist(), h.age.tolist(), h.times.tolist(), h.first.tolist(), strict=True):
        found[row].append(tuple(values))
    for bought, items in zip(people, found, strict=True):
        days = {code: sorted({age for other, age in bought if other == code}) for code, _ in bought}
        wanted = [(code, ages[0], len(ages), ages[-1]) for code, ages in days.items()]
        assert items == sorted(wanted, key=lambda item: (item[1], -item[2], item[0]))
    assert h.visits.tolist() == [len({age for _, age in bought}) for bought in people]
    short = h.latest(2)
    assert np.diff(short.starts).tolist() == [min(len(items), 2) for items in found]
    assert short.codes.tolist() == [c for items in found for c, *_ in items[:2]]


def due_again(people: int = 260, seed: int = 0) -> list[Sale]:
    """Everybody buys ten products every 60 days, each at its own time; so what was bought last is what is bought next last."""
    rng = np.random.default_rng(seed)
    return [(f"c{c:03}", f"p{p:02}", int(start) + 60 * n) for c in range(people)
            for p, start in zip(rng.choice(40, 10, replace=False), rng.integers(-29, 31, 10), strict=True) for n in range(4)]


def test_the_order_learned_from_what_came_next_knows_what_is_due() -> None:
    engine = shop(due_again())
    model = fit(engine, NOW)
    assert model.ranking is not None
    assert "ranked=True" in repr(model)
    judged = bought_after(engine, model, NOW, NOW + timedelta(days=30))
    ndcg = {name: gains(judged, one.best(judged.histories.latest(MAX_ITEMS), 5)[0], 5).ndcg.mean()
            for name, one in {"ranked": model, "blend": replace(model, ranking=None)}.items()}
    assert ndcg["ranked"] > 0.95 > 0.6 > ndcg["blend"]


def test_a_blend_that_cannot_be_bettered_keeps_its_order() -> None:
    loyal: list[Sale] = [(f"c{c:03}", f"p{c % 40:02}", day) for c in range(260) for day in (5, 35, 65, 95)]
    assert fit(shop(loyal), NOW).ranking is None
    assert fit(shop(due_again(people=FEWEST_JUDGED - 1)), NOW).ranking is None


def test_a_ranked_person_gets_the_same_list_alone_and_among_others() -> None:
    engine = shop([*due_again(), ("cold", "p00", 400)])
    model = pickle.loads(pickle.dumps(fit(engine, NOW)))
    assert model.ranking is not None
    with coded(engine, pa.chunked_array([pa.array(model.products)])):
        batch = engine.query(history_select() + " ORDER BY customer", as_of=NOW, bar="~")
    lost = batch.slice(0, 1).set_column(1, "items", pa.array([[-1]], pa.list_(pa.int64())))
    batch = pa.concat_tables([batch.slice(0, 20), lost])  # the last one bought nothing that the model knows
    whole, parts = score_batch(batch, model=model, k=8), [score_batch(batch.slice(i, 1), model=model, k=8) for i in range(batch.num_rows)]
    assert pa.concat_tables(parts).to_pylist() == whole.to_pylist()
    assert all(0 < score <= 1 for score in whole["score"].to_pylist())


def test_weights_of_the_model_can_be_replaced() -> None:
    model = fit(shop(checkerboard()), NOW)
    again = replace(model, weights=TOGETHER)
    assert again.weights == TOGETHER
    assert "sold=8" in repr(again)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 400), k=st.integers(1, 30), levels=st.integers(1, 40))
def test_best_products_are_those_of_sorting_everything(seed: int, n: int, k: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (5, n)) / 7 + rng.integers(0, 3, (5, n)) * 2e-7  # ties, and differences below a millionth
    person, rank, code, _score = top(scores, k)
    whole = np.rint(scores * 1e6)
    for row in range(5):
        order = np.lexsort((np.arange(n), -whole[row]))[:k]
        wanted = order[whole[row][order] > 0].tolist()
        assert code[person == row].tolist() == wanted
        assert rank[person == row].tolist() == list(range(1, len(wanted) + 1))


def test_the_strongest_links_are_kept_and_ties_go_to_the_lower_product() -> None:
    rng = np.random.default_rng(0)
    links = rng.integers(0, 6, (40, 300)) / 5
    kept = _strongest(sparse.csr_matrix(links), start=10).toarray()
    for row in range(40):
        links[row, row + 10] = 0.0  # a product's link to itself
        order = np.lexsort((np.arange(300), -links[row]))[:NEIGHBOURS]
        expected = np.zeros(300)
        expected[order] = links[row, order]
        assert np.array_equal(kept[row], expected)
