/* load/rows.c - TPC-C's initial population. Hand-made formatting, because a load writes a hundred million characters. */
#include "load/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    struct load_sink *sink;
    struct fault     *fault;
    struct rand       rand;
    const struct load_content *content;
    bool              in_row;
};

static void tab(struct writer *w)
{
    if (w->in_row)
        w->sink->bytes[w->sink->used++] = '\t';
    w->in_row = true;
}

static void end_row(struct writer *w)
{
    struct load_sink *s = w->sink;
    s->bytes[s->used++] = '\n';
    w->in_row = false;
    (void)__atomic_fetch_add(s->rows, 1, __ATOMIC_RELAXED);
    if (s->used >= LOAD_SINK_BYTES) {
        assert(s->used < sizeof s->bytes);
        if (s->failed == OK)
            s->failed = s->send(s->ctx, s->bytes, s->used, w->fault);
        s->used = 0;
    }
}

static int draw(struct writer *w, int lo, int hi) { return (int)rand_int(&w->rand, lo, hi); }

static void put_raw(struct writer *w, const char *text, size_t n)
{
    memcpy(w->sink->bytes + w->sink->used, text, n);
    w->sink->used += n;
}

static void put(struct writer *w, const char *text)
{
    tab(w);
    put_raw(w, text, strlen(text));
}

static void put_null(struct writer *w) { put(w, "\\N"); }

static void put_digits(struct writer *w, int64_t value, int least_digits)
{
    char   digits[24];
    size_t n = sizeof digits;
    assert(value >= 0);
    while (value > 0 || least_digits > 0) {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
        least_digits--;
    }
    put_raw(w, digits + n, sizeof digits - n);
}

static void put_int(struct writer *w, int64_t value)
{
    tab(w);
    put_digits(w, value, 1);
}

/* value / 10^decimals */
static void put_decimal(struct writer *w, int64_t value, int decimals)
{
    int64_t unit = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    tab(w);
    put_digits(w, value / unit, 1);
    put_raw(w, ".", 1);
    put_digits(w, value % unit, decimals);
}

static void put_letters(struct writer *w, size_t lo, size_t hi)
{
    tab(w);
    w->sink->used += load_draw_letters(&w->rand, lo, hi, w->sink->bytes + w->sink->used);
}

static void put_number_text(struct writer *w, size_t lo, size_t hi)
{
    tab(w);
    w->sink->used += load_draw_digits(&w->rand, lo, hi, w->sink->bytes + w->sink->used);
}

/* 26 to 50 letters; one in ten has ORIGINAL somewhere in it. */
static void put_data(struct writer *w)
{
    tab(w);
    char  *at = w->sink->bytes + w->sink->used;
    size_t n = load_draw_letters(&w->rand, 26, 50, at);
    if (draw(w, 1, 10) == 1)
        memcpy(at + draw(w, 0, (int)n - 8), "ORIGINAL", 8);
    w->sink->used += n;
}

/* street_1, street_2, city, state, zip */
static void put_address(struct writer *w)
{
    put_letters(w, 10, 20);
    put_letters(w, 10, 20);
    put_letters(w, 10, 20);
    put_letters(w, 2, 2);
    put_number_text(w, 4, 4);
    put_raw(w, "11111", 5);
}

static void write_items(struct writer *w, int warehouse)
{
    (void)warehouse;
    for (int i = 1; i <= LOAD_ITEMS; i++) {
        put_int(w, i);
        put_int(w, draw(w, 1, 10000));
        put_letters(w, 14, 24);
        put_decimal(w, draw(w, 100, 10000), 2);
        put_data(w);
        end_row(w);
    }
}

static void write_warehouse(struct writer *w, int warehouse)
{
    put_int(w, warehouse);
    put_letters(w, 6, 10);
    put_address(w);
    put_decimal(w, draw(w, 0, 2000), 4);
    put(w, "300000.00");
    end_row(w);
}

static void write_stock(struct writer *w, int warehouse)
{
    for (int i = 1; i <= LOAD_ITEMS; i++) {
        put_int(w, i);
        put_int(w, warehouse);
        put_int(w, draw(w, 10, 100));
        for (int d = 0; d < LOAD_DISTRICTS; d++)
            put_letters(w, 24, 24);
        put(w, "0");
        put(w, "0");
        put(w, "0");
        put_data(w);
        end_row(w);
    }
}

static void write_districts(struct writer *w, int warehouse)
{
    for (int d = 1; d <= LOAD_DISTRICTS; d++) {
        put_int(w, d);
        put_int(w, warehouse);
        put_letters(w, 6, 10);
        put_address(w);
        put_decimal(w, draw(w, 0, 2000), 4);
        put(w, "30000.00");
        put_int(w, LOAD_ORDERS + 1);
        end_row(w);
    }
}

static void write_customers(struct writer *w, int warehouse)
{
    for (int d = 1; d <= LOAD_DISTRICTS; d++)
        for (int c = 1; c <= LOAD_CUSTOMERS; c++) {
            char name[LOAD_LAST_NAME_SIZE];
            (void)load_last_name(c <= LOAD_LAST_NAMES ? c - 1 : load_draw_last_name(&w->rand, &w->content->constants), name);
            put_int(w, c);
            put_int(w, d);
            put_int(w, warehouse);
            put_letters(w, 8, 16);
            put(w, "OE");
            put(w, name);
            put_address(w);
            put_number_text(w, 16, 16);
            put(w, w->content->now);
            put(w, draw(w, 1, 10) == 1 ? "BC" : "GC");
            put(w, "50000.00");
            put_decimal(w, draw(w, 0, 5000), 4);
            put(w, "-10.00");
            put(w, "10.00");
            put(w, "1");
            put(w, "0");
            put_letters(w, 300, 500);
            end_row(w);
        }
}

