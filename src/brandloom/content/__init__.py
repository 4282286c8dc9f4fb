"""Copy: from a brief to checked variants to the message one person reads.

A model drafts with slots and facts (`write_variants`), every draft is checked (`check`, `check_text`), and a variant becomes a
message when a person's own values are put in at send time (`Press`).
"""

from brandloom.content.brief import Audience, Brief, Fact, Offer, ProductChoice, SenderOverride, read_brief
from brandloom.content.checks import Finding, Review, check, check_brief, check_text, check_words, review
from brandloom.content.copycheck import check_copy
from brandloom.content.facts import (
    Facts,
    Persona,
    PersonaLike,
    Product,
    ProductGroup,
    Request,
    build_facts,
    humanise,
    text_key,
)
from brandloom.content.layout import Layout, bundled_layout
from brandloom.content.render import Press, Rendered
from brandloom.content.verify import verify
from brandloom.content.writer import Variant, variant_asks, write_variants

__all__ = [
    "Audience", "Brief", "Fact", "Facts", "Finding", "Layout", "Offer", "Persona", "PersonaLike", "Press", "Product",
    "ProductChoice", "ProductGroup", "Rendered", "Request", "Review", "SenderOverride", "Variant", "build_facts",
    "bundled_layout", "check", "check_brief", "check_copy", "check_text", "check_words", "humanise", "read_brief",
    "review", "text_key", "variant_asks", "verify", "write_variants",
]
