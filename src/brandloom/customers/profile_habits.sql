-- What each customer likes and when they buy: the value with most purchase lines, ties to the smaller one. Times are UTC.
-- Names of WITH parts differ from those of profile_features.sql: translated to Spark, both end up in one WITH.
WITH habit_lines AS (
    SELECT e.customer AS customer, e.product AS product, p.category AS category,
           date_diff('day', CAST('2001-01-01' AS DATE), CAST(e.occurred_at AS DATE)) % 7 AS weekday,  -- a Monday, so 0 is Monday
           CAST(extract(hour FROM e.occurred_at) AS INTEGER) AS hour_of_day
    FROM events e
    LEFT JOIN products p ON p.product = e.product
    WHERE e.customer IS NOT NULL AND e.kind = 'purchase' AND e.occurred_at < $as_of
),
by_category AS (
    SELECT customer, category, row_number() OVER (PARTITION BY customer ORDER BY n DESC, category) AS place
    FROM (SELECT customer, category, count(*) AS n FROM habit_lines WHERE category IS NOT NULL GROUP BY customer, category) c
),
by_product AS (
    SELECT customer, product, row_number() OVER (PARTITION BY customer ORDER BY n DESC, product) AS place
    FROM (SELECT customer, product, count(*) AS n FROM habit_lines WHERE product IS NOT NULL GROUP BY customer, product) c
),
by_weekday AS (
    SELECT customer, weekday, row_number() OVER (PARTITION BY customer ORDER BY n DESC, weekday) AS place
    FROM (SELECT customer, weekday, count(*) AS n FROM habit_lines GROUP BY customer, weekday) c
),
by_hour AS (
    SELECT customer, hour_of_day, row_number() OVER (PARTITION BY customer ORDER BY n DESC, hour_of_day) AS place
    FROM (SELECT customer, hour_of_day, count(*) AS n FROM habit_lines GROUP BY customer, hour_of_day) c
)
SELECT by_hour.customer AS customer,
       by_category.category AS favourite_category,
       by_product.product AS favourite_product,
       CAST(by_weekday.weekday AS INTEGER) AS favourite_weekday,
       CAST(by_hour.hour_of_day AS INTEGER) AS favourite_hour
FROM by_hour
LEFT JOIN by_weekday ON by_weekday.customer = by_hour.customer AND by_weekday.place = 1
LEFT JOIN by_product ON by_product.customer = by_hour.customer AND by_product.place = 1
LEFT JOIN by_category ON by_category.customer = by_hour.customer AND by_category.place = 1
WHERE by_hour.place = 1
