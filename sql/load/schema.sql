-- The nine tables of TPC-C (clause 1.3.1, revision 5.11). Identifiers are integer; counters are wide enough to run for months.

-- name: load_create_tables
CREATE TABLE warehouse (
    w_id integer NOT NULL, w_name varchar(10) NOT NULL, w_street_1 varchar(20) NOT NULL, w_street_2 varchar(20) NOT NULL,
    w_city varchar(20) NOT NULL, w_state char(2) NOT NULL, w_zip char(9) NOT NULL, w_tax numeric(4,4) NOT NULL, w_ytd numeric(20,2) NOT NULL);
CREATE TABLE district (
    d_id integer NOT NULL, d_w_id integer NOT NULL, d_name varchar(10) NOT NULL, d_street_1 varchar(20) NOT NULL, d_street_2 varchar(20) NOT NULL,
    d_city varchar(20) NOT NULL, d_state char(2) NOT NULL, d_zip char(9) NOT NULL, d_tax numeric(4,4) NOT NULL, d_ytd numeric(20,2) NOT NULL,
    d_next_o_id integer NOT NULL);
CREATE TABLE customer (
    c_id integer NOT NULL, c_d_id integer NOT NULL, c_w_id integer NOT NULL, c_first varchar(16) NOT NULL, c_middle char(2) NOT NULL,
    c_last varchar(16) NOT NULL, c_street_1 varchar(20) NOT NULL, c_street_2 varchar(20) NOT NULL, c_city varchar(20) NOT NULL, c_state char(2) NOT NULL,
    c_zip char(9) NOT NULL, c_phone char(16) NOT NULL, c_since timestamptz NOT NULL, c_credit char(2) NOT NULL, c_credit_lim numeric(12,2) NOT NULL,
    c_discount numeric(4,4) NOT NULL, c_balance numeric(14,2) NOT NULL, c_ytd_payment numeric(14,2) NOT NULL, c_payment_cnt integer NOT NULL,
    c_delivery_cnt integer NOT NULL, c_data varchar(500) NOT NULL);
CREATE TABLE history (
    h_c_id integer NOT NULL, h_c_d_id integer NOT NULL, h_c_w_id integer NOT NULL, h_d_id integer NOT NULL, h_w_id integer NOT NULL,
    h_date timestamptz NOT NULL, h_amount numeric(6,2) NOT NULL, h_data varchar(24) NOT NULL);
CREATE TABLE new_order (no_o_id integer NOT NULL, no_d_id integer NOT NULL, no_w_id integer NOT NULL);
CREATE TABLE orders (
    o_id integer NOT NULL, o_d_id integer NOT NULL, o_w_id integer NOT NULL, o_c_id integer NOT NULL, o_entry_d timestamptz NOT NULL,
    o_carrier_id smallint, o_ol_cnt smallint NOT NULL, o_all_local smallint NOT NULL);
CREATE TABLE order_line (
    ol_o_id integer NOT NULL, ol_d_id integer NOT NULL, ol_w_id integer NOT NULL, ol_number integer NOT NULL, ol_i_id integer NOT NULL,
    ol_supply_w_id integer NOT NULL, ol_delivery_d timestamptz, ol_quantity smallint NOT NULL, ol_amount numeric(6,2) NOT NULL, ol_dist_info char(24) NOT NULL);
CREATE TABLE item (i_id integer NOT NULL, i_im_id integer NOT NULL, i_name varchar(24) NOT NULL, i_price numeric(5,2) NOT NULL, i_data varchar(50) NOT NULL);
CREATE TABLE stock (
    s_i_id integer NOT NULL, s_w_id integer NOT NULL, s_quantity integer NOT NULL, s_dist_01 char(24) NOT NULL, s_dist_02 char(24) NOT NULL,
    s_dist_03 char(24) NOT NULL, s_dist_04 char(24) NOT NULL, s_dist_05 char(24) NOT NULL, s_dist_06 char(24) NOT NULL, s_dist_07 char(24) NOT NULL,
    s_dist_08 char(24) NOT NULL, s_dist_09 char(24) NOT NULL, s_dist_10 char(24) NOT NULL, s_ytd bigint NOT NULL, s_order_cnt integer NOT NULL,
    s_remote_cnt integer NOT NULL, s_data varchar(50) NOT NULL);

