-- Lines that say again what an earlier line of the file said, among those whose hash is not their own (`twice`). The hash
-- only nominates, the values decide. A line may also differ from the earlier one in what does not identify it.
CREATE OR REPLACE TEMP TABLE repeated AS
WITH copies AS MATERIALIZED (SELECT * FROM plain_lines WHERE same IN (SELECT same FROM twice) AND NOT malformed),
again AS (SELECT unnest(list_sort(list(line))[2:]) AS line FROM copies GROUP BY {identity}),
exact AS (SELECT unnest(list_sort(list(line))[2:]) AS line FROM copies GROUP BY {everything})
SELECT a.line, CASE WHEN e.line IS NULL THEN 'same_line' ELSE 'duplicate' END AS code, c.product, c.name
FROM again a JOIN copies c ON c.line = a.line LEFT JOIN exact e ON e.line = a.line
