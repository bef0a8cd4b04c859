/* scrape/scrape.c - the thread: who is due, what files say, and putting another configuration in place. See scrape.h. */
#include "scrape/inside.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a configuration ---- */

static void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->n; i++) {
        if (j->of_targets)
            relabel_free(j->of_targets[i]);
        if (j->of_series)
            relabel_free(j->of_series[i]);
    }
    free(j->of_targets);
    free(j->of_series);
    free(j);
}

static enum err jobs_new(const struct conf *conf, struct jobs **out, struct fault *fault)
{
    size_t                     rules_n;
    const struct relabel_rule *rules = conf_instances(conf, &relabel_section, &rules_n);
    struct jobs               *j = calloc(1, sizeof *j);
    enum err                   e = OK;
    *out = NULL;
    if (!j)
        return fail(fault, ERR_LIMIT, "no memory for scrapes");
    j->job = conf_instances(conf, &scrape_section, &j->n);
    j->limits = conf_of(conf, &scraper_section);
    j->of_targets = calloc(j->n + 1, sizeof(struct relabel *));
    j->of_series = calloc(j->n + 1, sizeof(struct relabel *));
    if (!j->of_targets || !j->of_series)
        e = fail(fault, ERR_LIMIT, "no memory for scrapes");
    for (size_t i = 0; i < j->n && e == OK; i++)
        if ((e = relabel_new(rules, rules_n, &j->job[i].relabel, &j->of_targets[i], fault)) != OK ||
            (e = relabel_new(rules, rules_n, &j->job[i].metric_relabel, &j->of_series[i], fault)) != OK)
            (void)fail_in(fault, "scrape.%s", j->job[i].name);
    if (e != OK)
        jobs_free(j);
    else
        *out = j;
    return e;
}

/* ---- who is due: a heap ---- */

static void due_swap(struct scrape *s, size_t a, size_t b)
{
    struct live *l = s->due[a];
    s->due[a] = s->due[b];
    s->due[b] = l;
}

void due_push(struct scrape *s, struct live *l)
{
    size_t i = s->dues++;
    s->due[i] = l;
    for (; i && s->due[(i - 1) / 2]->due_us > s->due[i]->due_us; i = (i - 1) / 2)
        due_swap(s, i, (i - 1) / 2);
}

static struct live *due_pop(struct scrape *s)
{
    struct live *top = s->due[0];
    s->due[0] = s->due[--s->dues];
    for (size_t i = 0, k; (k = 2 * i + 1) < s->dues; i = k) {
        if (k + 1 < s->dues && s->due[k + 1]->due_us < s->due[k]->due_us)
            k++;
        if (s->due[i]->due_us <= s->due[k]->due_us)
            break;
        due_swap(s, i, k);
    }
    return top;
}

/* ---- the list of targets ---- */

static void live_free(struct live *l)
{
    if (l)
        series_set_free(l->set);
    free(l);
}

static enum err list_make(struct scrape *s, const struct jobs *j, struct arena *a, struct target_list *list, struct fault *fault)
{
    struct discover_file *file = calloc(DISCOVER_FILES_MAX, sizeof *file);
    enum err              e = file ? OK : fail(fault, ERR_LIMIT, "no memory for targets");
    for (size_t i = 0; i < j->n && e == OK; i++) {
        struct target_group own;
        size_t              max = (size_t)j->limits->targets_max, n;
        if ((e = targets_own(&j->job[i], &own, a, fault)) == OK)
            e = targets_add(list, max, &j->job[i], i, j->of_targets[i], &own, 1, a, fault);
        n = discover_files(s->discover, &j->job[i], file, DISCOVER_FILES_MAX);
        for (size_t k = 0; k < n && e == OK; k++)
            e = targets_add(list, max, &j->job[i], i, j->of_targets[i], file[k].group, file[k].groups, a, fault);
    }
    free(file);
    return e;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = (*(struct live *const *)a)->t.id, y = (*(struct live *const *)b)->t.id;
    return (x > y) - (x < y);
}

static struct live *find(struct live **sorted, size_t n, uint64_t id)
{
    struct live key = { .t.id = id }, *of = &key, **found = n ? bsearch(&of, sorted, n, sizeof *sorted, by_id) : NULL;
    return found ? *found : NULL;
}

static struct live *live_new(void)
{
    struct live *l = calloc(1, sizeof *l);
    if (l && !(l->set = series_set_new())) {
        free(l);
        return NULL;
    }
    return l;
}

