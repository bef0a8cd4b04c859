/* load/rows.c - TPC-C's initial population. */
#include "load/rows.h"

#include <string.h>

struct writer {
    struct load_writer         out;
    const struct load_content *content;
};

static int draw(struct writer *w, int lo, int hi)                        { return load_draw(&w->out, lo, hi); }
static void put(struct writer *w, const char *text)                      { load_put(&w->out, text); }
static void put_null(struct writer *w)                                   { load_put_null(&w->out); }
static void put_int(struct writer *w, int64_t value)                     { load_put_int(&w->out, value); }
static void put_decimal(struct writer *w, int64_t value, int decimals)   { load_put_decimal(&w->out, value, decimals); }
static void put_letters(struct writer *w, size_t lo, size_t hi)          { load_put_letters(&w->out, lo, hi); }
static void put_number_text(struct writer *w, size_t lo, size_t hi)      { load_put_number_text(&w->out, lo, hi); }
static void end_row(struct writer *w)                                    { load_end_row(&w->out); }

/* 26 to 50 letters; one in ten has ORIGINAL somewhere in it. */
static void put_data(struct writer *w)
{
    char   data[50];
    size_t n = load_draw_letters(&w->out.rand, 26, 50, data);
    if (draw(w, 1, 10) == 1)
        memcpy(data + draw(w, 0, (int)n - 8), "ORIGINAL", 8);
    load_begin_field(&w->out);
    load_add(&w->out, data, n);
}

/* street_1, street_2, city, state, zip */
static void put_address(struct writer *w)
{
    put_letters(w, 10, 20);
    put_letters(w, 10, 20);
    put_letters(w, 10, 20);
    put_letters(w, 2, 2);
    put_number_text(w, 4, 4);
    load_add(&w->out, "11111", 5);
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
            (void)load_last_name(c <= LOAD_LAST_NAMES ? c - 1 : load_draw_last_name(&w->out.rand, &w->content->constants), name);
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
    struct writer w = { .content = content };
    load_writer_init(&w.out, sink, fault);
    rand_seed(&w.out.rand, content->seed ^ ((uint64_t)warehouse << 20) ^ ((uint64_t)table << 16));
    tables[table].write(&w, warehouse);
    return load_writer_finish(&w.out);
}
