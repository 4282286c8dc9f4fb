-- Events that change a profile between two runs: those that were not there as of $last (numbered above $seen) or lay ahead, and those that
-- leave a window (profile_table.py says which). `ago` is null for the new ones; `later` counts days back from $as_of.
SELECT customer, kind, occurred_at, amount, coalesce(order_id, CAST(CAST(occurred_at AS DATE) AS VARCHAR)) AS order_key,
       CASE WHEN occurred_at < $last AND (event IS NULL OR event <= $seen)
            THEN date_diff('day', CAST(occurred_at AS DATE), CAST($last AS DATE)) END AS ago,
       date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE)) AS later
FROM events
WHERE customer IS NOT NULL AND occurred_at < $as_of AND (event > $seen OR occurred_at >= $last OR {crossing})
