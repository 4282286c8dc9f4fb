"""Articles: keywords from the shop's own language, an outline tied to facts, sections behind the gate, and the page around them.

`read_order` reads a brief, `plan_article` finds keywords and outline, `write_article` writes it; `check_page` checks any page for search.
"""

from brandloom.content.articles.article import Article, ArticlePlan, keep_record, plan_article, write_article
from brandloom.content.articles.keywords import Keyword, Question, Texts, find_keywords, find_questions
from brandloom.content.articles.order import Order, read_order
from brandloom.content.articles.outline import Outline, Section
from brandloom.content.articles.seo import Notice, check_page, reading_ease
from brandloom.content.articles.shop import shop_texts

__all__ = ["Article", "ArticlePlan", "Keyword", "Notice", "Order", "Outline", "Question", "Section", "Texts", "check_page", "find_keywords",
           "find_questions", "keep_record", "plan_article", "read_order", "reading_ease", "shop_texts", "write_article"]
