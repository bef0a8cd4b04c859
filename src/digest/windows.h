/*
 * digest/windows.h - when which window of a job is run: aligned, delayed, from where the last good one ended, in the order the jobs need.
 *
 * Pure.  upper = floor(now - delay, align); a window is [from, to) with to <= upper.  Who runs it writes its rows and that it
 * was run in one transaction, so that it is run once.  A job that fails is tried again after a while that doubles; after several
 * failures in a row its circuit opens, and one trial is made when it has cooled down.
 */
#ifndef DIGEST_WINDOWS_H
#define DIGEST_WINDOWS_H

#include "base/rand.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOBS_MAX = 16 };

struct job_kind {
    const char *name, *after;           /* after: the job whose windows must be done first; "": none */
    int64_t     align_us, delay_us;
    int64_t     initial_us;             /* the first window begins so long before upper: tenants.initial_lookback.<job> */
    int64_t     window_max_us;          /* what was missed is made up in pieces no longer than this */
    const char *why;
};
/* oo-agg, age-refresh, topo-iac, topo-ansible. */
const struct job_kind *window_jobs(size_t *count);
const struct job_kind *window_job(const char *name);       /* NULL: there is none */

struct window { int64_t from_us, to_us; };

int64_t window_floor(int64_t us, int64_t align_us);        /* also before 1970 */
int64_t window_upper(const struct job_kind *j, int64_t now_us);
#define WINDOW_ASKED_MAX_US (INT64_C(7) * 86400 * 1000000)
/* The next one; what was missed for longer than WINDOW_ASKED_MAX_US is left out, as if nothing had been made before. done_us: where the last good one ended (INT64_MIN: there was none), after_us: the same of the job it comes after. False: none is due. */
bool    window_next(const struct job_kind *j, int64_t now_us, int64_t done_us, int64_t after_us, struct window *w);

#define WINDOW_AHEAD_MAX_US (INT64_C(86400) * 1000000)
/*
 * What somebody asks to be done again: cut to whole windows; false: it is empty, or longer or further ahead than can be asked for.  *due_us: the moment
 * from which on it can be made, when some of it lies ahead or within the delay; else 0.
 */
bool    window_asked(const struct job_kind *j, int64_t now_us, int64_t from_us, int64_t to_us, struct window *w, int64_t *due_us, const char **why);

/* ---- an order in which each job comes after those it needs ---- */

/* Fills order[] with numbers of jobs; false: they need each other in a circle, or one that does not exist. */
bool    windows_order(const struct job_kind *jobs, size_t count, size_t *order);

/* ---- circuit ---- */

enum { CIRCUIT_FAILURES = 5 };
#define CIRCUIT_OPEN_US  (INT64_C(300) * 1000000)
#define BACKOFF_FIRST_US (INT64_C(1) * 1000000)
#define BACKOFF_MOST_US  (INT64_C(60) * 1000000)

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_HALF_OPEN };
struct circuit { enum circuit_state state; uint32_t failures; int64_t until_us; };     /* until: not before then */

const char *circuit_name(enum circuit_state s);
bool        circuit_allows(struct circuit *c, int64_t now_us);          /* an open one that has cooled down becomes half open */
void        circuit_good(struct circuit *c);
void        circuit_bad(struct circuit *c, int64_t now_us, struct rand *chance);

#endif
