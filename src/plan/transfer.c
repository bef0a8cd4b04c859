/* plan/transfer.c - from records of other databases to points here, and the expectation between them. */
#include "plan/transfer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIKENESS   0.35       /* distance at which a database counts for 0.6 */
#define NEIGHBOUR  1.0        /* the same between configurations: in all, so many knobs changed by a factor of e, or switched */
#define PRIOR      0.30       /* weight of "makes no difference" */
#define NOTED_SD   0.05       /* standard deviation at which a reading counts half */

struct point { struct knob_state state; double gain, weight; int database; };

struct transfer {
    int                   points, databases;
    struct transfer_donor donor[TRANSFER_DATABASES_MAX];
    int                   lessons;
    struct lesson         lesson[LESSONS_MAX];
    struct point          point[];
};

/* ---- likeness ---- */

static double ratio(double a, double b, double scale)
{
    double d = fabs(log(a / b)) / scale;
    return isfinite(d) ? d : 0;                /* what one of the two does not know makes no difference */
}

double transfer_machine_distance(const struct knowledge_machine *a, const struct knowledge_machine *b)
{
    double memory = ratio(a->memory_bytes, b->memory_bytes, log(64)), cores = ratio(a->cpus > 0 ? a->cpus : (double)NAN, b->cpus > 0 ? b->cpus : (double)NAN, log(64));
    bool   disks = a->disk != KNOWLEDGE_DISK_UNKNOWN && b->disk != KNOWLEDGE_DISK_UNKNOWN && a->disk != b->disk;
    return sqrt(memory * memory + cores * cores + (disks ? 0.5 : 0) + (a->limit_counts_cache != b->limit_counts_cache ? 0.5 : 0));
}

static double bell(double distance, double width) { return exp(-0.5 * distance * distance / (width * width)); }

/* How far apart two values of a knob are; 1 for anything that cannot be told by degrees, such as a value that cannot be had here. */
static double apart(const struct knob *k, double a, double b)
{
    if ((isnan(a) && isnan(b)) || knob_equal(k, a, b))
        return 0;
    bool by_degrees = !k->choice[0].name && !knob_special_of(k, a) && !knob_special_of(k, b) && a > 0 && b > 0;
    return by_degrees ? fmin(fabs(log(a / b)), 2) : 1;
}

static double likeness(const struct knob_state *a, const struct knob_state *b)
{
    double sum = 0;
    for (int id = 1; id < KNOB_COUNT; id++)
        if (knobs[id].flags & KNOB_TUNED) {
            double d = apart(&knobs[id], a->value[id], b->value[id]);
            sum += d * d;
        }
    return bell(sqrt(sum), NEIGHBOUR);
}

/* ---- stories: the records of one database, in the order of time ---- */

struct story { const struct knowledge *const *record; int records; double distance; };

static int by_story(const void *a, const void *b)
{
    const struct knowledge *p = *(const struct knowledge *const *)a, *q = *(const struct knowledge *const *)b;
    int c = strcmp(p->source, q->source);
    c = c ? c : strcmp(p->database, q->database);
    c = c ? c : (p->at_us > q->at_us) - (p->at_us < q->at_us);
    return c ? c : strcmp(p->id, q->id);
}

static bool same_story(const struct knowledge *p, const struct knowledge *q) { return strcmp(p->source, q->source) == 0 && strcmp(p->database, q->database) == 0; }

static int by_distance(const void *a, const void *b)
{
    const struct story *p = a, *q = b;
    return (p->distance > q->distance) - (p->distance < q->distance);
}

/* Of one record; NAN: it cannot be compared. */
static double distance_of_record(const struct knowledge *k, const struct workload *load, const struct knowledge_machine *machine)
{
    int    compared;
    double l = workload_distance(load, &k->workload, &compared), m = transfer_machine_distance(machine, &k->machine);
    return compared < KNOWLEDGE_FEATURES_MIN ? (double)NAN : sqrt(l * l + m * m);
}

/* A load changes: a database is as near as its records were on average. NAN: it cannot be compared. */
static double distance_of(const struct story *s, const struct workload *load, const struct knowledge_machine *machine)
{
    double sum = 0;
    int    n = 0;
    for (int i = 0; i < s->records; i++) {
        double d = distance_of_record(s->record[i], load, machine);
        sum += isnan(d) ? 0 : d;
        n += !isnan(d);
    }
    return n ? sum / n : (double)NAN;
}

static int find_stories(const struct knowledge **record, int n, const struct workload *load, const struct knowledge_machine *machine, struct story *out)
{
    int stories = 0;
    for (int i = 0; i < n; ) {
        struct story s = { .record = (const struct knowledge *const *)record + i };
        for (; i < n && same_story(*s.record, record[i]); i++)
            s.records++;
        s.distance = distance_of(&s, load, machine);
        if (s.distance <= TRANSFER_FAR)
            out[stories++] = s;
    }
    qsort(out, (size_t)stories, sizeof *out, by_distance);
    return stories < TRANSFER_DATABASES_MAX ? stories : TRANSFER_DATABASES_MAX;
}

static void add_point(struct transfer *t, const struct knob_state *state, double gain, double trust)
{
    if (t->points < TRANSFER_TRIALS_MAX)
        t->point[t->points++] = (struct point){ *state, gain, trust * bell(t->donor[t->databases].distance, LIKENESS), t->databases };
}

/* How far a reading is to be trusted. */
static double trust_in(const struct knowledge *k)
{
    double sd = isnan(k->sd) ? NOTED_SD : k->sd;
    double trust = 1 / (1 + sd * sd / (NOTED_SD * NOTED_SD));
    return k->told == TOLD_UNDECIDED ? fmin(trust, 0.2) : trust;
}

