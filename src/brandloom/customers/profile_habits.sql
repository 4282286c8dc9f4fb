-- What each customer likes and when they buy: the value with most purchase lines, ties to the smaller one. Times are UTC.
-- `discount_share`: of the lines of products with a usual price, those at least 5 % below it. `price_level`: the mean place of what they buy
-- in the price range of its category, 0 the cheapest and 1 the dearest. profile_references.sql says where both come from.
-- More parts for the WITH clause that profile_features.sql begins.
categories_bought AS (
    SELECT b.customer AS customer, p.category AS category, sum(b.n) AS n
    FROM products_bought b
    JOIN products p ON p.product = b.product
    WHERE p.category IS NOT NULL
    GROUP BY b.customer, p.category
),
moments AS (
    SELECT customer,
           date_diff('day', CAST('2001-01-01' AS DATE), CAST(occurred_at AS DATE)) % 7 AS weekday,  -- a Monday, so 0 is Monday
           CAST(extract(hour FROM occurred_at) AS INTEGER) AS hour_of_day,
           count(*) AS n
    FROM lines
    WHERE kind = 'purchase'
    GROUP BY customer, date_diff('day', CAST('2001-01-01' AS DATE), CAST(occurred_at AS DATE)) % 7,
             CAST(extract(hour FROM occurred_at) AS INTEGER)
),
weekdays AS (SELECT customer, weekday, sum(n) AS n FROM moments GROUP BY customer, weekday),
hours AS (SELECT customer, hour_of_day, sum(n) AS n FROM moments GROUP BY customer, hour_of_day),
-- the most frequent value by a join with the highest count: sorting every customer's products takes several times as long
favourite_categories AS (
    SELECT b.customer AS customer, min(b.category) AS category, CAST(max(b.n) AS DOUBLE) / max(most.total) AS share
    FROM categories_bought b
    JOIN (SELECT customer, max(n) AS n, sum(n) AS total FROM categories_bought GROUP BY customer) most ON most.customer = b.customer AND most.n = b.n
    GROUP BY b.customer
),
favourite_products AS (
    SELECT b.customer AS customer, min(b.product) AS product
    FROM products_bought b
    JOIN products_counted c ON c.customer = b.customer AND c.most = b.n
    GROUP BY b.customer
),
favourite_weekdays AS (
    SELECT b.customer AS customer, min(b.weekday) AS weekday
    FROM weekdays b
    JOIN (SELECT customer, max(n) AS n FROM weekdays GROUP BY customer) most ON most.customer = b.customer AND most.n = b.n
    GROUP BY b.customer
),
favourite_hours AS (
    SELECT b.customer AS customer, min(b.hour_of_day) AS hour_of_day
    FROM hours b
    JOIN (SELECT customer, max(n) AS n FROM hours GROUP BY customer) most ON most.customer = b.customer AND most.n = b.n
    GROUP BY b.customer
),
price_references AS (
    SELECT product, month, usual, place FROM ({references}) known
),
priced AS (  -- places as decimals, so that row order changes nothing
    SELECT l.customer AS customer, count(r.usual) AS priced, count(r.place) AS placed, sum(CAST(r.place AS DECIMAL(9, 6))) AS places,
           sum(CASE WHEN CAST(l.amount AS DOUBLE) / l.quantity < CAST(0.95 AS DOUBLE) * r.usual THEN 1 ELSE 0 END) AS reduced
    FROM lines l
    JOIN price_references r
        ON r.product = l.product AND r.month = CAST(extract(year FROM l.occurred_at) * 12 + extract(month FROM l.occurred_at) AS INTEGER)
    WHERE l.kind = 'purchase' AND l.quantity > 0 AND l.amount > 0
    GROUP BY l.customer
)
SELECT s.*, c.customer IS NOT NULL AS listed, c.first_seen AS first_seen, c.country AS country, c.language AS language,
       favourite_categories.category AS favourite_category, favourite_categories.share AS favourite_category_share,
       CASE WHEN priced.priced > 0 THEN CAST(priced.reduced AS DOUBLE) / priced.priced END AS discount_share,
       CASE WHEN priced.placed > 0 THEN CAST(priced.places AS DOUBLE) / priced.placed END AS price_level,
       favourite_products.product AS favourite_product,
       CAST(favourite_weekdays.weekday AS INTEGER) AS favourite_weekday, CAST(favourite_hours.hour_of_day AS INTEGER) AS favourite_hour
FROM states s
LEFT JOIN customers c ON c.customer = s.customer
LEFT JOIN favourite_categories ON favourite_categories.customer = s.customer
LEFT JOIN favourite_products ON favourite_products.customer = s.customer
LEFT JOIN favourite_weekdays ON favourite_weekdays.customer = s.customer
LEFT JOIN favourite_hours ON favourite_hours.customer = s.customer
LEFT JOIN priced ON priced.customer = s.customer
