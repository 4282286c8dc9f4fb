-- What the order lines call each product, how often, and when it last sold under that name. Lines that turn out to be
-- refused or known are taken off the count later (fresh_names); of a sale that was repeated the moment is the same.
CREATE OR REPLACE TEMP TABLE named AS
SELECT product, name, count(*) AS lines,
       max(CASE WHEN fault IS NULL AND quantity > 0 AND NOT cancelled THEN occurred_at END) AS last_at
FROM lines WHERE product IS NOT NULL GROUP BY product, name
