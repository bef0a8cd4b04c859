-- What is known of the server: read at connect, after changes, and now and then. These may take their time and have a connection of their own.
-- Each answers its own query id too, as the questions of each second do.

-- name: sense_facts_server_14
SELECT current_setting('server_version_num')::int AS version, current_user AS role, current_database() AS database,
       pg_is_in_recovery() AS in_recovery,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS postmaster_start_us,
       current_setting('is_superuser') AS superuser,
       pg_has_role('pg_monitor', 'USAGE') AS monitor,
       pg_has_role('pg_read_all_stats', 'USAGE') AS all_stats,
       pg_has_role('pg_read_all_settings', 'USAGE') AS all_settings,
       current_setting('is_superuser') = 'on' AS alter_system,
       has_function_privilege('pg_reload_conf()', 'EXECUTE') AS reload,
       current_setting('is_superuser') = 'on' AS checkpoint,
       has_table_privilege('pg_file_settings', 'SELECT') AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS file_settings,
       current_setting('track_io_timing') AS track_io_timing,
       current_setting('track_activities') AS track_activities,
       (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements') AS statements_schema,
       (SELECT count(*) FROM pg_replication_slots AS l) AS slots,
       (SELECT max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                                        ELSE pg_current_wal_lsn() END, l.restart_lsn)) FROM pg_replication_slots AS l) AS slots_retained,
       (SELECT count(*) FROM pg_stat_replication AS r WHERE r.state <> 'backup') AS standbys,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id;

-- name: sense_facts_server_15
-- From 15 on, single parameters and CHECKPOINT can be granted.
SELECT current_setting('server_version_num')::int AS version, current_user AS role, current_database() AS database,
       pg_is_in_recovery() AS in_recovery,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS postmaster_start_us,
       current_setting('is_superuser') AS superuser,
       pg_has_role('pg_monitor', 'USAGE') AS monitor,
       pg_has_role('pg_read_all_stats', 'USAGE') AS all_stats,
       pg_has_role('pg_read_all_settings', 'USAGE') AS all_settings,
       current_setting('is_superuser') = 'on' OR EXISTS (
           SELECT FROM pg_settings AS p WHERE p.context <> 'internal' AND has_parameter_privilege(p.name, 'ALTER SYSTEM')) AS alter_system,
       has_function_privilege('pg_reload_conf()', 'EXECUTE') AS reload,
       current_setting('is_superuser') = 'on' OR pg_has_role('pg_checkpoint', 'USAGE') AS checkpoint,
       has_table_privilege('pg_file_settings', 'SELECT') AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS file_settings,
       current_setting('track_io_timing') AS track_io_timing,
       current_setting('track_activities') AS track_activities,
       (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements') AS statements_schema,
       (SELECT count(*) FROM pg_replication_slots AS l) AS slots,
       (SELECT max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                                        ELSE pg_current_wal_lsn() END, l.restart_lsn)) FROM pg_replication_slots AS l) AS slots_retained,
       (SELECT count(*) FROM pg_stat_replication AS r WHERE r.state <> 'backup') AS standbys,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id;

-- name: sense_facts_control
SELECT s.system_identifier AS system_identifier, c.timeline_id AS timeline,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_control_system() AS s, pg_control_checkpoint() AS c;

-- name: sense_facts_settings
-- Parameters of extensions last: they are the ones that may be left out when there are too many.
SELECT p.name, p.setting, p.unit, p.boot_val, p.context, p.source, p.sourcefile, p.pending_restart, p.min_val, p.max_val,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_settings AS p ORDER BY p.name LIKE '%.%', p.name;

-- name: sense_facts_settings_15
-- Which of them our role may ALTER SYSTEM, too.
SELECT p.name, p.setting, p.unit, p.boot_val, p.context, p.source, p.sourcefile, p.pending_restart, p.min_val, p.max_val,
       has_parameter_privilege(p.name, 'ALTER SYSTEM') AS may_alter,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_settings AS p ORDER BY p.name LIKE '%.%', p.name;

-- name: sense_facts_overrides
-- A row without a name where there is none.
SELECT split_part(c.pair, '=', 1) AS name, substr(c.pair, position('=' IN c.pair) + 1) AS value,
       coalesce(r.rolname, '') AS role, coalesce(d.datname, '') AS database, o.query_id AS own_id
FROM pg_stat_get_activity(pg_backend_pid()) AS o
LEFT JOIN (pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c (pair)) ON true
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
ORDER BY 1, 3, 4;

-- name: sense_facts_owner
-- Whoever manages the configuration leaves traces: roles, sessions, extensions. Our own query id is of the kind "own".
SELECT 'role' AS kind, r.rolname::text AS value FROM pg_roles AS r
WHERE r.rolname IN ('rdsadmin', 'rds_superuser', 'cloudsqladmin', 'cloudsqlsuperuser', 'alloydbadmin', 'azuresu', 'azure_pg_admin', 'avnadmin',
                    'doadmin', 'neon_superuser', 'supabase_admin', 'autoctl_node')
UNION
SELECT 'session', a.application_name FROM pg_stat_activity AS a
WHERE a.application_name ~* '^(patroni|pg_autoctl|pgautofailover|cnpg|cloudnative|repmgrd|stolon)'
UNION
SELECT 'extension', e.extname::text FROM pg_extension AS e WHERE e.extname IN ('pgautofailover', 'google_vacuum_mgmt', 'rds_tools', 'azure', 'aiven_extras')
UNION
SELECT 'own', o.query_id::text FROM pg_stat_get_activity(pg_backend_pid()) AS o;

-- name: sense_sizes
-- reltuples and the like would be cheaper but say nothing of growth; once a minute this is affordable.
-- Where our role may not look at one of the databases the sum is not known, which is no error in the server's log each minute.
SELECT (SELECT CASE WHEN bool_and(e.may) THEN sum(CASE WHEN e.may THEN pg_database_size(e.oid) END) END
        FROM (SELECT d.oid, has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') AS may
              FROM pg_database AS d WHERE d.datallowconn OR d.datistemplate) AS e) AS database_bytes,
       (SELECT coalesce(sum(t.n_dead_tup), 0) FROM pg_stat_user_tables AS t) AS dead_tuples,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id;
