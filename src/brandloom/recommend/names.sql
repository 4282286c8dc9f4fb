-- Name, category and number of order lines of every product known before $as_of.
SELECT p.product AS product, p.name AS name, p.category AS category, coalesce(s.lines, 0) AS lines
FROM products p
LEFT JOIN (
    SELECT product, count(*) AS lines
    FROM events
    WHERE kind = 'purchase' AND product IS NOT NULL AND occurred_at < $as_of
    GROUP BY product
) AS s ON s.product = p.product
ORDER BY product
