/* cli/daemon.c - homeostat run: engine and web under one roof, from the first line of the log to the last. */
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "casefile/step.h"
#include "cli/case_events.h"
#include "cli/commands.h"
#include "cli/sections.h"
#include "cli/where.h"
#include "engine/host.h"
#include "gate/judge.h"
#include "gate/policy.h"
#include "ingest/ingest.h"
#include "web/web.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

enum { POLICY_TEXT_MAX = 1024 * 1024 };

/* What the web asks and neither store nor engine tells. */
struct told_policy { char file[PATH_MAX], version[DIGEST_SIZE]; };
struct told { struct engine *engine; struct web *web; struct ingest *ingest; pthread_mutex_t lock; struct told_policy policy; };

/* Configuration and policy are the engine's thread's; the web's threads ask for a copy. */
static void note_policy(struct told *told)
{
    pthread_mutex_lock(&told->lock);
    (void)text_copy(told->policy.file, sizeof told->policy.file, engine_conf(told->engine)->policy->file);
    (void)text_copy(told->policy.version, sizeof told->policy.version, engine_policy_version(told->engine));
    pthread_mutex_unlock(&told->lock);
}

/* Tokens and policy may be in other files now; everything else of the web waits for a restart. Ingest takes what it can. */
static void on_reload(void *ctx)
{
    struct told       *told = ctx;
    struct fault       fault = { 0 };
    struct web_options options = web_options_of(engine_conf(told->engine));
    note_policy(told);
    if (web_reload(told->web, &options, &fault) != OK)
        log_fault(LOG_ERROR, "the tokens were not reloaded; the old ones stay in force", &fault);
    ingest_reload(told->ingest, engine_whole_conf(told->engine));
}

static json_t *tell_rules(void *ctx)
{
    json_t *all = case_rules_json();
    json_object_set_new(all, "gate", gate_rules_json());
    return all;
}

/* The policy's text, and whether it is the one that is in force: a file that was edited and not yet reloaded is not. */
static json_t *tell_policy(void *ctx)
{
    struct told       *told = ctx;
    struct text        t CLEANUP(text_done);
    struct fault       fault = { 0 };
    struct told_policy now;
    struct policy     *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_lock(&told->lock);
    now = told->policy;
    pthread_mutex_unlock(&told->lock);
    text_init(&t, POLICY_TEXT_MAX);
    policy_default(p);
    bool readable = !*now.file || policy_read(now.file, p, NULL, &fault) == OK;
    policy_print(p, &t);
    bool    same = readable && strcmp(now.version, p->version) == 0;
    json_t *out = json_pack("{s:s, s:s, s:b}", "version", now.version, "file", now.file, "file_is_in_force", same);
    if (same)
        json_object_set_new(out, "yaml", json_string(t.s));
    free(p);
    return out;
}

static json_t *tell_ingest(void *ctx) { return ingest_status(((struct told *)ctx)->ingest); }
static void    tell_ingest_metrics(void *ctx, struct text *out) { ingest_metrics(((struct told *)ctx)->ingest, out); }
static bool    tell_ingest_ready(void *ctx, json_t *checks, char *why, size_t size) { return ingest_ready(((struct told *)ctx)->ingest, checks, why, size); }

static enum err tell_look(void *ctx, const struct web_question *q, json_t **out, struct fault *fault)
{
    struct ingest_question question = { .what = q->what, .id = q->id, .service = q->service, .metric = q->metric, .tenant = q->tenant, .kind = q->kind, .since_us = q->since_us, .until_us = q->until_us, .limit = q->limit };
    return ingest_look(((struct told *)ctx)->ingest, &question, out, fault);
}

static enum err tell_enqueue(void *ctx, const json_t *request, json_t **out, struct fault *fault) { return ingest_enqueue(((struct told *)ctx)->ingest, request, out, fault); }
static enum err tell_event(void *ctx, const json_t *request, json_t **out, struct fault *fault) { return ingest_event(((struct told *)ctx)->ingest, request, out, fault); }

static enum err tell_replay(void *ctx, const char *consumer, const json_t *request, json_t **out, struct fault *fault)
{
    return ingest_replay(((struct told *)ctx)->ingest, consumer, request, out, fault);
}

static enum err tell_forget(void *ctx, const char *consumer, json_t **out, struct fault *fault) { return ingest_forget(((struct told *)ctx)->ingest, consumer, out, fault); }

/* ---- the service manager's watchdog: an engine that does not turn any more is ended, and the next start recovers ---- */

struct watchdog { struct engine *engine; pthread_t thread; atomic_bool ending; int64_t every_us; bool runs; };

