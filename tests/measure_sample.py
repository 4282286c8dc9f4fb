"""A complete report made by hand around a real replay, so that every chapter is drawn once."""

from __future__ import annotations

from brandloom.measure import Capture, Count, Estimate, HitRates, Readout, Report, Stage, Truth, text
from brandloom.measure import report as r

EMAIL = """<!doctype html><html><body style="margin:0;background:#f2f2ef;font-family:Arial,sans-serif">
<table role="presentation" width="100%"><tr><td align="center" style="padding:16px"><table role="presentation" width="320"
style="background:#fff;border-radius:8px"><tr><td style="padding:20px"><p style="color:#888;font-size:12px">{label}</p>
<h1 style="font-size:20px">{subject}</h1><p>{body}</p><p><a href="https://shop.example.com/p/22423" style="background:#0b5fa5;
color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none">{button}</a></p><hr><p style="font-size:12px">
<a href="https://shop.example.com/unsubscribe">{leave}</a></p></td></tr></table></td></tr></table></body></html>"""


def sample(capture: Capture, hits: HitRates, readout: Readout, truth: Truth, *, product: str = "REGENCY CAKESTAND 3 TIER",
           copy: str = "A fresh look for your shelves") -> Report:
    """Every section filled; `product` and `copy` stand wherever text of unknown origin can."""
    return Report(
        shop=r.ShopFacts("Online Retail", "GBP", "2011-11-09", "2026-11-22T08:40:00", 30, plan="p1",
                         goal="Bring back the Christmas buyers of last year", demo=True),
        load=r.Load((_file(product),), "2010-12-01", "2011-11-08"), demand=_demand(), customers=_customers(), model=_model(),
        likely=_likely(capture), audience=_audience(readout), products=_products(product), content=_content(copy),
        messages=tuple(_message(language, copy) for language in ("en", "zh")),
        delivery=r.Delivery(720, 718, 0, 1, 1, 718, "aiosmtpd on 127.0.0.1", ("Addresses are invented under example.com.",)),
        replay=r.Replay(capture, hits), experiment=r.Experiment(readout, truth), stages=_stages(), provenance=_provenance())


def _file(product: str) -> r.LoadedFile:
    reasons = (Count("price is not above 0", 2515), Count("quantity is below 0 without a cancellation", 1336))
    return r.LoadedFile("online_retail.parquet", "orders", 541909, 532790, 0, 9119, (*reasons, Count(product, 1)),
                        (text("{n} cancelled orders became returns", n=9251),
                         text("{n} rows without a customer are kept for product statistics", n=132220)))


def _demand() -> tuple[r.Period, ...]:
    revenue = [552, 473, 435, 578, 425, 647, 608, 574, 616, 930, 973, 1126, 337]
    months = ["2010-12", *(f"2011-{month:02}" for month in range(1, 13))]
    return tuple(r.Period(f"{month}-01", money * 3, money * 2, money * 1000.0, after=number > 10)
                 for number, (month, money) in enumerate(zip(months, revenue, strict=True)))


def _customers() -> r.Customers:
    rows = [("Champions", 612, 4_630_000, 9, .71), ("Loyal", 803, 1_630_000, 31, .49), ("New", 520, 260_000, 17, .33),
            ("At risk", 905, 890_000, 112, .2), ("Asleep", 1223, 520_000, 240, .08)]
    return r.Customers(4063, 7_930_000.0, tuple(r.SegmentRow(name.lower(), name, n, float(money), days, p)
                                                for name, n, money, days, p in rows),
                       (Count("United Kingdom", 3671), Count("Germany", 91), Count("France", 83)))


def _model() -> r.ModelCard:
    return r.ModelCard(
        "Gradient-boosted trees, calibrated", 11_845, ("2011-07-12", "2011-08-11", "2011-09-10"),
        (r.Metric("AUC", Estimate(.752, .736, .768), Estimate(.744, .728, .761), "Recency and frequency only", True,
                  "Chance that a buyer is ranked above a non-buyer."),
         r.Metric("Brier score", Estimate(.158, .153, .164), Estimate(.162, .157, .168), "Recency and frequency only", False)),
        (r.Feature("Days since last purchase", .34), r.Feature("Orders in 90 days", .22)),
        ("It does not know prices of competitors or the weather.",))


