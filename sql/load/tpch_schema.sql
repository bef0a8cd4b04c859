-- The eight tables of TPC-H (clause 1.4), in a schema of their own that is first in the search path. Keys of orders are bigint: one
-- in four is used, so they outgrow an integer at scale factor 358.

-- name: load_tpch_set_path
SELECT set_config('search_path', quote_ident($1), false);
-- name: load_tpch_create_schema
-- CREATE SCHEMA takes no parameters; the name comes in through the search path.
DO $$ BEGIN
    IF to_regnamespace(current_setting('search_path')) IS NULL THEN EXECUTE 'CREATE SCHEMA ' || current_setting('search_path'); END IF;
END $$;

-- name: load_tpch_create_tables
CREATE TABLE region (r_regionkey integer NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (n_nationkey integer NOT NULL, n_name char(25) NOT NULL, n_regionkey integer NOT NULL, n_comment varchar(152));
CREATE TABLE supplier (
    s_suppkey integer NOT NULL, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey integer NOT NULL, s_phone char(15) NOT NULL,
    s_acctbal numeric(15,2) NOT NULL, s_comment varchar(101) NOT NULL);
CREATE TABLE customer (
    c_custkey integer NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey integer NOT NULL, c_phone char(15) NOT NULL,
    c_acctbal numeric(15,2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE part (
    p_partkey integer NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL,
    p_size integer NOT NULL, p_container char(10) NOT NULL, p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL);
CREATE TABLE partsupp (
    ps_partkey integer NOT NULL, ps_suppkey integer NOT NULL, ps_availqty integer NOT NULL, ps_supplycost numeric(15,2) NOT NULL,
    ps_comment varchar(199) NOT NULL);
CREATE TABLE orders (
    o_orderkey bigint NOT NULL, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL,
    o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (
    l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL,
    l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
    l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL,
    l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL);

-- name: load_tpch_drop_tables
-- Without CASCADE: what somebody hung on them stops us.
DROP TABLE IF EXISTS lineitem, orders, partsupp, part, customer, supplier, nation, region;

-- name: load_tpch_find_tables
SELECT c.relname
FROM unnest(ARRAY['region','nation','supplier','customer','part','partsupp','orders','lineitem']) AS wanted(name)
JOIN pg_class c ON c.oid = to_regclass(wanted.name) AND c.relkind IN ('r', 'p')
ORDER BY 1;

-- name: load_tpch_key_region
-- Keys after the rows, each one statement, so that several connections can build them side by side.
ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
-- name: load_tpch_key_nation
ALTER TABLE nation ADD PRIMARY KEY (n_nationkey);
-- name: load_tpch_key_supplier
ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey);
-- name: load_tpch_key_customer
ALTER TABLE customer ADD PRIMARY KEY (c_custkey);
-- name: load_tpch_key_part
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
-- name: load_tpch_key_partsupp
ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey);
-- name: load_tpch_key_orders
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey);
-- name: load_tpch_key_lineitem
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);

-- name: load_tpch_index_supplier_nation
-- What one usually adds: an index for each foreign key that is no prefix of a primary key, and one for each date that ranges are asked of.
CREATE INDEX supplier_nation ON supplier (s_nationkey);
-- name: load_tpch_index_customer_nation
CREATE INDEX customer_nation ON customer (c_nationkey);
-- name: load_tpch_index_partsupp_supplier
CREATE INDEX partsupp_supplier ON partsupp (ps_suppkey);
-- name: load_tpch_index_orders_customer
CREATE INDEX orders_customer ON orders (o_custkey);
-- name: load_tpch_index_orders_date
CREATE INDEX orders_date ON orders (o_orderdate);
-- name: load_tpch_index_lineitem_part
CREATE INDEX lineitem_part ON lineitem (l_partkey, l_suppkey);
-- name: load_tpch_index_lineitem_shipped
CREATE INDEX lineitem_shipped ON lineitem (l_shipdate);

-- name: load_tpch_foreign_keys
ALTER TABLE nation ADD FOREIGN KEY (n_regionkey) REFERENCES region;
ALTER TABLE supplier ADD FOREIGN KEY (s_nationkey) REFERENCES nation;
ALTER TABLE customer ADD FOREIGN KEY (c_nationkey) REFERENCES nation;
ALTER TABLE partsupp ADD FOREIGN KEY (ps_partkey) REFERENCES part;
ALTER TABLE partsupp ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier;
ALTER TABLE orders ADD FOREIGN KEY (o_custkey) REFERENCES customer;
ALTER TABLE lineitem ADD FOREIGN KEY (l_orderkey) REFERENCES orders;
ALTER TABLE lineitem ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp;

-- name: load_tpch_analyze
VACUUM (ANALYZE) region, nation, supplier, customer, part, partsupp, orders, lineitem;

-- name: load_tpch_read_mark
-- What a run must know of its load stands in lineitem's comment, written last: without it the load did not finish.
SELECT obj_description(to_regclass('lineitem'), 'pg_class');
-- name: load_tpch_write_mark
DO $$ BEGIN EXECUTE format('COMMENT ON TABLE lineitem IS %L', current_setting('homeostat_load.mark')); END $$;

-- name: load_tpch_copy_region
COPY region (r_regionkey, r_name, r_comment) FROM STDIN;
-- name: load_tpch_copy_nation
COPY nation (n_nationkey, n_name, n_regionkey, n_comment) FROM STDIN;
-- name: load_tpch_copy_supplier
COPY supplier (s_suppkey, s_name, s_address, s_nationkey, s_phone, s_acctbal, s_comment) FROM STDIN;
-- name: load_tpch_copy_customer
COPY customer (c_custkey, c_name, c_address, c_nationkey, c_phone, c_acctbal, c_mktsegment, c_comment) FROM STDIN;
-- name: load_tpch_copy_part
COPY part (p_partkey, p_name, p_mfgr, p_brand, p_type, p_size, p_container, p_retailprice, p_comment) FROM STDIN;
-- name: load_tpch_copy_partsupp
COPY partsupp (ps_partkey, ps_suppkey, ps_availqty, ps_supplycost, ps_comment) FROM STDIN;
-- name: load_tpch_copy_orders
COPY orders (o_orderkey, o_custkey, o_orderstatus, o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority, o_comment) FROM STDIN;
-- name: load_tpch_copy_lineitem
COPY lineitem (l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate,
               l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment) FROM STDIN;

-- name: load_tpch_session
-- Dates are compared letter by letter, so all sessions write them in one way.
SELECT set_config('search_path', quote_ident($1), false), set_config('statement_timeout', $2, false), set_config('DateStyle', 'ISO', false);
