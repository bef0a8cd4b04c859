-- The five transactions (clauses 2.4 to 2.8). Each statement is prepared once per connection and sent in a pipeline.
-- Hot rows are touched late and in one order everywhere (stock before district; customer, district, warehouse), so that they are
-- held briefly and deadlocks stay rare.

-- name: load_set_isolation
SELECT set_config('default_transaction_isolation', $1, false);

-- name: load_begin
BEGIN;
-- name: load_commit
COMMIT;
-- name: load_rollback
ROLLBACK;

-- New-Order ------------------------------------------------------------------------------------------------------------

-- name: load_new_order_customer
SELECT c_discount, c_last, c_credit, w_tax
FROM customer JOIN warehouse ON w_id = c_w_id
WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3;

-- name: load_new_order_items
SELECT i_id, (i_price * 100)::integer, i_name, i_data FROM item WHERE i_id = ANY ($1::integer[]);

-- One line at a time, so that an item which an order names twice is taken from the stock twice. $5 is the district.
-- name: load_new_order_stock
UPDATE stock
SET s_quantity = CASE WHEN s_quantity >= $3::integer + 10 THEN s_quantity - $3::integer ELSE s_quantity - $3::integer + 91 END,
    s_ytd = s_ytd + $3::integer, s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + $4::integer
WHERE s_w_id = $1 AND s_i_id = $2
RETURNING s_quantity, s_data,
          CASE $5::integer WHEN 1 THEN s_dist_01 WHEN 2 THEN s_dist_02 WHEN 3 THEN s_dist_03 WHEN 4 THEN s_dist_04 WHEN 5 THEN s_dist_05
               WHEN 6 THEN s_dist_06 WHEN 7 THEN s_dist_07 WHEN 8 THEN s_dist_08 WHEN 9 THEN s_dist_09 ELSE s_dist_10 END;

-- name: load_new_order_district
UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = $1 AND d_id = $2 RETURNING d_next_o_id - 1, d_tax;

-- name: load_new_order_order
INSERT INTO orders (o_id, o_d_id, o_w_id, o_c_id, o_entry_d, o_carrier_id, o_ol_cnt, o_all_local)
VALUES ($3, $2, $1, $4, now(), NULL, $5::integer, $6::integer);

-- name: load_new_order_new_order
INSERT INTO new_order (no_o_id, no_d_id, no_w_id) VALUES ($3, $2, $1);

-- Amounts come in cents.
-- name: load_new_order_lines
INSERT INTO order_line (ol_o_id, ol_d_id, ol_w_id, ol_number, ol_i_id, ol_supply_w_id, ol_delivery_d, ol_quantity, ol_amount, ol_dist_info)
SELECT $3::integer, $2::integer, $1::integer, n, item, supply, NULL, quantity, cents * 0.01, dist
FROM unnest($4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::text[]) WITH ORDINALITY AS line(item, supply, quantity, cents, dist, n);

-- Payment --------------------------------------------------------------------------------------------------------------

-- The customer in the middle of those with that name, in the order of first names, rounded up (clause 2.5.2.2).
-- name: load_customer_by_name
SELECT c_id, c_first, c_middle, c_last, c_balance
FROM (SELECT c_id, c_first, c_middle, c_last, c_balance, row_number() OVER (ORDER BY c_first) AS n, count(*) OVER () AS all_of_them
      FROM customer WHERE c_w_id = $1 AND c_d_id = $2 AND c_last = $3) AS named
WHERE n = (all_of_them + 1) / 2;

-- $4 is the amount in cents, $5 and $6 where it was paid: a customer with bad credit gets it all written down (clause 2.5.2.2).
-- name: load_payment_customer
UPDATE customer
SET c_balance = c_balance - $4::integer * 0.01, c_ytd_payment = c_ytd_payment + $4::integer * 0.01, c_payment_cnt = c_payment_cnt + 1,
    c_data = CASE WHEN c_credit = 'BC'
                  THEN left(concat_ws(' ', c_id, c_d_id, c_w_id, $6::integer, $5::integer, $4::integer * 0.01) || '|' || c_data, 500)
                  ELSE c_data END
WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3
RETURNING c_first, c_middle, c_last, c_street_1, c_street_2, c_city, c_state, c_zip, c_phone, c_since, c_credit, c_credit_lim, c_discount, c_balance,
          CASE WHEN c_credit = 'BC' THEN left(c_data, 200) END;

-- name: load_payment_district
UPDATE district SET d_ytd = d_ytd + $3::integer * 0.01 WHERE d_w_id = $1 AND d_id = $2
RETURNING d_name, d_street_1, d_street_2, d_city, d_state, d_zip;

-- name: load_payment_warehouse
UPDATE warehouse SET w_ytd = w_ytd + $2::integer * 0.01 WHERE w_id = $1
RETURNING w_name, w_street_1, w_street_2, w_city, w_state, w_zip;

-- name: load_payment_history
INSERT INTO history (h_c_id, h_c_d_id, h_c_w_id, h_d_id, h_w_id, h_date, h_amount, h_data)
SELECT $3::integer, $2::integer, $1::integer, d_id, w_id, now(), $6::integer * 0.01, w_name || '    ' || d_name
FROM warehouse JOIN district ON d_w_id = w_id WHERE w_id = $4 AND d_id = $5;

-- Order-Status ---------------------------------------------------------------------------------------------------------

-- name: load_order_status_customer
SELECT c_id, c_first, c_middle, c_last, c_balance FROM customer WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = $3;

-- name: load_order_status_lines
SELECT o_id, o_entry_d, o_carrier_id, ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d
FROM (SELECT o_id, o_entry_d, o_carrier_id FROM orders WHERE o_w_id = $1 AND o_d_id = $2 AND o_c_id = $3 ORDER BY o_id DESC LIMIT 1) AS last_order
JOIN order_line ON ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id = o_id;

-- Delivery -------------------------------------------------------------------------------------------------------------

-- The oldest undelivered order of one district. Whoever waits for another delivery takes the next one: no SKIP LOCKED, because
-- an order delivered before an older one would break consistency condition 3 when the older delivery rolls back.
-- name: load_delivery
WITH oldest AS (
    SELECT no_o_id AS id FROM new_order WHERE no_w_id = $1 AND no_d_id = $2 ORDER BY no_o_id LIMIT 1 FOR UPDATE),
gone AS (
    DELETE FROM new_order USING oldest WHERE no_w_id = $1 AND no_d_id = $2 AND no_o_id = oldest.id RETURNING no_o_id AS id),
delivered AS (
    UPDATE orders SET o_carrier_id = $3::integer FROM gone WHERE o_w_id = $1 AND o_d_id = $2 AND o_id = gone.id RETURNING o_id, o_c_id),
lines AS (
    UPDATE order_line SET ol_delivery_d = now() FROM gone WHERE ol_w_id = $1 AND ol_d_id = $2 AND ol_o_id = gone.id RETURNING ol_amount)
UPDATE customer
SET c_balance = c_balance + (SELECT sum(ol_amount) FROM lines), c_delivery_cnt = c_delivery_cnt + 1
FROM delivered WHERE c_w_id = $1 AND c_d_id = $2 AND c_id = delivered.o_c_id
RETURNING delivered.o_id;

-- Stock-Level ----------------------------------------------------------------------------------------------------------

-- name: load_stock_level
SELECT count(DISTINCT s_i_id)
FROM district
JOIN order_line ON ol_w_id = d_w_id AND ol_d_id = d_id AND ol_o_id >= d_next_o_id - 20 AND ol_o_id < d_next_o_id
JOIN stock ON s_w_id = d_w_id AND s_i_id = ol_i_id
WHERE d_w_id = $1 AND d_id = $2 AND s_quantity < $3::integer;