def _likely(capture: Capture) -> r.Likely:
    rows = tuple(r.Decile(row.decile, row.customers, row.predicted, row.predicted * .9, min(1.0, row.predicted * 1.1),
                          row.predicted * row.customers, round(row.observed.value * row.customers))
                 for row in capture.calibration)
    people = tuple(r.Prospect(f"c_{number:024x}", Estimate(.93, .88, .97, 80), 812.5,
                              (text("bought {n} times in 90 days", n=7), "Bought two days ago")) for number in (11, 12))
    return r.Likely(Estimate(sum(row.expected_buyers for row in rows), 1180, 1420), rows, capture.buyers, people)


def _audience(readout: Readout) -> r.Audience:
    steps = (("Known customers", 4063), ("Consent to e-mail", 2893), ("Address known", 2893), ("Under the cap", 2893),
             ("Worth it", 1604), ("Within the budget", 800), ("Get a message", readout.sent.people))
    left = (("no consent", 1170), ("not worth it", 1289), ("over budget", 804), ("holdout", readout.holdout.people))
    return r.Audience(tuple(r.Step(*step) for step in steps), tuple(Count(*row) for row in left), 800,
                      readout.sent.people, readout.holdout.people, 1.44, 50.0, Estimate(310_000.0, 262_000.0, 371_000.0),
                      Estimate(5_430.0, 4_580.0, 6_490.0), .05, False, readout.detectable.lift)


def _products(product: str) -> tuple[r.ProductRow, ...]:
    return (r.ProductRow("22423", product, "Kitchen & <table>", 212, 12.75, (Count("again", 180), Count("together", 32))),
            r.ProductRow("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "Candles", 167, 2.95, (Count("popular", 9),)))


def _content(copy: str) -> r.Content:
    wrong = r.FindingRow("figures", text("'{figure}' is in no fact", figure="50% off"))
    cards = (r.VariantCard("loyal/kitchen/email/en", "Loyal", "Kitchen", "email", "en", "model", copy,
                           "Hello {{ first_name }},\nyour {{ product.name }} sold well last winter. It is in stock again.",
                           "See the range", 160),
             r.VariantCard("loyal/kitchen/email/zh", "Loyal", "Kitchen", "email", "zh", "repaired", "为您的货架添新意",
                           "{{ first_name }},您好!\n去年冬天您选购的 {{ product.name }} 现已补货。", "查看系列", 42, (), (wrong,)),
             r.VariantCard("asleep/candles/email/en", "Asleep", "Candles", "email", "en", "template", "Our candles are back",
                           "Hello {{ first_name }}, have a look.", "Open the shop", 31, (), (wrong, wrong)))
    return r.Content("Qwen2.5-Coder-1.5B-Instruct", cards, 1, 1, 1, 6, 48.0, 5200, 740,
                     ("Written with the help of AI", "本文由人工智能辅助生成"), ("Every figure is in a fact", "No absolute terms"), ((1, 0.42), (2, 0.7), (3, 0.81), (4, 0.86)))


def _message(language: str, copy: str) -> r.SampleMessage:
    texts = {"en": (copy, "Hello Ada, your cakestand is in stock again.", "See the range", "Unsubscribe", "AI-assisted"),
             "zh": ("为您的货架添新意", "王女士,您好!您选购的三层蛋糕架现已补货。", "查看系列", "退订", "人工智能辅助生成")}[language]
    subject, body, button, leave, label = texts
    html = EMAIL.format(subject=subject, body=body, button=button, leave=leave, label=label)
    return r.SampleMessage(f"c_{language}", language, "email", subject, html, f"{body}\n\n{button}", "Online Retail <hello@example.com>",
                           "ada@example.com", (("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),),
                           (text("{p:.0%} likely to buy in {days} days", p=.83, days=30), "Bought it last November"))


def _stages() -> tuple[Stage, ...]:
    return tuple(Stage(*row) for row in (("load", 9.4, 910.0), ("customers", 1.2, 700.0), ("predict", 21.7, 1100.0),
                                         ("recommend", 8.3, 950.0), ("content", 96.2, 2900.0), ("send", 4.1, 2950.0)))


def _provenance() -> r.Provenance:
    source = r.Source("Online Retail", "CC BY 4.0", "Daqing Chen, UCI Machine Learning Repository",
                      "https://archive.ics.uci.edu/dataset/352/online+retail")
    return r.Provenance((source, r.Source("bad", "none", "none", "javascript:alert(1)")),
                        ("Addresses under example.com", "Consents: seven in ten"), {"brandloom": "0.1.0"}, "b46fe11", "2 cores, 4 GB", 7)
