-- One row per customer with recommendations who bought in [$as_of, $until): relevant products, and what each list hit.
WITH popular AS (
    SELECT product, row_number() OVER (ORDER BY buyers DESC, product) AS rank
    FROM (
        SELECT product, COUNT(DISTINCT customer) AS buyers
        FROM events
        WHERE kind = 'purchase' AND occurred_at >= $since AND occurred_at < $as_of
          AND customer IS NOT NULL AND product IS NOT NULL
        GROUP BY product
    ) AS counted
),
bought AS (
    SELECT DISTINCT customer, product
    FROM events
    WHERE kind = 'purchase' AND occurred_at >= $as_of AND occurred_at < $until
      AND customer IS NOT NULL AND product IS NOT NULL
),
earlier AS (
    SELECT DISTINCT customer, product
    FROM events
    WHERE kind = 'purchase' AND occurred_at < $as_of AND customer IS NOT NULL AND product IS NOT NULL
),
served AS (
    SELECT DISTINCT customer FROM recommendations
),
relevant AS (
    SELECT bought.customer, bought.product,
           CASE WHEN earlier.product IS NULL THEN 1 ELSE 0 END AS is_new,
           CASE WHEN recommendations.product IS NULL THEN 0 ELSE 1 END AS model_hit,
           CASE WHEN recommendations.product IS NULL THEN 0.0 ELSE 1 / log2(recommendations.rank + 1) END AS model_gain,
           CASE WHEN popular.product IS NULL THEN 0 ELSE 1 END AS popular_hit,
           CASE WHEN popular.product IS NULL THEN 0.0 ELSE 1 / log2(popular.rank + 1) END AS popular_gain
    FROM bought
    JOIN served ON served.customer = bought.customer
    LEFT JOIN earlier ON earlier.customer = bought.customer AND earlier.product = bought.product
    LEFT JOIN recommendations ON recommendations.customer = bought.customer
        AND recommendations.product = bought.product AND recommendations.rank <= $k
    LEFT JOIN popular ON popular.product = bought.product AND popular.rank <= $k
)
SELECT customer,
       COUNT(*) AS relevant_all,
       SUM(is_new) AS relevant_new,
       SUM(1 - is_new) AS relevant_repeat,
       SUM(model_hit) AS model_hits_all,
       SUM(model_hit * is_new) AS model_hits_new,
       SUM(model_hit * (1 - is_new)) AS model_hits_repeat,
       SUM(model_gain) AS model_gain_all,
       SUM(model_gain * is_new) AS model_gain_new,
       SUM(model_gain * (1 - is_new)) AS model_gain_repeat,
       SUM(popular_hit) AS popular_hits_all,
       SUM(popular_hit * is_new) AS popular_hits_new,
       SUM(popular_hit * (1 - is_new)) AS popular_hits_repeat,
       SUM(popular_gain) AS popular_gain_all,
       SUM(popular_gain * is_new) AS popular_gain_new,
       SUM(popular_gain * (1 - is_new)) AS popular_gain_repeat
FROM relevant
GROUP BY customer
ORDER BY customer
