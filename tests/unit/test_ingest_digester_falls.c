/* ingest: what becomes of the digest when its database is damaged, its journal is another one, its clock is wrong, or nothing can be written. */
#include "digester_site.h"

#include "ingest/digester_inside.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Copies that were put aside. */
static int aside(int which)
{
    int  n = 0;
    DIR *d = opendir(site_store[which]);
    for (struct dirent *f; d && (f = readdir(d));)
        n += strncmp(f->d_name, "digest.db.damaged-", 18) == 0 && !strstr(f->d_name, "-wal") && !strstr(f->d_name, "-shm");
    if (d)
        (void)closedir(d);
    return n;
}

static void overwrite(int which, long from)
{
    char path[128], junk[4096];
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[which]);
    memset(junk, 0xa5, sizeof junk);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    (void)fseek(f, 0, SEEK_END);
    for (long end = ftell(f); from < end; from += (long)sizeof junk) {
        (void)fseek(f, from, SEEK_SET);
        assert_int_equal(fwrite(junk, sizeof junk, 1, f), 1);
    }
    (void)fclose(f);
}

/* The last record that the journal may throw away for the digest. */
static uint64_t let_go(struct journal *j)
{
    struct journal_progress p[JOURNAL_CONSUMERS_MAX];
    size_t                  n = journal_progress(j, p, JOURNAL_CONSUMERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (strcmp(p[i].name, "digest") == 0)
            return p[i].committed;
    return 0;
}

static void the_same(char *one, char *other)
{
    assert_string_equal(one, other);
    free(one);
    free(other);
}

static void a_damaged_digest_db_is_put_aside_and_made_again_from_the_journal(void **state)
{
    static const long   from[] = { 0, 4096, 8192, 0 };
    struct fault        fault = { 0 };
    struct journal     *j = a_journal(12, small);
    struct digester    *d;
    struct digester_stats s;
    wall = BEGIN + 30 * MINUTE;
    whole(1, j, 0);
    whole(0, j, 0);
    for (int i = 0; i < 4; i++) {
        struct digester_options o = options(0, j, 0);
        overwrite(0, from[i]);
        wall += US_PER_S;                                /* a copy has the time in its name */
        assert_true(let_go(j) > 0);
        assert_ok(digester_open(&o, &d, &fault), &fault);
        assert_int_equal(let_go(j), 0);                  /* the journal holds everything until it was read again */
        turns(d, 100000);
        digester_stats(d, &s);
        assert_int_equal(s.damaged, 1);
        digester_close(d);
        the_same(tables(0), tables(1));
        assert_int_equal(aside(0), i + 1 < DIGEST_DAMAGED_KEPT ? i + 1 : DIGEST_DAMAGED_KEPT);
    }
    journal_close(j);
}

static void a_digest_db_that_is_found_damaged_while_it_is_used_is_made_again_too(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(12, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN + 30 * MINUTE;
    whole(1, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 8);
    run_sql(0, "PRAGMA wal_checkpoint(TRUNCATE)");
    overwrite(0, 4096);
    enum err e = OK;
    for (int i = 0; i < 1000 && e == OK; i++)
        e = digester_step(d, &idle, &fault);
    assert_int_equal(e, ERR_DAMAGED);
    assert_int_equal(aside(0), 1);
    wall += MINUTE;                                      /* it waits a little before it tries again */
    turns(d, 100000);
    digester_stats(d, &s);
    assert_int_equal(s.damaged, 1);
    assert_false(s.waiting);
    digester_close(d);
    whole(1, j, 0);
    for (int i = 0; i < 2; i++)                          /* a minute went by: other windows, the same rows */
        run_sql(i, "DELETE FROM etl_job_run");
    the_same(tables(0), tables(1));
    journal_close(j);
}

static void what_is_open_and_cannot_be_read_is_a_damage_too(void **state)
{
    static const char *const parts[] = { "progress", "metrics", "calls", "logs", "locate", "places" };
    struct journal          *j = a_journal(6, small);
    wall = BEGIN + 30 * MINUTE;
    whole(1, j, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char sql[128];
        whole(0, j, 0);
        (void)snprintf(sql, sizeof sql, "UPDATE digest_state SET bytes = x'63ffffff' WHERE part = '%s'", parts[i]);
        run_sql(0, sql);
        wall += US_PER_S;
        whole(0, j, 0);
        the_same(tables(0), tables(1));
        assert_true(aside(0) > 0);
    }
    journal_close(j);
}

static void what_is_no_damage_leaves_digest_db_where_it_is(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(6, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct rlimit           was, none;
    char                    path[128];
    bool                    idle;
    enum err                e = OK;
    wall = BEGIN + 30 * MINUTE;
    (void)snprintf(path, sizeof path, "%s/digest.db", site_store[1]);
    assert_int_equal(mkdir(site_store[1], 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);              /* cannot be opened at all */
    o.folder = site_store[1];
    assert_int_equal(digester_open(&o, &d, &fault), ERR_IO);
    assert_int_equal(aside(1), 0);
    o.folder = site_store[0];
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 3);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    none = (struct rlimit){ 2048, was.rlim_max };        /* the disk gives no more: an I/O error */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    for (int i = 0; i < 100 && e == OK; i++)
        e = digester_step(d, &idle, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_not_equal(e, OK);
    assert_int_not_equal(e, ERR_DAMAGED);
    assert_int_equal(aside(0), 0);
    wall += MINUTE;
    turns(d, 100000);
    digester_close(d);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 6 * 400);
    journal_close(j);
}

static void bounds_that_were_lowered_are_no_damage(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(6, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 6 * MINUTE;                           /* so that windows are open */
    whole(0, j, 0);
    o.feed.metrics.series_max = o.feed.metrics.tenant_max = o.feed.metrics.source_max = o.feed.metrics.metric_max = 2;
    o.feed.logs.patterns.patterns_max = 2;
    o.feed.calls.pending_max = 2;
    o.feed.places_max = 2;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 100);
    digester_stats(d, &s);
    assert_int_equal(s.damaged, 0);
    digester_close(d);
    o.feed.logs.patterns.bytes_max = 1000;               /* nothing fits in there: told, and nothing is put aside */
    assert_int_equal(digester_open(&o, &d, &fault), ERR_LIMIT);
    assert_int_equal(aside(0), 0);
    whole(0, j, 0);
    assert_int_equal(aside(0), 0);
    journal_close(j);
}

/* ---- another journal ---- */

static struct journal *another_journal(struct journal *j, int64_t from_us, int minutes)
{
    char command[128];
    journal_close(j);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", site_journal);
    assert_int_equal(system(command), 0);
    j = the_journal();
    minutes_into(j, from_us, minutes, small);
    return j;
}

static void a_journal_that_was_replaced_is_read_whole_however_long_it_is_already(void **state)
{
    for (int longer = 0; longer < 2; longer++) {
        struct journal *j = a_journal(10, small);
        wall = BEGIN + 30 * MINUTE;
        whole(longer, j, 0);
        j = another_journal(j, BEGIN + 60 * MINUTE, longer ? 20 : 5);
        wall = BEGIN + 120 * MINUTE;
        whole(longer, j, 0);
        whole(longer, j, 0);                             /* and once */
        assert_int_equal(number(longer, "SELECT sum(count_total) FROM log_pattern_5m"), (10 + (longer ? 20 : 5)) * 400);
        j = another_journal(j, BEGIN, 0);
        journal_close(j);
        wall = BEGIN;
    }
}

/* One bit of the last byte that is not zero of the last segment with blocks. */
static void flip_the_end(void)
{
    char path[160];
    for (int number = 9; number > 0; number--) {
        (void)snprintf(path, sizeof path, "%s/%08x.seg", site_journal, (unsigned)number);
        FILE *f = fopen(path, "r+b");
        int   c = 0;
        if (!f)
            continue;
        (void)fseek(f, 4096, SEEK_SET);
        bool begun = fgetc(f) == 'H';
        (void)fseek(f, 0, SEEK_END);
        for (long at = ftell(f) - 1; begun && at > 4096 && c == 0; at--) {
            (void)fseek(f, at, SEEK_SET);
            c = fgetc(f);
        }
        (void)fseek(f, -1, SEEK_CUR);
        if (begun)
            (void)fputc(c ^ 1, f);
        (void)fclose(f);
        if (begun)
            return;
    }
    assert_true(false);
}

static void a_journal_whose_end_was_destroyed_is_the_same_one_and_nothing_is_counted_twice(void **state)
{
    for (int forgotten = 0; forgotten < 2; forgotten++) {         /* and when neither cursors nor meta know how far it was */
        struct journal      *j = a_journal(10, small);
        struct journal_stats s;
        char                 command[512];
        wall = BEGIN + 30 * MINUTE;
        whole(forgotten, j, 0);
        journal_close(j);
        (void)snprintf(command, sizeof command, "cd '%s' && mkdir early && cp meta *.cursor early", site_journal);
        assert_int_equal(system(command), 0);
        j = the_journal();
        minutes_into(j, BEGIN + 30 * MINUTE, 2, small);
        wall = BEGIN + 32 * MINUTE;
        whole(forgotten, j, 0);
        journal_stats(j, &s);
        uint64_t last = s.last_id, identity = s.identity;
        journal_close(j);
        assert_int_equal(number(forgotten, "SELECT sum(count_total) FROM log_pattern_5m"), 10 * 400);      /* the window is open still */
        flip_the_end();
        (void)snprintf(command, sizeof command, "cd '%s' && cp early/* .", site_journal);
        assert_int_equal(forgotten ? system(command) : 0, 0);
        j = the_journal();
        journal_stats(j, &s);
        assert_int_equal(s.identity, identity);
        assert_true(forgotten ? s.last_id < last : s.last_id == last && s.damaged_blocks == 1);
        whole(forgotten, j, 0);
        minutes_into(j, BEGIN + 60 * MINUTE, 5, small);
        wall = BEGIN + 90 * MINUTE;
        whole(forgotten, j, 0);
        assert_int_equal(number(forgotten, "SELECT sum(count_total) FROM log_pattern_5m"), 17 * 400);
        j = another_journal(j, BEGIN, 0);
        journal_close(j);
        wall = BEGIN;
    }
}

static void what_an_older_journal_held_is_not_written_over_from_a_newer_one(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(10, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 30 * MINUTE;
    whole(0, j, 0);
    o.journal = j = another_journal(j, BEGIN + 60 * MINUTE, 30);
    wall = BEGIN + 120 * MINUTE;
    whole(0, j, 0);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 10 * MINUTE, &fault), &fault);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN + 85 * MINUTE, BEGIN + 90 * MINUTE, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_refused, 1);
    assert_int_equal(s.asked_done, 1);
    digester_close(d);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 40 * 400);
    journal_close(j);
}

