"""The page of results: one section per benchmark, made from its JSON file; a missing one says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HEAD = """# Benchmark results

Made by `python -m benchmarks.run --render` from the files in `benchmarks/results`; do not edit. Square brackets hold 95 %
intervals (bootstrap unless named otherwise). Data: UCI Online Retail (CC BY 4.0), see `NOTICE`. Machines that ran other work at
the same time are slower than they need be: compare ratios, not seconds.
"""
TITLES = {
    "load": "Loading orders, beside plain DuckDB COPY", "loop": "The loop by number of customers",
    "profiles": "Profiles of everybody",
    "segments": "Segments written as rules",
    "identity": "Ids that are one person",
    "purchase": "Purchase and spend predictions", "predict_speed": "Purchase predictions of everybody: time and memory",
    "lifetime": "Customers over their lifetime",
    "sessions": "Which visits end in a purchase", "predict_table": "A company's own tables",
    "uplift": "Uplift: whom an e-mail changes", "recommend": "Recommendations from a log",
    "recommend_shop": "Recommendations in the loop", "demo": "The demo",
    "compliance": "Advertising law",
    "attacks": "Attacks: personal data, instructions, markup, links, templates, tables, keys",
    "facts": "The fact gate",
    "facts_opinion": "The second opinion on facts",
    "judge": "A model's first token as a judge of facts",
    "assemble": "Messages of one campaign for a million people",
    "content": "Copy by the embedded model",
    "headlines": "Which headline wins, and finding it while sending",
    "response": "The scorer that ships, and a shop's own tests",
    "waves": "Campaigns in waves that learn",
    "brand": "Brand kits: whose text is it",
    "desk": "The desk: edits needed after learning, and a translator's faults",
    "articles": "Keywords from the shop's own language",
    "adapter": "An adapter trained on half of a set of copy, judged on the other half",
}
NAMES = tuple(TITLES)
DASH = "–"


def page(results: Path) -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name, title in TITLES.items():
        file = results / f"{name}.json"
        body = SECTIONS[name](json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else ["Not run."]
        parts.append("\n\n".join([f"## {title}", *body]) + "\n")
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is to the right."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def source(result: dict[str, Any]) -> str:
    """Where figures come from: commit, day, data, machine."""
    machine = result.get("machine")
    if isinstance(machine, dict):
        load = machine.get("load_average")
        parts = [f"{machine.get('cores', '?')} cores", str(machine.get("platform", "?")), f"Python {machine.get('python', '?')}"]
        machine = ", ".join([*parts, *([f"load average {load} at the start"] if load is not None else [])])
    else:
        machine = f"{machine or '?'}, Python {result.get('python', '?')}"
    day = str(result["at"])[:10] if result.get("at") else "day not recorded"
    return f"Commit `{str(result.get('commit') or '?')[:7]}`, {day}, {result.get('data', '?')}; {machine}."


def number(value: float | None, digits: int = 0) -> str:
    return DASH if value is None else f"{value:,.{digits}f}"


def between(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """'0.754 [0.743, 0.764]'"""
    if value is None:
        return DASH
    ends = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"


def load(result: dict[str, Any]) -> list[str]:
    rows = [(f"{one['rows']:,}", number(one.get("ours_rows_per_s")), number(one.get("copy_rows_per_s")),
             f"{between(one.get('ratio'), None, None, 2)} ({number(one.get('ratio_lowest'), 2)} to {number(one.get('ratio_highest'), 2)})",
             number(one.get("cpu_ratio"), 2), number(one.get("ratio_unordered"), 2), number(one.get("ours_peak_mb")), str(one.get("repeats", DASH)))
            for one in result["results"]]
    return [source(result),
            "`brandloom load` recognises columns, parses, deduplicates, judges every row, makes pseudonyms and keeps the rejects; COPY "
            "only parses into a typed table. A ratio of 1 would be as fast as COPY; in brackets the lowest and highest of the runs. Plain COPY, as "
            "DuckDB comes, keeps the order of the file, as loading does; free to store rows in any order (`preserve_insertion_order = false`) it is "
            "faster, and the last ratio is to that.",
            table(["rows", "rows/s", "COPY, rows/s", "ratio", "ratio of CPU time", "ratio, COPY in any order", "peak MB", "runs"], rows)]


def loop(result: dict[str, Any]) -> list[str]:
    sizes = result["results"]
    columns = [{one["stage"]: one for one in size["stages"]} for size in sizes]
    growth = result.get("growth") or {}
    head = ["stage", *(f"{size['counts']['customers']:,} customers" for size in sizes), *(["growth"] if growth else [])]
    rows = []
    for stage in dict.fromkeys(name for column in columns for name in column):
        cells = [_cost(column.get(stage)) for column in columns]
        rows.append([stage, *cells, *([", ".join(number(slope, 2) for slope in growth.get(stage, [])) or DASH] if growth else [])])
    note = (f"Seconds and peak memory per stage. Language model: {result.get('language_model', '?')}. Sending stops after "
            f"{result.get('messages', '?')} messages. Growth is the slope of log seconds over log customers between neighbouring sizes; "
            "1 is linear.")
    return [source(result), note, table(head, rows)]


def _cost(stage: dict[str, Any] | None) -> str:
    return DASH if stage is None else f"{stage['seconds']:,.2f} s, {stage['peak_mb']:,.0f} MB"


def _models(part: dict[str, Any], digits: dict[str, int]) -> str:
    names = list(part["models"]["brandloom"])
    rows = []
    for model, found in part["models"].items():
        cells = []
        for name in names:
            one, places = found.get(name, {}), digits.get(name, 3)
            low, high = one.get("interval") or (None, None)
            cells.append(between(one.get("mean"), low, high, places) + _gap(one, places))
        rows.append([model, *cells])
    return table(["model", *names], rows)


def _gap(one: dict[str, Any], places: int) -> str:
    if "ours_minus" not in one:
        return ""
    low, high = one["ours_minus_interval"]
    return f"<br>ours minus this: {between(one['ours_minus'], low, high, places)}"


def purchase(result: dict[str, Any]) -> list[str]:
    buys, spends = result["purchase_30_days"], result["spend_90_days"]
    return [source(result),
            f"Judged out of time; our settings were chosen on {result.get('tuned_on', '?')}. Brier score, calibration error (ece), mae and "
            "rmse are better when lower, the others when higher; differences are paired over customers.",
            f"Purchase within 30 days, mean over the cutoffs {', '.join(buys['cutoffs'])}:", _models(buys, {}),
            "Share of ten equally filled bins of the prediction whose observed share of buyers lies within the 80 % interval, at each cutoff: "
            + ", ".join(number(share, 2) for share in buys["interval_coverage_of_bins"]) + "."
            + (" Calibration error (ece) that chance alone brings to probabilities that are exactly right, with as many customers: "
               + ", ".join(number(one, 3) for one in buys["ece_of_chance"]) + "." if "ece_of_chance" in buys else ""),
            f"Spend within 90 days, mean over the cutoffs {', '.join(spends['cutoffs'])}:", _models(spends, {"mae": 0, "rmse": 0})]


def predict_table(result: dict[str, Any]) -> list[str]:
    """Conversion tables beside boosted trees, tuned ones and their mean, and tables of 300 rows."""
    absent = f" Not installed, so left out: {', '.join(result['absent'])}." if result["absent"] else ""
    made = [source(result),
            f"Stratified {result['folds']}-fold; mean over the folds judged, differences paired over rows. Log loss and ece are better when "
            f"lower. Our settings were chosen on {result['tuned_on']}; `lightgbm_tuned` has {result['trials']} trials of optuna on the "
            f"training rows.{absent}"]
    for name, one in result["sets"].items():
        made += [f"**{name}**, {one['rows']:,} rows, {one['columns']} columns, base rate {one['base_rate']:.3f}, {one['folds_judged']} of "
                 f"{result['folds']} folds judged:", _models(one, {})]
        small = one["small"]
        if small is None:
            made.append("Tables of 300 rows: not run.")
            continue
        peers = ", ".join(f"{peer} {count}" for peer, count in small["draws_worse_than_base_rate_of_peers"].items())
        made += [f"Tables of {small['rows']} rows, mean of {small['draws']} draws, intervals over draws; worse than the base rate in log loss: ours "
                 f"{small['draws_worse_than_base_rate']} (by at most {max(0.0, small['worst_excess_over_base_rate']):.3f}), {peers}:",
                 _models(small, {})]
    return made


def recommend(result: dict[str, Any]) -> list[str]:
    made = ["Recall and NDCG at 10 with 95 % intervals over people, ranked among all products, ties by lot; peers fitted and tuned in the same run. "
            "`beyond accuracy`: share of the catalogue shown, mean place in popularity (1 is the most popular) of what is shown."]
    for name, one in result.items():
        apart = [("everybody" if one["protocol"] == "time-split" else None, one), *((part, found) for part, found in one.get("apart", {}).items())]
        made += [f"### {name}, {one['protocol']}", source(one)]
        for title, found in apart:
            groups = list(found["people"])
            rows = [[model, *(f"{_interval(parts[group]['recall'])}, {_interval(parts[group]['ndcg'])}" for group in groups),
                     f"{parts['beyond']['coverage']:.3f}, {parts['beyond']['popularity_place']:.3f}"] for model, parts in found["models"].items()]
            gaps = found["ours_minus_best_peer"]
            rows.append(["ours minus the best peer",
                         *(f"{_interval(gaps[group]['recall'])}, {_interval(gaps[group]['ndcg'])}" for group in groups), ""])
            made.append(table([title or "model", *(f"{group} ({found['people'][group]:,})" for group in groups), "beyond accuracy"], rows))
        parts = one["ablation"]
        alone = ", ".join(f"{part} {value:.4f}" for part, value in sorted(parts["ndcg"].items(), key=lambda item: -item[1]))
        made.append(f"NDCG of its parts alone: {alone}. Ours minus its best part ({parts['best_part']}): {_interval(parts['ours_minus_best_part'])}. "
                    f"Fitted in {one['fit_seconds']} s; the whole run {one['seconds']} s and {one['peak_memory_mb']} MB.")
        if "cold" in one:
            cold = one["cold"]
            made.append(f"Products held out of the log ({cold['products']}), ranked among themselves for {cold['people']:,} people, recall at 20: "
                        + ", ".join(f"{method} {_interval(found['recall_at_20'])}" for method, found in cold["methods"].items()) + ".")
    return made


def recommend_shop(result: dict[str, Any]) -> list[str]:
    rows = []
    for date in result["results"]:
        for method, found in date["methods"].items():
            rows.append([f"{date['cutoff']}, {method}", *(_interval(found[name]) for name in found)])
        for other, gaps in date["ours_minus"].items():
            rows.append([f"{date['cutoff']}, ours minus {other}", *(_interval(gaps[name]) for name in gaps)])
    names = list(result["results"][0]["methods"]["ours"])
    return [source(result),
            f"{result['k']} products per customer, judged on what those who bought again bought in the {result['horizon_days']} days after "
            "the date. `popular`: the products most bought lately; `own`: what the person bought most often. `hits_new` and `hits_again` "
            "count recommended and bought products that are new to the person and that are not.",
            table(["date, method", *names], rows)]


def _interval(one: dict[str, float]) -> str:
    return between(one["mean"], one["low"], one["high"])


def demo(result: dict[str, Any]) -> list[str]:
    stages = [(one["stage"], number(one["seconds"], 1), number(one["peak_mb"])) for one in result["stages"]]
    texts, messages, buyers = (result.get(name) or {} for name in ("texts", "messages", "later_buyers"))
    facts = [("Whole process, seconds (without fetching the language model)", number(result.get("seconds"), 1)),
             ("Peak memory of all its processes, MB", number(result.get("peak_mb"))),
             (f"Texts written by {texts.get('model', '?')}: as written / after one repair / from the template",
              " / ".join(number(texts.get(name)) for name in ("as_written", "repaired", "templates"))),
             ("Messages sent / read back from the mail server", " / ".join(number(messages.get(name)) for name in ("sent", "read_back")))]
    words = {"model": "by the model", "random": "at random", "recent": "by most recent purchase"}
    facts += [(f"Share of all later buyers held by as many people chosen {words[name]}", _share(buyers[name])) for name in words
              if buyers.get(name)]
    if result.get("effect"):
        facts += [("Simulated effect of sending, found", _share(result["effect"])), ("Its true value", number(result.get("true_effect"), 3))]
    return [source(result), table(["stage", "seconds", "peak MB"], stages), table(["figure", "value"], facts)]


def assemble(result: dict[str, Any]) -> list[str]:
    one = result["results"][0]
    facts = [("Messages, processes", f"{one['people']:,}, {one['processes']}"),
             ("Calls to the model per 1,000 people", number(one["calls_per_1000_people"], 2)),
             ("Messages rendered and verified per second", number(one["messages_per_s"])),
             ("The same per second of processor", number(one["messages_per_cpu_s"])),
             ("Refused by the last look", number(one["refused"])),
             ("Parsed once more by another program / with a wrong price, name or link", f"{one['parsed']:,} / {one['wrong']:,}"),
             ("Memory of a process after a tenth / at the end, MB", f"{number(one['early_mb'])} / {number(one['late_mb'])}")]
    return [source(result), f"HTML and text form, {number(one['mean_bytes'] / 1000, 1)} thousand characters a message, {one['variants']} variants "
            "(persona, product group, language).", table(["figure", "value"], facts)]


def content(result: dict[str, Any]) -> list[str]:
    rows = []
    for one in result["results"]:
        rows.append([one["set"], str(one["products"]), f"{one['at_once']} / {one['own']} / {one['variants']}",
                     between(one["own_share"], one["own_low"], one["own_high"], 2), f"{one['peer_passed']} / {one['variants']}",
                     number(one["calls"] / one["variants"], 1), number(one["seconds"] / one["variants"], 0), number(one["coverage"], 2),
                     number(one["reference_coverage"], 2), f"{number(one['similarity'], 2)} / {number(one['peer_similarity'], 2)}",
                     f"{one['digits_known']} / {one['own']}", f"{one['supported']} / {one['own']}"])
    return [source(result),
            f"{result['model']} through the studio, on products drawn by a seed, forms in turn; the copy is in `docs/samples/copy.md`. `own`: "
            "texts of the model, at once or after mending, as against the bare facts. The peer is the same model and example without angles and "
            "second tries, sampled at 0.7. `carried`: values of the record that stand in the copy. `alike`: mean similarity of the variants of "
            "one product, ours and the peer's, where both have two. Second looks: all digits stand in the record; the model itself, asked once "
            "more, finds every statement supported.",
            table(["set", "products", "at once / own / all", "own", "peer passes", "calls a text", "seconds a text", "carried",
                   "carried by references", "alike, ours / peer", "digits known", "found supported"], rows)]


def headlines(result: dict[str, Any]) -> list[str]:
    scores, bandits = result["scores"], result["bandits"]
    share = lambda one: between(one["value"], one["low"], one["high"])  # noqa: E731
    rows = [[name.replace("_", " "), share(one["all"]["accuracy"]), number(one["all"]["auc"], 3), share(one["judging"]["accuracy"]),
             number(one["judging"]["auc"], 3)] for name, one in scores["methods"].items()]
    apart, horizons = scores["stories_apart"], bandits["horizons"]
    rules = [[name.replace("_", " "), *(share(one["share"][name]) for one in horizons)] for name in horizons[0]["share"]]
    rules += [[f"ours minus {name.replace('_', ' ')}", *(share(one["ours_minus"][name]) for one in horizons)]
              for name in ("thompson_flat", "test_25_then_commit", "warm_300_narrowed_20")]
    rules += [[f"ours defaults, {waves} waves", *(share(one["waves"][waves]) for one in horizons)] for waves in horizons[0]["waves"]]
    rules.append(["clicks: even split / oracle", *(f"{number(one['even_clicks'], 2)} / {number(one['oracle_clicks'], 2)}" for one in horizons)])
    sure = [(f"{one['from']:.1f} to {one['from'] + 0.1:.1f}", number(one["pairs"]), number(one["predicted"], 3), number(one["observed"], 3))
            for one in scores["calibration"]]
    return [source(result),
            f"Which of two headlines of one test and picture wins: {scores['pairs']:,} pairs with |z| > 1.96 in {scores['tests']} tests (Upworthy "
            "Research Archive, CC BY 4.0, half a of the exploratory set), out of fold, folds over groups of tests that share a headline; intervals "
            "over these groups. `judging`: the half no setting was chosen on. The blend is the mean of the four peers above it.",
            table(["score", "accuracy, all", "AUC", "accuracy, judging", "AUC"], rows),
            f"Ours minus the blend {share(scores['ours_minus_blend'])}; minus ours without the encoder "
            f"{share(scores['ours_minus_ours_without_encoder'])}; {_shipped(scores)}. With "
            f"tests of one story in one fold too: {share(apart['accuracy'])}, AUC "
            f"{number(apart['auc'], 3)}. Five fits take {number(scores['five_fits_cpu_seconds'])} CPU seconds without the encoder's own time.",
            "Its probability that the likelier headline wins, beside how often it had the higher observed rate (all pairs, chance included):",
            table(["probability", "pairs", "mean", "observed"], sure),
            f"Impressions allocated in {bandits['tests']:,} tests of 2 to 6 headlines, 50 waves, observed rates as truth: share of the gain of an "
            "oracle over an even split. `ours`: the two settings chosen on one half of the tests and judged on the other, and the reverse; `no "
            "scorer`: without predictions; `floor 10`: a tenth dealt evenly, so that the log can judge other rules.",
            table(["rule", *(f"{one['impressions']:,} impressions" for one in horizons)], rules)]


def _shipped(scores: dict[str, Any]) -> str:
    """The figures that a run from before the shipped scorer lacks."""
    if "command" not in scores:
        return "the shipped scorer's recipe: see below"
    recipe, command = (between(one["value"], one["low"], one["high"]) for one in (scores["ours_shipped_recipe_minus_blend"], scores["command"]))
    return f"the shipped scorer's recipe minus the blend {recipe}; `brandloom copy-tests learn --alone` says of itself on this file {command}"


def articles(result: dict[str, Any]) -> list[str]:
    names = {"gap": "gap of the set", "single": "gap of one keyword", "words": "cut like words"}
    rows = []
    for one in result["results"]:
        for method, found in one["methods"].items():
            rows.append([f"{one['set']}, {method.replace('_', ' ')}", *(_share(found[name]) if name in found else DASH for name in names)])
            if "ours_minus_gap" in found:
                rows.append([f"{one['set']}, ours minus this", *(_share(found[f"ours_minus_{name}"]) if f"ours_minus_{name}" in found else DASH
                                                                 for name in names)])
    sets = "; ".join(f"{one['set']}: {one['categories']} categories, {one['texts']:,} texts" for one in result["results"])
    return [source(result),
            f"{result['keywords']} keywords a category, found in one half of its texts and judged on the other, on the `{result['half']}` "
            f"categories; no setting was chosen on these ({sets}). `gap of the set`: share of unseen texts of the category that hold at least "
            "one keyword, less "
            "that of other categories; `gap of one keyword`: the same for one at a time, which rewards saying one thing twenty times; `cut like "
            "words`: share of occurrences that begin and end where the words of an independently cut corpus do. Intervals over categories.",
            table(["set, method", *names.values()], rows)]


def _share(one: dict[str, float]) -> str:
    return between(one.get("value"), one.get("low"), one.get("high"))


def compliance(result: dict[str, Any]) -> list[str]:
    halves, listed = result["halves"], result.get("labelled") or {}
    names = list(dict.fromkeys(name for half in halves.values() for name in half["rules"]))
    rows = [[name, *(_wilson(half["rules"].get(name)) for half in halves.values())] for name in names]
    rows += [[f"word list alone: {name}", *(_wilson(half["word_list"].get(name)) for half in halves.values())]
             for name in ("zh breaches found", "zh false alarms")]
    kinds = list(dict.fromkeys(kind for half in halves.values() for kind in half["disguised"]))
    rows += [[f"disguised, {kind}", *(_wilson(half["disguised"].get(kind)) for half in halves.values())] for kind in kinds]
    speed = [(name, number(one["messages"]), number(one["seconds"], 1), number(one["cpu_seconds"], 1)) for name, one in result["speed"].items()]
    sights = result["first_sight"]["sets"]
    one = next(iter(result["speed"].values()))
    return [source(result),
            "Each `fresh` set was written before it was judged and judged once before its misses were mended. First sight, the figures to believe "
            "(found or stopped in vain, of all; one hand wrote sentences and rules but of the last set, mostly oblique wording on purpose):",
            table(["first sight", *(row["set"] for row in sights)], [[name, *(row[name] for row in sights)] for name in sights[0] if name != "set"]),
            "Now, with Wilson intervals; every set up to fresh5 has been used to mend the rules, so these show only that nothing was lost. "
            "A breach is found when the text does not pass, a sector's ban only when it is blocked. The word list is the one the rules began with.",
            table(["share", *halves], rows),
            f"Of two breaches in one text, both are pointed at: {_wilson(result['every_breach'])}.",
            f"Labelled sentences of the shared word list that the review judges right: {listed.get('right', DASH)} of {listed.get('of', DASH)}.",
            *_conduct(result.get("conduct", {}), result.get("respect_in_catalogues", {})),
            f"Checking {one['characters']}-character messages with {one['workers']} processes:",
            table(["messages", "number", "seconds", "CPU seconds"], speed)]


def _conduct(halves: dict[str, Any], catalogues: dict[str, Any]) -> list[str]:
    """Respect, links, personal data, readability and likeness."""
    if not halves:
        return []
    rows = [[name, *(_wilson(half.get(name)) for half in halves.values())] for name in next(iter(halves.values()))]
    real = "; ".join(f"{name} {_wilson(one)}" for name, one in catalogues.items())
    return ["Conduct. `dev` was written before the rules and used for them, `judge` written with it and judged once; one hand wrote sentences and "
            "rules, so a stranger's sentences will do worse.", table(["share", *halves], rows),
            *([f"Rows of real catalogues in which a word of the respect pack is found: {real}."] if real else [])]


def _rounds(rounds: dict[str, Any], first: dict[str, dict[str, int]]) -> list[str]:
    """Sentences written afresh before each round of mending: as the gate first met them, and as it judges them now."""
    rows = [[f"{name}, {verdict}", *([f"{first[name][f'{verdict}_stopped']}/{first[name][f'{verdict}_count']}"] if name in first else [DASH]),
             *(f"{sum(one['hits'] for one in given[f'{verdict} {language}'].values())}"
               f"/{sum(one['count'] for one in given[f'{verdict} {language}'].values())}" for language in ("en", "zh"))]
            for name, given in rounds.items() for verdict in ("false", "true")]
    return ["Further sets, each written before it was judged and then used to mend the gate. What they gave at their first run "
            "is what unseen wordings may expect.", table(["stopped", "first run", "en, now", "zh, now"], rows)]


def judge(result: dict[str, Any]) -> list[str]:
    share = lambda one: between(one["value"], one["low"], one["high"]) if one else DASH  # noqa: E731
    parts = [source(result)]
    for one in result["results"]:
        line, rows = one["calibration"], []
        for name in dict.fromkeys(key.partition(", ")[2] for key in one["unseen"]):
            rows.append([name, *(_gate(one[where][f"{verdict}, {name}"]) if f"{verdict}, {name}" in one[where] else DASH
                                 for where in ("unseen", "development") for verdict in ("false", "true"))])
        parts += [
            f"{one['model']}, asked about one sentence at a time with its record, {one['seconds']} s each. Its answers are worth a probability only "
            f"through a line fitted on {line['sentences']} sentences of the development sets; it stops what is less likely than {line['least']}, "
            "the 2 % quantile of the true ones there. Unseen: round 5, which neither the rules nor the judge met before. Unless asked for, the "
            f"judge is {'on' if line['default'] else 'off'}: it is on where it stops a quarter of the unseen false sentences that the rules let "
            "pass, and at most 2 % of the true ones.",
            table(["stopped by", "false, unseen", "true, unseen", "false, development", "true, development"], rows),
            table(["AUC of the judge alone", "share"], [
                *((f"development, {language}", share(one["auc_development"][language])) for language in ("en", "zh")),
                *((f"unseen, {name}", share(value)) for name, value in one["auc_unseen"].items()),
                ("four sentences with one false among them, asked as a whole", share(one["four_whole"])),
                ("the same, its weakest sentence asked alone", share(one["four_apart"]))])]
    return parts


def facts(result: dict[str, Any]) -> list[str]:
    kinds = list(result["judging"]["false en"])
    halves = {"judging": "judging", "development": "development"}
    rows = [[f"false, {kind}", *(_gate(result[half][f"false {language}"][kind]) for half in halves for language in ("en", "zh"))] for kind in kinds]
    rows.append(["true", *(_gate(result[half][f"true {language}"]["all"]) for half in halves for language in ("en", "zh"))])
    hand = [[f"{name}, {verdict}", *(f"{sum(one['hits'] for one in result[name][f'{verdict} {language}'].values())}"
                                     f"/{sum(one['count'] for one in result[name][f'{verdict} {language}'].values())}" for language in ("en", "zh"))]
            for name in ("hand", "late") for verdict in ("false", "true")]
    said, speed = result["references"], result["speed"]
    return [source(result),
            "Share of sentences stopped, with Wilson intervals: false claims of ten kinds and true sentences about real products. Sentence "
            "families and products of the judging half were held out until the gate stood and seen after its first run: it has met "
            "them since.",
            table(["stopped", *(f"{half}, {language}" for half in halves for language in ("en", "zh"))], rows),
            "Sentences written by hand, `hand` before the gate and `late` near its end; both have since been used to mend it. At their first run "
            "the gate stopped fewer of the false ones and more of the true ones: see `facts_cases/README.md`.",
            table(["stopped", "en", "zh"], hand),
            *_rounds(result["rounds"], result.get("first_runs", {})),
            f"Human-written references of advertisegen that the gate would stop, for saying more than their attributes: {_gate(said['stopped'])}; "
            f"most often for {', '.join(said['reasons'])}.",
            f"Speed: {speed['sentences_per_s']} sentences with their records per second on one core; {speed['record_of_200_fields_ms']} ms for a "
            "record of 200 worded fields read anew."]


def facts_opinion(result: dict[str, Any]) -> list[str]:
    share = lambda one: between(one["value"], one["low"], one["high"], 2)  # noqa: E731
    kinds = ("rules found", "both found", "rules false alarms", "both false alarms")
    named = {f"{result['set']}, unseen, {part}": result["unseen"][part] for part in ("zh", "en", "all")} | {
        "families, judging half": result["families"]["all"]}
    rows = [[name, *(share(one[kind]) for kind in kinds)] for name, one in named.items()]
    left = [[name, number(one["auc"], 2), *(share(one[kind]) for kind in kinds)] for name, one in result["by_hand"].items()]
    return [source(result),
            "Share of false sentences found and of true ones stopped, by the rules alone and as `check-copy` judges, which hears both. "
            f"`{result['set']}` is by a hand that neither had met; nothing was mended on it. Cost: {result['unseen']['ms']['rules']} ms a sentence "
            f"with its record without the opinion, {result['unseen']['ms']['both']} with it, the record read once more each time.",
            table(["sentences of", "rules find", "both find", "rules: false alarms", "both: false alarms"], rows),
            f"Learned from {result['sentences']:,} sentences, the hand in question left out:",
            table(["sentences of", "AUC", "rules find", "both find", "rules: false alarms", "both: false alarms"], left)]


def desk(result: dict[str, Any]) -> list[str]:
    share = lambda one, digits=2: between(one["value"], one["low"], one["high"], digits)  # noqa: E731
    rows = [[f"{one['lang']}, heeds {one['heed']:.0%}", share(one["first_5"]), share(one["last_10"]), share(one["last_10_without"]),
             share(one["ours_minus"]), share(one["changed_last_10"]), share(one["changed_without"])] for one in result["learning"]]
    kinds = list(dict.fromkeys(name.rpartition(", into ")[0] for name in result["translation"]))
    carried = [[kind, *(f"{one['carried']} / {one['of']}" for one in (result["translation"][f"{kind}, into {to}"] for to in ("en", "zh")))]
               for kind in kinds]
    return [source(result),
            f"Simulated editor and writer, {result['brands']} brands, {result['texts']} texts each, on real desks and behind the real gate: the "
            "figures show that what people change reaches the next request and what it can bring, not how well a real model heeds it. A brand "
            "dislikes 5 of 12 phrases and has one opening; every phrase struck and every opening put right is an edit. `heeds`: how often the "
            "writer follows a line of the request. Edits per text, intervals over brands; `without`: the same writer and editor, nothing learned.",
            table(["writer", "first 5", "last 10", "last 10, without", "ours minus this", "share changed", "share changed, without"], rows),
            "Sentences that reach the reader when a scripted translator is right, and when it makes a fault. `figures swapped` leaves those that "
            "read the same either way:", table(["translator", "into en", "into zh"], carried)]


def _gate(one: dict[str, Any]) -> str:
    return f"{one['hits']}/{one['count']} [{one['low']:.3f}, {one['high']:.3f}]"


def _wilson(one: dict[str, Any] | None) -> str:
    return DASH if not one else f"{one['hits']}/{one['of']} [{one['low']:.3f}, {one['high']:.3f}]"


def attacks(result: dict[str, Any]) -> list[str]:
    parts = [source(result)]
    if found := result.get("canaries"):
        rows = [(place, f"{one['pieces']:,}", f"{one['bytes']:,}", f"{one['canaries']:,}") for place, one in found["places"].items()]
        parts += [f"**Canaries.** {found['people']:,} customers with {found['canaries']:,} values that stand nowhere else, in English and Chinese "
                  "files, in columns and in free text, some encoded. All commands were run; the writers made "
                  f"{found['requests']:,} requests ({found['bytes_to_model'] / 1e6:,.1f} MB). The search finds a value in 19 forms: of "
                  f"{found['planted']} leaks planted to test it, {found['planted_found']} were found. Messages themselves hold the names they "
                  f"should ({found['mails']} mails).",
                  table(["place", "pieces", "bytes", "canaries found"], rows)]
    if found := result.get("injection"):
        rows = [(one["place"], str(one["attacks"]), number(one["shown"]), number(one["drafts"]), number(one["refused"]), number(one["texts"]),
                 number(one["effects"]), number(one["words"])) for one in found["places"]]
        parts += [f"**Injection.** {found['attacks']} texts per place; the model obeys each of them. Effects: a link, address, code, price, slot, "
                  "markup, header, schema, channel or recipient that the shop did not decide. Words: a harmless word of the attacker inside a text.",
                  table(["place", "texts", "shown to the model", "drafts that obeyed", "refused before", "published", "effects", "words"], rows)]
    if found := result.get("pairs"):
        parts += [f"**Prompt pairs.** {found['pairs']:,} customers whose names, addresses, numbers and notes were exchanged for other people's, in "
                  f"{found['groups']} groups: {found['prompts']} prompts of a whole `plan` ({found['bytes'] / 1e3:,.0f} kB) compared byte for byte, "
                  f"{found['different']} groups with a difference; {found['decisions_different']} with other decisions."]
    if found := result.get("markup"):
        rows = [(kind, f"{count:,}") for kind, count in found["pages"].items()]
        parts += [f"**Markup.** {found['payloads']:,} payloads put {sum(found['uses'].values()):,} times into pages. Articles and exports stand "
                  f"there as if "
                  "no check had seen them; Markdown is read by a CommonMark reader that lets HTML through; `walled` is a report whose message is the "
                  f"payload itself. Alive by Chromium: {found['browser_alive']}; by a parser: {found['parser_alive']}; requests that left: "
                  f"{sum(found['requests'].values())}; pages that did not load: {found['unloaded']} ({found['loaded_again']} at a second try); "
                  f"mails with "
                  f"forged headers or parts: {found['forged_headers']}; structured data that says something else: "
                  f"{found['wrong_structured_data']}. The "
                  f"same judges on {found['control']['pages']:,} pages that escape nothing: {found['control']['browser_alive']:,} and "
                  f"{found['control']['parser_alive']:,} alive.", table(["page", "pages"], rows)]
    if found := result.get("leading"):
        links, heads = found["redirects"], found["headers"]
        parts += [f"**Links and headers.** {links['payloads']} open-redirect payloads as {links['targets']:,} targets "
                  f"({links['targets refused']:,} refused) "
                  f"and in {links['answers']:,} requests to the link server: {links['redirects']:,} redirects, {links['away']} of them elsewhere "
                  f"or with "
                  f"another header. {heads['payloads']} texts that end a line in {heads['fields']} fields of a mail: {heads['mails']:,} mails, "
                  f"{heads['refused']:,} refused, {heads['forged']} forged."]
    if found := result.get("templates"):
        said, run = found["literal"], found["hostile"]
        parts += [f"**Templates.** {said['payloads']} template texts in {said['texts']:,} places of mails, brand kits and articles: "
                  f"{said['changed']} not as "
                  f"they were written ({said['refused']:,} refused). {run['layouts']} hostile layouts: {run['refused']} refused; of the others "
                  f"the slowest "
                  f"took {run['slowest_ms']} ms of processor, the largest made {run['largest_bytes']:,} bytes; {run['over']} over 50 ms or 1 MB."]
    if found := result.get("edges"):
        net, cells, seen, spent = (found[name] for name in ("addresses", "cells", "hidden", "spending"))
        parts += [f"**Addresses.** {net['spellings']} spellings of inner addresses as the place where a model's endpoint or a server of weights "
                  f"leads, and "
                  f"inside logos: {net['tried']:,} tries, {net['connections']} connections, {net['wrong']} without an error. The addresses that "
                  f"an operator "
                  "sets (endpoint, weights, carriers, database) may lie inside: that is what they are for. Logos and pictures by address are "
                  f"never fetched.",
                  f"**Tables.** {cells['prefixes']} prefixes in every column of the studio's CSV and of reject files, {cells['cells']:,} cells: "
                  f"{cells['live']} that a spreadsheet would run, {cells['changed']} that do not read back. Judged by rule, not by a spreadsheet.",
                  f"**Hidden characters.** {seen['strings']:,} strings of English, Chinese and emoji: {seen['left']} with any left, "
                  f"{seen['lost']} with a "
                  "visible character changed.",
                  f"**Budget and cache.** {spent['asked']:,} requests by eight threads against a budget of {spent['budget_tokens']:,} tokens: "
                  f"{spent['calls']:,} calls, {spent['spent_tokens']:,} tokens, {spent['over']} over. One request asked {spent['repeats']:,} times: "
                  f"{spent['repeat_calls']} call."]
    if found := result.get("secrets"):
        parts += [f"**Secrets.** {found['secrets']} keys and passwords in the environment of {found['commands']} commands, {found['refusals']} of "
                  f"them refused by a service that repeats what it got; {found['pieces']:,} outputs, files and command lines searched "
                  f"({found['bytes'] / 1e6:,.1f} MB): {found['found']} found."]
    parts += [f"Note on {part}: {found['note']}." for part in ("canaries", "markup") if (found := result.get(part)) and found.get("note")]
    return parts


def brand(result: dict[str, Any]) -> list[str]:
    names = {"development": "development: four kinds of text", "kinds": "judging: a kind of text not used before is among the two",
             "makers": "judging: product names of eight toy makers"}
    rows = [(names[group], str(one["pairs"]), number(one["kit"], 3), number(one["lowest"], 3), number(one["scales"], 3), number(one["peer"], 3))
            for group, one in result["mean"].items()]
    wide = ("faq", "headlines", "introductions", "service guide", "clothes", "listings", "service chat")
    single = [(f"{row['brand']} before {row['other']}", str(row["learned"]), between(row["kit"]["value"], row["kit"]["low"], row["kit"]["high"]),
               number(row["scales"], 3), number(row["peer"], 3)) for row in result["pairs"] if row["brand"] in wide and row["other"] in wide]
    people = result["canaries"]
    return [source(result),
            "A kit is learned on half of a group's texts and ranks the other half before another group's, by the distance of its YAML file alone; "
            "AUC. Settings were chosen on the development pairs only. The peer is the cosine with the mean of weighted letter runs.",
            table(["pairs", "number", "kit, mean", "kit, lowest", "its scales alone", "peer"], rows),
            table(["brand before other", "texts learned", "kit", "its scales alone", "peer"], single),
            table(["texts a kit is learned from", *(str(one["texts"]) for one in result["by_size"])],
                  [("AUC, mean of the judged pairs", *(number(one["auc"], 3) for one in result["by_size"]))]),
            table(["cautions per text", "own other half", "texts of others"],
                  [(one["brand"], number(one["own"], 2), number(one["others"], 2)) for one in result["cautions"]]),
            f"{people['people']} invented people put into {people['texts']:,} texts with names, addresses, numbers and mail "
            f"({people['marks']:,} marks): {len(people['in_kit'])} in the kit. "
            f"Learning from {result['learn_texts']:,} texts takes {result['learn_cpu_seconds']} s of CPU."]


def response(result: dict[str, Any]) -> list[str]:
    share = lambda one: between(one["value"], one["low"], one["high"])  # noqa: E731
    file, names = result["file"], {
        "longer": "longer headline", "no_encoder": "n-grams and statistics", "word_vectors": "and word vectors",
        "whole_encoder": "and the whole encoder", "shipped_recipe": "as shipped: word vectors, taught by the whole encoder"}
    kinds = [[names[name], share(one["accuracy"]), number(one["auc"], 3)] for name, one in result["kinds"].items()]
    told = [[one["texts"], number(one["count"]), *(f"{one[name]:.1%}" for name in ("scored", "far_from_tests", "unknown_language")),
             number(one["distance"], 2), number(one["spread_of_scores"], 3), number(one["deviation"], 3)] for one in result["domains"]]
    curve = [[number(one["tests"]), *(share(one[name]) for name in ("own", "shipped", "both", "both_minus_own", "both_minus_shipped"))]
             for one in result["own_tests"]]
    return [source(result),
            f"The package's file ({file['name']}: {file['tests']:,} tests, {file['texts']:,} headlines of Upworthy's archive, CC BY 4.0) has "
            f"{file['megabytes']} MB and loads in {file['load_ms']} ms. All tests of half a went into it, so no benchmark judges it; its recipe, "
            f"teacher and student anew in each fold, picks {share(file['out_of_fold'])} of {file['out_of_fold']['pairs']:,} pairs. Below: its twin, "
            "made of the development half alone, on the judging half.",
            table(["learned from the development half, without what is said below of distance but in the last row", "accuracy", "AUC"], kinds),
            "What it says of other texts: scored at all, too far from headlines, not English; median distance (1 is a usual headline), spread of "
            "its scores, and median deviation (0.289 is that of an unknown text).",
            table(["texts", "count", "scored", "too far", "not English", "distance", "spread", "deviation"], told),
            f"A shop's own tests, drawn from the earlier part of the judging half, on {result['own_tests'][0]['judged_pairs']} significant pairs of "
            "its later part: a scorer of these tests alone (below 30 it says nothing, a coin), the shipped one, and one that begins from it.",
            table(["own tests", "own alone", "shipped alone", "both", "both minus own", "both minus shipped"], curve)]


def waves(result: dict[str, Any]) -> list[str]:
    share = lambda one: _percent(one["value"], one["low"], one["high"])  # noqa: E731
    rows = []
    for world, name in (("cautious", "cautious rates"), ("observed", "observed rates")):
        for rule, what in (("waves", "four waves, scorer"), ("waves_no_scorer", "four waves, no scorer"),
                           ("best_predicted_only", "predicted best to all"),
                           ("waves_scorer_wrong", "four waves, scorer always wrong"),
                           ("best_predicted_wrong", "predicted best to all, always wrong"),
                           ("oracle", "best text to all (oracle)")):
            rows.append([f"{name}: {what}", *(share(one[world][rule]) for one in result["results"])])
    rows.append(["equal texts: four waves, scorer", *(share(one["equal_texts"]["expected"]) for one in result["results"])])
    if all("drawn" in one["equal_texts"] for one in result["results"]):
        rows.append(["the same, clicks drawn once: chance included", *(share(one["equal_texts"]["drawn"]) for one in result["results"])])
    if all("unlucky" in one["equal_texts"] for one in result["results"]):
        rows.append(["equal texts: one campaign in twenty loses more, by luck (even split: its own luck)",
                     *(f"{one['equal_texts']['unlucky']:.1%} ({one['equal_texts']['unlucky_even']:.1%})" for one in result["results"])])
    floors = [[f"{one['floor']:.0%}", *(f"{value:+.1%}" for value in one["gains"]), number(one["largest_weight_of_three"])]
              for one in result["development"]]
    logs = [[f"{one['policy']} from the log of {one['log']}", between(*one["truth"].values(), digits=4),
             *(f"{between(one[key]['value'], one[key]['low'], one[key]['high'], 4)}, {one[key]['relative_error']:.2f} off"
               for key in ("ips", "snips", "dr")),
             number(one["effective"])] for one in result["open_bandit"]]
    kept = [[f"{one['people']:,} people: {name}", f"{found['coverage']:.1%}", number(found["width"], 4), number(found["relative_rmse"], 2)]
            for one in result["coverage"] for name, found in one["estimates"].items()]
    return [source(result),
            f"More clicks than an even split of the same size, over {result['tests']:,} tests of the judging half as cells of 2 to 6 texts, "
            f"four waves (commit {result['commits']['headlines'][:7]}), {result['floor']:.0%} always dealt evenly. "
            "Cautious rates: observed ones drawn together to what sampling noise leaves "
            f"of their differences. {_scorer_of(result)}",
            table(["rates and rule", *(f"{one['people']:,} people" for one in result["results"])], rows),
            "Where texts are equal nothing can be lost but luck. Chosen on the development half (cautious rates): the share dealt evenly, and the "
            "largest weight it leaves to a message of one text in three.",
            table(["dealt evenly", "500 people", "2,000", "5,000", "largest weight"], floors),
            *_pooling(result.get("pooling", [])),
            "Off-policy estimates on Open Bandit, campaign 'all', against the other policy's own log:",
            table(["policy", "its own log", "IPS", "SNIPS", "DR", "effective rounds"], logs),
            "'Always this text' from the logs of simulated waves without a scorer (three texts, true rates around 1.5 %): share of 95 % "
            "intervals that hold the truth, their median width, and the error relative to the true rate. `steady` is the report's.",
            table(["estimate", "coverage", "width", "relative error (RMSE)"], kept)]


def adapter(result: dict[str, Any]) -> list[str]:
    share = lambda one: between(one["value"], one["low"], one["high"], 2)  # noqa: E731
    ways = {"zero": "base, no worked example", "few": "base, the studio's worked examples", "adapter": "the same with the adapter",
            "reference": "the person's own copy"}
    rows = [[ways[one["way"]], share(one["carried"]), share(one["passed"]), number(one["seconds"], 1) if one["seconds"] else DASH]
            for one in result["ways"]]
    gain, pairs, run = result["gain"], result["pairs"], result["training"]
    rows.append(["adapter less base, both with worked examples", share(gain["carried"]), share(gain["passed"]), DASH])
    return [source(result),
            f"{result['model']}; trained on {run['steps'] * run['batch']} examples of {run['lines']} lines in {run['seconds'] / 60:.0f} minutes on a "
            f"machine that did other work ({run['steps']} steps of {run['steps_planned']} planned; the limit ended it); loss per token "
            f"{run['loss_first']:.2f} in the first five steps, {run['loss_last']:.2f} in the last. Lines are split in two by a hash of their "
            f"attributes; {result['products']} products of the judging half, one greedy first reply each. `carried`: share of the given attributes "
            "named word for word. `passes`: share of replies that pass the gate at once. Replies "
            f"that run in loops up to the limit: {result['cut']['few']} of the base's with worked examples, "
            f"{result['cut']['adapter']} of the adapter's.",
            table(["way", "carried", "passes", "seconds a reply"], rows),
            f"Two texts of one product, the person's and the base model's own draft, {pairs['pairs']} pairs of the judging half. A model finds its "
            f"own draft likeliest: per token the person's is the likelier in {share(pairs['base'])} of the pairs for the base, in "
            f"{share(pairs['adapted'])} with the adapter. The adapter raises the person's by more than the draft in {share(pairs['moved'])} "
            f"(one half without a preference). Log-likelihood per token, base and adapter: the person's {pairs['base_chosen']:.2f} and "
            f"{pairs['adapted_chosen']:.2f}, the draft {pairs['base_rejected']:.2f} and {pairs['adapted_rejected']:.2f}. "
            f"By the rule of `models adapt` this adapter is {'used' if result['used'] else 'not used'}."]


def _scorer_of(result: dict[str, Any]) -> str:
    if "carries" not in result:  # a run from before the shipped scorer
        return "The scorer (without encoder) was fitted on the development half alone."
    return (f"The scorer is the twin of the shipped one, made of the development half alone, and trusted as in a shop it knows nothing of (factor "
            f"{result['carries'][0]}, give or take {result['carries'][1]}); {result['tests_not_scored']:.1%} of the tests hold a text it does not "
            "score, and so none.")


def _pooling(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    share = lambda one: _percent(one["value"], one["low"], one["high"])  # noqa: E731
    return ["What clicks say of a form of text (a question, a number, ...) carried to that form in seven other cells, by the deviation that the "
            "prior gives a form's effect; development half, cautious rates, no scorer. The product does not do it:",
            table(["people a cell", "deviation", "more clicks than an even split", "more than without"],
                  [[number(one["people"]), number(one["form_deviation"], 2), share(one["gain"]), share(one["more_than_without"])] for one in rows])]


def _percent(value: float, low: float | None, high: float | None) -> str:
    ends = "" if low is None or high is None else f" [{low:+.1%}, {high:+.1%}]"
    return f"{value:+.1%}{ends}"


def uplift(result: dict[str, Any]) -> list[str]:
    """Effects per person beside the specialist libraries, with ours minus each on the same splits."""
    made = [f"{source(result)} {result['splits']} random splits of 70 to 30 of a real experiment ({result['rows']:,} people); spread over the splits "
            "in brackets. Qini per 1,000 people; the effect among the 30 % ranked first beside the average effect. 'clear' is our verdict, from "
            "the rows learned from, that ranking people brings something; where it seems to bring nothing our order is random."]
    for outcome, one in result["outcomes"].items():
        for arm, found in one["arms"].items():
            clear = sum(card["verdict"] == "clear" for card in found["cards"])
            rows = [[name, f"{m['qini']['mean']:.2f} ({m['qini']['sd']:.2f})", f"{m['qini']['ours_minus']:+.2f} ({m['qini']['ours_minus_sd']:.2f})",
                     f"{m['top']['mean']:.4f} ({m['top']['sd']:.4f})", f"{m['auuc']['mean']:.4f}"]
                    for name, m in sorted(found["models"].items(), key=lambda item: -item[1]["qini"]["mean"])]
            made.append(f"**{arm}, {outcome}**: average effect {found['average']:.4f}; verdict 'clear' in {clear} of {len(found['cards'])} splits")
            made.append(table(["learner", "Qini", "ours minus it", "effect, first 30 %", "AUUC"], rows))
        if one["absent"]:
            made.append("Not installed: " + ", ".join(sorted(one["absent"])) + ".")
    return made


def sessions(result: dict[str, Any]) -> list[str]:
    share = lambda one, digits: between(one["value"], one["low"], one["high"], digits)  # noqa: E731
    parts = [source(result)]
    named = {"clicks": "A log of clicks (two hours of a Chinese marketplace)", "order": "A made-up world in which the order of steps tells"}
    for name, one in result["sets"].items():
        rows = [[way, share(row["log_loss"], 4), share(row["average_precision"], 3), share(row["ece"], 3), share(row["chosen_minus"], 4)]
                for way, row in one["scores"].items()]
        parts += [f"{named[name]}: {one['visits']:,} visits, {one['steps']:,} steps; judged after {one['judged_steps']:,} steps of the latest "
                  f"fifth of the visits, of which {one['judged_followed']:,} were followed by a purchase. Chosen on earlier visits: "
                  f"{one['chosen']}; learned in {number(one['seconds']['chosen'], 0)} s of one core.",
                  table(["way", "log loss", "average precision", "ECE", "log loss, chosen minus this"], rows)]
    return parts


def lifetime(result: dict[str, Any]) -> list[str]:
    parts = [source(result),
             "Purchase days of each customer over a horizon, from what came before it. `mae`, `rmse` and the size of `total_bias` (sum of the "
             "forecasts over the sum of what happened, minus 1) are better when small; differences are paired over customers. Since most people "
             "never come back, a forecast of nothing has a good mae: read it with the bias."]
    for one in result["judged"]:
        took = ", ".join(f"{name} {number(seconds, 1)}" for name, seconds in one["cpu_seconds"].items())
        parts += [f"`{one['data']}`, {one['customers']:,} customers, {one['days']} days from {one['cutoff']}:", _models(one, {"mae": 4, "rmse": 4}),
                  f"Processor seconds to fit: {took}." + (f" Peers not run: {one['peers_skipped']}." if one["peers_skipped"] else "")]
    rows = [(f"{one['data']}, {one['cutoff']}", number(one["days"]), number(one["customers"]), number(one["coverage"], 2), _sum(one["total"]),
             _sum(one["money"]), f"{one['repeat']['expected']:.2f}, {one['repeat']['seen']:.2f}")
            for one in [*result["judged"], *result["small"], *result["others"]]]
    held = [one["total"]["inside"] for one in [*result["judged"], *result["others"]]]
    parts += ["Honesty of the 80 % intervals. `covered`: share of customers inside theirs, by randomised probability integral transform. Totals "
              f"with their 80 % intervals; {sum(held)} of {len(held)} totals of purchase days of whole shops were inside (cutoffs of one shop "
              "are not independent). The spread that the totals allow for was set on these shops. Seasons are what they miss.",
              table(["shop and cutoff", "days", "customers", "covered", "purchase days, all: forecast, happened", "money, all: forecast, happened",
                     "bought again: expected, seen"], rows)]
    return parts


def _sum(total: dict[str, Any]) -> str:
    low, high = total["interval"]
    return f"{total['forecast']:,.0f} [{low:,.0f}, {high:,.0f}], {total['actual']:,.0f}{'' if total['inside'] else ' (outside)'}"


def profiles(result: dict[str, Any]) -> list[str]:
    """Time, memory and growth of building every profile, and of a day's events brought in."""
    parts, bar = result["results"], result["bar"]
    rows = [(number(one["customers"]), number(one["events"]), number(one["wall_s"], 1), number(one["slowest_wall_s"], 1), number(one["cpu_s"], 1),
             number(one["numbers_cpu_s"], 1), number(one["peak_mb"]), number(one["made_mb"])) for one in parts]
    first, last = parts[0], parts[-1]
    grown = (f" {last['events'] / first['events']:.0f} times the events cost {last['cpu_s'] / first['cpu_s']:.1f} times the processor time and "
             f"{last['peak_mb'] / first['peak_mb']:.1f} times the memory." if len(parts) > 1 else "")
    return [f"{source(result)} {first['threads']} threads, best of {first['repeat']}, while other work ran. Bar for 10 million events of 1 million "
            f"customers: {bar['wall_s']} s and {bar['peak_gb']} GB.{grown}",
            table(["customers", "events", "wall s", "slowest wall s", "CPU s", "numbers only, CPU s", "peak MB", "after making the shop, MB"], rows),
            *profile_updates(parts)]


