"""What models cost: the book, the day's budget, the cache, and the estimate before; against a real server, with real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.errors import ConfigError, ProviderError
from brandloom.llm import (
    AnswerStore,
    Budget,
    BudgetError,
    CachedModel,
    Message,
    MeteredModel,
    Price,
    ScriptedTextModel,
    SpendBook,
    SpendLine,
    Spent,
    SpentError,
    estimate,
    spent_since,
)
from brandloom.llm.prices import count_tokens
from llm_world import HELLO, Answer, Endpoint, failed, said, serving, streamed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICE = Price(Decimal("0.27"), Decimal("1.10"))
MOST = estimate(HELLO, 9).tokens
"""Tokens that a request of these tests reserves."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as state:
        yield state


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SpendBook]:
    opened = SpendBook(tmp_path / "spend.sqlite")
    yield opened
    opened.close()


def spent(book: SpendBook, since: datetime = NOON) -> tuple[int, int, int, int]:
    """Calls, prompt tokens, tokens written, pending."""
    lines = book.lines(since)
    return (sum(line.calls for line in lines), sum(line.prompt_tokens for line in lines), sum(line.completion_tokens for line in lines),
            sum(line.pending for line in lines))


# --- the book ---

def test_calls_tokens_and_money_are_counted_per_day_and_model(endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [said("Hi.")]
    with MeteredModel(endpoint.model(), book, price=PRICE, now=lambda: NOON) as model:
        model.complete(HELLO, max_tokens=9)
        model.complete(HELLO, max_tokens=9)
    with MeteredModel(endpoint.model(), book, name="other", now=lambda: NOON + timedelta(days=1)) as model:
        model.complete(HELLO, max_tokens=9)
    later, first = book.lines(NOON)
    assert (first.day, first.model, first.calls, first.prompt_tokens, first.completion_tokens) == ("2026-11-22", "m1", 2, 14, 6)
    assert (first.money, first.currency, first.pending) == (Decimal("0.000012"), "USD", 0), "7 x 0.27 + 3 x 1.10, rounded up, twice"
    assert (later.day, later.model, later.calls, later.money, later.currency) == ("2026-11-23", "other", 1, None, None)
    assert sorted(line.model for line in book.run()) == ["m1", "other"]
    assert [line.model for line in book.lines(NOON + timedelta(days=1))] == ["other"]


def test_the_book_is_there_for_the_next_process(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [said("Hi.")]
    for _run in range(2):
        book = SpendBook(tmp_path / "spend.sqlite")
        MeteredModel(endpoint.model(), book, now=lambda: NOON).complete(HELLO, max_tokens=9)
        assert [line.calls for line in book.run()] == [1]
        book.close()
    assert [line.calls for line in spent_since(tmp_path, NOON)] == [2]


def test_a_sum_in_money_needs_one_currency() -> None:
    def line(currency: str | None, money: str | None, calls: int = 1) -> SpendLine:
        return SpendLine("2026-11-22", "m", "draft", calls, 1, 7, 3, None if money is None else Decimal(money), currency, 0)
    assert Spent.of([line("USD", "0.5"), line("USD", "0.25")]) == Spent(2, 2, 14, 6, Decimal("0.75"), "USD")
    assert Spent.of([line("USD", "0.5"), line("CNY", "2")]).money is None
    assert Spent.of([line("USD", "0.5"), line(None, None)]).money is None, "one price is not known"
    assert Spent.of([line("USD", "0.5"), line(None, None, calls=0)]).money == Decimal("0.5"), "what was kept costs nothing"
    assert Spent.of([]) == Spent(0, 0, 0, 0, None, None)


@pytest.mark.parametrize(("answer", "expected"), [
    (failed(429, "busy", retry_after="0"), (0, 0, 0)),
    (failed(401, "wrong key"), (0, 0, 0)),
    (failed(504, "upstream lost patience"), (1, MOST - 9, 9)),
    (None, (1, MOST - 9, 9)),
    ((200, {}, b'{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}'), (1, 7, 2)),
    ((200, {}, b'{"choices": [{"message": {"content": "Hi there"}}]}'), (1, MOST - 9, 3)),
])
def test_what_a_failed_or_silent_answer_costs(answer: Answer, expected: tuple[int, int, int], endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [answer]
    model = MeteredModel(endpoint.model(retries=0, timeout_s=0.2), book, price=PRICE, now=lambda: NOON)
    with model, suppress(ProviderError, ConfigError):
        model.complete(HELLO, max_tokens=9)
    assert spent(book) == (*expected, 0)


def test_a_stream_that_dies_counts_its_prompt_and_what_it_wrote(endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [streamed(["Hello ", "wor"], end=())]
    with MeteredModel(endpoint.model(on_text=lambda _piece: None), book, now=lambda: NOON) as model, pytest.raises(SpentError):
        model.complete(HELLO, max_tokens=900)
    assert spent(book) == (1, MOST - 9, 3, 0)


def test_a_call_that_a_person_stops_counts_with_the_most_it_may_cost(book: SpendBook) -> None:
    def stopped(_messages: object, _schema: object) -> str:
        raise KeyboardInterrupt
    with MeteredModel(ScriptedTextModel(stopped), book, now=lambda: NOON) as model, pytest.raises(KeyboardInterrupt):
        model.complete(HELLO, max_tokens=9)
    assert spent(book) == (1, MOST - 9, 9, 0)


def test_a_damaged_book_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "spend.sqlite"
    file.write_text("not a database, but somebody's notes" * 100, encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=r"spend.sqlite cannot be used: file is not a database. Move it away"):
        SpendBook(file)
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cannot be used: .* set BRANDLOOM_CACHE to another one"):
        SpendBook(tmp_path / "file" / "spend.sqlite")


# --- the budget ---

def test_a_spent_budget_stops_before_the_call_and_starts_anew_the_next_day(endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [said("Hi.")]
    now = [NOON]
    with MeteredModel(endpoint.model(), book, budget=Budget(tokens=MOST + 10), now=lambda: now[0]) as model:
        model.complete(HELLO, max_tokens=9)
        model.complete(HELLO, max_tokens=9)
        with pytest.raises(BudgetError) as caught:
            model.complete(HELLO, max_tokens=9)
        assert len(endpoint.asked) == 2
        now[0] = NOON + timedelta(hours=12)
        model.complete(HELLO, max_tokens=9)
    assert str(caught.value) == (
        f"Today's budget for models has no room for this request: 20 of {MOST + 10} tokens are spent, and it may take {MOST}. "
        "It starts anew at 2026-11-23 00:00 UTC; raise BRANDLOOM_MODEL_BUDGET_TOKENS to go on now.")
    assert "2026-11-23 00:00 UTC" in caught.value.text("zh")
    assert isinstance(caught.value, ConfigError)


def test_a_budget_in_money(endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [said("Hi.")]
    dear = Price(Decimal(1000), Decimal(1000), "CNY")
    with MeteredModel(endpoint.model(), book, price=dear, budget=Budget(money=Decimal("0.04"), currency="CNY"), now=lambda: NOON) as model:
        model.complete(HELLO, max_tokens=9)
        with pytest.raises(BudgetError, match=r"0.0100 of 0.04 CNY are spent, and it may cost 0.0\d+. .*BRANDLOOM_MODEL_BUDGET_MONEY"):
            model.complete(HELLO, max_tokens=9)


@pytest.mark.parametrize("price", [None, Price(Decimal(1), Decimal(1), "EUR")])
def test_a_budget_in_money_needs_a_price_in_its_currency(price: Price | None, book: SpendBook) -> None:
    model = MeteredModel(ScriptedTextModel(["Hi."]), book, price=price, budget=Budget(money=Decimal(1)))
    with pytest.raises(ConfigError, match=r"Model 'scripted' has no price in USD, so the day's budget in money cannot be kept. Set BRAND"):
        model.complete(HELLO, max_tokens=9)


@settings(max_examples=50, deadline=None)
@given(limit=st.integers(0, 600), used=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=12))
def test_no_order_of_calls_spends_more_than_the_budget(limit: int, used: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """As long as an answer uses no more than it reserved."""
    book = SpendBook(tmp_path_factory.mktemp("book") / "spend.sqlite")
    refused = 0
    for longest, written in used:
        most = estimate([Message("user", "Hi")], longest)
        try:
            held = book.reserve("m", most, None, Budget(tokens=limit), NOON)
        except BudgetError:
            refused += 1
            continue
        book.settle(held, most.prompt_tokens, min(written, longest))
    _calls, asked, written_all, pending = spent(book)
    book.close()
    assert asked + written_all <= limit
    assert pending == 0
    assert refused == 0 or limit < sum(estimate([Message("user", "Hi")], longest).tokens for longest, _written in used)


CALL = """
import sys
from decimal import Decimal
from pathlib import Path
from brandloom.llm import Budget, BudgetError, EndpointModel, Message, MeteredModel, SpendBook

url, folder, tokens, calls = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
model = MeteredModel(EndpointModel(url, key="k", model="m1", retries=0), SpendBook(folder / "spend.sqlite"), budget=Budget(tokens=tokens))
done = 0
for _ in range(calls):
    try:
        model.complete([Message("system", "Be short."), Message("user", "Hello PROMPTWORD")], max_tokens=9)
        done += 1
    except BudgetError:
        break
print(done)
"""


def start(endpoint: Endpoint, folder: Path, tokens: int, calls: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CALL, endpoint.url, str(folder), str(tokens), str(calls)], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_of_a_call_the_money_counts_as_spent(endpoint: Endpoint, tmp_path: Path) -> None:
    """kill -9 while the model answers: nobody knows what it cost, so the most counts, and the budget stays kept."""
    endpoint.script = [None]
    with start(endpoint, tmp_path, 2 * MOST - 1, 1) as process:
        assert endpoint.arrived.wait(60)
        process.kill()
    line, = spent_since(tmp_path, datetime.now(UTC) - timedelta(days=1))
    assert (line.calls, line.prompt_tokens + line.completion_tokens, line.pending) == (1, MOST, 1)
    endpoint.script = [said("Hi.")]
    book = SpendBook(tmp_path / "spend.sqlite")
    with MeteredModel(endpoint.model(), book, budget=Budget(tokens=2 * MOST - 1)) as model, pytest.raises(BudgetError):
        model.complete(HELLO, max_tokens=9)
    book.close()
    assert len(endpoint.asked) == 1


def test_two_processes_race_for_the_last_of_the_budget(endpoint: Endpoint, tmp_path: Path) -> None:
    """Room for 20 calls of 10 tokens each: whoever is refused stops, the other goes on, and together they make 20."""
    endpoint.script = [said("Hi.")]
    limit = 190 + MOST
    with start(endpoint, tmp_path, limit, 50) as one, start(endpoint, tmp_path, limit, 50) as two:
        made = [int(process.communicate(timeout=120)[0]) for process in (one, two)]
    line, = spent_since(tmp_path, datetime.now(UTC) - timedelta(days=1))
    assert sum(made) == len(endpoint.asked) == line.calls == 20
    assert line.prompt_tokens + line.completion_tokens == 200
    assert line.pending == 0


RESERVE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from brandloom.llm import Budget, BudgetError, Estimate, SpendBook

book, made = SpendBook(Path(sys.argv[1]) / "spend.sqlite"), 0
print("ready", flush=True)
sys.stdin.readline()
while True:
    try:
        held = book.reserve("m", Estimate(1, 1, None, None), None, Budget(tokens=1000), datetime(2026, 11, 22, 12, tzinfo=UTC))
    except BudgetError:
        break
    book.settle(held, 1, 1)
    made += 1
print(made)
"""


def test_processes_that_write_all_the_time_share_one_budget(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", RESERVE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one, \
            subprocess.Popen([sys.executable, "-c", RESERVE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as two:
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        made = [int(process.communicate(timeout=120)[0]) for process in (one, two)]
    assert sum(made) == 500
    line, = spent_since(tmp_path, NOON)
    assert (line.calls, line.prompt_tokens, line.completion_tokens, line.pending) == (500, 500, 500, 0)


def test_threads_of_one_process_keep_the_budget(endpoint: Endpoint, book: SpendBook) -> None:
    endpoint.script = [said("Hi.")]
    model = MeteredModel(endpoint.model(), book, budget=Budget(tokens=100), now=lambda: NOON)

    def ask(_number: int) -> bool:
        try:
            model.complete(HELLO, max_tokens=9)
        except BudgetError:
            return False
        return True
    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(ask, range(40)))
    model.close()
    calls, asked, written, pending = spent(book)
    assert made == calls == len(endpoint.asked)
    assert asked + written <= 100
    assert pending == 0


# --- the cache ---

@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    opened = AnswerStore(tmp_path / "answers.sqlite", max_bytes=1_000_000)
    yield opened
    opened.close()


def test_ten_thousand_repeats_are_one_call(endpoint: Endpoint, store: AnswerStore, book: SpendBook) -> None:
    endpoint.script = [said("Hi 你好.")]
    model = CachedModel(MeteredModel(endpoint.model(), book, now=lambda: NOON), store)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _number: model.complete(HELLO, max_tokens=9), range(10_000)))
    model.close()
    assert {answer.text for answer in answers} == {"Hi 你好."}
    assert len(endpoint.asked) == 1
    assert sum(answer.prompt_tokens for answer in answers) == 7, "only the one that was made has cost"
    assert [answer.cached for answer in answers].count(False) == 1
    assert spent(book) == (1, 7, 3, 0)


def test_what_makes_another_question(endpoint: Endpoint, store: AnswerStore) -> None:
    endpoint.script = [said("Hi.")]
    asks: list[dict[str, Any]] = [{}, {"max_tokens": 8}, {"seed": 1}, {"schema": {"type": "object"}}, {"schema": {"type": "array"}},
                                  {"messages": HELLO[1:]}, {"messages": [Message("user", HELLO[0].content), HELLO[1]]}]
    for _time in range(2):
        for ask in asks:
            CachedModel(endpoint.model(), store).complete(**{"messages": HELLO, "max_tokens": 9, **ask})
    CachedModel(endpoint.model(model="m2"), store).complete(HELLO, max_tokens=9)
    CachedModel(endpoint.model(), store, identity="http://other").complete(HELLO, max_tokens=9)
    assert len(endpoint.asked) == len(asks) + 2


def test_warm_and_cut_answers_are_asked_anew(endpoint: Endpoint, store: AnswerStore) -> None:
    model = CachedModel(endpoint.model(), store)
    endpoint.script = [said("Hi.")]
    for _time in range(2):
        model.complete(HELLO, max_tokens=9, temperature=0.7)
    assert len(endpoint.asked) == 2
    endpoint.script = [said("Hi", finish="length")]
    for _time in range(2):
        model.complete(HELLO, max_tokens=9)
    assert len(endpoint.asked) == 4
    model.close()


def test_a_failure_is_not_kept(endpoint: Endpoint, store: AnswerStore) -> None:
    endpoint.script = [failed(500, "no", retry_after="0"), said("Hi.")]
    with CachedModel(endpoint.model(retries=0), store) as model:
        with pytest.raises(ProviderError):
            model.complete(HELLO, max_tokens=9)
        assert model.complete(HELLO, max_tokens=9).text == "Hi."


def test_what_was_unused_for_longest_goes_first(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite", max_bytes=1000)
    for key in "abc":
        store.keep(key, "x" * 200)
    assert store.find("a") == "x" * 200
    store.keep("d", "y" * 200)
    assert [store.find(key) is not None for key in "abcd"] == [True, False, True, True]
    store.keep("big", "z" * 2000)
    assert store.find("big") is None
    store.close()
    again = AnswerStore(tmp_path / "answers.sqlite", max_bytes=1000)
    assert again.find("a") == "x" * 200, "it outlives the process"
    again.close()


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 900)), max_size=30))
def test_the_store_never_outgrows_its_room(steps: list[tuple[bool, int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = AnswerStore(tmp_path_factory.mktemp("store") / "answers.sqlite", max_bytes=2000)
    for keep, number, size in steps:
        if keep:
            store.keep(str(number), "é" * size)
        found = store.find(str(number))
        assert not keep or (found == "é" * size) == (2 * size + 120 <= 2000)
    assert sum(120 + len(text.encode()) for number in range(13) if (text := store.find(str(number))) is not None) <= 2000
    store.close()


def test_the_cache_holds_no_prompt(endpoint: Endpoint, store: AnswerStore, tmp_path: Path) -> None:
    endpoint.script = [said("Hi.")]
    with CachedModel(endpoint.model(), store) as model:
        model.complete(HELLO, max_tokens=9)
    assert all(b"PROMPTWORD" not in file.read_bytes() for file in tmp_path.glob("answers*"))
    assert (tmp_path / "answers.sqlite").stat().st_mode & 0o077 == 0


# --- the estimate ---

@pytest.mark.parametrize(("text", "tokens"), [
    ("", 0), ("Hello", 2), ("Hello world", 4), ("Personalised", 3), ("price 129.00", 8), ("云杉保温杯", 5), ("云杉 cup", 3), ("你好，世界！", 6),
    ("カタカナ 한국", 6), ("🎁", 3), ("été", 2), ("a\n\nb", 3),
])
def test_tokens_of_a_text(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_an_estimate_is_the_most_it_may_cost() -> None:
    one = estimate(HELLO, 100, PRICE, schema={"type": "object"})
    many = estimate(HELLO, 100, PRICE, schema={"type": "object"}, calls=1000)
    assert one.prompt_tokens > estimate(HELLO, 100).prompt_tokens == MOST - 9
    assert (many.prompt_tokens, many.completion_tokens) == (1000 * one.prompt_tokens, 100_000)
    assert many.money == (many.prompt_tokens * PRICE.input + 100_000 * PRICE.output) / 1_000_000
    assert (estimate(HELLO, 100).money, estimate(HELLO, 100).currency, many.currency) == (None, None, "USD")


@given(st.text())
def test_every_text_has_a_count(text: str) -> None:
    assert bool(text.strip()) <= count_tokens(text) <= 3 * len(text)
