CREATE OR REPLACE TEMP TABLE refused AS
SELECT line, code FROM (
    SELECT l.line,
        CASE
            WHEN l.malformed THEN 'malformed'
            WHEN r.code = 'duplicate' THEN 'duplicate'
            WHEN l.occurred_at IS NULL THEN CASE WHEN l.occurred_at_raw IS NULL THEN 'no_date' ELSE 'bad_date' END
            WHEN l.occurred_at > $now THEN 'future_date'
            WHEN l.kind IS NULL THEN 'no_kind'
            WHEN l.product IS NULL AND l.kind IN ('purchase', 'return', 'view', 'cart', 'favourite') THEN 'no_product'
            WHEN l.quantity IS NULL AND l.quantity_raw IS NOT NULL THEN 'bad_quantity'
            WHEN l.money IS NULL AND l.money_raw IS NOT NULL THEN 'bad_price'
            WHEN abs(coalesce(l.money, 0)) >= 1e13 OR abs(coalesce(l.quantity, 0)) >= 1e12 THEN 'too_large'
            WHEN l.amount < 0 AND l.kind = 'purchase' THEN 'negative_price'
            WHEN r.code = 'same_line' THEN 'same_line'
        END AS code
    FROM lines l LEFT JOIN repeated r ON r.line = l.line)
WHERE code IS NOT NULL
