/*
 * tests/live/sense_tool.c - watches one PostgreSQL and prints what it sees as JSON lines, for the live tests.
 *
 *     sense_tool --dsn "host=..." [--passfile f] [--load url] [--seconds n] [--statements s] [--sizes s] [--facts s] [--privileges]
 *
 *     {"sample": {"wall_us": ..., "tps": 12.5, "cpu": null, ...}}     null: unknown
 *     {"facts": {...}}   {"state": "up", "text": "...", "hint": "..."}   at the end {"counts": {...}}
 */
#include "base/clock.h"
#include "sense/privileges.h"
#include "sense/watch.h"

#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void print_line(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    printf("%s\n", text);
    (void)fflush(stdout);
    free(text);
    json_decref(line);
}

static json_t *real_or_null(double v) { return isnan(v) ? json_null() : json_real(v); }

static void on_sample(void *ctx, const struct sample *s)
{
    json_t *o = json_object(), *queries = s->queries < 0 ? json_null() : json_array();
    (void)ctx;
    for (int i = 0; i < METRIC_COUNT; i++)
        json_object_set_new(o, metric_info[i].name, real_or_null(s->v[i]));
    for (int i = 0; i < s->queries; i++)
        json_array_append_new(queries, json_pack("{s:I,s:f,s:f,s:f}", "id", (json_int_t)s->query[i].id, "calls", s->query[i].calls, "total_ms", s->query[i].total_ms,
                                                 "rows", s->query[i].rows));
    json_object_set_new(o, "queries", queries);
    json_object_set_new(o, "wall_us", json_integer(s->wall_us));
    json_object_set_new(o, "mono_us", json_integer(s->mono_us));
    json_object_set_new(o, "postmaster_start_us", json_integer(s->postmaster_start_us));
    json_object_set_new(o, "conf_load_us", json_integer(s->conf_load_us));
    json_object_set_new(o, "stats_reset_us", json_integer(s->stats_reset_us));
    json_object_set_new(o, "checkpoints_done", json_integer(s->checkpoints_done));
    json_object_set_new(o, "redo_lsn", json_integer(s->redo_lsn));
    json_object_set_new(o, "in_recovery", json_boolean(s->in_recovery));
    json_object_set_new(o, "latency_known", json_boolean(s->latency.known));
    print_line(json_pack("{s:o}", "sample", o));
}

static json_t *facts_json(const struct target_facts *f)
{
    json_t *settings = json_object(), *overrides = json_array();
    for (int i = 0; i < f->settings; i++)
        json_object_set_new(settings, f->setting[i].name, json_string(f->setting[i].value));
    for (int i = 0; i < f->overrides; i++)
        json_array_append_new(overrides, json_pack("[s,s,s,s]", f->override[i].name, f->override[i].value, f->override[i].role, f->override[i].database));
    json_t *o = json_pack("{s:s,s:i,s:b,s:s,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:s,s:s}", "name", f->name, "server_version", f->server_version, "local", f->local, "local_why",
                          f->local_why, "in_recovery", f->in_recovery, "superuser", f->superuser, "may_watch_all", f->may_watch_all, "may_alter_system", f->may_alter_system,
                          "may_reload", f->may_reload, "may_read_file_settings", f->may_read_file_settings, "may_checkpoint", f->may_checkpoint, "has_statements",
                          f->has_statements, "file_access", f->file_access, "owner", target_owner_name(f->owner), "owner_why", f->owner_why);
    json_object_set_new(o, "role", json_string(f->role));
    json_object_set_new(o, "data_directory", json_string(f->data_directory));
    json_object_set_new(o, "postmaster_pid", json_integer(f->postmaster_pid));
    json_object_set_new(o, "postmaster_start_us", json_integer(f->postmaster_start_us));
    json_object_set_new(o, "cpus", json_integer(f->cpus));
    json_object_set_new(o, "memory_bytes", real_or_null(f->memory_bytes));
    json_object_set_new(o, "memory_machine_bytes", real_or_null(f->memory_machine_bytes));
    json_object_set_new(o, "limit_counts_cache", json_boolean(f->limit_counts_cache));
    json_object_set_new(o, "disk_free_bytes", real_or_null(f->disk_free_bytes));
    json_object_set_new(o, "wal_disk_free_bytes", real_or_null(f->wal_disk_free_bytes));
    json_object_set_new(o, "database_bytes", real_or_null(f->database_bytes));
    json_object_set_new(o, "system_identifier", json_string(f->system_identifier));
    json_object_set_new(o, "timeline", json_integer(f->timeline));
    json_object_set_new(o, "settings_complete", json_boolean(f->settings_complete));
    json_object_set_new(o, "host_readable", json_boolean(f->host_readable));
    json_object_set_new(o, "peak_sessions", json_integer(f->peak_sessions));
    json_object_set_new(o, "standbys", json_integer(f->standbys));
    json_object_set_new(o, "slots", json_integer(f->slots));
    json_object_set_new(o, "settings", settings);
    json_object_set_new(o, "overrides", overrides);
    return o;
}