def profile_updates(parts: list[dict[str, Any]]) -> list[str]:
    """A day brought in by an update beside building everything on the same day."""
    found = [(one, one["update"]) for one in parts if "update" in one]
    if not found:
        return []
    rows = [(number(one["customers"]), number(day["events_of_a_day"]), number(day["computed"]), number(day["moved"]), number(day["update_wall_s"], 1),
             number(day["update_cpu_s"], 1), number(day["build_cpu_s"], 1), number(day["build_cpu_s"] / day["update_cpu_s"], 1),
             number(day["alone"]["wall_s"], 1), number(day["alone"]["peak_mb"]), number(day["read_cpu_s"], 2)) for one, day in found]
    return ["The last days, each brought in by an update (best of them) and built whole; all rows are equal. Computed are customers who bought or "
            "changed, moved those who only visited or of whom something left a window; nobody else's row is written, ages are read off dates. One "
            "update alone in a process of its own tells its memory. Events lie in the order of their times. Reading: three columns of everybody.",
            table(["customers", "events of the day", "computed", "moved", "update, wall s", "update, CPU s", "build, CPU s", "times",
                   "alone, wall s", "alone, peak MB", "reading, CPU s"], rows)]


def predict_speed(result: dict[str, Any]) -> list[str]:
    """Learning and scoring by stage and size of shop, beside the bars."""
    parts, bar = result["results"], result["bar"]
    stages = {"fit": "learning", "predict": "scoring, events to `predictions`", "predict_from_profiles": "scoring, profiles to `predictions`",
              "score": "scoring, the model alone"}
    rows = []
    for one in parts:
        for name, title in stages.items():
            took, scored = one["stages"][name], one["scored"] if name == "score" else one["customers"]
            rate = [number(scored / took[unit]) if name != "fit" else DASH for unit in ("wall_s", "cpu_s")]
            rows.append((title, number(one["customers"]), number(one["events"]), number(took["wall_s"], 1), number(took["cpu_s"], 1), *rate,
                         number(took["peak_mb"])))
    first, last = parts[0], parts[-1]
    grown = ", ".join(f"{title} {last['stages'][name]['cpu_s'] / first['stages'][name]['cpu_s']:.1f}" for name, title in stages.items()
                      if name != "score")
    fit, alone = last["stages"]["fit"], last["stages"]["score"]
    rate = last["scored"] / alone["wall_s"]
    verdict = [f"learning in {fit['wall_s']:.0f} s ({'met' if fit['wall_s'] <= bar['fit_wall_s'] else 'missed'})",
               f"the model alone {rate:,.0f} customers a second ({'met' if rate >= bar['customers_per_s'] else 'missed'})",
               f"{last['stages']['score']['peak_mb'] / 1024:.1f} GB ({'met' if alone['peak_mb'] <= 1024 * bar['peak_gb'] else 'missed'})"]
    return [f"{source(result)} {first['threads']} threads, once each, while other work ran. Bars for 10 million events of 1 million customers on "
            f"two cores: learning in {bar['fit_wall_s']} s, {bar['customers_per_s']:,} customers scored a second, {bar['peak_gb']} GB. Here, by wall "
            f"time: {'; '.join(verdict)}. Times the processor time for {last['events'] / first['events']:.0f} times the events: {grown}.",
            f"Learned from at most {last['training_customers']:,} customers ({last['training_rows']:,} rows, several cutoffs); everybody is scored. "
            "Rows of `predictions` hold chance and spend with intervals, and reasons; the model alone gives the former, from features in memory "
            f"({last['scored']:,} customers timed, at most).",
            table(["stage", "customers", "events", "wall s", "CPU s", "customers a wall second", "customers a CPU second", "peak MB so far"], rows)]


