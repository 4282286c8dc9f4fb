-- One row per person. What the standing id's own row says counts first; one row of a minor makes the person one.
SELECT c.customer, c.first_seen, c.country, c.language, c.attributes
FROM customers_loaded c
LEFT JOIN same_person p ON p.customer = c.customer
WHERE p.customer IS NULL
UNION ALL
SELECT p.person AS customer,
       min(c.first_seen) AS first_seen,
       coalesce(max(CASE WHEN c.customer = p.person THEN c.country END), min(c.country)) AS country,
       coalesce(max(CASE WHEN c.customer = p.person THEN c.language END), min(c.language)) AS language,
       coalesce(max(CASE WHEN c.attributes LIKE '%"minor":true%' THEN c.attributes END),
                max(CASE WHEN c.customer = p.person THEN c.attributes END), min(c.attributes)) AS attributes
FROM customers_loaded c
JOIN same_person p ON p.customer = c.customer
GROUP BY p.person
