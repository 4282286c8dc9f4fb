"""Personal data in copy: what identifies a person stays out of it; the shop's own contact may stand."""

from __future__ import annotations

import re
from dataclasses import replace

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.normalise import fold_places
from brandloom.govern.patterns import find_personal
from brandloom.i18n import _

_TEMPLATES = {
    "email": _("'{excerpt}' is an e-mail address, which is personal data."),
    "phone": _("'{excerpt}' is a telephone number, which is personal data."),
    "id_number": _("'{excerpt}' is the number of an identity paper."),
    "card": _("'{excerpt}' is a card number."),
    "account": _("'{excerpt}' is an account, which is personal data."),
    "ip": _("'{excerpt}' is an IP address, which is personal data."),
    "plate": _("'{excerpt}' is a number plate, which is personal data."),
    "address": _("'{excerpt}' is an address, which is personal data."),
    "encoded": _("'{excerpt}' hides personal data in another coding."),
}
_MAY_HOLD = re.compile(r"[@＠号]|微信|[A-Za-z\uff21-\uff5a]{2}|\d(?:[^\w\u4e00-\u9fff]{0,2}\d){3}")
"""Without any of these a text holds no personal data: an address, a plate and an account have letters or a number of four and more."""
_SERVICE = re.compile(r"(?:400|800)[ -]?\d{3}[ -]?\d{4}|0800\D?\d{3}\D?\d{3,4}|95\d{3,4}")


def check_personal(text: str, *, own: str = "", place: str = "text") -> list[Finding]:
    """Findings for personal data, apart from what the records state, such as the shop's own address or hotline.

    Args:
        own: every value of the records in lower case.
    """
    if not _MAY_HOLD.search(text):
        return []
    folded, known, found = fold_places(text), _plain(own), list[Finding]()
    for item in find_personal(folded.text):
        value = folded.text[item.start:item.end]
        if _plain(value) in known or _SERVICE.fullmatch(value):
            continue
        span = folded.source_span(item.start, item.end)
        found.append(replace(finding("personal", "ban", place, text[slice(*span)], _TEMPLATES[item.kind]), span=span,
                             suggestion=_("Leave it out; the shop's own contact may stand where the records give it.")))
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\s().-]", "", text).lower()
