/* digest/logs.c - how often each pattern was seen. */
#include "digest/logs.h"

#include "digest/map.h"
#include "digest/severity.h"

#include <stdlib.h>
#include <string.h>

enum { SEVERITY_ERROR = 17, MERGES_MAX = 4096 };

struct log_cell { uint64_t pattern, count, errors; uint32_t place, tenant; int severity; };
struct log_window { int64_t bucket_us; bool dirty; struct log_cell *cell; uint32_t cells, room; struct map by_key; };
struct log_tenant { struct patterns *patterns; struct logs *logs; uint32_t number; };

struct logs {
    struct logs_options o;
    struct logs_stats   stats;
    struct log_tenant  *tenant[PLACES_TENANTS_MAX + 1];
    struct log_window  *window[LOGS_WINDOWS_MAX];          /* ascending */
    uint32_t            windows, last, last_cell;
    int64_t             floor_us;
    struct logs        *main, *beside;                     /* whose patterns these are; who counts with them as well */
    struct logs_merge  *merge;                             /* since the last settling */
    uint32_t            merges;
};

struct logs_options logs_options_default(void)
{
    struct logs_options o = { .lookback_us = 600 * INT64_C(1000000), .ahead_us = 600 * INT64_C(1000000), .cells_max = 100000, .patterns = patterns_options_default() };
    return o;
}

enum err logs_new(const struct logs_options *o, struct logs **out, struct fault *fault)
{
    struct logs *l = calloc(1, sizeof *l);
    if (l)
        l->merge = malloc(MERGES_MAX * sizeof *l->merge);
    if (!l || !l->merge) {
        free(l);
        return fail(fault, ERR_LIMIT, "no memory for patterns of logs");
    }
    l->o = *o;
    l->floor_us = INT64_MIN;
    *out = l;
    return OK;
}

enum err logs_new_beside(struct logs *main, struct logs **l, struct fault *fault)
{
    enum err e = logs_new(&main->o, l, fault);
    if (e == OK) {
        (*l)->main = main;
        main->beside = *l;
    }
    return e;
}

static void window_free(struct log_window *w)
{
    free(w->cell);
    map_done(&w->by_key);
    free(w);
}

void logs_free(struct logs *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->windows; i++)
        window_free(l->window[i]);
    for (uint32_t i = 0; i <= PLACES_TENANTS_MAX && !l->main; i++)
        if (l->tenant[i]) {
            patterns_free(l->tenant[i]->patterns);
            free(l->tenant[i]);
        }
    if (l->main)
        l->main->beside = NULL;
    free(l->merge);
    free(l);
}

static int64_t bucket_of(int64_t us) { return us - ((us % LOGS_WINDOW_US) + LOGS_WINDOW_US) % LOGS_WINDOW_US; }

static struct log_window *window_of(struct logs *l, int64_t bucket)
{
    if (l->last < l->windows && l->window[l->last]->bucket_us == bucket)
        return l->window[l->last];
    uint32_t i = 0;
    while (i < l->windows && l->window[i]->bucket_us < bucket)
        i++;
    if (i == l->windows || l->window[i]->bucket_us != bucket) {
        struct log_window *w = bucket >= l->floor_us && l->windows < LOGS_WINDOWS_MAX ? calloc(1, sizeof *w) : NULL;
        if (!w)
            return NULL;
        w->bucket_us = bucket;
        memmove(&l->window[i + 1], &l->window[i], (l->windows - i) * sizeof *l->window);
        l->window[i] = w;
        l->windows++;
    }
    l->last = i;
    l->last_cell = UINT32_MAX;
    return l->window[i];
}

static uint64_t cell_key(uint32_t place, uint64_t pattern) { return map_mix(pattern, place); }

static struct log_cell *cell_of(struct logs *l, struct log_window *w, uint32_t tenant, uint32_t place, uint64_t pattern)
{
    uint64_t  key = cell_key(place, pattern);
    uint32_t *there = map_at(&w->by_key, key);
    if (there)
        return &w->cell[*there];
    if (w->cells >= l->o.cells_max && pattern) {                 /* counted all the same, under "<other>"; of that there is one for each place at most */
        l->stats.capped++;
        return cell_of(l, w, tenant, place, 0);
    }
    if (w->cells == w->room) {
        uint32_t         room = w->room ? 2 * w->room : 64;
        struct log_cell *c = realloc(w->cell, room * sizeof *c);
        if (!c)
            return NULL;
        w->cell = c;
        w->room = room;
    }
    if (!map_put(&w->by_key, key, w->cells))
        return NULL;
    w->cell[w->cells] = (struct log_cell){ .pattern = pattern, .place = place, .tenant = tenant };
    return &w->cell[w->cells++];
}

