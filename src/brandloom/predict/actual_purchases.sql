-- What each customer really bought from $start up to $end: orders and their amount before returns.
SELECT customer,
       count(DISTINCT coalesce(order_id, CAST(CAST(occurred_at AS DATE) AS VARCHAR))) AS orders,
       CAST(sum(amount) AS DOUBLE) AS spend
FROM events
WHERE kind = 'purchase' AND customer IS NOT NULL AND occurred_at >= $start AND occurred_at < $end
GROUP BY customer
