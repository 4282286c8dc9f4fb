"""Why a message was not simply sent, in words."""

from __future__ import annotations

from brandloom.i18n import _, say

REASONS = {
    "quiet_hours": _("held until the quiet hours are over"), "cap": _("held by the frequency cap"),
    "expired": _("the offer ended before it could go out"), "no_consent": _("consent was withdrawn"),
    "suppressed": _("address is on the suppression list"), "unsubscribed": _("unsubscribed before it could go out"),
    "no_address": _("no address"), "address_changed": _("the address has changed since the plan was made"),
    "not_rendered": _("the message could not be written"), "no_smtputf8": _("the carrier cannot deliver to such an address"),
    "connection_lost": _("the connection was lost before the message was handed over"),
    "no_final_answer": _("the carrier's answer was lost: nobody can know"), "interrupted": _("interrupted while it was handed over"),
    "same_person": _("the person has this message under another id"),
    "bad_subscription": _("the push subscription cannot be used"),
    "sender_died": _("the sender died while it was handed over"),
}


def reason_text(code: str) -> str:
    """The sentence of a reason in the current language; a carrier's own answer, such as 'smtp 554 5.7.1', says who refused."""
    if code in REASONS:
        return say(REASONS[code])
    return say(_("the carrier answered '{code}'"), code=code)
