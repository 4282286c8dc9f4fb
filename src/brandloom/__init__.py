"""Brandloom: from a shop's own exports to written, checked, sent and measured campaigns.

Example:
    >>> import brandloom
    >>> shop = brandloom.create("my-shop", currency="GBP")  # doctest: +SKIP
    >>> shop.load("orders.xlsx", kind="orders")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Shop", "create", "open"]

if TYPE_CHECKING:
    from brandloom.campaigns import Shop, create
    from brandloom.campaigns import open_shop as open


def __getattr__(name: str) -> Any:
    """Import the loop when it is first used, so that `brandloom --help` and a single room start fast."""
    if name in __all__:
        from brandloom import campaigns
        return getattr(campaigns, {"open": "open_shop"}.get(name, name))
    raise AttributeError(name)
