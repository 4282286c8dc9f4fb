CASE
    WHEN malformed THEN 'malformed'
    WHEN occurred_at IS NULL THEN CASE WHEN occurred_at_raw IS NULL THEN 'no_date' ELSE 'bad_date' END
    WHEN occurred_at > {now} THEN 'future_date'
    WHEN kind IS NULL THEN 'no_kind'
    WHEN product IS NULL AND kind IN ('purchase', 'return', 'view', 'cart', 'favourite') THEN 'no_product'
    WHEN quantity IS NULL AND quantity_raw IS NOT NULL THEN 'bad_quantity'
    WHEN money IS NULL AND money_raw IS NOT NULL THEN 'bad_price'
    WHEN abs(coalesce(money, 0)) >= 1e13 OR abs(coalesce(quantity, 0)) >= 1e12 THEN 'too_large'
    WHEN {amount} < 0 AND kind = 'purchase' THEN 'negative_price'
END