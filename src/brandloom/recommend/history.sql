-- One row per customer: every purchase before $as_of as one whole number, product and days ago (see history.py), in whatever order.
-- Counting, ranking and cutting is left to arrays of numbers: a shop's purchases are nearly all of different products, so grouping
-- them here took most of the time of recommending.
SELECT e.customer AS customer,
       array_agg(coalesce(CAST(i.code AS BIGINT) * 65536
                          + least(date_diff('day', CAST(e.occurred_at AS DATE), CAST($as_of AS DATE)), 65535), -1)) AS items
FROM events e LEFT JOIN recommend_items i ON i.product = e.product
WHERE e.kind = 'purchase' AND e.customer IS NOT NULL AND e.product IS NOT NULL
  AND e.occurred_at < $as_of AND substr(md5(e.customer), 1, 8) < $bar
GROUP BY e.customer
