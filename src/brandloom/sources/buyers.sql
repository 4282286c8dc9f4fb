-- Customers of the accepted lines; their country is the one of their latest line that has one (ties: last in the alphabet).
WITH buyers AS (
    SELECT source_customer, min(first_at) AS first_seen,
           arg_max(country, (last_at, country)) FILTER (country IS NOT NULL) AS country
    FROM places WHERE source_customer IS NOT NULL GROUP BY source_customer)
SELECT k.customer, min(b.first_seen) AS first_seen, max(b.country) AS country
FROM buyers b JOIN pseudonyms k ON k.source_customer = b.source_customer GROUP BY k.customer
