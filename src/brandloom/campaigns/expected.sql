-- What the people who get a message are expected to spend anyway, and to bring because of it; money over the horizon.
SELECT SUM(p.expected_spend) AS mid,
       SUM(p.spend_low) AS low,
       SUM(p.spend_high) AS high,
       AVG(p.p_purchase) AS rate,
       SUM(d.expected_value) AS gain,
       SUM(d.expected_value * p.p_low / NULLIF(p.p_purchase, 0)) AS gain_low,
       SUM(d.expected_value * p.p_high / NULLIF(p.p_purchase, 0)) AS gain_high
FROM decisions d
JOIN predictions p ON p.customer = d.customer
WHERE d.plan = $plan AND d.action = 'send'
