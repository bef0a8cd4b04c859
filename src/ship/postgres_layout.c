/* ship/postgres_layout.c - see postgres_layout.h; the order of the columns is that of the COPY statements in sql/ship/postgres.sql. */
#include "ship/postgres_layout.h"

#include "ship/columns.h"
#include "ship/json.h"
#include "ship/postgres_sql.h"
#include "wire/otlp_reply.h"
#include "wire/protobuf.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SECONDS_TO_2000 = 946684800, LOG_COLUMNS = 13, POINT_COLUMNS = 15, SPAN_COLUMNS = 17, SCRATCH_MAX = 256 * 1024 * 1024 };

static const struct pg_table tables[] = {
    [EVENT_LOG] = { EVENT_LOG, "logs_events", sql_postgres_stage_logs, sql_postgres_copy_logs, sql_postgres_insert_logs },
    [EVENT_POINT] = { EVENT_POINT, "metrics_events", sql_postgres_stage_metrics, sql_postgres_copy_metrics, sql_postgres_insert_metrics },
    [EVENT_SPAN] = { EVENT_SPAN, "trace_events", sql_postgres_stage_traces, sql_postgres_copy_traces, sql_postgres_insert_traces },
};

const struct pg_table *pg_tables(void) { return tables; }

/* ---- single fields: a length of four bytes, highest first, then the bytes; -1 is NULL ---- */

static void put_number(struct text *out, uint64_t v, size_t bytes)
{
    char b[8];
    for (size_t i = 0; i < bytes; i++)
        b[i] = (char)(v >> (8 * (bytes - 1 - i)) & 0xff);
    text_add_n(out, b, bytes);
}

static void field_number(struct pg_rows *r, uint64_t v, size_t bytes)
{
    put_number(&r->out, bytes, 4);
    put_number(&r->out, v, bytes);
}

static void field_null(struct pg_rows *r) { put_number(&r->out, UINT32_MAX, 4); }

static void field_real(struct pg_rows *r, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    field_number(r, bits, 8);
}

static void field_bytes(struct pg_rows *r, struct slice s)
{
    put_number(&r->out, s.n, 4);
    text_add_n(&r->out, s.n ? s.s : "", s.n);
}

/* How many bytes of s from i on are one character that PostgreSQL takes; 0: none. */
static size_t character(struct slice s, size_t i)
{
    unsigned char c = (unsigned char)s.s[i];
    size_t        n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return c != 0 && n <= s.n - i && (n == 1 || utf8_valid((struct slice){ s.s + i, n })) ? n : 0;
}

static struct slice cleaned(struct pg_rows *r, struct slice s)
{
    if (!s.n || (!memchr(s.s, 0, s.n) && utf8_valid(s)))
        return s;
    text_clear(&r->clean);
    for (size_t i = 0; i < s.n; ) {
        size_t n = character(s, i);
        text_add_n(&r->clean, n ? s.s + i : "\xef\xbf\xbd", n ? n : 3);
        r->replaced += n == 0;
        i += n ? n : 1;
    }
    return (struct slice){ r->clean.s, r->clean.used };
}

static void field_text(struct pg_rows *r, struct slice s) { field_bytes(r, cleaned(r, s)); }

static void field_text_or_null(struct pg_rows *r, struct slice s)
{
    if (s.n)
        field_text(r, s);
    else
        field_null(r);
}

static void field_hex_or_null(struct pg_rows *r, struct slice s)
{
    if (!s.n) {
        field_null(r);
        return;
    }
    put_number(&r->out, 2 * s.n, 4);
    ship_json_hex(&r->out, s);
}

/* The escape \u0000, which jsonb does not hold, becomes \ufffd, in place. */
static void clean_json(struct pg_rows *r, char *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        if (s[i] != '\\')
            continue;
        if (n - i >= 6 && memcmp(s + i, "\\u0000", 6) == 0) {
            memcpy(s + i, "\\ufffd", 6);
            r->replaced++;
        }
        i++;                      /* what is escaped is no backslash of its own */
    }
}

/* What is in scratch, as jsonb of version 1. */
static void field_json(struct pg_rows *r)
{
    put_number(&r->out, r->scratch.used + 1, 4);
    put_number(&r->out, 1, 1);
    text_add_n(&r->out, r->scratch.s, r->scratch.used);
    r->out.cut = r->out.cut || r->scratch.cut;
}

/* ---- parts of rows ---- */

static void put_head(struct pg_rows *r, const struct event *e, unsigned columns)
{
    int64_t ns = columns_time_ns(e), us = ns / 1000 - (ns % 1000 < 0);
    put_number(&r->out, columns, 2);
    field_number(r, (uint64_t)(us - (int64_t)SECONDS_TO_2000 * 1000000), 8);
    field_number(r, e->record, 8);
    field_number(r, e->index, 4);
    field_number(r, e->resource->id, 8);
    field_text(r, e->tenant);
    field_text(r, columns_app(e));
    field_text(r, columns_host(e));
}

