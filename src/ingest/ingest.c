/* ingest/ingest.c - the life of the parts, and asking all of them. */
#include "ingest/inside.h"

#include "base/log.h"
#include "receive/conf.h"
#include "receive/inputs_conf.h"
#include "scrape/conf.h"
#include "ship/conf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void stop_parts(struct ingest *in)
{
    while (in->started > 0) {
        size_t i = --in->started;
        if (in->part[i])
            ingest_parts[i]->stop(in, in->part[i]);
        in->part[i] = NULL;
    }
}

/* Nobody who asks waits for this: parts are only exchanged under the lock, and what goes is stopped afterwards. */
static bool reload_part(struct ingest *in, size_t i)
{
    const struct ingest_part *p = ingest_parts[i];
    struct fault              why = { 0 };
    void                     *self = in->part[i], *gone = NULL;       /* nobody else writes it */
    enum err                  e = p->reload(in, &self, &gone, &why);
    if (e != OK) {
        (void)fail_in(&why, "ingest, %s", p->name);
        log_fault(LOG_ERROR, "a part did not take the new configuration; it goes on with what it had", &why);
    }
    (void)pthread_rwlock_wrlock(&in->lock);
    in->part[i] = self;
    in->trouble[i] = why;
    in->reload_failures += e != OK;
    (void)pthread_rwlock_unlock(&in->lock);
    if (gone)
        p->stop(in, gone);
    return e == OK;
}

static void *take_reloads(void *arg)
{
    struct ingest *in = arg;
    (void)pthread_mutex_lock(&in->turn);
    while (!in->ending) {
        const struct conf *conf = in->wanted;
        in->wanted = NULL;
        in->taking = conf != NULL;
        if (!conf) {
            (void)pthread_cond_wait(&in->changed, &in->turn);
            continue;
        }
        (void)pthread_mutex_unlock(&in->turn);
        (void)pthread_rwlock_wrlock(&in->lock);
        in->conf = conf;
        (void)pthread_rwlock_unlock(&in->lock);
        int64_t failures = 0;
        for (size_t i = 0; i < in->started; i++)
            if (ingest_parts[i]->reload)
                failures += !reload_part(in, i);
        log_info("ingest has taken the configuration", F("failures", failures));
        (void)pthread_mutex_lock(&in->turn);
    }
    (void)pthread_mutex_unlock(&in->turn);
    return NULL;
}

static void warn_of_what_is_unused(const struct conf *conf)
{
    static const struct conf_section *const sections[] = { &receive_listeners_section, &syslog_section, &files_section, &scrape_section, &sinks_section };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t n = 0;
        if (sections[i]->shape == CONF_MAP && conf_knows(conf, sections[i]))
            (void)conf_instances(conf, sections[i], &n);
        if (n)
            log_warn("a section of the configuration is without effect while ingest.enabled is no", F("section", sections[i]->path), F("entries", (int64_t)n));
    }
}

enum err ingest_start(const struct conf *conf, const char *store_folder, struct ingest **out, struct fault *fault)
{
    const struct ingest_conf *c = conf_of(conf, &ingest_section);
    struct ingest            *in;
    assert(ingest_parts_count <= INGEST_PARTS_MAX);
    *out = NULL;
    if (!c->enabled) {
        warn_of_what_is_unused(conf);
        return OK;
    }
    if (!(in = calloc(1, sizeof *in)))
        return fail(fault, ERR_LIMIT, "no memory for ingest");
    in->conf = conf;
    in->clock = &clock_real;
    in->started_us = clock_wall_us(in->clock);
    (void)pthread_rwlock_init(&in->lock, NULL);
    (void)pthread_mutex_init(&in->turn, NULL);
    (void)pthread_cond_init(&in->changed, NULL);
    (void)text_copy(in->store_folder, sizeof in->store_folder, store_folder);
    (void)ingest_journal_folder(conf, store_folder, in->journal_folder, sizeof in->journal_folder);
    enum err e = OK;
    for (; in->started < ingest_parts_count && e == OK; in->started += e == OK)
        if ((e = ingest_parts[in->started]->start(in, &in->part[in->started], fault)) != OK)
            (void)fail_in(fault, "ingest, %s", ingest_parts[in->started]->name);
    if (e == OK && !(in->reloads = pthread_create(&in->reloader, NULL, take_reloads, in) == 0))
        e = fail(fault, ERR_LIMIT, "ingest: no thread for reloads");
    if (e != OK) {
        ingest_stop(in);
        return e;
    }
    log_info("telemetry is taken in", F("journal", (const char *)in->journal_folder));
    *out = in;
    return OK;
}

