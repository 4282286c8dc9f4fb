"""What happened and how sure we are: replays, experiments, intervals, and the report a person reads.

`report.Report` is the whole structure that `campaigns` fills (see `brandloom.measure.report`); `html.render_report` draws it, and
what it draws with takes a second to load.
"""

from __future__ import annotations

from brandloom.measure import report
from brandloom.measure.experiment import (
    Arm,
    Power,
    Readout,
    Truth,
    holdout_readout,
    observe_outcomes,
    power,
    simulate_response,
)
from brandloom.measure.intervals import (
    Estimate,
    anytime_difference,
    bootstrap,
    bootstrap_ratio,
    fixed_difference,
    newcombe,
    wilson,
)
from brandloom.measure.meter import Meter, Stage
from brandloom.measure.offpolicy import PolicyValue, always, policy_value, text_values
from brandloom.measure.replay import Capture, HitRates, capture, hit_rate
from brandloom.measure.report import Report, from_json, to_json
from brandloom.measure.words import Both, Count, Text, both, text, words

__all__ = [
    "Arm", "Both", "Capture", "Count", "Estimate", "HitRates", "Meter", "PolicyValue", "Power", "Readout", "Report", "Stage", "Text", "Truth",
    "always", "anytime_difference", "bootstrap", "bootstrap_ratio", "both", "capture", "fixed_difference", "from_json", "hit_rate",
    "holdout_readout", "newcombe", "observe_outcomes", "policy_value", "power", "report", "simulate_response", "text", "text_values", "to_json",
    "wilson", "words",
]
