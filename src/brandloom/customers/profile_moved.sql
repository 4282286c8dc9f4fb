-- By how much the counted windows of customers shrink between two runs, from `_profile_passing`: events that leave a window, and visits
-- that are new. `ago` counts days back from the day of the last run, null for what was not there; `later` from the day of this run.
-- Names are those of profile_features.sql. Customers of `_profile_touched` are left out: they are computed.
WITH passing AS (
    SELECT p.customer AS customer, p.kind AS kind, p.order_key AS order_key, p.amount AS amount, p.occurred_at AS occurred_at, p.ago AS ago, p.later AS later
    FROM _profile_passing p
    LEFT JOIN _profile_touched t ON t.customer = p.customer
    WHERE t.customer IS NULL
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
SELECT others.customer AS customer, others.visit_day AS visit_day, bought.days_14d AS days_14d, bought.days_60d AS days_60d,
       bought.days_year_ago AS days_year_ago, bought.orders_30d AS orders_30d, bought.orders_90d AS orders_90d, bought.orders_180d AS orders_180d,
       bought.orders_365d AS orders_365d, bought.spend_30d AS spend_30d, bought.spend_90d AS spend_90d, bought.spend_180d AS spend_180d,
       bought.spend_365d AS spend_365d, others.returns_90d AS returns_90d, others.visits_7d AS visits_7d, others.visits_30d AS visits_30d,
       others.carts_30d AS carts_30d
FROM others
LEFT JOIN bought ON bought.customer = others.customer
