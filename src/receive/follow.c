/* receive/follow.c - the turns of following files: look, read, append, save. */
#include "receive/follow_inside.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { SEARCH_LEAST_US = 200 * 1000, SAVE_US = 1000 * 1000, BLIND_US = 1000 * 1000, UNNAMED_US = 1000 * 1000, ASLEEP_US = 60 * 1000 * 1000, TURN_US = 10 * 1000, SAVE_MAX = 64 * 1024 * 1024 };

/* ---- from settings to rules ---- */

static char **list_copy(const struct conf_list *l)
{
    char **out = calloc(l->count + 1, sizeof *out);
    for (size_t i = 0; out && i < l->count; i++)
        if (!(out[i] = strdup(l->item[i])))
            return out;      /* ends early: seen by who counts */
    return out;
}

static void list_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

static bool rule_init(struct follow_rule *r, const struct files_conf *c, struct batcher *b)
{
    char source[RECORD_SOURCE_MAX], host[256] = "";
    (void)snprintf(source, sizeof source, "file:%s", c->name);
    (void)gethostname(host, sizeof host - 1);
    *r = (struct follow_rule){ .name = strdup(c->name), .tenant = strdup(c->tenant), .service = strdup(*c->service ? c->service : c->name), .source = strdup(source),
                               .paths = list_copy(&c->paths), .exclude = list_copy(&c->exclude), .from = c->from, .linger_us = c->linger_us, .poll_us = c->poll_us, .group_us = c->group_us,
                               .lines = { .max = (size_t)c->line_max, .indented = c->indented } };
    char *name = strdup(host);
    if (name)
        r->origin_attr[1] = (struct attr){ SLICE("host.name"), { .kind = VALUE_TEXT, .as.text = slice_of(name) } };
    if (!r->name || !r->tenant || !r->service || !r->source || !r->paths || !r->exclude || !name)
        return false;
    r->origin_attr[0] = (struct attr){ SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = slice_of(r->service) } };
    r->origin = (struct batch_origin){ .id = 1, .attrs = { r->origin_attr, 2 } };
    r->has_start = *c->start_pattern && regcomp(&r->start, c->start_pattern, REG_EXTENDED | REG_NOSUB) == 0;
    r->lines.start = r->has_start ? &r->start : NULL;
    r->lane = (struct lane){ .owner = b, .tenant = slice_of(r->tenant), .source = slice_of(r->source), .scope = SLICE("files") };
    return true;
}

static void rule_done(struct follow_rule *r)
{
    if (r->has_start)
        regfree(&r->start);
    free((void *)(uintptr_t)r->origin_attr[1].value.as.text.s);
    list_free(r->paths);
    list_free(r->exclude);
    free(r->name);
    free(r->tenant);
    free(r->service);
    free(r->source);
}

/* ---- offsets ---- */

