CASE
    WHEN plain_sale THEN NULL  -- as nearly every line is: the rest is for the others
    WHEN malformed THEN 'malformed'
    WHEN occurred_at IS NULL THEN CASE WHEN occurred_at_raw IS NULL THEN 'no_date' ELSE 'bad_date' END
    WHEN occurred_at > {now} THEN 'future_date'
    WHEN product IS NULL THEN 'no_product'
    WHEN quantity IS NULL THEN CASE WHEN quantity_raw IS NULL THEN 'no_quantity' ELSE 'bad_quantity' END
    WHEN quantity = 0 THEN 'zero_quantity'
    WHEN money IS NULL THEN CASE WHEN money_raw IS NULL THEN 'no_price' ELSE 'bad_price' END
    WHEN abs(money) >= 1e13 OR abs(quantity) >= 1e12 THEN 'too_large'
    WHEN {amount} = 0 THEN CASE WHEN quantity < 0 AND NOT cancelled THEN 'stock_adjustment' ELSE 'zero_price' END
    WHEN {amount} < 0 AND quantity > 0 AND NOT cancelled THEN 'negative_price'
END
