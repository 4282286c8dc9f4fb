-- Accepted order lines by kind: those of adjustments are counted per product already, and no plain sale is a return.
WITH counted AS (
    SELECT 'adjustment' AS kind, coalesce(sum(lines), 0) AS rows
    FROM (SELECT product, lines FROM named UNION ALL SELECT product, -lines FROM gone)
    WHERE product IN (SELECT product FROM adjustments)
    UNION ALL
    SELECT 'return' AS kind, count(*) AS rows FROM plain_lines
    WHERE NOT plain_sale AND (undone OR quantity < 0) AND product NOT IN (SELECT product FROM adjustments)),
every AS (
    SELECT kind, rows FROM counted
    UNION ALL
    SELECT 'purchase' AS kind, (SELECT count(*) FROM staged) - (SELECT sum(rows) FROM counted) AS rows)
SELECT kind, CAST(rows AS BIGINT) AS rows FROM every WHERE rows > 0 ORDER BY kind
