"""The SEO check of any page: what is wrong, where, why, and what to do, in both languages. It promises no ranking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from brandloom.content.articles.reader import MOST_BYTES, Page, Piece, read_page
from brandloom.content.articles.schema import missing_fields
from brandloom.content.articles.terms import places, words_in
from brandloom.content.articles.widths import DESCRIPTION_PX, DESCRIPTION_SIZE, TITLE_PX, TITLE_SIZE, pixels
from brandloom.errors import DataError
from brandloom.i18n import _, language, translate

Level = Literal["error", "warning", "note"]
SHORT_TITLE_PX, SHORT_DESCRIPTION_PX = 200, 400
DENSE = 0.03
"""Share of the words that the keyword may make up; not asked of a page with little text."""
THIN = {"en": 300, "zh": 500}
"""Words, or Chinese characters, below which a page has little to say."""
EASY = 50.0
"""Flesch reading ease below which English is hard to read."""
LONG_SENTENCE = {"en": 30, "zh": 60}
LONGEST_ALT = 125
_VAGUE = re.compile(r"^(?:click here|here|read more|more|learn more|this|this page|link|details"
                    r"|点击这里|点这里|这里|更多|了解更多|查看详情|详情|链接|点击查看)[.。…!！>»]*$", re.IGNORECASE)
_VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True)
class Notice:
    """One finding of the check; the texts come in any language."""

    rule: str
    level: Level
    place: str
    """Element, such as title, h2 or img."""
    line: int
    """1 where the page as a whole is meant."""
    excerpt: str
    reason_template: str
    advice_template: str
    values: tuple[tuple[str, str], ...] = ()

    def reason(self, code: str | None = None) -> str:
        """Why, as one line."""
        return self._said(self.reason_template, code)

    def advice(self, code: str | None = None) -> str:
        """What to do."""
        return self._said(self.advice_template, code)

    def to_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "level": self.level, "place": self.place, "line": self.line, "excerpt": self.excerpt,
                "reason": {code: self.reason(code) for code in ("en", "zh")}, "advice": {code: self.advice(code) for code in ("en", "zh")}}

    def _said(self, template: str, code: str | None) -> str:
        return translate(template, code or language()).format(**dict(self.values), excerpt=self.excerpt)


def check_page(text: str, *, kind: str = "html", language: str | None = None, keyword: str = "") -> list[Notice]:
    """Check a page of any origin.

    Args:
        kind: 'html' or 'markdown'; of Markdown title and description stand in its front matter.
        language: en or zh; seen from the text when absent.
        keyword: the phrase the page is meant for; without it nothing is said of keywords.
    Returns:
        Findings in order of place, errors of one place first. None means that nothing was found, not that the page will rank.
    Raises:
        DataError: larger than a page can be, or of no known kind.
    """
    if kind not in ("html", "markdown"):
        raise DataError(_("A page is html or markdown, not '{kind}'."), kind=kind)
    if len(text) > MOST_BYTES:
        raise DataError(_("The page has {size} MB; at most {limit} are read."), size=len(text) // 1_000_000, limit=MOST_BYTES // 1_000_000)
    page = read_page(text, kind)
    if language not in ("en", "zh"):
        language = "zh" if len(re.findall("[\u4e00-\u9fff]", page.text)) > len(page.text) / 5 else "en"
    whole = kind == "html" and bool(page.titles or page.metas or page.lang or "<body" in text.lower())
    found = [*_head(page), *_headings(page), *_keyword(page, keyword, language), *_images(page), *_links(page), *_paragraphs(page, language),
             *(_technical(page) if whole else [])]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda item: (item.line, order[item.level]))


def reading_ease(text: str) -> float:
    """Flesch's score of English, 0 to 100 and beyond: higher is easier. Syllables are counted by groups of vowels."""
    words = re.findall(r"[A-Za-z]+(?:['’][a-z]+)?", text)
    sentences = max(1, len(re.findall(r"[.!?]+(?=\s|$)", text)))
    if not words:
        return 100.0
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * sum(map(_syllables, words)) / len(words)


