-- Messages of a plan whose window has passed, and whether each brought what is counted within it.
WITH happened AS (
    SELECT coalesce(s.person, c.customer) AS customer, c.clicked_at AS happened_at
    FROM clicks c
    LEFT JOIN same_person s ON s.customer = c.customer
    WHERE c.plan = $plan AND c.machine IS NULL AND $metric = 'clicks'
    UNION ALL
    SELECT customer AS customer, occurred_at AS happened_at
    FROM events
    WHERE kind = 'purchase' AND customer IS NOT NULL AND $metric = 'orders'
), brought AS (
    SELECT DISTINCT m.customer AS customer
    FROM messages m
    LEFT JOIN same_person s ON s.customer = m.customer
    JOIN happened h ON h.customer = coalesce(s.person, m.customer)
    WHERE m.plan = $plan AND h.happened_at >= m.state_at AND date_diff('second', m.state_at, h.happened_at) < $window_s
)
SELECT m.customer AS customer, d.variant AS cell, m.variant AS text, m.wave AS wave, d.text_propensity AS propensity,
       CASE WHEN b.customer IS NULL THEN 0 ELSE 1 END AS brought
FROM messages m
JOIN decisions d ON d.plan = m.plan AND d.customer = m.customer
LEFT JOIN brought b ON b.customer = m.customer
WHERE m.plan = $plan AND m.state = 'sent' AND date_diff('second', m.state_at, $until) >= $window_s
ORDER BY m.customer
