WITH named AS (
    SELECT product, name, row_number() OVER (PARTITION BY product ORDER BY lines DESC, name DESC) AS nth
    FROM product_names WHERE name IS NOT NULL),
priced AS (
    SELECT product, last_price, row_number() OVER (PARTITION BY product ORDER BY last_at DESC, last_price DESC) AS nth
    FROM product_names WHERE last_at IS NOT NULL),
every AS (SELECT DISTINCT product FROM product_names)
SELECT p.product, p.name, p.category, p.price, p.description, p.stock, p.image, p.attributes, p.origin
FROM products p WHERE p.origin = 'catalogue'
UNION ALL
SELECT e.product, n.name, CAST(NULL AS VARCHAR) AS category, r.last_price AS price, CAST(NULL AS VARCHAR) AS description,
       CAST(NULL AS DOUBLE) AS stock, CAST(NULL AS VARCHAR) AS image, CAST(NULL AS VARCHAR) AS attributes, 'orders' AS origin
FROM every e
LEFT JOIN named n ON n.product = e.product AND n.nth = 1
LEFT JOIN priced r ON r.product = e.product AND r.nth = 1
LEFT JOIN products c ON c.product = e.product AND c.origin = 'catalogue'
WHERE c.product IS NULL