/* Cells of the younger pattern join those of the older one; the younger stay, empty, until their window goes. */
static void join_cells(struct logs *l, const struct log_tenant *t, uint64_t gone, uint64_t into)
{
    l->last_cell = UINT32_MAX;
    for (uint32_t i = 0; i < l->windows; i++) {
        struct log_window *w = l->window[i];
        for (uint32_t k = 0, n = w->cells; k < n; k++) {
            struct log_cell from = w->cell[k];
            if (from.pattern != gone || from.tenant != t->number || !from.count)
                continue;
            struct log_cell *to = cell_of(l, w, from.tenant, from.place, into);
            if (!to)
                continue;
            to->count += from.count;
            to->errors += from.errors;
            to->severity = from.severity > to->severity ? from.severity : to->severity;
            w->cell[k].count = w->cell[k].errors = 0;
            w->dirty = true;
        }
    }
}

static void on_merge(void *ctx, uint64_t gone, uint64_t into)
{
    struct log_tenant *t = ctx;
    struct logs       *l = t->logs;
    if (l->merges < MERGES_MAX)
        l->merge[l->merges++] = (struct logs_merge){ t->number, gone, into };
    else
        l->stats.unmerged++;
    join_cells(l, t, gone, into);
    if (l->beside)
        join_cells(l->beside, t, gone, into);
}

static struct patterns *patterns_of(struct logs *l, uint32_t tenant)
{
    if (l->tenant[tenant])
        return l->tenant[tenant]->patterns;
    if (l->main) {
        struct patterns *theirs = patterns_of(l->main, tenant);
        l->tenant[tenant] = l->main->tenant[tenant];
        return theirs;
    }
    struct log_tenant *t = calloc(1, sizeof *t);
    if (!t || patterns_new(&l->o.patterns, &t->patterns, NULL) != OK) {
        free(t);
        return NULL;
    }
    t->logs = l;
    t->number = tenant;
    patterns_on_merge(t->patterns, on_merge, t);
    l->tenant[tenant] = t;
    return t->patterns;
}

void logs_take(struct logs *l, const struct places *p, const struct event *e, uint32_t place, struct arena *a)
{
    const struct log_event *g = &e->as.log;
    int64_t                 us = g->time_ns / 1000;
    l->stats.logs++;
    if (us > e->received_us + l->o.ahead_us) {
        l->stats.early++;
        return;
    }
    uint32_t         tenant = places_get(p, place)->tenant_number;
    struct patterns *ps = patterns_of(l, tenant);
    if (!ps) {
        l->stats.no_memory++;
        return;
    }
    struct slice          line = g->body.kind == VALUE_TEXT ? g->body.as.text : value_text(&g->body, a);
    const struct pattern *pattern = patterns_take(ps, line.n || !g->name.n ? line : g->name, us);
    struct log_window    *w = window_of(l, bucket_of(us));
    if (!w) {
        l->stats.late++;
        return;
    }
    struct log_cell *c = l->last_cell < w->cells ? &w->cell[l->last_cell] : NULL;
    if (!c || c->pattern != pattern->id || c->place != place) {
        c = cell_of(l, w, tenant, place, pattern->id);
        if (!c) {
            l->stats.no_memory++;
            return;
        }
        l->last_cell = (uint32_t)(c - w->cell);
    }
    int severity = g->severity;
    if (!severity && g->severity_text.n)
        severity = severity_of_name(g->severity_text);
    if (!severity)
        severity = severity_of_line(line);
    c->count++;
    if (severity >= SEVERITY_ERROR) {
        c->errors++;
        l->stats.errors++;
    }
    if (severity > c->severity)
        c->severity = severity;
    w->dirty = true;
}

/* ---- giving out ---- */

/* A pattern of which rows are given out: how grave it was in them, and when. */
struct told { uint64_t pattern; int64_t first_us, last_us; uint32_t tenant; int severity; };
struct telling { struct map at; struct told *item; uint32_t n, room; };

static bool tell(struct telling *t, const struct log_cell *c, int64_t first_us, int64_t last_us)
{
    uint64_t  key = map_mix(c->pattern, c->tenant);
    uint32_t *there = map_at(&t->at, key);
    if (!there) {
        if (t->n == t->room) {
            uint32_t     room = t->room ? 2 * t->room : 256;
            struct told *more = realloc(t->item, room * sizeof *more);
            if (!more)
                return false;
            t->item = more;
            t->room = room;
        }
        if (!map_put(&t->at, key, t->n))
            return false;
        t->item[t->n++] = (struct told){ c->pattern, first_us, last_us, c->tenant, c->severity };
        return true;
    }
    struct told *i = &t->item[*there];
    i->last_us = last_us;                                        /* windows ascend */
    i->severity = c->severity > i->severity ? c->severity : i->severity;
    return true;
}

