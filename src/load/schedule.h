/*
 * load/schedule.h - how much of the load is at work at which time.
 *
 * A schedule is a row of phases, each with the share of TPC-C's clients (or
 * rate) and of TPC-H's streams that work in it.  A phase may begin with a ramp
 * from the shares before it, and may swing in a wave, as days do.
 *
 *     repeat: 3
 *     tpcc: {clients: 8}              # or {clients: 16, rate: 200} for the open loop
 *     tpch: {streams: 2}
 *     phases:
 *       - {name: day,   duration: 5min, tpcc: 100%, wave: {period: 1min, depth: 60%}}
 *       - {name: night, duration: 2min, tpcc: 10%, tpch: 100%, ramp: 20s}
 *
 * The file is read with the tables of the configuration, so each mistake is told with its file, line and column.
 * What is asked of a schedule is pure; times are microseconds since its beginning.
 */
#ifndef LOAD_SCHEDULE_H
#define LOAD_SCHEDULE_H

#include "base/err.h"
#include "conf/complain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_STREAMS_MAX 64
#define LOAD_PHASES_MAX  200
#define LOAD_PHASE_NAME  41

struct load_share { double tpcc, tpch; };      /* 0 to 1 */

enum load_wave { LOAD_WAVE_SAME, LOAD_WAVE_OPPOSITE, LOAD_WAVE_NONE };

struct load_spell {                            /* one phase; the other word is taken by the phases of a run */
    char              name[LOAD_PHASE_NAME];
    struct load_share share;
    int64_t           duration_us, ramp_us;
    int64_t           period_us, peak_us;      /* of the wave, 0: none; when in the period it is highest */
    double            depth;                   /* how far down it goes at its lowest: 0.6 leaves 40 % */
    enum load_wave    tpch_wave;               /* whether TPC-H's share swings with TPC-C's, against it, or not */
};

struct load_schedule {
    struct load_spell spell[LOAD_PHASES_MAX];
    size_t            count;                   /* 0: constant, always `constant` */
    struct load_share constant;
    int64_t           repeat, cycle_us;        /* how often, 0: for ever; all phases together */
    int64_t           clients, streams;
    double            rate;                    /* 0: closed loop */
};

/* No phases, one load for ever. */
void load_schedule_constant(struct load_schedule *s, double tpcc, double tpch);

/* The file, or the text of one (name is what messages call it). All complaints go to `all`, which may be NULL; the fault is the first. */
MUST_CHECK enum err load_schedule_read(const char *path, struct load_schedule *s, struct conf_complaints *all, struct fault *fault);
MUST_CHECK enum err load_schedule_read_text(const char *name, const char *text, struct load_schedule *s, struct conf_complaints *all, struct fault *fault);

/* The tables of the file, for conf_tables_check() and conf_docs(). */
struct conf_section;
const struct conf_section *const *load_schedule_sections(size_t *count);

/* Before the beginning: as at the beginning. From the end on: nothing. */
struct load_share load_schedule_at(const struct load_schedule *s, int64_t us);

struct load_moment { int64_t round; int place; int64_t since_us; };   /* round and place of a phase from 0; place -1: over, or constant */
struct load_moment load_schedule_moment(const struct load_schedule *s, int64_t us);
int64_t load_schedule_next(const struct load_schedule *s, int64_t us);   /* when the next phase begins, or the end; INT64_MAX: never */
int64_t load_schedule_end(const struct load_schedule *s);                /* INT64_MAX: never */

/* Until when TPC-C rests, from a moment at which it has no share and gets none within its phase: that phase's end. Else the moment itself. */
int64_t load_schedule_rests_until(const struct load_schedule *s, int64_t us);

/* The most that any phase asks for, to know what a run needs. */
struct load_share load_schedule_most(const struct load_schedule *s);

/* How much of its time worker i (from 0) of `workers` works when a share of them all does: 1.5 workers are one, and one half of the time. */
double load_share_duty(double share, int workers, int i);

#endif
