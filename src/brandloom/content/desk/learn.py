"""What the desk teaches the next request at once: texts people settled on show the voice, words they strike out again and again go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlalchemy import select

from brandloom.content.brand import BrandKit, VoiceKit
from brandloom.content.brief import Brief, Language
from brandloom.content.checks import SLOT
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.normalise import fold
from brandloom.content.desk.book import Piece, Version, read_pieces, read_versions
from brandloom.content.desk.compare import tokens, whole
from brandloom.content.studio import Asked
from brandloom.ledger import Ledger, schema

MOST_EXAMPLES = 5
LEAST_STRUCK = 3
"""Texts from which a word must have been struck before it is proposed."""
MOST_KEPT = 0.25
"""Share of the texts with a word in which people may have left it standing."""
LONGEST_EXAMPLE = 200
_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)|(?<=\n)")
_LONGEST = {"en": 3, "zh": 6}
_SHORTEST = {"en": 1, "zh": 2}


@dataclass(frozen=True)
class StruckWord:
    """A word that people take out of texts."""

    word: str
    language: str
    struck: int
    """Texts from which it was taken."""
    kept: int
    """Texts that people edited or approved and left it in."""


def examples(ledger: Ledger, *, brand: str, language: str, form: str, most: int = MOST_EXAMPLES) -> tuple[str, ...]:
    """How the brand sounds, in its people's own words: sentences of texts they edited or approved, the surest first.

    Texts of the same form come before others, approved ones before edited ones, later before earlier. Sentences with figures or names
    of products are left out, so that no fact of one text gets into another; a text of which nothing is left teaches nothing.
    """
    with ledger.read() as connection:
        pieces = [one for one in read_pieces(connection, brand=brand) if one.asked.lang == language and one.version and one.state != "retired"]
        settled = [(one, read_versions(connection, one)) for one in pieces]
    ranked = [(one.format == form, one.state == "approved", versions[-1].at, one.id, text) for one, versions in settled
              if _by_people(one, versions) and (text := _voice(one, _current(one, versions)))]
    # One key at a time, so that of equal ones the id decides and nothing depends on the database's order.
    ranked.sort(key=lambda item: (item[0], item[1], item[2], item[3]), reverse=True)
    return tuple(dict.fromkeys(item[4] for item in ranked))[:most]


def struck_words(ledger: Ledger, *, brand: str, language: str) -> list[StruckWord]:
    """Words that people take out again and again and that nobody has judged yet, the most frequent first.

    A word counts once per text: struck when people took it out and it stands nowhere in what they settled on, kept when it does.
    Figures and the words of the brief are facts and never proposed. Of words that always go together the longest is proposed.
    """
    struck, kept = Counter[str](), Counter[str]()
    with ledger.read() as connection:
        for piece in read_pieces(connection, brand=brand):
            if piece.asked.lang == language:
                gone, stayed = _fates(piece, read_versions(connection, piece))
                struck.update(gone)
                kept.update(stayed)
        table = schema.desk_words
        judged = set(connection.scalars(select(table.c.word).where(table.c.brand == brand, table.c.language == language)))
    often = {word: count for word, count in struck.items() if count >= LEAST_STRUCK and kept[word] <= MOST_KEPT * (count + kept[word])}
    longest = [word for word, count in often.items() if not any(word != other and word in other and often[other] == count for other in often)]
    found = [StruckWord(word, language, often[word], kept[word]) for word in longest if word not in judged]
    return sorted(found, key=lambda one: (-one.struck, one.kept, one.word))


def avoided_words(ledger: Ledger, *, brand: str, language: str) -> tuple[str, ...]:
    """Words that a person confirmed, in order of the alphabet."""
    table = schema.desk_words
    query = select(table.c.word).where(table.c.brand == brand, table.c.language == language, table.c.avoid).order_by(table.c.word)
    with ledger.read() as connection:
        return tuple(connection.scalars(query))


def taught(ledger: Ledger, asked: Asked, *, brand: str) -> Asked:
    """The brief with what the desk has learned: confirmed words to avoid, and its people's sentences before the brief's own examples.

    A word that the brief itself asks for or that stands in its facts is not forbidden.
    """
    needed = fold(" ".join([*asked.must_say, *asked.voice.use, asked.model_dump_json(include={"products", "facts"})])).casefold()
    avoid = [word for word in avoided_words(ledger, brand=brand, language=asked.lang) if word not in needed]
    shown = examples(ledger, brand=brand, language=asked.lang, form=asked.form.name)
    voice = asked.voice.model_copy(update={"avoid": tuple(dict.fromkeys([*asked.voice.avoid, *avoid])),
                                           "examples": tuple(dict.fromkeys([*shown, *asked.voice.examples]))[:20]})
    return asked.model_copy(update={"voice": voice})


def taught_kit(ledger: Ledger, kit: BrandKit | None, brief: Brief, *, brand: str) -> BrandKit | None:
    """The kit that a campaign is written with, and what the desk has learned: its people's sentences first, words to avoid with the kit's.

    Without a kit, and with nothing learned, there is none; a shop without one gets a voice with what was learned and the brief's own tone.
    """
    said = fold(brief.model_dump_json(include={"facts", "offer", "name"})).casefold()
    voices: dict[Language, VoiceKit] = dict(kit.voice) if kit is not None else {}
    for code in brief.languages:
        shown = examples(ledger, brand=brand, language=code, form=brief.channels[0])
        avoid = [word for word in avoided_words(ledger, brand=brand, language=code) if word not in said]
        if shown or avoid:
            own = voices.get(code, VoiceKit(tone=", ".join(brief.tone)))
            voices[code] = own.model_copy(update={"examples": tuple(dict.fromkeys([*shown, *own.examples]))[:20],
                                                  "avoid": tuple(dict.fromkeys([*own.avoid, *avoid]))})
    if kit is None:
        return BrandKit(name="shop", voice=voices) if voices else None
    return kit.model_copy(update={"voice": voices})


def _current(piece: Piece, versions: list[Version]) -> Version:
    return next(one for one in versions if one.number == piece.version)


def _by_people(piece: Piece, versions: list[Version]) -> bool:
    """Whether people settled on the words. A plan is approved as a whole: that says little of each text, and its model would learn from itself."""
    return (piece.state == "approved" and piece.campaign is None) or _current(piece, versions).origin == "edit"


def _voice(piece: Piece, version: Version) -> str:
    """Sentences that state no fact of this text and have no slot, as many as are shown to a model."""
    chosen, names = "", [fold(name).casefold() for name in piece.asked.names]
    space = "" if piece.asked.lang == "zh" else " "
    for sentence in _SENTENCE.split(whole(version.parts).replace("\n", space)):
        plain = fold(sentence)
        if not sentence.strip() or SLOT.search(sentence) or read_figures(plain) or any(name in plain.casefold() for name in names):
            continue
        longer = (chosen + space + sentence.strip()).strip()
        chosen = longer if len(longer) <= LONGEST_EXAMPLE else chosen
    return chosen


def _fates(piece: Piece, versions: list[Version]) -> tuple[set[str], set[str]]:
    """Words that people took out of a text for good, and those they left in it."""
    passed = [one for one in versions if not one.refused]
    if not passed or not _by_people(piece, versions):
        return set(), set()
    facts = fold(piece.asked.model_dump_json(include={"products", "facts", "must_say"})).casefold()
    last = whole(passed[-1].parts)
    left = set(_grams(last, piece.asked.lang))
    return {gram for gram in _removed(whole(passed[0].parts), last, piece.asked.lang) if gram not in left and gram not in facts}, left


def _removed(before: str, after: str, language: str) -> Iterator[str]:
    """Words and phrases of the stretches that went; a lone Chinese character together with each of its neighbours."""
    old, new = tokens(before), tokens(after)
    for kind, low, high, _start, _end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind in ("delete", "replace"):
            alone = language == "zh" and high - low == 1
            for start, end in ((low - 1, high), (low, high + 1)) if alone else ((low, high),):
                yield from _grams("".join(old[max(start, 0):end]), language)


def _grams(text: str, language: str) -> Iterator[str]:
    """Words and short phrases of a text, within its punctuation."""
    plain = fold(text).casefold()
    pieces = [token for token in tokens(plain) if not token.isspace()]
    joint = "" if language == "zh" else " "
    for run in _runs(pieces, language):
        for size in range(_SHORTEST[language], _LONGEST[language] + 1):
            for at in range(len(run) - size + 1):
                yield joint.join(run[at:at + size])


def _runs(pieces: Iterable[str], language: str) -> Iterator[list[str]]:
    """Neighbouring words without marks and figures between them."""
    run = list[str]()
    for piece in pieces:
        if re.fullmatch("[\u3400-\u4dbf\u4e00-\u9fff]" if language == "zh" else r"[^\W\d_]+(?:['’-][^\W\d_]+)*", piece):
            run.append(piece)
            continue
        yield run
        run = []
    yield run