static void *watch_engine(void *arg)
{
    struct watchdog *w = arg;
    int64_t          next_us = 0;
    while (!atomic_load(&w->ending)) {
        int64_t now_us = clock_mono_us(&clock_real);
        if (now_us >= next_us) {
            json_t *health = engine_health(w->engine, false);
            if (json_is_true(json_object_get(health, "ok")))
                (void)sd_notify(0, "WATCHDOG=1");
            json_decref(health);
            next_us = now_us + w->every_us;
        }
        (void)nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    }
    return NULL;
}

static void watchdog_begin(struct watchdog *w, struct engine *e)
{
    uint64_t us = 0;
    w->engine = e;
    atomic_init(&w->ending, false);
    if (sd_watchdog_enabled(0, &us) <= 0)
        return;
    w->every_us = (int64_t)(us / 3);
    w->runs = pthread_create(&w->thread, NULL, watch_engine, w) == 0;
    if (!w->runs)
        log_warn("no thread for the watchdog; the service manager will end us");
}

static void watchdog_end(struct watchdog *w)
{
    atomic_store(&w->ending, true);
    if (w->runs)
        (void)pthread_join(w->thread, NULL);
}

/* Until the engine listens, a reload that is asked for is noted: it would be the end of us. */
static volatile sig_atomic_t hung_up;
static void                  on_early_hangup(int number) { (void)number; hung_up = 1; }

int cmd_daemon(struct cli *c)
{
    struct conf   *whole = NULL;
    struct engine *engine = NULL;
    struct web    *web = NULL;
    struct fault   fault = { 0 };
    crash_arm_from_environment();
    (void)umask(umask(077) | 027);       /* what is kept holds statements and texts of logs; the folder may have been there, and open to all */
    (void)signal(SIGPIPE, SIG_IGN);      /* a reader that went away is an error of a write, not the end of us */
    (void)signal(SIGHUP, on_early_hangup);
    if (conf_load(where_config(&c->o), program_sections, program_sections_count, &whole, NULL, &fault) != OK) {
        if (access(where_config(&c->o), F_OK) != 0 && errno == ENOENT)
            fail_hint(&fault, "homeostat init writes one for a database of yours; --config FILE or HOMEOSTAT_CONFIG says where it is");
        return cli_complain(c, &fault);
    }
    if (engine_open(whole, &engine, &fault) != OK)
        return cli_complain(c, &fault);
    const struct daemon_conf *conf = engine_conf(engine);
    struct told               told = { .engine = engine, .lock = PTHREAD_MUTEX_INITIALIZER };
    note_policy(&told);
    struct web_options options = web_options_of(conf);
    struct web_sources sources = { .rules = tell_rules, .policy = tell_policy, .ctx = &told };
    if (ingest_start(whole, engine_store_folder(engine), &told.ingest, &fault) != OK) {
        int code = cli_complain(c, &fault);
        engine_close(engine);
        return code;
    }
    if (told.ingest) {
        sources.ingest = tell_ingest;
        sources.ingest_metrics = tell_ingest_metrics;
        sources.ingest_ready = tell_ingest_ready;
        sources.look = tell_look;
        sources.enqueue = tell_enqueue;
        sources.replay = tell_replay;
        sources.forget = tell_forget;
        sources.event = tell_event;
    }
    if (web_start(&options, engine, &sources, &web, &fault) != OK) {
        int code = cli_complain(c, &fault);
        ingest_stop(told.ingest);
        engine_close(engine);
        return code;
    }
    told.web = web;
    engine_on_reload(engine, on_reload, &told);
    if (hung_up)
        (void)raise(SIGHUP);             /* the file may be another one since it was read */
    struct case_events cases;
    case_events_begin(&cases, engine, told.ingest, engine_store_folder(engine));
    log_info("homeostat runs", F("version", HOMEOSTAT_VERSION), F("configuration", where_config(&c->o)), F("targets", (int64_t)conf->targets), F("port", web_port(web)));
    (void)sd_notifyf(0, "READY=1\nSTATUS=watching %zu targets, http port %d", conf->targets, web_port(web));
    struct watchdog watchdog = { 0 };
    watchdog_begin(&watchdog, engine);
    int code = engine_run_loop(engine);
    watchdog_end(&watchdog);
    (void)sd_notify(0, "STOPPING=1");
    web_stop(web);
    case_events_end(&cases);
    ingest_stop(told.ingest);
    engine_close(engine);
    log_info("homeostat ends", F("code", code));
    return code == 0 ? CLI_DONE : CLI_FAILED;
}

int cmd_map(struct cli *c)
{
    engine_map_print(c->out);
    return CLI_DONE;
}
