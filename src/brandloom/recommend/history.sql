-- One row per customer: what this person bought before $as_of, most recent $max_items products, each packed into one whole
-- number (see history.py), so that any engine hands over plain lists of numbers in whatever order.
WITH days AS (
    SELECT customer, product, CAST(occurred_at AS DATE) AS bought_on
    FROM events
    WHERE kind = 'purchase' AND customer IS NOT NULL AND product IS NOT NULL
      AND occurred_at < $as_of AND substr(md5(customer), 1, 8) < $bar
    GROUP BY customer, product, CAST(occurred_at AS DATE)
), bought AS (
    SELECT customer, product,
           date_diff('day', max(bought_on), CAST($as_of AS DATE)) AS age,
           date_diff('day', min(bought_on), max(bought_on)) AS span,
           count(*) AS times
    FROM days
    GROUP BY customer, product
), ranked AS (
    SELECT customer, product, age, span, times,
           row_number() OVER (PARTITION BY customer ORDER BY age, times DESC, product) AS place
    FROM bought
)
SELECT r.customer AS customer,
       array_agg(coalesce(((CAST(i.code AS BIGINT) * 4096 + least(r.age, 4095)) * 4096 + least(r.span, 4095)) * 1024
                          + least(r.times, 1023), -1)) AS items
FROM ranked r LEFT JOIN recommend_items i ON i.product = r.product
WHERE r.place <= $max_items
GROUP BY r.customer
