-- Customers whose profile as of $as_of differs from the one as of $last by more than the days that have passed: those of events
-- that were not there (numbered above $seen) or lay ahead, those of events that have left a window (profile_table.py says where the
-- windows ended then and now), and those who are known since, since another day, or no longer.
SELECT DISTINCT customer
FROM (
    SELECT customer
    FROM events
    WHERE customer IS NOT NULL AND occurred_at < $as_of AND (event > $seen OR occurred_at >= $last OR {crossing})
    UNION ALL
    SELECT coalesce(c.customer, b.customer) AS customer
    FROM customers c
    FULL JOIN profile_people b ON b.customer = c.customer
    WHERE c.customer IS NULL OR b.customer IS NULL OR c.first_seen IS DISTINCT FROM b.first_seen
          OR (c.first_seen >= $last AND c.first_seen < $as_of)
) found