static void write_history(struct writer *w, int warehouse)
{
    for (int d = 1; d <= LOAD_DISTRICTS; d++)
        for (int c = 1; c <= LOAD_CUSTOMERS; c++) {
            put_int(w, c);
            put_int(w, d);
            put_int(w, warehouse);
            put_int(w, d);
            put_int(w, warehouse);
            put(w, w->content->now);
            put(w, "10.00");
            put_letters(w, 12, 24);
            end_row(w);
        }
}

/* Orders and their lines are written apart but must agree on the number of lines, so that comes from a generator of its own. */
static void seed_lines(struct rand *r, const struct load_content *content, int warehouse, int district)
{
    rand_seed(r, content->seed ^ ((uint64_t)warehouse << 20) ^ ((uint64_t)district << 8) ^ UINT64_C(0x6c696e6573));
}

static int draw_line_count(struct rand *r) { return (int)rand_int(r, 5, 15); }

static void write_orders(struct writer *w, int warehouse)
{
    int customers[LOAD_CUSTOMERS];
    for (int d = 1; d <= LOAD_DISTRICTS; d++) {
        struct rand lines;
        seed_lines(&lines, w->content, warehouse, d);
        for (int i = 0; i < LOAD_CUSTOMERS; i++)
            customers[i] = i + 1;
        for (int i = LOAD_CUSTOMERS - 1; i > 0; i--) {
            int j = draw(w, 0, i), c = customers[i];
            customers[i] = customers[j];
            customers[j] = c;
        }
        for (int o = 1; o <= LOAD_ORDERS; o++) {
            put_int(w, o);
            put_int(w, d);
            put_int(w, warehouse);
            put_int(w, customers[o - 1]);
            put(w, w->content->now);
            if (o < LOAD_FIRST_UNDELIVERED)
                put_int(w, draw(w, 1, 10));
            else
                put_null(w);
            put_int(w, draw_line_count(&lines));
            put(w, "1");
            end_row(w);
        }
    }
}

static void write_new_orders(struct writer *w, int warehouse)
{
    for (int d = 1; d <= LOAD_DISTRICTS; d++)
        for (int o = LOAD_FIRST_UNDELIVERED; o <= LOAD_ORDERS; o++) {
            put_int(w, o);
            put_int(w, d);
            put_int(w, warehouse);
            end_row(w);
        }
}

static void write_order_lines(struct writer *w, int warehouse)
{
    for (int d = 1; d <= LOAD_DISTRICTS; d++) {
        struct rand lines;
        seed_lines(&lines, w->content, warehouse, d);
        for (int o = 1; o <= LOAD_ORDERS; o++) {
            bool delivered = o < LOAD_FIRST_UNDELIVERED;
            int  count = draw_line_count(&lines);
            for (int n = 1; n <= count; n++) {
                put_int(w, o);
                put_int(w, d);
                put_int(w, warehouse);
                put_int(w, n);
                put_int(w, draw(w, 1, LOAD_ITEMS));
                put_int(w, warehouse);
                if (delivered)
                    put(w, w->content->now);
                else
                    put_null(w);
                put(w, "5");
                put_decimal(w, delivered ? 0 : draw(w, 1, 999999), 2);
                put_letters(w, 24, 24);
                end_row(w);
            }
        }
    }
}

static const struct { void (*write)(struct writer *w, int warehouse); int64_t rows; } tables[LOAD_TABLES] = {
    [LOAD_ITEM]          = { write_items,       LOAD_ITEMS },
    [LOAD_WAREHOUSE]     = { write_warehouse,   1 },
    [LOAD_STOCK]         = { write_stock,       LOAD_ITEMS },
    [LOAD_DISTRICT]      = { write_districts,   LOAD_DISTRICTS },
    [LOAD_CUSTOMER]      = { write_customers,   LOAD_DISTRICTS * LOAD_CUSTOMERS },
    [LOAD_HISTORY]       = { write_history,     LOAD_DISTRICTS * LOAD_CUSTOMERS },
    [LOAD_ORDER]         = { write_orders,      LOAD_DISTRICTS * LOAD_ORDERS },
    [LOAD_NEW_ORDER_ROW] = { write_new_orders,  LOAD_DISTRICTS * (LOAD_ORDERS - LOAD_FIRST_UNDELIVERED + 1) },
    [LOAD_ORDER_LINE]    = { write_order_lines, LOAD_DISTRICTS * LOAD_ORDERS * 10 },
};

int64_t load_rows_expected(enum load_table table) { return tables[table].rows; }

enum err load_rows_write(const struct load_content *content, enum load_table table, int warehouse, struct load_sink *sink, struct fault *fault)
{
    struct writer w = { .sink = sink, .fault = fault, .content = content };
    rand_seed(&w.rand, content->seed ^ ((uint64_t)warehouse << 20) ^ ((uint64_t)table << 16));
    sink->failed = OK;
    sink->used = 0;
    tables[table].write(&w, warehouse);
    if (sink->failed == OK && sink->used > 0)
        sink->failed = sink->send(sink->ctx, sink->bytes, sink->used, fault);
    return sink->failed;
}
