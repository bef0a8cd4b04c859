/* sense/reading.c - tables from columns to metrics, and the few that need a thought of their own. */
#include "sense/reading.h"

#include "sense/sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const question_what[QUESTION_COUNT] = {
    [ASK_ACTIVITY] = "read pg_stat_activity", [ASK_DATABASE] = "read pg_stat_database", [ASK_WRITER] = "read the checkpointer's statistics",
    [ASK_WAL] = "read pg_stat_wal", [ASK_REPLICATION] = "read pg_stat_replication", [ASK_CONTROL] = "read pg_control_checkpoint()",
    [ASK_STATEMENTS] = "read pg_stat_statements",
};

/* Which statement from which version on; the last row that fits is taken. */
static const struct { enum question q; int since; const char *name, *sql; } texts[] = {
    { ASK_ACTIVITY,    140000, "sense_activity",    sql_sense_activity },
    { ASK_DATABASE,    140000, "sense_database",    sql_sense_database },
    { ASK_WRITER,      140000, "sense_writer_14",   sql_sense_writer_14 },
    { ASK_WRITER,      170000, "sense_writer_17",   sql_sense_writer_17 },
    { ASK_WRITER,      180000, "sense_writer_18",   sql_sense_writer_18 },
    { ASK_WAL,         140000, "sense_wal",         sql_sense_wal },
    { ASK_REPLICATION, 140000, "sense_replication", sql_sense_replication },
    { ASK_CONTROL,     140000, "sense_control",     sql_sense_control },
    { ASK_STATEMENTS,  140000, "sense_statements",  sql_sense_statements },
};

void question_item(enum question q, int server_version, struct line_item *item)
{
    *item = (struct line_item){ 0 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].q == q && texts[i].since <= server_version) {
            item->name = texts[i].name;
            item->sql = texts[i].sql;
        }
}

/* ---- columns ---- */

enum how { GAUGE, RATE };
enum { NO_METRIC = -1 };
enum counter { COUNT_HITS = 0, COUNT_READS, COUNT_PLAIN };   /* the first two are needed together */

static const struct column { enum question q; const char *name; int metric; enum how how; } columns[] = {
    { ASK_DATABASE,    "blocks_hit",          NO_METRIC,                  RATE },   /* COUNT_HITS */
    { ASK_DATABASE,    "blocks_read",         METRIC_BLOCKS_READ,         RATE },   /* COUNT_READS */
    { ASK_ACTIVITY,    "connections",         METRIC_CONNECTIONS,         GAUGE },
    { ASK_ACTIVITY,    "active",              METRIC_CONNECTIONS_ACTIVE,  GAUGE },
    { ASK_ACTIVITY,    "idle_in_transaction", METRIC_IDLE_IN_TRANSACTION, GAUGE },
    { ASK_ACTIVITY,    "longest_xact",        METRIC_LONGEST_XACT,        GAUGE },
    { ASK_ACTIVITY,    "locks_waiting",       METRIC_LOCKS_WAITING,       GAUGE },
    { ASK_DATABASE,    "rollbacks",           METRIC_ROLLBACKS,           RATE },
    { ASK_DATABASE,    "block_read_ms",       METRIC_BLOCK_READ_TIME,     RATE },
    { ASK_DATABASE,    "rows_read",           METRIC_ROWS_READ,           RATE },
    { ASK_DATABASE,    "rows_fetched",        METRIC_ROWS_FETCHED,        RATE },
    { ASK_DATABASE,    "rows_written",        METRIC_ROWS_WRITTEN,        RATE },
    { ASK_DATABASE,    "temp_bytes",          METRIC_TEMP_BYTES,          RATE },
    { ASK_DATABASE,    "deadlocks",           METRIC_DEADLOCKS,           RATE },
    { ASK_WRITER,      "timed",               METRIC_CHECKPOINTS_TIMED,   RATE },
    { ASK_WRITER,      "requested",           METRIC_CHECKPOINTS_REQ,     RATE },
    { ASK_WRITER,      "write_ms",            METRIC_CHECKPOINT_WRITE,    RATE },
    { ASK_WRITER,      "buffers_checkpoint",  METRIC_BUFFERS_CHECKPOINT,  RATE },
    { ASK_WRITER,      "buffers_clean",       METRIC_BUFFERS_CLEAN,       RATE },
    { ASK_WRITER,      "buffers_backend",     METRIC_BUFFERS_BACKEND,     RATE },
    { ASK_WRITER,      "maxwritten_clean",    METRIC_MAXWRITTEN_CLEAN,    RATE },
    { ASK_WAL,         "wal_bytes",           METRIC_WAL_BYTES,           RATE },
    { ASK_WAL,         "wal_fpi",             METRIC_WAL_FPI,             RATE },
    { ASK_WAL,         "wal_buffers_full",    METRIC_WAL_BUFFERS_FULL,    RATE },
    { ASK_REPLICATION, "standbys",            METRIC_STANDBYS,            GAUGE },
    { ASK_REPLICATION, "lag_bytes",           METRIC_REPLICATION_LAG,     GAUGE },
    { ASK_CONTROL,     "recovery_wal",        METRIC_RECOVERY_WAL,        GAUGE },
};
enum { COLUMNS = sizeof columns / sizeof *columns, RATE_COMMITS = COLUMNS };
_Static_assert((int)RATE_COMMITS < (int)READING_COUNTERS_MAX, "every column has room for its rate");

