-- One row per customer known before $as_of, numbers only, from what happened before $as_of.
-- `days_ago` counts calendar days (UTC) back from $as_of, `active_months` calendar months with a purchase day. Money is summed as exact decimals, so row order changes nothing.
-- Parts of a WITH clause, the last one is `features`; profiles.py puts WITH before them and a SELECT behind.
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
    SELECT customer, order_key, product, count(*) AS n, max(days_ago) AS days_ago, sum(amount) AS amount,
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
    SELECT customer, order_key, max(days_ago) AS days_ago, sum(amount) AS amount, sum(items) AS items, count(product) AS products
    FROM baskets
    GROUP BY customer, order_key
),
days AS (
    SELECT customer, days_ago, count(*) AS orders, sum(amount) AS amount, sum(items) AS items, sum(products) AS products
    FROM orders
    GROUP BY customer, days_ago
),
steps AS (
    SELECT customer, days_ago, orders, amount, items, products,
           lag(days_ago) OVER (PARTITION BY customer ORDER BY days_ago DESC) - days_ago AS gap,
           row_number() OVER (PARTITION BY customer ORDER BY days_ago) AS back
    FROM days
),
bought AS (
    SELECT customer,
           count(*) AS purchase_days, min(days_ago) AS days_since_last, max(days_ago) AS t_days,
           sum(orders) AS orders, sum(items) AS items, sum(amount) AS amount, sum(products) AS product_lines,
           max(amount) AS amount_max,
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
features AS (
    SELECT known.customer AS customer,
           $as_of AS as_of,
           others.first_purchase_at AS first_purchase_at,
           others.last_purchase_at AS last_purchase_at,
           CAST(known.known_days AS DOUBLE) AS known_days,
           CAST(bought.days_since_last AS DOUBLE) AS days_since_last,
           CAST(bought.t_days - bought.days_since_last AS DOUBLE) AS recency_days,
           CAST(bought.t_days AS DOUBLE) AS T_days,
           CAST(coalesce(bought.purchase_days - 1, 0) AS DOUBLE) AS frequency,
           CAST(coalesce(bought.purchase_days, 0) AS DOUBLE) AS purchase_days,
           CAST(coalesce(bought.orders, 0) AS DOUBLE) AS orders,
           CAST(coalesce(bought.items, 0) AS DOUBLE) AS items,
           CAST(coalesce(products_counted.n_products, 0) AS DOUBLE) AS n_products,
           CAST(coalesce(bought.amount, 0) AS DOUBLE) + CAST(coalesce(others.returned, 0) AS DOUBLE) AS net_revenue,
           CAST(bought.amount AS DOUBLE) / bought.purchase_days AS monetary_value,
           CAST(bought.amount AS DOUBLE) / bought.orders AS avg_basket,
           CAST(bought.amount_last AS DOUBLE) AS last_basket,
           CAST(bought.amount_max AS DOUBLE) AS max_basket,
           CAST(bought.product_lines AS DOUBLE) / bought.orders AS products_per_order,
           CASE WHEN bought.amount > 0 THEN 0 - CAST(others.returned AS DOUBLE) / CAST(bought.amount AS DOUBLE) END AS returns_share,
           CAST(coalesce(others.returns_90d, 0) AS DOUBLE) AS returns_90d,
           CASE WHEN bought.purchase_days > 1
                THEN CAST(bought.t_days - bought.days_since_last AS DOUBLE) / (bought.purchase_days - 1) END AS mean_gap_days,
           CASE WHEN bought.purchase_days > 2
                THEN sqrt(CAST(bought.gap_squares AS DOUBLE) / (bought.purchase_days - 1)) END AS gap_spread_days,
           CAST(bought.gap_last AS DOUBLE) AS last_gap_days,
           CAST(bought.gap_max AS DOUBLE) AS max_gap_days,
           CASE WHEN bought.t_days > bought.days_since_last
                THEN CAST(bought.days_since_last AS DOUBLE) * (bought.purchase_days - 1)
                     / (bought.t_days - bought.days_since_last) END AS overdue_ratio,
           CAST(bought.third_last AS DOUBLE) AS days_since_third_last,
           CAST(coalesce(bought.active_months, 0) AS DOUBLE) AS active_months,
           CAST(coalesce(bought.purchase_days, 0) AS DOUBLE) * 30 / (coalesce(bought.t_days, 0) + 30) AS purchase_days_per_month,
           CAST(coalesce(bought.days_14d, 0) AS DOUBLE) AS purchase_days_14d,
           CAST(coalesce(bought.days_60d, 0) AS DOUBLE) AS purchase_days_60d,
           CAST(coalesce(bought.days_year_ago, 0) AS DOUBLE) AS purchase_days_year_ago,
           CAST(coalesce(bought.orders_30d, 0) AS DOUBLE) AS orders_30d,
           CAST(coalesce(bought.orders_90d, 0) AS DOUBLE) AS orders_90d,
           CAST(coalesce(bought.orders_180d, 0) AS DOUBLE) AS orders_180d,
           CAST(coalesce(bought.orders_365d, 0) AS DOUBLE) AS orders_365d,
           CAST(coalesce(bought.spend_30d, 0) AS DOUBLE) AS spend_30d,
           CAST(coalesce(bought.spend_90d, 0) AS DOUBLE) AS spend_90d,
           CAST(coalesce(bought.spend_180d, 0) AS DOUBLE) AS spend_180d,
           CAST(coalesce(bought.spend_365d, 0) AS DOUBLE) AS spend_365d,
           CAST(coalesce(others.visits_7d, 0) AS DOUBLE) AS visits_7d,
           CAST(coalesce(others.visits_30d, 0) AS DOUBLE) AS visits_30d,
           CAST(coalesce(others.carts_30d, 0) AS DOUBLE) AS carts_30d,
           CAST(others.days_since_visit AS DOUBLE) AS days_since_visit
    FROM known
    LEFT JOIN bought ON bought.customer = known.customer
    LEFT JOIN others ON others.customer = known.customer
    LEFT JOIN products_counted ON products_counted.customer = known.customer
)
