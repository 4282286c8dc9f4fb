-- Lines that cannot be used, each with one reason. A discount or fee may be negative without a sale to take back.
CREATE OR REPLACE TEMP TABLE refused AS
WITH faulty AS (
    SELECT line, fault, product, name FROM lines
    WHERE NOT plain_sale AND fault IS NOT NULL AND NOT (fault = 'negative_price' AND product IN (SELECT product FROM adjustments)))
SELECT coalesce(f.line, r.line) AS line, CASE WHEN r.code = 'duplicate' THEN r.code ELSE coalesce(f.fault, r.code) END AS code,
       coalesce(f.product, r.product) AS product, coalesce(f.name, r.name) AS name
FROM faulty f FULL JOIN repeated r ON r.line = f.line
