"""The desk: edits a text needs before and after learning, and faults of a translator that are stopped.

Both models and the editor are simulated, so the figures show that the ways from edits to the next request and from a translator's faults
to the reader are open or shut as they should be. They do not say how much a real model heeds what it is told.

Editor: a brand dislikes 5 of 12 phrases and has one opening sentence. The editor strikes every disliked phrase, and puts the opening first
where it is missing; each is one edit. After every fifth text a person confirms those proposed words to avoid that the brand dislikes.
Writer: an opening and two phrases drawn at random, then the facts; it heeds each line of the request (words never to write, how the brand
sounds) with a given probability. Every draft passes the real gate, every edit is kept on a real desk. Brands 0 to 9 were used to write this
file, brands 100 to 109 are judged; nothing of the desk was chosen on either.

Translator: knows the right sentence and makes one fault, in a sentence of a text or in all of them. Usage:

    python -m benchmarks.desk [--brands 10] [--texts 25]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from brandloom.content import desk, studio
from brandloom.content.desk.compare import changed
from brandloom.govern import Audit
from brandloom.ledger.database import open_ledger_at
from brandloom.llm import Message, ScriptedTextModel

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "desk.json"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HEEDS = (1.0, 0.7, 0.3, 0.0)
JUDGED = 100
"""First brand that is judged."""
PRODUCTS = {
    "en": [{"name": f"{first} {thing}", "material": material, "price": f"{price} GBP"} for first, thing, material, price in (
        ("Aurora", "Kettle", "steel", 49), ("Harbour", "Mug", "ceramic", 14), ("Willow", "Basket", "willow", 32), ("Linden", "Board", "oak", 27),
        ("Meadow", "Throw", "wool", 68), ("Quay", "Lamp", "brass", 85))],
    "zh": [{"名称": name, "材质": material, "价格": f"{price}元"} for name, material, price in (
        ("云杉水壶", "不锈钢", 129), ("青石马克杯", "陶瓷", 59), ("竹溪收纳篮", "竹", 88), ("白桦砧板", "橡木", 119),
        ("暖山盖毯", "羊毛", 299),
        ("灯塔台灯", "黄铜", 359))]}
PHRASES = {
    "en": ["kind of handy", "simply there", "quite at home", "ever so quiet", "well, hello", "nothing fancy", "just like that", "more or less ready",
           "pretty much yours", "day in, day out", "easy does it", "all in a row"],
    "zh": ["轻轻松松", "说走就走", "安安静静", "随时随地", "自在从容", "不慌不忙",
           "一如往常", "恰到好处", "有滋有味", "三三两两", "慢慢悠悠", "简简单单"]}
FILLED = {"en": "{phrase} on a slow morning.", "zh": "{phrase}的一个早晨。"}
OPENINGS = {"en": ["Sit down for a moment.", "Put the phone away.", "Open the window first.", "Come in and stay a while."],
            "zh": ["先坐下来歇一会儿。", "把手机放到一边。", "先打开窗户。", "进来坐坐吧。"]}
FACTS = {"en": "The {name} is made of {material}. {price}.", "zh": "{name}用{material}做成，{price}。"}


def ask(product: dict[str, str], language: str) -> studio.Asked:
    return studio.Asked.model_validate({"lang": language, "format": "product_description", "products": [product], "limits": {"text": [10, 400]}})


def join(sentences: Sequence[str], language: str) -> str:
    return ("" if language == "zh" else " ").join(sentences)


class Writer:
    """The simulated model; a context of its own random numbers, the same with and without learning."""

    def __init__(self, language: str, heed: float, seed: int) -> None:
        self.language, self.heed, self.seed, self.product = language, heed, seed, dict[str, str]()
        self.text = 0

    def __call__(self, messages: Sequence[Message], _schema: object) -> str:
        asked, rng = messages[-1].content, random.Random(f"{self.seed}/{self.text}/{self.language}")
        told = re.search(r"(?:Never write: |不要写：)(.*)", asked)
        forbidden = re.split("[,、] ?", told[1]) if told and rng.random() < self.heed else []
        shown = re.search(r"(?:We sound like this: |我们平时这样说话：)(.*)", asked)
        opening = rng.choice(OPENINGS[self.language])
        if shown and rng.random() < self.heed:
            opening = next((one for one in OPENINGS[self.language] if one in shown[1]), opening)
        phrases = rng.sample(PHRASES[self.language], 12)
        phrases = [one for one in phrases if not any(word and (word in one or one in word) for word in forbidden)][:2]
        sentences = [opening, *(FILLED[self.language].format(phrase=one[:1].upper() + one[1:]) for one in phrases), self.facts()]
        return json.dumps({"text": join(sentences, self.language)}, ensure_ascii=False)

    def facts(self) -> str:
        values = self.product
        keys = ("name", "material", "price") if self.language == "en" else ("名称", "材质", "价格")
        return FACTS[self.language].format(**dict(zip(("name", "material", "price"), (values[key] for key in keys), strict=True)))


class Editor:
    """The simulated person of one brand."""

    def __init__(self, language: str, brand: int) -> None:
        rng = random.Random(f"brand {brand}/{language}")
        self.language, self.opening = language, rng.choice(OPENINGS[language])
        self.disliked = rng.sample(PHRASES[language], 5)

    def edit(self, text: str) -> tuple[str, int]:
        """The text as it goes out, and how many edits it took."""
        edits = 0
        for phrase in self.disliked:
            sentence = FILLED[self.language].format(phrase=phrase[:1].upper() + phrase[1:])
            if sentence in text:
                text, edits = text.replace(sentence, "").replace("  ", " ").strip(), edits + 1
        if not text.startswith(self.opening):
            others = [one for one in OPENINGS[self.language] if text.startswith(one)]
            text, edits = join([self.opening, text[len(others[0]):].strip() if others else text], self.language), edits + 1
        return text, edits

    def dislikes(self, word: str) -> bool:
        return any(word in phrase or phrase in word for phrase in self.disliked)


def run_brand(brand: int, language: str, heed: float, texts: int, folder: Path, *, learn: bool) -> list[tuple[int, float]]:
    """Edits and share of words changed, text by text."""
    ledger = open_ledger_at(f"sqlite:///{folder / f'{brand}-{language}-{heed}-{learn}.sqlite'}")
    editor, writer = Editor(language, brand), Writer(language, heed, brand)
    at, model, needed = desk.Desk(ledger, Audit(ledger, b"k" * 32)), ScriptedTextModel(writer), list[tuple[int, float]]()
    for number in range(texts):
        now = BEGAN + timedelta(hours=number)
        writer.text, writer.product = number, PRODUCTS[language][number % len(PRODUCTS[language])]
        asked = ask(writer.product, language)
        asked = desk.taught(ledger, asked, brand="b") if learn else asked
        written = studio.write_copy(model, asked, variants=1)
        draft = written.drafts[0]
        (piece,) = at.keep(desk.from_written(written), brand="b", by="Ana", now=now)
        wanted, edits = editor.edit(str(draft.copy["text"]))
        needed.append((edits, changed(draft.copy, {"text": wanted})))
        if edits and piece.version == 1:  # a draft written twice is one piece
            at.edit(piece.id, {"text": wanted}, base=piece.version, by="Ana", now=now)
        if learn and number % 5 == 4:
            for one in desk.struck_words(ledger, brand="b", language=language):
                if editor.dislikes(one.word):
                    at.judge_word(one.word, brand="b", language=language, avoid=True, by="Ana", now=now)
    ledger.close()
    return needed


def learning(brands: Sequence[int], texts: int) -> list[dict[str, Any]]:
    """Mean edits per text at the beginning and the end, with and without what the desk learned."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for language in ("en", "zh"):
            for heed in HEEDS:
                ours, plain = ([run_brand(brand, language, heed, texts, Path(folder), learn=learn) for brand in brands] for learn in (True, False))
                rows.append({"lang": language, "heed": heed, "first_5": _mean(ours, 0, 5), "last_10": _mean(ours, texts - 10, texts),
                             "last_10_without": _mean(plain, texts - 10, texts), "ours_minus": _difference(ours, plain, texts - 10, texts),
                             "changed_last_10": _mean(ours, texts - 10, texts, 1), "changed_without": _mean(plain, texts - 10, texts, 1)})
                print(rows[-1], flush=True)
    return rows


