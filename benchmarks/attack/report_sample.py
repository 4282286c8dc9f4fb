"""A report with words in every chapter, for markup to be put into."""

from __future__ import annotations

from brandloom.measure import Count, Estimate, Report, Stage, text
from brandloom.measure import report as r


def sample_report() -> Report:
    """Every place of a report that can show a text which is not ours, filled with a harmless word.

    Lists are long, so that many payloads go through one report.
    """
    half = Estimate(0.5, 0.4, 0.6)
    finding = r.FindingRow("figure", text("'{excerpt}' is in no fact.", excerpt="12"), True)
    caution = r.FindingRow("law", "needs a proof", False)
    card = r.VariantCard("a/b/email/en", "regulars", "candles", "email", "en", "repaired", "A thought", "A body", "Look", 10, (caution,), (finding,))
    message = r.SampleMessage("c_1", "en", "email", "A thought", "<!doctype html><p>Hello</p>", "Hello", "Shop <a@shop.example.com>",
                              "zoe@reader.example", (("List-Id", "x"),), ("bought before",), "a/b/email/en")
    return Report(
        shop=r.ShopFacts("Lantern Hall", "GBP", "2024-06-01", "2024-06-02T08:40:00", 30, "p1", "Evening lights", True),
        load=r.Load((r.LoadedFile("orders.csv", "orders", 10, 8, 1, 1, (Count("no price", 1),), ("returns recognised",)),) * 12,
                    "2024-01-01", "2024-05-31"),
        demand=(r.Period("2024-04-01", 10, 8, 100.0), r.Period("2024-05-01", 12, 9, 120.0)),
        customers=r.Customers(20, 220.0, (r.SegmentRow("regulars", "Regulars", 20, 220.0, 9.0, 0.4, "come often"),), (Count("Wales", 20),)),
        model=r.ModelCard("Trees", 100, ("2024-04-01",), (r.Metric("AUC", half, half, "recency", True, "rank"),), (r.Feature("days", 0.3),),
                          ("weather",)),
        likely=r.Likely(half, (r.Decile(1, 2, 0.5, 0.4, 0.6, 1.0, 1),), 1, (r.Prospect("c_1", half, 9.0, ("bought lately",)),) * 20),
        audience=r.Audience((r.Step("Known", 20), r.Step("Get a message", 9)), (Count("no consent", 3),) * 9, 10, 9, 1, 0.2, 5.0, half, half, 0.1),
        products=(r.ProductRow("P1", "Red Candle", "candles", 9, 12.5, (Count("popular now", 9),)),) * 25,
        content=r.Content("model-1", (card,) * 12, 1, 0, 0, 1, 2.0, 3, 4, ("Made with AI",), ("Figures trace to facts",), ((1, 0.9),)),
        messages=(message,) * 6, delivery=r.Delivery(9, 8, 0, 1, 0, 8, "loopback", ("invented addresses",)),
        stages=(Stage("load", 1.0, 50.0),),
        provenance=r.Provenance((r.Source("Data", "CC BY", "by them", "https://data.example.org/x"),) * 12, ("addresses",) * 9,
                                {"duckdb": "2"}, "abc", "machine", 7))
