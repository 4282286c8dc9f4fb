-- RFM scores 1 (weak) to 5 (strong) by rank among buyers, equal values sharing a score, and one lifecycle segment each.
WITH buyers AS (
    SELECT customer,
           rank() OVER (ORDER BY days_since_last DESC) AS r_rank,
           rank() OVER (ORDER BY frequency) AS f_rank,
           rank() OVER (ORDER BY net_revenue) AS m_rank,
           count(*) OVER () AS n
    FROM profiles
    WHERE purchase_days > 0
),
scored AS (
    SELECT p.customer AS customer, p.as_of AS as_of, p.purchase_days AS purchase_days, p.days_since_last AS days_since_last,
           CAST(1 + floor(5.0 * (b.r_rank - 1) / b.n) AS INTEGER) AS r_score,
           CAST(1 + floor(5.0 * (b.f_rank - 1) / b.n) AS INTEGER) AS f_score,
           CAST(1 + floor(5.0 * (b.m_rank - 1) / b.n) AS INTEGER) AS m_score
    FROM profiles p
    LEFT JOIN buyers b ON b.customer = p.customer
)
SELECT customer, as_of,
       CASE WHEN purchase_days = 0 THEN 'prospect'
            WHEN purchase_days = 1 AND days_since_last <= $active_days THEN 'new'
            WHEN purchase_days = 1 THEN 'one_time'
            WHEN days_since_last > $lapsed_days THEN 'lapsed'
            WHEN days_since_last > $active_days THEN 'at_risk'
            WHEN m_score = 5 THEN 'big_spender'
            WHEN f_score >= 4 THEN 'loyal'
            ELSE 'active' END AS segment,
       r_score, f_score, m_score
FROM scored
