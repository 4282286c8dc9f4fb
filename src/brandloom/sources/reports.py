"""What a load did, per file: counts, reasons and where the refused rows lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from brandloom.i18n import _, say
from brandloom.sources.reasons import note_text, reason_text


@dataclass(frozen=True)
class FileReport:
    """One file. Always `rows_read == rows_new + rows_known + rows_refused`."""

    source: str
    """Name of the file, without its folder."""
    format: str
    encoding: str
    rows_read: int
    rows_new: int
    rows_known: int
    """Rows that an earlier load had brought already."""
    rows_refused: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Refused rows by reason code, most frequent first; `reason_text` puts a code into words."""
    notes: dict[str, int] = field(default_factory=dict)
    """What is worth knowing about accepted rows, e.g. returns, adjustments, rows_without_customer."""
    rejects: Path | None = None
    """Reject file, one line per refused row; None when nothing was refused or nothing was written (dry run)."""
    mapping: dict[str, str] = field(default_factory=dict)
    """Canonical name -> heading of the column it was read from."""
    personal: dict[str, str] = field(default_factory=dict)
    """Heading -> kind of personal data that went to the vault, e.g. email."""
    kept: tuple[str, ...] = ()
    """Headings that no canonical column stands for; their values are kept as properties or attributes."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; reasons come with their text in the current language."""
        plain = asdict(self)
        plain["kept"] = list(self.kept)
        plain["rejects"] = str(self.rejects) if self.rejects else None
        plain["reasons"] = {code: {"rows": rows, "text": reason_text(code)} for code, rows in self.reasons.items()}
        return plain


@dataclass(frozen=True)
class LoadReport:
    """All files of one load; counts are sums over the files."""

    kind: str
    files: tuple[FileReport, ...]
    seconds: float
    dry_run: bool = False

    @property
    def rows_read(self) -> int:
        return sum(file.rows_read for file in self.files)

    @property
    def rows_new(self) -> int:
        return sum(file.rows_new for file in self.files)

    @property
    def rows_known(self) -> int:
        return sum(file.rows_known for file in self.files)

    @property
    def rows_refused(self) -> int:
        return sum(file.rows_refused for file in self.files)

    @property
    def reasons(self) -> dict[str, int]:
        return _sum([file.reasons for file in self.files])

    @property
    def notes(self) -> dict[str, int]:
        return _sum([file.notes for file in self.files])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "dry_run": self.dry_run, "seconds": round(self.seconds, 3), "rows_read": self.rows_read,
                "rows_new": self.rows_new, "rows_known": self.rows_known, "rows_refused": self.rows_refused,
                "reasons": self.reasons, "notes": self.notes, "files": [file.to_dict() for file in self.files]}


    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        rows = [(say(_("Rows read")), f"{self.rows_read:,}"), (say(_("New rows")), f"{self.rows_new:,}"),
                (say(_("Known already")), f"{self.rows_known:,}"), (say(_("Refused")), f"{self.rows_refused:,}")]
        rows += [(f"  {reason_text(code)}", f"{count:,}") for code, count in self.reasons.items()]
        rows += [(note_text(code), f"{count:,}") for code, count in self.notes.items()]
        for file in self.files:
            rows.append((file.source, say(_(", ")).join(f"{name} = {column}" for name, column in file.mapping.items())))
            if file.personal:
                rows.append((say(_("Sealed as personal data")), say(_(", ")).join(f"{column} ({kind})" for column, kind in file.personal.items())))
            if file.rejects:
                rows.append((say(_("Refused rows")), str(file.rejects)))
        return rows


def _sum(parts: list[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total.most_common())
