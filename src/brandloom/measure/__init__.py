"""What happened and how sure we are: replays, experiments, intervals, and the report a person reads.

`report.Report` is the whole structure that `campaigns` fills (see `brandloom.measure.report`); `render_report` draws it.
"""

from __future__ import annotations

from brandloom.measure.experiment import Arm, Power, Readout, Truth
from brandloom.measure.intervals import Estimate, bootstrap, bootstrap_ratio, newcombe, wilson
from brandloom.measure.meter import Meter, Stage
from brandloom.measure.replay import Capture, HitRates
from brandloom.measure.report import Report, Text, from_json, text, to_json

__all__ = [
    "Arm", "Capture", "Estimate", "HitRates", "Meter", "Power", "Readout", "Report", "Stage", "Text", "Truth",
    "bootstrap", "bootstrap_ratio", "from_json", "newcombe", "text", "to_json", "wilson",
]
