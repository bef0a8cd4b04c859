/* ship/clickhouse_layout.c - see clickhouse_layout.h. Numbers are fixed in size, lowest byte first; a text has its length in front, seven bits a byte. */
#include "ship/clickhouse_layout.h"

#include "ship/columns.h"
#include "ship/json.h"

#include <stdbool.h>

static void put_number(struct text *out, uint64_t v, size_t bytes)
{
    char b[8];
    for (size_t i = 0; i < bytes; i++)
        b[i] = (char)(v >> (8 * i) & 0xff);
    text_add_n(out, b, bytes);
}

static void put_count(struct text *out, uint64_t v)
{
    do {
        char b = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        text_add_n(out, &b, 1);
    } while (v >>= 7);
}

static void put_text(struct text *out, struct slice s)
{
    put_count(out, s.n);
    text_add_n(out, s.n ? s.s : "", s.n);
}

static void put_hex(struct text *out, struct slice s)
{
    put_count(out, 2 * s.n);
    ship_json_hex(out, s);
}

/* Of a key that stands there twice a Map gives out the first, so the event's own come first. Texts without quotes, all else as JSON. */
static void put_labels(struct text *out, const struct event *e, struct text *scratch)
{
    uint64_t n = 0;
    for (int which = 0; which < COLUMNS_ATTRS; which++)
        for (size_t i = 0; i < columns_attrs(e, which)->count; i++)
            n += columns_is_label(which, &columns_attrs(e, which)->item[i]);
    put_count(out, n);
    for (int which = COLUMNS_ATTRS; which-- > 0; )
        for (size_t i = 0; i < columns_attrs(e, which)->count; i++) {
            const struct attr *a = &columns_attrs(e, which)->item[i];
            if (!columns_is_label(which, a))
                continue;
            put_text(out, a->key);
            text_clear(scratch);
            if (a->value.kind != VALUE_TEXT)
                ship_json_value(scratch, &a->value);
            put_text(out, a->value.kind == VALUE_TEXT ? a->value.as.text : (struct slice){ scratch->s, scratch->used });
            out->cut = out->cut || scratch->cut;
        }
}

void click_row(struct text *out, const struct event *e, struct text *scratch)
{
    const struct log_event *l = &e->as.log;
    put_number(out, (uint64_t)columns_time_ns(e), 8);
    put_text(out, columns_app(e));
    put_text(out, columns_host(e));
    put_hex(out, l->trace_id);
    put_hex(out, l->span_id);
    put_text(out, columns_level(e));
    put_number(out, (uint64_t)l->severity, 1);
    put_text(out, columns_message(e, scratch));
    put_labels(out, e, scratch);
    put_text(out, e->tenant);
    put_number(out, e->resource->id, 8);
    put_number(out, e->record, 8);
    put_number(out, e->index, 4);
}
