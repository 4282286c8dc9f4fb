"""The demo: the whole loop on a real shop's data, replayed as of a day in the past, down to what people then bought.

What is real: the orders (UCI Online Retail), every model, the language model's writing, every check, the SMTP server on
loopback and what it received, and what people bought in the 30 days that followed. What is not: names, addresses, consents,
languages (`demo_people`), and the response to the messages, which nobody can know from a replay (`measure.simulate_response`).
"""

from __future__ import annotations

import mailbox
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from brandloom import llm
from brandloom.campaigns import demo_people
from brandloom.campaigns.plans import Plan
from brandloom.campaigns.reporting import make_report
from brandloom.campaigns.sending import Launch, launch
from brandloom.campaigns.shop import Shop
from brandloom.campaigns.summary import lines
from brandloom.content import read_brief
from brandloom.deliver import LoopbackSmtp, SmtpChannel, UnsubscribeServer
from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.measure import Meter, Report, holdout_readout, simulate_response, text, to_json
from brandloom.measure import report as r
from brandloom.measure.html import render_report
from brandloom.settings import Settings
from brandloom.workspace import EconomicsConfig, SenderConfig, ShopConfig, create_workspace

Progress = Callable[[str, float], None]
AS_OF = datetime(2011, 11, 9)
HORIZON_DAYS = 30
TRUE_LIFT = 0.20
"""Rise in purchases of the simulated response; the read-out has to find it without being told."""
SEED = 7
DATA = files("brandloom").joinpath("campaigns", "data")
CONFIG = ShopConfig(
    name="Online Retail", currency="GBP", timezone="Europe/London", language="en", jurisdictions=("uk", "eu", "cn"),
    sender=SenderConfig(name="Online Retail", email="hello@shop.example.com", postal_address="1 Demo Street, London, United Kingdom",
                        website="https://shop.example.com", unsubscribe_url="https://shop.example.com/unsubscribe"),
    economics=EconomicsConfig(cost_per_message={"email": 0.05}))


@dataclass(frozen=True)
class DemoResult:
    """Where the demo left its files, and its main figures."""

    folder: Path
    report: Report
    seconds: float
    peak_mb: float

    def to_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "report_html": str(self.folder / "report.html"),
                "report_json": str(self.folder / "report.json"), "seconds": round(self.seconds, 1), "peak_mb": round(self.peak_mb)}

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        return [*lines(self.report), (say(_("Seconds")), f"{self.seconds:.0f}"), (say(_("Peak memory")), f"{self.peak_mb:,.0f} MB"),
                (say(_("Report")), str(self.folder / "report.html")), (say(_("Figures")), str(self.folder / "report.json"))]


def run_demo(folder: Path, *, settings: Settings, progress: Progress | None = None, tell: Callable[[str], None] | None = None,
             model: llm.TextModel | None = None) -> DemoResult:
    """Run the loop in a new folder; fetches the default language model first if it is not there.

    Raises:
        ConfigError: the folder holds something else than an earlier demo.
    """
    started, meter = time.perf_counter(), Meter()
    said = tell or (lambda line: None)
    _refuse_anything_but_a_demo(folder)  # before a download
    if model is None and llm.needs_weights(settings):
        said(say(_("Fetching the language model, once (about 1.1 GB) ...")))
        llm.pull(llm.default_name(), settings.cache, progress=fetching(progress))
        started = time.perf_counter()
    if folder.exists():
        shutil.rmtree(folder)
    workspace = create_workspace(folder, CONFIG)
    (folder / ".demo").touch()
    with Shop(workspace, settings, model=model) as shop:
        with meter.stage("load"):
            _load(shop, progress)
        shop.clock = _Clock(AS_OF + timedelta(hours=10))
        with meter.stage("learn"):
            shop.learn(AS_OF, horizon_days=HORIZON_DAYS, progress=progress)
        with meter.stage("plan and write"):
            plan = shop.plan(read_brief(Path(str(DATA / "brief.yaml"))), as_of=AS_OF, progress=progress)
        shop.approve(plan, by="demo")
        with meter.stage("send"):
            sent, back, spool_note = _send(shop, plan, progress)
        with meter.stage("measure"):
            truth = simulate_response(shop.engine, plan.id, true_lift=TRUE_LIFT, horizon_days=HORIZON_DAYS, seed=SEED)
            readout = holdout_readout(shop.engine, plan.id, simulated=True, designed_holdout=plan.brief.holdout)
            made = make_report(shop, replace(plan, status="finished", extra={**plan.extra, "replay": True}), reveal=True)
        report = _complete(made, r.Experiment(readout, truth), _delivery(made, sent, back, spool_note), meter)
    (folder / "report.json").write_text(to_json(report), encoding="utf-8")
    (folder / "report.html").write_text(render_report(report, CONFIG.language), encoding="utf-8")
    return DemoResult(folder, report, time.perf_counter() - started, meter.peak_mb)