static void settled(void *ctx, const struct batch *b)
{
    struct follow *f = ctx;
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < b->marks_n; i++) {
        struct followed *x = b->marks[i].of;
        if (x->owes && (b->marks[i].generation >= x->owes || (b->marks[i].generation + 1 == x->owes && b->marks[i].offset >= x->owed)))
            x->owes = 0;
        if (b->marks[i].generation != x->generation)
            continue;
        x->now.durable = b->marks[i].offset;
        if (x->marked == x->now.durable)      /* what was read behind it are empty lines */
            x->now.durable = x->marked = x->now.at;
        f->dirty = true;
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void store_load(struct follow *f)
{
    char         aside[PATH_MAX + 16];
    struct fault why = { 0 };
    enum err     e = follow_store_load(f->store_path, &f->old, &why);
    if (e == OK)
        return;
    (void)snprintf(aside, sizeof aside, "%s.damaged", f->store_path);
    (void)rename(f->store_path, aside);
    log_fault(LOG_ERROR, "the offsets of files cannot be read; they were put aside, and all files are read from their start", &why);
    batcher_trouble(&f->batcher, "%s: all files are read from their start", why.text);
    for (size_t i = 0; i < f->rules_n; i++)
        f->rules[i].begun = true;             /* not `from: end`: something may have been added */
}

static void store_save(struct follow *f, int64_t now_us)
{
    struct text  t CLEANUP(text_done);
    struct fault why = { 0 };
    text_init(&t, SAVE_MAX);
    follow_store_begin(&t);
    for (size_t i = 0; i < f->rules_n; i++)
        if (f->rules[i].begun)
            follow_store_put_rule(&t, f->rules[i].name);
    for (struct followed *x = f->files; x; x = x->next)
        follow_store_put(&t, &(struct follow_seen){ .dev = x->dev, .ino = x->ino, .print = x->now.print, .print_n = x->now.print_n, .offset = x->now.durable, .rule = x->rule->name, .path = x->path });
    for (size_t i = 0; i < f->old.rules_n; i++) {
        bool there = false;
        for (size_t k = 0; k < f->rules_n; k++)
            there |= strcmp(f->rules[k].name, f->old.rules[i]) == 0;
        if (!there)
            follow_store_put_rule(&t, f->old.rules[i]);
    }
    for (size_t i = 0; i < f->old.seen_n; i++)
        if (!f->old.seen[i].taken)
            follow_store_put(&t, &f->old.seen[i]);
    follow_store_end(&t);
    f->saved_us = now_us;
    f->dirty = t.cut || file_write(f->store_path, t.s, t.used, 0600, &why) != OK;
    if (f->dirty)
        batcher_trouble(&f->batcher, "offsets of files cannot be saved, lines may come again after a restart: %s", t.cut ? "there are too many" : why.text);
}

/* ---- life ---- */

enum err follow_new(const struct conf *conf, struct journal *j, const char *folder, int wake, struct follow **out, struct fault *fault)
{
    size_t                   n;
    const struct files_conf *c = conf_instances(conf, &files_section, &n);
    struct follow           *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return fail(fault, ERR_LIMIT, "no memory to follow files");
    batcher_init(&f->batcher, j, ((const struct inputs_conf *)conf_of(conf, &inputs_section))->delay_us, wake, settled, f);
    (void)pthread_mutex_init(&f->lock, NULL);
    text_init(&f->scratch, 4 * FOLLOW_CHUNK);
    f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    f->blind = f->inotify < 0;
    f->open_max = file_limit(FOLLOW_FILES_MAX) / 8;
    bool fine = (f->chunk = malloc(FOLLOW_CHUNK)) && (f->rules = calloc(n ? n : 1, sizeof *f->rules)) &&
                (size_t)snprintf(f->store_path, sizeof f->store_path, "%s/files", folder) < sizeof f->store_path;
    for (; fine && f->rules_n < n; f->rules_n++)
        fine = rule_init(&f->rules[f->rules_n], &c[f->rules_n], &f->batcher);
    if (!fine) {
        follow_free(f);
        return fail(fault, ERR_LIMIT, "no memory to follow files");
    }
    store_load(f);
    for (size_t i = 0; i < f->rules_n; i++)
        f->rules[i].begun |= follow_store_rule(&f->old, f->rules[i].name);
    *out = f;
    return OK;
}

int follow_fd(const struct follow *f) { return f->inotify; }

/* What has ended and is durable is forgotten. */
static void forget(struct follow *f)
{
    for (struct followed **at = &f->files, *x; (x = *at);) {
        if (!x->ended || (!(x->now.at > 0 && x->now.durable == x->now.at && !x->owes) && !batcher_empty(&f->batcher))) {
            at = &x->next;
            continue;
        }
        (void)pthread_mutex_lock(&f->lock);
        *at = x->next;
        f->files_n--;
        f->open_n -= x->fd >= 0;
        f->dirty = true;
        f->too_many = false;
        (void)pthread_mutex_unlock(&f->lock);
        followed_free(x);
    }
}

static int64_t least(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }
static int64_t after(int64_t due_us, int64_t now_us) { return due_us > now_us ? due_us - now_us : 0; }

static bool in_full(const struct followed *x) { return x->size == x->now.at && x->now.durable == x->now.at; }

/* May it be closed? Who is deleted while he sleeps is not found again; so when many want to be open it is any that was read just now, else one that is long quiet. */
static bool may_sleep(const struct follow *f, const struct followed *x, int64_t now_us)
{
    if (x->fd < 0 || !x->named)
        return false;
    return f->crowded || (!f->blind && in_full(x) && now_us - x->grown_us >= (f->open_n > FOLLOW_OPEN_MAX ? UNNAMED_US : ASLEEP_US));
}

static int64_t read_all(struct follow *f, int64_t now_us)
{
    int64_t wait = -1;
    bool    crowded = false;
    for (struct followed *x = f->files; x; x = x->next) {
        bool    groups = x->rule->has_start || x->rule->lines.indented;
        int64_t quiet_us = x->grown_us + x->rule->group_us;
        x->look |= groups && x->size > x->now.at && now_us >= quiet_us && !x->calm;
        if (x->look && !x->ended) {
            if (!batcher_room(&f->batcher))
                return least(wait, BATCH_RETRY_US);
            if (x->fd < 0 && f->open_n >= f->open_max) {
                crowded = f->crowded = true;
                wait = least(wait, TURN_US);
                continue;
            }
            followed_read(f, x, now_us);
        }
        if (x->look && !x->ended)
            wait = 0;
        else if (groups && x->size > x->now.at && now_us < quiet_us)
            wait = least(wait, after(quiet_us, now_us));
        else if (may_sleep(f, x, now_us))
            followed_sleep(f, x);
        if (!x->named && !x->ended) {
            x->look = true;
            wait = least(wait, UNNAMED_US);
        }
    }
    f->crowded = crowded;
    return wait;
}

int64_t follow_turn(struct follow *f, int64_t now_us)
{
    int64_t wait = -1, every = -1;
    for (size_t i = 0; i < f->rules_n; i++)
        every = least(every, f->rules[i].poll_us);
    if (f->blind && every > BLIND_US)
        every = BLIND_US;
    follow_told(f);
    if (!f->ending) {
        bool first = f->searched_us == 0;
        if (first || now_us - f->searched_us >= every || (f->search_soon && now_us - f->searched_us >= SEARCH_LEAST_US))
            follow_search(f, now_us);
        if (first && f->dirty)
            store_save(f, now_us);            /* before anything is read: where `from: end` begins must not move */
        wait = read_all(f, now_us);
        wait = least(wait, after(f->searched_us + (f->search_soon ? SEARCH_LEAST_US : every), now_us));
    }
    wait = least(wait, batcher_turn(&f->batcher, now_us));
    forget(f);
    if (f->dirty && now_us - f->saved_us >= SAVE_US)
        store_save(f, now_us);
    return f->dirty ? least(wait, after(f->saved_us + SAVE_US, now_us)) : wait;
}

void follow_end(struct follow *f, int64_t now_us)
{
    f->ending = true;
    batcher_flush(&f->batcher, now_us);
}

bool follow_settled(struct follow *f) { return batcher_empty(&f->batcher); }

void follow_free(struct follow *f)
{
    if (!f)
        return;
    (void)batcher_give_up(&f->batcher);       /* what the journal did not take is read again */
    if (f->dirty)
        store_save(f, f->saved_us);
    batcher_done(&f->batcher);
    for (struct followed *x; (x = f->files);) {
        f->files = x->next;
        followed_free(x);
    }
    for (size_t i = 0; f->rules && i < f->rules_n; i++)
        rule_done(&f->rules[i]);
    free(f->rules);
    follow_store_done(&f->old);
    if (f->inotify >= 0)
        (void)close(f->inotify);
    text_done(&f->scratch);
    free(f->chunk);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- how it stands ---- */

void follow_count(struct follow *f, struct batch_counts *counts, uint64_t *split, int64_t *open)
{
    batcher_count(&f->batcher, counts);
    (void)pthread_mutex_lock(&f->lock);
    *split = f->split;
    *open = (int64_t)f->files_n;
    (void)pthread_mutex_unlock(&f->lock);
}

static json_t *path_json(const char *path)
{
    json_t *out = json_string(path);
    return out ? out : json_string("(not UTF-8)");
}

json_t *follow_status(struct follow *f)
{
    json_t *list = json_array();
    size_t  told = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (struct followed *x = f->files; x && told < 200; x = x->next, told++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:I, s:I}", "entry", x->rule->name, "path", path_json(x->path), "read", (json_int_t)x->now.at, "durable", (json_int_t)x->now.durable));
    json_t *out = json_pack("{s:I, s:I, s:b, s:o}", "count", (json_int_t)f->files_n, "truncated", (json_int_t)f->truncated, "watched", !f->blind, "files", list);
    (void)pthread_mutex_unlock(&f->lock);
    return out;
}