/* What has no times of its own - "<other>", and what was forgotten meanwhile - was seen within its windows. */
static bool emit_pattern(struct logs *l, const struct logs_emit *to, const struct told *t)
{
    struct patterns      *ps = l->tenant[t->tenant]->patterns;
    const struct pattern *p = t->pattern ? patterns_find(ps, t->pattern) : NULL;
    struct pattern        own = { .id = t->pattern, .text = t->pattern ? "" : "<other>", .sample = "", .first_us = t->first_us, .last_us = t->last_us };
    char                  schema[PATTERN_SCHEMA_MAX];
    schema[0] = 0;                                               /* "": what was stored before stays, as with the text */
    if (p)
        (void)patterns_schema(ps, p, schema, sizeof schema);
    return to->pattern(to->ctx, &(struct logs_pattern){ t->tenant, p ? p : &own, t->severity, schema });
}

/* Which windows are given out: those that begin from there on and before that, if they changed or if all are wanted. */
struct chosen { int64_t from_us, to_us; bool all; };

static bool is_chosen(const struct chosen *c, const struct log_window *w) { return (w->dirty || c->all) && w->bucket_us >= c->from_us && w->bucket_us < c->to_us; }

static bool emit_patterns(struct logs *l, const struct chosen *which, const struct logs_emit *to)
{
    struct telling t = { 0 };
    bool           fine = true;
    for (uint32_t i = 0; i < l->windows && fine; i++) {
        const struct log_window *w = l->window[i];
        int64_t                  end = w->bucket_us + LOGS_WINDOW_US;
        for (uint32_t k = 0; is_chosen(which, w) && k < w->cells && fine; k++)
            fine = !w->cell[k].count || tell(&t, &w->cell[k], w->bucket_us, end < which->to_us ? end : which->to_us);
    }
    for (uint32_t i = 0; i < t.n && fine; i++)
        fine = emit_pattern(l, to, &t.item[i]);
    map_done(&t.at);
    free(t.item);
    return fine;
}

static bool emit_windows(struct logs *l, const struct chosen *which, const struct logs_emit *to)
{
    bool fine = emit_patterns(l, which, to);
    for (uint32_t i = 0; i < l->windows && fine; i++) {
        const struct log_window *w = l->window[i];
        if (!is_chosen(which, w))
            continue;
        for (uint32_t k = 0; k < w->cells && fine; k++) {
            const struct log_cell *c = &w->cell[k];
            if (c->count)
                fine = to->row(to->ctx, &(struct logs_row){ w->bucket_us, c->place, c->tenant, c->pattern, c->count, c->errors, c->severity });
        }
    }
    return fine;
}

bool logs_emit(struct logs *l, int64_t upper_us, const struct logs_emit *to)
{
    bool fine = true;
    for (uint32_t i = 0; i < l->merges && fine; i++)
        fine = to->merged(to->ctx, &l->merge[i]);
    return fine && emit_windows(l, &(struct chosen){ INT64_MIN, upper_us, false }, to);
}

int64_t logs_open_us(const struct logs *l) { return l->floor_us; }

bool logs_emit_open(struct logs *l, int64_t from_us, int64_t to_us, const struct logs_emit *to) { return emit_windows(l, &(struct chosen){ from_us, to_us, true }, to); }

void logs_settle(struct logs *l, int64_t upper_us)
{
    uint32_t kept = 0;
    if (upper_us - l->o.lookback_us > l->floor_us)
        l->floor_us = bucket_of(upper_us - l->o.lookback_us);
    for (uint32_t i = 0; i < l->windows; i++) {
        struct log_window *w = l->window[i];
        if (w->bucket_us < upper_us)
            w->dirty = false;
        if (w->bucket_us >= l->floor_us)
            l->window[kept++] = w;
        else
            window_free(w);
    }
    l->windows = kept;
    l->last = l->last_cell = UINT32_MAX;
    l->merges = 0;
}

void logs_put_back(struct logs *l)
{
    for (uint32_t i = 0; i < l->windows; i++)
        window_free(l->window[i]);
    l->windows = 0;
    l->last = l->last_cell = UINT32_MAX;
    l->floor_us = INT64_MIN;
}

void logs_places(const struct logs *l, struct places_held *held)
{
    for (uint32_t i = 0; i < l->windows; i++)
        for (uint32_t k = 0; k < l->window[i]->cells; k++)
            places_hold(held, l->window[i]->cell[k].place);
}

void logs_stats(const struct logs *l, struct logs_stats *s)
{
    *s = l->stats;
    s->cells = s->patterns = 0;
    s->unfit = s->evicted = 0;
    for (uint32_t i = 0; i < l->windows; i++)
        s->cells += l->window[i]->cells;
    for (uint32_t i = 0; i <= PLACES_TENANTS_MAX; i++)
        if (l->tenant[i]) {
            s->patterns += (uint32_t)patterns_count(l->tenant[i]->patterns);
            s->unfit += patterns_unfit(l->tenant[i]->patterns);
            s->evicted += patterns_evicted(l->tenant[i]->patterns);
        }
}