/* Targets of the list that are known stay as they are, others begin; on a fault nothing has changed. */
static enum err list_prepare(struct scrape *s, const struct target_list *list, struct live ***out, struct live ***due, struct fault *fault)
{
    struct live **live = calloc(list->count + 1, sizeof(struct live *));
    bool          fine = live && (*due = calloc(list->count + 1, sizeof(struct live *)));
    if (s->lives)
        qsort(s->live, s->lives, sizeof(struct live *), by_id);
    for (size_t i = 0; i < s->lives; i++)
        s->live[i]->stays = false;
    for (size_t i = 0; i < list->count && fine; i++) {
        if ((live[i] = find(s->live, s->lives, list->item[i].id)))
            live[i]->stays = true;
        else
            fine = (live[i] = live_new()) != NULL;
    }
    if (fine) {
        *out = live;
        return OK;
    }
    for (size_t i = 0; live && i < list->count; i++)
        if (live[i] && !live[i]->stays)
            live_free(live[i]);
    free(live);
    free(*due);
    return fail(fault, ERR_LIMIT, "no memory for targets");
}

/* j: the jobs that count from now on. */
static enum err list_renew(struct scrape *s, struct jobs *j, struct fault *fault)
{
    struct arena       a;
    struct target_list list = { 0 };
    struct live      **live = NULL, **due = NULL;
    int64_t            now_us = clock_mono_us(s->clock);
    arena_init(&a, LIST_MEMORY);
    enum err e = list_make(s, j, &a, &list, fault);
    if (e != OK || (e = list_prepare(s, &list, &live, &due, fault)) != OK) {
        arena_done(&a);
        return e;
    }
    for (size_t i = 0; i < s->lives; i++)
        if (!s->live[i]->stays) {
            work_gone(s, s->live[i]);
            live_free(s->live[i]);
        }
    free(s->live);
    free(s->due);
    s->live = live;
    s->lives = list.count;
    s->due = due;
    s->dues = 0;
    for (size_t i = 0; i < list.count; i++) {
        struct live *l = live[i];
        bool         other_pace = l->t.interval_us != list.item[i].interval_us;
        l->t = list.item[i];
        l->job = &j->job[l->t.job];
        if (s->jobs != j)
            series_set_rethink(l->set);
        if (other_pace)
            l->due_us = target_due_us(&l->t, now_us);
        if (!l->running)
            due_push(s, l);
    }
    if (s->jobs != j)
        jobs_free(s->jobs);
    s->jobs = j;
    arena_done(&s->arena);
    s->arena = a;
    if (list.refused && strcmp(list.why, s->list.why) != 0)
        log_warn("targets cannot be asked", F("count", (int64_t)list.refused), F("first", (const char *)list.why));
    if (list.beyond && !s->list.beyond)
        log_warn("more targets than scraper.targets_max allows", F("beyond", (int64_t)list.beyond));
    s->list = list;
    return OK;
}

/* ---- the thread ---- */

static void troubled(void *ctx, const struct fault *fault)
{
    log_fault(LOG_WARN, "a file of targets cannot be read; what it said before stays", fault);
}

static void adopt(struct scrape *s)
{
    (void)discover_look(s->discover, s->fresh->job, s->fresh->n, troubled, s);
    s->fresh_result = list_renew(s, s->fresh, s->fresh_fault);
    s->fresh = NULL;
    (void)pthread_cond_broadcast(&s->adopted);
}

static void look(struct scrape *s, int64_t now_us)
{
    struct fault fault = { 0 };
    s->look_us = now_us + s->jobs->limits->files_us;
    if (discover_look(s->discover, s->jobs->job, s->jobs->n, troubled, s) && list_renew(s, s->jobs, &fault) != OK)
        log_fault(LOG_ERROR, "the list of targets stays as it was", &fault);
}

/* How long nothing will be due. */
static int64_t begin_due(struct scrape *s)
{
    int64_t now_us = clock_mono_us(s->clock), until_us = s->look_us;
    size_t  most = (size_t)s->jobs->limits->concurrency;
    while (s->dues && s->due[0]->due_us <= now_us && fetches_busy(s->fetches) < most)
        work_begin(s, due_pop(s));
    if (s->dues && fetches_busy(s->fetches) < most && s->due[0]->due_us < until_us)
        until_us = s->due[0]->due_us;
    if (s->first && s->again_us < until_us)
        until_us = s->again_us;
    return until_us > now_us ? until_us - now_us : 0;
}

