"""The language of rules as typed objects; `model_dump(mode='json')` of them is the JSON form.

A rule is true or false for each customer at a moment `as_of` (naive UTC) and looks at nothing that happened at or after it. Days
are calendar days in UTC, as in the profiles: 'the last 30 days' runs from midnight 30 days before the day of `as_of`. A missing
value makes every comparison false, 'is not' too; only `missing` is true of it. Sums and counts over no events are 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError, model_validator
from pydantic import Field as Limits

from brandloom.customers.rules.fields import field_of
from brandloom.errors import DataError
from brandloom.i18n import _

MOST_CONDITIONS = 200
DEEPEST = 20
LONGEST_DAYS = 3650
ORDER = ":order"
"""Kind of the event that stands for a whole order, at the moment of its first line."""


def _plain(value: object) -> object:
    """JSON knows no difference between 2 and 2.0, and true is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return float(value)


Number = Annotated[float, Limits(allow_inf_nan=False, ge=-1e12, le=1e12, strict=True), BeforeValidator(_plain)]
Text = Annotated[str, Limits(min_length=1, max_length=200, strict=True)]
Truth = Annotated[bool, Limits(strict=True)]
Scalar = Truth | Number | Text
FieldOp = Literal["is", "is_not", "one_of", "<", "<=", ">", ">=", "between", "contains", "starts_with", "before", "after",
                  "in_last_days", "more_than_days_ago", "missing", "known"]
AmountOp = Literal["at_least", "more_than", "at_most", "less_than", "exactly"]
OPS_OF: dict[str, tuple[FieldOp, ...]] = {
    "number": ("is", "is_not", "one_of", "<", "<=", ">", ">=", "between", "missing", "known"),
    "text": ("is", "is_not", "one_of", "contains", "starts_with", "missing", "known"),
    "date": ("is", "before", "after", "between", "in_last_days", "more_than_days_ago", "missing", "known"),
}
_DATE_OPS = ("before", "after", "in_last_days", "more_than_days_ago")
_NUMBER_OPS = ("<", "<=", ">", ">=", "between")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Window(_Strict):
    """Part of the time before `as_of`: the last days, or from and to a day, both included."""

    last_days: int | None = Limits(default=None, strict=True)
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _possible(self) -> Window:
        if self.last_days is None and self.since is None and self.until is None:
            raise DataError(_("A window is empty. Give last_days, since or until, or leave it out for all time."))
        if self.last_days is not None and not 1 <= self.last_days <= LONGEST_DAYS:
            raise DataError(_("A window of {days} days cannot be used. Use 1 to {most} days, or since and a date."), days=self.last_days,
                            most=LONGEST_DAYS)
        if self.last_days is not None and (self.since or self.until):
            raise DataError(_("A window has last_days and dates. Give one of them."))
        if self.since and self.until and self.until < self.since:
            raise DataError(_("A window ends on {until}, before it begins on {since}. Exchange the dates."), until=self.until, since=self.since)
        return self


class Happened(_Strict):
    """How often or for how much something happened to a customer.

    `times` counts events (order lines for purchases), `items` adds their quantities, `spend` the amounts of purchases and
    `net_spend` those of purchases and returns, in the shop's currency.
    """

    event: Text
    measure: Literal["times", "items", "spend", "net_spend"] = "times"
    op: AmountOp
    value: Number
    product: Text | None = None
    category: Text | None = None
    window: Window | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Happened:
        if self.measure in ("spend", "net_spend", "items") and self.event != "purchase":
            raise DataError(_("'{measure}' is measured on purchases, not on '{event}'. Use event purchase, or measure times."),
                            measure=self.measure, event=self.event)
        if self.product and self.category:
            raise DataError(_("A condition names a product and a category. Name one; join two conditions with and."))
        if self.event == ORDER and (self.product or self.category):
            raise DataError(_("Orders as a whole have no product or category. Write 'bought' in place of 'ordered'."))
        if round(self.value, 4) != self.value:
            raise DataError(_("{value} has more than four decimals. Round it."), value=self.value)
        if self.measure == "times" and (self.value < 0 or self.value != int(self.value)):
            raise DataError(_("{value} times cannot be counted. Use a whole number from 0."), value=f"{self.value:g}")
        return self


class Compares(_Strict):
    """What a field of a customer is."""

    field: Text
    op: FieldOp
    value: Scalar | tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _fits_field(self) -> Compares:
        known = field_of(self.field)
        if known.name != self.field:
            raise DataError(_("Field '{field}' is called '{name}' in JSON. Write that."), field=self.field, name=known.name)
        kind = self.kind
        if self.op not in OPS_OF[kind]:
            raise DataError(_("Field '{field}' holds a {kind} and cannot be asked '{op}'. Allowed: {allowed}."), field=self.field,
                            kind=kind, op=self.op, allowed=", ".join(OPS_OF[kind]))
        _check_value(self, kind)
        return self

    @property
    def kind(self) -> str:
        """What the values are read as: number, text or date."""
        known = field_of(self.field).kind
        if known != "any":
            return known
        first = self.value[0] if isinstance(self.value, tuple) and self.value else self.value
        if self.op in _DATE_OPS or (self.op == "between" and isinstance(first, str)):
            return "date"
        return "number" if self.op in _NUMBER_OPS or (isinstance(first, float) and not isinstance(first, bool)) else "text"