def _per_brand(runs: Sequence[Sequence[tuple[int, float]]], low: int, high: int, which: int) -> Any:
    return np.array([np.mean([one[which] for one in run[low:high]]) for run in runs])


def _interval(values: Any) -> dict[str, float]:
    drawn = np.random.default_rng(1).choice(values, (2000, len(values))).mean(axis=1)
    return {"value": round(float(values.mean()), 4), "low": round(float(np.quantile(drawn, 0.025)), 4),
            "high": round(float(np.quantile(drawn, 0.975)), 4)}


def _mean(runs: Sequence[Sequence[tuple[int, float]]], low: int, high: int, which: int = 0) -> dict[str, float]:
    return _interval(_per_brand(runs, low, high, which))


def _difference(ours: Sequence[Sequence[tuple[int, float]]], plain: Sequence[Sequence[tuple[int, float]]], low: int, high: int) -> dict[str, float]:
    return _interval(_per_brand(ours, low, high, 0) - _per_brand(plain, low, high, 0))


# Sentences as the model sees them, both ways right; [1] is the name, [2] the price, [3] and more other figures.
SENTENCES = [
    ("[1]用[2]做成，容量[3]，[4]。", "The [1] is made of [2], holds [3] and costs [4]."),
    ("出门前装满水，放进包里。", "Fill it with water before you go out and put it in your bag."),
    ("[1]不含双酚A，[4]。", "The [1] is free of BPA and costs [4]."),
    ("周末在家，给自己泡一壶茶。", "At home on the weekend, make yourself a pot of tea."),
    ("[2]的壶身，[3]的容量。", "A body of [2], and room for [3]."),
    ("用完之后擦干，放在窗边。", "Dry it after use and leave it by the window."),
    ("[1]，[4]，现在就可以看看。", "The [1], [4]: have a look now."),
    ("杯身防水，下雨也不怕。", "The body is waterproof, so rain is no worry."),
]
MATERIALS = [("不锈钢", "stainless steel"), ("陶瓷", "ceramic"), ("玻璃", "glass"), ("竹", "bamboo")]
NAMES = [("云杉壶", "Spruce Pot"), ("青石壶", "Bluestone Pot"), ("白桦壶", "Birch Pot"), ("灯塔壶", "Lighthouse Pot")]


