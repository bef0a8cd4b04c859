/*
 * event/inside.h - between event/read.c and the files that know one kind of record each. Nobody outside of this room includes it.
 *
 * A kind of record is a row in read.c's table: what reads it and what checks it.  Both walk the same bytes and must agree on what is malformed
 * and on the counts in the report.  A reader makes events in the arena and gives them out:
 *
 *     struct event *e = reading_event(r, EVENT_POINT, resource, scope);
 *     if (!e) return reading_full(r, fault);
 *     e->as.point.name = ...;
 *     if (!reading_give(r, e, fault)) return r->end;        // the taker has had enough, or the arena is full
 */
#ifndef EVENT_INSIDE_H
#define EVENT_INSIDE_H

#include "event/event.h"

struct reading {
    const struct record   *record;
    struct arena          *arena;
    event_take            *take;
    void                  *ctx;
    struct event_report   *report;       /* never NULL */
    struct attrs           labels;       /* record->labels: added to each event that has no attribute of that name */
    const struct resource *no_resource;  /* without attributes */
    const struct scope    *no_scope;     /* without a name */
    enum err               end;          /* what to answer after reading_give() said no */
    char                  *spare, *spare_end;   /* what is left of the piece of arena taken last */
};

struct event_kind {
    enum record_kind kind;
    enum err (*read)(struct reading *r, struct fault *fault);
    enum err (*check)(const struct record *r, struct event_report *report, struct fault *fault);
};

/* Zeroed memory of the arena, taken from it in larger pieces; NULL: it is full. */
void *reading_alloc(struct reading *r, size_t size);
/* An event with everything that comes from the record filled in. resource and scope may be NULL: those without anything. NULL: the arena is full. */
struct event *reading_event(struct reading *r, enum event_type type, const struct resource *resource, const struct scope *scope);
/* Adds the record's labels, numbers and counts the event, and gives it to the taker. false: stop reading and answer r->end. */
bool reading_give(struct reading *r, struct event *e, struct fault *fault);
/* ERR_LIMIT, with a text that says so. */
enum err reading_full(const struct reading *r, struct fault *fault);
/* JSON that was found to be well-formed. The value whose first token was read; deeper than values may be they become VALUE_NONE. false: the arena is full. */
struct pull;
bool reading_json(struct reading *r, struct pull *p, struct value *out);
/* The last KEY or TEXT, without escapes. */
bool reading_json_text(struct reading *r, const struct pull *p, struct slice *out);
/* Counts an event that is left out; the first one's reason is kept. */
PRINTF(2, 3) void report_reject(struct event_report *report, const char *format, ...);
/* Counts a text that is not UTF-8. */
void report_text(struct event_report *report, struct slice text);

/* A resource of these attributes, with its id; in the arena. NULL: it is full. */
struct resource *reading_resource(struct reading *r, struct attrs attrs);

/* One per kind. */
enum err otlp_logs_read(struct reading *r, struct fault *fault);
enum err otlp_logs_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err otlp_metrics_read(struct reading *r, struct fault *fault);
enum err otlp_metrics_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err otlp_traces_read(struct reading *r, struct fault *fault);
enum err otlp_traces_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err rows_read(struct reading *r, struct fault *fault);
enum err rows_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err series_read(struct reading *r, struct fault *fault);         /* remote write, and what our sensors read */
enum err series_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err scraped_read(struct reading *r, struct fault *fault);        /* exposition */
enum err scraped_check(const struct record *r, struct event_report *report, struct fault *fault);
enum err tables_read(struct reading *r, struct fault *fault);         /* Arrow */
enum err tables_check(const struct record *r, struct event_report *report, struct fault *fault);

#endif
