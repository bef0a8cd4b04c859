/* plan/symptom.c - one reading, one experiment: a table of what is seen and what is then worth trying. */
#include "plan/scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct symptom {
    const char   *name;
    enum metric   metric;                                     /* the reading that speaks */
    bool        (*holds)(const struct scene *s);
    enum knob_id  knob;
    double        factor;                                     /* of the value in force; 0: to */
    double        to;                                         /* base units */
    const char   *text;                                       /* takes the reading */
};

static bool spills(const struct scene *s)        { return s->seen[METRIC_TEMP_BYTES] > 1e6; }
static bool wal_full(const struct scene *s)      { return s->seen[METRIC_WAL_BUFFERS_FULL] > 0.1; }
static bool requested(const struct scene *s)     { return s->seen[METRIC_CHECKPOINTS_REQ] > fmax(s->seen[METRIC_CHECKPOINTS_TIMED], 1.0 / 1800); }
static bool stops_early(const struct scene *s)   { return s->seen[METRIC_MAXWRITTEN_CLEAN] > 0.02; }
static bool backends_write(const struct scene *s){ return s->seen[METRIC_BUFFERS_BACKEND] > s->seen[METRIC_BUFFERS_CLEAN] && s->seen[METRIC_BUFFERS_BACKEND] > 10; }
static bool full_pages(const struct scene *s)    { return s->seen[METRIC_WAL_FPI] * 3000 > 0.4 * s->seen[METRIC_WAL_BYTES] && s->seen[METRIC_WAL_BYTES] > 2e5; }
static bool reads_much(const struct scene *s)    { return s->seen[METRIC_BLOCKS_READ] > 100 && !s->view->facts->rotational; }
static bool waits_for_io(const struct scene *s)  { return s->seen[METRIC_PSI_IO] > 0.2 || s->seen[METRIC_IO_BUSY] > 0.8; }
static bool busy_oltp(const struct scene *s)     { return s->oltp && s->seen[METRIC_CPU] > 0.7; }
static bool dead_rows(const struct scene *s)     { return s->seen[METRIC_DEAD_TUPLES] > 200e3; }

static const struct symptom symptoms[] = {
    { "spills",         METRIC_TEMP_BYTES,        spills,         KNOB_WORK_MEM, 2, 0,
      "Sorts and hashes spill %.0f bytes a second to disk; twice the work_mem may keep them in memory, as far as the memory bound allows." },
    { "wal-buffers",    METRIC_WAL_BUFFERS_FULL,  wal_full,       KNOB_WAL_BUFFERS, 0, 64 * 128,
      "WAL buffers were full %.2f times a second, and each time a backend had to write." },
    { "forced",         METRIC_CHECKPOINTS_REQ,   requested,      KNOB_MAX_WAL_SIZE, 2, 0,
      "Checkpoints are forced by the volume of the log (%.4f a second) rather than by time; a larger max_wal_size makes them rarer." },
    { "stops-early",    METRIC_MAXWRITTEN_CLEAN,  stops_early,    KNOB_BGWRITER_LRU_MAXPAGES, 3, 0,
      "The background writer stops early %.2f times a second because it may not clean more pages." },
    { "backends-write", METRIC_BUFFERS_BACKEND,   backends_write, KNOB_BGWRITER_DELAY, 0.4, 0,
      "Backends write %.0f buffers a second themselves; a background writer that wakes up more often can do that for them." },
    { "multiplier",     METRIC_BUFFERS_BACKEND,   backends_write, KNOB_BGWRITER_LRU_MULTIPLIER, 2, 0,
      "Backends write %.0f buffers a second themselves; cleaning further ahead of need can do that for them." },
    { "full-pages",     METRIC_WAL_FPI,           full_pages,     KNOB_CHECKPOINT_TIMEOUT, 2, 0,
      "%.0f full page images a second are much of the log; rarer checkpoints need fewer, as far as crash recovery may take longer." },
    { "prefetch",       METRIC_BLOCKS_READ,       reads_much,     KNOB_EFFECTIVE_IO_CONCURRENCY, 4, 0,
      "%.0f blocks a second come from outside shared_buffers; the disk can serve more of them at once." },
    { "flush",          METRIC_PSI_IO,            waits_for_io,   KNOB_BACKEND_FLUSH_AFTER, 0, 32,
      "Tasks wait for the disk (share of time %.2f); written pages pushed out sooner make the next flush shorter." },
    { "no-flush",       METRIC_PSI_IO,            waits_for_io,   KNOB_CHECKPOINT_FLUSH_AFTER, 0, 256,
      "Tasks wait for the disk (share of time %.2f); a checkpoint that pushes larger pieces leaves more room for reads." },
    { "no-push",        METRIC_PSI_IO,            waits_for_io,   KNOB_CHECKPOINT_FLUSH_AFTER, 0, 0,
      "Tasks wait for the disk (share of time %.2f); what a checkpoint leaves to the operating system does not stand before the log." },
    { "no-parallel",    METRIC_CPU,               busy_oltp,      KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 0, 0,
      "The processors are busy (%.2f) with short transactions; helpers for single queries only add to it." },
    { "dead-rows",      METRIC_DEAD_TUPLES,       dead_rows,      KNOB_AUTOVACUUM_VACUUM_COST_LIMIT, 0, 1000,
      "%.0f dead rows wait for vacuum, which rests most of the time." },
    { "dead-share",     METRIC_DEAD_TUPLES,       dead_rows,      KNOB_AUTOVACUUM_VACUUM_SCALE_FACTOR, 0.25, 0,
      "%.0f dead rows wait for vacuum, which begins only when a fifth of a table is dead." },
};

bool symptom_is(const char *name)
{
    for (size_t i = 0; i < sizeof symptoms / sizeof symptoms[0]; i++)
        if (strcmp(symptoms[i].name, name) == 0)
            return true;
    return false;
}

/* Which way the remedy leads: 1 up, -1 down, 0 either. */
static int way_of(const struct symptom *y)
{
    if (y->factor > 0)
        return y->factor > 1 ? 1 : -1;
    return y->knob == KNOB_WAL_BUFFERS || y->knob == KNOB_AUTOVACUUM_VACUUM_COST_LIMIT ? 1 : 0;
}

int draft_symptoms(void) { return (int)(sizeof symptoms / sizeof symptoms[0]); }

bool draft_symptom(const struct scene *s, int variant, struct proposal *p)
{
    const struct symptom *y = &symptoms[variant];
    double now = s->now.value[y->knob];
    if (s->windows == 0 || isnan(s->seen[y->metric]) || !y->holds(s) || isnan(now))
        return false;
    double to = y->factor > 0 ? now * y->factor : y->to;
    if (y->factor > 0 && knob_special_of(knob_at(y->knob), now))
        return false;   /* "off" and "automatic" have no double */
    if (y->knob == KNOB_MAX_WAL_SIZE)
        to = scene_max_wal_size(s, to);
    const struct knob          here = bounds_knob(s->view->bounds, y->knob, s->view->facts);
    const struct knob_special *special = knob_special_of(&here, now);
    double                     ahead = (to - (special ? special->land : now)) * way_of(y);
    if (special ? special->as && ahead <= 0 : ahead < 0)
        return false;   /* somebody has gone further that way than we would, if only with the parameter that counts here: no reason to turn round */
    scene_wish_within_reach(s, p, y->knob, to);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    char text[240];
    (void)snprintf(text, sizeof text, y->text, s->seen[y->metric]);
#pragma GCC diagnostic pop
    scene_why(p, "%s", text);
    scene_name(p, y->name);
    return scene_finish(s, p);
}
