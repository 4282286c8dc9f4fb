"""Files that people write, read strictly: one key once, no unknown key, and one clear line where something cannot be used."""

from __future__ import annotations

import difflib
import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _

Content = TypeVar("Content", bound=BaseModel)


def read_yaml(path: Path, model: type[Content], *, most: int, unreadable: str) -> Content:
    """Read a YAML file of `key: value` lines.

    Args:
        model: what it has to hold.
        most: bytes it may have.
        unreadable: template of the message where there is no such file, with {path} and {reason}.
    Raises:
        ConfigError: no such file, not YAML, an unknown key or a value that cannot be used; names file and key, the keys that are known
            there and the closest one.
    """
    try:
        raw = path.read_bytes()
        if len(raw) > most:
            raise ConfigError(_("{path} has {size} bytes; at most {most} are read. Is it the right file?"), path=path, size=len(raw), most=most)
        content = yaml.load(raw.decode("utf-8-sig"), Loader=_OneKeyOnce)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(unreadable, path=path, reason=error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise ConfigError(_("{path} is not UTF-8 text (byte {byte}). Save it as UTF-8."), path=path, byte=error.start) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(_("{path} is not valid YAML, {where}: {reason}. Mend that line."), path=path,
                          where=f"line {mark.line + 1 if mark else 1}",
                          reason=" ".join(str(getattr(error, "problem", None) or error or type(error).__name__).split())[:120]) from error
    if not isinstance(content, dict):
        raise ConfigError(_("{path} is no list of `key: value` lines. Known keys: {allowed}."), path=path, allowed=", ".join(model.model_fields))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _refusal(path, error, model) from error


def read_json(text: str, *, source: str) -> Any:
    """Read JSON in which no key stands twice and every number is one.

    Args:
        source: its name for messages.
    Raises:
        DataError: it is no such JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(_("{file} is not JSON: {reason}."), file=source, reason=str(error)) from error


def read_object(text: str, *, source: str, most: int) -> dict[str, Any]:
    """Read one JSON object, a brief.

    Raises:
        DataError: it is larger than `most` bytes, not JSON, or something else than an object.
    """
    if len(text.encode("utf-8", "surrogatepass")) > most:
        raise DataError(_("{file} is larger than {limit} MB. A brief holds what one text needs; name long lists of texts as files."), file=source,
                        limit=most // 1_000_000)
    found = read_json(text, source=source)
    if not isinstance(found, dict):
        raise DataError(_("{file} holds no JSON object. Write one with lang, format and products."), file=source)
    return found


class _OneKeyOnce(yaml.SafeLoader):
    """Refuses a key written twice, which YAML would let the last one win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _value in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        raise ValueError(f"'{next(key for key in keys if keys.count(key) > 1)}' is given twice")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _refusal(path: Path, error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """The first finding of pydantic as one line, an unknown key before a wrong value."""
    first = next((item for item in error.errors() if item["type"] == "extra_forbidden"), error.errors()[0])
    keys = [str(part) for part in first["loc"] if part != "[key]"]
    where = ".".join(keys) or path.stem
    if first["type"] == "extra_forbidden":
        allowed = list(_fields_at(keys[:-1], model))
        close = difflib.get_close_matches(keys[-1], allowed, n=1, cutoff=0.5)
        if close:
            return ConfigError(_("{path}: unknown key '{where}'; did you mean '{close}'? Known keys here: {allowed}."), path=path, where=where,
                               close=close[0], allowed=", ".join(allowed))
        return ConfigError(_("{path}: unknown key '{where}'. Known keys here: {allowed}."), path=path, where=where, allowed=", ".join(allowed))
    if first["type"] == "missing":
        return ConfigError(_("{path}: '{where}' is missing. Add it."), path=path, where=where)
    return ConfigError(_("{path}: '{where}' cannot be used: {reason} (given: {given})."), path=path, where=where,
                       reason=first["msg"].removeprefix("Value error, "), given=_shorten(first["input"]))


def _fields_at(keys: list[str], model: type[BaseModel]) -> Mapping[str, object]:
    """The fields of the model in which an unknown key stands: walk down through tuples, mappings and what may be absent."""
    for key in keys:
        if key in model.model_fields:
            inner = [model.model_fields[key].annotation, *get_args(model.model_fields[key].annotation)]
            model = next((one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)), model)
    return model.model_fields


def _shorten(value: object) -> str:
    text = "{" + ", ".join(str(key) for key in value)[:60] + "}" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 62 else text[:57] + "..."