def _check_value(asked: Compares, kind: str) -> None:
    given = asked.value if isinstance(asked.value, tuple) else () if asked.value is None else (asked.value,)
    allowed = {"missing": (0, 0), "known": (0, 0), "between": (2, 2), "one_of": (1, 100)}.get(asked.op, (1, 1))
    if not allowed[0] <= len(given) <= allowed[1] or (isinstance(asked.value, tuple) != (asked.op in ("between", "one_of"))):
        raise DataError(_("Field '{field}', '{op}': {count} values given, {least} to {most} needed."), field=asked.field, op=asked.op,
                        count=len(given), least=allowed[0], most=allowed[1])
    for one in given:
        if asked.op in ("in_last_days", "more_than_days_ago"):
            if not isinstance(one, float) or not 1 <= one <= LONGEST_DAYS or one != int(one):
                raise DataError(_("Field '{field}': {value} is no number of days. Use a whole number from 1 to {most}."), field=asked.field,
                                value=one, most=LONGEST_DAYS)
        elif not _is_kind(one, kind, any_text=field_of(asked.field).kind == "any"):
            raise DataError(_("Field '{field}' holds a {kind}; '{value}' is none. Dates are written like 2024-11-09, texts in quotes."),
                            field=asked.field, kind=kind, value=one)
    if asked.op == "between" and given[0] > given[1]:  # type: ignore[operator]  # both of one kind, checked above
        raise DataError(_("Field '{field}': between {low} and {high} holds nothing. Put the smaller one first."), field=asked.field,
                        low=given[0], high=given[1])


def _is_kind(value: object, kind: str, *, any_text: bool) -> bool:
    if kind == "number":
        return isinstance(value, float)
    if kind == "text":
        return isinstance(value, str) or (any_text and isinstance(value, bool))
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


class InSegment(_Strict):
    """Whoever is in another saved segment."""

    segment: Text


class All(_Strict):
    """Every one of these."""

    all: tuple[Rule, ...] = Limits(min_length=2, max_length=MOST_CONDITIONS)


class AnyOf(_Strict):
    """At least one of these."""

    any: tuple[Rule, ...] = Limits(min_length=2, max_length=MOST_CONDITIONS)


class Not(_Strict):
    """Everybody else among the known customers."""

    negated: Rule = Limits(alias="not")


def _tag(value: object) -> str | None:
    if isinstance(value, BaseModel):
        return next(tag for tag, model in _MODELS.items() if isinstance(value, model))
    return next((tag for tag in _MODELS if tag in value), None) if isinstance(value, dict) else None


Rule = Annotated[
    Annotated[All, Tag("all")] | Annotated[AnyOf, Tag("any")] | Annotated[Not, Tag("not")] | Annotated[Happened, Tag("event")]
    | Annotated[Compares, Tag("field")] | Annotated[InSegment, Tag("segment")], Discriminator(_tag)]
Condition = All | AnyOf | Not | Happened | Compares | InSegment
_MODELS: dict[str, type[_Strict]] = {"all": All, "any": AnyOf, "not": Not, "event": Happened, "field": Compares, "segment": InSegment}
for _model in (All, AnyOf, Not):
    _model.model_rebuild()
_ADAPTER: TypeAdapter[Condition] = TypeAdapter(Rule)


def rule_from_json(given: str | dict[str, Any]) -> Condition:
    """Read the JSON form.

    Raises:
        DataError: it is no rule; one line that names the place and what is allowed.
    """
    try:
        data = json.loads(given) if isinstance(given, str) else given
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(_("The rule is no JSON: {reason}."), reason=str(error)) from error
    _check_depth(data, 0)
    try:
        rule = _ADAPTER.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(str(part) for part in first["loc"]) or "/"
        if first["type"].startswith("union_tag"):
            raise DataError(_("The rule at {place} is no condition. It has one of the keys {known}."), place=place,
                            known=", ".join(_MODELS)) from error
        raise DataError(_("The rule at {place}: {reason}."), place=place, reason=first["msg"]) from error
    check_size(rule)
    return rule


def rule_to_json(rule: Condition) -> dict[str, Any]:
    """The JSON form, without what is left at its default."""
    return _ADAPTER.dump_python(rule, mode="json", by_alias=True, exclude_none=True)  # type: ignore[no-any-return]


def parts(rule: Condition) -> Iterator[Condition]:
    """The rule and every condition in it."""
    yield rule
    inner = rule.all if isinstance(rule, All) else rule.any if isinstance(rule, AnyOf) else (rule.negated,) if isinstance(rule, Not) else ()
    for one in inner:
        yield from parts(one)


def check_size(rule: Condition) -> None:
    """Refuse a rule that nobody could read."""
    if sum(1 for _one in parts(rule)) > MOST_CONDITIONS:
        raise DataError(_("The rule has more than {most} conditions. Save parts of it as segments and name them."), most=MOST_CONDITIONS)


def _check_depth(data: object, depth: int) -> None:
    if depth > 2 * DEEPEST:  # a list and an object a level
        raise DataError(_("The rule is nested more than {most} levels deep. Save the inner part as a segment and name it."), most=DEEPEST)
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        _check_depth(one, depth + 1)
