-- What the numbers of a profile are made of, one row per customer known before $as_of: days as dates, and nothing that grows older by
-- itself, so that a stored row stays true until something happens or leaves a window. profile_numbers.sql makes the numbers of it.
-- `days_ago` counts calendar days (UTC) back from $as_of, `active_months` calendar months with a purchase day. Money is summed as exact decimals, so row order changes nothing.
-- Parts of a WITH clause, the last one is `states`; profiles.py puts WITH before them and a SELECT behind.
-- `scattered`: an order of theirs has purchase lines of several days, so that a line alone does not tell the order's day.
-- `below` keeps the customers whose hash starts below it: 'g' keeps all, '8' half of them, the same half on every engine.
-- `whole` says that `events` holds nobody else anyway, which spares hashing every line.
lines AS (
    SELECT customer, kind, product, occurred_at, quantity, amount,
           coalesce(order_id, CAST(CAST(occurred_at AS DATE) AS VARCHAR)) AS order_key,
           date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE)) AS days_ago
    FROM events
    WHERE customer IS NOT NULL AND occurred_at < $as_of AND ($whole OR md5(concat(customer, $salt)) < $below)
),
baskets AS (  -- what one order holds of one product: the only pass over single lines that needs a row per product
    SELECT customer, order_key, product, count(*) AS n, max(days_ago) AS days_ago, min(days_ago) AS newest, sum(amount) AS amount,
           sum(CAST(quantity AS DECIMAL(18, 4))) AS items
    FROM lines
    WHERE kind = 'purchase'
    GROUP BY customer, order_key, product
),
products_bought AS (
    SELECT customer, product, CAST(sum(n) AS BIGINT) AS n
    FROM baskets
    WHERE product IS NOT NULL
    GROUP BY customer, product
),
products_counted AS (
    SELECT customer, count(*) AS n_products, max(n) AS most
    FROM products_bought
    GROUP BY customer
),
orders AS (
    SELECT customer, order_key, max(days_ago) AS days_ago, max(days_ago) - min(newest) AS spread, sum(amount) AS amount, sum(items) AS items,
           count(product) AS products
    FROM baskets
    GROUP BY customer, order_key
),
days AS (
    SELECT customer, days_ago, max(spread) AS spread, count(*) AS orders, sum(amount) AS amount, sum(items) AS items, sum(products) AS products
    FROM orders
    GROUP BY customer, days_ago
),
steps AS (
    SELECT customer, days_ago, spread, orders, amount, items, products,
           lag(days_ago) OVER (PARTITION BY customer ORDER BY days_ago DESC) - days_ago AS gap,
           row_number() OVER (PARTITION BY customer ORDER BY days_ago) AS back
    FROM days
),
bought AS (
    SELECT customer,
           count(*) AS purchase_days, min(days_ago) AS days_since_last, max(days_ago) AS t_days,
           sum(orders) AS orders, sum(items) AS items, sum(amount) AS amount, sum(products) AS product_lines,
           max(amount) AS amount_max, max(spread) AS spread,
           sum(CASE WHEN back = 1 THEN amount END) AS amount_last,
           sum(CASE WHEN back = 1 THEN gap END) AS gap_last,
           max(gap) AS gap_max, sum(gap * gap) AS gap_squares,
           sum(CASE WHEN back = 3 THEN days_ago END) AS third_last,
           count(DISTINCT date_trunc('month', CAST($as_of AS DATE) - CAST(days_ago AS INTEGER))) AS active_months,
           sum(CASE WHEN days_ago <= 14 THEN 1 ELSE 0 END) AS days_14d,
           sum(CASE WHEN days_ago <= 60 THEN 1 ELSE 0 END) AS days_60d,
           sum(CASE WHEN days_ago > 335 AND days_ago <= 365 THEN 1 ELSE 0 END) AS days_year_ago,
           sum(CASE WHEN days_ago <= 30 THEN orders ELSE 0 END) AS orders_30d,
           sum(CASE WHEN days_ago <= 90 THEN orders ELSE 0 END) AS orders_90d,
           sum(CASE WHEN days_ago <= 180 THEN orders ELSE 0 END) AS orders_180d,
           sum(CASE WHEN days_ago <= 365 THEN orders ELSE 0 END) AS orders_365d,
           sum(CASE WHEN days_ago <= 30 THEN amount ELSE 0 END) AS spend_30d,
           sum(CASE WHEN days_ago <= 90 THEN amount ELSE 0 END) AS spend_90d,
           sum(CASE WHEN days_ago <= 180 THEN amount ELSE 0 END) AS spend_180d,
           sum(CASE WHEN days_ago <= 365 THEN amount ELSE 0 END) AS spend_365d
    FROM steps
    GROUP BY customer
),
others AS (
    SELECT customer, max(days_ago) AS known_days,
           min(CASE WHEN kind = 'purchase' THEN occurred_at END) AS first_purchase_at,
           max(CASE WHEN kind = 'purchase' THEN occurred_at END) AS last_purchase_at,
           sum(CASE WHEN kind = 'return' THEN amount ELSE 0 END) AS returned,
           sum(CASE WHEN kind = 'return' AND days_ago <= 90 THEN 1 ELSE 0 END) AS returns_90d,
           sum(CASE WHEN kind NOT IN ('purchase', 'return', 'adjustment') AND days_ago <= 7 THEN 1 ELSE 0 END) AS visits_7d,
           sum(CASE WHEN kind NOT IN ('purchase', 'return', 'adjustment') AND days_ago <= 30 THEN 1 ELSE 0 END) AS visits_30d,
           sum(CASE WHEN kind IN ('cart', 'favourite') AND days_ago <= 30 THEN 1 ELSE 0 END) AS carts_30d,
           min(CASE WHEN kind NOT IN ('purchase', 'return', 'adjustment') THEN days_ago END) AS days_since_visit
    FROM lines
    GROUP BY customer
),
known AS (
    SELECT customer, max(known_days) AS known_days
    FROM (
        SELECT customer, known_days FROM others
        UNION ALL
        SELECT customer, date_diff('day', CAST(first_seen AS DATE), CAST($as_of AS DATE)) AS known_days
        FROM customers
        WHERE (first_seen IS NULL OR first_seen < $as_of) AND md5(concat(customer, $salt)) < $below
    ) seen
    GROUP BY customer
),
states AS (
    SELECT known.customer AS customer, others.first_purchase_at AS first_purchase_at, others.last_purchase_at AS last_purchase_at,
           CAST($as_of AS DATE) - CAST(known.known_days AS INTEGER) AS known_day,
           CAST($as_of AS DATE) - CAST(bought.t_days AS INTEGER) AS first_day,
           CAST($as_of AS DATE) - CAST(bought.days_since_last AS INTEGER) AS last_day,
           CAST($as_of AS DATE) - CAST(bought.third_last AS INTEGER) AS third_last_day,
           CAST($as_of AS DATE) - CAST(others.days_since_visit AS INTEGER) AS visit_day,
           bought.purchase_days AS purchase_days, CAST(bought.orders AS BIGINT) AS orders, bought.items AS items,
           products_counted.n_products AS n_products, CAST(bought.product_lines AS BIGINT) AS product_lines,
           bought.amount AS amount, bought.amount_last AS amount_last, bought.amount_max AS amount_max, others.returned AS returned,
           CAST(bought.gap_last AS BIGINT) AS gap_last, bought.gap_max AS gap_max, CAST(bought.gap_squares AS BIGINT) AS gap_squares,
           bought.active_months AS active_months, coalesce(bought.spread, 0) > 0 AS scattered,
           CAST(coalesce(bought.days_14d, 0) AS BIGINT) AS days_14d, CAST(coalesce(bought.days_60d, 0) AS BIGINT) AS days_60d,
           CAST(coalesce(bought.days_year_ago, 0) AS BIGINT) AS days_year_ago,
           CAST(coalesce(bought.orders_30d, 0) AS BIGINT) AS orders_30d, CAST(coalesce(bought.orders_90d, 0) AS BIGINT) AS orders_90d,
           CAST(coalesce(bought.orders_180d, 0) AS BIGINT) AS orders_180d, CAST(coalesce(bought.orders_365d, 0) AS BIGINT) AS orders_365d,
           coalesce(bought.spend_30d, 0) AS spend_30d, coalesce(bought.spend_90d, 0) AS spend_90d,
           coalesce(bought.spend_180d, 0) AS spend_180d, coalesce(bought.spend_365d, 0) AS spend_365d,
           CAST(coalesce(others.returns_90d, 0) AS BIGINT) AS returns_90d, CAST(coalesce(others.visits_7d, 0) AS BIGINT) AS visits_7d,
           CAST(coalesce(others.visits_30d, 0) AS BIGINT) AS visits_30d, CAST(coalesce(others.carts_30d, 0) AS BIGINT) AS carts_30d
    FROM known
    LEFT JOIN bought ON bought.customer = known.customer
    LEFT JOIN others ON others.customer = known.customer
    LEFT JOIN products_counted ON products_counted.customer = known.customer
)