def segments(result: dict[str, Any]) -> list[str]:
    """Everybody, one event, a batch, midnight, and estimates, by size of the shop."""
    parts = result["results"]
    whole = [(number(one["customers"]), number(one["events"]), number(one["full_cpu_s"], 1), number(one["full_s"], 1), number(one["full_mb"]),
              number(one["one_query_per_rule_cpu_s"]), f"{one['one_query_per_rule_cpu_s'] / one['full_cpu_s']:.1f}") for one in parts]
    live = [(number(one["customers"]), number(two["event_cpu_ms"]), number(two["event_ms"]), f"{two['batch']:,} in {two['batch_cpu_s']:.1f}",
             f"{two['midnight_evaluated']:,} in {two['midnight_cpu_s']:.1f}", f"{two['batch_moves'] + two['midnight_moves']:,}",
             number(two["wrong_after"]))
            for one in parts for two in [one["live"]]]
    guessed = [(number(one["customers"]), number(two["n"]), number(two["estimate_ms"]), f"{two['held']} of {two['asked']}",
                f"{two['half_width']:.2%}") for one in parts for two in [one["sample"]]]
    return [f"{source(result)} {parts[0]['rules']} rules, seed {result['seed']}. Seconds are processor time over {parts[0]['threads']} threads; "
            "the wall time beside it was taken while other work ran.",
            "Everybody, from the events to memberships and the state that updates go on from; beside it a query per rule (mean of "
            f"{parts[-1]['peer_rules_timed']} rules, times {parts[0]['rules']}).",
            table(["customers", "events", "CPU s", "wall s", "peak MB", "a query per rule, CPU s", "times ours"], whole),
            "After that: one event (median), 10,000 customers with an event each, and the next midnight; then everybody was evaluated anew, "
            "and the last column counts the memberships that differed.",
            table(["customers", "one event, CPU ms", "wall ms", "batch, CPU s", "midnight, CPU s", "moves", "wrong"], live),
            "Sizes estimated from a sample drawn once: time of an estimate, 95 % intervals that held the exact size, median half width.",
            table(["customers", "sample", "wall ms", "held", "half width"], guessed)]


