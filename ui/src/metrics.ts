// What the dashboard shows of a target: one row per figure. Names and units are those of the engine's metric table.

export interface Metric { name: string; label: string; unit: string; hint: string }

const row = (name: string, label: string, unit: string, hint: string): Metric => ({ name, label, unit, hint });

/** In the order in which a person in a hurry wants them. */
export const FIGURES: Metric[] = [
  row("tps", "Throughput", "1/s", "committed transactions"),
  row("latency_p50", "Latency p50", "ms", "median time of a transaction"),
  row("latency_p99", "Latency p99", "ms", "99th percentile of transaction times"),
  row("errors", "Errors", "1/s", "errors the load saw, else rollbacks and deadlocks"),
  row("connections_active", "Active sessions", "count", "client connections running a statement"),
  row("locks_waiting", "Waiting for locks", "count", "backends that wait for a lock"),
  row("longest_xact", "Oldest transaction", "s", "age of the oldest open transaction"),
  row("cache_hit", "Cache hits", "ratio", "blocks found in shared_buffers"),
  row("cpu", "CPU", "ratio", "of the cores the server may use"),
  row("io_busy", "Disk busy", "ratio", "time the busiest block device was busy"),
  row("psi_io", "Stalled on IO", "ratio", "time some task waited for IO (PSI)"),
  row("memory_used", "Memory", "B", "used without page cache"),
  row("wal_bytes", "WAL written", "B/s", "write-ahead log"),
  row("recovery_wal", "WAL to recover", "B", "what a crash right now would have to replay"),
  row("replication_lag", "Replication lag", "B", "largest byte gap to a standby"),
  row("disk_free", "Disk free", "B", "on the data directory's file system"),
];

/** Asked for when a page is opened; what arrives later in live samples is kept under the same names. */
export const SERIES = ["tps", "latency_p50", "latency_p99", "errors", "connections_active", "cache_hit", "cpu", "io_busy", "psi_io", "wal_bytes",
  "latency_estimated"];

/** What the charts draw; asked for minute by minute where the seconds do not reach. */
export const DRAWN = ["tps", "latency_p50", "latency_p99"];
