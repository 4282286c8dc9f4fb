"""What can go wrong, by who can mend it.

BrandloomError
├── DataError       the owner of the data: a file, a row, a column
├── ConfigError     the operator: a setting, a brief, a missing server or model
├── NotFittedError  the caller: something has to run first
├── StateError      the caller: this step is not allowed in the present state
├── ConsentError    nobody: do not send
└── ProviderError   the other side of a wire: a model endpoint, a mail server

A message says what, where, what is allowed and the next step, and names rows and columns, never a person's data.
Rooms raise; each face translates once, with `text(language)`.
"""

from __future__ import annotations

from brandloom import i18n


class BrandloomError(Exception):
    """Root of all errors raised on purpose. `code` is stable; `template` and `values` render in any language."""

    code = "error"

    def __init__(self, template: str, /, **values: object) -> None:
        super().__init__(template, values)
        self.template = template
        self.values = values

    def text(self, language: str | None = None) -> str:
        """The one line a person reads, in `language` or the current one."""
        template = i18n.translate(self.template, language or i18n.language())
        return template.format(**self.values) if self.values else template

    def __str__(self) -> str:
        return self.text("en")


class DataError(BrandloomError):
    """The data's owner can mend it."""

    code = "data"


class ConfigError(BrandloomError):
    """The operator can mend it."""

    code = "config"


class NotFittedError(BrandloomError):
    """Something has to be loaded or learned first."""

    code = "not_fitted"


class StateError(BrandloomError):
    """The step is not allowed in the present state."""

    code = "state"


class ConsentError(BrandloomError):
    """Nobody can mend it: do not send."""

    code = "consent"


class ProviderError(BrandloomError):
    """A model endpoint or carrier failed; says whether trying again can help."""

    code = "provider"

    def __init__(self, template: str, /, *, retryable: bool = False, retry_after_s: float | None = None,
                 **values: object) -> None:
        super().__init__(template, **values)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