def _drop(text: str, marks: list[str]) -> str:
    return text.replace(marks[-1], "", 1)


def _swap(text: str, marks: list[str]) -> str:
    first, last = marks[-2], marks[-1]
    return text.replace(first, "\0").replace(last, first).replace("\0", last)


FAULTS: dict[str, tuple[int, Callable[[str, list[str]], str], Callable[[str, list[str]], str]]] = {
    # kind: marks needed, what becomes of an English and of a Chinese sentence
    "mark lost": (1, _drop, _drop),
    "mark doubled": (1, lambda text, marks: f"{text} {marks[0]}.", lambda text, marks: f"{text}{marks[0]}。"),
    "mark invented": (0, lambda text, marks: f"{text} Also [9].", lambda text, marks: f"{text}还有[9]。"),
    "figures swapped": (2, _swap, _swap),
    "figure added": (0, lambda text, marks: f"{text} It takes 3 days.", lambda text, marks: f"{text}三天送到。"),
    "price invented": (0, lambda text, marks: f"{text} Was 99 GBP.", lambda text, marks: f"{text}原价999元。"),
    "claim added": (0, lambda text, marks: f"{text} It is award-winning.", lambda text, marks: f"{text}荣获设计大奖。"),
    "health claim": (0, lambda text, marks: f"{text} It cures headaches.", lambda text, marks: f"{text}能治头痛。"),
    "unlawful word": (0, lambda text, marks: f"{text} The best in the world.", lambda text, marks: f"{text}国家级品质。"),
    "name invented": (0, lambda text, marks: f"{text} As seen at Contoso.", lambda text, marks: f"{text}Contoso同款。"),
    "other matter": (0, lambda text, marks: "Call your mother today." + "".join(f" {mark}." for mark in marks),
                     lambda text, marks: "今天给妈妈打个电话。" + "".join(f"{mark}。" for mark in marks)),
    "not translated": (0, lambda text, marks: "今天不想翻译。" + "".join(marks), lambda text, marks: "Not today. " + " ".join(marks)),
    "nothing": (0, lambda text, marks: "", lambda text, marks: ""),
}


