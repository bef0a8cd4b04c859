/* load/stats.c - see the header. One writer per recorder; readers use relaxed loads. */
#include "load/stats.h"

#include <assert.h>
#include <stdlib.h>

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

const char *load_class_name(int class)
{
    static const char *const queries[LOAD_QUERIES] = { "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13", "q14", "q15", "q16", "q17",
                                                       "q18", "q19", "q20", "q21", "q22" };
    return class < LOAD_CLASS_QUERY_1 ? load_kind_name((enum load_kind)class) : queries[class - LOAD_CLASS_QUERY_1];
}

enum err load_recorder_init(struct load_recorder *r, int first, int classes, struct fault *fault)
{
    *r = (struct load_recorder){ .first = first, .classes = classes, .latency = calloc((size_t)classes, sizeof *r->latency) };
    return r->latency ? OK : fail(fault, ERR_LIMIT, "no memory to count latencies");
}

void load_recorder_free(struct load_recorder *r)
{
    free(r->latency);
    r->latency = NULL;
}

void load_recorder_done(struct load_recorder *r, int class, int64_t latency_us)
{
    assert(class >= r->first && class < r->first + r->classes);
    load_histogram_add(&r->latency[class - r->first], latency_us);
}

void load_recorder_count(struct load_recorder *r, enum load_counter c) { bump(&r->counters[c]); }
void load_recorder_connected(struct load_recorder *r, bool yes)        { __atomic_store_n(&r->connected, yes ? 1 : 0, __ATOMIC_RELAXED); }

void load_recorder_error(struct load_recorder *r, int class)
{
    bump(&r->errors[class]);
    bump(&r->counters[LOAD_ERRORS]);
}

void load_recorder_retry(struct load_recorder *r, int class)
{
    bump(&r->retries[class]);
    bump(&r->counters[LOAD_RETRIES]);
}

void load_reading_add(struct load_reading *into, const struct load_recorder *from)
{
    for (int k = from->first; k < from->first + from->classes; k++) {
        load_histogram_merge(&into->latency[k], &from->latency[k - from->first]);
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
    load_histogram_clear(&r->tpcc);
    load_histogram_clear(&r->tpch);
    load_histogram_clear(&r->all);
    for (int k = 0; k < LOAD_CLASSES; k++)
        if (r->latency[k].count > 0)
            load_histogram_merge(k < LOAD_CLASS_QUERY_1 ? &r->tpcc : &r->tpch, &r->latency[k]);
    load_histogram_merge(&r->all, &r->tpcc);
    load_histogram_merge(&r->all, &r->tpch);
}

void load_reading_since(struct load_reading *into, const struct load_reading *older)
{
    for (int k = 0; k < LOAD_CLASSES; k++) {
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
