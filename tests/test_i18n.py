"""Every text a person sees is in both languages, with the same fields."""

from __future__ import annotations

import ast
import io
import re
import string
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

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
    catalogue = i18n._catalogue("zh")
    missing = {text: place for text, place in marked_texts().items() if any(c.isalpha() for c in text) and text not in catalogue}
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


def catalogue_files() -> dict[str, dict[str, str]]:
    """Every catalogue file with its texts."""
    return {path.name: {str(message.id): str(message.string) for message in read_po(io.BytesIO(path.read_bytes())) if message.id}
            for path in sorted((SOURCE / "locale" / "zh").glob("*.po"))}


def test_one_text_has_one_chinese_in_every_file() -> None:
    """The files share one namespace, so the last file read would win silently."""
    said: dict[str, dict[str, str]] = {}
    for name, texts in catalogue_files().items():
        for text, chinese in texts.items():
            said.setdefault(text, {})[name] = chinese
    assert not {text: by_file for text, by_file in said.items() if len(set(by_file.values())) > 1}


def test_no_file_says_a_text_twice() -> None:
    for path in sorted((SOURCE / "locale" / "zh").glob("*.po")):
        written = re.findall(r'^msgid (".+")$', path.read_text(encoding="utf-8"), flags=re.M)
        assert len(written) == len(set(written)), path.name


def test_chinese_punctuation_is_full_width() -> None:
    """No ASCII comma, semicolon, question or exclamation mark directly after a Chinese character or closing mark."""
    narrow = re.compile(r"[\u4e00-\u9fff）”》」][,;!?]")
    wrong = [f"{name}: {chinese}" for name, texts in catalogue_files().items() for chinese in texts.values() if narrow.search(chinese)]
    assert not wrong


@pytest.mark.parametrize(("code", "language"), [("zh_CN.UTF-8", "zh"), ("zh-Hans", "zh"), ("en_GB", "en"), ("C.UTF-8", "en"), ("", "en")])
def test_locales_map_to_our_languages(code: str, language: str) -> None:
    assert nearest_language(code) == language


def test_a_block_speaks_its_language_and_ends() -> None:
    with using("zh"):
        assert say("Rows do not fit the table: {reason}.", reason="x").startswith("数据行")
    assert say("Rows do not fit the table: {reason}.", reason="x").startswith("Rows")