def fetching(progress: Progress | None) -> llm.Progress | None:
    """The model room's progress, in bytes, as one of our stages."""
    stage = _("Fetching the language model")
    return None if progress is None else lambda done, total: progress(stage, done / max(total, 1))


class _Clock:
    """The demo's present: starts on the replayed morning and then runs as fast as any clock."""

    def __init__(self, start: datetime) -> None:
        self._start, self._begun = start.replace(tzinfo=UTC), time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._begun)


def _refuse_anything_but_a_demo(folder: Path) -> None:
    """A shop's own workspace may hold a report.json too; only `.demo` says that all of it was made here."""
    if folder.exists() and not (folder / ".demo").exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(_("{path} is there and is not an earlier demo. Choose another folder: brandloom demo DIR."), path=folder)


def _load(shop: Shop, progress: Progress | None) -> None:
    """The real orders, then the invented people."""
    orders = Path(str(DATA / "online_retail.parquet"))
    shop.load(orders, kind="orders", progress=progress)
    column = pq.read_table(orders, columns=["CustomerID"]).column("CustomerID")
    numbers = sorted(int(number) for number in pc.unique(pc.drop_null(column)).to_pylist())
    with tempfile.TemporaryDirectory() as scratch:
        people, mails = Path(scratch) / "invented_customers.csv", Path(scratch) / "invented_earlier_mails.csv"
        demo_people.write_customers(people, numbers, seed=SEED)
        demo_people.write_earlier_mails(mails, numbers, now=AS_OF + timedelta(hours=10), seed=SEED)
        shop.load(people, kind="customers", progress=progress)
        shop.load(mails, kind="events", progress=progress)


def _send(shop: Shop, plan: Plan, progress: Progress | None) -> tuple[Launch, int, int]:
    """Send to a real SMTP server on loopback and read the messages back into a mailbox that mail programs open; then one reader
    uses the unsubscribe link."""
    from urllib.request import Request, urlopen
    with LoopbackSmtp() as server, closing(mailbox.mbox(shop.workspace.path / "mailbox.mbox")) as box, \
            UnsubscribeServer(shop.ledger, shop.workspace, clock=shop.clock) as page:
        sent = launch(shop, plan, channel=SmtpChannel(server.url), unsubscribe_url=page.url, progress=progress)
        back, first = 0, None
        for message in server.read_back():
            back += 1
            box.add(message.data)
            first = first or message
        answered = 0
        if first is not None:
            link = _unsubscribe_link(first.data)
            request = Request(link, data=b"List-Unsubscribe=One-Click", method="POST",  # noqa: S310 - our own server on loopback
                              headers={"Content-Type": "application/x-www-form-urlencoded"})
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                answered = answer.status
    return sent, back, answered


def _unsubscribe_link(data: bytes) -> str:
    from email import message_from_bytes
    return str(message_from_bytes(data)["List-Unsubscribe"]).strip().strip("<>").replace("\r\n", "").replace(" ", "")


def _delivery(report: Report, sent: Launch, read_back: int, answered: int) -> r.Delivery | None:
    if report.delivery is None:
        return None
    notes = [*report.delivery.notes, _("Sent to a mail server on this machine (127.0.0.1) and read back from it; nothing left the machine.")]
    if sent.shared_address:
        notes.append(text(_("{count} people share an address with somebody written to"), count=sent.shared_address))
    if answered == 200:
        notes.append(_("One reader then used the one-click unsubscribe link: answered 200 and in force at once."))
    return replace(report.delivery, read_back=read_back, carrier=_("SMTP server on loopback (aiosmtpd)"), notes=tuple(notes))


def _complete(report: Report, experiment: r.Experiment, delivery: r.Delivery | None, meter: Meter) -> Report:
    source = r.Source("Online Retail", "CC BY 4.0", "Chen, D. (2015), UCI Machine Learning Repository", "https://doi.org/10.24432/C5BW33")
    invented = (*(one for one in demo_people.INVENTED), _("the response to the messages (a documented simulation)"))
    return replace(report, shop=replace(report.shop, demo=True), experiment=experiment, delivery=delivery, stages=tuple(meter.stages),
                   provenance=replace(report.provenance, sources=(source,), invented=invented, seed=SEED))


__all__ = ["DemoResult", "run_demo"]
