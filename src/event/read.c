/*
 * event/read.c - which file reads which kind of record, and what all of them need: events in the arena, labels of the record, counts.
 */
#include "event/inside.h"

#include "wire/protobuf.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static const struct event_kind kinds[] = {
    { RECORD_OTLP_LOGS,    otlp_logs_read,    otlp_logs_check },
    { RECORD_OTLP_METRICS, otlp_metrics_read, otlp_metrics_check },
    { RECORD_OTLP_TRACES,  otlp_traces_read,  otlp_traces_check },
    { RECORD_LINES,        otlp_logs_read,    otlp_logs_check },
    { RECORD_ROWS,         rows_read,         rows_check },
    { RECORD_REMOTE_WRITE, series_read,       series_check },
    { RECORD_SAMPLES,      series_read,       series_check },
    { RECORD_EXPOSITION,   scraped_read,      scraped_check },
    { RECORD_ARROW,        tables_read,       tables_check },
};

static const struct event_kind *kind_find(enum record_kind kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind)
            return &kinds[i];
    return NULL;
}

static const struct resource no_resource;
static const struct scope    no_scope;

enum { LABEL_PIECES_MAX = RECORD_LABELS_MAX };

/* key NUL value NUL ...: a last one without its NUL is taken too. */
static enum err labels_read(struct reading *r, struct fault *fault)
{
    struct slice all = r->record->labels;
    size_t       nul = 0;
    if (all.n == 0)
        return OK;
    if (all.n > LABEL_PIECES_MAX)
        return fail(fault, ERR_INPUT, "labels of record %llu: %zu bytes, at most %d", (unsigned long long)r->record->id, all.n, RECORD_LABELS_MAX);
    for (size_t i = 0; i < all.n; i++)
        nul += all.s[i] == '\0';
    struct attr *item = reading_alloc(r, (nul / 2 + 1) * sizeof *item);
    if (!item)
        return reading_full(r, fault);
    const char *at = all.s, *end = all.s + all.n;
    size_t      count = 0;
    while (at < end) {
        const char *key_end = memchr(at, '\0', (size_t)(end - at));
        if (!key_end)
            break;
        const char *value = key_end + 1, *value_end = value < end ? memchr(value, '\0', (size_t)(end - value)) : NULL;
        if (!value_end)
            value_end = end;
        item[count++] = (struct attr){ .key = { at, (size_t)(key_end - at) },
                                       .value = { .kind = VALUE_TEXT, .as.text = { value, (size_t)(value_end - value) } } };
        at = value_end + 1;
    }
    r->labels = (struct attrs){ item, count };
    return OK;
}

enum err event_read(const struct record *r, struct arena *a, event_take *take, void *ctx, struct event_report *report, struct fault *fault)
{
    struct event_report     own;
    const struct event_kind *kind = kind_find(r->kind);
    if (!report)
        report = &own;
    *report = (struct event_report){ 0 };
    if (!kind)
        return fail(fault, ERR_MISSING, "record %llu holds no events: %s", (unsigned long long)r->id, record_kind_name(r->kind));
    struct reading reading = { .record = r, .arena = a, .take = take, .ctx = ctx, .report = report,
                               .no_resource = &no_resource, .no_scope = &no_scope };
    enum err e = labels_read(&reading, fault);
    return e == OK ? kind->read(&reading, fault) : e;
}

enum err event_check_record(const struct record *r, struct event_report *report, struct fault *fault)
{
    struct event_report      own;
    const struct event_kind *k = kind_find(r->kind);
    if (!report)
        report = &own;
    *report = (struct event_report){ 0 };
    if (!k)
        return fail(fault, ERR_MISSING, "a record of kind %s holds no events", record_kind_name(r->kind));
    return k->check(r, report, fault);
}

enum err event_check(enum record_kind kind, enum record_form form, struct slice body, struct event_report *report, struct fault *fault)
{
    return event_check_record(&(struct record){ .kind = kind, .form = form, .body = body }, report, fault);
}

/* ---- is it too much? ---- */

/*
 * What a byte becomes at most, beside the event itself: an attribute of logs or a label of a series has at least two of them, and then 48; a link of a span
 * also two, and then 72.  Columns of Arrow without values have no bytes at all.
 */
enum { PLAIN_PER_BYTE = 24, ANY_PER_BYTE = 40, EVENT_BYTES = sizeof(struct event) + 64 };

