-- Lines that say again what an earlier line of the file said. `same` hashes most of what makes a line itself; it
-- only nominates, the values decide. A line may also differ from the earlier one in what does not identify it.
CREATE OR REPLACE TEMP TABLE repeated AS
WITH twice AS (SELECT same FROM lines GROUP BY same HAVING count(*) > 1),
copies AS (
    SELECT line,
           row_number() OVER (PARTITION BY {identity} ORDER BY line) AS nth,
           row_number() OVER (PARTITION BY {everything} ORDER BY line) AS nth_exact
    FROM lines WHERE same IN (SELECT same FROM twice) AND NOT malformed)
SELECT line, CASE WHEN nth_exact > 1 THEN 'duplicate' ELSE 'same_line' END AS code FROM copies WHERE nth > 1