def _syllables(word: str) -> int:
    plain = word.lower()
    silent = plain.endswith("e") and not plain.endswith(("le", "ee")) and len(plain) > 2
    return max(1, len(_VOWELS.findall(plain)) - silent)


def _notice(rule: str, level: Level, place: str, at: Piece | int, reason: str, advice: str, **values: object) -> Notice:
    line, excerpt = (at, "") if isinstance(at, int) else (at.line, at.text)
    excerpt = str(values.pop("excerpt", excerpt))
    return Notice(rule, level, place, max(1, line), excerpt if len(excerpt) <= 80 else excerpt[:77] + "...", reason, advice,
                  tuple((name, str(value)) for name, value in values.items()))


def _head(page: Page) -> Iterator[Notice]:
    if not any(item.text for item in page.titles):
        yield _notice("title-missing", "error", "title", 1, _("The page has no title, so a search result has to make one up."),
                      _("Add a title element, or title in the front matter, that leads with the keyword."))
    for item in page.titles[1:]:
        yield _notice("title-twice", "error", "title", item, _("There is more than one title; only one is shown."), _("Keep one title element."))
    for item in page.titles[:1]:
        wide = round(pixels(item.text, TITLE_SIZE))
        if wide > TITLE_PX:
            yield _notice("title-long", "warning", "title", item, _("The title is about {wide} px wide; results cut it at {most}."),
                          _("Shorten it by about {share} %, the words that matter first."), wide=wide, most=TITLE_PX,
                          share=round(100 * (wide - TITLE_PX) / wide))
        elif item.text and wide < SHORT_TITLE_PX:
            yield _notice("title-short", "note", "title", item, _("The title fills {wide} of {most} px."),
                          _("There is room to say what the page offers, or for the shop's name."), wide=wide, most=TITLE_PX)
    found = [(content, line) for name, content, line in page.metas if name == "description"]
    if not any(content.strip() for content, _line in found):
        yield _notice("description-missing", "warning", "meta description", 1, _("There is no description; the result shows whatever text it finds."),
                      _("Add one of 1 to 2 sentences that names what the reader finds here."))
        return
    if len(found) > 1:
        yield _notice("description-twice", "warning", "meta description", found[1][1], _("There is more than one description."), _("Keep one."),
                      excerpt=found[1][0])
    content, line = found[0]
    wide = round(pixels(content, DESCRIPTION_SIZE))
    if wide > DESCRIPTION_PX:
        yield _notice("description-long", "warning", "meta description", line,
                      _("The description is about {wide} px wide; results cut it at {most}."),
                      _("Shorten it by about {share} %, the words that matter first."), excerpt=content, wide=wide, most=DESCRIPTION_PX,
                      share=round(100 * (wide - DESCRIPTION_PX) / wide))
    elif wide < SHORT_DESCRIPTION_PX:
        yield _notice("description-short", "note", "meta description", line, _("The description fills {wide} of {most} px."),
                      _("There is room for one more fact that helps to choose this result."), excerpt=content, wide=wide, most=DESCRIPTION_PX)


def _headings(page: Page) -> Iterator[Notice]:
    first = [item for item in page.headings if item.level == 1]
    if not first:
        yield _notice("h1-missing", "error", "h1", 1, _("The page has no first heading."), _("Give it one h1 that says what the page is about."))
    for item in first[1:]:
        yield _notice("h1-twice", "warning", "h1", item, _("This is the {count}. first heading of the page."), _("Make it an h2."),
                      count=first.index(item) + 1)
    before = 0
    for item in page.headings:
        if item.level > before + 1 and before:
            yield _notice("heading-skips", "warning", f"h{item.level}", item, _("An h{found} follows an h{before}: a step is left out."),
                          _("Make it an h{wanted}."), found=item.level, before=before, wanted=before + 1)
        if not item.text:
            yield _notice("heading-empty", "warning", f"h{item.level}", item, _("A heading without words."), _("Write it, or take it out."))
        before = item.level


