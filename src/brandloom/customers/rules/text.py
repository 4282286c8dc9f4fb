"""The text form of rules, in English and Chinese: `parse(print_rule(rule, language)) == rule` in both.

Both languages share one grammar over the words of `VOCABULARY`; a rule may even mix them:

    rule       one {or one};  one: part {and part};  part: not part | (rule) | condition
    condition  field test | [window] [never] verb [what] [amount] [what] [window] | in segment "name"
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal

from brandloom.customers.rules.expression import (
    DEEPEST,
    MOST_CONDITIONS,
    ORDER,
    All,
    AnyOf,
    Compares,
    Condition,
    Happened,
    InSegment,
    Not,
    Window,
    check_size,
)
from brandloom.customers.rules.fields import ATTRIBUTE, BY_CHINESE, FIELDS
from brandloom.errors import DataError
from brandloom.i18n import _

# word: English spellings, Chinese spellings; the first of each is printed
VOCABULARY: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "and": (("and",), ("且", "并且", "而且")), "or": (("or",), ("或", "或者")), "not": (("not",), ("非", "不满足")),
    "is": (("is",), ("为", "等于")), "is_not": (("is not",), ("不为", "不等于")), "one_of": (("is one of",), ("属于",)),
    "contains": (("contains",), ("包含",)), "starts_with": (("starts with",), ("开头为",)), "between": (("between",), ("介于",)),
    "to": (("to",), ("至", "到")), "before": (("before",), ("早于",)), "after": (("after",), ("晚于",)),
    "missing": (("is missing",), ("缺失",)), "known": (("is known",), ("已知",)),
    "last": (("in the last", "in"), ("最近", "近")), "days": (("days", "day"), ("天内", "天", "日内")),
    "days_ago": (("days ago", "day ago"), ("天前",)), "since": (("since", "from"), ("自",)), "until": (("until",), ("截至",)),
    "at_least": (("at least",), ("至少", "不少于")), "more_than": (("more than",), ("多于", "超过")),
    "at_most": (("at most",), ("至多", "最多")), "less_than": (("less than",), ("少于", "不足")), "exactly": (("exactly",), ("恰好", "正好")),
    "times": (("times", "time"), ("次",)), "items": (("items", "item"), ("件",)), "never": (("never",), ("从未", "没有")),
    "purchase": (("bought",), ("购买", "买过")), "return": (("returned",), ("退货",)), "view": (("viewed",), ("浏览",)),
    "cart": (("put in cart",), ("加购",)), "favourite": (("favourited",), ("收藏",)), "search": (("searched",), ("搜索",)),
    "click": (("clicked",), ("点击",)), ORDER: (("ordered",), ("下单",)), "did": (("did",), ("发生",)),
    "spend": (("spent",), ("消费",)), "net_spend": (("spent net",), ("净消费",)), "on": (("on",), ("于",)),
    "product": (("product",), ("商品",)), "category": (("category",), ("品类",)), "in_segment": (("in segment",), ("属于分群",)),
    "attribute": (("attribute",), ("属性",)), "true": (("true",), ("真",)), "false": (("false",), ("假",)),
}
VERBS = ("purchase", "return", "view", "cart", "favourite", "search", "click", ORDER)
AMOUNTS = ("at_least", "more_than", "at_most", "less_than", "exactly")
_SYMBOLS = {one: one for one in ("<=", ">=", "<", ">", "(", ")", ",")} | {
    "≤": "<=", "≥": ">=", "＜": "<", "＞": ">", "（": "(", "）": ")", "，": ",", "、": ","}
_SPELLED = sorted(((spelling, word) for word, both in VOCABULARY.items() for spellings in both for spelling in spellings),
                  key=lambda pair: -len(pair[0]))
_CHINESE_FIELDS = sorted(BY_CHINESE, key=len, reverse=True)
_QUOTES = {'"': '"', "“": "”", "「": "」"}


@dataclass(frozen=True)
class _Token:
    kind: str  # word, symbol, name, number, date, text, end
    value: str
    at: int


def parse(text: str) -> Condition:
    """Read a rule written in English or Chinese.

    Raises:
        DataError: it is no rule; one line with the place, what was found there and what is allowed.
    """
    reader = _Reader(_tokens(text))
    rule = reader.any_of()
    reader.need_end()
    check_size(rule)
    return rule


def print_rule(rule: Condition, language: str = "en") -> str:
    """The rule in words, 'en' or 'zh'."""
    return _Printer(language).rule(rule)


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token, width = _token(text, at)
        found.append(token)
        at += width
    return [*found, _Token("end", "", len(text))]


def _token(text: str, at: int) -> tuple[_Token, int]:
    if text[at] in _QUOTES:
        return _quoted(text, at)
    if match := re.compile(r"\d{4}-\d{2}-\d{2}").match(text, at):
        return _Token("date", match[0], at), len(match[0])
    if match := re.compile(r"-?\d+(\.\d+)?").match(text, at):
        return _Token("number", match[0], at), len(match[0])
    for spelling, symbol in _SYMBOLS.items():
        if text.startswith(spelling, at):
            return _Token("symbol", symbol, at), len(spelling)
    if match := re.compile(r"attribute\.\w+").match(text, at):
        return _Token("name", match[0], at), len(match[0])
    chinese = next((name for name in _CHINESE_FIELDS if text.startswith(name, at)), "")
    spelled = next(((match[0], word) for spelling, word in _SPELLED if (match := _spelling(spelling).match(text, at))), ("", ""))
    if chinese and len(chinese) >= len(spelled[0]):
        return _Token("name", BY_CHINESE[chinese], at), len(chinese)
    if spelled[0]:
        return _Token("word", spelled[1], at), len(spelled[0])
    if match := re.compile(r"[A-Za-z_]\w*", re.ASCII).match(text, at):
        return _Token("name", match[0], at), len(match[0])
    raise DataError(_("The rule cannot be read at character {at}, '{near}'. Allowed: fields, verbs, numbers, dates and texts in quotes."),
                    at=at + 1, near=text[at:at + 12])


_COMPILED: dict[str, re.Pattern[str]] = {}


def _spelling(spelling: str) -> re.Pattern[str]:
    """English words end where a word ends and may stand any spaces apart; Chinese ones follow each other without any."""
    if spelling not in _COMPILED:
        body = r"\s+".join(re.escape(part) for part in spelling.split(" "))
        _COMPILED[spelling] = re.compile(body + r"(?![A-Za-z0-9_])" if spelling.isascii() else body, re.IGNORECASE)
    return _COMPILED[spelling]


def _quoted(text: str, at: int) -> tuple[_Token, int]:
    if text[at] == '"':
        match = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at)
        try:
            inner = json.loads(match[0]) if match else None
        except ValueError:
            inner = None
        width = len(match[0]) if match else 0
    else:
        end = text.find(_QUOTES[text[at]], at)
        inner, width = (text[at + 1:end], end + 1 - at) if end > 0 else (None, 0)
    if inner is None:
        raise DataError(_("The text that begins at character {at} has no end. Close it with {quote}."), at=at + 1, quote=_QUOTES[text[at]])
    return _Token("text", inner, at), width


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.here = 0
        self.depth = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.here]

    def word(self, *words: str) -> str | None:
        """Take the next token if it is one of these words."""
        if self.now.kind == "word" and self.now.value in words:
            self.here += 1
            return self.tokens[self.here - 1].value
        return None

    def take(self, kind: str, allowed: str) -> str:
        if self.now.kind != kind:
            self.fail(allowed)
        self.here += 1
        return self.tokens[self.here - 1].value

    def symbol(self, *symbols: str) -> str | None:
        if self.now.kind == "symbol" and self.now.value in symbols:
            self.here += 1
            return self.tokens[self.here - 1].value
        return None

    def fail(self, allowed: str) -> None:
        found = next((both[0][0] for word, both in VOCABULARY.items() if self.now.kind == "word" and word == self.now.value), self.now.value)
        raise DataError(_("The rule cannot be read at character {at}, '{near}'. Expected here: {allowed}."), at=self.now.at + 1,
                        near=found[:40] or "…", allowed=allowed)

    def need_end(self) -> None:
        if self.now.kind != "end":
            self.fail("and, or")

    def any_of(self) -> Condition:
        found = [self.all_of()]
        while self.word("or"):
            found.append(self.all_of())
        return found[0] if len(found) == 1 else self.made(AnyOf, any=tuple(found))

    def all_of(self) -> Condition:
        found = [self.part()]
        while self.word("and"):
            found.append(self.part())
        return found[0] if len(found) == 1 else self.made(All, all=tuple(found))

    def part(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise DataError(_("The rule is nested more than {most} levels deep. Save the inner part as a segment and name it."), most=DEEPEST)
        try:
            if self.word("not"):
                return self.made(Not, **{"not": self.part()})
            if self.symbol("("):
                inner = self.any_of()
                if not self.symbol(")"):
                    self.fail(") and, or")
                return inner
            return self.condition()
        finally:
            self.depth -= 1

    def made(self, model: type, **values: object) -> Condition:
        """Build a condition; what is wrong with it is said with its place."""
        at = self.tokens[max(self.here - 1, 0)].at
        try:
            return model(**values)  # type: ignore[no-any-return]
        except DataError as error:
            raise DataError(_("Before character {at}: {problem}"), at=at + 1, problem=error.text()) from error
        except ValueError as error:
            raise DataError(_("The rule cannot be used at character {at}, '{near}': dates are days of the calendar, texts have 1 to 200 "
                              "characters, numbers up to twelve digits, and at most {most} conditions are joined."), at=at + 1,
                            near=self.tokens[max(self.here - 1, 0)].value[:40], most=MOST_CONDITIONS) from error

    def condition(self) -> Condition:
        if self.word("in_segment"):
            return self.made(InSegment, segment=self.take("text", '"name"'))
        if self.now.kind == "name" or (self.now.kind == "word" and self.now.value == "attribute"):
            return self.comparison()
        return self.happened()

    def comparison(self) -> Condition:
        name = ATTRIBUTE + self.take("text", '"key"') if self.word("attribute") else self.take("name", "a field")
        op: str | None = self.symbol("<", "<=", ">", ">=")
        op = op or self.word("is", "is_not", "one_of", "contains", "starts_with", "before", "after", "between", "missing", "known", "last",
                             "more_than")
        value: object = None
        if op is None:
            self.fail("is, is not, is one of, is missing, is known, <, <=, >, >=, between, contains, starts with, before, after, in the last")
        if op in ("last", "more_than"):
            value = self.scalar()
            if not self.word("days" if op == "last" else "days_ago"):
                self.fail("days" if op == "last" else "days ago")
            op = "in_last_days" if op == "last" else "more_than_days_ago"
        elif op == "between":
            low = self.scalar()
            if not self.word("and", "to"):
                self.fail("and")
            value = (low, self.scalar())
        elif op == "one_of":
            several = [self.scalar()]
            while self.symbol(","):
                several.append(self.scalar())
            value = tuple(several)
        elif op not in ("missing", "known"):
            value = self.scalar()
        return self.made(Compares, field=name, op=op, value=value)

    def scalar(self) -> str | float | bool:
        if truth := self.word("true", "false"):
            return truth == "true"
        if self.now.kind == "number":
            return float(self.take("number", "a number"))
        if self.now.kind in ("date", "text"):
            return self.take(self.now.kind, "")
        self.fail('a number, a date such as 2024-11-09, a text in "quotes"')
        raise AssertionError

    def happened(self) -> Condition:
        window = self.window()
        never = bool(self.word("never"))
        verb = self.word(*VERBS, "did", "spend", "net_spend")
        if verb is None:
            self.fail("a field, bought, ordered, spent, viewed, returned, never, in segment, not, (")
        event = self.take("text", '"kind"') if verb == "did" else "purchase" if verb in ("spend", "net_spend") else str(verb)
        measure = verb if verb in ("spend", "net_spend") else "times"
        what = self.what()
        amount: tuple[str, float] = ("exactly", 0.0) if never else ("at_least", 1.0)
        given = None if never else self.word(*AMOUNTS)
        if given:
            amount = (given, float(self.take("number", "a number")))
            measure = self.word("items", "times") or measure if measure == "times" else measure
        elif measure != "times" and not never:
            self.fail("at least, more than, at most, less than, exactly")
        what = what or self.what()
        window = window or self.window()
        return self.made(Happened, event=event, measure=measure, op=amount[0], value=amount[1], window=window, **what)

    def what(self) -> dict[str, str]:
        self.word("on")
        named = self.word("product", "category")
        return {named: self.take("text", '"…"')} if named else {}

    def window(self) -> Window | None:
        if self.word("last"):
            days = self.take("number", "a number")
            if not self.word("days"):
                self.fail("days")
            if not days.isdigit():
                self.fail("a whole number of days")
            return self.made(Window, last_days=int(days))  # type: ignore[return-value]
        since = self.take("date", "2024-11-09") if self.word("since") else None
        until = self.take("date", "2024-11-09") if self.word("until") else None
        return self.made(Window, since=since, until=until) if since or until else None  # type: ignore[return-value]


class _Printer:
    def __init__(self, language: str) -> None:
        self.zh = language == "zh"

    def say(self, word: str) -> str:
        return VOCABULARY[word][self.zh][0]

    def join(self, *words: str) -> str:
        return " ".join(word for word in words if word)

    def rule(self, rule: Condition) -> str:
        if isinstance(rule, All | AnyOf):
            inner, word = (rule.all, "and") if isinstance(rule, All) else (rule.any, "or")
            return f" {self.say(word)} ".join(self.inside(one) for one in inner)
        if isinstance(rule, Not):
            return f"{self.say('not')} {self.inside(rule.negated)}"
        if isinstance(rule, InSegment):
            return f"{self.say('in_segment')} {_quote(rule.segment)}"
        return self.compares(rule) if isinstance(rule, Compares) else self.happened(rule)

    def inside(self, rule: Condition) -> str:
        return f"({self.rule(rule)})" if isinstance(rule, All | AnyOf) else self.rule(rule)

    def compares(self, one: Compares) -> str:
        name = FIELDS[one.field].zh if self.zh and one.field in FIELDS else one.field
        values = [_shown(value, one.kind) for value in (one.value if isinstance(one.value, tuple) else (one.value,))]
        if one.op in ("in_last_days", "more_than_days_ago"):
            before, behind = ("last", "days") if one.op == "in_last_days" else ("more_than", "days_ago")
            return self.join(name, self.say(before), values[0], self.say(behind))
        if one.op in ("missing", "known"):
            return self.join(name, self.say(one.op))
        if one.op == "between":
            return self.join(name, self.say("between"), values[0], self.say("to" if self.zh else "and"), values[1])
        return self.join(name, one.op if one.op in _SYMBOLS else self.say(one.op), ", ".join(values))

    def happened(self, one: Happened) -> str:
        never = one.op == "exactly" and one.value == 0 and one.measure == "times"
        money = one.measure in ("spend", "net_spend")
        verb = self.say(one.measure) if money else self.say(one.event) if one.event in VERBS else f"{self.say('did')} {_quote(one.event)}"
        what = self.join(self.say("on") if money and (one.product or one.category) else "",
                         *((self.say("product"), _quote(one.product)) if one.product else ()),
                         *((self.say("category"), _quote(one.category)) if one.category else ()))
        unit = self.say(one.measure) if one.measure in ("times", "items") else ""
        amount = "" if never else self.join(self.say(one.op), _shown(one.value, "number"), unit)
        words = (verb, amount, what) if money else (verb, what, amount)
        window, said = self.window(one.window), self.join(self.say("never") if never else "", *words)
        return self.join(window, said) if self.zh else self.join(said, window)

    def window(self, window: Window | None) -> str:
        if window is None:
            return ""
        if window.last_days:
            return self.join(self.say("last"), str(window.last_days), self.say("days"))
        return self.join(*((self.say("since"), window.since.isoformat()) if window.since else ()),
                         *((self.say("until"), window.until.isoformat()) if window.until else ()))


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shown(value: object, kind: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else format(Decimal(repr(value)), "f")
    return str(value) if kind == "date" else _quote(str(value))
