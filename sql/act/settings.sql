-- What is in force, what stands in the files, and who put it there.

-- name: act_settings
-- One row per name asked for, in their order.
SELECT w.name, s.setting, s.vartype, coalesce(s.unit, ''), s.context, s.source, s.boot_val, s.pending_restart, coalesce(s.sourcefile, ''),
       s.min_val, s.max_val
  FROM unnest($1::text[]) WITH ORDINALITY w(name, n)
  LEFT JOIN pg_settings s ON lower(s.name) = lower(w.name)
 ORDER BY w.n;

-- name: act_may_alter
-- 15 and later: which of these may we ALTER SYSTEM?
SELECT w.name, has_parameter_privilege(w.name, 'ALTER SYSTEM')
  FROM unnest($1::text[]) WITH ORDINALITY w(name, n)
 ORDER BY w.n;

-- name: act_files
-- Every entry of every file, in the order in which they count, beside what is in force.
SELECT lower(f.name), f.setting, f.applied, f.error, f.sourcefile, f.sourceline,
       f.sourcefile LIKE '%/postgresql.auto.conf' AS auto,
       s.setting, s.vartype, coalesce(s.unit, ''), s.context, s.source, s.pending_restart
  FROM pg_file_settings f
  LEFT JOIN pg_settings s ON lower(s.name) = lower(f.name)
 ORDER BY f.seqno;

-- name: act_taken_out
-- In force from a file, but in no file any more: taken out and not yet loaded.
SELECT s.name
  FROM pg_settings s
 WHERE s.source = 'configuration file' AND s.context NOT IN ('postmaster', 'internal')
   AND NOT EXISTS (SELECT FROM pg_file_settings f WHERE lower(f.name) = lower(s.name))
 LIMIT 1;

-- name: act_written_since
-- Files that were written after the configuration was loaded.
SELECT DISTINCT f.sourcefile
  FROM pg_file_settings f
 WHERE (pg_stat_file(f.sourcefile, true)).modification > date_trunc('second', pg_conf_load_time());

-- name: act_pending
-- Changes that a restart would put in force. The flag alone tells too much: it is on for good where the command line wins over a
-- file that says otherwise, and it stays on when a change leaves the files again before any restart.
SELECT lower(s.name)
  FROM pg_settings s
 WHERE s.pending_restart AND s.source <> 'command line'
   AND (s.source = 'configuration file' OR EXISTS (SELECT FROM pg_file_settings f WHERE lower(f.name) = lower(s.name)))
 ORDER BY s.name;

-- name: act_huge_pages
-- Does the server insist on huge pages, how many does it have (from 15 on), and are they of the system's own size?
SELECT (SELECT setting = 'on' FROM pg_settings WHERE name = 'huge_pages'),
       (SELECT setting FROM pg_settings WHERE name = 'shared_memory_size_in_huge_pages'),
       (SELECT setting = '0' FROM pg_settings WHERE name = 'huge_page_size');

-- name: act_kept
-- What a server keeps over a restart and does not start without room for: the parameter, the least value that holds it, what it is.
SELECT 'max_prepared_transactions', count(*)::text, count(*) || ' prepared transactions' FROM pg_prepared_xacts
UNION ALL
SELECT 'max_replication_slots', count(*)::text, count(*) || ' replication slots' FROM pg_replication_slots WHERE NOT temporary
UNION ALL
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'max_replication_slots' ELSE 'max_active_replication_origins' END,
       count(*)::text, count(*) || ' replication origins'
  FROM pg_replication_origin
UNION ALL
SELECT 'wal_level', CASE WHEN bool_or(slot_type = 'logical') THEN 'logical' ELSE 'replica' END, count(*) || ' replication slots'
  FROM pg_replication_slots
 WHERE NOT temporary
HAVING count(*) > 0;

-- name: act_overrides
-- ALTER ROLE ... SET and ALTER DATABASE ... SET of these parameters; ours: they bind this very session.
SELECT coalesce(d.datname, ''), coalesce(r.rolname, ''), lower(split_part(c.pair, '=', 1)), substr(c.pair, strpos(c.pair, '=') + 1),
       (o.setdatabase = 0 OR d.datname = current_database()) AND (o.setrole = 0 OR r.rolname = current_user)
  FROM pg_db_role_setting o
 CROSS JOIN LATERAL unnest(o.setconfig) c(pair)
  LEFT JOIN pg_database d ON d.oid = o.setdatabase
  LEFT JOIN pg_roles r ON r.oid = o.setrole
 WHERE lower(split_part(c.pair, '=', 1)) IN (SELECT lower(n) FROM unnest($1::text[]) n)
 ORDER BY 1, 2, 3;

-- name: act_reload
SELECT pg_reload_conf();

-- name: act_read_auto_conf
-- The file itself, for when an error in another file hides it from pg_file_settings. Superusers and pg_read_server_files.
SELECT pg_read_file('postgresql.auto.conf');
