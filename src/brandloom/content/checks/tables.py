"""Tables that come with the checks."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a tab-separated file in `content/data`; quotation marks are letters."""
    lines = files("brandloom.content").joinpath("data", name).read_text("utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
