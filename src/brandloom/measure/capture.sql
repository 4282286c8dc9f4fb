-- One row per customer who could have been chosen: score, recency and what followed in [$as_of, $until).
-- With $plan = '' the pool is everyone with a prediction; otherwise everyone the plan could have chosen.
WITH pool AS (
    SELECT customer, 0 AS chosen, p_purchase
    FROM predictions
    WHERE $plan = '' AND as_of = $as_of
    UNION ALL
    SELECT customer, MAX(CASE WHEN action IN ('send', 'holdout') THEN 1 ELSE 0 END) AS chosen,
           MAX(p_purchase) AS p_purchase
    FROM decisions
    WHERE plan = $plan AND (action IN ('send', 'holdout') OR reason IN ('not_worth_it', 'over_budget', 'audience_full'))
    GROUP BY customer
),
before AS (
    SELECT customer, MAX(occurred_at) AS last_at
    FROM events
    WHERE kind = 'purchase' AND occurred_at < $as_of AND customer IS NOT NULL
    GROUP BY customer
),
later AS (
    SELECT customer,
           MAX(CASE WHEN kind = 'purchase' THEN 1 ELSE 0 END) AS bought,
           SUM(CAST(amount AS DOUBLE)) AS revenue
    FROM events
    WHERE kind IN ('purchase', 'return') AND occurred_at >= $as_of AND occurred_at < $until AND customer IS NOT NULL
    GROUP BY customer
)
SELECT pool.customer,
       pool.chosen,
       coalesce(pool.p_purchase, predictions.p_purchase, 0.0) AS p_purchase,
       coalesce(date_diff('second', before.last_at, $as_of), 9000000000) AS recency_s,
       coalesce(later.bought, 0) AS bought,
       coalesce(later.revenue, 0.0) AS revenue
FROM pool
LEFT JOIN predictions ON predictions.customer = pool.customer
LEFT JOIN before ON before.customer = pool.customer
LEFT JOIN later ON later.customer = pool.customer
ORDER BY pool.customer
