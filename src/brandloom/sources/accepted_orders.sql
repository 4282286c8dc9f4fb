-- Order lines as events without their customer's pseudonym; the refused ones are gone by now.
CREATE OR REPLACE TEMP VIEW judged AS
SELECT line, source_customer, name, country, unit_price, occurred_at, kind, product,
       CASE WHEN kind = 'return' THEN -abs(quantity) ELSE quantity END AS quantity,
       CASE WHEN kind = 'return' THEN -abs(amount) ELSE amount END AS amount,
       order_id, session, channel, campaign, properties, row_id
FROM (SELECT * REPLACE (CASE WHEN product IN (SELECT product FROM adjustments) THEN 'adjustment'
                             WHEN undone OR quantity < 0 THEN 'return' ELSE 'purchase' END AS kind)
      FROM lines)
