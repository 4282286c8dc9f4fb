"""Sending an approved plan, and trying it without sending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from brandloom import deliver
from brandloom.campaigns.feedback import keep_results
from brandloom.campaigns.messages import MessageWriter, Tracking, items_of
from brandloom.campaigns.plans import Plan, require_approval, set_status
from brandloom.campaigns.posts import export_posts, posts_of
from brandloom.campaigns.records import copy_to_warehouse
from brandloom.campaigns.waves import open_next, progress_of
from brandloom.deliver import Caps, Channel, Claimed, SendJob, SendRules, SmtpChannel, WebPush, open_sms
from brandloom.errors import ConfigError, ProviderError
from brandloom.govern import Person
from brandloom.i18n import _, say

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

Progress = Callable[[str, float], None]
SUFFIX = {"email": "eml", "sms": "txt", "push": "json"}
"""Of the files of a dry run."""


@dataclass(frozen=True)
class Launch:
    """Where the plan's messages are after this call."""

    plan: str
    dry_run: bool
    audience: int
    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    uncertain: int = 0
    queued: int = 0
    shared_address: int = 0
    """People who got no message of their own because somebody with the same address got it."""
    reasons: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None
    """When a queued message may go out or the next wave may open, whichever is first."""
    folder: str | None = None
    """Where a dry run wrote its messages."""
    wave: int = 1
    """The last wave that was opened,"""
    waves: int = 1
    """of so many."""
    waiting: int = 0
    """People of waves that are not open yet; they are part of `audience`."""
    posts: str | None = None
    """Folder of the posts that somebody is to publish."""

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "next_at": self.next_at.isoformat() if self.next_at else None}

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        if self.dry_run:
            return [(say(_("Messages written, none sent")), f"{self.audience:,}"), (say(_("Folder")), str(self.folder))]
        rows = [(say(_("Audience")), f"{self.audience:,}"), (say(_("Sent")), f"{self.sent:,}"), (say(_("Failed")), f"{self.failed:,}"),
                (say(_("Suppressed")), f"{self.suppressed:,}"), (say(_("Uncertain")), f"{self.uncertain:,}"),
                (say(_("Still queued")), f"{self.queued:,}")]
        if self.waves > 1:
            rows.append((say(_("Wave")), say(_("{wave} of {waves}; {waiting} people wait for the next"), wave=self.wave, waves=self.waves,
                                             waiting=f"{self.waiting:,}")))
        if self.shared_address:
            rows.append((say(_("Share an address with somebody written to")), f"{self.shared_address:,}"))
        rows += [(deliver.reason_text(code), f"{count:,}") for code, count in self.reasons.items()]
        if self.posts:
            rows.append((say(_("Posts to publish")), self.posts))
        if self.next_at:
            rows.append((say(_("Next can go out at")), f"{self.next_at:%Y-%m-%d %H:%M} UTC"))
        return rows


def launch(shop: Shop, plan: Plan, *, channel: Channel | Sequence[Channel] | None = None, unsubscribe_url: str | None = None,
           click_url: str | None = None, progress: Progress | None = None) -> Launch:
    """Send what is due of an approved plan; call it again after quiet hours, a crash or a stop, and when the next wave is due.

    Args:
        channel: the carrier, or one for each channel of the plan; those of `BRANDLOOM_SMTP_URL` and `BRANDLOOM_SMS_URL` where none is given.
        unsubscribe_url: address of the unsubscribe page; the shop's own when None.
        click_url: address of the click redirect; the shop's own when None; links are not counted when that is empty.
    Raises:
        StateError: nobody approved the plan as it stands, or somebody or a check objects to one of its texts.
        ConfigError: no carrier is set; or the plan learns from clicks and nothing counts them.
    """
    if plan.status != "finished":
        require_approval(shop.engine, shop.ledger, plan, desk=shop.desk)
    carriers = _carriers(shop, plan, channel)
    shared = 0
    if plan.status != "finished":
        counting = _counting(shop, plan, click_url)
        writer = MessageWriter(shop.engine, shop.workspace, plan, unsubscribe_url=unsubscribe_url, tracking=counting)
        if "email" in plan.channels:
            writer.mailer  # noqa: B018 - a shop that may send no mail is told so before anything is queued
        shared = open_next(shop, plan, domain=writer.domain)
        set_status(shop.ledger, plan.id, "sending")
        export_posts(plan, shop.workspace.folder("posts"), day=shop.clock().astimezone(shop.workspace.config.zone).date())
        _send(shop, plan, carriers, writer, progress)
        deliver.close_waves(shop.ledger, plan.id)
    return _settled(shop, plan, shared)


