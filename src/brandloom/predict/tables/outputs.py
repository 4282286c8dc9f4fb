"""What a company takes away: scores per row, and the model's card for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from brandloom.errors import ConfigError
from brandloom.i18n import _, translate
from brandloom.predict.tables.model import Scores, TableCard

METRICS = {
    "auc": _("AUC (a row with the target ranks above one without)"), "average_precision": _("Average precision"), "log_loss": _("Log loss"),
    "log_loss_of_base_rate": _("Log loss of the base rate alone"), "log_loss_saved": _("Log loss saved against the base rate"),
    "brier": _("Brier score"), "ece": _("Calibration error (ECE, ten bins)"), "mae": _("Mean absolute error"),
    "mae_of_mean": _("Mean absolute error of the mean alone"), "rmse": _("Root mean squared error"),
    "rmse_of_mean": _("Root mean squared error of the mean alone"), "error_saved": _("Share of the squared error saved against the mean"),
    "spearman": _("Rank correlation (Spearman)"), "bias": _("Bias (mean of predicted minus observed)"),
    "coverage_80": _("Rows inside their 80 % interval"),
}
VERDICTS = {
    "highest": _("chosen most often"), "passes": _("passes four fifths"), "fails": _("fails four fifths"),
    "open": _("cannot be told"), "too_few": _("too few rows"),
}
MODEL_KINDS = {"trees_flat": _("flat trees"), "trees_deep": _("deep trees"), "trees_random": _("randomised trees"),
               "trees_flat_random": _("flat randomised trees"), "trees_searched": _("trees with searched settings"), "linear": _("linear model")}
CURVES = {"none": _("none was better"), "platt": _("logistic"), "beta": _("beta"), "isotonic": _("isotonic")}


def scores_table(scores: Scores, *, is_class: bool, part: tuple[str, ...] | None = None) -> pa.Table:
    """row (from 1, as in the file), score, and where they are known low, high and the row's part in learning."""
    columns = {"row": pa.array(np.arange(1, len(scores.value) + 1)), "probability" if is_class else "expected": _nullable(scores.value)}
    if not is_class:
        columns |= {"low_80": _nullable(scores.low), "high_80": _nullable(scores.high)}
    if part is not None:
        columns["part"] = pa.array(part)
    return pa.table(columns)


def write_scores(table: pa.Table, target: Path) -> None:
    """Write CSV or Parquet, by the file's ending.

    Raises:
        ConfigError: another ending, or the file cannot be written.
    """
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(_("Scores are written as .csv or .parquet, not as {file}."), file=target.name)
    try:
        if target.suffix.lower() == ".csv":
            csv.write_csv(table, target)
        else:
            parquet.write_table(table, target, compression="zstd")
    except OSError as error:
        raise ConfigError(_("{path} cannot be written: {reason}. Choose another place."), path=target, reason=error.strerror or error) from error


def card_json(card: TableCard) -> str:
    """The whole card; findings and limits also as English sentences."""
    data = asdict(card) | {"findings": [asdict(one) | {"text": one.text("en")} for one in card.findings]}
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def card_markdown(card: TableCard, language: str) -> str:
    """The card for people, in 'en' or 'zh'."""
    def say(template: str, **values: object) -> str:
        return translate(template, language).format(**values)
    lines = [f"# {say(_('Model card: {target} in {file}'), target=card.target, file=card.file)}", ""]
    lines += [f"- {name}: {value}" for name, value in card_lines(card, language)]
    lines += ["", f"## {say(_('On rows held back (95 % intervals)'))}", ""]
    lines += [f"- {say(METRICS[name])}: {one}" for name, one in card.metrics.items()]
    lines += ["", f"## {say(_('What the columns say'))}", ""]
    lines += [f"- {name}: {share:.1%}" for name, share in card.importances.items()]
    if card.findings:
        lines += ["", f"## {say(_('What was found in the table'))}", "", *(f"- {one.text(language)}" for one in card.findings)]
    if card.groups:
        lines += ["", f"## {say(_('Groups of {column}'), column=card.group)}", ""]
        lines += [f"- {row.group}: " + say(_("{rows} rows, observed {observed}, predicted {predicted}, {verdict}"), rows=row.rows,
                                           observed=f"{row.observed:.3g}", predicted=f"{row.predicted:.3g}", verdict=say(VERDICTS[row.verdict]))
                  for row in card.groups]
    lines += ["", f"## {say(_('Limits'))}", "", *(f"- {say(limit)}" for limit in card.limits)]
    return "\n".join(lines) + "\n"


def card_lines(card: TableCard, language: str) -> list[tuple[str, str]]:
    """The card's first facts as names and values."""
    def say(template: str, **values: object) -> str:
        return translate(template, language).format(**values)
    told = card.target if card.positive is None else say(_("{target} being {value}"), target=card.target, value=card.positive)
    lines = [(say(_("Predicted")), told),
             (say(_("Rows learned from")), f"{card.learned_rows:,}"), (say(_("Rows held back to judge")), f"{card.held_rows:,}"),
             (say(_("Split")), say(_("by time: learned from {start} to {end}, judged from {held} on"), start=card.data_from, end=card.data_to,
                                   held=card.held_from) if card.split == "time" else say(_("by what the rows hold")))]
    level = f"{card.level:.2%}" if card.task == "class" else f"{card.level:,.4g}"
    lines.append((say(_("Base rate")) if card.task == "class" else say(_("Mean")), level))
    blend = [f"{say(MODEL_KINDS[name])} {weight:.2f}" for name, weight in card.weights.items()]
    rest = 1.0 - sum(card.weights.values())
    lines.append((say(_("Model")), " + ".join([*blend, *([f"{say(_('base rate alone'))} {rest:.2f}"] if rest > 0.005 else [])])))
    if card.task == "class":
        lines.append((say(_("Calibration curve")), say(CURVES[card.calibrated_by])))
    return lines


def _nullable(values: np.ndarray) -> pa.Array:
    return pa.array(values, from_pandas=True)
