-- The 22 queries of TPC-H (clause 2.4), parameters as $1, $2, ... of an unnamed statement, which is planned for their values.
-- Two differ in form, as the specification's variants and PostgreSQL ask for it: Q13's column list stands in the subquery, and Q15's
-- view is a WITH, so that streams need not create anything.

-- name: load_tpch_q1
-- Pricing summary. $1: days before December.
SELECT l_returnflag, l_linestatus,
       sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
       sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
       avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
FROM lineitem
WHERE l_shipdate <= date '1998-12-01' - $1::integer
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus;

-- name: load_tpch_q2
-- The cheapest supplier of a part in a region. $1: size, $2: last word of the type, $3: region.
SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = $1::integer AND p_type LIKE '%' || $2::text
  AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = $3::char(25)
  AND ps_supplycost = (SELECT min(ps_supplycost)
                       FROM partsupp, supplier, nation, region
                       WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey
                         AND n_regionkey = r_regionkey AND r_name = $3::char(25))
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
LIMIT 100;

-- name: load_tpch_q3
-- The orders worth most that were not shipped on a day. $1: segment, $2: day.
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = $1::char(10) AND c_custkey = o_custkey AND l_orderkey = o_orderkey
  AND o_orderdate < $2::date AND l_shipdate > $2::date
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY revenue DESC, o_orderdate
LIMIT 10;

-- name: load_tpch_q4
-- Orders of a quarter with a line that came late, by priority. $1: the quarter's first day.
SELECT o_orderpriority, count(*) AS order_count
FROM orders
WHERE o_orderdate >= $1::date AND o_orderdate < $1::date + interval '3 months'
  AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
GROUP BY o_orderpriority
ORDER BY o_orderpriority;

-- name: load_tpch_q5
-- Revenue within the nations of a region. $1: region, $2: the year's first day.
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM customer, orders, lineitem, supplier, nation, region
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
  AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = $1::char(25)
  AND o_orderdate >= $2::date AND o_orderdate < $2::date + interval '1 year'
GROUP BY n_name
ORDER BY revenue DESC;

-- name: load_tpch_q6
-- What a year's revenue would have gained without some discounts. $1: the year's first day, $2: discount, $3: quantity.
SELECT sum(l_extendedprice * l_discount) AS revenue
FROM lineitem
WHERE l_shipdate >= $1::date AND l_shipdate < $1::date + interval '1 year'
  AND l_discount BETWEEN $2::numeric - 0.01 AND $2::numeric + 0.01 AND l_quantity < $3::integer;

-- name: load_tpch_q7
-- Goods shipped between two nations, by year. $1 and $2: nations.
SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue
FROM (SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, extract(year FROM l_shipdate) AS l_year,
             l_extendedprice * (1 - l_discount) AS volume
      FROM supplier, lineitem, orders, customer, nation n1, nation n2
      WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey
        AND s_nationkey = n1.n_nationkey AND c_nationkey = n2.n_nationkey
        AND ((n1.n_name = $1::char(25) AND n2.n_name = $2::char(25)) OR (n1.n_name = $2::char(25) AND n2.n_name = $1::char(25)))
        AND l_shipdate BETWEEN date '1995-01-01' AND date '1996-12-31') AS shipping
GROUP BY supp_nation, cust_nation, l_year
ORDER BY supp_nation, cust_nation, l_year;

-- name: load_tpch_q8
-- A nation's share of the market for a type of part in its region, by year. $1: nation, $2: region, $3: type.
SELECT o_year, sum(CASE WHEN nation = $1::char(25) THEN volume ELSE 0 END) / sum(volume) AS mkt_share
FROM (SELECT extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
      FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
      WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey
        AND c_nationkey = n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = $2::char(25) AND s_nationkey = n2.n_nationkey
        AND o_orderdate BETWEEN date '1995-01-01' AND date '1996-12-31' AND p_type = $3::text) AS all_nations
GROUP BY o_year
ORDER BY o_year;

-- name: load_tpch_q9
-- Profit on parts with a colour in their name, by nation and year. $1: colour.
SELECT nation, o_year, sum(amount) AS sum_profit
FROM (SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year,
             l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
      FROM part, supplier, lineitem, partsupp, orders, nation
      WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey
        AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%' || $1::text || '%') AS profit
GROUP BY nation, o_year
ORDER BY nation, o_year DESC;

-- name: load_tpch_q10
-- The customers who cost most revenue by returning goods in a quarter. $1: the quarter's first day.
SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone, c_comment
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= $1::date AND o_orderdate < $1::date + interval '3 months'
  AND l_returnflag = 'R' AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
ORDER BY revenue DESC
LIMIT 20;

-- name: load_tpch_q11
-- The most important stocks of a nation's suppliers. $1: nation, $2: share of all stocks.
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM partsupp, supplier, nation
WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = $1::char(25)
GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) > (SELECT sum(ps_supplycost * ps_availqty) * $2::numeric
                                           FROM partsupp, supplier, nation
                                           WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = $1::char(25))
ORDER BY value DESC;

-- name: load_tpch_q12
-- Whether cheap ways of shipping make urgent orders late. $1 and $2: ship modes, $3: the year's first day.
SELECT l_shipmode,
       sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS high_line_count,
       sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
FROM orders, lineitem
WHERE o_orderkey = l_orderkey AND l_shipmode IN ($1::char(10), $2::char(10)) AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
  AND l_receiptdate >= $3::date AND l_receiptdate < $3::date + interval '1 year'
