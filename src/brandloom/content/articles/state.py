"""Finished sections on disk, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Kept:
    """Sections by id; each is on disk before the next is asked for.

    Args:
        path: the file; None keeps nothing. A file of another order, or one that does not parse, is set aside and not used.
        digest: what the sections belong to.
    """

    def __init__(self, path: Path | None, digest: str) -> None:
        self._path, self._digest = path, digest
        self._texts: dict[str, str] = {}
        if path is not None and path.is_file():
            self._texts = self._read(path)

    def get(self, section: str) -> str | None:
        return self._texts.get(section)

    def put(self, section: str, text: str) -> None:
        """Keep one section; the file is whole at any moment."""
        self._texts[section] = text
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"of": self._digest, "sections": self._texts}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    def _read(self, path: Path) -> dict[str, str]:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            texts = found["sections"] if found["of"] == self._digest else None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            texts = None
        if isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values()):
            return dict(texts)
        path.replace(path.with_name(path.name + ".old"))
        return {}
