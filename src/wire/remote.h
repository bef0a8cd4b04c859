/*
 * wire/remote.h - Prometheus remote write 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request), read without copying and written.
 *
 *     struct remote r;
 *     e = remote_open(&r, REMOTE_V1, body, &arena, fault);
 *     while (e == OK && remote_next(&r, &series, &e, fault))
 *         while (remote_sample_next(&series, &sample)) ...
 *
 * remote_next() has looked at the whole series, so that what is asked of the series afterwards cannot fail.  Texts point into the body;
 * labels and numbers of histograms into the reader, until the next series or histogram is asked for.  The bodies are without snappy.
 */
#ifndef WIRE_REMOTE_H
#define WIRE_REMOTE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REMOTE_LABELS_MAX  = 256,            /* of a series: one with more has a flaw; of an exemplar: more are ERR_LIMIT */
    REMOTE_BUCKETS_MAX = 64 * 1024,      /* of a native histogram with the empty ones between its spans; more: the histogram is rejected */
    REMOTE_SYMBOLS_MAX = 4 * 1024 * 1024
};

/* A series that ended: these bits, not any NaN. */
#define REMOTE_STALE_BITS UINT64_C(0x7ff0000000000002)

enum remote_version { REMOTE_V1 = 1, REMOTE_V2 = 2 };
/* The numbers of the wire. */
enum remote_type { REMOTE_UNKNOWN, REMOTE_COUNTER, REMOTE_GAUGE, REMOTE_HISTOGRAM, REMOTE_GAUGE_HISTOGRAM, REMOTE_SUMMARY, REMOTE_INFO, REMOTE_STATESET };

struct remote_label  { struct slice name, value; };
struct remote_labels { const struct remote_label *item; size_t count; };
struct remote_sample { double value; int64_t time_ms, start_ms /* 2.0; 0: unknown */; };
struct remote_exemplar { struct remote_labels labels; double value; int64_t time_ms; };
struct remote_metadata { enum remote_type type; struct slice family, help, unit; };

/* One side of a native histogram, spans and deltas resolved: counts[i] is that of bucket first + i, empty ones included. */
struct remote_side { int32_t first; size_t n; const double *counts; };

struct remote_histogram {
    bool               is_float;         /* counts need not be whole */
    int32_t            schema;           /* -4..8: base 2^(2^-schema), bucket i covers (base^(i-1), base^i]; -53: custom bounds */
    double             count, sum, zero_threshold, zero_count;
    struct remote_side positive, negative;
    const double      *custom; size_t custom_n;      /* schema -53: upper bounds, without +Inf; positive.counts go with them */
    int                reset_hint;       /* 0 unknown, 1 yes, 2 no, 3 gauge */
    int64_t            time_ms, start_ms;
    bool               stale;
};

/* Of a series: what is wrong with its labels. Such a series is left out and counted. */
enum remote_flaw { REMOTE_FINE, REMOTE_NO_NAME, REMOTE_EMPTY_NAME, REMOTE_DUPLICATE, REMOTE_MANY_LABELS };

struct remote;
struct remote_series {
    struct remote_labels   labels;       /* as sent, the first REMOTE_LABELS_MAX of them; sorted when `sorted` */
    struct slice           name;         /* value of __name__ */
    bool                   sorted;
    enum remote_flaw       flaw;
    uint32_t               bad_text;     /* names and values that are not UTF-8 */
    struct remote_metadata metadata;     /* 2.0; family is empty */
    uint32_t               samples_n, histograms_n, exemplars_n;
    struct remote         *of;
    struct slice           samples, histograms, exemplars;           /* what is still to be read */
};

struct remote {
    enum remote_version version;
    struct slice        rest, metadata;                              /* what is still to be read */
    const struct slice *symbols; size_t symbols_n;
    struct arena       *arena;
    double             *numbers; size_t numbers_room;                /* of the histogram given out last */
    struct remote_label label[REMOTE_LABELS_MAX], exemplar[REMOTE_LABELS_MAX];
};

/* Symbols of 2.0 and the numbers of histograms lie in the arena. ERR_INPUT: malformed, symbols[0] is not "". ERR_LIMIT: the arena is full. */
MUST_CHECK enum err remote_open(struct remote *r, enum remote_version version, struct slice body, struct arena *arena, struct fault *fault);
/* false: no more, or *e is not OK. ERR_INPUT: malformed, a reference beyond the symbols, an odd number of them. ERR_LIMIT: an exemplar with too many labels. */
bool remote_next(struct remote *r, struct remote_series *s, enum err *e, struct fault *fault);
bool remote_sample_next(struct remote_series *s, struct remote_sample *sample);
/* A histogram that contradicts itself is passed over and counted in *rejected (which may be NULL). */
bool remote_histogram_next(struct remote_series *s, struct remote_histogram *h, uint32_t *rejected);
bool remote_exemplar_next(struct remote_series *s, struct remote_exemplar *x);
/* The metadata that 1.0 sends beside the series. */
bool remote_metadata_next(struct remote *r, struct remote_metadata *m);

