-- A careful look at one database, asked for now and then on a connection of its own: tables, columns, indexes, statements.
-- $1 is the most rows that are wanted. While we ask for ourselves names mean the server's own, and an extension's stand behind its {schema}: a function
-- or an operator in a schema of the path that fits its arguments better than the server's own would be called instead, with our rights.

-- name: survey_backend
SELECT pg_catalog.pg_backend_pid();


-- name: survey_database
-- Counters outlive a restart and end with a crash, and since 15 a database that was never reset does not say when they began. Those of the
-- whole server do: they are kept and lost together with them, and nobody resets all of them.
SELECT current_database(), current_user, current_setting('server_version_num')::int,
       extract(epoch FROM now() - coalesce((SELECT d.stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database()),
                                           (SELECT least(b.stats_reset, w.stats_reset, z.stats_reset) FROM pg_stat_bgwriter AS b, pg_stat_wal AS w, pg_stat_archiver AS z), pg_postmaster_start_time())) AS stats_s,
       (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements') AS statements,
       (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg') AS hypopg,
       greatest((SELECT count(*) FROM pg_stat_replication), (SELECT count(*) FROM pg_replication_slots AS l WHERE l.slot_type = 'physical')) AS standbys,
       pg_has_role('pg_read_all_stats', 'USAGE') AS all_stats, current_setting('is_superuser') = 'on' AS superuser,
       has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS sees_promotions;

-- name: survey_promoted
-- Seconds since the server was promoted, or since it was made from one that had been: what its indexes were used for before, another one has counted.
SELECT extract(epoch FROM now() - max(w.modification)) FROM pg_ls_waldir() w WHERE w.name ~ '^[0-9A-F]{8}\.history$';

-- name: survey_path_of_all
-- While statements are planned, and nothing of ours that calls functions is asked. $1: the path of our role. They name tables as their sessions found
-- them, and with which path is not known: that of our role and public are followed by each schema none of whose tables has a namesake in another
-- one, so that no name means another table than it meant.
SELECT set_config('search_path', concat_ws(', ', nullif($1::text, ''), 'public',
         (SELECT string_agg(quote_ident(alone.nspname), ', ' ORDER BY alone.nspname)
            FROM (SELECT named.nspname, max(named.namesakes) AS most
                    FROM (SELECT n.nspname, count(*) OVER (PARTITION BY c.relname) AS namesakes
                            FROM pg_class c
                            JOIN pg_namespace n ON n.oid = c.relnamespace
                           WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT starts_with(n.nspname, 'pg_')) named
                   GROUP BY named.nspname) alone
           WHERE alone.most = 1 AND alone.nspname <> 'public')), false);

-- name: survey_tables
-- What somebody holds exclusively, or waits to, is not asked for its size, which would wait for him: one such table must not end the whole look.
-- Rows of a partitioned table are those of its partitions, as far as these are known.
WITH held AS MATERIALIZED (SELECT l.relation FROM pg_locks l
                            WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
SELECT c.oid, n.nspname, c.relname, c.relkind, pg_has_role(c.relowner, 'USAGE'),
       c.reltuples, CASE WHEN c.relkind = 'p' THEN (SELECT sum(greatest(part.reltuples, 0)::float8) FROM pg_inherits h JOIN pg_class part ON part.oid = h.inhrelid WHERE h.inhparent = c.oid) ELSE s.n_live_tup END,
       CASE WHEN c.relkind = 'p' THEN 0 WHEN c.oid IN (SELECT relation FROM held) THEN c.relpages * current_setting('block_size')::float8 ELSE pg_table_size(c.oid) END,
       CASE WHEN c.relpages > 0 THEN c.relallvisible::float8 / c.relpages END,
       s.n_tup_ins, s.n_tup_upd, s.n_tup_hot_upd, s.n_tup_del, s.seq_scan, s.seq_tup_read, s.n_mod_since_analyze,
       (extract(epoch FROM greatest(s.last_analyze, s.last_autoanalyze)) * 1000000)::bigint,
       CASE WHEN current_setting('autovacuum')::bool AND coalesce((SELECT o.option_value::bool FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_enabled'), true)
            THEN coalesce((SELECT o.option_value::float8 FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_analyze_threshold'),
                          current_setting('autovacuum_analyze_threshold')::float8)
               + greatest(c.reltuples, 0) * coalesce((SELECT o.option_value::float8 FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_analyze_scale_factor'),
                          current_setting('autovacuum_analyze_scale_factor')::float8) END,
       c.oid IN (SELECT relation FROM held)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND NOT starts_with(n.nspname, 'pg_')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relpages DESC, c.oid
 LIMIT $1::int;

-- name: survey_columns
-- $2: the tables' oids. In the order of the tables and of the columns in them; position in the list first.
SELECT t.n - 1, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
       EXISTS (SELECT FROM pg_opclass o JOIN pg_am am ON am.oid = o.opcmethod AND am.amname = 'btree'
                WHERE o.opcdefault AND (o.opcintype = coalesce(nullif(ty.typbasetype, 0), ty.oid) OR ty.typtype = 'e' OR (ty.typcategory = 'S' AND o.opcintype = 'text'::regtype))),
       p.n_distinct, p.correlation, p.null_frac, coalesce(p.avg_width, CASE WHEN a.attlen > 0 THEN a.attlen END, 32), p.attname IS NOT NULL,
       coalesce(nullif(ty.typbasetype, 0), ty.oid) IN ('text'::regtype, 'varchar'::regtype),
       (SELECT base.typnamespace = 'pg_catalog'::regnamespace OR base.typtype = 'e' FROM pg_type base WHERE base.oid = coalesce(nullif(ty.typbasetype, 0), ty.oid))
  FROM unnest($2::oid[]) WITH ORDINALITY t(oid, n)
  JOIN pg_class c ON c.oid = t.oid
  JOIN pg_namespace ns ON ns.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type ty ON ty.oid = a.atttypid
  LEFT JOIN pg_stats p ON p.schemaname = ns.nspname AND p.tablename = c.relname AND p.attname = a.attname AND p.inherited = (c.relkind = 'p')
 ORDER BY t.n, a.attnum
 LIMIT $1::int;

-- name: survey_indexes
-- keys as column names in their order (NULL: an expression), then the included ones. The last columns: whether a key is kept by another operator
-- class or another collation than its column has, so that it serves other conditions than a plain one; whether it is a part of a partitioned
-- index, and goes only with that; the foreign key whose columns it begins with, in whatever order; what was written on it.
-- What a partitioned index is used for, and how large it is, is so in its parts.
-- Of tables and indexes that somebody holds exclusively nothing is asked, as with tables. Who does not see what others are building sees their locks.
WITH held AS MATERIALIZED (SELECT l.relation FROM pg_locks l
                            WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
SELECT t.n - 1, c.oid, c.relname, i.indisunique OR i.indisprimary, con.oid IS NOT NULL OR i.indisreplident OR i.indisclustered,
       i.indisvalid AND i.indisready AND i.indislive, am.amname, i.indnkeyatts,
       (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n)
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0),
       array_to_string(i.indoption, ' '), pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(c.oid), coalesce(parts.scans, s.idx_scan), coalesce(parts.bytes, pg_relation_size(c.oid)),
       EXISTS (SELECT FROM pg_stat_progress_create_index b WHERE b.index_relid = c.oid OR b.relid = i.indrelid)
       OR (NOT i.indisvalid AND NOT pg_has_role('pg_read_all_stats', 'USAGE')
           AND EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock'
                                                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))),
       EXISTS (SELECT FROM unnest(i.indclass) WITH ORDINALITY oc(oid, n) JOIN pg_opclass o ON o.oid = oc.oid WHERE NOT o.opcdefault)
       OR EXISTS (SELECT FROM unnest(i.indcollation) WITH ORDINALITY ic(coll, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[ic.n - 1] WHERE a.attcollation <> ic.coll),
       EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid),
       (SELECT f.conname FROM pg_constraint f
         WHERE f.contype = 'f' AND f.conrelid = i.indrelid AND i.indpred IS NULL AND cardinality(f.conkey) <= i.indnkeyatts
           AND (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey
         ORDER BY f.conname LIMIT 1),
       obj_description(c.oid, 'pg_class')
  FROM unnest($2::oid[]) WITH ORDINALITY t(oid, n)
  JOIN pg_index i ON i.indrelid = t.oid
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am am ON am.oid = c.relam
  LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = c.oid
  LEFT JOIN LATERAL (SELECT oid FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u', 'x') LIMIT 1) con ON true
  LEFT JOIN LATERAL (WITH RECURSIVE part(oid) AS (SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = c.oid
                                                  UNION ALL
                                                  SELECT h.inhrelid FROM part JOIN pg_inherits h ON h.inhparent = part.oid)
                     SELECT sum(pg_stat_get_numscans(l.oid)) AS scans, sum(l.relpages) * current_setting('block_size')::float8 AS bytes
                       FROM part JOIN pg_class l ON l.oid = part.oid
                      WHERE l.relkind = 'i') parts ON c.relkind = 'I'
 WHERE i.indrelid NOT IN (SELECT relation FROM held) AND i.indexrelid NOT IN (SELECT relation FROM held)
 ORDER BY t.n, c.oid
 LIMIT $1::int;

-- name: survey_hop
-- $1 column, $2 schema, $3 table, $4 most: the statement that counts different values by going from each to the next larger one, as many
-- descents of an index as there are values. Tables that inherit from it have statistics and indexes of their own. What is compared must be compared
-- by the server's own operators: another type may be in another order than what it can be cast to.
SELECT pg_catalog.format('WITH RECURSIVE hop AS (
                 (SELECT %1$I AS v FROM ONLY %2$I.%3$I WHERE %1$I IS NOT NULL ORDER BY %1$I LIMIT 1)
                 UNION ALL
                 SELECT (SELECT %1$I FROM ONLY %2$I.%3$I WHERE %1$I > hop.v ORDER BY %1$I LIMIT 1) FROM hop WHERE hop.v IS NOT NULL)
               SELECT count(v) FROM (SELECT v FROM hop LIMIT %4$s) few', $1::text, $2::text, $3::text, $4::int);

-- name: survey_statements
-- The heaviest of this database, our own left out; the sum of all in the first column. Comments may stand before a statement: what generates
-- them from names ("-- name: GetUser :one") and what marks them for tracing puts one there. Texts may have megabytes, and what is longer than
-- the survey plans (SURVEY_TEXT_MAX) remains longer.
SELECT sum(s.total_exec_time) OVER (), s.queryid, left(s.query, 8400), s.calls, s.total_exec_time, s.rows,
       (SELECT extract(epoch FROM now() - i.stats_reset) FROM {schema}.pg_stat_statements_info i),
       (SELECT count(*) FROM {schema}.pg_stat_statements(false) inner_one WHERE inner_one.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT inner_one.toplevel)
  FROM (SELECT q.queryid, min(q.query) AS query, sum(q.calls) AS calls, sum(q.total_exec_time + q.total_plan_time) AS total_exec_time, sum(q.rows) AS rows
          FROM {schema}.pg_stat_statements q
         WHERE q.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND q.toplevel AND q.queryid IS NOT NULL
           AND q.query ~* '^\s*((/\*.*?\*/|--[^\n]*\n)\s*)*(select|with|insert|update|delete|merge|values|table|\()' AND q.query !~ 'pg_catalog|pg_stat|pg_settings|pg_advisory|pg_control_|pg_extension|pg_db_role_setting|pg_backend_pid|pg_ls_waldir|hypopg|RECURSIVE hop AS'
         GROUP BY q.queryid) s
 ORDER BY s.total_exec_time DESC, s.queryid
 LIMIT $1::int;

-- name: survey_parameters
SELECT pg_catalog.cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = 'homeostat_survey';

-- name: survey_hypothetical
SELECT indexrelid FROM {schema}.hypopg_create_index($1);

-- name: survey_forget
SELECT {schema}.hypopg_reset();
