-- Who answers here, and what may we do to it?

-- name: act_server
SELECT current_setting('server_version_num')                                          AS version,
       pg_is_in_recovery()                                                            AS in_recovery,
       (SELECT system_identifier FROM pg_control_system())                            AS system_identifier,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory')                AS data_directory,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint             AS start_us,
       (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint                    AS load_us,
       coalesce(host(inet_server_addr()), 'socket') || ':' || current_setting('port') AS address,
       current_user                                                                   AS me,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)                   AS superuser,
       has_function_privilege('pg_reload_conf()', 'execute')                          AS may_reload,
       has_table_privilege('pg_file_settings', 'select')
         AND has_function_privilege('pg_show_all_file_settings()', 'execute')         AS may_read_files,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
         OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint' AND pg_has_role(oid, 'usage')) AS may_checkpoint,
       has_function_privilege('pg_stat_file(text)', 'execute')                        AS may_stat_files,
       (SELECT count(*) FROM pg_stat_replication s
         WHERE NOT EXISTS (SELECT FROM pg_replication_slots l WHERE l.active_pid = s.pid AND l.slot_type = 'logical')) AS standbys,
       (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical')       AS physical_slots,
       (SELECT setting::bigint / 1048576 FROM pg_settings WHERE name = 'wal_segment_size') AS wal_segment_mb,
       CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline,
       pg_backend_pid()                                                               AS backend,
       (SELECT setting FROM pg_settings WHERE name = 'allow_alter_system')            AS allow_alter_system;

-- name: act_times
-- One row: when the configuration was last loaded, and when the server started. For waiting.
SELECT (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint;

-- name: act_owners
-- What gives away that somebody else manages this server. Each row: who, and how we know.
SELECT 'cloud', 'there is a role ' || rolname
  FROM pg_roles
 WHERE rolname IN ('rds_superuser', 'rdsadmin', 'cloudsqlsuperuser', 'cloudsqladmin', 'azure_pg_admin', 'azuresu', 'alloydbsuperuser',
                   'alloydbadmin', 'neon_superuser', 'supabase_admin', 'doadmin', 'avnadmin')
UNION ALL
SELECT 'cloud', 'there is a parameter ' || name
  FROM pg_settings
 WHERE name LIKE ANY (ARRAY['rds.%', 'cloudsql.%', 'azure.%', 'alloydb.%', 'neon.%'])
UNION ALL
SELECT 'patroni', 'a session is called "' || application_name || '"'
  FROM pg_stat_activity
 WHERE application_name ILIKE 'patroni%' AND pid <> pg_backend_pid()
UNION ALL
SELECT 'patroni', 'primary_conninfo names Patroni'
  FROM pg_settings
 WHERE name = 'primary_conninfo' AND setting ILIKE '%patroni%';

-- name: act_owners_files
-- The same from the files that make up the configuration; for those who may read pg_file_settings. A parameter that belongs to no
-- library (as those of CloudNativePG) is seen nowhere else.
SELECT DISTINCT CASE WHEN sourcefile LIKE '%/postgresql.base.conf' OR sourcefile ILIKE '%patroni%' THEN 'patroni' ELSE 'other' END,
       'its configuration is in ' || sourcefile
  FROM pg_file_settings
 WHERE sourcefile LIKE ANY (ARRAY['%/postgresql.base.conf', '%/postgresql-auto-failover.conf', '%/stolon%.conf']) OR sourcefile ILIKE '%patroni%'
    OR lower(name) LIKE 'cnpg.%';

-- name: act_owners_folder
SELECT 'patroni', 'patroni.dynamic.json lies in the data directory'
  FROM pg_stat_file('patroni.dynamic.json', true)
 WHERE modification IS NOT NULL;

-- name: act_lock_try
SELECT pg_try_advisory_lock($1::bigint);

-- name: act_lock_elsewhere
-- Advisory locks belong to a database; another Homeostat may be in another one.
SELECT l.pid, coalesce(a.datname, '?')
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
   AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint
 LIMIT 1;

-- name: act_lock_drop
SELECT pg_advisory_unlock($1::bigint);
