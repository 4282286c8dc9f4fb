-- Every step of known visitors in the window, in the order in which a visit is read. A purchase of several lines is one step.
SELECT coalesce(e.session, e.customer) AS visitor, e.customer AS customer, e.occurred_at AS occurred_at, min(e.event) AS event, e.kind AS kind,
       min(e.product) AS product, min(p.category) AS category, CAST(avg(p.price) AS DOUBLE) AS price
FROM events e LEFT JOIN products p ON p.product = e.product
WHERE e.occurred_at >= $start AND e.occurred_at < $as_of AND e.kind <> 'adjustment' AND e.kind <> 'return'
  AND coalesce(e.session, e.customer) IS NOT NULL
GROUP BY coalesce(e.session, e.customer), e.customer, e.occurred_at, e.kind, CASE WHEN e.kind = 'purchase' THEN '' ELSE coalesce(e.product, '') END
ORDER BY visitor, occurred_at, event
