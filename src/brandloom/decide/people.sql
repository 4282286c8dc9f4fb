-- One row per known customer: what the models say, and up to four products to show, at most two of one group as long as
-- others are there (the rest of the same group follows).
WITH open AS (
    SELECT r.customer AS customer, r.product AS product, r.rank AS rank, coalesce(g.product_group, 'general') AS product_group
    FROM recommendations r
    LEFT JOIN product_groups g ON g.product = r.product
    LEFT JOIN decide_barred b ON b.product = r.product
    WHERE b.product IS NULL
), spread AS (
    SELECT customer, product, rank, product_group,
           CASE WHEN row_number() OVER (PARTITION BY customer, product_group ORDER BY rank, product) <= 2 THEN 0 ELSE 1 END AS crowded
    FROM open
), placed AS (
    SELECT customer, product, product_group,
           row_number() OVER (PARTITION BY customer ORDER BY crowded, rank, product) AS place
    FROM spread
), shown AS (
    SELECT customer,
           max(CASE WHEN place = 1 THEN product END) AS product_1, max(CASE WHEN place = 1 THEN product_group END) AS group_1,
           max(CASE WHEN place = 2 THEN product END) AS product_2, max(CASE WHEN place = 2 THEN product_group END) AS group_2,
           max(CASE WHEN place = 3 THEN product END) AS product_3, max(CASE WHEN place = 3 THEN product_group END) AS group_3,
           max(CASE WHEN place = 4 THEN product END) AS product_4, max(CASE WHEN place = 4 THEN product_group END) AS group_4
    FROM placed
    WHERE place <= 4
    GROUP BY customer
)
SELECT c.customer AS customer, c.country AS country, lower(substr(c.language, 1, 2)) AS language, s.persona AS persona,
       coalesce(p.p_purchase, 0.0) AS p_purchase, coalesce(p.p_low, 0.0) AS p_low, coalesce(p.p_high, 0.0) AS p_high,
       coalesce(p.expected_spend, 0.0) AS expected_spend,
       w.product_1 AS product_1, w.group_1 AS group_1, w.product_2 AS product_2, w.group_2 AS group_2,
       w.product_3 AS product_3, w.group_3 AS group_3, w.product_4 AS product_4, w.group_4 AS group_4
FROM customers c
LEFT JOIN segments s ON s.customer = c.customer
LEFT JOIN predictions p ON p.customer = c.customer
LEFT JOIN shown w ON w.customer = c.customer
WHERE c.first_seen IS NULL OR c.first_seen < $now  -- in a replay, nobody who turned up later is known yet
ORDER BY customer