void ingest_reload(struct ingest *in, const struct conf *conf)
{
    if (!in)
        return;
    (void)pthread_mutex_lock(&in->turn);
    in->wanted = conf;
    (void)pthread_cond_broadcast(&in->changed);
    (void)pthread_mutex_unlock(&in->turn);
}

void ingest_stop(struct ingest *in)
{
    if (!in)
        return;
    (void)pthread_mutex_lock(&in->turn);
    in->ending = true;
    (void)pthread_cond_broadcast(&in->changed);
    (void)pthread_mutex_unlock(&in->turn);
    if (in->reloads)
        (void)pthread_join(in->reloader, NULL);
    (void)pthread_rwlock_wrlock(&in->lock);
    stop_parts(in);
    (void)pthread_rwlock_unlock(&in->lock);
    (void)pthread_rwlock_destroy(&in->lock);
    (void)pthread_cond_destroy(&in->changed);
    (void)pthread_mutex_destroy(&in->turn);
    free(in);
}

void *ingest_part_of(struct ingest *in, const char *name)
{
    for (size_t i = 0; i < ingest_parts_count; i++)
        if (strcmp(ingest_parts[i]->name, name) == 0)
            return in->part[i];
    return NULL;
}

/* A newer configuration is there that not every part was told of. */
static bool is_pending(struct ingest *in)
{
    (void)pthread_mutex_lock(&in->turn);
    bool pending = in->wanted || in->taking;
    (void)pthread_mutex_unlock(&in->turn);
    return pending;
}

json_t *ingest_status(struct ingest *in)
{
    json_t *out = json_pack("{s:{s:b}}", "reload", "pending", (int)is_pending(in));      /* asked before the parts: what they say is at least as new */
    (void)pthread_rwlock_rdlock(&in->lock);
    for (size_t i = 0; i < in->started; i++) {
        json_t *one = in->part[i] && ingest_parts[i]->status ? ingest_parts[i]->status(in, in->part[i]) : NULL;
        if (!one && in->trouble[i].code != OK)
            one = json_object();                 /* nothing of it runs, because of that */
        if (one && in->trouble[i].code != OK)
            json_object_set_new(one, "reload_trouble", json_pack("{s:s, s:s}", "text", in->trouble[i].text, "hint", in->trouble[i].hint));
        if (one)
            json_object_set_new(out, ingest_parts[i]->name, one);
    }
    (void)pthread_rwlock_unlock(&in->lock);
    return out;
}

void ingest_metrics(struct ingest *in, struct text *out)
{
    struct gauge g = { .out = out };
    (void)pthread_rwlock_rdlock(&in->lock);
    for (size_t i = 0; i < in->started; i++)
        if (in->part[i] && ingest_parts[i]->metrics)
            ingest_parts[i]->metrics(in, in->part[i], &g);
    gauge_counter(&g, "homeostat_ingest_reload_failures_total", "Parts that did not take a new configuration.", (double)in->reload_failures, NULL);
    (void)pthread_rwlock_unlock(&in->lock);
}

bool ingest_ready(struct ingest *in, json_t *checks, char *why, size_t size)
{
    bool all = true;
    (void)pthread_rwlock_rdlock(&in->lock);
    for (size_t i = 0; i < in->started; i++) {
        char text[200] = "";
        bool ok = !in->part[i] || !ingest_parts[i]->ready || ingest_parts[i]->ready(in, in->part[i], text, sizeof text);
        if (json_is_object(checks))
            json_object_set_new(checks, ingest_parts[i]->name, ok ? json_true() : json_string(text));
        if (!ok && all)
            (void)text_copy(why, size, text);
        all &= ok;
    }
    (void)pthread_rwlock_unlock(&in->lock);
    return all;
}
