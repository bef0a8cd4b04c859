/* model/bounds.c - the estimates that planners and the gate share. */
#include "model/bounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIB 1048576.0

void bounds_default(struct bounds *b)
{
    *b = (struct bounds){
        .step_ratio = 0.20,
        .steps_max = 64,
        .changes_max = 24,
        .memory_fraction = 0.90,
        .sessions_factor = 2,
        .nodes_per_session = 1,
        .session_bytes = 4 * MIB,
        .work_mem_total_bytes = 4096 * MIB,
        .half_of_cache_size = true,
        .disk_fraction = 0.25,
        .recovery_max_s = 90,
        .replay_bytes_per_s = 40 * MIB,
        .restart_allowed = false,
        /* What is toggled is put back within a window; what costs a restart stays for minutes, and what shows slowly for hours. */
        .harm_max = { [VERIFY_NONE] = 0.03, [VERIFY_IMMEDIATE] = 0.10, [VERIFY_PLANNER] = 0.10, [VERIFY_CHECKPOINT] = 0.07, [VERIFY_SLOW] = 0.03, [VERIFY_RESTART] = 0.05 },
        .gain_min = 0.02,
        .trials_min = 15,
    };
    for (int i = 1; i < KNOB_COUNT; i++)
        b->knob[i] = (struct knob_limit){ .allowed = (knobs[i].flags & KNOB_TUNED) != 0, .lo = (double)NAN, .hi = (double)NAN };
}

/* What counts where a special value says so; else the catalogue's place. */
static double land_of(const struct knob *k, const struct knob_special *special, const struct target_facts *f)
{
    const struct setting *other = special->as ? target_setting(f, special->as) : NULL;
    double                v;
    return other && strcmp(other->unit, k->unit) == 0 && knob_parse(k, other->value, &v, NULL) == OK ? v : special->land;
}

struct knob bounds_knob(const struct bounds *b, enum knob_id id, const struct target_facts *f)
{
    struct knob here = knobs[id];
    double      lo, hi;
    here.rule = knob_rule_on(&knobs[id], f);
    if (knob_range(&knobs[id], f, &lo, &hi, NULL) != OK)
        return here;
    lo = isnan(b->knob[id].lo) ? lo : fmax(lo, b->knob[id].lo);
    hi = isnan(b->knob[id].hi) ? hi : fmin(hi, b->knob[id].hi);
    for (int i = 0; i < KNOB_SPECIALS_MAX && here.special[i].means && lo <= hi; i++)
        here.special[i].land = fmin(fmax(land_of(&here, &here.special[i], f), lo), hi);
    return here;
}

bool bounds_special(const struct bounds *b, enum knob_id id, double value)
{
    return !knob_special_of(&knobs[id], value) || !(value < b->knob[id].lo || value > b->knob[id].hi);
}

void knob_state_of(struct knob_state *s, const struct target_facts *f)
{
    s->value[KNOB_NONE] = (double)NAN;
    for (int i = 1; i < KNOB_COUNT; i++)
        if (knob_current(&knobs[i], f, &s->value[i], NULL) != OK)
            s->value[i] = (double)NAN;
}

static double bytes_of(const struct knob_state *s, enum knob_id id) { return s->value[id] * knob_unit_bytes(&knobs[id]); }

/* fmin() prefers a number to NAN; here what is unknown must stay unknown. */
static double least(double a, double b) { return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b); }

static double expected_sessions(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    double most = s->value[KNOB_MAX_CONNECTIONS];
    if (f->peak_sessions <= 0)
        return most;   /* never observed: all of them may come */
    return least(most, ceil(b->sessions_factor * f->peak_sessions));
}

void footprint_of(const struct knob_state *s, const struct target_facts *f, const struct bounds *b, struct footprint *out)
{
    double vacuum = s->value[KNOB_AUTOVACUUM_WORK_MEM] < 0 ? bytes_of(s, KNOB_MAINTENANCE_WORK_MEM) : bytes_of(s, KNOB_AUTOVACUUM_WORK_MEM);
    *out = (struct footprint){ .expected_sessions = expected_sessions(s, f, b) };
    out->shared = bytes_of(s, KNOB_SHARED_BUFFERS);
    out->work = out->expected_sessions * bytes_of(s, KNOB_WORK_MEM) * b->nodes_per_session * s->value[KNOB_HASH_MEM_MULTIPLIER];
    out->maintenance = s->value[KNOB_AUTOVACUUM_MAX_WORKERS] * vacuum;
    out->wal = s->value[KNOB_WAL_BUFFERS] < 0 ? least(out->shared / 32, 16 * MIB) : bytes_of(s, KNOB_WAL_BUFFERS);
    out->sessions = out->expected_sessions * b->session_bytes;
    out->total = out->shared + out->work + out->maintenance + out->wal + out->sessions;
    out->bound = b->memory_fraction * f->memory_bytes;
}

