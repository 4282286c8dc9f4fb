-- What the events numbered up to $seen (0) and above it (1) add up to. Events without a number count as old: nobody can tell.
SELECT CASE WHEN event > $seen THEN 1 ELSE 0 END AS fresh, coalesce(max(event), 0) AS seen, count(*) AS lines, count(customer) AS named,
       coalesce(sum(date_diff('day', CAST('2001-01-01' AS DATE), CAST(occurred_at AS DATE))), 0) AS days, coalesce(sum(amount), 0) AS amount
FROM events
GROUP BY CASE WHEN event > $seen THEN 1 ELSE 0 END
