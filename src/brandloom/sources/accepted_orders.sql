-- Accepted lines as events. The id hashes what identifies the line as it was read, so format, file and column order do not matter;
-- the pseudonym stands in for the customer, so that nobody can find a customer by trying ids.
CREATE OR REPLACE TEMP VIEW accepted AS
SELECT l.line,
       md5(concat(coalesce(l.order_id, ''), '|', coalesce(c.customer, ''), '|', l.product, '|', epoch_us(l.occurred_at), '|',
                  l.quantity, '|', l.amount, '|', coalesce(l.row_id, ''), CASE WHEN l.undone THEN '|undone' ELSE '' END)) AS event,
       c.customer, l.source_customer, l.name, l.country, l.unit_price,
       l.occurred_at,
       CASE WHEN l.product IN (SELECT product FROM adjustments) THEN 'adjustment'
            WHEN l.cancelled OR l.quantity < 0 THEN 'return' ELSE 'purchase' END AS kind,
       l.product,
       CASE WHEN (l.cancelled OR l.quantity < 0) AND l.product NOT IN (SELECT product FROM adjustments) THEN -abs(l.quantity)
            ELSE l.quantity END AS quantity,
       CASE WHEN (l.cancelled OR l.quantity < 0) AND l.product NOT IN (SELECT product FROM adjustments) THEN -abs(l.amount)
            ELSE l.amount END AS amount,
       l.order_id, l.session, l.channel, l.campaign, l.properties
FROM lines l LEFT JOIN pseudonyms c ON c.source_customer = l.source_customer
WHERE l.line NOT IN (SELECT line FROM refused)