-- Without CASCADE: what somebody hung on them stops us.
-- name: load_drop_tables
DROP TABLE IF EXISTS warehouse, district, customer, history, new_order, orders, order_line, item, stock;

-- name: load_find_tables
SELECT c.relname
FROM unnest(ARRAY['warehouse','district','customer','history','new_order','orders','order_line','item','stock']) AS wanted(name)
JOIN pg_class c ON c.oid = to_regclass(wanted.name) AND c.relkind IN ('r', 'p')
ORDER BY 1;

-- The keys come after the rows: each is one statement, so that several connections can build them side by side.
-- name: load_key_warehouse
ALTER TABLE warehouse ADD PRIMARY KEY (w_id);
-- name: load_key_district
ALTER TABLE district ADD PRIMARY KEY (d_w_id, d_id);
-- name: load_key_customer
ALTER TABLE customer ADD PRIMARY KEY (c_w_id, c_d_id, c_id);
-- name: load_key_new_order
ALTER TABLE new_order ADD PRIMARY KEY (no_w_id, no_d_id, no_o_id);
-- name: load_key_orders
ALTER TABLE orders ADD PRIMARY KEY (o_w_id, o_d_id, o_id);
-- name: load_key_order_line
ALTER TABLE order_line ADD PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number);
-- name: load_key_item
ALTER TABLE item ADD PRIMARY KEY (i_id);
-- name: load_key_stock
ALTER TABLE stock ADD PRIMARY KEY (s_w_id, s_i_id);
-- name: load_index_customer_name
CREATE INDEX customer_name ON customer (c_w_id, c_d_id, c_last, c_first);
-- name: load_index_orders_customer
CREATE INDEX orders_customer ON orders (o_w_id, o_d_id, o_c_id, o_id);

-- name: load_foreign_keys
ALTER TABLE district ADD FOREIGN KEY (d_w_id) REFERENCES warehouse;
ALTER TABLE customer ADD FOREIGN KEY (c_w_id, c_d_id) REFERENCES district;
ALTER TABLE history ADD FOREIGN KEY (h_c_w_id, h_c_d_id, h_c_id) REFERENCES customer;
ALTER TABLE history ADD FOREIGN KEY (h_w_id, h_d_id) REFERENCES district;
ALTER TABLE new_order ADD FOREIGN KEY (no_w_id, no_d_id, no_o_id) REFERENCES orders;
ALTER TABLE orders ADD FOREIGN KEY (o_w_id, o_d_id, o_c_id) REFERENCES customer;
ALTER TABLE order_line ADD FOREIGN KEY (ol_w_id, ol_d_id, ol_o_id) REFERENCES orders;
ALTER TABLE order_line ADD FOREIGN KEY (ol_supply_w_id, ol_i_id) REFERENCES stock;
ALTER TABLE stock ADD FOREIGN KEY (s_w_id) REFERENCES warehouse;
ALTER TABLE stock ADD FOREIGN KEY (s_i_id) REFERENCES item;

-- name: load_analyze
VACUUM (ANALYZE) warehouse, district, customer, history, new_order, orders, order_line, item, stock;

-- What a run must know of its load (the number of warehouses and the NURand constant) stands in the customer table's comment,
-- written last: without it the load did not finish. It speaks for all nine only while they lie in one schema: where the search path
-- has several, orders may be somebody else's, in front of ours.
-- name: load_read_mark
SELECT CASE WHEN count(DISTINCT c.relnamespace) = 1 THEN obj_description(to_regclass('customer'), 'pg_class') END
FROM unnest(ARRAY['warehouse','district','customer','history','new_order','orders','order_line','item','stock']) AS wanted(name)
JOIN pg_class c ON c.oid = to_regclass(wanted.name);

-- COMMENT takes no parameters; the text comes in through a setting of the session.
-- name: load_set_mark
SELECT set_config('homeostat_load.mark', $1, false);
-- name: load_write_mark
DO $$ BEGIN EXECUTE format('COMMENT ON TABLE customer IS %L', current_setting('homeostat_load.mark')); END $$;

-- name: load_server_limits
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, pg_is_in_recovery();

-- What takes hours here must not be ended by limits that a role or a database has for its clients (pg_dump does the same). Who waits
-- for a lock still does so no longer than lock_timeout says.
-- name: load_no_limits
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout');