static void nothing_is_kept_from_being_made_again_when_there_never_was_another_journal(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(10, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 30 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    assert_ok(ask(d, "oo-agg", "shop", BEGIN - 20 * MINUTE, BEGIN + 5 * MINUTE, &fault), &fault);      /* before anything came in */
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.asked_done, 1);
    digester_close(d);
    journal_close(j);
}

/* ---- the clock ---- */

static void a_clock_that_was_years_ahead_stops_no_windows_when_it_is_put_back(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(10, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    int64_t                 year = 365 * 24 * 60 * MINUTE;
    wall = BEGIN + 10 * MINUTE;
    whole(0, j, 0);
    wall = BEGIN + 10 * year;                            /* what comes is right, but when it came is not */
    minutes_into(j, BEGIN + 10 * MINUTE, 2, small);
    whole(0, j, 0);
    assert_true(number(0, "SELECT count(*) FROM etl_job_run") < 100);        /* not each window of ten years */
    wall = BEGIN + 15 * MINUTE;
    minutes_into(j, BEGIN + 15 * MINUTE, 10, small);
    wall = BEGIN + 40 * MINUTE;
    whole(0, j, 0);                                      /* as it is after a restart */
    minutes_into(j, BEGIN + 9 * MINUTE, 1, small);       /* somebody is late: of these five minutes a row is there */
    assert_ok(digester_open(&o, &d, &fault), &fault);
    minutes_into(j, BEGIN + 40 * MINUTE, 10, small);
    wall = BEGIN + 60 * MINUTE;
    turns(d, 1000);
    digester_stats(d, &s);
    assert_true(s.window_lag_seconds < 180);
    char before[] = "SELECT sum(count_total) FROM log_pattern_5m WHERE bucket < 1700000100000000 + 10 * 60000000", then[] = "SELECT sum(count_total) FROM log_pattern_5m WHERE bucket >= 1700000100000000 + 40 * 60000000";
    assert_int_equal(number(0, before), 10 * 400);       /* nothing was written over by less */
    assert_int_equal(number(0, then), 10 * 400);
    /* What came in while the clock was wrong is in the journal, and can be made again. */
    assert_ok(ask(d, "oo-agg", "shop", BEGIN, BEGIN + 40 * MINUTE, &fault), &fault);
    turns(d, 1000);
    digester_close(d);
    assert_int_equal(number(0, "SELECT sum(count_total) FROM log_pattern_5m"), 33 * 400);
    journal_close(j);
}

static void a_clock_that_jumps_does_not_make_everything_old(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(10, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    wall = BEGIN + 30 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    int64_t rows = number(0, "SELECT count(*) FROM metric_1m");
    wall += 10 * 365 * INT64_C(86400) * US_PER_S;
    turns(d, 1000);
    assert_int_equal(number(0, "SELECT count(*) FROM metric_1m"), rows);
    digester_close(d);
    journal_close(j);
}

static void the_lag_is_less_than_delay_and_align_while_turns_are_taken_and_unknown_before_the_first_window(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    digester_stats(d, &s);
    assert_true(isnan(s.window_lag_seconds));
    wall = BEGIN + 10 * MINUTE - US_PER_S / 10;
    turns(d, 10);
    digester_stats(d, &s);
    assert_true(s.window_lag_seconds > 179 && s.window_lag_seconds < 180);
    wall += US_PER_S / 2;                                /* the next window is due, and is being made */
    digester_stats(d, &s);
    assert_true(s.window_lag_seconds < 180);
    wall += 10 * US_PER_S;                               /* it is not */
    digester_stats(d, &s);
    assert_true(s.window_lag_seconds > 190);
    digester_close(d);
    journal_close(j);
}

/* ---- the circuit, the look-back ---- */

static void an_open_circuit_outlives_a_restart_and_is_noted_as_closed_with_the_first_good_turn(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(6, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    bool                    idle;
    wall = BEGIN + 30 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 3);
    assert_int_equal(number(0, "SELECT state = 'closed' FROM etl_job_circuit"), 1);
    run_sql(0, "CREATE TRIGGER no BEFORE INSERT ON digest_state BEGIN SELECT raise(ABORT, 'no room'); END");
    for (int failures = 0, i = 0; failures < CIRCUIT_FAILURES && i < 10000; i++) {
        failures += digester_step(d, &idle, &fault) != OK;
        wall += failures ? 2 * MINUTE : 0;
    }
    assert_int_equal(number(0, "SELECT state = 'open' FROM etl_job_circuit"), 1);
    digester_stats(d, &s);
    assert_int_equal(s.failures, CIRCUIT_FAILURES);
    wall -= 2 * MINUTE;
    digester_close(d);
    run_sql(0, "DROP TRIGGER no");
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1);
    digester_stats(d, &s);
    assert_int_equal(s.records, 0);                      /* it still waits, and says so */
    assert_true(s.waiting && *s.why);
    wall -= 10 * 365 * INT64_C(86400) * US_PER_S;        /* not for years */
    turns(d, 1);
    wall += 5 * MINUTE;
    turns(d, 1);
    digester_stats(d, &s);
    assert_true(s.records > 0 && !s.waiting);
    assert_int_equal(number(0, "SELECT state = 'closed' AND failures = 0 FROM etl_job_circuit"), 1);
    digester_close(d);
    journal_close(j);
}

static void when_the_notes_of_what_was_run_are_deleted_the_look_back_is_made_again_and_nothing_counts_twice(void **state)
{
    struct journal         *j = a_journal(20, small);
    struct fault            fault = { 0 };
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 22 * MINUTE;
    o.initial_us = 10 * MINUTE;
    whole(0, j, 0);
    whole(1, j, 0);
    run_sql(1, "DELETE FROM etl_job_run");
    run_sql(0, "DELETE FROM etl_job_run; DELETE FROM log_pattern_5m WHERE bucket >= 1700000100000000 + 10 * 60000000");
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_true(s.asked_done >= 1);
    digester_close(d);
    assert_int_equal(number(0, "SELECT min(window_from) = 1700000100000000 + 10 * 60000000 AND max(window_to) = 1700000100000000 + 20 * 60000000 FROM etl_job_run WHERE status = 'success'"), 1);
    run_sql(0, "DELETE FROM etl_job_run");
    the_same(tables(0), tables(1));
    journal_close(j);
}

static void the_first_window_begins_where_the_settings_say(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    wall = BEGIN + 60 * MINUTE;
    o.initial_us = 5 * MINUTE;
    minutes_into(j, BEGIN + 60 * MINUTE, 1, small);
    assert_ok(digester_open(&o, &d, &fault), &fault);
    wall = BEGIN + 70 * MINUTE;
    turns(d, 1000);
    assert_int_equal((number(0, "SELECT min(window_from) FROM etl_job_run") - BEGIN) / MINUTE, 60 - 2 - 5);
    assert_int_equal((number(0, "SELECT max(window_to) FROM etl_job_run") - BEGIN) / MINUTE, 70 - 2);
    digester_close(d);
    journal_close(j);
}

static void a_fresh_start_looks_back_before_anything_came(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = the_journal();
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    wall = BEGIN + 60 * MINUTE + 7;
    o.initial_us = 20 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    assert_int_equal(number(0, "SELECT count(*) FROM etl_job_run"), 1);
    assert_int_equal((number(0, "SELECT window_from FROM etl_job_run WHERE status = 'success' AND tenant_id = (SELECT tenant_id FROM dim_tenant WHERE code = '')") - BEGIN) / MINUTE, 60 - 2 - 20);
    assert_int_equal((number(0, "SELECT window_to FROM etl_job_run") - BEGIN) / MINUTE, 60 - 2);
    minutes_into(j, BEGIN + 60 * MINUTE, 1, small);      /* of another tenant: its rows begin when it comes, ours go on */
    wall = BEGIN + 64 * MINUTE;
    turns(d, 1000);
    assert_int_equal(number(0, "SELECT count(DISTINCT tenant_id) FROM etl_job_run"), 2);
    assert_int_equal((number(0, "SELECT max(window_to) FROM etl_job_run WHERE tenant_id = (SELECT tenant_id FROM dim_tenant WHERE code = '')") - BEGIN) / MINUTE, 62);
    digester_close(d);
    journal_close(j);
}

static void what_is_dated_years_back_is_late_and_no_bound_of_ours(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(6, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    struct digester_stats   s;
    wall = BEGIN + 30 * MINUTE;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    turns(d, 1000);
    minutes_into(j, BEGIN - 3 * 365 * 24 * 60 * MINUTE, 1, small);
    turns(d, 1000);
    digester_stats(d, &s);
    assert_int_equal(s.lost, 0);
    assert_int_equal(s.pointers_late, 400 + 48 + 200);
    digester_close(d);
    journal_close(j);
}

static void nobody_who_looks_for_a_trace_waits_for_a_slow_disk(void **state)
{
    struct fault            fault = { 0 };
    struct journal         *j = a_journal(1, small);
    struct digester_options o = options(0, j, 0);
    struct digester        *d;
    uint64_t                record[4], read = 7;
    bool                    busy = false;
    assert_ok(digester_open(&o, &d, &fault), &fault);
    assert_int_equal(pthread_mutex_lock(&d->open), 0);   /* as while a window is committed */
    assert_int_equal(digester_open_trace(d, 1, record, 4, &read, &busy), 0);
    assert_true(busy);
    assert_true(read == UINT64_MAX);
    assert_int_equal(pthread_mutex_unlock(&d->open), 0);
    (void)digester_open_trace(d, 1, record, 4, &read, &busy);
    assert_false(busy);
    digester_close(d);
    journal_close(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, site_make, site_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_digest_db_is_put_aside_and_made_again_from_the_journal),
        TEST(a_digest_db_that_is_found_damaged_while_it_is_used_is_made_again_too),
        TEST(what_is_open_and_cannot_be_read_is_a_damage_too),
        TEST(what_is_no_damage_leaves_digest_db_where_it_is),
        TEST(bounds_that_were_lowered_are_no_damage),
        TEST(a_journal_that_was_replaced_is_read_whole_however_long_it_is_already),
        TEST(a_journal_whose_end_was_destroyed_is_the_same_one_and_nothing_is_counted_twice),
        TEST(what_an_older_journal_held_is_not_written_over_from_a_newer_one),
        TEST(nothing_is_kept_from_being_made_again_when_there_never_was_another_journal),
        TEST(a_clock_that_was_years_ahead_stops_no_windows_when_it_is_put_back),
        TEST(a_clock_that_jumps_does_not_make_everything_old),
        TEST(the_lag_is_less_than_delay_and_align_while_turns_are_taken_and_unknown_before_the_first_window),
        TEST(an_open_circuit_outlives_a_restart_and_is_noted_as_closed_with_the_first_good_turn),
        TEST(when_the_notes_of_what_was_run_are_deleted_the_look_back_is_made_again_and_nothing_counts_twice),
        TEST(the_first_window_begins_where_the_settings_say),
        TEST(a_fresh_start_looks_back_before_anything_came),
        TEST(what_is_dated_years_back_is_late_and_no_bound_of_ours),
        TEST(nobody_who_looks_for_a_trace_waits_for_a_slow_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
