-- What must be true of TPC-H's tables (clauses 1.4, 4.2.3 and 4.2.5). Each statement answers how many things it looked at, how many of
-- them are wrong, and the first of those in words. $1 is the number of suppliers, which everything else is a multiple of.

-- name: load_tpch_check_rows
SELECT count(*), count(*) FILTER (WHERE wrong), min(name || ' has ' || found || ' rows, not ' || expected) FILTER (WHERE wrong)
FROM (SELECT name, found, expected, found <> expected AS wrong
      FROM (VALUES ('region', (SELECT count(*) FROM region), 5::bigint), ('nation', (SELECT count(*) FROM nation), 25),
                   ('supplier', (SELECT count(*) FROM supplier), $1::bigint), ('customer', (SELECT count(*) FROM customer), 15 * $1::bigint),
                   ('part', (SELECT count(*) FROM part), 20 * $1::bigint), ('partsupp', (SELECT count(*) FROM partsupp), 80 * $1::bigint),
                   ('orders', (SELECT count(*) FROM orders), 150 * $1::bigint)) AS t(name, found, expected)) AS looked;

-- name: load_tpch_check_lines
-- Orders have 1 to 7 lines, as many of each: 4 on average, with a deviation of 2. Five of those deviations of the mean are allowed.
SELECT n, CASE WHEN abs(lines - 4 * n) > 5 * 2 * sqrt(n) OR least < 1 OR most > 7 OR gaps > 0 THEN 1 ELSE 0 END,
       lines || ' lines for ' || n || ' orders, ' || least || ' to ' || most || ' each, ' || gaps || ' of them with gaps'
FROM (SELECT count(*) AS n, coalesce(sum(lines), 0) AS lines, coalesce(min(lines), 0) AS least, coalesce(max(lines), 0) AS most, count(*) FILTER (WHERE last <> lines) AS gaps
      FROM (SELECT count(l_linenumber) AS lines, max(l_linenumber) AS last FROM orders LEFT JOIN lineitem ON l_orderkey = o_orderkey GROUP BY o_orderkey) AS each) AS looked
WHERE $1::bigint > 0;

-- name: load_tpch_check_references
SELECT count(*), count(*) FILTER (WHERE orphans > 0), min(name || ' refers to rows that do not exist: ' || orphans) FILTER (WHERE orphans > 0)
FROM (VALUES ('nation', (SELECT count(*) FROM nation LEFT JOIN region ON r_regionkey = n_regionkey WHERE r_regionkey IS NULL)),
             ('supplier', (SELECT count(*) FROM supplier LEFT JOIN nation ON n_nationkey = s_nationkey WHERE n_nationkey IS NULL)),
             ('customer', (SELECT count(*) FROM customer LEFT JOIN nation ON n_nationkey = c_nationkey WHERE n_nationkey IS NULL)),
             ('partsupp to part', (SELECT count(*) FROM partsupp LEFT JOIN part ON p_partkey = ps_partkey WHERE p_partkey IS NULL)),
             ('partsupp to supplier', (SELECT count(*) FROM partsupp LEFT JOIN supplier ON s_suppkey = ps_suppkey WHERE s_suppkey IS NULL)),
             ('orders', (SELECT count(*) FROM orders LEFT JOIN customer ON c_custkey = o_custkey WHERE c_custkey IS NULL)),
             ('lineitem to orders', (SELECT count(*) FROM lineitem LEFT JOIN orders ON o_orderkey = l_orderkey WHERE o_orderkey IS NULL)),
             ('lineitem to partsupp', (SELECT count(*) FROM lineitem LEFT JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
                                       WHERE ps_partkey IS NULL))) AS looked(name, orphans)
WHERE $1::bigint > 0;

-- name: load_tpch_check_orders
SELECT count(*), count(*) FILTER (WHERE wrong), min('order ' || o_orderkey || ': total ' || o_totalprice || ' and status ' || o_orderstatus || ', but its lines say '
                                                    || coalesce(total, 0) || ' and ' || status) FILTER (WHERE wrong)
FROM (SELECT o_orderkey, o_totalprice, o_orderstatus, total, status,
             o_totalprice IS DISTINCT FROM total OR o_orderstatus <> status OR o_custkey % 3 = 0 OR (o_orderkey - 1) % 32 > 7 AS wrong
      FROM orders
      LEFT JOIN (SELECT l_orderkey, round(sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)), 2) AS total,
                        CASE WHEN bool_and(l_linestatus = 'O') THEN 'O' WHEN bool_and(l_linestatus = 'F') THEN 'F' ELSE 'P' END AS status
                 FROM lineitem GROUP BY l_orderkey) AS l ON l_orderkey = o_orderkey
      WHERE $1::bigint > 0) AS looked;

-- name: load_tpch_check_line_values
SELECT count(*), count(*) FILTER (WHERE wrong), min('line ' || l_linenumber || ' of order ' || l_orderkey) FILTER (WHERE wrong)
FROM (SELECT l_orderkey, l_linenumber,
             l_extendedprice <> l_quantity * p_retailprice OR l_shipdate - o_orderdate NOT BETWEEN 1 AND 121 OR l_commitdate - o_orderdate NOT BETWEEN 30 AND 90
             OR l_receiptdate - l_shipdate NOT BETWEEN 1 AND 30 OR (l_linestatus = 'O') <> (l_shipdate > date '1995-06-17')
             OR (l_returnflag = 'N') <> (l_receiptdate > date '1995-06-17') OR l_discount NOT BETWEEN 0 AND 0.10 OR l_tax NOT BETWEEN 0 AND 0.08
             OR l_quantity NOT BETWEEN 1 AND 50 AS wrong
      FROM lineitem JOIN orders ON o_orderkey = l_orderkey JOIN part ON p_partkey = l_partkey
      WHERE $1::bigint > 0) AS looked;

-- name: load_tpch_check_part_suppliers
SELECT count(*), count(*) FILTER (WHERE n <> 4), min('part ' || ps_partkey || ' has ' || n || ' suppliers') FILTER (WHERE n <> 4)
FROM (SELECT ps_partkey, count(DISTINCT ps_suppkey) AS n FROM partsupp WHERE $1::bigint > 0 GROUP BY ps_partkey) AS looked;
