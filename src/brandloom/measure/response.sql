-- One row per person in the experiment of $plan: arm, probability, recency at the prediction, spend of a typical purchase.
WITH people AS (
    SELECT customer, MAX(CASE WHEN action = 'send' THEN 'sent' ELSE 'holdout' END) AS arm, MAX(p_purchase) AS p_purchase
    FROM decisions
    WHERE plan = $plan AND action IN ('send', 'holdout')
    GROUP BY customer
),
last AS (
    SELECT events.customer, MAX(events.occurred_at) AS last_at
    FROM events
    JOIN predictions ON predictions.customer = events.customer AND events.occurred_at < predictions.as_of
    WHERE events.kind = 'purchase'
    GROUP BY events.customer
)
SELECT people.customer,
       people.arm,
       coalesce(people.p_purchase, predictions.p_purchase, 0.0) AS p_purchase,
       coalesce(date_diff('day', last.last_at, predictions.as_of), 36500) AS recency_days,
       CASE WHEN predictions.p_purchase > 0 THEN coalesce(predictions.expected_spend, 0.0) / predictions.p_purchase
            ELSE 0.0 END AS basket
FROM people
LEFT JOIN predictions ON predictions.customer = people.customer
LEFT JOIN last ON last.customer = people.customer
ORDER BY people.customer