def _keyword(page: Page, keyword: str, language: str) -> Iterator[Notice]:
    if not keyword.strip():
        return
    advice = _("Work '{keyword}' in where it reads naturally.")
    first = next((item for item in page.headings if item.level == 1), Piece("", 1))
    lead = next((item for item in page.paragraphs if re.search("[.。!?！？]", item.text) and len(words_in(item.text, language)) >= 6), Piece("", 1))
    title = page.titles[0] if page.titles else Piece("", 1)
    reason = {"title": _("The title does not hold the keyword '{keyword}'."), "h1": _("The first heading does not hold the keyword '{keyword}'."),
              "p": _("The first paragraph does not hold the keyword '{keyword}'.")}
    for place, item in (("title", title), ("h1", first), ("p", lead)):
        if not places(item.text, keyword, language):
            yield _notice(f"keyword-{place}", "warning", place, item, reason[place], advice, keyword=keyword)
    words, units = words_in(page.text, language), len(words_in(keyword, language))
    count = len(places(page.text, keyword, language))
    if count > 3 and len(words) >= THIN[language] and count * units / len(words) > DENSE:
        yield _notice("keyword-stuffed", "warning", "body", 1,
                      _("'{keyword}' stands {count} times in {words} words, {share} %: it reads as stuffed."),
                      _("Say it otherwise in some places, or leave it out there."), keyword=keyword, count=count, words=len(words),
                      share=round(100 * count * units / len(words), 1))
    twice = places(title.text, keyword, language)
    if len(twice) > 1:
        yield _notice("keyword-stuffed", "warning", "title", title, _("The title says '{keyword}' {count} times."), _("Once is enough."),
                      keyword=keyword, count=len(twice))


def _images(page: Page) -> Iterator[Notice]:
    for image in page.images:
        if image.alt is None:
            yield _notice("alt-missing", "error", "img", image.line, _("A picture has no alternative text."),
                          _("Say in alt what it shows; alt=\"\" where it only decorates."), excerpt=image.src)
        elif not image.alt.strip() and image.in_link:
            yield _notice("alt-empty", "error", "img", image.line, _("The picture is a link and has no alternative text, so the link has no name."),
                          _("Say in alt where the link leads."), excerpt=image.src)
        elif len(image.alt) > LONGEST_ALT:
            yield _notice("alt-long", "note", "img", image.line, _("The alternative text has {count} characters."),
                          _("One short sentence will do; put the rest into the text."), excerpt=image.alt, count=len(image.alt))


def _links(page: Page) -> Iterator[Notice]:
    targets: dict[str, str] = {}
    for link in page.anchors:
        try:
            parts = urlsplit(link.href)
        except ValueError:
            parts = urlsplit("invalid:")
        if parts.scheme and parts.scheme.lower() not in ("http", "https", "mailto", "tel"):
            yield _notice("link-scheme", "error", "a", link.line, _("The link's target '{excerpt}' is no page."),
                          _("Link to a page, or take the link out."), excerpt=link.href)
            continue
        if link.href in ("", "#"):
            yield _notice("link-empty", "error", "a", link.line, _("The link leads nowhere."), _("Give it a target, or take it out."),
                          excerpt=link.text)
        elif link.href.startswith("#") and link.href[1:] not in page.ids:
            yield _notice("link-broken", "error", "a", link.line, _("No part of the page is called '{excerpt}'."), _("Mend the name behind '#'."),
                          excerpt=link.href)
        elif parts.scheme.lower() == "http":
            yield _notice("link-insecure", "note", "a", link.line, _("'{excerpt}' is reached without encryption."),
                          _("Use https where the page has it."), excerpt=link.href)
        if not link.text:
            yield _notice("anchor-empty", "error", "a", link.line, _("The link has no words."), _("Name the page it leads to."), excerpt=link.href)
        elif _VAGUE.match(link.text):
            yield _notice("anchor-vague", "warning", "a", link.line, _("'{excerpt}' does not say where the link leads."),
                          _("Use words that name the page."), excerpt=link.text)
        other = targets.setdefault(link.text.casefold(), link.href)
        if link.text and not _VAGUE.match(link.text) and other != link.href:
            yield _notice("anchor-ambiguous", "note", "a", link.line, _("'{excerpt}' leads to two different pages."),
                          _("Give each page its own words."), excerpt=link.text)


