"""Who may sign: a person's name, told apart from another's and from a model's."""

from __future__ import annotations

from collections.abc import Collection

from brandloom.content.checks.normalise import fold
from brandloom.errors import ConfigError, DataError, StateError
from brandloom.govern import holds_personal
from brandloom.i18n import _

LONGEST_NAME, LONGEST_TEXT = 100, 4_000
_NO_PERSON = frozenset(("ai", "model", "assistant", "bot", "system", "brandloom", "模型", "助手", "机器人", "人工智能"))


def same_person(one: str, other: str) -> bool:
    """Whether two names are spelled the same but for case, width, spacing and what nobody sees."""
    return _plain(one) == _plain(other)


def require_person(name: str, machines: Collection[str]) -> str:
    """The name of the person who acts, with even spacing.

    Args:
        machines: names of models, none of which may act.
    Raises:
        ConfigError: no name, or one too long.
        StateError: the name is a model's.
    """
    plain = " ".join(name.split())
    if not plain.isprintable() or not 0 < len(plain) <= LONGEST_NAME:
        raise ConfigError(_("This needs the name of a person, of at most {most} characters: --by 'Ana Lopez'."), most=LONGEST_NAME)
    if _plain(plain) in _NO_PERSON or any(same_person(plain, machine) for machine in machines):
        raise StateError(_("'{name}' is the name of a model. Only a person edits, comments and approves: --by 'Ana Lopez'."), name=plain)
    return plain


def require_remark(text: str) -> str:
    """A comment or a reason, as it is kept.

    Raises:
        DataError: nothing in it, too long, or personal data in it.
    """
    plain = text.strip()
    if not plain or len(plain) > LONGEST_TEXT:
        raise DataError(_("A comment or reason has 1 to {most} characters; this one has {length}."), most=LONGEST_TEXT, length=len(plain))
    if not "".join(plain.split()).isprintable():
        raise DataError(_("The comment or reason holds control characters. Write it as plain text."))
    if holds_personal(plain):
        raise DataError(_("The comment or reason holds personal data. Name the customer by pseudonym instead."))
    return plain


def _plain(name: str) -> str:
    return " ".join(fold(name).casefold().split())
