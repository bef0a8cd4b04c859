/* digest/minute.c - the values of a few open minutes, kept whole: 60 of them cost less than a sketch and are exact. */
#include "digest/minute.h"

#include "base/clock.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US   (60 * US_PER_S)
#define PUT_BACK_US (10 * MINUTE_US)     /* by more than this, and a clock was wrong before; by less it may be now */

/* The minute that is being filled, the one that still waits for late samples, and one more for delays of up to a minute. */
enum { OPEN_MAX = 3 };

struct open_minute {
    bool    used;
    int64_t start_us;
    int     samples;
    int     count[METRIC_COUNT];
    double  value[METRIC_COUNT][MINUTE_VALUES_MAX];
};

struct minute {
    int64_t  delay_us, given_us;         /* minutes up to given_us (included) have been given out */
    uint64_t dropped;
    struct open_minute open[OPEN_MAX];
};

struct minute *minute_new(int64_t delay_us)
{
    struct minute *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->delay_us = delay_us < 0 ? 0 : delay_us > MINUTE_US ? MINUTE_US : delay_us;
    m->given_us = INT64_MIN;
    return m;
}

void minute_free(struct minute *m) { free(m); }

uint64_t minute_dropped(const struct minute *m) { return m->dropped; }

static int64_t start_of(int64_t wall_us)
{
    int64_t rest = wall_us % MINUTE_US;
    return wall_us - (rest < 0 ? rest + MINUTE_US : rest);
}

static struct open_minute *find(struct minute *m, int64_t start_us)
{
    struct open_minute *empty = NULL;
    for (int i = 0; i < OPEN_MAX; i++) {
        if (m->open[i].used && m->open[i].start_us == start_us)
            return &m->open[i];
        if (!m->open[i].used)
            empty = &m->open[i];
    }
    if (empty) {
        empty->used = true;
        empty->start_us = start_us;
        empty->samples = 0;
        memset(empty->count, 0, sizeof empty->count);
    }
    return empty;
}

/* One that was begun while the clock was ahead: nothing more will come for it. */
static struct open_minute *stranded(struct minute *m, int64_t now_us)
{
    for (int i = 0; i < OPEN_MAX; i++)
        if (m->open[i].used && m->open[i].start_us - now_us > PUT_BACK_US)
            return &m->open[i];
    return NULL;
}

static struct open_minute *oldest(struct minute *m)
{
    struct open_minute *o = NULL;
    for (int i = 0; i < OPEN_MAX; i++)
        if (m->open[i].used && (!o || m->open[i].start_us < o->start_us))
            o = &m->open[i];
    return o;
}

void minute_add(struct minute *m, const struct sample *s)
{
    int64_t start_us = start_of(s->wall_us);
    if (start_us < m->given_us && m->given_us - start_us > PUT_BACK_US)      /* what it said before must not keep out what comes until it is reached again */
        m->given_us = start_us - MINUTE_US;
    /* A clock that was set back a little would write minutes a second time: those samples are left out. */
    struct open_minute *o = start_us > m->given_us ? find(m, start_us) : NULL;
    if (!o || o->samples == MINUTE_VALUES_MAX) {
        m->dropped++;
        return;
    }
    o->samples++;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (!isnan(s->v[i]))
            o->value[i][o->count[i]++] = s->v[i];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank: the smallest value that at least 95 % of the values do not exceed. */
static struct minute_row row_of(struct open_minute *o, enum metric metric)
{
    int     n = o->count[metric];
    double *v = o->value[metric], sum = 0;
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int i = 0; i < n; i++)
        sum += v[i];
    int rank = (95 * n + 99) / 100;
    return (struct minute_row){ .minute_us = o->start_us, .metric = metric, .avg = sum / n, .max = v[n - 1], .p95 = v[rank - 1], .samples = n };
}

static bool give_out(struct minute *m, struct open_minute *o, struct minute_row *rows, int *n)
{
    *n = 0;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (o->count[i] > 0)
            rows[(*n)++] = row_of(o, (enum metric)i);
    m->given_us = o->start_us;
    o->used = false;
    return true;
}

bool minute_take(struct minute *m, int64_t now_us, struct minute_row rows[METRIC_COUNT], int *n)
{
    struct open_minute *o = oldest(m), *left = stranded(m, now_us);
    bool full = true;   /* nowhere to put another minute: the clock was set forward */
    for (int i = 0; i < OPEN_MAX; i++)
        full = full && m->open[i].used;
    *n = 0;
    if (left)
        return give_out(m, left, rows, n);
    return o && (full || now_us >= o->start_us + MINUTE_US + m->delay_us) && give_out(m, o, rows, n);
}

bool minute_flush(struct minute *m, struct minute_row rows[METRIC_COUNT], int *n)
{
    struct open_minute *o = oldest(m);
    *n = 0;
    return o && give_out(m, o, rows, n);
}

/* ---- whose metric it is ---- */

bool metric_is_host(enum metric m) { return m >= METRIC_CPU && m <= METRIC_DISK_FREE; }

_Static_assert(METRIC_DISK_FREE == METRIC_COUNT - 1, "the machine's metrics stand at the end of the table, from cpu on");

/* RFC 8141: what is not unreserved is written as %xx; the separators of our own URNs may not come from a name. */
static void add_name(char *out, size_t size, const char *name)
{
    size_t used = strlen(out);
    for (const unsigned char *c = (const unsigned char *)name; *c && used + 4 < size; c++) {
        bool plain = (isalnum(*c) && *c < 128) || strchr("-._~", *c);
        used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02x", *c);
    }
}

char *urn_database(const char *target, const char *database, char *out, size_t size)
{
    (void)snprintf(out, size, "urn:db:postgres:");
    add_name(out, size, target);
    size_t used = strlen(out);
    (void)snprintf(out + used, size - used, "/");
    add_name(out, size, database);
    return out;
}

char *urn_host(const char *hostname, char *out, size_t size)
{
    (void)snprintf(out, size, "urn:host:");
    add_name(out, size, hostname);
    return out;
}
