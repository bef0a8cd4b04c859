/*
 * wire/exposition.h - what a Prometheus target answers: text 0.0.4, or OpenMetrics 1.0.
 *
 *     struct exposition x;
 *     e = exposition_open(&x, EXPOSITION_TEXT, body, NULL, &arena, fault);
 *     while (e == OK && exposition_next(&x, &sample, &e, fault)) ...
 *
 * The body is complete.  Texts point into it, or into the arena where something was escaped.  The lines of OpenMetrics are read strictly, and not at all
 * without its "# EOF": half an answer is no answer.  How its families hang together is taken as Prometheus takes it, since exporters that everybody has
 * (kube-state-metrics) name counters and infos as 0.0.4 does.  0.0.4 is read as Prometheus reads it; a line that cannot be read fails the whole scrape,
 * with its number.  What is in one answer twice, and staleness, are the scraper's to see: sample.series names the series by its bytes.
 */
#ifndef WIRE_EXPOSITION_H
#define WIRE_EXPOSITION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXPOSITION_LABELS_MAX = 256,
    EXPOSITION_EXEMPLAR_MAX = 128            /* characters in the names and values of an exemplar's labels */
};

enum exposition_form { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

enum exposition_type {
    EXPOSITION_UNKNOWN, EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM, EXPOSITION_GAUGE_HISTOGRAM, EXPOSITION_SUMMARY,
    EXPOSITION_INFO, EXPOSITION_STATESET
};

/* 0: no limit but the one above. Reached: ERR_LIMIT. */
struct exposition_limits { size_t samples, labels, name_bytes, value_bytes; };

struct exposition_label { struct slice name, value; };

struct exposition_family { struct slice name, help, unit; enum exposition_type type; };

struct exposition_sample {
    struct slice                   name;         /* with its suffix */
    const struct exposition_label *labels;       /* as written, without __name__; valid until the next sample */
    size_t                         labels_n;
    double                         value;
    bool                           has_time, has_exemplar;
    int64_t                        time_ms;      /* when has_time */
    struct slice                   series;       /* name and labels as they stand in the body */
    const struct exposition_family *family;      /* of TYPE, HELP, UNIT; never NULL */
    /* OpenMetrics, counters' _total and buckets */
    struct {
        const struct exposition_label *labels;
        size_t  labels_n;
        double  value;
        bool    has_time;
        int64_t time_ms;
    } exemplar;
    bool     created;                            /* OpenMetrics: a _created sample; value is its start in seconds, not a series of its own */
};

struct exposition {
    enum exposition_form     form;
    struct exposition_limits limits;
    const char              *at, *end;           /* what is to be read */
    size_t                   line, samples;
    bool                     in_family;
    unsigned                 told;               /* OpenMetrics: of this family TYPE, HELP, UNIT came, samples came */
    struct exposition_family family, none;
    struct arena            *arena;
    struct exposition_label  label[EXPOSITION_LABELS_MAX], exemplar[EXPOSITION_LABELS_MAX];
};

/* limits may be NULL. ERR_INPUT: OpenMetrics that does not end in "# EOF". */
MUST_CHECK enum err exposition_open(struct exposition *x, enum exposition_form form, struct slice body, const struct exposition_limits *limits, struct arena *arena,
    struct fault *fault);
/* false: no more, or *e is not OK: ERR_INPUT with the line, ERR_LIMIT, also when the arena is full. */
bool exposition_next(struct exposition *x, struct exposition_sample *s, enum err *e, struct fault *fault);
/* All of it, counting samples (without _created). The arena may be reset afterwards. */
MUST_CHECK enum err exposition_check(enum exposition_form form, struct slice body, const struct exposition_limits *limits, struct arena *arena, uint64_t *samples,
    struct fault *fault);

/* By the Content-Type of an answer; a missing or odd one is 0.0.4. */
enum exposition_form exposition_form_of(struct slice content_type);
/* "counter"; never NULL. */
const char *exposition_type_name(enum exposition_type type);
/* Go's ParseFloat without underscores: decimal, hexadecimal, Inf, NaN in any case. false: not a number. */
bool exposition_number(struct slice s, double *value);

#endif
