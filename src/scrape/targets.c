/* scrape/targets.c - see targets.h. */
#include "scrape/targets.h"

#include "base/clock.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The labels of one target while rules go over them. */
struct draft { struct label label[TARGET_LABELS_MAX]; size_t n; bool full; };

bool target_pair(const char *text, struct slice *key, struct slice *value)
{
    const char *is = strchr(text, '=');
    if (!is || is == text)
        return false;
    *key = (struct slice){ text, (size_t)(is - text) };
    *value = slice_of(is + 1);
    return true;
}

static enum err no_room(struct fault *fault) { return fail(fault, ERR_LIMIT, "no memory left for targets"); }

static struct label *find(struct draft *d, struct slice name)
{
    for (size_t i = 0; i < d->n; i++)
        if (slice_same(d->label[i].name, name))
            return &d->label[i];
    return NULL;
}

static struct slice get(struct draft *d, const char *name)
{
    struct label *l = find(d, slice_of(name));
    return l ? l->value : SLICE("");
}

/* As with rules: the later wins, and an empty value is none. */
static void set(struct draft *d, struct slice name, struct slice value)
{
    struct label *l = find(d, name);
    if (l && value.n)
        l->value = value;
    else if (l)
        *l = d->label[--d->n];
    else if (value.n && d->n == TARGET_LABELS_MAX)
        d->full = true;
    else if (value.n && name.n)
        d->label[d->n++] = (struct label){ name, value };
}

static bool hidden(struct slice name) { return name.n >= 2 && name.s[0] == '_' && name.s[1] == '_'; }

static bool take_copy(struct arena *a, struct slice *s)
{
    char *to = arena_alloc(a, s->n + 1);
    if (to && s->n)
        memcpy(to, s->s, s->n);
    s->s = to;
    return to != NULL;
}

/* ---- from a job and an address to a draft ---- */

static bool begin(struct draft *d, const struct scrape_job *job, const struct target_group *g, struct slice address, struct arena *a)
{
    char number[40];
    char *interval, *timeout;
    d->n = 0;
    d->full = false;
    if (!(interval = arena_text(a, knob_time_format(job->interval_us, number, sizeof number))) ||
        !(timeout = arena_text(a, knob_time_format(scrape_timeout_us(job->interval_us, job->timeout_us), number, sizeof number))))
        return false;
    set(d, SLICE("job"), slice_of(job->name));
    set(d, SLICE("__address__"), address);
    set(d, SLICE("__scheme__"), job->scheme == SCRAPE_HTTPS ? SLICE("https") : SLICE("http"));
    set(d, SLICE("__metrics_path__"), slice_of(job->path));
    set(d, SLICE("__scrape_interval__"), slice_of(interval));
    set(d, SLICE("__scrape_timeout__"), slice_of(timeout));
    if (*g->file)
        set(d, SLICE("__meta_filepath"), slice_of(g->file));
    for (size_t i = 0; i < job->params.count; i++) {
        struct slice k, v;
        char        *name;
        if (!target_pair(job->params.item[i], &k, &v))
            continue;
        if (!(name = arena_printf(a, "__param_%.*s", (int)k.n, k.s)))
            return false;
        if (!find(d, slice_of(name)))
            set(d, slice_of(name), v);
    }
    for (size_t i = 0; i < job->labels.count; i++) {
        struct slice k, v;
        if (target_pair(job->labels.item[i], &k, &v))
            set(d, k, v);
    }
    for (size_t i = 0; i < g->labels; i++)
        set(d, g->label[i].name, g->label[i].value);
    return true;
}

/* ---- the address ---- */

static void escaped(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (isalnum(c) || strchr("-_.~", c ? c : '/'))
            text_add_n(t, s.s + i, 1);
        else
            text_printf(t, "%%%02X", c);
    }
}

static void param(struct text *t, bool *query, struct slice k, struct slice v)
{
    text_add(t, *query ? "&" : "?");
    *query = true;
    escaped(t, k);
    text_add(t, "=");
    escaped(t, v);
}

static int by_name(const void *a, const void *b) { return slice_order(((const struct label *)a)->name, ((const struct label *)b)->name); }

