"""Quiet hours and caps, over zones, changes of the clock and moments."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.deliver import Caps
from brandloom.deliver.rules import cap_end, is_quiet, quiet_end, window_start

DAY = timedelta(days=1)
ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
                         "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Pacific/Chatham", "America/Sao_Paulo"]).map(ZoneInfo)
NEAR_CHANGES = st.sampled_from([datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2024, 3, 10, 7), datetime(2024, 11, 3, 6),
                                datetime(2011, 12, 30, 10), datetime(2024, 4, 6, 15), datetime(2024, 10, 5, 15)])
MOMENTS = st.one_of(
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),
    st.builds(lambda base, minutes: base + timedelta(minutes=minutes), NEAR_CHANGES, st.integers(-2_000, 2_000)),
).map(lambda moment: moment.replace(tzinfo=UTC))
CLOCK = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@settings(max_examples=700, deadline=None)
@given(MOMENTS, ZONES, CLOCK, CLOCK)
def test_quiet_hours_end_when_the_wall_clock_says_so(moment: datetime, zone: ZoneInfo, begin: time, end: time) -> None:
    caps = Caps(quiet_from=begin, quiet_until=end)
    until = quiet_end(moment, zone, caps)
    wall = moment.astimezone(zone).time()
    inside = begin <= wall < end if begin <= end else not end <= wall < begin
    assert (until is not None) == inside == is_quiet(moment, zone, caps)
    if until is not None:
        assert moment < until <= moment + timedelta(hours=49)
        assert not is_quiet(until, zone, caps)


@settings(max_examples=700, deadline=None)
@given(MOMENTS, ZONES, st.lists(st.integers(0, 12 * 24 * 60), max_size=12), st.integers(1, 3), st.integers(1, 5))
def test_no_calendar_day_and_no_24_hours_hold_more_than_the_cap(
        start: datetime, zone: ZoneInfo, minutes: list[int], per_day: int, per_week: int) -> None:
    caps, sent = Caps(per_day=per_day, per_week=per_week), []
    for wanted in sorted(start + timedelta(minutes=m) for m in minutes):
        free = cap_end(sent, wanted, zone, caps)
        if free is None:
            sent.append(wanted)
        else:
            assert free > wanted
            assert cap_end(sent, free, zone, caps) is None  # the moment promised is one at which it may go
    for at in sent:
        assert sum(at - DAY < other <= at for other in sent) <= per_day
        assert sum(at - 7 * DAY < other <= at for other in sent) <= per_week
        assert sum(other.astimezone(zone).date() == at.astimezone(zone).date() for other in sent) <= per_day


def test_a_day_of_25_hours_is_one_day() -> None:
    london = ZoneInfo("Europe/London")
    just_after_midnight = datetime(2024, 10, 26, 23, 10, tzinfo=UTC)  # 00:10 on the 27th, clocks go back at 02:00
    late = datetime(2024, 10, 27, 23, 30, tzinfo=UTC)  # 23:30 the same day, 24 h 20 min later
    assert cap_end([just_after_midnight], late, london, Caps()) is not None
    assert window_start(late, london, 1) < just_after_midnight
