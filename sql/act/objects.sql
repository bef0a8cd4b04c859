-- What acting on tables and indexes has to see before and after.

-- name: act_table
-- One row: the table, whether we may build on it, and what its statistics say. pg_stat_all_tables leaves out foreign ones, which are analysed, too.
SELECT c.oid, c.relkind, c.relpersistence, pg_table_size(c.oid), c.reltuples,
       pg_has_role(c.relowner, 'USAGE')                            AS ours,
       pg_get_userbyid(c.relowner)                                 AS owner,
       has_schema_privilege(n.oid, 'CREATE')                       AS may_create,
       coalesce(pg_stat_get_analyze_count(c.oid), 0)               AS analyzes,
       (extract(epoch FROM greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))) * 1000000)::bigint AS analyzed_us,
       coalesce(pg_stat_get_mod_since_analyze(c.oid), 0)           AS modified,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint   AS now_us
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2;

-- name: act_table_columns
-- $1 schema, $2 table, $3 names: in the order asked for, with the width that statistics know; missing ones have no row.
SELECT w.name, coalesce(s.avg_width, CASE WHEN a.attlen > 0 THEN a.attlen END, 32)
  FROM unnest($3::text[]) WITH ORDINALITY w(name, n)
  JOIN pg_class c ON c.relname = $2
  JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = $1
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_stats s ON s.schemaname = $1 AND s.tablename = $2 AND s.attname = a.attname AND NOT s.inherited
 ORDER BY w.n;

-- name: act_index
-- What stands under a name; no row: nothing. special: more than a plain B-tree on columns, so never made by us.
SELECT c.oid, i.indexrelid IS NOT NULL AS is_index, i.indisvalid AND i.indisready AND i.indislive AS usable,
       tn.nspname, t.relname,
       am.amname <> 'btree' OR i.indisunique OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR con.oid IS NOT NULL AS special,
       (SELECT json_agg(a.attname || CASE WHEN i.indoption[k.n - 1] = 3 THEN ' desc' WHEN i.indoption[k.n - 1] = 0 THEN '' ELSE ' other order' END ORDER BY k.n)
          FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.n <= i.indnkeyatts) AS keys,
       (SELECT json_agg(a.attname ORDER BY k.n)
          FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.n > i.indnkeyatts) AS included,
       pg_relation_size(c.oid), obj_description(c.oid, 'pg_class')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_class t ON t.oid = i.indrelid
  LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_am am ON am.oid = c.relam
  LEFT JOIN pg_constraint con ON con.conindid = c.oid AND con.contype IN ('p', 'u', 'x')
 WHERE n.nspname = $1 AND c.relname = $2
 LIMIT 1;

-- name: act_index_like
-- $1 schema, $2 table, $3 key columns as act_index shows them, $4 included: a plain usable index that is just the same, also in its collations.
SELECT c.relname
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_class t ON t.oid = i.indrelid AND t.relname = $2
  JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = $1
  JOIN pg_am am ON am.oid = c.relam AND am.amname = 'btree'
 WHERE i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   AND NOT EXISTS (SELECT FROM unnest(i.indclass) k(opclass) JOIN pg_opclass o ON o.oid = k.opclass WHERE NOT o.opcdefault)
   AND NOT EXISTS (SELECT FROM unnest(i.indcollation) WITH ORDINALITY k(coll, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n - 1] WHERE a.attcollation <> k.coll)
   AND (SELECT array_agg(a.attname::text || CASE i.indoption[k.n - 1] WHEN 3 THEN ' desc' WHEN 0 THEN '' ELSE ' other order' END ORDER BY k.n)
          FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.n <= i.indnkeyatts) = $3::text[]
   AND coalesce((SELECT array_agg(a.attname::text ORDER BY k.n)
          FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.n > i.indnkeyatts), '{}') = $4::text[]
 LIMIT 1;

-- name: act_builds
-- Index builds under way on this server, ours excepted: one at a time is enough. A table of another database has no name here.
SELECT p.pid, p.datname, coalesce(CASE WHEN p.datname = current_database() THEN p.relid::regclass::text ELSE p.relid::text END, '?')
  FROM pg_stat_progress_create_index p
 WHERE p.pid <> pg_backend_pid()
 LIMIT 1;

-- name: act_patient
-- Bounds that are meant for clients, be it by role, database or file: a build and a CHECKPOINT take what they take, and ours have a bound of
-- their own. From 17 on there is one on transactions as well, which ends the session.
SELECT set_config(s.name, '0', false) FROM pg_settings s WHERE s.name IN ('statement_timeout', 'transaction_timeout');

-- name: act_oldest
-- Who holds the oldest snapshot or transaction in this database: what a concurrent build waits for. A prepared one has no process.
SELECT o.what, o.who, o.application, o.state, round(extract(epoch FROM clock_timestamp() - o.since))
  FROM (SELECT 'process ' || pid, coalesce(usename::text, '?'), coalesce(application_name, ''), coalesce(state, '?'), xact_start
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'
         UNION ALL
        SELECT 'prepared transaction ' || gid, owner::text, '', 'prepared', prepared
          FROM pg_prepared_xacts
         WHERE database = current_database()) o(what, who, application, state, since)
 ORDER BY o.since
 LIMIT 1;
