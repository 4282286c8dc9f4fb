"""Every figure of a text, in English and Chinese, as a kind and a value in one unit, so that it can be compared with the facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cache

from brandloom.content.checks.normalise import fold
from brandloom.content.checks.units import MINOR, MONEY_SIGNS, UNITS

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_TENS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
          "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")
_WORDS = {word: number for number, word in enumerate(_SMALL, start=2)} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
    "thousand": 1000, "million": 1_000_000, "dozen": 12, "hundreds": 100, "thousands": 1000, "millions": 1_000_000,
    "dozens": 12}
_SINGLE = {"a": 1, "an": 1, "one": 1, "single": 1}
_PARTS = {"½": "0.5", "¼": "0.25", "¾": "0.75"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBER = r"\d{1,15}(?:,\d{3}){0,5}(?:\.\d{1,15})?(?:\s?[½¼¾])?|\.\d{1,15}|[½¼¾]"
_WORD = "(?:" + "|".join(_WORDS) + ")"
_SAID = rf"{_WORD}(?:(?:[- ]|\sand\s){_WORD})*(?:(?<=ty)-one\b)?(?:\sand\sa\shalf)?"
_HAN = "[零〇一二两三四五六七八九十百千万亿]"
_HAN_NUMBER = rf"\d{{1,15}}(?:,\d{{3}}){{0,5}}(?:\.\d{{1,15}})?\s?[万亿千百]|{_HAN}{{1,16}}(?:点{_HAN}{{1,9}})?|半"
_ANY = (rf"(?:{_HAN_NUMBER}|{_NUMBER}|\b{_SAID}\b|\b(?:one|a|an)\sand\sa\shalf\b|\bhalf(?:\san?)?\b|"
        r"\b(?:a (?:full|whole|generous|hefty)|an?|one)\b)")
# The hyphen of forty-eight and the "and" of a hundred and twenty join no range.
_JOIN = (r"\s*(?:(?<!ty)-|-(?!(?:two|three|four|five|six|seven|eight|nine)\b)|–|—|~|～|\bto\b|(?<!hundred )(?<!thousand )\band\b|\bor\b|至|到|或|x"
         r"|×|\*|\bby\b|乘以?)\s*")
_MONTH = (r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
          r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)")
_MEASURE_WORD = ("(?:来|个|件|款|种|份|次|名|位|人|盒|套|倍|层|支|只|瓶|袋|包|张|片|代|项|道|大|多|余|成|店|家门店|%|块|枚|粒|颗|条|双"
                 "|对|本|册|台|部|箱|罐|杯|泡|节|户|家|档|色|口|根|把|束|朵|页|期|轮|岁|周岁|星|场|座|辆|组|遍|抽|枝|辈|孔|格|门|尺|(?<!十)分(?!钟))")


@dataclass(frozen=True)
class Figure:
    """A figure and what it means.

    `kind` is 'percent', 'money', 'date', 'count' or a measure such as 'mass'; `number` is in `unit` (currency for money, base unit
    for a measure); a date has its parts in `day` as '2026-05-03', '05-03' or '05'. `start` and `end` are places in the folded text.
    """

    kind: str
    number: Decimal
    unit: str
    text: str
    start: int
    end: int
    day: str = ""
    casual: bool = False
    """An indefinite one, as in 'a week' or 一斤: a figure only where a promise stands beside it."""

    @property
    def value(self) -> str:
        """Equal for figures that mean the same."""
        if self.kind == "money":
            return f"{self.unit} {plain(self.number)}".strip()
        return self.day or f"{plain(self.number)} {self.unit}".strip()


def figures(text: str) -> list[Figure]:
    """All figures of a text; the idiomatic 'one' and 一 are none, nor are numbers inside words."""
    return [item for item in read_figures(fold(text)) if not item.casual]


def read_figures(folded: str) -> list[Figure]:
    """All figures of a folded text in order of place, the casual ones too."""
    rest, found = folded, list[Figure]()
    if not _ANY_FIGURE.search(folded):
        return found
    for needs, pattern, read in _readers():
        if not needs.search(rest):
            continue

        def keep(match: re.Match[str], read: Callable[[re.Match[str]], Iterator[Figure]] = read) -> str:
            meant = list(read(match))
            found.extend(meant)
            return " " * len(match.group()) if meant else match.group()
        rest = pattern.sub(keep, rest)
    return sorted(found, key=lambda item: item.start)


def plain(number: Decimal) -> str:
    """A number without needless zeros."""
    return f"{number.normalize():f}"


def value_of(text: str) -> Decimal | None:
    """A number in digits, English words or Chinese numerals."""
    text = " ".join(text.strip().lower().replace(",", "").replace("-", " ").split())
    if text in _SINGLE or re.fullmatch("a (?:full|whole|generous|hefty)", text):
        return Decimal(1)
    if text in ("half", "half a", "half an", "半"):
        return Decimal("0.5")
    if text.endswith(" and a half"):
        whole = value_of(text.removesuffix(" and a half"))
        return None if whole is None else whole + Decimal("0.5")
    if text[-1:] in _PARTS:
        whole = value_of(text[:-1]) if text[:-1].strip() else Decimal(0)
        return None if whole is None else whole + Decimal(_PARTS[text[-1]])
    if text[-1:] in _TENS and text[:1].isdigit():
        try:
            return Decimal(text[:-1]) * _TENS[text[-1]]
        except InvalidOperation:
            return None
    try:
        return Decimal(text) if re.fullmatch(r"\d*\.?\d+", text, re.ASCII) else _spoken(text)
    except InvalidOperation:
        return None


def _spoken(text: str) -> Decimal | None:
    words = [word for word in text.split() if word != "and"]
    if len(words) > 1 and words[-1] == "one":
        tens = _spoken(" ".join(words[:-1]))
        return None if tens is None else tens + 1
    if words and all(word in _WORDS for word in words):
        total = section = Decimal(0)
        for word in words:
            if _WORDS[word] >= 1000:
                total, section = total + (section or 1) * _WORDS[word], Decimal(0)
            else:
                section = section * _WORDS[word] if _WORDS[word] in (100, 12) and section else section + _WORDS[word]
        return total + section
    if "点" in text:
        whole, _, part = text.partition("点")
        digits = "".join(str(_DIGITS.get(c, "")) for c in part)
        head = _chinese(whole)
        return None if head is None or not digits else head + Decimal(f"0.{digits}")
    return _chinese(text)


def _chinese(text: str) -> Decimal | None:
    if not text or any(c not in _DIGITS and c not in _TENS for c in text):
        return None
    if all(c in _DIGITS for c in text):
        return Decimal("".join(str(_DIGITS[c]) for c in text))
    total = section = digit = 0
    last = 1
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
            continue
        last = _TENS[c]
        if last >= 10_000:
            total, section, digit = total + (section + digit or 1) * last, 0, 0
        else:
            section, digit = section + (digit or 1) * last, 0
    # 一百二 is 120 and 三千五 is 3,500: a last digit stands for the next smaller place.
    tail = digit * (last // 10) if digit and last >= 100 and not re.search(r"[零〇].$", text) else digit
    return Decimal(total + section + tail)


def _figure(match: re.Match[str], kind: str, number: Decimal | None, unit: str = "", group: str | int = 0, *, casual: bool = False,
            day: str = "") -> Iterator[Figure]:
    if number is None:
        return
    raw = match.group(0)
    lead, trail = len(raw) - len(raw.lstrip()), len(raw) - len(raw.rstrip())
    yield Figure(kind, number, unit, raw.strip(), match.start() + lead, match.end() - trail, day, casual)


def _both(match: re.Match[str], kind: str, scale: Callable[[Decimal], Decimal], unit: str = "") -> Iterator[Figure]:
    """The figure, and the first one too where two share a unit: '2-3 days', 200x230cm."""
    groups = match.groupdict()
    casual = (match["n"].lower() in ("a", "an", "one", "一") and not (kind in ("length", "mass") and groups.get("more")) and not groups.get("half")
              and match.string[match.end("n"):match.end("n") + 1] not in tuple("多来余")
              and match.string[match.end():match.end() + 1] != "多")
    spoken = match["n"]
    if len(spoken) == 2 and all(c in _DIGITS for c in spoken) and _DIGITS[spoken[1]] == _DIGITS[spoken[0]] + 1:
        # 三四天 is three or four days.
        for c in spoken:
            yield from _figure(match, kind, scale(Decimal(_DIGITS[c])), unit)
        return
    for name in ("z", "a", "n"):
        text = match.groupdict().get(name)
        number = value_of(text) if text else None
        if number is not None:
            one = next(_figure(match, kind, scale(number), unit, casual=casual and name == "n"))
            # Of two prices each has its own word before it: 'from £20 to £15'.
            yield replace(one, start=match.start(name), end=match.end(name)) if kind == "money" and match.groupdict().get("a") else one


def _percent(match: re.Match[str]) -> Iterator[Figure]:
    yield from _both(match, "percent", lambda number: number)


def _zhe(match: re.Match[str]) -> Iterator[Figure]:
    """9折 is 10 % off, 85折 and 八五折 are 15 % off."""
    digits = "5" if match["n"] == "半" else match["n"].replace("点", ".")
    value = value_of(digits) if "." not in digits or digits[0].isdigit() else value_of(
        ".".join(str(_DIGITS.get(c, c)) for c in digits.split(".")))
    if value is not None and value > 0:
        yield from _figure(match, "percent", 100 - (value if value >= 10 else value * 10))


def _money(match: re.Match[str]) -> Iterator[Figure]:
    sign, groups = match["sign"].lower(), match.groupdict()
    if sign in ("块", "元", "圆", "刀") and re.match(r"[积拼木砖肥手电布石蛋糕]", match.string[match.end():]):
        return
    if sign.startswith("pound") and (re.search(r"weigh\w*\W+(?:\w+\W+){0,3}$", match.string[:match.start()], re.I)
                                     or re.match(r"\s+in weight\b|\s+on the scales\b", match.string[match.end():], re.I)):
        yield from _both(match, "mass", lambda number: number * Decimal("453.59237"), "g")
        return
    rest = groups.get("rest")
    tail = (value_of(groups["tail"]) or Decimal(0)) / 100 if groups.get("tail") else Decimal(0)
    if rest:
        digits = "".join(str(_DIGITS.get(c, c)) for c in rest)
        tail = Decimal(f"0.{digits}") if digits.isdigit() else Decimal(0)
    yield from _both(match, "money", lambda number: number * (1000 if groups.get("k") else 1) + tail, MONEY_SIGNS[sign])


def _clock(match: re.Match[str]) -> Iterator[Figure]:
    """Minutes since midnight: 3 pm and 15:00 and 下午三点 are 900."""
    groups = match.groupdict()
    hour, part = value_of(groups["h"]), (groups.get("part") or "").lower().replace(".", "")
    minute = Decimal(30) if groups.get("half") else value_of(groups.get("min") or "0")
    if hour is None or minute is None or hour > 24 or minute > 59:
        return
    late = part in ("pm", "afternoon", "evening", "下午", "晚上", "晚", "傍晚", "今晚", "明晚") and hour < 12
    early = part == "am" and hour == 12
    yield from _figure(match, "clock", (hour + (12 if late else -12 if early else 0)) * 60 + minute, "min")


def _fraction(match: re.Match[str]) -> Iterator[Figure]:
    whole = {"third": 3, "quarter": 4, "fifth": 5, "tenth": 10}[match["part"].lower()]
    yield from _figure(match, "percent", (100 * (value_of(match["n"]) or Decimal(1)) / whole).quantize(Decimal("0.1")))


_FESTIVALS = {"valentine['’]?s(?: day)?|情人节": "02-14", "christmas eve|平安夜": "12-24", "christmas(?: day)?(?! eve)|圣诞节?": "12-25",
              "boxing day": "12-26", "new year['’]?s eve|跨年夜?": "12-31", "new year['’]?s day|元旦": "01-01", "hallowe['’]?en|万圣节": "10-31",
              "st[.]? patrick['’]?s day": "03-17", "国庆节?": "10-01", "劳动节|五一": "05-01", "儿童节|六一": "06-01", "妇女节|女神节": "03-08",
              "双十一|双11": "11-11", "双十二|双12": "12-12", "618": "06-18"}
"""Days with a name and a date that is the same every year."""
_FESTIVAL_AT = "(?:" + "|".join(_FESTIVALS) + ")"
_COLLECTIVES = {"trio": 3, "threesome": 3, "quartet": 4, "foursome": 4, "quintet": 5, "sextet": 6}
_COLLECTIVE = "|".join(_COLLECTIVES)


def _festival(match: re.Match[str]) -> Iterator[Figure]:
    day = next(day for name, day in _FESTIVALS.items() if re.fullmatch(name, match.group().lower()))
    yield from _figure(match, "date", Decimal(0), day=day)


def _part_of_unit(match: re.Match[str]) -> Iterator[Figure]:
    """Three quarters of an hour."""
    kind, base, size = UNITS[{"gigabyte": "gb"}.get(match["unit"].lower(), match["unit"].lower())]
    whole = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}[match["part"].lower()]
    yield from _figure(match, kind, (value_of(match["n"] or "one") or Decimal(1)) * size / whole, base)


def _one_or(match: re.Match[str]) -> Iterator[Figure]:
    """'A day or two' is one day and two."""
    kind, base, size = UNITS[match["unit"].lower()]
    for number in (Decimal(1), value_of(match["n"]) or Decimal(2)):
        yield from _figure(match, kind, number * size, base)


def _deadline(match: re.Match[str]) -> Iterator[Figure]:
    """The hour of 'order before two', of the afternoon where it is a small one."""
    hour = value_of(match["h"])
    if hour is not None and hour <= 24:
        yield Figure("clock", (hour + (12 if hour < 8 else 0)) * 60, "min", match["h"], match.start("h"), match.end("h"))


def _spoken_price(match: re.Match[str]) -> Iterator[Figure]:
    """'For fifteen ninety-nine' is 15.99 of whatever currency."""
    whole, cents = value_of(match["h"]), value_of(match["t"])
    if whole is not None and cents is not None:
        yield Figure("money", whole + cents / 100, "", match.string[match.start("h"):match.end()], match.start("h"), match.end())


def _collective(match: re.Match[str]) -> Iterator[Figure]:
    yield from _figure(match, "count", Decimal(_COLLECTIVES[match["n"].lower()]))


def _minor(match: re.Match[str]) -> Iterator[Figure]:
    size = Decimal("0.1") if match["sign"] in ("毛", "毛钱", "角") else Decimal("0.01")
    yield from _both(match, "money", lambda number: number * size, MINOR[match["sign"].lower()])


def _day(match: re.Match[str]) -> Iterator[Figure]:
    groups = match.groupdict()
    month = groups["m"].lower()
    number = Decimal(_MONTHS.index(month[:3]) + 1) if month[:3] in _MONTHS else value_of(month)
    day = value_of(groups["d"]) if groups.get("d") else None
    if number is None or not 1 <= number <= 12 or (day is not None and not 1 <= day <= 31):
        return
    year = f"{int(value_of(groups['y']) or 0):04d}-" if groups.get("y") else ""
    text = f"{year}{int(number):02d}" + (f"-{int(day):02d}" if day is not None else "")
    yield from _figure(match, "date", Decimal(0), day=text)


def _measure(match: re.Match[str]) -> Iterator[Figure]:
    spelled = " ".join(match["unit"].lower().replace("-", " ").split())
    kind, base, size = UNITS[spelled]
    half = size / 2 if match.groupdict().get("half") else Decimal(0)
    if match.groupdict().get("more") and kind in ("length", "mass"):
        half = size * Decimal("0." + "".join(str(_DIGITS[c]) for c in match["more"]))
    # 一个月 is a casual month, 一月 is January; 一日 and 一天 are casual days.
    yield from _both(match, kind, lambda number: number * size + half, base)


def _count(match: re.Match[str]) -> Iterator[Figure]:
    number = None if match["n"] in ("一", "半") else value_of(match["n"])
    yield from _figure(match, "count", number)


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _spellings(*, latin: bool, among: dict[str, object]) -> str:
    names = sorted((name for name in among if name[0].isascii() == latin or name[0] in '°"'), key=len, reverse=True)
    return "|".join(re.escape(name).replace(r"\ ", r"[\s-]") for name in names)


_LONG = _spellings(latin=True, among={name: 0 for name in UNITS if not (len(name) == 1 and name.isalpha())})
_SHORT = "|".join(name for name in UNITS if len(name) == 1 and name.isascii() and name.isalpha())
_ZH_UNITS = _spellings(latin=False, among={name: 0 for name in UNITS if name not in ("月", "码", "两", "平", "分", "转", "度", "安", "卡", "年份")})
_MONTH_AT = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_SIGNS = "|".join(re.escape(sign) for sign in sorted(MONEY_SIGNS, key=len, reverse=True) if not re.fullmatch("[a-z]+|[\u4e00-\u9fff]+", sign))
_LATIN_MONEY = "|".join(sorted((sign for sign in MONEY_SIGNS if re.fullmatch("[a-z]+", sign)), key=len, reverse=True))
_HAN_MONEY = "|".join(sorted((sign for sign in MONEY_SIGNS if re.fullmatch("[\u4e00-\u9fff]+", sign)), key=len, reverse=True))
_PAIR = rf"(?:(?P<a>{_ANY}){_JOIN})?(?P<n>{_ANY})"
_TRIPLE = rf"(?:(?P<z>{_ANY})\s*(?:[x×*]|\bby\b|乘以?)\s*)?{_PAIR}"

_READERS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], Iterator[Figure]]], ...] = (
    (r":\d\d|[ap]\.?m|点", _compile(r"(?<![\d:])(?P<h>\d{1,2}):(?P<min>[0-5]\d)(?::\d\d)?(?!\d)\s*(?P<part>[ap]m\b)?"), _clock),
    (r"\d\s?[ap]\.?m", _compile(r"\b(?P<h>\d{1,2})(?:[.:](?P<min>[0-5]\d))?\s?(?P<part>[ap]\.?m)\b"), _clock),
    (r" in the | o['’]clock",
     _compile(rf"\b(?P<h>{_NUMBER}|{_SAID})(?: o['’]clock)?(?: in the (?P<part>morning|afternoon|evening)| o['’]clock)"), _clock),
    (r"half past", _compile(rf"\b(?P<half>half) past (?P<h>\d{{1,2}}|{_SAID})\b"), _clock),
    (r"点", _compile(rf"(?P<part>早上|清晨|早|上午|中午|下午|傍晚|晚上|今晚|明晚|晚|凌晨)"
                     rf"(?P<h>\d{{1,2}}|{_HAN}{{1,2}})点(?:(?P<half>半)|(?P<min>\d{{1,2}})分?)?"), _clock),
    (r"\d点", _compile(r"(?<![\d.])(?P<h>\d{1,2})点(?:(?P<half>半)|(?P<min>\d{1,2})分?)?(?!\d)"), _clock),
    (r"third|quarter|fifth|tenth",
     _compile(r"\b(?P<n>a|an|one|two|three|four) (?P<part>third|quarter|fifth|tenth)s? (?:off|less|cheaper|lower|of (?:the|its"
              r"|that) (?:\w+ )?price)\b"), _fraction),
    (r"成", _compile(r"(?P<n>[一二三四五六七八九])成(?:五)?(?![为了立长功员熟就本品交分都])"),
     lambda match: _figure(match, "percent", (value_of(match["n"]) or Decimal(0)) * 10)),
    (r"\d{4}[-/.]\d", _compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)(?:t\d\d:\d\d\S*)?"), _day),
    (r"\d年", _compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)年(?!\s*\d+月|历史|文化|传承|质保|保修)"),
     lambda match: _figure(match, "date", Decimal(0), day=match["y"])),
    (r"\d{4}[-/.]\d", _compile(r"(?<![\d.-])(?P<y>(?:19|20)\d\d)[-/.](?P<m>0?[1-9]|1[0-2])(?![\d.-])"), _day),
    (r"\d/\d", _compile(r"(?<!\d)(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})(?!\d)"), _day),
    (r"月", _compile(rf"(?:(?P<y>\d{{4}}|[〇零一二三四五六七八九]{{4}})年)?"
              rf"(?<!个)(?P<m>\d{{1,2}}|{_HAN}{{1,2}})月(?:(?P<d>\d{{1,2}}|{_HAN}{{1,3}})[日号]?|[份底初末中])?(?!\d)"), _day),
    (_MONTH_AT, _compile(rf"(?<![A-Za-z])(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m>{_MONTH})\b(?:,?\s+(?P<y>\d{{4}}))?"), _day),
    (_MONTH_AT, _compile(rf"\b(?P<m>{_MONTH})\.?\s+(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s+(?P<y>\d{{4}}))?"), _day),
    (_MONTH_AT, re.compile(r"\b(?P<m>January|February|March(?!ing)|April|June|July|August|September|October|November|December"
                r"|(?<=\b[Ii]n )May|(?<=\b[Ss]ince )May|May(?= \d{4}))\b(?:\s+(?P<y>\d{4}))?"), _day),
    (r"%|cent|pct", _compile(rf"{_PAIR}\s*(?:%|percent\b|per cent\b|pct\b)"), _percent),
    (r"百分", _compile(rf"百分之(?P<n>{_NUMBER}|{_HAN}{{1,16}})"), _percent),
    (r"折", _compile(r"(?P<n>半|\d{1,2}(?:\.\d+)?|[一二三四五六七八九](?:点?[一二三四五六七八九])?)\s*折(?![叠扣射返痕腰磨])"), _zhe),
    (r"half|半", _compile(r"(?<!and a )\bhalf(?:[- ]price|[- ]off| of (?:the|its) price| the (?:usual |normal |regular )?price)\b"
                          r"|\bpays? (?:only )?half\b|只付一半"
                          r"|一半的钱|半价|一半的价格|(?:便宜|少|省|降|砍)了?一半|对半砍|打?对折"),
     lambda match: _figure(match, "percent", Decimal(50))),
    (r"fiver|tenner", _compile(r"\b(?:a )?(?:fiver|tenner)\b"),
     lambda match: _figure(match, "money", Decimal(5 if "fiver" in match.group().lower() else 10), "GBP")),
    (r"half", _compile(r"\bhalf a dozen\b"), lambda match: _figure(match, "count", Decimal(6))),
    (r"打", _compile(rf"(?P<n>\d{{1,4}}|{_HAN}{{1,4}}|半)打(?![折包扮开招磨印造分算赏底破卡理])"),
     lambda match: _figure(match, "count", (value_of(match["n"]) or Decimal(0)) * 12)),
    (r"trio|tet\b|some of", _compile(r"\b(?P<n>trio|quartet|quintet|sextet|threesome|foursome) of\b"), _collective),
    (_FESTIVAL_AT, _compile(rf"(?:(?<=until )|(?<=till )|(?<=before )|(?<=by )|(?<=up to )|(?<=through )|(?<=ends on )|(?<=ends )|(?<=[到至])"
                            rf"|(?<=截止))"
                            rf"(?P<n>{_FESTIVAL_AT})|(?P<x>{_FESTIVAL_AT})(?=[当]?[天日]?(?:截止|为止|结束|之?前))"), _festival),
    (_WORD, _compile(rf"\b(?:for|just|only|at|to|costs?|now|pay|yours for) (?P<h>one|{_WORD}(?:-{_WORD})?) "
                     r"(?P<t>(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-(?:one|two|three|four|five|six|seven|eight"
                     r"|nine))?)(?=[,.;!?]|$| [ft]|all)"),
     _spoken_price),
    (r"双", _compile("双(?=[支只瓶盒包袋件条人][装])"), lambda match: _figure(match, "count", Decimal(2))),
    (r"quarter", _compile(r"\b(?:a|one) quarter off\b"), lambda match: _figure(match, "percent", Decimal(25))),
    (_SIGNS, _compile(rf"(?P<sign>{_SIGNS})\s*(?:(?P<a>{_NUMBER})\s*(?:-|–|~|to)\s*(?:{_SIGNS})?\s*)?(?P<n>{_NUMBER})(?P<k>k\b)?"), _money),
    (_LATIN_MONEY, _compile(rf"{_PAIR}[ -]?(?P<sign>{_LATIN_MONEY})\b(?:\s(?P<tail>\d\d|{_SAID})\b(?![\s-]\w+ off))?"), _money),
    (_HAN_MONEY,
     _compile(rf"{_PAIR}\s*[多来余]?(?P<sign>{_HAN_MONEY})(?:(?<!钱)(?<!币)(?P<rest>[\d一二三四五六七八九]"
              r"(?![\d十百千万双件个只盒套支包袋瓶条片张块台本份斤起同])))?"), _money),
    (r"\dp\b", _compile(rf"(?<![\w.])(?P<n>\d{{1,9}})(?P<sign>p)\b|(?P<x>\b{_SAID}\b)\s(?:pence)\b"),
     lambda match: _minor(match) if match["n"] else iter(())),
    (r"pence|cent|毛|分钱", _compile(rf"(?P<n>{_ANY})\s*(?P<sign>pence|cents?|分钱|毛钱|毛)(?![a-z])"), _minor),
    (r"个半", _compile(rf"(?P<n>{_ANY})\s*个半\s*(?P<unit>小时|月|星期|礼拜|钟头)"),
     lambda match: _figure(match, *_with_half(match))),
    (r"of an? ", _compile(r"\b(?:(?P<n>a|one|two|three) )?(?P<part>half|third|quarter|fifth|tenth)s? of an? (?P<unit>hour|day|week|month|year"
                          r"|kilo|litre|liter|metre|meter|"
                          r"mile|gigabyte|gallon|pint|ounce)\b"), _part_of_unit),
    (r"thirds|quarters|fifths|tenths", _compile(r"\b(?P<n>two|three|four|seven|nine) (?P<part>third|quarter|fifth|tenth)s\b(?! past| to)"),
     _fraction),
    (r" or (?:two|three)", _compile(r"\ba (?P<unit>minute|hour|day|week|month|year) or (?P<n>two|three)\b"), _one_or),
    (r"hundred|100", _compile(rf"(?P<n>\d{{1,2}}|\b{_SAID}) (?:in|out of) (?:every |a |one )?(?:hundred\b|100\b)"), _percent),
    (r"before |by ", _compile(rf"\b(?:order\w*|buy|pay)\b[^.!?]{{0,16}}? (?:before|by) (?P<h>\d{{1,2}}|{_SAID})(?= and\b| for\b"
                              rf"| to\b|,)"), _deadline),
    (r"满", _compile(rf"满(?P<n>{_HAN}{{1,6}})(?=[就立即再减打送包免，])"), _count),
    (r"and a half", _compile(rf"(?P<n>{_ANY})\s+(?P<unit>hour|day|week|month|year|kilo|litre|metre|foot|inch|ounce|pint|mile|yard"
                             rf"|gallon)s? and a half\b"),
     lambda match: _figure(match, *_with_half(match))),
    (r"\d|[a-z]{3}", _compile(rf"{_TRIPLE}[\s-]?(?P<unit>{_LONG})(?![A-Za-z])"), _measure),
    (r"\d\s?[a-z]",
     re.compile(rf"(?:(?P<z>{_NUMBER})\s*[x×*]\s*)?(?:(?P<a>{_NUMBER}){_JOIN})?(?P<n>{_NUMBER})\s?(?P<unit>{_SHORT}|{_SHORT.upper()})(?![A-Za-z])"),
     _measure),
    (r"[\u4e00-\u9fff]", _compile(rf"{_TRIPLE}\s*[多来余]?(?P<unit>{_ZH_UNITS})(?P<half>半)?"
                                  rf"(?P<more>零?[一二三四五六七八九]{{1,2}}(?![十百千万个罐盒袋瓶包条件只支片块份箱套桶串张本颗枚]))?"), _measure),
    (r"\d", _compile(rf"(?P<n>\d{{1,15}}(?:\.\d{{1,15}})?\s?[万亿]|{_NUMBER})(?:k\b)?"), _count),
    (_WORD, _compile(rf"\b(?P<n>{_SAID})\b"), _count),
    (_HAN, _compile(rf"(?P<n>{_HAN}{{1,16}})(?={_MEASURE_WORD})"), _count),
    (r"[十百千万]", _compile(rf"(?P<n>{_HAN}*[十百千万])(?=出头(?!的[你人女男年])|左右|上下|开外|往上)"), _count),
    (_HAN, _compile(rf"(?:费|贵|多花|少花|定金|押金|首付|不到|不足|不过|只花|花|低于|只要|仅需|只需|售价|只卖|价格|现价|定价|就要|才卖|才|省|立减|减"
                    rf"|便宜|优惠|抵|返)"
                    rf"(?P<n>{_HAN}{{2,}})(?=[，。！？,!?；;\s]|就|起|便|能|可|$)"), _count),
    (r"[百千万]", _compile(r"(?P<n>[一二两三四五六七八九][百千万][零〇一二两三四五六七八九十百千]+)"), _count),
)


def _with_half(match: re.Match[str]) -> tuple[str, Decimal | None, str]:
    kind, base, size = UNITS["个月" if match["unit"] == "月" else match["unit"].lower()]
    number = value_of(match["n"])
    return kind, None if number is None else (number + Decimal("0.5")) * size, base


_ANY_FIGURE = _compile(rf"\d|[½¼¾]|{_HAN}|[半双]|\b(?:{_WORD}|half|an?|one|quarter|third|fifth|tenth|fiver|tenner|{_COLLECTIVE})\b|{_FESTIVAL_AT}"
                       rf"|{_MONTH_AT}")


@cache
def _readers() -> tuple[tuple[re.Pattern[str], re.Pattern[str], Callable[[re.Match[str]], Iterator[Figure]]], ...]:
    """What must stand in a text for a reader to be worth running, its pattern and what it makes of a match."""
    return tuple((_compile(needs), pattern, read) for needs, pattern, read in _READERS)