char *footprint_text(const struct footprint *p, char *out, size_t size)
{
    (void)snprintf(out, size, "%.0f MB at worst, at most %.0f MB: shared_buffers %.0f, sorts and hashes of %.0f sessions %.0f, their own %.0f, autovacuum %.0f, WAL buffers %.0f",
                   p->total / MIB, p->bound / MIB, p->shared / MIB, p->expected_sessions, p->work / MIB, p->sessions / MIB, p->maintenance / MIB, p->wal / MIB);
    return out;
}

static double excess_min_wal(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f, (void)b;
    return s->value[KNOB_MIN_WAL_SIZE] - s->value[KNOB_MAX_WAL_SIZE];
}

static double excess_cache(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f;
    return b->half_of_cache_size ? s->value[KNOB_SHARED_BUFFERS] - s->value[KNOB_EFFECTIVE_CACHE_SIZE] / 2 : 0;
}

static double excess_work_mem(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f;
    return s->value[KNOB_WORK_MEM] - b->work_mem_total_bytes / 1024 / s->value[KNOB_MAX_CONNECTIONS];
}

static double excess_page_cost(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f, (void)b;
    return s->value[KNOB_SEQ_PAGE_COST] - s->value[KNOB_RANDOM_PAGE_COST];
}

static double excess_parallel(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f, (void)b;
    return s->value[KNOB_MAX_PARALLEL_WORKERS] - s->value[KNOB_MAX_WORKER_PROCESSES];
}

static double excess_gather(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)f, (void)b;
    return s->value[KNOB_MAX_PARALLEL_WORKERS_PER_GATHER] - s->value[KNOB_MAX_PARALLEL_WORKERS];
}

static double excess_connections(const struct knob_state *s, const struct target_facts *f, const struct bounds *b)
{
    (void)b;
    return ceil(1.2 * f->peak_sessions) - s->value[KNOB_MAX_CONNECTIONS];
}

const struct knob_dependency knob_dependency[KNOB_DEPENDENCIES] = {
    { 1, KNOB_MIN_WAL_SIZE, KNOB_MAX_WAL_SIZE, excess_min_wal, "min_wal_size must not be above max_wal_size" },
    { 2, KNOB_SHARED_BUFFERS, KNOB_EFFECTIVE_CACHE_SIZE, excess_cache, "shared_buffers must be at most half of effective_cache_size" },
    { 3, KNOB_WORK_MEM, KNOB_MAX_CONNECTIONS, excess_work_mem, "work_mem x max_connections must stay below the policy's total" },
    { 4, KNOB_SEQ_PAGE_COST, KNOB_RANDOM_PAGE_COST, excess_page_cost, "random_page_cost must not be below seq_page_cost" },
    { 5, KNOB_MAX_PARALLEL_WORKERS, KNOB_MAX_WORKER_PROCESSES, excess_parallel, "max_parallel_workers must not be above max_worker_processes" },
    { 6, KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, KNOB_MAX_PARALLEL_WORKERS, excess_gather, "max_parallel_workers_per_gather must not be above max_parallel_workers" },
    { 7, KNOB_MAX_CONNECTIONS, KNOB_NONE, excess_connections, "max_connections must leave room for a fifth more sessions than were seen" },
};

static bool moved(const struct knob_state *before, const struct knob_state *after, enum knob_id id)
{
    return id != KNOB_NONE && !(fabs(before->value[id] - after->value[id]) <= 0) && !(isnan(before->value[id]) && isnan(after->value[id]));
}

bool knob_dependency_broken(const struct knob_dependency *d, const struct knob_state *before, const struct knob_state *after,
                            const struct target_facts *f, const struct bounds *b)
{
    if (!moved(before, after, d->a) && !moved(before, after, d->b))
        return false;
    double was = d->excess(before, f, b), is = d->excess(after, f, b);
    return !(is <= 0) && !(is <= was);
}

double recovery_estimate_s(const struct knob_state *s, const struct bounds *b, double wal_bytes_per_s)
{
    double most = bytes_of(s, KNOB_MAX_WAL_SIZE);
    if (!isnan(wal_bytes_per_s) && !isnan(most)) {
        double cycle = s->value[KNOB_CHECKPOINT_TIMEOUT] * (1 + s->value[KNOB_CHECKPOINT_COMPLETION_TARGET]);
        most = least(most, wal_bytes_per_s * cycle);
    }
    return most / b->replay_bytes_per_s;
}

double wal_disk_bytes(const struct knob_state *s, const struct target_facts *f, bool *unlimited)
{
    double keep = s->value[KNOB_MAX_SLOT_WAL_KEEP_SIZE];
    *unlimited = f->slots > 0 && !(keep >= 0);
    return bytes_of(s, KNOB_MAX_WAL_SIZE) + (f->slots > 0 && keep >= 0 ? bytes_of(s, KNOB_MAX_SLOT_WAL_KEEP_SIZE) : 0);
}
