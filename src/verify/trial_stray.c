/*
 * verify/trial_stray.c - a statement belongs to the configuration that it began with.
 *
 * A session takes a new configuration between two statements: one that runs meanwhile keeps the old one to its end, and is counted
 * when it ends, in the other one's time.  Of statements that take as long as a window a trial in turns would see nothing else, and what
 * the candidate makes slow would be held against the incumbent.  So what began before the toggle is taken out of the window it ends
 * in, and waits for the next window of the configuration that it began with.  When it began is known to a sample's length, for statements
 * that take long seldom end together.
 */
#include "verify/trial_state.h"

#include <string.h>

static struct query_count *find(struct trial_strays *s, int64_t id)      /* NULL: it is not among them */
{
    for (int i = 0; i < s->n; i++)
        if (s->query[i].id == id)
            return &s->query[i];
    return NULL;
}

static void add(struct trial_strays *s, const struct query_count *more)
{
    struct query_count *q = find(s, more->id);
    if (!q && s->n < QUERIES_MAX) {
        q = &s->query[s->n++];
        *q = (struct query_count){ .id = more->id };
    }
    if (!q)
        return;
    q->calls += more->calls;
    q->total_ms += more->total_ms;
    q->rows += more->rows;
}

/* Which configuration was in force at that time; -1: nobody knows any more. */
static int arm_at(const struct trial *t, int64_t mono_us)
{
    for (int i = t->turns - 1; i >= 0; i--)
        if (t->turn[i].from_us <= mono_us)
            return t->turn[i].arm;
    return -1;
}

void trial_stray_turned(struct trial *t, int arm, int64_t from_us)
{
    if (t->turns == TURNS_MAX)
        memmove(t->turn, t->turn + 1, (size_t)--t->turns * sizeof t->turn[0]);
    t->turn[t->turns++] = (struct trial_turn){ .arm = arm, .from_us = from_us };
}

static void remember(struct trial *t, const struct sample *s)
{
    t->counted.n = s->queries;
    memcpy(t->counted.query, s->query, (size_t)s->queries * sizeof s->query[0]);
    t->counted_since_us = s->stats_reset_us;
}

void trial_stray_sample(struct trial *t, const struct sample *s)
{
    if (!trial_is_switchback(t) || s->queries < 0)
        return;
    for (int i = 0; i < s->queries && s->stats_reset_us == t->counted_since_us; i++) {
        const struct query_count *now = &s->query[i], *then = find(&t->counted, now->id);
        if (!then || now->id == 0 || !(now->calls > then->calls) || now->total_ms < then->total_ms)
            continue;
        struct query_count ended = { now->id, now->calls - then->calls, now->total_ms - then->total_ms, now->rows - then->rows };
        int64_t            began = s->mono_us - (int64_t)(ended.total_ms / ended.calls * 1000);
        int                arm = began < t->changed_us ? arm_at(t, began) : t->arm;
        if (arm == t->arm)
            continue;
        if (t->phase == PHASE_WINDOW)
            add(&t->foreign, &ended);
        if (arm >= 0)
            add(&t->waiting[arm], &ended);
    }
    remember(t, s);
}

void trial_stray_opened(struct trial *t) { t->foreign.n = 0; }

void trial_stray_settle(struct trial *t, struct window *w)
{
    struct trial_strays *waiting = &t->waiting[t->arm];
    for (int i = 0; i < w->queries; i++) {
        struct query_count *q = &w->query[i], *out = find(&t->foreign, q->id), *in = find(waiting, q->id);
        q->calls += (in ? in->calls : 0) - (out ? out->calls : 0);
        q->total_ms += (in ? in->total_ms : 0) - (out ? out->total_ms : 0);
        q->rows += (in ? in->rows : 0) - (out ? out->rows : 0);
        if (in)
            *in = waiting->query[--waiting->n];
    }
    for (int i = 0; w->queries >= 0 && i < waiting->n && w->queries < QUERIES_MAX; i++)
        w->query[w->queries++] = waiting->query[i];
    if (w->queries >= 0)
        waiting->n = 0;
}

void trial_stray_keep(struct trial *t, const struct window *w)
{
    for (int i = 0; i < w->queries; i++)
        if (w->query[i].id != 0 && w->query[i].calls > 0)
            add(&t->waiting[t->arm], &w->query[i]);
}
