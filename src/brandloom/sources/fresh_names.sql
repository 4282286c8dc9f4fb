-- Names of goods on the lines that are new, with the (highest) price at the moment of the latest sale.
WITH away AS (SELECT product, name, sum(lines) AS lines FROM gone GROUP BY product, name),
sold AS (
    SELECT product, name, occurred_at, amount / quantity AS price FROM lines
    WHERE quantity > 0 AND NOT cancelled AND occurred_at IN (SELECT last_at FROM named)),
priced AS (
    SELECT s.product, s.name, CAST(max(s.price) AS DECIMAL(18, 4)) AS last_price
    FROM sold s JOIN named n ON n.product = s.product AND n.name IS NOT DISTINCT FROM s.name AND n.last_at = s.occurred_at
    GROUP BY s.product, s.name)
SELECT n.product, n.name, n.lines - coalesce(g.lines, 0) AS lines, n.last_at, p.last_price
FROM named n
LEFT JOIN away g ON g.product = n.product AND g.name IS NOT DISTINCT FROM n.name
LEFT JOIN priced p ON p.product = n.product AND p.name IS NOT DISTINCT FROM n.name
WHERE n.lines > coalesce(g.lines, 0) AND n.product NOT IN (SELECT product FROM adjustments)
