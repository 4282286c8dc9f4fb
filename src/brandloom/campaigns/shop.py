"""The shop: an open workspace with everything the loop needs, and the loop's verbs as methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType

from brandloom import llm
from brandloom.campaigns.backtest import Backtest, backtest
from brandloom.campaigns.learning import Learned, learn
from brandloom.campaigns.planning import make_plan
from brandloom.campaigns.plans import Approval, Plan, approve, read_plan
from brandloom.campaigns.preview import Preview, preview
from brandloom.campaigns.reporting import make_report
from brandloom.campaigns.sending import Launch, launch
from brandloom.campaigns.sending import dry_run as try_launch
from brandloom.campaigns.texts import open_desk
from brandloom.content import Brief, read_brief
from brandloom.content.desk import Desk
from brandloom.content.response import ResponseModel, open_scorer
from brandloom.deliver import Channel
from brandloom.engine import Engine, open_engine
from brandloom.govern import Audit, Vault, lay_persons
from brandloom.i18n import _
from brandloom.ledger import Ledger, open_ledger
from brandloom.measure import Report
from brandloom.settings import Settings, read_settings
from brandloom.sources import Kind, LoadReport, load
from brandloom.workspace import ShopConfig, Workspace, create_workspace, open_workspace

Progress = Callable[[str, float], None]
Clock = Callable[[], datetime]


LOADING = {"orders": _("Loading orders"), "events": _("Loading events"), "products": _("Loading products"),
           "customers": _("Loading customers"), "documents": _("Loading documents")}


class Shop:
    """An open shop. Use it in a `with` block, or call `close`.

    Args:
        workspace: the opened folder.
        settings: of this machine.
        model: a language model to write with; opened from the settings when first needed if absent.
        clock: the present moment, with a zone.
    """

    def __init__(self, workspace: Workspace, settings: Settings, *, model: llm.TextModel | None = None,
                 clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self._model = model
        self.ledger: Ledger = open_ledger(workspace, settings)
        self.vault = Vault(self.ledger, workspace)
        self.audit = Audit(self.ledger, workspace.derive_key("audit"))

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @cached_property
    def engine(self) -> Engine:
        """The warehouse, opened when first needed; queries see each person once, whatever ids they have."""
        engine = open_engine(self.workspace, self.settings)
        lay_persons(engine, self.ledger)
        return engine

    @property
    def model(self) -> llm.TextModel:
        """The language model, started when first needed.

        Raises:
            ConfigError: none is set up; names the command that fetches one.
        """
        if self._model is None:
            self._model = llm.open_model(self.settings)
        return self._model

    @cached_property
    def scorer(self) -> ResponseModel:
        """What predicts the response to a text: as `brandloom copy-tests learn` left it under `models/copy-tests`, else the shipped one."""
        folder = self.workspace.models / "copy-tests"
        return open_scorer(folder if folder.is_dir() else None, self.settings.cache)

    @cached_property
    def desk(self) -> Desk:
        """Where people edit, discuss and approve texts, those of plans too."""
        return open_desk(self)

    def close(self) -> None:
        """End the model's process and release the files."""
        if self._model is not None:
            self._model.close()
            self._model = None
        if "engine" in self.__dict__:
            self.engine.close()
            del self.__dict__["engine"]
        self.ledger.close()

    def load(self, files: Path | str | Sequence[Path | str], *, kind: Kind, mapping: Mapping[str, str] | None = None,
             date_order: str | None = None, dry_run: bool = False, progress: Progress | None = None) -> LoadReport:
        """Load files of one kind: orders, events, products, customers or documents. See `sources.load`."""
        paths = [Path(files)] if isinstance(files, (str, Path)) else [Path(file) for file in files]
        return load(self.engine, self.ledger, self.vault, self.workspace, paths, kind=kind, mapping=dict(mapping or {}),
                    date_order=date_order, dry_run=dry_run, now=self.clock(),
                    progress=None if progress is None else lambda _stage, done: progress(LOADING.get(kind, kind), done))

    def learn(self, as_of: datetime | None = None, *, horizon_days: int = 30, progress: Progress | None = None) -> Learned:
        """Profiles, segments, predictions and recommendations from what happened before `as_of`. See `learning.learn`."""
        return learn(self.engine, self.workspace, as_of=as_of, horizon_days=horizon_days,
                     threads=self.settings.threads or os.cpu_count() or 1, progress=progress)

    def backtest(self, cutoff: datetime, *, horizon_days: int = 30, progress: Progress | None = None) -> Backtest:
        """Learn as of an earlier day and compare with what happened after it; the shop's own tables stay as they are."""
        return backtest(self.engine, cutoff=cutoff, horizon_days=horizon_days, progress=progress)

    def plan(self, brief: Brief | Path | str, *, as_of: datetime | None = None, by: str = "", progress: Progress | None = None) -> Plan:
        """Plan a campaign; nothing is sent. `by` says who plans, and so may not approve a large plan. See `planning.make_plan`."""
        asked = brief if isinstance(brief, Brief) else read_brief(Path(brief))
        return make_plan(self, asked, as_of=as_of, by=by, progress=progress)

    def preview(self, plan: Plan | str, *, customer: str | None = None) -> Preview:
        """One message as it would reach one person, and why."""
        return preview(self, self._read(plan), customer=customer)

    def approve(self, plan: Plan | str, *, by: str) -> Approval:
        """Approve a plan and its texts exactly as they stand."""
        return approve(self.engine, self.ledger, self.audit, self._read(plan), desk=self.desk, by=by, now=self.clock())

    def launch(self, plan: Plan | str, *, channel: Channel | Sequence[Channel] | None = None, dry_run: bool = False,
               progress: Progress | None = None) -> Launch:
        """Send an approved plan; safe to call again after anything. `channel` replaces carriers of the settings."""
        found = self._read(plan)
        return try_launch(self, found, progress=progress) if dry_run else launch(self, found, channel=channel, progress=progress)

    def report(self, plan: Plan | str, *, html: Path | str | None = None) -> Report:
        """What the campaign is, did and brought; also as one HTML file that opens offline."""
        made = make_report(self, self._read(plan))
        if html is not None:
            from brandloom.measure.html import render_report  # what it draws with takes a second to load
            Path(html).write_text(render_report(made, self.workspace.config.language), encoding="utf-8")
        return made

    def _read(self, plan: Plan | str) -> Plan:
        return plan if isinstance(plan, Plan) else read_plan(self.ledger, plan)


def create(path: Path | str, *, model: llm.TextModel | None = None, **config: object) -> Shop:
    """Make a workspace and open it; `config` are fields of `ShopConfig` (name, currency, timezone, language ...)."""
    return Shop(create_workspace(Path(path), ShopConfig.model_validate(config)), read_settings(), model=model)


def open_shop(path: Path | str, *, model: llm.TextModel | None = None) -> Shop:
    """Open an existing workspace."""
    return Shop(open_workspace(Path(path)), read_settings(), model=model)
