"""Write the reference parts of the documentation from the code, in both languages.

    python docs/make_reference.py [--check]

A page marks its part with `<!-- reference: NAME -->` and `<!-- end -->`; what stands between is replaced: `commands` from the
command line's own help, `columns` from the loader, `brief`, `shop` and `settings` from the pydantic models with the meanings of
`docs/meanings.yaml`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

DOCS = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- reference: (\w+) -->\n).*?(<!-- end -->)", re.S)
HEADS = {"en": ("key", "value", "default", "meaning"), "zh": ("键", "取值", "默认值", "含义")}
WORDS = {"en": {"required": "required", "options": "option", "what": "what"}, "zh": {"required": "必填", "options": "参数", "what": "说明"}}
PLAIN = {"str": {"en": "text", "zh": "文本"}, "int": {"en": "whole number", "zh": "整数"}, "float": {"en": "number", "zh": "数值"},
         "Decimal": {"en": "number", "zh": "数值"}, "date": {"en": "date, 2026-01-31", "zh": "日期，2026-01-31"},
         "Path": {"en": "path", "zh": "路径"}, "SecretStr": {"en": "text, kept secret", "zh": "文本（保密）"}}
LIST = {"en": "list of {}", "zh": "列表：{}"}
AND = {"en": ", ", "zh": "，"}
EACH = {"en": ", ", "zh": "、"}


def pages() -> list[Path]:
    """Every page that has a reference part."""
    return [path for path in sorted(DOCS.rglob("*.md")) if PART.search(path.read_text(encoding="utf-8"))]


def renewed(page: Path) -> str:
    """The page with its reference parts made anew."""
    language = "zh" if page.parent.name == "zh" else "en"
    return PART.sub(lambda found: f"{found[1]}\n{reference(found[2], language)}\n\n{found[3]}", page.read_text(encoding="utf-8"))


def reference(name: str, language: str) -> str:
    """One reference part as Markdown."""
    return commands(language) if name == "commands" else columns(language) if name == "columns" else keys(name, language)


def columns(language: str) -> str:
    """What a file of each kind needs, and what else is read from it."""
    from brandloom.sources.columns import KINDS, REQUIRED
    either = {"en": " or ", "zh": " 或 "}[language]
    rows = []
    for kind, known in KINDS.items():
        needed = [either.join(f"`{one}`" for one in group) for group in REQUIRED[kind]]
        more = [f"`{name}`" for name in known if not any(name in group for group in REQUIRED[kind])]
        rows.append((f"`--as {kind}`", EACH[language].join(needed), EACH[language].join(more)))
    return _table({"en": ("kind", "needed", "also read"), "zh": ("类型", "必需", "还会读取")}[language], rows)


def keys(name: str, language: str) -> str:
    """The table of a model's keys."""
    from brandloom.content import Brief
    from brandloom.settings import Settings
    from brandloom.workspace import ShopConfig
    models: dict[str, type[BaseModel]] = {"brief": Brief, "shop": ShopConfig, "settings": Settings}
    meanings = yaml.safe_load((DOCS / "meanings.yaml").read_text(encoding="utf-8"))[name]
    fields = dict(_leaves(models[name]))
    if set(fields) != set(meanings):
        raise SystemExit(f"docs/meanings.yaml, {name}: missing {set(fields) - set(meanings)}, left over {set(meanings) - set(fields)}")
    rows = []
    for key, field in fields.items():
        shown = f"BRANDLOOM_{key.upper()}" if name == "settings" else key
        rows.append((f"`{shown}`", _kind(field, language), _default(field, language), meanings[key][language]))
    return _table(HEADS[language], rows)


def _leaves(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted key and field, down through sections and lists of sections."""
    for name, field in model.model_fields.items():
        among = (field.annotation, *get_args(field.annotation))
        inner = next((one for one in among if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if inner is None:
            yield before + name, field
        else:
            yield from _leaves(inner, f"{before}{name}.")


def _kind(field: FieldInfo, language: str) -> str:
    limits = [text for rule in field.metadata for text in _limit(rule)]
    return AND[language].join([_type(field.annotation, language), *limits]).replace("|", "\\|")


def _type(annotation: Any, language: str) -> str:
    origin, inner = get_origin(annotation), [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    if origin is Literal:
        return EACH[language].join(f"`{one}`" for one in inner)
    if origin in (Union, UnionType):
        return _type(inner[0], language)
    if origin is tuple:
        return LIST[language].format(_type(inner[0], language))
    if origin is dict:
        return "`{ email = 0.002 }`"
    if origin is not None:  # Annotated
        return _type(inner[0], language)
    return PLAIN[annotation.__name__][language]


def _limit(rule: Any) -> Iterator[str]:
    for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
        if getattr(rule, name, None) is not None:
            yield f"{sign} {getattr(rule, name)}"
    if getattr(rule, "pattern", None) and "\\r" not in rule.pattern:  # one line of text needs no regular expression to say so
        yield f"`{rule.pattern.strip('^$')}`"


def _default(field: FieldInfo, language: str) -> str:
    if field.is_required():
        return WORDS[language]["required"]
    value = field.get_default(call_default_factory=False) if field.default_factory is None else None
    if value is None or value == () or isinstance(value, SecretStr):
        return ""
    return EACH[language].join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{value}`" if value != "" else ""


def commands(language: str) -> str:
    """Every command with its example, arguments and options."""
    parts = []
    for one in _command_line(language):
        what, _, example = one["help"].partition("\n\n")
        rows = [(_named(parameter, language), parameter["help"].replace("|", "\\|")) for parameter in one["parameters"]]
        parts.append(f"### `brandloom {one['name']}`\n\n{what}\n\n```sh\n{re.split('[:：] ?', example, maxsplit=1)[1]}\n```\n\n"
                     + _table((WORDS[language]["options"], WORDS[language]["what"]), rows))
    return "\n\n".join(parts)


def _named(parameter: dict[str, Any], language: str) -> str:
    name = f"`{' '.join([parameter['name'], parameter['metavar']]).strip()}`"
    return name if not parameter["required"] else f"{name} ({WORDS['en']['required']})" if language == "en" else f"{name}（必填）"


@cache
def _command_line(language: str) -> list[dict[str, Any]]:
    """The commands as the command line describes them; a process of its own, because help is rendered when it is read."""
    done = subprocess.run([sys.executable, __file__, "--commands"], env={**os.environ, "BRANDLOOM_LANGUAGE": language},  # noqa: S603
                          check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def print_commands() -> None:
    """Print every command of the command line as JSON."""
    import typer.main

    from brandloom.cli import app
    print(json.dumps(list(_walk(typer.main.get_command(app), ()))))


def _walk(command: Any, before: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from _walk(one, (*before, name))
        else:
            yield {"name": " ".join((*before, name)), "help": one.help, "parameters": [_parameter(p) for p in one.params]}


def _parameter(parameter: Any) -> dict[str, Any]:
    option = parameter.opts[0].startswith("-")
    named = "" if getattr(parameter, "is_flag", False) else parameter.metavar or parameter.name.upper()
    return {"name": parameter.opts[0] if option else parameter.metavar, "metavar": named if option else "",
            "required": parameter.required, "help": parameter.help}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def main() -> None:
    if "--commands" in sys.argv:
        print_commands()
        return
    old = [page for page in pages() if renewed(page) != page.read_text(encoding="utf-8")]
    if "--check" in sys.argv and old:
        sys.exit("not what the code says: " + ", ".join(str(page.relative_to(DOCS)) for page in old))
    for page in old:
        page.write_text(renewed(page), encoding="utf-8")


if __name__ == "__main__":
    main()
