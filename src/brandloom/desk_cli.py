"""Commands of the desk: keep drafts, edit, compare, comment, approve, translate, and export what was learned."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brandloom.errors import ConfigError, DataError, StateError
from brandloom.i18n import _, language, say
from brandloom.terminal import bars, command, copy_kind, err, opened, out, put

if TYPE_CHECKING:
    from brandloom.campaigns import Shop
    from brandloom.content.checks import Finding
    from brandloom.content.desk import Comparison, Desk, Piece, Version

Dir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
TextId = Annotated[str, typer.Argument(metavar="TEXT", help=say("The text's id, as `brandloom copy keep` prints it, or its beginning."))]
By = Annotated[str, typer.Option("--by", metavar="NAME", show_default=False, help=say("The person who does it."))]
Brand = Annotated[str | None, typer.Option("--brand", metavar="NAME", show_default=False, help=say("This brand alone."))]
OldVersion = Annotated[int | None, typer.Option("--version", min=1, show_default=False, help=say("Version; that in force when absent."))]
AsJson = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]
OutFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
    "Write the result to this file instead of standard output."))]


def register(app: typer.Typer) -> None:
    """Add the `copy` commands to the program."""
    group = typer.Typer(help=say("The desk: drafts become texts that people edit, compare, approve and learn from."), no_args_is_help=True)
    app.add_typer(group, name="copy")
    commands: tuple[tuple[str, str, str, Callable[..., None]], ...] = (
        ("keep", _("Put the variants that `brandloom write` gave on the desk; keeping a file twice changes nothing."),
         "brandloom copy keep my-shop variants.json --by 'Ana Lopez'", keep),
        ("list", _("List the texts on the desk, the latest first."), "brandloom copy list my-shop --state review", list_),
        ("show", _("Show a text with its versions, findings and comments. Its JSON is what `brandloom copy edit` reads."),
         "brandloom copy show my-shop t3f2a9c --json", show),
        ("edit", _("Make a version with other words. Every check runs again; a refused version is kept and never in force."),
         "brandloom copy edit my-shop t3f2a9c edited.json --by 'Ana Lopez'", edit),
        ("compare", _("Compare two versions: words or Chinese characters, figures, and what the checks say."),
         "brandloom copy compare my-shop t3f2a9c --from 1 --to 2", compare),
        ("comment", _("Leave a comment on a text or one of its parts."),
         "brandloom copy comment my-shop t3f2a9c 'Shorter, please.' --by 'Li Lei'", comment),
        ("submit", _("Ask for approval, and say how many persons the text will reach and what is spent on it."),
         "brandloom copy submit my-shop t3f2a9c --by 'Ana Lopez' --people 20000", submit),
        ("approve", _("Approve a text exactly as it stands. Above the workspace's size its last editor cannot."),
         "brandloom copy approve my-shop t3f2a9c --by 'Li Lei' --version 2", approve),
        ("reject", _("Send a text back to its editors, with the reason."),
         "brandloom copy reject my-shop t3f2a9c --by 'Li Lei' --reason 'Too long.'", reject),
        ("retire", _("Take a text out of use for good."), "brandloom copy retire my-shop t3f2a9c --by 'Ana Lopez'", retire),
        ("translate", _("Translate a text: facts by code, the rest by the model; what fails a check is left out and told."),
         "brandloom copy translate my-shop t3f2a9c --to en --by 'Ana Lopez' --glossary words.json", translate),
        ("export", _("Write an approved text to a file with its AI marks, and record it in the audit chain."),
         "brandloom copy export my-shop t3f2a9c --by 'Ana Lopez' --out text.html", export),
        ("result", _("Record how often a text was shown, clicked and bought from in a test or campaign."),
         "brandloom copy result my-shop t3f2a9c --source may --shown 1000 --clicks 40", result),
        ("pairs", _("Export preference pairs of edits, rejections, choices and results as JSON lines: prompt, chosen, rejected."),
         "brandloom copy pairs my-shop --out pairs.jsonl", pairs),
        ("words", _("List words that people strike out again and again; a person says whether the brand avoids them."),
         "brandloom copy words my-shop --lang en --avoid amazing --by 'Ana Lopez'", words))
    for name, what, example, function in commands:
        command(group, name, what, example)(function)


def keep(directory: Dir, file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help=say(
             "What `brandloom write` gave; - reads standard input."))], by: By, as_json: AsJson = False) -> None:
    from brandloom.content import desk
    with opened(file) as lines:
        kept = desk.read_kept(lines.read(), source=_source(file))
    with _opened(directory) as at:
        pieces = at.desk.keep(kept, brand=kept.asked.brand or at.workspace.config.name, by=by, now=datetime.now(UTC))
    _print([one.to_dict() for one in pieces], as_json, _table_of(pieces))


def list_(directory: Dir, state: Annotated[str | None, typer.Option(metavar="STATE", show_default=False, help=say(
              "draft, review, approved or retired; all when absent."))] = None, brand: Brand = None,
          plan: Annotated[str | None, typer.Option(metavar="PLAN", show_default=False, help=say("The texts of this plan."))] = None,
          as_json: AsJson = False) -> None:
    from brandloom.campaigns.plans import read_plan
    from brandloom.content import desk
    if state is not None and state not in desk.STATES:
        raise ConfigError(_("'{given}' is no state. States: {known}."), given=state, known=", ".join(desk.STATES))
    with _opened(directory) as at:
        wanted = None if plan is None else read_plan(at.ledger, plan).id
        with at.ledger.read() as connection:
            pieces = desk.read_pieces(connection, brand=brand, state=state, plan=wanted)
    _print([one.to_dict() for one in pieces], as_json, _table_of(pieces))


def show(directory: Dir, text: TextId, version: OldVersion = None, as_json: AsJson = False) -> None:
    from brandloom.content import desk
    with _opened(directory) as at, at.ledger.read() as connection:
        piece = desk.find_piece(connection, text)
        versions, notes = desk.read_versions(connection, piece), desk.read_comments(connection, piece)
        steps = desk.read_decisions(connection, piece)
    one = desk.pick(versions, piece, version)
    plan = piece.campaign.plan if piece.campaign else None
    data = one.to_dict(language()) | {"plan": plan, "state": piece.state, "in_force": piece.version, "comments": [
        {"version": note.version, "part": note.part, "by": note.by, "text": note.text, "at": note.at} for note in notes],
        "decisions": [{"version": step.version, "decision": step.decision, "by": step.by, "reason": step.reason, "at": step.at} for step in steps]}
    rows = [(say(_("State")), say(desk.STATES[piece.state])), *([(say(_("Plan")), plan)] if plan else []),
            (say(_("Version")), say(_("{number} of {last}, by {name}"), number=one.number, last=len(versions), name=one.by)),
            *((name, value if isinstance(value, str) else "\n".join(value)) for name, value in one.parts.items()),
            *((say(_("Refused")) if item.blocks else say(_("Caution")), f"{item.place}: {item.text()}") for item in one.findings),
            *((note.by, note.text) for note in notes if note.version == one.number)]
    _print(data, as_json, _pairs_table(f"{piece.id}  {piece.name}", rows))


def edit(directory: Dir, text: TextId, file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help=say(
             "JSON of the parts that change, alone or as `brandloom copy show --json` writes them; - reads standard input."))], by: By,
         base: Annotated[int | None, typer.Option(min=1, show_default=False, help=say(
             "Version that was edited, where the file does not say."))] = None, as_json: AsJson = False) -> None:
    from brandloom.content import desk
    with opened(file) as lines:
        parts, told = desk.read_edit(lines.read(), source=_source(file))
    number = base if base is not None else told
    if number is None:
        raise ConfigError(_("{file} does not say which version was edited. Add --base NUMBER."), file=_source(file))
    with _opened(directory) as at:
        made = at.desk.edit(text, parts, base=number, by=by, now=datetime.now(UTC))
    _print(made.to_dict(language()), as_json, None if made.refused else say(_("Version {number} of {piece} is kept and in force."),
                                                                            number=made.number, piece=made.piece))
    _refuse(made)


def compare(directory: Dir, text: TextId,
            before: Annotated[int | None, typer.Option("--from", min=1, show_default=False, help=say(
                "Earlier version; the one that the other was made from when absent."))] = None,
            after: Annotated[int | None, typer.Option("--to", min=1, show_default=False, help=say("Later version; the last when absent."))] = None,
            as_json: AsJson = False) -> None:
    from brandloom.content import desk
    with _opened(directory) as at, at.ledger.read() as connection:
        piece = desk.find_piece(connection, text)
        versions = desk.read_versions(connection, piece)
    last = desk.pick(versions, piece, after or versions[-1].number)
    seen = desk.compare(desk.pick(versions, piece, before or last.base or 1), last)
    _print(seen.to_dict(language()), as_json, _comparison(seen))


def comment(directory: Dir, text: TextId, remark: Annotated[str, typer.Argument(metavar="COMMENT", help=say("What there is to say."))], by: By,
            part: Annotated[str | None, typer.Option(metavar="PART", show_default=False, help=say("Part of the text it is about."))] = None,
            version: OldVersion = None) -> None:
    with _opened(directory) as at:
        at.desk.comment(text, remark, by=by, now=datetime.now(UTC), version=version, part=part)
    out.print(say(_("Kept.")))


def submit(directory: Dir, text: TextId, by: By,
           people: Annotated[int | None, typer.Option(min=0, show_default=False, help=say("Persons it will reach."))] = None,
           budget: Annotated[float | None, typer.Option(min=0, show_default=False, help=say("Money spent on it."))] = None,
           as_json: AsJson = False) -> None:
    _step(directory, as_json, lambda desk: desk.submit(text, by=by, people=people, budget=budget, now=datetime.now(UTC)))


def approve(directory: Dir, text: TextId, by: By,
            version: Annotated[int | None, typer.Option(min=1, show_default=False, help=say(
                "Version that was read; refused if another is in force by now."))] = None, as_json: AsJson = False) -> None:
    told: list[Finding] = []

    def act(desk: Desk) -> Piece:
        told.extend(desk.cautions(text))
        return desk.approve(text, by=by, version=version, now=datetime.now(UTC))

    _step(directory, as_json, act, cautions=told)
    if told and not as_json:
        out.print(say(_("Approved in spite of these cautions, which are on record with your name:")), highlight=False)
        for item in told:
            out.print(f"{item.place}: {item.text()}", markup=False, highlight=False, soft_wrap=True)


def reject(directory: Dir, text: TextId, by: By, reason: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help=say("Why."))],
           as_json: AsJson = False) -> None:
    _step(directory, as_json, lambda desk: desk.reject(text, reason, by=by, now=datetime.now(UTC)))


def retire(directory: Dir, text: TextId, by: By,
           reason: Annotated[str | None, typer.Option(metavar="TEXT", show_default=False, help=say("Why."))] = None, as_json: AsJson = False) -> None:
    _step(directory, as_json, lambda desk: desk.retire(text, by=by, reason=reason, now=datetime.now(UTC)))


def translate(directory: Dir, text: TextId, by: By, to: Annotated[str, typer.Option(metavar="LANG", show_default=False, help=say(
                  "Language of the translation: en and zh are checked and kept; fr, de, es, ja and ko are only shown."))],
              glossary: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False, help=say(
                  "JSON object of names and brand words and what they are called in the other language."))] = None,
              jurisdiction: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
                  "Law to check against: cn, eu, uk or us; by language when absent."))] = None,
              model: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
                  "Model to translate with, see `brandloom models list`."))] = None, as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.content import desk
    known = None if glossary is None else _glossary(glossary)
    with _opened(directory) as at:
        with at.ledger.read() as connection:
            piece = desk.find_piece(connection, text)
            source = desk.pick(desk.read_versions(connection, piece), piece, None)
        if piece.campaign is not None:
            raise StateError(_("Text {piece} belongs to plan {plan}, which has texts of its own in each language of its brief."), piece=piece.id,
                             plan=piece.campaign.plan)
        settings = at.settings.model_copy(update={"model_name": model}) if model else at.settings
        with llm.open_model(settings, "translate") as chosen, bars() as progress:
            done = desk.translate(chosen, piece.asked, source.parts, to, glossary=known, jurisdiction=jurisdiction,
                                  progress=lambda number, total: progress(_("Translating"), number / total))
        made = None if done.kept is None else at.desk.translated(piece, done.kept, by=by, now=datetime.now(UTC))
    _print({"piece": None if made is None else made.id, "lang": to, "parts": done.parts, "calls": done.calls, "left_out": [
        {"place": one.place, "source": one.source, "reason": one.reason.text() if one.reason else None} for one in done.left_out]}, as_json,
        _pairs_table(to if made is None else made.id, [(name, value if isinstance(value, str) else "\n".join(value))
                                                       for name, value in done.parts.items()]))
    for one in done.left_out:
        if one.reason is not None:
            err.print(one.reason.text(), markup=False, highlight=False, soft_wrap=True)
    if made is None:
        err.print(say(_("Claims and law are not checked in this language, so the translation is shown and not kept.")), soft_wrap=True)
    elif made.version == 0:
        raise StateError(_("The translation is kept as {piece}, but it does not pass the checks yet. See `brandloom copy show DIR {piece}`."),
                         piece=made.id)


def export(directory: Dir, text: TextId, by: By,
           kind: Annotated[str | None, typer.Option("--format", metavar="KIND", show_default=False, help=say(
               "json, md, html, csv or txt; by the ending of --out when absent, else json."))] = None, target: OutFile = None) -> None:
    from brandloom.content import desk, studio
    chosen = copy_kind(kind, target)
    with _opened(directory) as at:
        with at.ledger.read() as connection:
            piece = desk.find_piece(connection, text)
            written = desk.to_written(piece, desk.read_versions(connection, piece))
        maker = studio.Maker.of(at.workspace)
        studio.keep_record(written, at.audit, maker=maker, actor=by, now=datetime.now(UTC))
    put(studio.export(written, chosen, maker=maker), target)


def result(directory: Dir, text: TextId,
           source: Annotated[str, typer.Option(metavar="NAME", show_default=False, help=say("Test or campaign; later counts of it replace these."))],
           shown: Annotated[int, typer.Option(min=1, show_default=False, help=say("Times shown."))],
           clicks: Annotated[int, typer.Option(min=0, help=say("Times clicked."))] = 0,
           conversions: Annotated[int, typer.Option(min=0, help=say("Times bought from."))] = 0, version: OldVersion = None) -> None:
    with _opened(directory) as at:
        at.desk.record_result(text, source=source, shown=shown, clicks=clicks, conversions=conversions, version=version, now=datetime.now(UTC))
    out.print(say(_("Kept.")))


def pairs(directory: Dir, brand: Brand = None, target: OutFile = None) -> None:
    from brandloom.content import desk
    with _opened(directory) as at:
        found = desk.read_pairs(at.ledger, brand=brand)
    with target.open("w", encoding="utf-8") if target else nullcontext(sys.stdout) as sink:
        for one in found:
            sink.write(json.dumps(one.to_dict(), ensure_ascii=False) + "\n")
    counts = Counter(one.source for one in found)
    for source, meaning in desk.SOURCES.items():
        err.print(f"{counts[source]:>6,}  {say(meaning)}", highlight=False)


def words(directory: Dir, lang: Annotated[str, typer.Option(metavar="LANG", help=say("Language of the words, zh or en."))] = "zh",
          brand: Brand = None,
          avoid: Annotated[str | None, typer.Option(metavar="WORD", show_default=False, help=say("Avoid this word from now on."))] = None,
          allow: Annotated[str | None, typer.Option(metavar="WORD", show_default=False, help=say("Go on using it, and propose it no more."))] = None,
          by: Annotated[str | None, typer.Option("--by", metavar="NAME", show_default=False, help=say("The person who decides."))] = None,
          as_json: AsJson = False) -> None:
    from brandloom.content import desk
    from brandloom.i18n import LANGUAGES
    if lang not in LANGUAGES:
        raise ConfigError(_("'{given}' is no language of copy here. Languages: {known}."), given=lang, known=", ".join(LANGUAGES))
    with _opened(directory) as at:
        name = brand or at.workspace.config.name
        for word, verdict in ((avoid, True), (allow, False)):
            if word is not None:
                at.desk.judge_word(word, brand=name, language=lang, avoid=verdict, by=by or "", now=datetime.now(UTC))
        proposed = desk.struck_words(at.ledger, brand=name, language=lang)
        avoided = desk.avoided_words(at.ledger, brand=name, language=lang)
    table = Table(say(_("Word")), say(_("Struck out of")), say(_("Left in")), say(_("Avoided")))
    for one in proposed:
        table.add_row(one.word, f"{one.struck:,}", f"{one.kept:,}", "")
    for word in avoided:
        table.add_row(word, "", "", "✓")
    _print({"proposed": [{"word": one.word, "struck": one.struck, "kept": one.kept} for one in proposed], "avoided": list(avoided)}, as_json, table)


def _opened(directory: Path) -> Shop:
    from brandloom.campaigns import open_shop
    return open_shop(directory)


def _step(directory: Path, as_json: bool, act: Callable[[Desk], Piece], *, cautions: Sequence[Finding] = ()) -> None:
    from brandloom.content import desk
    with _opened(directory) as at:
        piece = act(at.desk)
    told = {"cautions": [{"rule": item.rule, "place": item.place, "reason": item.text()} for item in cautions]} if cautions else {}
    _print({**piece.to_dict(), **told}, as_json, say(_("Text {piece}: {state}."), piece=piece.id, state=say(desk.STATES[piece.state])))


def _refuse(made: Version) -> None:
    if not made.refused:
        return
    for item in made.blocking[1:]:
        err.print(f"{item.place}: {item.text()}", markup=False, highlight=False, soft_wrap=True)
    first = made.blocking[0]
    raise StateError(_("Version {number} of {piece} is refused at {place}: {reason} It is kept; the version before stays in force."),
                     number=made.number, piece=made.piece, place=first.place, reason=first.text())


def _glossary(file: Path) -> dict[str, str]:
    from brandloom.content.strict import read_json
    with opened(file) as lines:
        found = read_json(lines.read(), source=file.name)
    if not isinstance(found, dict) or not all(isinstance(value, str) and key.strip() and value.strip() for key, value in found.items()):
        raise DataError(_("{file} is no glossary. Write an object of words and their translations, both texts."), file=file.name)
    return found


def _source(file: Path) -> str:
    return say(_("standard input")) if str(file) == "-" else file.name


def _table_of(pieces: list[Piece]) -> Table:
    from brandloom.content import desk
    table = Table(say(_("Text")), say(_("Name")), say(_("Format")), say(_("Language")), say(_("State")), say(_("Version")))
    for one in pieces:
        table.add_row(one.id, Text(one.name), one.format, one.asked.lang, say(desk.STATES[one.state]), str(one.version or "-"))
    return table


def _pairs_table(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=Text(title), show_header=False, title_justify="left")
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _comparison(seen: Comparison) -> Table:
    rows = []
    for name, stretches in seen.parts:
        rows.append((name, "".join(one.before if one.kind == "same" else "".join(
            mark.format(text) for mark, text in (("[-{}-]", one.before), ("{{+{}+}}", one.after)) if text) for one in stretches)))
    rows.append((say(_("Changed")), f"{seen.changed:.0%}"))
    rows += [(say(_("Figures")), " ".join([*(f"[-{one}-]" for one in seen.figures_gone), *(f"{{+{one}+}}" for one in seen.figures_new)]))]
    rows += [(say(_("New finding")), f"{item.place}: {item.text()}") for item in seen.findings_new]
    rows += [(say(_("Finding gone")), f"{item.place}: {item.text()}") for item in seen.findings_gone]
    return _pairs_table(f"{seen.before} → {seen.after}", rows)


def _print(data: Any, as_json: bool, view: object) -> None:
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")
    elif isinstance(view, str):
        out.print(view, markup=False, highlight=False, soft_wrap=True)
    elif view is not None:
        out.print(view)
