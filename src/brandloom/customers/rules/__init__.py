"""Segments that a marketer writes as rules: one language with a JSON form and a text form, evaluated in SQL, whole or piece by piece."""

from brandloom.customers.rules.compile import resolve
from brandloom.customers.rules.evaluate import Members, Size, draw_sample, estimate_size, evaluate
from brandloom.customers.rules.expression import Condition, rule_from_json, rule_to_json
from brandloom.customers.rules.live import Updated, changes, members, refresh, segments_of, sizes, stands_at, update
from brandloom.customers.rules.store import delete_rule, read_rule, save_rule, saved_rules
from brandloom.customers.rules.text import parse, print_rule

__all__ = ["Condition", "Members", "Size", "Updated", "changes", "delete_rule", "draw_sample", "estimate_size", "evaluate", "members", "parse",
           "print_rule", "read_rule", "refresh", "resolve", "rule_from_json", "rule_to_json", "save_rule", "saved_rules", "segments_of", "sizes",
           "stands_at", "update"]
