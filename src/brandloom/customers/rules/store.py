"""Saved rules: one JSON file per segment in the workspace's folder `segments`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from brandloom.customers.rules.compile import resolve
from brandloom.customers.rules.expression import Condition, InSegment, parts, rule_from_json, rule_to_json
from brandloom.customers.rules.text import parse
from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _

_NAME = re.compile(r"\w[\w -]{0,59}")


def read_rule(text: str) -> Condition:
    """A rule in either form: JSON begins with a brace."""
    return rule_from_json(text) if text.lstrip().startswith("{") else parse(text)


def saved_rules(folder: Path) -> dict[str, Condition]:
    """Every saved rule by name, sorted.

    Raises:
        DataError: a file that holds no rule; names it.
    """
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            found[file.stem] = rule_from_json(file.read_text(encoding="utf-8"))
        except (DataError, UnicodeDecodeError) as error:
            problem = error.text() if isinstance(error, DataError) else str(error)
            raise DataError(_("{file}: {problem}"), file=file.name, problem=problem) from error
    return found


def save_rule(folder: Path, name: str, rule: Condition) -> None:
    """Save a rule under a name; one of the same name is replaced.

    Raises:
        ConfigError: a name that cannot be a file's.
        DataError: it names a segment that is not saved, or itself.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(_("'{name}' cannot name a segment. Use up to 60 letters, digits, spaces, - and _."), name=name)
    known = saved_rules(folder) | {name: rule}
    resolve(rule, known, (name,))
    folder.mkdir(exist_ok=True)
    fresh = folder / f".{name}.new"
    fresh.write_text(json.dumps(rule_to_json(rule), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / f"{name}.json")


def delete_rule(folder: Path, name: str) -> None:
    """Delete a saved rule.

    Raises:
        DataError: there is none of this name, or another one uses it.
    """
    known = saved_rules(folder)
    if name not in known:
        raise DataError(_("There is no segment '{name}'. Saved: {known}. Save it with `brandloom segments save`."), name=name,
                        known=", ".join(known) or "-")
    users = [other for other, rule in known.items() if any(isinstance(one, InSegment) and one.segment == name for one in parts(rule))]
    if users:
        raise DataError(_("Segment '{name}' is used by {users}. Change or delete that first."), name=name, users=", ".join(users))
    (folder / f"{name}.json").unlink()
