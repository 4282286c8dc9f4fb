-- How many customers bought each product, by day before $as_of: whole numbers, so that every engine gives the same ones.
-- Sales without a customer count as one customer per order.
SELECT product, age, count(*) AS buyers
FROM (
    SELECT product, coalesce(customer, order_id, CAST(event AS VARCHAR)) AS buyer, date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE)) AS age
    FROM events
    WHERE kind = 'purchase' AND product IS NOT NULL AND occurred_at < $as_of AND occurred_at >= $since
    GROUP BY product, coalesce(customer, order_id, CAST(event AS VARCHAR)), date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE))
) AS daily
GROUP BY product, age
ORDER BY product, age
