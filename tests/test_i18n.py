"""Every text a person sees is in both languages, with the same fields."""

from __future__ import annotations

import ast
import string
from importlib.resources import files
from pathlib import Path

import pytest

from brandloom import i18n
from brandloom.i18n import nearest_language, say, translate, using

SOURCE = Path(str(files("brandloom")))


def marked_texts() -> dict[str, str]:
    """Every literal given to `_` or `say` in the package, with the place where it stands."""
    found: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "say") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.strip():
                    found.setdefault(first.value, f"{path.relative_to(SOURCE)}:{node.lineno}")
    return found


def fields(template: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(template) if name}


def test_there_is_something_to_translate() -> None:
    assert len(marked_texts()) > 100


def test_every_text_has_its_chinese() -> None:
    missing = {text: place for text, place in marked_texts().items()
               if any(c.isalpha() for c in text) and translate(text, "zh") == text}
    assert not missing, "\n".join(f"{place}: {text}" for text, place in missing.items())


def test_both_languages_have_the_same_fields() -> None:
    for text, place in marked_texts().items():
        if "{{" in text:
            continue  # a slot of a marketing text, not a field
        assert fields(text) == fields(translate(text, "zh")), f"{place}: {text}"


def test_no_text_is_built_outside_the_catalogue() -> None:
    """An f-string or a variable inside `_` can never be looked up."""
    wrong = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_" and \
                    not isinstance(node.args[0], ast.Constant):
                wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not wrong


def test_no_translation_is_left_over() -> None:
    """What is no longer in the code is taken out of the catalogue."""
    used = set(marked_texts())
    assert not set(i18n._catalogue("zh")) - used


@pytest.mark.parametrize(("code", "language"), [("zh_CN.UTF-8", "zh"), ("zh-Hans", "zh"), ("en_GB", "en"), ("C.UTF-8", "en"), ("", "en")])
def test_locales_map_to_our_languages(code: str, language: str) -> None:
    assert nearest_language(code) == language


def test_a_block_speaks_its_language_and_ends() -> None:
    with using("zh"):
        assert say("Rows do not fit the table: {reason}.", reason="x").startswith("数据行")
    assert say("Rows do not fit the table: {reason}.", reason="x").startswith("Rows")