/* What is printed and asked: bytes that mean something in an address, or cannot be seen, have no place in a host or path. */
static bool plain(struct slice s, const char *never)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] <= ' ' || (unsigned char)s.s[i] >= 127 || strchr(never, s.s[i]))
            return false;
    return s.n > 0;
}

static const char *url_of(struct draft *d, const struct scrape_job *job, bool *query, const char **why, struct arena *a)
{
    static const struct slice prefix = { "__param_", 8 };
    struct slice address = get(d, "__address__"), scheme = get(d, "__scheme__"), path = get(d, "__metrics_path__");
    struct text  t CLEANUP(text_done);
    text_init(&t, TARGET_URL_MAX);
    *query = false;
    if (!slice_is(scheme, "http") && !slice_is(scheme, "https"))
        *why = "its scheme is neither http nor https";
    else if (!plain(address, "/?#@\\\"'<>"))
        *why = "its address is not host:port";
    else if (path.n && (path.s[0] != '/' || !plain(path, "?#")))
        *why = "its path does not begin with / or has a blank, ? or # in it";
    if (*why)
        return NULL;
    text_printf(&t, "%.*s://%.*s%.*s", (int)scheme.n, scheme.s, (int)address.n, address.s, (int)(path.n ? path.n : 1), path.n ? path.s : "/");
    for (size_t i = 0; i < d->n; i++)
        if (d->label[i].name.n > prefix.n && !memcmp(d->label[i].name.s, prefix.s, prefix.n))
            param(&t, query, (struct slice){ d->label[i].name.s + prefix.n, d->label[i].name.n - prefix.n }, d->label[i].value);
    /* of a parameter that is given more than once, rules see the first; the others go as they are */
    for (size_t i = 0; i < job->params.count; i++) {
        struct slice k, v, before, unused;
        bool         again = false;
        if (!target_pair(job->params.item[i], &k, &v))
            continue;
        for (size_t e = 0; e < i && !again; e++)
            again = target_pair(job->params.item[e], &before, &unused) && slice_same(before, k);
        if (again)
            param(&t, query, k, v);
    }
    if (t.cut) {
        *why = "its address is too long";
        return NULL;
    }
    const char *url = arena_text(a, t.s);
    if (!url)
        *why = "no memory";
    return url;
}

/* ---- from a draft to a target ---- */

static bool time_of(struct draft *d, const char *name, int64_t *us)
{
    char         text[32];
    struct slice s = get(d, name);
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.s, s.n);
    text[s.n] = '\0';
    return knob_time_parse(text, us, NULL) == OK && *us >= 10 * US_PER_MS && *us <= 24 * 3600 * US_PER_S;
}

static uint64_t id_of(const struct scrape_job *job, const struct target *t)
{
    uint64_t h = XXH3_64bits_withSeed(t->url, strlen(t->url), XXH3_64bits(job->name, strlen(job->name)));
    for (size_t i = 0; i < t->labels; i++) {
        h = XXH3_64bits_withSeed(t->label[i].name.s, t->label[i].name.n, h);
        h = XXH3_64bits_withSeed(t->label[i].value.s, t->label[i].value.n, h);
    }
    return h | 1;                            /* 0 is nobody's */
}

/* why: it cannot be asked. ERR_LIMIT: the arena is full. */
static enum err finish(struct draft *d, const struct scrape_job *job, struct target *t, const char **why, struct arena *a, struct fault *fault)
{
    *why = NULL;
    if (d->full)
        *why = "it has too many labels, or an expression of its rules takes too long";
    else if (!time_of(d, "__scrape_interval__", &t->interval_us) || !time_of(d, "__scrape_timeout__", &t->timeout_us) || t->timeout_us > t->interval_us)
        *why = "rules gave it an interval or a timeout that makes no sense";
    if (*why || !(t->url = url_of(d, job, &t->has_query, why, a)))
        return OK;
    if (!get(d, "instance").n)
        set(d, SLICE("instance"), get(d, "__address__"));
    if (!(t->label = arena_alloc(a, (d->n + 1) * sizeof *t->label)))
        return no_room(fault);
    t->labels = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < d->n; i++) {
        struct label l = d->label[i];
        if (hidden(l.name))
            continue;
        /* a NUL is what parts the labels of a record */
        if (memchr(l.name.s, '\0', l.name.n) || memchr(l.value.s, '\0', l.value.n)) {
            *why = "a label has a NUL in it";
            return OK;
        }
        if (!take_copy(a, &l.name) || !take_copy(a, &l.value))
            return no_room(fault);
        bytes += l.name.n + l.value.n + 2;
        t->label[t->labels++] = l;
    }
    if (bytes > RECORD_LABELS_MAX - 64)
        *why = "its labels are too long";
    if (t->labels)
        qsort(t->label, t->labels, sizeof *t->label, by_name);
    t->id = id_of(job, t);
    return OK;
}

