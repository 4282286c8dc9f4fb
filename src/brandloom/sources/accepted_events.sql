-- Accepted events other than order lines; see accepted_orders.sql for how the id is made.
CREATE OR REPLACE TEMP VIEW accepted AS
SELECT l.line,
       md5(concat('event|', l.kind, '|', coalesce(l.order_id, ''), '|', coalesce(c.customer, ''), '|', coalesce(l.product, ''), '|',
                  epoch_us(l.occurred_at), '|', coalesce(l.session, ''), '|', coalesce(l.quantity, 0), '|',
                  coalesce(l.amount, 0), '|', coalesce(l.row_id, ''))) AS event,
       c.customer, l.source_customer, l.name, l.country, l.unit_price, l.occurred_at, l.kind, l.product,
       CASE WHEN l.kind = 'return' THEN -abs(coalesce(l.quantity, 1)) ELSE coalesce(l.quantity, 1) END AS quantity,
       CASE WHEN l.kind = 'return' THEN -abs(l.amount) ELSE l.amount END AS amount,
       l.order_id, l.session, l.channel, l.campaign, l.properties
FROM lines l LEFT JOIN pseudonyms c ON c.source_customer = l.source_customer
WHERE l.line NOT IN (SELECT line FROM refused)
