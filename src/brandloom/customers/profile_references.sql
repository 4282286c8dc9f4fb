-- What purchase lines of a product in a month are measured by, from earlier months alone, so that no later sale changes it: `usual`, the
-- highest median price of the last three months in which it was sold (so that one month of sales prices does not become usual), and `place`.
SELECT product, month, max(median) OVER (PARTITION BY product ORDER BY month ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS usual,
       lag(place) OVER (PARTITION BY product ORDER BY month) AS place
FROM profile_prices