/* ---- as bytes ---- */

enum err logs_save(const struct logs *l, struct pack *out, struct fault *fault)
{
    pack_u(out, 1);
    pack_i(out, l->floor_us);
    pack_s(out, (struct slice){ (const char *)&l->stats, sizeof l->stats });
    for (uint32_t i = 0; i <= PLACES_TENANTS_MAX; i++) {
        if (!l->tenant[i])
            continue;
        char    *bytes = NULL;
        size_t   size = 0;
        enum err e = patterns_save(l->tenant[i]->patterns, &bytes, &size, fault);
        if (e != OK)
            return e;
        pack_u(out, i + 1);
        pack_s(out, (struct slice){ bytes, size });
        free(bytes);
    }
    pack_u(out, 0);
    pack_u(out, l->windows);
    for (uint32_t i = 0; i < l->windows; i++) {
        const struct log_window *w = l->window[i];
        pack_i(out, w->bucket_us);
        pack_u(out, w->dirty);
        pack_u(out, w->cells);
        for (uint32_t k = 0; k < w->cells; k++) {
            const struct log_cell *c = &w->cell[k];
            pack_u(out, c->tenant);
            pack_u(out, c->place);
            pack_u(out, c->pattern);
            pack_u(out, c->count);
            pack_u(out, c->errors);
            pack_u(out, (uint64_t)c->severity);
        }
    }
    pack_u(out, l->merges);
    for (uint32_t i = 0; i < l->merges; i++) {
        pack_u(out, l->merge[i].tenant);
        pack_u(out, l->merge[i].gone);
        pack_u(out, l->merge[i].into);
    }
    return OK;
}

static bool load_windows(struct logs *l, struct unpack *u)
{
    size_t windows = unpack_count(u, 3);
    for (size_t i = 0; i < windows && !u->bad; i++) {
        int64_t            bucket = unpack_time(u);
        struct log_window *w = !u->bad && bucket != INT64_MIN && bucket == bucket_of(bucket) ? window_of(l, bucket) : NULL;
        if (!w || w->cells)
            return false;
        w->dirty = unpack_u(u) != 0;
        size_t cells = unpack_count(u, 6);
        for (size_t k = 0; k < cells && !u->bad; k++) {
            uint64_t tenant = unpack_u(u), place = unpack_u(u), pattern = unpack_u(u);
            if (tenant > PLACES_TENANTS_MAX || place > UINT32_MAX || !l->tenant[tenant])
                return false;
            struct log_cell *c = cell_of(l, w, (uint32_t)tenant, (uint32_t)place, pattern);
            if (!c)
                return false;
            c->count += unpack_u(u);
            c->errors += unpack_u(u);
            c->severity = (int)(unpack_u(u) & 0xff);
        }
    }
    return !u->bad;
}

enum err logs_load(struct logs *l, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    bool          fine = unpack_u(&u) == 1;
    int64_t       floor_us = unpack_time(&u);
    struct slice  stats = unpack_s(&u);
    for (uint64_t tenant; fine && (tenant = unpack_u(&u)) != 0;) {
        struct slice     saved = unpack_s(&u);
        fine = !u.bad && tenant <= PLACES_TENANTS_MAX + 1;
        struct patterns *ps = fine ? patterns_of(l, (uint32_t)tenant - 1) : NULL;
        if (fine && !ps)                                 /* nothing is wrong with what was saved */
            return fail(fault, ERR_LIMIT, "there is no room for the saved patterns of logs: see ingest.digest.patterns_max and patterns_memory");
        enum err e = fine ? patterns_load(ps, saved, fault) : OK;
        if (e != OK)
            return e;
    }
    fine = fine && load_windows(l, &u);
    size_t merges = fine ? unpack_count(&u, 3) : 0;
    for (size_t i = 0; i < merges && merges <= MERGES_MAX; i++) {
        l->merge[i].tenant = (uint32_t)unpack_u(&u) % (PLACES_TENANTS_MAX + 1);
        l->merge[i].gone = unpack_u(&u);
        l->merge[i].into = unpack_u(&u);
    }
    l->merges = merges <= MERGES_MAX ? (uint32_t)merges : 0;
    if (stats.n == sizeof l->stats)
        memcpy(&l->stats, stats.s, stats.n);
    l->floor_us = floor_us;
    l->last = l->last_cell = UINT32_MAX;
    return fine && !u.bad ? OK : fail(fault, ERR_INPUT, "the saved patterns of logs cannot be read");
}