static void *run(void *arg)
{
    struct scrape    *s = arg;
    struct fetch_done d;
    (void)pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        if (s->fresh)
            adopt(s);
        int64_t now_us = clock_mono_us(s->clock);
        if (now_us >= s->look_us)
            look(s, now_us);
        if (s->first && now_us >= s->again_us)
            work_again(s);
        int64_t wait_us = begin_due(s);
        (void)pthread_mutex_unlock(&s->lock);
        fetch_wait(s->fetches, wait_us);
        (void)pthread_mutex_lock(&s->lock);
        while (fetch_next(s->fetches, &d)) {
            work_end(s, d.ctx, &d);
            fetch_release(s->fetches, &d);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- from outside ---- */

static void scrape_free(struct scrape *s)
{
    for (size_t i = 0; i < s->lives; i++)
        live_free(s->live[i]);
    free(s->live);
    free(s->due);
    for (struct waiting *w = s->first, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    fetches_free(s->fetches);
    discover_free(s->discover);
    arena_done(&s->arena);
    turn_done(&s->turn);
    jobs_free(s->jobs);
    (void)pthread_cond_destroy(&s->adopted);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

enum err scrape_start(const struct conf *conf, struct journal *journal, const struct clock *clock, struct scrape **out, struct fault *fault)
{
    struct jobs *j = NULL;
    enum err     e = jobs_new(conf, &j, fault);
    *out = NULL;
    if (e != OK || j->n == 0) {
        jobs_free(j);
        return e;
    }
    struct scrape *s = calloc(1, sizeof *s);
    if (!s) {
        jobs_free(j);
        return fail(fault, ERR_LIMIT, "no memory for scrapes");
    }
    s->journal = journal;
    s->clock = clock ? clock : &clock_real;
    s->last = &s->first;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->adopted, NULL);
    arena_init(&s->arena, LIST_MEMORY);
    turn_init(&s->turn);
    e = fetches_new((size_t)j->limits->concurrency, &s->fetches, fault);
    if (e == OK && !(s->discover = discover_new()))
        e = fail(fault, ERR_LIMIT, "no memory for scrapes");
    if (e == OK) {
        (void)discover_look(s->discover, j->job, j->n, troubled, s);
        s->look_us = clock_mono_us(s->clock) + j->limits->files_us;
        e = list_renew(s, j, fault);
    }
    if (e == OK && pthread_create(&s->thread, NULL, run, s) != 0)
        e = fail(fault, ERR_LIMIT, "no thread for scrapes");
    if (e != OK) {
        if (s->jobs != j)
            jobs_free(j);
        scrape_free(s);
        return e;
    }
    *out = s;
    return OK;
}

enum err scrape_reload(struct scrape *s, const struct conf *conf, struct fault *fault)
{
    struct jobs *j = NULL;
    if (!s)
        return OK;
    enum err e = jobs_new(conf, &j, fault);
    if (e != OK)
        return e;
    (void)pthread_mutex_lock(&s->lock);
    s->fresh = j;
    s->fresh_fault = fault;
    fetch_wake(s->fetches);
    while (s->fresh)
        (void)pthread_cond_wait(&s->adopted, &s->lock);
    e = s->fresh_result;
    (void)pthread_mutex_unlock(&s->lock);
    if (e != OK)
        jobs_free(j);
    return e;
}

void scrape_stop(struct scrape *s)
{
    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    (void)pthread_mutex_unlock(&s->lock);
    fetch_wake(s->fetches);
    (void)pthread_join(s->thread, NULL);
    if (s->first)                            /* the last chance of what had to wait */
        work_again(s);
    while (atomic_load(&s->in_flight) > 0)   /* the journal calls back for each, soon */
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    scrape_free(s);
}

void scrape_stats(struct scrape *s, struct scrape_stats *out)
{
    *out = (struct scrape_stats){ 0 };
    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    *out = s->stats;
    out->lost += atomic_load(&s->undurable);
    out->targets = s->lives;
    out->series = s->series;
    for (size_t i = 0; i < s->lives; i++)
        out->up += s->live[i]->up;
    out->targets_dropped = s->list.dropped;
    out->targets_doubles = s->list.doubles;
    out->targets_refused = s->list.refused;
    out->targets_beyond = s->list.beyond;
    out->files_broken = discover_broken(s->discover);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Parameters stay away: what somebody puts there may be a secret. */
static json_t *live_status(const struct live *l)
{
    json_t *labels = json_object();
    char    when[32] = "";
    for (size_t i = 0; i < l->t.labels; i++) {
        char name[256];
        (void)snprintf(name, sizeof name, "%.*s", (int)l->t.label[i].name.n, l->t.label[i].name.s);
        json_object_set_new(labels, name, json_stringn(l->t.label[i].value.s, l->t.label[i].value.n));
    }
    if (l->asked)
        (void)clock_format(l->begun_wall_us, when, sizeof when);
    return json_pack("{s:s, s:s#, s:o, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:s}", "job", l->job->name, "url", l->t.url, (int)strcspn(l->t.url, "?"), "labels", labels, "state",
                     !l->asked ? "waiting" : l->up ? "up" : "down", "asked", when, "seconds", (double)l->took_us / 1e6, "samples", (json_int_t)l->samples, "series",
                     (json_int_t)series_set_count(l->set), "scrapes", (json_int_t)l->asked, "failures", (json_int_t)l->failed, "error", l->error);
}

json_t *scrape_status(struct scrape *s)
{
    json_t *targets = json_array();
    if (!s)
        return json_pack("{s:o, s:[]}", "targets", targets, "files");
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->lives; i++) {
        json_t *one = live_status(s->live[i]);
        if (one)
            json_array_append_new(targets, one);
    }
    json_t *out = json_pack("{s:o, s:o, s:s, s:I}", "targets", targets, "files", discover_status(s->discover), "refused", s->list.why, "waiting_bytes", (json_int_t)s->waiting_bytes);
    (void)pthread_mutex_unlock(&s->lock);
    return out;
}
