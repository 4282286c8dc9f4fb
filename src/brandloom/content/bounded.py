"""Liquid that cannot run away: bounded in source, rounds, values and output before it is run, not after.

Liquid's own limits count rounds and output. They do not see a filter that makes a long text of a short one, a range that is turned
round, or a loop that prints nothing; those are counted here. Source: OWASP LLM10 and the limits of python-liquid 2.3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression

MOST_BYTES = 400_000
"""Largest message a layout may make."""
MOST_SOURCE = 200_000
"""Characters of a layout."""
MOST_TAGS = 1_000
"""Opening signs of markup in a layout; the MJML compiler recurses, and dies of nesting far above that."""
MOST_STEPS = 200
"""Most rounds of all loops of a layout together; a message shows a handful of products."""
MOST_NODES = 500
"""Tags and values of Liquid in a layout."""
MOST_VALUE = 20_000
"""Characters of a text, or items of a list, that goes into a filter or comes out of one."""
MOST_WORK = 250_000
"""Characters and items that all filters of one rendering may handle together."""
_DROPPED = ("safe", "escapejs", "base64_decode", "base64_url_safe_decode", "url_decode", "strip_html", "sum")
"""Filters that would print a value without escaping it, or search a text in a time that grows faster than the text."""
_left: ContextVar[int] = ContextVar("left", default=MOST_WORK)


class BoundedLiquid(Environment):
    """Liquid for layouts that strangers wrote."""

    loop_iteration_limit = MOST_STEPS
    output_stream_limit = MOST_BYTES
    local_namespace_limit = 100_000
    context_depth_limit = 8

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            self.tags.pop(tag, None)
        for name in _DROPPED:
            self.filters.pop(name, None)
        for name, made in self.filters.items():
            self.filters[name] = _bounded(name, made)


@functools.cache
def liquid(*, escape: bool) -> BoundedLiquid:
    """The environment for HTML, where every value is escaped, or for plain text."""
    return BoundedLiquid(autoescape=escape, undefined=StrictUndefined)


def run(environment: BoundedLiquid, source: str, values: dict[str, object]) -> str:
    """Render a source.

    Raises:
        LiquidError: it is no Liquid, names an unknown value or is too much work.
    """
    if len(source) > MOST_BYTES:
        raise ResourceLimitError("the source is too long", token=None)
    template = environment.from_string(source)
    _refuse_large(template)
    mark = _left.set(MOST_WORK)
    try:
        return str(template.render(**values))
    except (ArithmeticError, RecursionError, ValueError) as error:  # numbers of thousands of digits, among others
        raise LiquidError(f"{type(error).__name__}: {error}", token=None) from error
    finally:
        _left.reset(mark)


def _refuse_large(template: BoundTemplate) -> None:
    for count, node in enumerate(_nodes(template)):
        if count == MOST_NODES:
            raise ResourceLimitError(f"more than {MOST_NODES} tags and values", token=None)
        if any(isinstance(item, RangeLiteral) for item in _expressions(node.expressions())):
            raise ResourceLimitError("ranges are over the limit of a layout; loop over products", token=None)


def _nodes(template: BoundTemplate) -> Iterator[Node]:
    context, waiting = template.context_class(template), list(template.nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children(context, include_partials=False))


def _expressions(found: Iterable[Expression]) -> Iterator[Expression]:
    waiting = list(found)
    while waiting:
        item = waiting.pop()
        yield item
        waiting.extend(item.children())


def _bounded(name: str, made: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(made)
    def call(value: object, *rest: object, **named: object) -> object:
        _spend(value, *rest)
        if name == "replace" and len(rest) > 1:
            old, new = str(rest[0]), str(rest[1])
            _spend_count(len(str(value)) + str(value).count(old) * len(new))
        if name == "join" and isinstance(value, Sequence) and not isinstance(value, str):
            _spend_count(sum(len(str(item)) for item in value) + len(value) * len(str(rest[0]) if rest else " "))
        result = made(value, *rest, **named)
        _spend(result)
        return result
    return call


def _spend(*values: object) -> None:
    for value in values:
        _spend_count(len(value) if isinstance(value, (str, list, tuple, dict, range)) else value.bit_length() // 4 if isinstance(value, int) else 1)


def _spend_count(count: int) -> None:
    left = _left.get() - count
    if count > MOST_VALUE or left < 0:
        raise ResourceLimitError("a filter handles too much text", token=None)
    _left.set(left)
