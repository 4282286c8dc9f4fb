-- Events under the id that stands for a person's several ids.
SELECT e.event, coalesce(p.person, e.customer) AS customer, e.occurred_at, e.kind, e.product, e.quantity, e.amount, e.order_id,
       e.session, e.channel, e.campaign, e.properties, e.row_id
FROM events_loaded e
LEFT JOIN same_person p ON p.customer = e.customer