static void on_facts(void *ctx, const struct target_facts *f)
{
    (void)ctx;
    print_line(json_pack("{s:o}", "facts", facts_json(f)));
}

static void on_state(void *ctx, enum sense_pg_event e, const struct fault *what)
{
    (void)ctx;
    print_line(json_pack("{s:s,s:s,s:s,s:s}", "state", sense_pg_event_name(e), "code", err_name(what->code), "text", what->text, "hint", what->hint));
}

static void on_end(uv_timer_t *t) { uv_stop(t->loop); }

static int check_privileges(const struct pg_link_conf *conf)
{
    struct privileges p;
    struct fault fault = { 0 };
    struct text out CLEANUP(text_done);
    text_init(&out, 65536);
    if (privileges_check(conf, clock_mono_us(&clock_real) + 60 * US_PER_S, &p, NULL, &fault) != OK) {
        print_line(json_pack("{s:s,s:s,s:s}", "fault", fault.text, "hint", fault.hint, "code", err_name(fault.code)));
        return 1;
    }
    privileges_print(&p, &out);
    (void)fputs(out.s, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "dsn", 1, NULL, 'd' }, { "passfile", 1, NULL, 'p' }, { "load", 1, NULL, 'l' }, { "seconds", 1, NULL, 's' }, { "statements", 1, NULL, 'S' },
        { "sizes", 1, NULL, 'z' }, { "facts", 1, NULL, 'f' }, { "privileges", 0, NULL, 'P' }, { "interval-ms", 1, NULL, 'i' }, { NULL, 0, NULL, 0 },
    };
    struct watch_conf conf;
    watch_conf_init(&conf);
    conf.pg.name = "test";
    int  seconds = 10;
    bool privileges = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': conf.pg.pg.dsn = optarg; break;
        case 'p': conf.pg.pg.passfile = optarg; break;
        case 'l': conf.load_endpoint = optarg; break;
        case 's': seconds = atoi(optarg); break;
        case 'S': conf.pg.statements_every_s = atoi(optarg); break;
        case 'z': conf.pg.sizes_every_s = atoi(optarg); break;
        case 'f': conf.pg.facts_every_s = atoi(optarg); break;
        case 'i': conf.interval_ms = atoi(optarg); break;
        case 'P': privileges = true; break;
        default:  return 2;
        }
    }
    if (privileges)
        return check_privileges(&conf.pg.pg);

    uv_loop_t  loop;
    uv_timer_t end;
    struct watch *w = NULL;
    struct fault  fault = { 0 };
    const struct watch_callbacks calls = { on_sample, on_facts, on_state, NULL };
    (void)uv_loop_init(&loop);
    if (watch_new(&loop, &conf, &calls, &w, &fault) != OK) {
        print_line(json_pack("{s:s,s:s,s:s}", "fault", fault.text, "hint", fault.hint, "code", err_name(fault.code)));
        return 1;
    }
    (void)uv_timer_init(&loop, &end);
    (void)uv_timer_start(&end, on_end, (uint64_t)seconds * 1000, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);

    struct sense_pg_counts n = sense_pg_counts(watch_pg(w));
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    print_line(json_pack("{s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f}}", "counts", "asked", (json_int_t)n.asked, "answered", (json_int_t)n.answered, "late", (json_int_t)n.late,
                         "skipped", (json_int_t)n.skipped, "failed_statements", (json_int_t)n.failed_statements, "connects", (json_int_t)n.connects, "losses",
                         (json_int_t)n.losses, "cpu_s", cpu_s));
    watch_free(w);
    uv_close((uv_handle_t *)&end, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 3;   /* something was left on the loop */
}
