"""Why a message was not simply sent, in words."""

from __future__ import annotations

from brandloom.i18n import _, say

REASONS = {
    "quiet_hours": _("held until the quiet hours are over"), "cap": _("held by the frequency cap"),
    "expired": _("the offer ended before it could go out"), "no_consent": _("consent was withdrawn"),
    "suppressed": _("address is on the suppression list"), "unsubscribed": _("unsubscribed before it could go out"),
    "no_address": _("no address"),
}


def reason_text(code: str) -> str:
    """The sentence of a reason in the current language; a carrier's own answer, such as 'smtp 554 5.7.1', says who refused."""
    if code in REASONS:
        return say(REASONS[code])
    return say(_("the carrier answered '{code}'"), code=code)
