"""Products as the catalogue knows them."""

from __future__ import annotations

from brandloom.content import Product
from brandloom.engine import Engine


def read_products(engine: Engine, ids: list[str]) -> dict[str, Product]:
    """Catalogue facts of these products."""
    if not ids:
        return {}
    values = {f"p{n}": one for n, one in enumerate(ids)}
    rows = engine.query("SELECT product, name, category, price, description FROM products WHERE product IN ("
                        + ", ".join(f"${name}" for name in values) + ")", **values).to_pylist()
    return {row["product"]: Product(row["product"], row["name"] or row["product"], row["category"], row["price"], row["description"])
            for row in rows}
