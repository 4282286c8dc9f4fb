"""A logo that can go into a mail: a small PNG or JPEG as it is, an SVG cleaned of what acts and drawn as PNG."""

from __future__ import annotations

import re
import struct
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from brandloom.errors import ConfigError
from brandloom.i18n import _

LARGEST = 300_000
"""Most bytes of a logo; a mail above about 100 kB is cut by some clients, pictures apart."""
MOST_PIXELS = 4_000
MOST_USES = 12
"""Copies of a part: each may copy copies."""
_ELEMENTS = re.compile("svg|g|path|rect|circle|ellipse|line|polyline|polygon|defs|linearGradient|radialGradient|stop|clipPath|mask|title"
                       "|desc|symbol|use")
_ATTRIBUTES = re.compile(r"(?:id|class|d|x|y|x1|y1|x2|y2|cx|cy|r|rx|ry|fx|fy|dx|dy|width|height|viewBox|points|transform|gradientTransform|"
                         r"gradientUnits|offset|fill(?:-\w+)?|stroke(?:-\w+)*|stop-\w+|opacity|clip-path|clip-rule|mask|"
                         r"preserveAspectRatio|clipPathUnits|maskUnits|version|style|href|role)")
_FOREIGN = re.compile(r"url\(\s*['\"]?(?!#)|javascript:|data:|expression|@import|\\", re.IGNORECASE)
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"

Kind = Literal["png", "jpeg"]


@dataclass(frozen=True)
class Picture:
    """A logo ready to be sent."""

    data: bytes
    kind: Kind
    width: int
    """Pixels."""
    height: int

    @property
    def data_url(self) -> str:
        """For previews on this machine; mail clients do not show such links."""
        return f"data:image/{self.kind};base64,{b64encode(self.data).decode()}"


def read_logo(folder: Path, file: str) -> Picture:
    """Read a logo from the folder in which the kit lies.

    Raises:
        ConfigError: it lies elsewhere, is not there, too large, or no usable PNG, JPEG or SVG.
    """
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigError(_("logo.file '{file}' lies outside {folder}. Copy the logo there and give its name."), file=file, folder=folder)
    if not path.is_file():
        raise ConfigError(_("logo.file '{file}' is not in {folder}. Copy the logo there and give its name."), file=file, folder=folder)
    if path.stat().st_size > LARGEST:
        raise ConfigError(_("logo.file '{file}' has {size} kB; at most {most} go into a mail. Save it smaller."), file=file,
                          size=path.stat().st_size // 1000, most=LARGEST // 1000)
    raw = path.read_bytes()
    if raw.startswith(b"\x89PNG\r\n\x1a\n") and raw[12:16] == b"IHDR" and len(raw) > 24:
        return _sized(Picture(raw, "png", *struct.unpack(">II", raw[16:24])), file)
    if raw.startswith(b"\xff\xd8\xff"):
        return _sized(Picture(raw, "jpeg", *_jpeg_size(raw, file)), file)
    return _sized(_drawn(clean_svg(raw, file), file), file)


def clean_svg(raw: bytes, file: str) -> str:
    """An SVG with nothing but shapes and colours: no scripts, styles sheets, handlers, links, pictures or entities.

    Raises:
        ConfigError: it is no SVG, declares entities or holds text.
    """
    head = raw[:4_000].decode("utf-8", "replace")
    if "<svg" not in head or re.search(rb"<!ENTITY|<!DOCTYPE[^>]*\[", raw, re.IGNORECASE):
        raise ConfigError(_("logo.file '{file}' is no PNG, JPEG or plain SVG. Export the logo as one of these."), file=file)
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - entities are refused above, and expat here is above 2.4.1
    except ElementTree.ParseError as error:
        raise ConfigError(_("logo.file '{file}' is not valid SVG: {reason}."), file=file, reason=str(error)) from error
    if root.tag not in (f"{_SVG}svg", "svg"):
        raise ConfigError(_("logo.file '{file}' is no PNG, JPEG or plain SVG. Export the logo as one of these."), file=file)
    if len(root.findall(f".//{_SVG}use")) > MOST_USES:
        raise ConfigError(_("logo.file '{file}' is not valid SVG: {reason}."), file=file, reason=f"more than {MOST_USES} <use>")
    if any("".join(item.itertext()).strip() for item in root.iter(f"{_SVG}text")):
        raise ConfigError(_("logo.file '{file}' holds text, which looks different wherever its font is missing. Convert text to paths."), file=file)
    ElementTree.register_namespace("", _SVG[1:-1])
    try:
        _strip(root)
        return ElementTree.tostring(root, encoding="unicode")
    except RecursionError as error:
        raise ConfigError(_("logo.file '{file}' is not valid SVG: {reason}."), file=file, reason="nested too deeply") from error


def _strip(element: ElementTree.Element) -> None:
    for name, value in list(element.attrib.items()):
        plain = name.removeprefix(_XLINK).removeprefix(_SVG)
        local = plain == "href" and not value.startswith("#")
        if not _ATTRIBUTES.fullmatch(plain) or local or _FOREIGN.search(value):
            del element.attrib[name]
    for child in list(element):
        if not isinstance(child.tag, str) or not _ELEMENTS.fullmatch(child.tag.removeprefix(_SVG)):
            element.remove(child)
        else:
            _strip(child)


def _drawn(svg: str, file: str) -> Picture:
    """SVG as PNG, twice as large as it says: most mail clients show no SVG."""
    import vl_convert
    try:
        data = vl_convert.svg_to_png(svg, scale=2)
    except ValueError as error:
        raise ConfigError(_("logo.file '{file}' is not valid SVG: {reason}."), file=file, reason=" ".join(str(error).split())[:120]) from error
    if len(data) > LARGEST:
        raise ConfigError(_("logo.file '{file}' has {size} kB; at most {most} go into a mail. Save it smaller."), file=file,
                          size=len(data) // 1000, most=LARGEST // 1000)
    return Picture(data, "png", *struct.unpack(">II", data[16:24]))


def _sized(picture: Picture, file: str) -> Picture:
    if not 8 <= picture.width <= MOST_PIXELS or not 8 <= picture.height <= MOST_PIXELS:
        raise ConfigError(_("logo.file '{file}' is {width} by {height} pixels; 8 to {most} each way can be shown."), file=file,
                          width=picture.width, height=picture.height, most=MOST_PIXELS)
    return picture


def _jpeg_size(raw: bytes, file: str) -> tuple[int, int]:
    """Width and height from the frame header, found by walking the segments."""
    at = 2
    while at + 9 < len(raw) and raw[at] == 0xFF:
        mark, length = raw[at + 1], int.from_bytes(raw[at + 2:at + 4], "big")
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[at + 5:at + 9])
            return width, height
        at += 2 + length
    raise ConfigError(_("logo.file '{file}' is no PNG, JPEG or plain SVG. Export the logo as one of these."), file=file)