/* Last in its row, for it also says how much of the row was replaced. Of a key that stands there twice jsonb keeps the last. */
static void put_labels(struct pg_rows *r, const struct event *e, uint64_t replaced_before)
{
    bool any = false;
    text_clear(&r->scratch);
    text_add(&r->scratch, "{");
    for (int which = 0; which < COLUMNS_ATTRS; which++) {
        const struct attrs *a = columns_attrs(e, which);
        for (size_t i = 0; i < a->count; i++) {
            if (!columns_is_label(which, &a->item[i]))
                continue;
            text_add(&r->scratch, any ? "," : "");
            json_put_text(&r->scratch, a->item[i].key);
            text_add(&r->scratch, ":");
            ship_json_value(&r->scratch, &a->item[i].value);
            any = true;
        }
    }
    clean_json(r, r->scratch.s, r->scratch.used);
    if (r->replaced != replaced_before)
        text_printf(&r->scratch, "%s\"homeostat.replaced\":%" PRIu64, any ? "," : "", r->replaced - replaced_before);
    text_add(&r->scratch, "}");
    field_json(r);
}

/* All of the event as files have it: what columns do not hold is in there. */
static void put_whole(struct pg_rows *r, const struct event *e)
{
    text_clear(&r->scratch);
    ship_json_event(&r->scratch, e);
    clean_json(r, r->scratch.s, r->scratch.used);
    field_json(r);
}

static void add_log(struct pg_rows *r, const struct event *e)
{
    uint64_t replaced = r->replaced;
    put_head(r, e, LOG_COLUMNS);
    field_hex_or_null(r, e->as.log.trace_id);
    field_hex_or_null(r, e->as.log.span_id);
    field_text_or_null(r, columns_level(e));
    field_number(r, (uint64_t)e->as.log.severity, 2);
    field_text(r, columns_message(e, &r->scratch));
    put_labels(r, e, replaced);
}

static void add_point(struct pg_rows *r, const struct event *e)
{
    static const char *const kinds[] = { "unknown", "gauge", "sum", "histogram", "exponential_histogram", "summary", "info", "stateset" };
    const struct point_event *p = &e->as.point;
    uint64_t                  replaced = r->replaced;
    bool                      compound = p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL || p->kind == POINT_SUMMARY;
    put_head(r, e, POINT_COLUMNS);
    field_text(r, p->name);
    if (compound || p->stale)
        field_null(r);
    else
        field_real(r, p->value);
    field_text(r, slice_of((size_t)p->kind < sizeof kinds / sizeof kinds[0] ? kinds[p->kind] : kinds[0]));
    field_text(r, p->unit);
    field_hex_or_null(r, columns_trace(e));
    field_text_or_null(r, columns_level(e));
    if (compound || p->stale || p->is_int || p->exemplars_n)
        put_whole(r, e);
    else
        field_null(r);
    put_labels(r, e, replaced);
}

static void add_span(struct pg_rows *r, const struct event *e)
{
    static const char *const kinds[] = { "unknown", "internal", "server", "client", "producer", "consumer" }, *const states[] = { "unset", "ok", "error" };
    const struct span_event *s = &e->as.span;
    uint64_t                 replaced = r->replaced;
    put_head(r, e, SPAN_COLUMNS);
    put_number(&r->out, 2 * s->trace_id.n, 4);
    ship_json_hex(&r->out, s->trace_id);
    put_number(&r->out, 2 * s->span_id.n, 4);
    ship_json_hex(&r->out, s->span_id);
    field_hex_or_null(r, s->parent_id);
    field_text(r, s->name);
    field_text(r, slice_of((size_t)s->kind < 6 ? kinds[s->kind] : kinds[0]));
    field_text(r, slice_of((size_t)s->status < 3 ? states[s->status] : states[0]));
    field_text_or_null(r, s->status_message);
    field_number(r, (uint64_t)(s->end_ns - s->start_ns), 8);
    if (s->notes_n || s->links_n || s->state.n)
        put_whole(r, e);
    else
        field_null(r);
    put_labels(r, e, replaced);
}

/* ---- the stream ---- */

void pg_rows_init(struct pg_rows *r, size_t max)
{
    *r = (struct pg_rows){ 0 };
    text_init(&r->out, max);
    text_init(&r->scratch, SCRATCH_MAX);
    text_init(&r->clean, SCRATCH_MAX);
}

void pg_rows_done(struct pg_rows *r)
{
    text_done(&r->out);
    text_done(&r->scratch);
    text_done(&r->clean);
}

void pg_rows_begin(struct pg_rows *r)
{
    text_clear(&r->out);
    r->rows = r->replaced = 0;
    text_add_n(&r->out, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);       /* signature, flags, length of what the header has more */
}

void pg_rows_add(struct pg_rows *r, const struct event *e)
{
    r->rows++;
    switch (e->type) {
    case EVENT_LOG:   add_log(r, e); break;
    case EVENT_POINT: add_point(r, e); break;
    case EVENT_SPAN:  add_span(r, e); break;
    }
}

void pg_rows_end(struct pg_rows *r) { put_number(&r->out, UINT16_MAX, 2); }

int64_t pg_row_day(const struct event *e)
{
    int64_t day_ns = (int64_t)86400 * 1000000000, ns = columns_time_ns(e);
    return ns / day_ns - (ns % day_ns < 0);
}
