/*
 * bench/thumb.c - the planner's rule of thumb alone, as lines for a configuration file: what the live benches measure beside the tuned one.
 *
 *     thumb "host=... dbname=..." SESSIONS
 *
 * It looks at a server as Homeostat does, and asks the one proposer that knows nothing but the machine and how many sessions
 * there will be: how much memory is free for a cache depends on them, and nobody is connected yet.  Nothing is changed.
 */
#include "base/clock.h"
#include "plan/scene.h"
#include "sense/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_S = 30 };

static struct target_facts facts;
static uv_loop_t           loop;

static void on_sample(void *ctx, const struct sample *s) { (void)ctx, (void)s; }

static void on_facts(void *ctx, const struct target_facts *f)
{
    (void)ctx;
    facts = *f;
    if (isfinite(f->memory_bytes) && isfinite(f->database_bytes))
        uv_stop(&loop);
}

static void on_state(void *ctx, enum sense_pg_event e, const struct fault *what)
{
    (void)ctx, (void)e;
    (void)fprintf(stderr, "%s\n", what->text);
}

static void on_end(uv_timer_t *t) { uv_stop(t->loop); }

/* False: the server has not shown itself in time. */
static bool read_facts(const char *dsn, struct fault *fault)
{
    const struct watch_callbacks calls = { on_sample, on_facts, on_state, NULL };
    struct watch_conf conf;
    struct watch     *w = NULL;
    uv_timer_t        end;
    watch_conf_init(&conf);
    conf.pg.name = "thumb";
    conf.pg.pg.dsn = dsn;
    (void)uv_loop_init(&loop);
    (void)uv_timer_init(&loop, &end);
    (void)uv_timer_start(&end, on_end, PATIENCE_S * 1000, 0);
    enum err err = watch_new(&loop, &conf, &calls, &w, fault);
    if (err == OK)
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    watch_free(w);
    uv_close((uv_handle_t *)&end, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    if (err == OK && !(isfinite(facts.memory_bytes) && isfinite(facts.database_bytes)))
        err = fail(fault, ERR_UNKNOWN, "how much memory the server may use, or how large the database is, did not come to light in %d s", PATIENCE_S);
    return err == OK;
}

int main(int argc, char **argv)
{
    struct fault fault = { 0 };
    int          sessions = argc == 3 ? atoi(argv[2]) : 0;
    if (sessions < 1) {
        (void)fprintf(stderr, "usage: thumb DSN SESSIONS\n");
        return 2;
    }
    if (!read_facts(argv[1], &fault)) {
        (void)fprintf(stderr, "thumb: %s\n", fault.text);
        return 1;
    }
    struct bounds bounds;
    bounds_default(&bounds);
    bounds.restart_allowed = true;
    facts.peak_sessions = sessions;
    facts.file_access = true;      /* the server is thrown away afterwards, so what undoes a restart need not be proven first */
    const struct planner_view view = { .facts = &facts, .bounds = &bounds };
    struct scene    s;
    struct proposal p = { 0 };
    scene_init(&s, &view, NULL, 0, 1);
    if (!draft_thumb(&s, 0, &p)) {
        (void)fprintf(stderr, "thumb: the rule of thumb has nothing to say about this server\n");
        return 3;
    }
    for (int i = 0; i < p.changes; i++) {
        char text[SETTING_VALUE_SIZE];
        printf("%s = '%s'\n", knob_at(p.change[i].knob)->name, knob_format(knob_at(p.change[i].knob), p.change[i].to, text, sizeof text));
    }
    (void)fprintf(stderr, "%s\n", p.why);
    return 0;
}
