"""What a layout takes from a kit: logo, colours and legal notes, as values that are safe to print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brandloom.content.brand.colours import AA, SHEET, contrast, palette, text_on
from brandloom.content.brand.kit import BrandKit
from brandloom.content.brand.logo import Picture, read_logo
from brandloom.i18n import _, say

LOGO_CID = "logo"
"""Content id under which a mail carries the logo."""


@dataclass(frozen=True)
class Look:
    """How messages of a brand look in one language and channel."""

    values: Mapping[str, object]
    """For `render_html`: pass it as the value `brand`."""
    picture: Picture | None
    """The logo that a mail has to carry under the content id 'logo'; None where the layout links to one or shows none."""
    cautions: tuple[str, ...] = ()


def look(kit: BrandKit, folder: Path, *, language: str, channel: str = "email") -> Look:
    """Make the look of a brand.

    Args:
        kit: the brand.
        folder: where the kit lies, and its logo.
    Raises:
        ConfigError: the logo cannot be used.
    """
    picture = read_logo(folder, kit.logo.file) if kit.logo.file else None
    width = min(kit.logo.width, picture.width) if picture else kit.logo.width
    logo = {"src": kit.logo.url or (f"cid:{LOGO_CID}" if picture else ""), "alt": kit.logo.alt or kit.sender.name or kit.name, "width": width,
            "height": round(width * picture.height / picture.width) if picture else 0}
    values = {"logo": logo, "colours": palette(kit.colours.primary, kit.colours.page), "legal": list(kit.legal_notes(language, channel))}
    return Look(values, None if kit.logo.url else picture, tuple(colour_cautions(kit)))


def with_picture(page: str, look: Look) -> str:
    """A page with the logo inside it, for showing it on this machine."""
    return page if look.picture is None else page.replace(f'src="cid:{LOGO_CID}"', f'src="{look.picture.data_url}"')


def colour_cautions(kit: BrandKit) -> list[str]:
    """What of the kit's colours is hard to see, with what is used in its place."""
    primary, found = kit.colours.primary, []
    if contrast(primary, SHEET) < 3:
        found.append(say(_("colours.primary {colour} has a contrast of {ratio} to white; a button needs 3 to be seen (WCAG 1.4.11)."),
                         colour=primary, ratio=f"{contrast(primary, SHEET):.1f}"))
    if contrast("#ffffff", primary) < AA:
        found.append(say(_("White on colours.primary {colour} has a contrast of {ratio}; text needs {least} (WCAG 1.4.3), so buttons are lettered "
                           "in {text}."), colour=primary, ratio=f"{contrast('#ffffff', primary):.1f}", least=AA, text=text_on(primary)))
    return found
