CREATE OR REPLACE TEMP TABLE refused AS
SELECT line, code FROM (
    SELECT l.line,
        CASE
            WHEN l.malformed THEN 'malformed'
            WHEN r.code = 'duplicate' THEN 'duplicate'
            WHEN l.occurred_at IS NULL THEN CASE WHEN l.occurred_at_raw IS NULL THEN 'no_date' ELSE 'bad_date' END
            WHEN l.occurred_at > $now THEN 'future_date'
            WHEN l.product IS NULL THEN 'no_product'
            WHEN l.quantity IS NULL THEN CASE WHEN l.quantity_raw IS NULL THEN 'no_quantity' ELSE 'bad_quantity' END
            WHEN l.quantity = 0 THEN 'zero_quantity'
            WHEN l.money IS NULL THEN CASE WHEN l.money_raw IS NULL THEN 'no_price' ELSE 'bad_price' END
            WHEN abs(l.money) >= 1e13 OR abs(l.quantity) >= 1e12 THEN 'too_large'
            WHEN l.amount = 0 AND l.quantity < 0 AND NOT l.cancelled THEN 'stock_adjustment'
            WHEN l.amount = 0 THEN 'zero_price'
            WHEN l.amount < 0 AND l.quantity > 0 AND NOT l.cancelled
                AND l.product NOT IN (SELECT product FROM adjustments) THEN 'negative_price'
            WHEN r.code = 'same_line' THEN 'same_line'
        END AS code
    FROM lines l LEFT JOIN repeated r ON r.line = l.line)
WHERE code IS NOT NULL
