-- What the order lines call each product, how often, and when it last sold under that name. Lines that turn out to be
-- refused or known are taken off the count later (`gone`); of a sale that was repeated the moment is the same.
CREATE OR REPLACE TEMP TABLE named AS
SELECT product, name, CAST(sum(lines) AS BIGINT) AS lines, max(last_at) AS last_at
FROM (SELECT product, name, count(*) AS lines, max(occurred_at) AS last_at FROM plain_lines WHERE plain_sale GROUP BY product, name
      UNION ALL
      SELECT product, name, count(*) AS lines, max(CASE WHEN fault IS NULL AND quantity > 0 AND NOT cancelled THEN occurred_at END) AS last_at
      FROM lines WHERE NOT plain_sale AND product IS NOT NULL GROUP BY product, name)
GROUP BY product, name
