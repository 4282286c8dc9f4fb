-- Per text of a plan: messages whose window has passed, and how many of these brought what is counted within it.
WITH happened AS (
    SELECT customer AS customer, clicked_at AS happened_at
    FROM clicks
    WHERE plan = $plan AND machine IS NULL AND $metric = 'clicks'
    UNION ALL
    SELECT customer AS customer, occurred_at AS happened_at
    FROM events
    WHERE kind = 'purchase' AND customer IS NOT NULL AND $metric = 'orders'
), brought AS (
    SELECT DISTINCT m.customer AS customer
    FROM messages m
    JOIN happened h ON h.customer = m.customer
    WHERE m.plan = $plan AND h.happened_at >= m.state_at AND date_diff('second', m.state_at, h.happened_at) < $window_s
)
SELECT m.variant AS text, m.wave AS wave, COUNT(*) AS known, COUNT(b.customer) AS successes
FROM messages m
LEFT JOIN brought b ON b.customer = m.customer
WHERE m.plan = $plan AND m.state = 'sent' AND date_diff('second', m.state_at, $until) >= $window_s
GROUP BY m.variant, m.wave
ORDER BY text, wave
