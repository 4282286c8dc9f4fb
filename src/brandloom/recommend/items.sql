-- Every product bought before $as_of or listed by the shop; `sold` says whether it can still be recommended.
SELECT coalesce(b.product, p.product) AS product,
       CASE WHEN p.origin = 'catalogue' AND p.stock = 0 THEN false
            WHEN p.origin = 'catalogue' THEN true
            ELSE coalesce(b.last_at >= $since, false) END AS sold
FROM (
    SELECT product, max(occurred_at) AS last_at
    FROM events
    WHERE kind = 'purchase' AND product IS NOT NULL AND occurred_at < $as_of
    GROUP BY product
) AS b
FULL OUTER JOIN products p ON p.product = b.product
WHERE b.product IS NOT NULL OR p.origin = 'catalogue'
ORDER BY product
