-- Customers whose profile has to be computed: those of events in `_profile_passing` that move more than a window, those who bought what has got
-- another usual price for that time (late sales, in `_profile_repriced`, from $repriced on), and those of whom table `customers` says something else than their row of `profile_rows`, or whose day to be known has come.
SELECT p.customer AS customer
FROM _profile_passing p
LEFT JOIN profile_rows r ON r.customer = p.customer
WHERE p.customer IS NOT NULL
      AND ((p.ago IS NULL AND (p.kind IN ('purchase', 'return', 'adjustment') OR p.occurred_at < $last OR r.known_day IS NULL)) OR r.scattered)
UNION
SELECT e.customer AS customer
FROM events e
JOIN _profile_repriced m ON m.product = e.product AND m.month = CAST(extract(year FROM e.occurred_at) * 12 + extract(month FROM e.occurred_at) AS INTEGER)
WHERE e.customer IS NOT NULL AND e.kind = 'purchase' AND e.occurred_at >= $repriced AND e.occurred_at < $as_of
UNION
SELECT coalesce(c.customer, r.customer) AS customer
FROM customers c
FULL JOIN profile_rows r ON r.customer = c.customer
WHERE (c.customer IS NULL AND r.listed) OR (r.customer IS NULL AND (c.first_seen IS NULL OR c.first_seen < $as_of))
      OR (c.customer IS NOT NULL AND r.customer IS NOT NULL
          AND (NOT r.listed OR c.first_seen IS DISTINCT FROM r.first_seen OR c.country IS DISTINCT FROM r.country
               OR c.language IS DISTINCT FROM r.language OR (c.first_seen >= $last AND c.first_seen < $as_of)))
