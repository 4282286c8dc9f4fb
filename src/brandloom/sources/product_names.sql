WITH together AS (
    SELECT product, name, lines, last_at, last_price FROM product_names
    UNION ALL
    SELECT product, name, lines, last_at, last_price FROM incoming_names),
ranked AS (
    SELECT product, name, last_at, last_price,
           sum(lines) OVER (PARTITION BY product, name) AS all_lines,
           row_number() OVER (PARTITION BY product, name
               ORDER BY CASE WHEN last_at IS NULL THEN 1 ELSE 0 END, last_at DESC, last_price DESC) AS nth
    FROM together)
SELECT product, name, CAST(all_lines AS BIGINT) AS lines, last_at, last_price FROM ranked WHERE nth = 1
