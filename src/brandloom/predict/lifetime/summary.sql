-- One row per customer who bought before $as_of, counted in purchase days (UTC): repeats, first to last, first to $as_of, money.
-- Logarithms are summed as exact decimals, so that the order of rows changes nothing. Ln of each day's amount, where it is positive.
WITH days AS (
    SELECT customer, date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE)) AS days_ago, CAST(sum(amount) AS DOUBLE) AS amount
    FROM events
    WHERE kind = 'purchase' AND customer IS NOT NULL AND occurred_at < $as_of AND ($whole OR md5(concat(customer, $salt)) < $below)
    GROUP BY customer, date_diff('day', CAST(occurred_at AS DATE), CAST($as_of AS DATE))
),
steps AS (
    SELECT customer, days_ago, row_number() OVER (PARTITION BY customer ORDER BY days_ago DESC) AS place,
           CASE WHEN amount > 0 THEN 1 ELSE 0 END AS paid,
           CASE WHEN amount > 0 THEN CAST(amount AS DECIMAL(18, 4)) ELSE CAST(0 AS DECIMAL(18, 4)) END AS money,
           CAST(CASE WHEN amount > 0 THEN ln(amount) ELSE 0.0 END AS DECIMAL(18, 9)) AS log_money
    FROM days
),
squares AS (
    SELECT customer, days_ago, place, paid, money, log_money,
           CAST(CAST(log_money AS DOUBLE) * CAST(log_money AS DOUBLE) AS DECIMAL(18, 9)) AS log_square
    FROM steps
)
SELECT customer, CAST(count(*) - 1 AS DOUBLE) AS frequency, CAST(max(days_ago) - min(days_ago) AS DOUBLE) AS recency_days,
       CAST(max(days_ago) AS DOUBLE) AS t_days,
       CAST(max(days_ago) - sum(CASE WHEN place = 2 THEN days_ago END) AS DOUBLE) AS second_days,
       CAST(sum(paid) AS DOUBLE) AS paid_days, CAST(sum(money) AS DOUBLE) AS money,
       CAST(sum(log_money) AS DOUBLE) AS log_sum, CAST(sum(log_square) AS DOUBLE) AS log_squares
FROM squares
GROUP BY customer
ORDER BY customer
