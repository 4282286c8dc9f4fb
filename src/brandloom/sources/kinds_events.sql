-- Accepted rows by kind.
SELECT kind, count(*) AS rows FROM judged GROUP BY kind ORDER BY kind
