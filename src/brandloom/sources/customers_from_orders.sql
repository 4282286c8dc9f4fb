SELECT coalesce(c.customer, i.customer) AS customer,
       CASE WHEN c.first_seen IS NULL OR i.first_seen < c.first_seen THEN coalesce(i.first_seen, c.first_seen) ELSE c.first_seen END AS first_seen,
       coalesce(c.country, i.country) AS country,
       c.language, c.attributes
FROM customers c FULL JOIN incoming_customers i ON i.customer = c.customer