/* ---- exemplars that stand alone ---- */

/*
 * Prometheus sends an exemplar in a series of its own, without samples; it belongs to the first series with these labels that has some.
 *
 *     if (remote_may_stand_alone(version, body)) e = remote_alone_find(&r, &alone, fault);      // before the first remote_next()
 *     item = remote_alone_take(&alone, &series, &items, &exemplars);
 *     of = (struct remote_series){ .of = &r, .exemplars = item[i].exemplars };                  // for remote_exemplar_next()
 */
struct remote_alone_item { uint64_t id; struct slice exemplars; uint32_t n; bool taken; };
struct remote_alone { struct remote_alone_item *item; size_t n; uint64_t left; };      /* left: exemplars whose series did not come yet */

static inline bool remote_stands_alone(const struct remote_series *s) { return s->flaw == REMOTE_FINE && s->exemplars_n && !s->samples_n && !s->histograms_n; }
/* Cheap, and all the same never wrong about a well-formed request. */
bool remote_may_stand_alone(enum remote_version version, struct slice body);
/* In the arena of r, which goes on where it stood. What is malformed is not looked at any further: who reads it finds it. ERR_LIMIT: no memory. */
MUST_CHECK enum err remote_alone_find(struct remote *r, struct remote_alone *a, struct fault *fault);
/* NULL: none, or taken before. */
const struct remote_alone_item *remote_alone_take(struct remote_alone *a, const struct remote_series *s, size_t *items, size_t *exemplars);

struct remote_counts {
    uint64_t series, samples, histograms, exemplars, metadata;     /* of what is fine */
    uint64_t left_out;                   /* exemplars without a series that they belong to, or of one with a flaw */
    uint64_t rejected;                   /* samples and histograms of series with a flaw, and flawed histograms */
    uint64_t bad_text;
    uint64_t unsorted;                   /* series whose labels are not in order; they are read all the same */
    char     why[160];                   /* the first rejection */
};

/* As cheap as can be: is it well-formed, and how much is in it. The arena holds the symbols and may be reset afterwards. Errors as above. */
MUST_CHECK enum err remote_check(enum remote_version version, struct slice body, struct arena *arena, struct remote_counts *c, struct fault *fault);
/* "label names occur twice"; never NULL. */
const char *remote_flaw_text(enum remote_flaw flaw);

/* ---- writing ---- */

/*
 * Labels must be sorted and fine; the writer does not look.  A series begins, and what follows is its own until the next begins.
 *
 *     remote_write_init(&w, REMOTE_V1, limit);
 *     remote_write_series(&w, labels, n, REMOTE_GAUGE, help, unit);
 *     remote_write_sample(&w, value, time_ms, 0);
 *     body = remote_write_take(&w);             // valid until reset or done; empty with w.full set when the limit was reached
 */
struct remote_writer {
    enum remote_version version;
    bool                full, in_series; /* full: the limit or memory was reached; what is written is not whole */
    struct text         out, texts;
    size_t              begun;
    size_t              series_n, samples_n;     /* so far */
    struct remote_symbol { uint64_t hash; uint32_t at, n; } *symbol;     /* 2.0: number 1, 2, ... */
    uint32_t           *slot;
    size_t              symbols_n, symbols_room;
};

void remote_write_init(struct remote_writer *w, enum remote_version version, size_t limit);
void remote_write_done(struct remote_writer *w);
/* Begin anew, keeping the memory. */
void remote_write_reset(struct remote_writer *w);
/* type, help and unit are told by 2.0 only. */
void remote_write_series(struct remote_writer *w, const struct remote_label *label, size_t n, enum remote_type type, struct slice help, struct slice unit);
void remote_write_sample(struct remote_writer *w, double value, int64_t time_ms, int64_t start_ms);
void remote_write_exemplar(struct remote_writer *w, const struct remote_label *label, size_t n, double value, int64_t time_ms);
void remote_write_histogram(struct remote_writer *w, const struct remote_histogram *h);
/* 1.0 only, ignored in 2.0; between series. */
void remote_write_metadata(struct remote_writer *w, const struct remote_metadata *m);
/* The whole request. After it only reset or done may follow. */
struct slice remote_write_take(struct remote_writer *w);

#endif