GROUP BY l_shipmode
ORDER BY l_shipmode;

-- name: load_tpch_q13
-- How many customers have how many orders, leaving some out by their comments. $1 and $2: words.
SELECT c_count, count(*) AS custdist
FROM (SELECT c_custkey, count(o_orderkey) AS c_count
      FROM customer LEFT JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE '%' || $1::text || '%' || $2::text || '%'
      GROUP BY c_custkey) AS c_orders
GROUP BY c_count
ORDER BY custdist DESC, c_count DESC;

-- name: load_tpch_q14
-- The share of a month's revenue from parts in promotion. $1: the month's first day.
SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
       / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
FROM lineitem, part
WHERE l_partkey = p_partkey AND l_shipdate >= $1::date AND l_shipdate < $1::date + interval '1 month';

-- name: load_tpch_q15
-- The supplier with the most revenue in a quarter. $1: the quarter's first day.
WITH revenue AS (
    SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (1 - l_discount)) AS total_revenue
    FROM lineitem
    WHERE l_shipdate >= $1::date AND l_shipdate < $1::date + interval '3 months'
    GROUP BY l_suppkey)
SELECT s_suppkey, s_name, s_address, s_phone, total_revenue
FROM supplier, revenue
WHERE s_suppkey = supplier_no AND total_revenue = (SELECT max(total_revenue) FROM revenue)
ORDER BY s_suppkey;

-- name: load_tpch_q16
-- How many suppliers nobody complained about can deliver which parts. $1: brand, $2: beginning of the type, $3 to $10: sizes.
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt
FROM partsupp, part
WHERE p_partkey = ps_partkey AND p_brand <> $1::char(10) AND p_type NOT LIKE $2::text || '%'
  AND p_size IN ($3::integer, $4::integer, $5::integer, $6::integer, $7::integer, $8::integer, $9::integer, $10::integer)
  AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
GROUP BY p_brand, p_type, p_size
ORDER BY supplier_cnt DESC, p_brand, p_type, p_size;

-- name: load_tpch_q17
-- What a year would lose without small orders of a part. $1: brand, $2: container.
SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
FROM lineitem, part
WHERE p_partkey = l_partkey AND p_brand = $1::char(10) AND p_container = $2::char(10)
  AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey);

-- name: load_tpch_q18
-- Customers with large orders. $1: quantity.
SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity)
FROM customer, orders, lineitem
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > $1::integer)
  AND c_custkey = o_custkey AND o_orderkey = l_orderkey
GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
ORDER BY o_totalprice DESC, o_orderdate
LIMIT 100;

-- name: load_tpch_q19
-- Revenue of parts handled in one of three ways. $1 to $3: quantities, $4 to $6: brands. The specification does ask for 'AIR REG',
-- which no line has.
SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem, part
WHERE (p_partkey = l_partkey AND p_brand = $4::char(10) AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
       AND l_quantity >= $1::integer AND l_quantity <= $1::integer + 10 AND p_size BETWEEN 1 AND 5
       AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')
   OR (p_partkey = l_partkey AND p_brand = $5::char(10) AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
       AND l_quantity >= $2::integer AND l_quantity <= $2::integer + 10 AND p_size BETWEEN 1 AND 10
       AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')
   OR (p_partkey = l_partkey AND p_brand = $6::char(10) AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
       AND l_quantity >= $3::integer AND l_quantity <= $3::integer + 10 AND p_size BETWEEN 1 AND 15
       AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON');

-- name: load_tpch_q20
-- Suppliers in a nation with more of a part than a year needs. $1: colour, $2: the year's first day, $3: nation.
SELECT s_name, s_address
FROM supplier, nation
WHERE s_suppkey IN (SELECT ps_suppkey
                    FROM partsupp
                    WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE $1::text || '%')
                      AND ps_availqty > (SELECT 0.5 * sum(l_quantity)
                                         FROM lineitem
                                         WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey
                                           AND l_shipdate >= $2::date AND l_shipdate < $2::date + interval '1 year'))
  AND s_nationkey = n_nationkey AND n_name = $3::char(25)
ORDER BY s_name;

-- name: load_tpch_q21
-- Suppliers in a nation who alone kept an order waiting. $1: nation.
SELECT s_name, count(*) AS numwait
FROM supplier, lineitem l1, orders, nation
WHERE s_suppkey = l1.l_suppkey AND o_orderkey = l1.l_orderkey AND o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate
  AND EXISTS (SELECT * FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
  AND NOT EXISTS (SELECT * FROM lineitem l3
                  WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey AND l3.l_receiptdate > l3.l_commitdate)
  AND s_nationkey = n_nationkey AND n_name = $1::char(25)
GROUP BY s_name
ORDER BY numwait DESC, s_name
LIMIT 100;

-- name: load_tpch_q22
-- Customers of some countries with money on their accounts and no orders. $1 to $7: country codes of telephones.
SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
FROM (SELECT substring(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal
      FROM customer
      WHERE substring(c_phone FROM 1 FOR 2) IN ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text)
        AND c_acctbal > (SELECT avg(c_acctbal) FROM customer
                         WHERE c_acctbal > 0.00 AND substring(c_phone FROM 1 FOR 2) IN ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text))
        AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale
GROUP BY cntrycode
ORDER BY cntrycode;
