"""Colours that can be read: WCAG contrast, and the shades of a layout computed from two."""

from __future__ import annotations

from collections.abc import Callable

AA = 4.5
"""Contrast that WCAG 2.2 asks of running text (1.4.3); 3 is enough for the edge of a button (1.4.11)."""
INK, SHEET, NIGHT = "#26312f", "#ffffff", "#1f2624"
"""Text, the sheet it stands on, and the sheet in the dark."""


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours such as '#0c5c50', 1 to 21.

    Source:
        WCAG 2.2, definitions of contrast ratio and relative luminance.
    Example:
        >>> contrast("#ffffff", "#000000")
        21.0
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """`share` of one colour, the rest of the other."""
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(_parts(one), _parts(other), strict=True))


def text_on(ground: str) -> str:
    """White or ink, whichever reads better on a ground; black where neither reaches AA."""
    best = max((SHEET, INK), key=lambda colour: contrast(colour, ground))
    return best if contrast(best, ground) >= AA else max((SHEET, "#000000"), key=lambda colour: contrast(colour, ground))


def readable(colour: str, ground: str, *, least: float = AA) -> str:
    """The colour, moved towards black or white as little as makes it readable on a ground."""
    towards = "#000000" if contrast("#000000", ground) > contrast("#ffffff", ground) else "#ffffff"
    steps: Callable[[int], str] = lambda step: mix(towards, colour, step / 20)  # noqa: E731
    return next((steps(step) for step in range(21) if contrast(steps(step), ground) >= least), towards)


def palette(primary: str, page: str) -> dict[str, str]:
    """Every shade of the e-mail layout, each text at AA on its ground in the light and in the dark."""
    tint, tile = mix(primary, SHEET, 0.09), mix(primary, SHEET, 0.14)
    night_tint, night_tile = mix(primary, NIGHT, 0.14), mix(primary, NIGHT, 0.3)
    return {"primary": primary, "on_primary": text_on(primary), "page": page, "soft": readable("#55625f", page),
            "tint": tint, "accent": readable(primary, tint), "tile": tile, "on_tile": readable(primary, tile),
            "night_tint": night_tint, "night_accent": readable(mix(primary, SHEET, 0.5), night_tint),
            "night_tile": night_tile, "on_night_tile": readable(mix(primary, SHEET, 0.4), night_tile)}


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (one / 255 for one in _parts(colour)))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
