/*
 * digest/patterns.h - lines of logs into templates: "connection from <*> refused".
 *
 *     const struct pattern *p = patterns_take(ps, line, now_us);      // learns, and says which one it is
 *     count(p->id, ...);  p->text is its template now
 *
 * A tree over the number of words and the first of them leads to the few templates a line can be one of (Drain: He et al.,
 * ICWS 2017); what varies is masked first by one general set of masks, and templates that are one template are put
 * together again.  One configuration for whatever is logged.  Memory has a bound: the pattern not seen for longest goes.
 */
#ifndef DIGEST_PATTERNS_H
#define DIGEST_PATTERNS_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "digest/mask.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_SCHEMA_MAX = 6 * 1024, PATTERN_TEXT_MAX = 1024, PATTERN_LINE_MAX = 8 * 1024, PATTERN_SAMPLE_MAX = 512 };

struct patterns_options {
    size_t  patterns_max;            /* e.g. 20 000 */
    size_t  bytes_max;               /* of memory, all together */
    double  similarity;              /* 0..1: how much of a template must agree */
    struct mask_ignore ignore;       /* keys whose values are no part of a template */
};
struct patterns_options patterns_options_default(void);

struct pattern {
    uint64_t    id;                  /* stays while the template becomes more general; never used for another one */
    const char *text;                /* the template now; <*> stands for what varies */
    const char *sample;              /* a line it was made from, cut to PATTERN_SAMPLE_MAX */
    uint64_t    count;               /* lines, ever */
    int64_t     first_us, last_us;
    bool        changed;             /* text is another than when patterns_settled() was last called for it, or it is new */
};

struct patterns;
/* What bytes_max has to be for so many of them, before there is any. */
size_t                 patterns_least_bytes(size_t patterns_max);
MUST_CHECK enum err patterns_new(const struct patterns_options *o, struct patterns **p, struct fault *fault);
void                   patterns_free(struct patterns *p);
/* Never NULL: what does not fit into memory, or is not text, falls under pattern 0, "<other>". Valid until the next take. */
const struct pattern  *patterns_take(struct patterns *p, struct slice line, int64_t now_us);
/* The same without learning: which one would it be? NULL: none so far. */
const struct pattern  *patterns_match(struct patterns *p, struct slice line);
const struct pattern  *patterns_find(struct patterns *p, uint64_t id);
void                   patterns_settled(struct patterns *p, uint64_t id);
/* When two templates turn out to be one, the younger id becomes the older: called for each such pair. */
void                   patterns_on_merge(struct patterns *p, void (*f)(void *ctx, uint64_t gone, uint64_t into), void *ctx);
size_t                 patterns_count(const struct patterns *p);
size_t                 patterns_bytes(const struct patterns *p);
uint64_t               patterns_evicted(const struct patterns *p);
uint64_t               patterns_unfit(const struct patterns *p);      /* lines that fell under pattern 0 */
void                   patterns_each(struct patterns *p, bool (*f)(void *ctx, const struct pattern *), void *ctx);

/* The values that stood where the template has <*>, left to right; at most max. */
size_t                 patterns_fields(const struct patterns *p, const struct pattern *pattern, struct slice line, struct slice *field, size_t max);
/*
 * What varies, as JSON: {"fields":[{"index":0,"name":"user","example":"bob"},...],"more":3}.  The name is the key that stands before it, if one does; the
 * example comes from the sample, unless that was cut; "more" is how many of the last fields are left out.  out holds PATTERN_SCHEMA_MAX; returns its length.
 */
size_t                 patterns_schema(const struct patterns *p, const struct pattern *pattern, char *out, size_t size);

/* Everything that was learned, as bytes; and back. A damaged one: ERR_INPUT, and p is as it was. The caller frees *bytes. */
MUST_CHECK enum err patterns_save(const struct patterns *p, char **bytes, size_t *size, struct fault *fault);
MUST_CHECK enum err patterns_load(struct patterns *p, struct slice bytes, struct fault *fault);

#endif