def _paragraphs(page: Page, language: str) -> Iterator[Notice]:
    seen: dict[str, Piece] = {}
    for item in page.paragraphs:
        words = words_in(item.text, language)
        same = "".join(words).casefold()
        if len(words) >= 8 and same in seen:
            yield _notice("paragraph-twice", "warning", "p", item, _("The paragraph stands in line {other} already."), _("Take one of them out."),
                          other=seen[same].line)
        seen.setdefault(same, item)
        for sentence in re.split(r"(?<=[。！？!?])|(?<=\.)\s", item.text):
            if len(words_in(sentence, language)) > LONG_SENTENCE[language]:
                yield _notice("sentence-long", "note", "p", item.line, _("A sentence of {count} words is hard to follow."), _("Make two of it."),
                              excerpt=sentence, count=len(words_in(sentence, language)))
    words = words_in(page.text, language)
    if len(words) < THIN[language]:
        yield _notice("thin", "warning", "body", 1, _("The page has {count} words; below {least} there is seldom enough to help a reader."),
                      _("Add what customers ask and the facts answer, not padding."), count=len(words), least=THIN[language])
    prose = " ".join(item.text if item.text[-1:] in ".!?" else item.text + "." for item in page.paragraphs)
    ease = reading_ease(prose)
    if language == "en" and len(words) > 60 and ease < EASY:
        yield _notice("hard", "note", "body", 1, _("Reading ease is {ease} (Flesch); below {least} is hard for many readers."),
                      _("Shorter sentences and shorter words."), ease=round(ease), least=round(EASY))


def _technical(page: Page) -> Iterator[Notice]:
    for line in page.broken_data:
        yield _notice("data-broken", "error", "script", line, _("The structured data is no valid JSON; it is ignored as a whole."),
                      _("Write it anew, or run it through a validator."))
    if not page.data and not page.broken_data:
        yield _notice("data-missing", "warning", "script", 1, _("There is no structured data (schema.org in JSON-LD)."),
                      _("Add Article, FAQPage, Product or BreadcrumbList, whichever the page shows."))
    for kind, name in missing_fields(page.data):
        yield _notice("data-incomplete", "warning", "script", 1, _("{kind} lacks {name}."), _("Add {name}, or leave {kind} out."), kind=kind,
                      name=name)
    if not page.lang:
        yield _notice("lang-missing", "warning", "html", 1, _("The page does not say its language."), _("Set lang on the html element: en or zh-CN."))
    if not page.canonicals:
        yield _notice("canonical-missing", "note", "link", 1, _("There is no canonical address, so copies of the page compete with it."),
                      _("Add a link element with rel=\"canonical\"."))
    if "noindex" in page.meta("robots").lower():
        yield _notice("noindex", "error", "meta robots", 1, _("The page asks not to be listed (noindex)."),
                      _("Take it out once the page may be found."))
    if not page.meta("viewport"):
        yield _notice("viewport-missing", "warning", "meta viewport", 1, _("Without a viewport phones show the page tiny."),
                      _("Add width=device-width, initial-scale=1."))
    absent = [name for name in ("og:title", "og:description") if not page.meta(name)]
    if absent:
        yield _notice("og-missing", "note", "meta", 1, _("Shared links have no preview text: {names} absent."), _("Add them."),
                      names=", ".join(absent))
