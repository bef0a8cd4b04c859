-- Consistency conditions 1 to 4 (clause 3.3.2). Each statement answers how many things it looked at, how many of them violate
-- the condition, and the first violation in words.

-- name: load_begin_snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: load_check_1
SELECT count(*), count(*) FILTER (WHERE wrong),
       min('warehouse ' || w_id || ': w_ytd is ' || w_ytd || ', its districts sum to ' || coalesce(total::text, 'nothing')) FILTER (WHERE wrong)
FROM (SELECT w_id, w_ytd, total, w_ytd IS DISTINCT FROM total AS wrong
      FROM warehouse LEFT JOIN (SELECT d_w_id, sum(d_ytd) AS total FROM district GROUP BY d_w_id) AS d ON d_w_id = w_id) AS looked;

-- name: load_check_2
SELECT count(*), count(*) FILTER (WHERE wrong),
       min('warehouse ' || d_w_id || ' district ' || d_id || ': d_next_o_id - 1 is ' || d_next_o_id - 1 || ', the last order is '
           || coalesce(last_order::text, 'none') || ', the last undelivered is ' || coalesce(last_new::text, 'none')) FILTER (WHERE wrong)
FROM (SELECT d_w_id, d_id, d_next_o_id, last_order, last_new,
             d_next_o_id - 1 IS DISTINCT FROM last_order OR last_new <> last_order AS wrong
      FROM district
      LEFT JOIN (SELECT o_w_id, o_d_id, max(o_id) AS last_order FROM orders GROUP BY 1, 2) AS o ON o_w_id = d_w_id AND o_d_id = d_id
      LEFT JOIN (SELECT no_w_id, no_d_id, max(no_o_id) AS last_new FROM new_order GROUP BY 1, 2) AS n ON no_w_id = d_w_id AND no_d_id = d_id) AS looked;

-- name: load_check_3
SELECT count(*), count(*) FILTER (WHERE wrong),
       min('warehouse ' || no_w_id || ' district ' || no_d_id || ': undelivered orders ' || lo || ' to ' || hi || ' are ' || n || ' rows') FILTER (WHERE wrong)
FROM (SELECT no_w_id, no_d_id, min(no_o_id) AS lo, max(no_o_id) AS hi, count(*) AS n, max(no_o_id) - min(no_o_id) + 1 <> count(*) AS wrong
      FROM new_order GROUP BY 1, 2) AS looked;

-- name: load_check_4
SELECT count(*), count(*) FILTER (WHERE wrong),
       min('warehouse ' || w || ' district ' || d || ': o_ol_cnt sums to ' || coalesce(promised::text, 'nothing') || ', order lines are '
           || coalesce(found::text, 'none')) FILTER (WHERE wrong)
FROM (SELECT coalesce(o_w_id, ol_w_id) AS w, coalesce(o_d_id, ol_d_id) AS d, promised, found, promised IS DISTINCT FROM found AS wrong
      FROM (SELECT o_w_id, o_d_id, sum(o_ol_cnt) AS promised FROM orders GROUP BY 1, 2) AS o
      FULL JOIN (SELECT ol_w_id, ol_d_id, count(*) AS found FROM order_line GROUP BY 1, 2) AS l ON ol_w_id = o_w_id AND ol_d_id = o_d_id) AS looked;