def translating() -> dict[str, Any]:
    """Right sentences that are carried over and faulty ones that are stopped, both ways."""
    rows: dict[str, dict[str, Any]] = {}
    for to in ("en", "zh"):
        right = [_carry(number, sentence, to, None) for number in range(len(NAMES)) for sentence in range(len(SENTENCES))]
        rows[f"right, into {to}"] = {"carried": sum(right), "of": len(right)}
        for fault in FAULTS:
            tried = [_carry(number, sentence, to, fault) for number in range(len(NAMES)) for sentence in range(len(SENTENCES))
                     if _marks(sentence) >= FAULTS[fault][0]]
            rows[f"{fault}, into {to}"] = {"carried": sum(tried), "of": len(tried)}
    return rows


def _marks(sentence: int) -> int:
    return len(re.findall(r"\[\d\]", SENTENCES[sentence][0]))


def _carry(number: int, sentence: int, to: str, fault: str | None) -> bool:
    """Whether one sentence reached the reader."""
    (zh_name, en_name), (zh_material, en_material) = NAMES[number], MATERIALS[number]
    size, price = 500 + 100 * number, 49 + 10 * number
    zh, en = SENTENCES[sentence]
    values = {"zh": {"[1]": zh_name, "[2]": zh_material, "[3]": f"{size}毫升", "[4]": f"{price}元"},
              "en": {"[1]": en_name, "[2]": en_material, "[3]": f"{size} ml", "[4]": f"{price} yuan"}}
    here, there = ("zh", "en") if to == "en" else ("en", "zh")
    source, target = (zh, en) if to == "en" else (en, zh)
    text = source
    for mark, value in values[here].items():
        text = text.replace(mark, value)
    # The marks are numbered in the order in which they stand in the source.
    order = {mark: f"[{at}]" for at, mark in enumerate(re.findall(r"\[\d\]", source), start=1)}
    source, target = (re.sub(r"\[\d\]", lambda match: order[match[0]], one) for one in (source, target))
    marks = list(order.values())
    wrong = target if fault is None else FAULTS[fault][1 if to == "en" else 2](target, marks)
    # A faulty translator reads its own fault back as it wrote it, but for what is about another matter.
    back = source if wrong == target else {"other matter": "别的事" if here == "zh" else "Something else"}.get(str(fault), source)
    if fault == "figures swapped":
        back = _swap(source, marks)

    def reply(messages: Sequence[Message], _schema: object) -> str:
        forth = messages[-1].content.partition(": ")[2].partition("\n")[0] == source
        return json.dumps({"text": wrong if forth else back}, ensure_ascii=False)

    keys = {"zh": ("名称", "材质", "容量", "价格"), "en": ("name", "material", "capacity", "price")}[here]
    product = dict(zip(keys, values[here].values(), strict=True))
    product |= ({"防水": "是", "双酚A": "不含"} if here == "zh" else {"waterproof": "yes", "BPA": "no"})
    glossary = {values[here][mark]: values[there][mark] for mark in ("[1]", "[2]")}
    done = desk.translate(ScriptedTextModel(reply), ask(product, here), {"text": text}, to, glossary=glossary)
    return not done.left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brands", type=int, default=10)
    parser.add_argument("--texts", type=int, default=25)
    parser.add_argument("--first", type=int, default=JUDGED, help="number of the first brand; below 100 is the development half")
    options = parser.parse_args()
    started = time.perf_counter()
    translated = translating()
    for name, one in translated.items():
        print(name, one, flush=True)
    rows = learning(range(options.first, options.first + options.brands), options.texts)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    result = {"commit": commit, "at": datetime.now(UTC).isoformat(), "data": f"simulated, {options.brands} brands, {options.texts} texts each",
              "seconds": round(time.perf_counter() - started, 1),
              "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
              "brands": options.brands, "texts": options.texts, "learning": rows, "translation": translated}
    if options.first >= JUDGED:
        RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