static bool grown(struct target_list *list, struct arena *a)
{
    size_t room = list->count ? list->count * 2 : 16;
    if (list->count && (list->count < 16 || (list->count & (list->count - 1))))
        return true;
    struct target *more = arena_alloc(a, room * sizeof *more);
    if (more && list->count)
        memcpy(more, list->item, list->count * sizeof *more);
    if (more)
        list->item = more;
    return more != NULL;
}

/* Where this number stands among those that are known, or belongs: an open table, at most half full. NULL: the arena is full. */
static uint64_t *known(struct target_list *list, uint64_t id, struct arena *a)
{
    if (list->count * 2 >= list->known_room) {
        size_t    room = list->known_room ? list->known_room * 2 : 64;
        uint64_t *more = arena_alloc(a, room * sizeof *more);
        if (!more)
            return NULL;
        list->known = more;
        list->known_room = room;
        for (size_t i = 0; i < list->count; i++)
            *known(list, list->item[i].id, a) = list->item[i].id;
    }
    size_t k = (id >> 1) & (list->known_room - 1);
    while (list->known[k] && list->known[k] != id)
        k = (k + 1) & (list->known_room - 1);
    return &list->known[k];
}

static enum err add_one(struct target_list *list, size_t max, const struct scrape_job *job, size_t number, struct relabel *rules, const struct target_group *g, struct slice address,
    struct arena *a, struct fault *fault)
{
    struct draft  d;
    struct target t = { .job = number };
    const char   *why;
    bool          cut = false;
    if (!begin(&d, job, g, address, a))
        return no_room(fault);
    if (!relabel_labels(rules, d.label, &d.n, TARGET_LABELS_MAX, a, &cut) || !get(&d, "__address__").n) {
        list->dropped++;
        return OK;
    }
    d.full |= cut;
    enum err e = finish(&d, job, &t, &why, a, fault);
    if (e != OK)
        return e;
    if (why) {
        if (list->refused++ == 0)
            (void)snprintf(list->why, sizeof list->why, "job %s, target %.*s%s%s: %s", job->name, (int)(address.n < 60 ? address.n : 60), address.s, *g->file ? " of " : "",
                           g->file, why);
        return OK;
    }
    uint64_t *place = known(list, t.id, a);
    if (!place)
        return no_room(fault);
    if (*place)
        list->doubles++;
    else if (list->count >= max)
        list->beyond++;
    else if (!grown(list, a))
        return no_room(fault);
    else
        *place = (list->item[list->count++] = t).id;
    return OK;
}

enum err targets_add(struct target_list *list, size_t max, const struct scrape_job *job, size_t number, struct relabel *rules, const struct target_group *group, size_t groups,
    struct arena *a, struct fault *fault)
{
    for (size_t i = 0; i < groups; i++)
        for (size_t k = 0; k < group[i].addresses; k++) {
            enum err e = add_one(list, max, job, number, rules, &group[i], group[i].address[k], a, fault);
            if (e != OK)
                return e;
        }
    return OK;
}

enum err targets_own(const struct scrape_job *job, struct target_group *g, struct arena *a, struct fault *fault)
{
    struct slice *address = arena_alloc(a, (job->targets.count + 1) * sizeof *address);
    if (!address)
        return no_room(fault);
    for (size_t i = 0; i < job->targets.count; i++)
        address[i] = slice_of(job->targets.item[i]);
    *g = (struct target_group){ .file = "", .address = address, .addresses = job->targets.count };
    return OK;
}

int64_t target_due_us(const struct target *t, int64_t now_us)
{
    int64_t place = (int64_t)(t->id % (uint64_t)t->interval_us), into = now_us % t->interval_us;
    return now_us - into + place + (place <= into ? t->interval_us : 0);
}