static const char *text_of(const PGresult *a, const char *column)
{
    int c = PQfnumber(a, column);
    return c >= 0 && PQntuples(a) > 0 && !PQgetisnull(a, 0, c) ? PQgetvalue(a, 0, c) : NULL;
}

static double number_of(const PGresult *a, const char *column)
{
    const char *text = text_of(a, column);
    char       *end;
    double      v = text ? strtod(text, &end) : (double)NAN;
    return text && end != text && isfinite(v) ? v : (double)NAN;
}

static int64_t whole_of(const PGresult *a, const char *column, int64_t otherwise)
{
    const char *text = text_of(a, column);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static bool is(const PGresult *a, const char *column, const char *value)
{
    const char *text = text_of(a, column);
    return text && strcmp(text, value) == 0;
}

/* ---- time and story ---- */

/*
 * Differences are divided by the time that passed on the server, where the counters are; ours includes the way.  A
 * server's clock may be set, so it counts only while it agrees with ours.
 */
static void tell_time(struct reading *r, int64_t server_us, int64_t mono_us)
{
    enum { AGREES_US = 300000 };
    int64_t here = mono_us - r->mono_us, there = server_us - r->server_us;
    if (r->mono_us == 0)
        r->clock_us = mono_us;
    else
        r->clock_us += r->server_us != 0 && server_us != 0 && llabs(here - there) < AGREES_US && there > 0 ? there : here;
    r->mono_us = mono_us;
    r->server_us = server_us;
}

static void forget_question(struct reading *r, enum question q)
{
    for (int i = 0; i < COLUMNS; i++)
        if (columns[i].q == q)
            rate_forget(&r->rate[i]);
    if (q == ASK_DATABASE)
        rate_forget(&r->rate[RATE_COMMITS]);
}

/* A reset makes small counters out of big ones; a busy server may have overtaken the old values before we look again. */
static void check_story(struct reading *r, enum question q, const PGresult *a)
{
    double story = number_of(a, "story");
    if (isnan(story))
        return;
    if (r->story_known[q] && fabs(story - r->story[q]) > 1e-6) {
        forget_question(r, q);
        r->reset_seen = true;
    }
    r->story[q] = story;
    r->story_known[q] = true;
}

/* ---- what needs a thought ---- */

static void take_activity(struct reading *r, const PGresult *a, struct sample *s)
{
    s->postmaster_start_us = whole_of(a, "postmaster_start_us", 0);
    s->conf_load_us = whole_of(a, "conf_load_us", 0);
    s->in_recovery = is(a, "in_recovery", "t");
    if (r->postmaster_start_us != 0 && r->postmaster_start_us != s->postmaster_start_us) {
        for (int i = 0; i < READING_COUNTERS_MAX; i++)
            rate_forget(&r->rate[i]);
        memset(r->story_known, 0, sizeof r->story_known);   /* what changes with a restart is no reset by somebody */
    }
    r->postmaster_start_us = s->postmaster_start_us;

    r->hides_sessions = !(number_of(a, "hidden") <= 0);
    r->untracked = !(number_of(a, "untracked") <= 0);
    if (r->hides_sessions)
        s->v[METRIC_CONNECTIONS] = s->v[METRIC_LOCKS_WAITING] = (double)NAN;
    if (r->hides_sessions || r->untracked)
        s->v[METRIC_CONNECTIONS_ACTIVE] = s->v[METRIC_IDLE_IN_TRANSACTION] = s->v[METRIC_LONGEST_XACT] = (double)NAN;
    if (s->v[METRIC_CONNECTIONS] > r->peak_sessions)
        r->peak_sessions = (int)s->v[METRIC_CONNECTIONS];
}

/*
 * Our own transactions are in the counters too.  The server adds them some time after they end, so the difference may go
 * back a little; a counter that only goes up catches up by itself.
 */
static void take_database(struct reading *r, const PGresult *a, const double *value, struct sample *s)
{
    double commits = number_of(a, "commits");
    if (!(commits >= r->raw_commits) || !r->rate[RATE_COMMITS].known)
        r->others_commits = commits - r->own_transactions;   /* reset, or the first one */
    else
        r->others_commits = fmax(r->others_commits, commits - r->own_transactions);
    bool went_back = commits < r->raw_commits;
    r->raw_commits = isnan(commits) ? 0 : commits;
    if (went_back)
        rate_forget(&r->rate[RATE_COMMITS]);
    s->v[METRIC_TPS] = rate_next(&r->rate[RATE_COMMITS], r->others_commits, r->clock_us, r->gap_us);
    s->v[METRIC_ERRORS] = s->v[METRIC_ROLLBACKS];   /* the victim of a deadlock is rolled back: it is among them */
    double hits = value[COUNT_HITS], reads = value[COUNT_READS];
    s->v[METRIC_CACHE_HIT] = hits + reads > 0 ? hits / (hits + reads) : (double)NAN;
    r->no_counts = !is(a, "track_counts", "on");
    r->no_io_timing = !is(a, "track_io_timing", "on");
    if (r->no_io_timing)
        s->v[METRIC_BLOCK_READ_TIME] = (double)NAN;
    if (r->no_counts)
        s->v[METRIC_TPS] = s->v[METRIC_ROLLBACKS] = s->v[METRIC_ERRORS] = s->v[METRIC_BLOCKS_READ] = s->v[METRIC_CACHE_HIT] = s->v[METRIC_TEMP_BYTES] = s->v[METRIC_DEADLOCKS] =
            s->v[METRIC_ROWS_READ] = s->v[METRIC_ROWS_FETCHED] = s->v[METRIC_ROWS_WRITTEN] = s->v[METRIC_BLOCK_READ_TIME] = (double)NAN;
}

/* pg_control is written when a checkpoint is finished; the statistics count them when they begin. */
static void take_control(struct reading *r, const PGresult *a, struct sample *s)
{
    int64_t lsn = whole_of(a, "checkpoint_lsn", -1);
    s->redo_lsn = whole_of(a, "redo_lsn", -1);
    if (lsn >= 0 && r->checkpoint_lsn >= 0 && lsn != r->checkpoint_lsn)
        r->checkpoints++;
    if (lsn >= 0) {
        r->checkpoint_lsn = lsn;
        s->checkpoints_done = r->checkpoints;
    }
    int timeline = (int)whole_of(a, "timeline", 0);
    r->timeline = timeline > 0 ? timeline : r->timeline;
    if (s->v[METRIC_RECOVERY_WAL] < 0)
        s->v[METRIC_RECOVERY_WAL] = 0;
}

static double cell_number(const PGresult *a, int row, int column)
{
    return column >= 0 && !PQgetisnull(a, row, column) ? strtod(PQgetvalue(a, row, column), NULL) : 0;
}

static bool take_statements(struct reading *r, const PGresult *a, struct sample *s)
{
    static const char *const names[] = { "calls", "total_ms", "rows", "square" };
    struct statement_row rows[STATEMENT_ROWS_MAX];
    int id = PQfnumber(a, "id"), top = PQfnumber(a, "top"), at[4], n = PQntuples(a) < STATEMENT_ROWS_MAX ? PQntuples(a) : STATEMENT_ROWS_MAX;
    for (int i = 0; i < 4; i++)
        at[i] = PQfnumber(a, names[i]);
    if (id < 0 || top < 0 || n < 1)
        return false;
    for (int i = 0; i < n; i++)
        rows[i] = (struct statement_row){ .id = strtoll(PQgetvalue(a, i, id), NULL, 10), .calls = cell_number(a, i, at[0]), .total_ms = cell_number(a, i, at[1]),
                                          .rows = cell_number(a, i, at[2]), .square = cell_number(a, i, at[3]), .top = PQgetvalue(a, i, top)[0] == 't' };
    if (r->left_out != r->left_out_before)
        r->statements.known = false;
    r->left_out_before = r->left_out;
    statements_take(&r->statements, rows, n, whole_of(a, "reset_us", 0), whole_of(a, "dealloc", 0), r->clock_us);
    r->reset_seen = r->reset_seen || r->statements.was_reset;
    statements_fill(&r->statements, r->estimate_latency, s);
    return true;
}

/* ---- outside ---- */

void reading_forget(struct reading *r)
{
    int    peak = r->peak_sessions;
    int64_t checkpoints = r->checkpoints;
    bool    estimate = r->estimate_latency;
    int64_t gap_us = r->gap_us;
    *r = (struct reading){ .checkpoint_lsn = -1, .peak_sessions = peak, .checkpoints = checkpoints, .estimate_latency = estimate, .gap_us = gap_us };
}

bool reading_take(struct reading *r, enum question q, const PGresult *answer, int64_t mono_us, struct sample *s)
{
    if (PQntuples(answer) < 1 || PQfnumber(answer, "own_id") < 0)
        return false;
    if (!r->time_told)
        tell_time(r, q == ASK_ACTIVITY ? whole_of(answer, "now_us", 0) : 0, mono_us);
    r->time_told = true;
    r->own_id[q] = whole_of(answer, "own_id", 0);
    check_story(r, q, answer);
    double value[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        if (columns[i].q != q)
            continue;
        value[i] = number_of(answer, columns[i].name);
        if (columns[i].how == RATE)
            value[i] = rate_next(&r->rate[i], value[i], r->clock_us, r->gap_us);
        if (columns[i].metric != NO_METRIC)
            s->v[columns[i].metric] = value[i];
    }
    switch (q) {
    case ASK_ACTIVITY:
        take_activity(r, answer, s);
        break;
    case ASK_DATABASE:
        take_database(r, answer, value, s);
        break;
    case ASK_REPLICATION:
        if (number_of(answer, "hidden") > 0)
            s->v[METRIC_STANDBYS] = s->v[METRIC_REPLICATION_LAG] = (double)NAN;
        break;
    case ASK_CONTROL:
        take_control(r, answer, s);
        break;
    case ASK_STATEMENTS:
        return take_statements(r, answer, s);
    default:
        break;
    }
    return true;
}

void reading_begin(struct reading *r) { r->time_told = false; }

void reading_ids(struct reading *r, char *followed, size_t followed_size, char *own, size_t own_size)
{
    statements_ids(&r->statements, followed, followed_size);
    size_t used = (size_t)snprintf(own, own_size, "{");
    for (int q = 0; q < OWN_IDS && used + 24 < own_size; q++)
        if (r->own_id[q] != 0)
            used += (size_t)snprintf(own + used, own_size - used, "%s%" PRId64, used > 1 ? "," : "", r->own_id[q]);
    (void)snprintf(own + used, own_size - used, "}");
    r->left_out = 1469598103934665603u;   /* FNV-1a */
    for (const char *c = own; *c; c++)
        r->left_out = (r->left_out ^ (unsigned char)*c) * 1099511628211u;
}