def _settled(shop: Shop, plan: Plan, shared: int) -> Launch:
    """Where everything is now; a plan is finished when every message of every wave has come to an end."""
    now, waves = deliver.status(shop.ledger, plan.id), progress_of(shop, plan)
    if now.finished and waves.opened == waves.waves and plan.status != "finished":
        set_status(shop.ledger, plan.id, "finished")
        shop.audit.append("plan.finished", plan.id, actor="brandloom", detail={"sent": now.sent, "audience": now.audience}, now=shop.clock())
    copy_to_warehouse(shop, plan)
    keep_results(shop, plan)
    next_at = min((at for at in (now.next_at, waves.next_at) if at is not None), default=None)
    return Launch(plan.id, False, now.audience + waves.waiting, now.sent, now.failed, now.suppressed, now.uncertain, now.queued + now.sending,
                  shared, dict(now.reasons), next_at, wave=waves.opened, waves=waves.waves, waiting=waves.waiting,
                  posts=str(shop.workspace.path / "posts" / plan.id) if any(one.text for one in posts_of(plan)) else None)


def _counting(shop: Shop, plan: Plan, click_url: str | None) -> Tracking | None:
    """What counts the clicks of the plan's messages; None where nothing does."""
    address = shop.workspace.config.sender.click_url if click_url is None else click_url
    if address:
        return Tracking(shop.ledger, shop.workspace, plan, click_url=address)
    if plan.waves > 1 and plan.brief.learn is not None and plan.brief.learn.metric == "clicks":
        raise ConfigError(_("The plan learns from clicks, but nothing counts them. Set sender.click_url in brandloom.toml to the address that "
                            "`brandloom links` serves, or plan with learn.metric: orders."))
    return None


def _send(shop: Shop, plan: Plan, carriers: Sequence[Channel], writer: MessageWriter, progress: Progress | None) -> None:
    """Send through one carrier after the other; one that cannot be reached keeps nobody of the others waiting.

    Raises:
        ProviderError: the first of those that could not be reached, once all have been tried.
    """
    config, sending = shop.workspace.config, _("Sending")
    total, done = max(1, deliver.status(shop.ledger, plan.id).queued), 0

    def write(item: Claimed, person: Person) -> deliver.Message:
        return writer.message(item, person, shop.clock())

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(sending, done / total)

    until = plan.brief.offer.until
    expires = None if until is None else datetime.combine(until, time.max, tzinfo=config.zone).astimezone(UTC)
    rules = SendRules(Caps.of(config.caps), config.zone, expires_at=expires)
    failed: ProviderError | None = None
    for carrier in carriers:
        try:
            report = deliver.send(shop.ledger, shop.vault, SendJob(plan.id, carrier, write), rules, clock=shop.clock, progress=tell)
        except ProviderError as error:
            failed = failed or error
            continue
        if report.stopped:
            break
    if failed is not None:
        raise failed


def dry_run(shop: Shop, plan: Plan, *, progress: Progress | None = None) -> Launch:
    """Write every message of a plan to the workspace's folder `dry-run/PLAN` and send nothing; approval is not needed.

    The files hold personal data, as the messages do; delete them when you have looked.
    """
    folder = shop.workspace.folder("dry-run") / plan.id
    folder.mkdir(mode=0o700, exist_ok=True)
    writer = MessageWriter(shop.engine, shop.workspace, plan)
    items = items_of(shop, plan)
    writing = _("Writing messages")
    for start in range(0, len(items), 500):
        part = items[start:start + 500]
        people = shop.vault.reveal([item.customer for item in part])
        for item in part:
            claimed = Claimed(**{**vars(item), "id": 0, "message_id": f"<dry-run.{item.customer}@{writer.domain}>"})
            message = writer.message(claimed, people[item.customer], shop.clock())
            (folder / f"{item.customer}.{SUFFIX[item.channel]}").write_bytes(message.data)
        if progress is not None:
            progress(writing, (start + len(part)) / len(items))
    export_posts(plan, folder / "posts", day=shop.clock().date())
    return Launch(plan.id, True, len(items), folder=str(folder))


def _carriers(shop: Shop, plan: Plan, given: Channel | Sequence[Channel] | None) -> list[Channel]:
    """A carrier for each channel of the plan: one of those given, else the one of the settings."""
    known: dict[str, Channel] = {}
    if given is not None:
        known = {one.name: one for one in (given if isinstance(given, Sequence) else [given])}
    return [known[name] if name in known else _carrier(shop, name) for name in plan.channels]


def _carrier(shop: Shop, channel: str) -> Channel:
    mail, texts = shop.settings.smtp_url, shop.settings.sms_url
    if channel == "email" and mail is not None:
        return SmtpChannel(mail.get_secret_value())
    if channel == "sms" and texts is not None:
        return open_sms(texts.get_secret_value())
    if channel == "push":
        return WebPush(shop.workspace.derive_key("push"), contact=shop.workspace.config.sender.email, clock=shop.clock)
    raise ConfigError(_NO_CARRIER[channel])


_NO_CARRIER = {
    "email": _("No carrier is set, so nothing can be sent. Set BRANDLOOM_SMTP_URL=smtp://user:password@host:587, or use --dry-run."),
    "sms": _("No carrier for text messages is set, so nothing can be sent. Set BRANDLOOM_SMS_URL=twilio://account:token@api.twilio.com?from=NUMBER, "
             "or use --dry-run.")}


__all__ = ["Launch", "dry_run", "launch"]
