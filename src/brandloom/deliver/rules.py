"""When a message may go out: frequency caps and quiet hours, in the recipient's own time, right on days when clocks change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from brandloom.workspace import CapConfig


@dataclass(frozen=True)
class Caps:
    """Most messages per person over all channels and plans, and the hours of the recipient's day when none goes out."""

    per_day: int = 1
    per_week: int = 3
    quiet_from: time = time(21)
    quiet_until: time = time(8)

    @classmethod
    def of(cls, config: CapConfig) -> Caps:
        """The caps written in a shop's configuration."""
        return cls(config.per_day, config.per_week,
                   time.fromisoformat(config.quiet_from), time.fromisoformat(config.quiet_until))


@dataclass(frozen=True)
class SendRules:
    """When messages may go out, to one person and in all."""

    caps: Caps
    zone: tzinfo
    """The shop's time zone, for people whose own is unknown."""
    zone_of: Callable[[str], tzinfo | None] | None = None
    """A person's zone by customer id."""
    expires_at: datetime | None = None
    """From this moment on, and where a cap or quiet hours reach beyond it, messages are dropped as 'expired'."""
    limit_per_s: float | None = None
    """Most messages per second of one send; no burst follows a pause."""

    def zone_for(self, customer: str) -> tzinfo:
        """The time zone a person's day is told in."""
        return (self.zone_of(customer) if self.zone_of else None) or self.zone

    def expired(self, moment: datetime) -> bool:
        """Whether nothing may go out any more at `moment`."""
        return self.expires_at is not None and moment >= self.expires_at


def is_quiet(moment: datetime, zone: tzinfo, caps: Caps) -> bool:
    """Whether the wall clock in `zone` shows a quiet hour; equal ends mean that there are none."""
    wall = moment.astimezone(zone).time()
    begin, end = caps.quiet_from, caps.quiet_until
    return begin <= wall < end if begin <= end else wall >= begin or wall < end


def quiet_end(moment: datetime, zone: tzinfo, caps: Caps) -> datetime | None:
    """The first moment (UTC) at which the quiet hours around `moment` are over; None when it is not quiet."""
    if not is_quiet(moment, zone, caps):
        return None
    local = moment.astimezone(zone)
    for days in range(4):
        end = datetime.combine(local.date() + timedelta(days=days), caps.quiet_until, tzinfo=zone)
        for fold in (0, 1):  # an hour that comes twice ends twice; an hour that never comes ends when the clock has jumped
            candidate = end.replace(fold=fold).astimezone(UTC)
            if candidate > moment and not is_quiet(candidate, zone, caps):
                return candidate
    raise AssertionError("quiet hours without an end")  # a quiet day has 24 hours at most, so an end is within two


def window_start(moment: datetime, zone: tzinfo, days: int) -> datetime:
    """Start (UTC) of the last `days` days: on the wall clock and in hours, whichever reaches further back.

    A day on which clocks go back has 25 hours; counting 24 would let a second message into one calendar day.
    """
    wall = (moment.astimezone(zone) - timedelta(days=days)).replace(fold=0).astimezone(UTC)
    return min(wall, moment.astimezone(UTC) - timedelta(days=days))


def cap_end(recent: Sequence[datetime], moment: datetime, zone: tzinfo, caps: Caps) -> datetime | None:
    """When the person may get another message, given the moments of their recent ones; None when now is fine.

    Args:
        recent: moments of messages already sent or perhaps sent within the last eight days, in any order.
    Returns:
        A moment (UTC); `datetime.max` when a cap is 0 and no message may ever go out.
    """
    if min(caps.per_day, caps.per_week) <= 0:
        return datetime.max.replace(tzinfo=UTC)
    free: list[datetime] = []
    for days, most in ((1, caps.per_day), (7, caps.per_week)):
        start = window_start(moment, zone, days)
        inside = sorted(at for at in recent if at > start)
        if len(inside) >= most:
            free.append(_leaves_window(inside[-most], zone, days))
    return max(free, default=None)


def _leaves_window(at: datetime, zone: tzinfo, days: int) -> datetime:
    """The first moment whose window of `days` days no longer holds a message of moment `at`."""
    candidate = at.astimezone(UTC) + timedelta(days=days)
    while window_start(candidate, zone, days) < at:
        candidate += timedelta(minutes=30)  # clock changes are 30 or 60 minutes
    return candidate
