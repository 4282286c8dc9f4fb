-- What everyone in the experiment of $plan bought in the window after the decision, once that window has passed.
-- Of people found to be one after the plan was made, the first id's arm counts, for it was drawn without regard to the others.
WITH decided AS (
    SELECT coalesce(same.person, d.customer) AS customer, d.customer AS id, d.action, d.decided_at,
           MIN(d.customer) OVER (PARTITION BY coalesce(same.person, d.customer)) AS first_id
    FROM decisions d
    LEFT JOIN same_person same ON same.customer = d.customer
    WHERE d.plan = $plan AND d.action IN ('send', 'holdout')
),
people AS (
    SELECT customer, MAX(CASE WHEN action = 'send' THEN 'sent' ELSE 'holdout' END) AS arm, MIN(decided_at) AS decided_at
    FROM decided
    WHERE id = first_id
    GROUP BY customer
),
spent AS (
    SELECT people.customer,
           MAX(CASE WHEN events.kind = 'purchase' THEN 1 ELSE 0 END) AS purchased,
           SUM(CAST(events.amount AS DOUBLE)) AS spend
    FROM people
    JOIN events ON events.customer = people.customer
    WHERE events.kind IN ('purchase', 'return')
      AND events.occurred_at >= people.decided_at
      AND events.occurred_at < people.decided_at + $window_days * INTERVAL 1 DAY
    GROUP BY people.customer
)
SELECT $plan AS plan,
       people.customer AS customer,
       people.arm AS arm,
       false AS simulated,
       coalesce(spent.purchased, 0) = 1 AS purchased,
       coalesce(spent.spend, 0.0) AS spend,
       CAST($window_days AS INT) AS window_days
FROM people
LEFT JOIN spent ON spent.customer = people.customer
WHERE people.decided_at + $window_days * INTERVAL 1 DAY <= $now
