-- What one customer's events say beside the profile, from `portrait_events`: one row per fact, most often first. Times are UTC.
SELECT 'event' AS fact, kind AS value, count(*) AS n, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high, max(occurred_at) AS last_at
FROM portrait_events GROUP BY kind
UNION ALL
SELECT 'channel' AS fact, channel AS value, count(*) AS n, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high, max(occurred_at) AS last_at
FROM portrait_events WHERE channel IS NOT NULL GROUP BY channel
UNION ALL
SELECT 'bought category' AS fact, p.category AS value, count(*) AS n, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high,
       max(e.occurred_at) AS last_at
FROM portrait_events e JOIN products p ON p.product = e.product
WHERE e.kind = 'purchase' AND p.category IS NOT NULL GROUP BY p.category
UNION ALL
SELECT 'looked at category' AS fact, p.category AS value, count(*) AS n, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high,
       max(e.occurred_at) AS last_at
FROM portrait_events e JOIN products p ON p.product = e.product
WHERE e.kind NOT IN ('purchase', 'return', 'adjustment') AND p.category IS NOT NULL GROUP BY p.category
UNION ALL
SELECT 'bought product' AS fact, e.product AS value, count(*) AS n, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high,
       max(e.occurred_at) AS last_at
FROM portrait_events e WHERE e.kind = 'purchase' AND e.product IS NOT NULL GROUP BY e.product
UNION ALL
SELECT 'price' AS fact, 'unit' AS value, count(*) AS n, min(CAST(amount AS DOUBLE) / quantity) AS low, max(CAST(amount AS DOUBLE) / quantity) AS high,
       max(occurred_at) AS last_at
FROM portrait_events WHERE kind = 'purchase' AND quantity > 0 AND amount > 0
