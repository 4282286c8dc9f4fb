-- Product ids in place of their numbers.
SELECT s.customer AS customer, s.rank AS rank, i.product AS product, s.score AS score, s.reason AS reason, b.product AS because
FROM recommend_scores s
JOIN recommend_items i ON i.code = s.code
LEFT JOIN recommend_items b ON b.code = s.because
