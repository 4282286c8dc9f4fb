-- The counted windows and the last visit of customers of `profile_rows` whose events in `_profile_passing` leave a window or are new
-- visits: what is stored, less what was counted of these events, and more what is counted now. Names are those of profile_features.sql.
-- Customers of `_profile_touched` are left out: they are computed.
WITH passing AS (
    SELECT p.customer AS customer, p.kind AS kind, p.order_key AS order_key, p.amount AS amount, p.occurred_at AS occurred_at, p.ago AS ago, p.later AS later
    FROM _profile_passing p
    LEFT JOIN _profile_touched t ON t.customer = p.customer
    WHERE p.customer IS NOT NULL AND t.customer IS NULL
),
orders AS (
    SELECT customer, order_key, ago, later, sum(amount) AS amount
    FROM passing
    WHERE kind = 'purchase'
    GROUP BY customer, order_key, ago, later
),
days AS (
    SELECT customer, ago, later, count(*) AS orders, coalesce(sum(amount), 0) AS amount
    FROM orders
    GROUP BY customer, ago, later
),
bought AS (
    SELECT customer,
           sum(CASE WHEN ago <= 14 THEN 1 ELSE 0 END) - sum(CASE WHEN later <= 14 THEN 1 ELSE 0 END) AS days_14d,
           sum(CASE WHEN ago <= 60 THEN 1 ELSE 0 END) - sum(CASE WHEN later <= 60 THEN 1 ELSE 0 END) AS days_60d,
           sum(CASE WHEN ago > 335 AND ago <= 365 THEN 1 ELSE 0 END) - sum(CASE WHEN later > 335 AND later <= 365 THEN 1 ELSE 0 END) AS days_year_ago,
           sum(CASE WHEN ago <= 30 THEN orders ELSE 0 END) - sum(CASE WHEN later <= 30 THEN orders ELSE 0 END) AS orders_30d,
           sum(CASE WHEN ago <= 90 THEN orders ELSE 0 END) - sum(CASE WHEN later <= 90 THEN orders ELSE 0 END) AS orders_90d,
           sum(CASE WHEN ago <= 180 THEN orders ELSE 0 END) - sum(CASE WHEN later <= 180 THEN orders ELSE 0 END) AS orders_180d,
           sum(CASE WHEN ago <= 365 THEN orders ELSE 0 END) - sum(CASE WHEN later <= 365 THEN orders ELSE 0 END) AS orders_365d,
           sum(CASE WHEN ago <= 30 THEN amount ELSE 0 END) - sum(CASE WHEN later <= 30 THEN amount ELSE 0 END) AS spend_30d,
           sum(CASE WHEN ago <= 90 THEN amount ELSE 0 END) - sum(CASE WHEN later <= 90 THEN amount ELSE 0 END) AS spend_90d,
           sum(CASE WHEN ago <= 180 THEN amount ELSE 0 END) - sum(CASE WHEN later <= 180 THEN amount ELSE 0 END) AS spend_180d,
           sum(CASE WHEN ago <= 365 THEN amount ELSE 0 END) - sum(CASE WHEN later <= 365 THEN amount ELSE 0 END) AS spend_365d
    FROM days
    GROUP BY customer
),
others AS (
    SELECT customer, max(CASE WHEN ago IS NULL THEN CAST(occurred_at AS DATE) END) AS visit_day,
           sum(CASE WHEN kind = 'return' AND ago <= 90 THEN 1 ELSE 0 END) - sum(CASE WHEN kind = 'return' AND later <= 90 THEN 1 ELSE 0 END) AS returns_90d,
           sum(CASE WHEN visit AND ago <= 7 THEN 1 ELSE 0 END) - sum(CASE WHEN visit AND later <= 7 THEN 1 ELSE 0 END) AS visits_7d,
           sum(CASE WHEN visit AND ago <= 30 THEN 1 ELSE 0 END) - sum(CASE WHEN visit AND later <= 30 THEN 1 ELSE 0 END) AS visits_30d,
           sum(CASE WHEN kind IN ('cart', 'favourite') AND ago <= 30 THEN 1 ELSE 0 END) - sum(CASE WHEN kind IN ('cart', 'favourite') AND later <= 30 THEN 1 ELSE 0 END) AS carts_30d
    FROM (SELECT customer, kind, kind NOT IN ('purchase', 'return', 'adjustment') AS visit, occurred_at, ago, later FROM passing) told
    GROUP BY customer
)
SELECT r.customer AS customer, coalesce(others.visit_day, r.visit_day) AS visit_day,
       r.days_14d - coalesce(bought.days_14d, 0) AS days_14d,
       r.days_60d - coalesce(bought.days_60d, 0) AS days_60d,
       r.days_year_ago - coalesce(bought.days_year_ago, 0) AS days_year_ago,
       r.orders_30d - coalesce(bought.orders_30d, 0) AS orders_30d,
       r.orders_90d - coalesce(bought.orders_90d, 0) AS orders_90d,
       r.orders_180d - coalesce(bought.orders_180d, 0) AS orders_180d,
       r.orders_365d - coalesce(bought.orders_365d, 0) AS orders_365d,
       r.spend_30d - coalesce(bought.spend_30d, 0) AS spend_30d,
       r.spend_90d - coalesce(bought.spend_90d, 0) AS spend_90d,
       r.spend_180d - coalesce(bought.spend_180d, 0) AS spend_180d,
       r.spend_365d - coalesce(bought.spend_365d, 0) AS spend_365d,
       r.returns_90d - others.returns_90d AS returns_90d,
       r.visits_7d - others.visits_7d AS visits_7d,
       r.visits_30d - others.visits_30d AS visits_30d,
       r.carts_30d - others.carts_30d AS carts_30d
FROM profile_rows r
JOIN others ON others.customer = r.customer
LEFT JOIN bought ON bought.customer = r.customer
