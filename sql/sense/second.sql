-- What is asked each second. Every column of a view is written as alias.column, and a test compares these with the documented
-- columns of each server version. Each statement also answers its own query id, so that our questions can be told from the load.
-- Our own sessions are the ones with these application names; the load driver's is another one.

-- name: sense_activity
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS postmaster_start_us,
       (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint AS conf_load_us,
       pg_is_in_recovery() AS in_recovery,
       count(*) FILTER (WHERE a.usesysid IS NOT NULL AND a.backend_type IS NULL) AS hidden,
       count(*) FILTER (WHERE a.state = 'disabled') AS untracked,
       count(*) FILTER (WHERE a.backend_type = 'client backend') AS connections,
       count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.state IN ('active', 'fastpath function call')) AS active,
       count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.state LIKE 'idle in transaction%') AS idle_in_transaction,
       coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)) FILTER (WHERE a.backend_type = 'client backend'), 0) AS longest_xact,
       count(*) FILTER (WHERE a.wait_event_type = 'Lock') AS locks_waiting,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_activity AS a
WHERE a.application_name IS NULL OR a.application_name NOT IN ('homeostat', 'homeostat-sense', 'homeostat-act', 'homeostat init');

-- name: sense_database
-- All databases together: parameters are the server's, and so is what they do.
SELECT sum(d.xact_commit) AS commits, sum(d.xact_rollback) AS rollbacks, sum(d.blks_read) AS blocks_read, sum(d.blks_hit) AS blocks_hit,
       sum(d.tup_returned) AS rows_read, sum(d.tup_fetched) AS rows_fetched, sum(d.tup_inserted + d.tup_updated + d.tup_deleted) AS rows_written,
       sum(d.blk_read_time) AS block_read_ms, sum(d.temp_bytes) AS temp_bytes, sum(d.deadlocks) AS deadlocks,
       coalesce(sum(extract(epoch FROM d.stats_reset)), 0) + count(*) AS story,
       current_setting('track_io_timing') AS track_io_timing, current_setting('track_counts') AS track_counts,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_database AS d;

-- name: sense_writer_14
SELECT b.checkpoints_timed AS timed, b.checkpoints_req AS requested, b.checkpoint_write_time AS write_ms,
       b.buffers_checkpoint AS buffers_checkpoint, b.buffers_clean AS buffers_clean, b.maxwritten_clean AS maxwritten_clean,
       b.buffers_backend AS buffers_backend, NULL::bigint AS done, extract(epoch FROM b.stats_reset) AS story,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_bgwriter AS b;

-- name: sense_writer_17
-- What backends write and extend themselves: the meaning that buffers_backend had before.
SELECT c.num_timed AS timed, c.num_requested AS requested, c.write_time AS write_ms,
       c.buffers_written AS buffers_checkpoint, b.buffers_clean AS buffers_clean, b.maxwritten_clean AS maxwritten_clean,
       (SELECT sum(coalesce(i.writes, 0) + coalesce(i.extends, 0)) FROM pg_stat_io AS i
        WHERE i.object = 'relation' AND i.backend_type NOT IN ('checkpointer', 'background writer')) AS buffers_backend,
       NULL::bigint AS done,
       coalesce(extract(epoch FROM c.stats_reset), 0) + coalesce(extract(epoch FROM b.stats_reset), 0)
           + coalesce((SELECT extract(epoch FROM max(i.stats_reset)) FROM pg_stat_io AS i), 0) AS story,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_checkpointer AS c, pg_stat_bgwriter AS b;

-- name: sense_writer_18
-- An operation may be of many blocks since then, and one that extends a file mostly is: blocks are counted by their bytes.
SELECT c.num_timed AS timed, c.num_requested AS requested, c.write_time AS write_ms,
       c.buffers_written AS buffers_checkpoint, b.buffers_clean AS buffers_clean, b.maxwritten_clean AS maxwritten_clean,
       (SELECT sum(coalesce(i.write_bytes, 0) + coalesce(i.extend_bytes, 0)) / current_setting('block_size')::numeric FROM pg_stat_io AS i
        WHERE i.object = 'relation' AND i.backend_type NOT IN ('checkpointer', 'background writer')) AS buffers_backend,
       c.num_done AS done,
       coalesce(extract(epoch FROM c.stats_reset), 0) + coalesce(extract(epoch FROM b.stats_reset), 0)
           + coalesce((SELECT extract(epoch FROM max(i.stats_reset)) FROM pg_stat_io AS i), 0) AS story,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_checkpointer AS c, pg_stat_bgwriter AS b;

-- name: sense_wal
SELECT w.wal_bytes AS wal_bytes, w.wal_fpi AS wal_fpi, w.wal_buffers_full AS wal_buffers_full, extract(epoch FROM w.stats_reset) AS story,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_stat_wal AS w;

-- name: sense_replication
-- A receiver that does not replay (pg_receivewal) is measured by what was sent to it. Base backups are no standbys.
SELECT count(*) FILTER (WHERE r.state IS NULL) AS hidden,
       count(*) FILTER (WHERE r.state <> 'backup') AS standbys,
       coalesce(max(pg_wal_lsn_diff(here.lsn, coalesce(r.replay_lsn, r.flush_lsn, r.sent_lsn))) FILTER (WHERE r.state <> 'backup'), 0) AS lag_bytes,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM (SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END AS lsn) AS here
LEFT JOIN pg_stat_replication AS r ON true
WHERE r.pid IS NOT NULL;

-- name: sense_control
SELECT pg_wal_lsn_diff(c.redo_lsn, '0/0') AS redo_lsn, pg_wal_lsn_diff(c.checkpoint_lsn, '0/0') AS checkpoint_lsn, c.timeline_id AS timeline,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, c.redo_lsn) AS recovery_wal,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM pg_control_checkpoint() AS c;

-- name: sense_session
-- Once per connection: names mean the server's own, and nothing that could make our questions dear or change anything.
-- $1: our session, as the connection was told. A session that a pooler lends has another number, and is not set: whoever has it next would find it so.
SELECT set_config('search_path', 'pg_catalog', false),
       set_config('default_transaction_read_only', 'on', false), set_config('jit', 'off', false),
       set_config('max_parallel_workers_per_gather', '0', false), set_config('idle_session_timeout', '0', false)
WHERE pg_backend_pid() = $1::int;
