-- Rows of a list (products, customers, documents): the first line of an id counts.
CREATE OR REPLACE TEMP TABLE refused AS
WITH ranked AS (
    SELECT line, malformed, id, missing, everything,
           row_number() OVER (PARTITION BY id ORDER BY line) AS nth,
           row_number() OVER (PARTITION BY id, everything ORDER BY line) AS nth_exact
    FROM records)
SELECT line, code FROM (
    SELECT line,
        CASE WHEN malformed THEN 'malformed'
             WHEN missing IS NOT NULL THEN missing
             WHEN nth_exact > 1 THEN 'duplicate'
             WHEN nth > 1 THEN 'same_id'
        END AS code
    FROM ranked)
WHERE code IS NOT NULL
