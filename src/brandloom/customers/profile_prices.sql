-- What each product was sold for in each month (UTC, years times 12 plus months) from $since until $as_of: `median` of its purchase
-- lines, and `place`, where this lies among the products of its category sold in that month: 0 the cheapest, 1 the dearest.
WITH medians AS (
    SELECT product, month, median(unit) AS median
    FROM (
        SELECT product, CAST(extract(year FROM occurred_at) * 12 + extract(month FROM occurred_at) AS INTEGER) AS month,
               CAST(amount AS DOUBLE) / quantity AS unit
        FROM events
        WHERE kind = 'purchase' AND product IS NOT NULL AND quantity > 0 AND amount > 0 AND occurred_at >= $since AND occurred_at < $as_of
    ) sold
    GROUP BY product, month
),
placed AS (
    SELECT m.product AS product, m.month AS month, m.median AS median, p.category AS category,
           rank() OVER (PARTITION BY p.category, m.month ORDER BY m.median) AS cheaper,
           count(*) OVER (PARTITION BY p.category, m.month) AS others
    FROM medians m
    LEFT JOIN products p ON p.product = m.product
)
SELECT product, month, median, CASE WHEN category IS NOT NULL AND others > 1 THEN CAST(cheaper - 1 AS DOUBLE) / (others - 1) END AS place
FROM placed
