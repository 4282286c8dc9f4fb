"""Commands for brands: learn a voice from the company's own texts, show it, check a text against it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from brandloom.i18n import _, say
from brandloom.terminal import command, out

if TYPE_CHECKING:
    from brandloom.content.brand import BrandKit, Learned
    from brandloom.workspace import Workspace

_Dir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
_Files = Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False, help=say(
    "Files or folders of texts: TXT, MD, HTML, EML, JSON, JSONL, CSV or TSV."))]
_Name = Annotated[str | None, typer.Option("--name", metavar="NAME", show_default=False, help=say(
    "Which brand; the default one when absent."))]
_Json = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]


def register(app: typer.Typer) -> None:
    """Add the commands of `brand` to the program."""
    group = typer.Typer(help=say("Brand kits: voice, logo, colours, sender and legal notes of each brand."), no_args_is_help=True)
    app.add_typer(group, name="brand")
    command(group, "learn", _("Learn a brand's voice from the company's own texts. What you edited in the kit stays."),
            "brandloom brand learn my-shop texts/ --name pedal-post")(learn)
    command(group, "show", _("Show a brand's kit: its voice, with how many texts stand behind each value."),
            "brandloom brand show my-shop --name pedal-post")(show)
    command(group, "list", _("List the brands of a workspace."), "brandloom brand list my-shop")(list_brands)
    command(group, "check", _("Say how far texts are from a brand's voice, scale by scale."),
            "brandloom brand check my-shop draft.txt --name pedal-post")(check)


def learn(directory: _Dir, files: _Files, name: _Name = None, as_json: _Json = False) -> None:
    from brandloom.content import brand
    workspace = _workspace(directory)
    learned, corpus = brand.learn_brand(workspace, files, name)
    path = brand.brand_path(workspace, learned.kit.name)
    if as_json:
        _print({"brand": learned.kit.name, "path": str(path), "texts": {language: len(group) for language, group in corpus.texts.items()},
                "kept": list(learned.kept), "skipped": list(corpus.skipped), "kit": learned.kit.model_dump(mode="json")})
        return
    for line in _learned_lines(learned, {language: len(group) for language, group in corpus.texts.items()}, corpus.skipped):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(say(_("Wrote {path}."), path=path), markup=False, highlight=False, soft_wrap=True)


def show(directory: _Dir, name: _Name = None, as_json: _Json = False) -> None:
    from brandloom.content import brand
    workspace = _workspace(directory)
    kit = brand.open_brand(workspace, name)
    cautions = {caution for language in ("en", "zh") for caution in brand.look(kit, workspace.brands, language=language).cautions}
    if as_json:
        _print(kit.model_dump(mode="json") | {"cautions": sorted(cautions)})
        return
    out.print(_kit_table(kit))
    for caution in sorted(cautions):
        out.print(caution, markup=False, highlight=False, soft_wrap=True)


def list_brands(directory: _Dir, as_json: _Json = False) -> None:
    from brandloom.content import brand
    workspace = _workspace(directory)
    names = brand.brand_names(workspace)
    chosen = workspace.config.brand or (names[0] if len(names) == 1 else "")
    rows = [{"name": name, "default": name == chosen,
             "texts": {language: voice.texts for language, voice in brand.open_brand(workspace, name).voice.items()}} for name in names]
    if as_json:
        _print(rows)
        return
    table = Table(say(_("Brand")), say(_("Texts behind it")), say(_("Default")))
    for row in rows:
        texts: Any = row["texts"]
        table.add_row(str(row["name"]), ", ".join(f"{language} {count}" for language, count in texts.items()), "✓" if row["default"] else "")
    out.print(table)


def check(directory: _Dir, files: _Files, name: _Name = None, as_json: _Json = False) -> None:
    from brandloom.content import brand
    kit = brand.open_brand(_workspace(directory), name)
    rows = []
    for language, group in brand.read_corpus(files).texts.items():
        voice = kit.voice.get(language, brand.VoiceKit())  # type: ignore[call-overload]
        for text in group:
            found = brand.compare(voice, text, language)
            rows.append({"text": text, "language": language, "distance": found.distance, "known": voice.distance.usual is not None,
                         "scales": {item.scale: {"value": item.value, "usual": list(item.usual), "texts": item.texts} for item in found.readings},
                         "findings": [{"rule": item.rule, "severity": item.severity, "excerpt": item.excerpt, "reason": item.text()}
                                      for item in found.findings]})
    if as_json:
        _print(rows)
        return
    for row in rows:
        _show_checked(row)


def _show_checked(row: dict[str, Any]) -> None:
    text = " ".join(str(row["text"]).split())
    distance = say(_("the voice is unknown in this language")) if row["distance"] is None else say(
        _("distance {distance}; nine of ten of the brand's own texts lie within 1"), distance=row["distance"])
    lines = [f"{text[:70] + '…' if len(text) > 70 else text}", f"  {distance}", *(f"  - {item['reason']}" for item in row["findings"])]
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _learned_lines(learned: Learned, texts: dict[str, int], skipped: tuple[str, ...]) -> list[str]:
    from brandloom.content import brand
    lines = []
    for language, count in texts.items():
        voice = learned.kit.voice[language]  # type: ignore[index]
        if count < brand.LEAST_TEXTS:
            lines.append(say(_("{language}: {count} of the {least} texts that a scale needs, so the scales are unknown; they serve as examples."),
                             language=language, count=count, least=brand.LEAST_TEXTS))
        else:
            lines.append(say(_("{language}: learned from {count} texts. {tone}"), language=language, count=count,
                             tone=brand.tone_of(voice, language)))
    if learned.kept:
        lines.append(say(_("Kept as edited: {places}. Delete a line from the kit to have it learned again."), places=", ".join(learned.kept)))
    if skipped:
        lines.append(say(_("Not read, of another kind: {files}."), files=", ".join(skipped[:10])))
    return lines


def _kit_table(kit: BrandKit) -> Table:
    from brandloom.content import brand
    table = Table(title=say(_("Brand {name}"), name=kit.name), title_justify="left")
    for head in (_("Language"), _("What"), _("Value"), _("Usual"), _("Texts behind it")):
        table.add_column(say(head), overflow="fold")
    titles = {scale.name: scale.title for scale in brand.SCALES}
    for language, voice in kit.voice.items():
        table.add_row(language, say(_("Tone")), brand.tone_of(voice, language), "", str(voice.texts))
        for name, measured in voice.scales.items():
            usual = "" if measured.usual is None else f"{measured.usual[0]:g} … {measured.usual[1]:g}"
            table.add_row(language, say(titles[name]), _figure(measured.value), usual, str(measured.texts))
        for title, habit in ((_("Form of address"), voice.address), (_("Speaks as"), voice.first_person), (_("Use of emoji"), voice.emoji)):
            table.add_row(language, say(title), _figure(habit.value), "", str(habit.texts))
        table.add_row(language, say(_("Words it likes")), ", ".join(voice.use), "", "")
        table.add_row(language, say(_("Words it avoids")), ", ".join(voice.avoid), "", "")
        table.add_row(language, say(_("Examples")), "\n".join(voice.examples), "", "")
    return table


def _figure(value: object) -> str:
    words = {"unknown": _("unknown"), "never": _("never"), "seldom": _("seldom"), "often": _("often"), "mixed": _("mixed"), "none": _("none")}
    return f"{value:g}" if isinstance(value, float) else say(words[str(value)]) if str(value) in words else str(value)


def _workspace(directory: Path) -> Workspace:
    from brandloom.workspace import open_workspace
    return open_workspace(directory)


def _print(data: object) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
