"""What a workspace already holds of its customers' language."""

from __future__ import annotations

from brandloom.content.articles.keywords import Texts
from brandloom.content.articles.order import MOST_TEXTS
from brandloom.engine import Engine


def shop_texts(engine: Engine, language: str) -> list[Texts]:
    """Reviews and product names of a workspace's warehouse, personal data already masked by loading; empty kinds are left out.

    Args:
        language: en or zh; documents of another language are not read, those without one are.
    """
    found = []
    if engine.exists("documents"):
        rows = engine.query("SELECT text FROM documents WHERE text IS NOT NULL AND kind IN ('review', 'post')"
                            " AND (language IS NULL OR language = $language) ORDER BY document LIMIT $most", language=language, most=MOST_TEXTS)
        found.append(Texts("reviews", tuple(rows.column("text").to_pylist())))
    if engine.exists("products"):
        rows = engine.query("SELECT DISTINCT name FROM products WHERE name IS NOT NULL ORDER BY name LIMIT $most", most=MOST_TEXTS)
        found.append(Texts("titles", tuple(rows.column("name").to_pylist())))
    return [item for item in found if item.texts]
