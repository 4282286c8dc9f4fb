-- Events that change a profile between two runs: those that lay ahead of $last, those that were not there (numbered above $seen), and
-- those that leave a window (profile_table.py says which). `ago` counts days back from the day of the last run, null for the new ones;
-- `later` from $as_of. Sales to nobody known count for prices. One branch each, because a condition on one column alone spares reading the blocks that cannot hold any.
SELECT customer, kind, occurred_at, amount, coalesce(order_id, CAST(CAST(occurred_at AS DATE) AS VARCHAR)) AS order_key,
       CASE WHEN there THEN date_diff('day', CAST(occurred_at AS DATE), CAST($last AS DATE)) END AS ago,
       date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE)) AS later
FROM (
    SELECT customer, kind, occurred_at, amount, order_id, FALSE AS there
    FROM events
    WHERE occurred_at >= $last AND occurred_at < $as_of
    UNION ALL
    SELECT customer, kind, occurred_at, amount, order_id, FALSE AS there
    FROM events
    WHERE event > $seen AND occurred_at < $last AND occurred_at < $as_of
    UNION ALL
    SELECT customer, kind, occurred_at, amount, order_id, TRUE AS there
    FROM events
    WHERE {crossing} AND occurred_at < $last AND (event IS NULL OR event <= $seen)
) found