def identity(result: dict[str, Any]) -> list[str]:
    """Precision and recall by world, what probability adds, and what reading through the mapping costs."""
    def pair(part: dict[str, Any]) -> list[str]:
        return [f"{part[name]['mean']:.4f} [{part[name]['interval'][0]:.4f}, {part[name]['interval'][1]:.4f}]"
                for name in ("precision", "recall")]
    rows = [(f"{one['world']} ({one['half']})", number(one["ids"]), number(one["persons"]), way, *pair(one[key]))
            for one in result["worlds"] for way, key in (("exact keys", "exact"), ("exact and probable", "both"), ("splink alone", "splink_alone"))]
    added = [(f"{one['world']} ({one['half']})", number(one["probable"]), number(one["probable_wrong"]), f"{one['expected_wrong']:.1f}",
              f"{one['review_true']:,} of {one['review']:,}", number(one["set_aside"]), f"{one['exact_cpu_s']:.1f}", f"{one['both_cpu_s']:.1f}")
             for one in result["worlds"]]
    view = result["view"]
    return [f"{source(result)} Invented people, splink {result['splink']}; merged from {result['merge_from']}, shown to a person from "
            f"{result['review_from']}. Thresholds, levels and guards were chosen on development worlds. Pairs after transitive closure; intervals "
            "resample persons. `splink alone`: every pair from the same threshold without our guards.",
            table(["world", "ids", "persons", "way", "precision", "recall"], rows),
            "What probability adds to exact keys: merges, how many are wrong and how many it expected to be, true pairs among those left to a "
            "person, keys set aside, processor seconds of exact keys and of both (opening the vault included).",
            table(["world", "probable merges", "wrong", "expected", "true in review", "set aside", "exact, CPU s", "both, CPU s"],
                  added),
            f"Reading {view['events']:,} events of {view['customers']:,} customers, grouped by customer, on one thread: {view['plain_cpu_s']:.2f} s "
            f"of processor time as loaded, {view['merged_cpu_s']:.2f} s after {view['merges']:,} merges ({view['ratio']:.2f} times); recording the "
            f"merges took {view['record_cpu_s']:.1f} s, laying them over the warehouse {view['lay_cpu_s']:.2f} s."]


SECTIONS = {"profiles": profiles, "predict_speed": predict_speed, "segments": segments, "identity": identity,
            "attacks": attacks, "compliance": compliance, "facts": facts, "facts_opinion": facts_opinion, "judge": judge,
            "load": load, "loop": loop, "purchase": purchase,
            "predict_table": predict_table,
            "recommend": recommend, "recommend_shop": recommend_shop,
            "demo": demo, "assemble": assemble, "content": content, "headlines": headlines, "response": response,
            "waves": waves, "brand": brand, "desk": desk, "articles": articles, "adapter": adapter,
            "uplift": uplift, "lifetime": lifetime, "sessions": sessions}