static bool pass(void *ctx, const struct event *e) { return true; }

static bool surely_fits(const struct record *r)
{
    bool   plain = (r->kind == RECORD_OTLP_LOGS && r->form == FORM_PROTOBUF) || r->kind == RECORD_LINES || r->kind == RECORD_REMOTE_WRITE;
    size_t events = (size_t)r->events * (EVENT_BYTES + r->labels.n * sizeof(struct attr));
    return r->kind != RECORD_ARROW && events <= EVENT_DECODED_MAX && r->body.n * (plain ? PLAIN_PER_BYTE : ANY_PER_BYTE) <= EVENT_DECODED_MAX - events;
}

enum err event_fits(const struct record *r, struct fault *fault)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    struct event_report    report;
    struct fault           ignored;
    struct arena           a;
    if (surely_fits(r))
        return OK;
    (void)pthread_mutex_lock(&turn);
    arena_init(&a, EVENT_DECODED_MAX);
    enum err e = event_read(r, &a, pass, NULL, &report, &ignored);
    arena_done(&a);
    (void)pthread_mutex_unlock(&turn);
    if (e != ERR_LIMIT)
        return OK;                       /* what else may be wrong with it is for event_check to say */
    return fail(fault, ERR_LIMIT, "%u events in %zu bytes need more than %d MiB once they are decoded: send them in several requests", r->events, r->body.n, EVENT_DECODED_MAX >> 20);
}

/* ---- for the files of the kinds ---- */

enum { PIECE = 3072, ALIGN = 8 };    /* a piece and the arena's own header stay below a page */

void *reading_alloc(struct reading *r, size_t size)
{
    size = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if ((size_t)(r->spare_end - r->spare) < size) {
        char *piece = size < PIECE ? arena_alloc(r->arena, PIECE) : NULL;
        if (!piece)
            return arena_alloc(r->arena, size);
        r->spare = piece;
        r->spare_end = piece + PIECE;
    }
    void *p = r->spare;
    r->spare += size;
    return p;
}

struct event *reading_event(struct reading *r, enum event_type type, const struct resource *resource, const struct scope *scope)
{
    struct event *e = reading_alloc(r, sizeof *e);
    if (e) {
        e->type = type;
        e->record = r->record->id;
        e->received_us = r->record->received_us;
        e->tenant = r->record->tenant;
        e->source = r->record->source;
        e->resource = resource ? resource : r->no_resource;
        e->scope = scope ? scope : r->no_scope;
    }
    return e;
}

static bool has(const struct attrs *a, struct slice key)
{
    for (size_t i = 0; i < a->count; i++)
        if (slice_same(a->item[i].key, key))
            return true;
    return false;
}

bool reading_give(struct reading *r, struct event *e, struct fault *fault)
{
    if (r->labels.count) {
        size_t       count = e->attrs.count;
        struct attr *item = reading_alloc(r, (count + r->labels.count) * sizeof *item);
        if (!item) {
            r->end = reading_full(r, fault);
            return false;
        }
        if (count)
            memcpy(item, e->attrs.item, count * sizeof *item);
        for (size_t i = 0; i < r->labels.count; i++)
            if (!has(&e->attrs, r->labels.item[i].key))
                item[count++] = r->labels.item[i];
        e->attrs = (struct attrs){ item, count };
    }
    e->index = r->report->events++;
    r->end = OK;
    return r->take(r->ctx, e);
}

enum err reading_full(const struct reading *r, struct fault *fault)
{
    enum err e = fail(fault, ERR_LIMIT, "record %llu does not fit decoded into %zu bytes", (unsigned long long)r->record->id, r->arena->bound);
    fail_hint(fault, "give its reader a larger arena");
    return e;
}

void report_reject(struct event_report *report, const char *format, ...)
{
    if (report->rejected++)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(report->why, sizeof report->why, format, args);
    va_end(args);
}

void report_text(struct event_report *report, struct slice text)
{
    if (!utf8_valid(text))
        report->bad_text++;
}

struct resource *reading_resource(struct reading *r, struct attrs attrs)
{
    struct resource *one = reading_alloc(r, sizeof *one);
    if (one) {
        one->attrs = attrs;
        one->id = attrs_id(&attrs);
    }
    return one;
}