/* from stays that of the first change: together they say which way the donor went. */
static void set_change(struct transfer_donor *d, enum knob_id id, double from, double to)
{
    int i = 0;
    while (i < d->changes && d->change[i].knob != id)
        i++;
    if (i == d->changes)
        d->change[d->changes++] = (struct proposed_change){ .knob = id, .from = from };
    d->change[i].to = to;
}

/*
 * What one trial says of its changes, the less the less that was asked of its database then is like what is asked of this one: a database
 * with orders by day and reports by night is near to either on average, and what it told by night says nothing of the day.
 */
static void add_lesson(struct transfer *t, const struct knowledge *k, const struct workload *load, const struct knowledge_machine *here)
{
    struct lesson *l = &t->lesson[t->lessons];
    bool           failed = lesson_failed(k->told, k->effect);
    double         sd = failed ? LESSON_FAILED_SD : hypot(isnan(k->sd) ? NOTED_SD : k->sd, TRANSFER_OTHERS_SD);
    double         then = distance_of_record(k, load, here), distance = isnan(then) ? t->donor[t->databases].distance : then;
    if (t->lessons >= LESSONS_MAX || distance > TRANSFER_FAR)
        return;
    *l = (struct lesson){ .effect = lesson_reading(k->told, k->effect), .sd = sd / sqrt(bell(distance, LIKENESS)) };
    for (int c = 0; c < k->changes; c++) {
        struct proposed_change change = { k->change[c].to.knob, knowledge_value_on(&k->change[c].from, here), knowledge_value_on(&k->change[c].to, here) };
        if (isnan(change.from) || isnan(change.to))
            return;      /* a share of memory that is not known: what it did must not be taken for what the others did */
        l->change[l->changes++] = change;
    }
    t->lessons += l->changes > 0;
}

/*
 * Level 0 is where the database began.  What was kept lifts the level; what was not kept is a reading beside it.  Only what was
 * changed by a trial that was kept is worth repeating: the rest of its configuration proved nothing.
 */
static void tell_story(struct transfer *t, const struct story *s, const struct workload *load, const struct target_facts *f)
{
    struct transfer_donor    *d = &t->donor[t->databases];
    struct knowledge_machine  here;
    struct knob_state         state;
    double                    level = 0;
    knowledge_machine_of(&here, f);
    *d = (struct transfer_donor){ .distance = s->distance, .trials = s->records };
    knowledge_state(s->record[0], false, f, &state);
    add_point(t, &state, 0, 1);
    for (int i = 0; i < s->records; i++) {
        const struct knowledge *k = s->record[i];
        bool                    failed = lesson_failed(k->told, k->effect);
        double                  effect = lesson_reading(k->told, k->effect);
        if (isnan(effect))
            continue;
        knowledge_state(k, true, f, &state);
        add_point(t, &state, level + effect, failed ? 1 : trust_in(k));
        add_lesson(t, k, load, &here);
        if (!k->kept || failed)
            continue;
        level += k->effect;
        for (int c = 0; c < k->changes; c++) {
            double from = knowledge_value_on(&k->change[c].from, &here), to = knowledge_value_on(&k->change[c].to, &here);
            if (!isnan(to))
                set_change(d, k->change[c].to.knob, from, to);
        }
    }
    d->gain = level;
    t->databases++;
}

enum err transfer_new(const struct planner_view *view, struct transfer **out, struct fault *fault)
{
    struct workload          load;
    struct knowledge_machine here;
    *out = NULL;
    workload_of(&load, view->window, view->windows, view->facts);
    if (view->knowns <= 0 || workload_known(&load) < KNOWLEDGE_FEATURES_MIN)
        return OK;
    knowledge_machine_of(&here, view->facts);
    size_t                   n = (size_t)view->knowns;
    const struct knowledge **record = malloc(n * sizeof *record);
    struct story            *story = malloc(n * sizeof *story);
    struct transfer         *t = calloc(1, sizeof *t + TRANSFER_TRIALS_MAX * sizeof t->point[0]);
    enum err                 e = record && story && t ? OK : fail(fault, ERR_LIMIT, "no memory for what %zu trials taught", n);
    if (e == OK) {
        memcpy(record, view->known, n * sizeof *record);
        qsort(record, n, sizeof *record, by_story);
        int stories = find_stories(record, view->knowns, &load, &here, story);
        for (int i = 0; i < stories; i++)
            tell_story(t, &story[i], &load, view->facts);
    }
    free(record);
    free(story);
    if (e != OK || t->points == 0) {
        transfer_free(t);
        return e;
    }
    *out = t;
    return OK;
}

void transfer_free(struct transfer *t) { free(t); }

void transfer_guess(const struct transfer *t, const struct knob_state *state, struct transfer_guess *g)
{
    double sum = 0;
    bool   tried[TRANSFER_DATABASES_MAX] = { false };
    *g = (struct transfer_guess){ 0 };
    for (int i = 0; t && i < t->points; i++) {
        const struct point *p = &t->point[i];
        double              like = likeness(&p->state, state);
        sum += p->weight * like * p->gain;
        g->weight += p->weight * like;
        if (like > 0.5 && !tried[p->database]) {
            tried[p->database] = true;
            g->databases++;
        }
    }
    g->gain = sum / (g->weight + PRIOR);
}

int                          transfer_donors(const struct transfer *t) { return t ? t->databases : 0; }
const struct transfer_donor *transfer_donor_at(const struct transfer *t, int i) { return &t->donor[i]; }

const struct lesson *transfer_lessons(const struct transfer *t, int *n)
{
    *n = t->lessons;
    return t->lesson;
}
