/* load/stats.c - see the header. One writer per recorder; readers use relaxed loads. */
#include "load/stats.h"

static const char *const names[LOAD_COUNTERS] = {
#define X(id, name, text) #name,
    LOAD_COUNTER_MAP(X)
#undef X
};

static const char *const texts[LOAD_COUNTERS] = {
#define X(id, name, text) text,
    LOAD_COUNTER_MAP(X)
#undef X
};

const char *load_counter_name(enum load_counter c) { return names[c]; }
const char *load_counter_text(enum load_counter c) { return texts[c]; }

static void bump(uint64_t *counter) { __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED); }
static uint64_t look(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

void load_recorder_done(struct load_recorder *r, enum load_kind kind, int64_t latency_us) { load_histogram_add(&r->latency[kind], latency_us); }
void load_recorder_count(struct load_recorder *r, enum load_counter c)                     { bump(&r->counters[c]); }
void load_recorder_connected(struct load_recorder *r, bool yes)                            { __atomic_store_n(&r->connected, yes ? 1 : 0, __ATOMIC_RELAXED); }

void load_recorder_error(struct load_recorder *r, enum load_kind kind)
{
    bump(&r->errors[kind]);
    bump(&r->counters[LOAD_ERRORS]);
}

void load_recorder_retry(struct load_recorder *r, enum load_kind kind)
{
    bump(&r->retries[kind]);
    bump(&r->counters[LOAD_RETRIES]);
}

void load_reading_add(struct load_reading *into, const struct load_recorder *from)
{
    for (int k = 0; k < LOAD_KINDS; k++) {
        load_histogram_merge(&into->latency[k], &from->latency[k]);
        into->errors[k] += look(&from->errors[k]);
        into->retries[k] += look(&from->retries[k]);
    }
    for (int c = 0; c < LOAD_COUNTERS; c++)
        into->counters[c] += look(&from->counters[c]);
    into->connected += look(&from->connected);
    into->clients++;
}

void load_reading_finish(struct load_reading *r)
{
    load_histogram_clear(&r->all);
    for (int k = 0; k < LOAD_KINDS; k++)
        load_histogram_merge(&r->all, &r->latency[k]);
}

void load_reading_since(struct load_reading *into, const struct load_reading *older)
{
    for (int k = 0; k < LOAD_KINDS; k++) {
        load_histogram_since(&into->latency[k], &older->latency[k]);
        into->errors[k] -= older->errors[k];
        into->retries[k] -= older->retries[k];
    }
    for (int c = 0; c < LOAD_COUNTERS; c++)
        into->counters[c] -= older->counters[c];
    into->arrivals -= older->arrivals;
    into->dropped -= older->dropped;
    load_reading_finish(into);
}
