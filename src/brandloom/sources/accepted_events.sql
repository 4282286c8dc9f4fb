-- Events other than order lines, without their customer's pseudonym; the refused ones are gone by now.
CREATE OR REPLACE TEMP VIEW judged AS
SELECT line, source_customer, name, country, unit_price, occurred_at, kind, product,
       CASE WHEN kind = 'return' THEN -abs(coalesce(quantity, 1)) ELSE coalesce(quantity, 1) END AS quantity,
       CASE WHEN kind = 'return' THEN -abs(amount) ELSE amount END AS amount,
       order_id, session, channel, campaign, properties, row_id
FROM lines
