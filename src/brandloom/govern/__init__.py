"""Who people are and what they agreed to: pseudonyms, the encrypted vault, consent, suppression, the audit chain, AI labels."""

from brandloom.govern.audit import Audit, Head
from brandloom.govern.consent import (
    Consent,
    SuppressionReason,
    granted,
    record,
    refusals,
    suppress,
    suppressed,
    unwanted,
    withdraw,
)
from brandloom.govern.hidden import without_hidden
from brandloom.govern.label import (
    DIGITAL_SOURCE,
    AiLabel,
    VisibleLabel,
    ai_label,
    is_genuine,
    is_sealed,
    label_in_html,
    label_in_mail,
    labels_in_html,
    parse_label,
    read_label,
    visible_label,
)
from brandloom.govern.patterns import holds_personal, scrub
from brandloom.govern.personal import find_personal_columns
from brandloom.govern.persons import ids_of, lay_persons, persons_of
from brandloom.govern.vault import PERSONAL_FIELDS, Person, Vault, addresses

__all__ = [
    "DIGITAL_SOURCE", "PERSONAL_FIELDS", "AiLabel", "Audit", "Consent", "Head", "Person", "SuppressionReason", "Vault", "VisibleLabel", "addresses",
    "ai_label",
    "find_personal_columns", "granted", "holds_personal", "ids_of", "is_genuine", "is_sealed", "label_in_html", "label_in_mail",
    "labels_in_html", "lay_persons", "parse_label", "persons_of",
    "read_label", "record", "refusals", "scrub", "suppress", "suppressed", "unwanted", "visible_label", "withdraw",
    "without_hidden",
]
