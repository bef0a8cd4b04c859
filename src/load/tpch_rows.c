/* load/tpch_rows.c - see the header. Money is cents, dates are days. */
#include "load/tpch_rows.h"

#include "load/random.h"
#include "load/tpch_words.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SUPPLIERS_PER_SCALE  10000
#define PARTS_PER_SUPPLIER   20
#define CUSTOMERS_PER_SUPPLIER 15
#define ORDERS_PER_SUPPLIER  150
#define COMPLAINT_BLOCK      2000   /* suppliers of whom one complains and one recommends */

static int pick(struct rand *r, int n) { return (int)rand_int(r, 0, n - 1); }

static void fill_dates(char dates[LOAD_DAYS][11])
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int              day = 0;
    for (int year = 1992; year <= 1998; year++)
        for (int month = 1; month <= 12; month++)
            for (int d = 1; d <= lengths[month - 1] + (month == 2 && year % 4 == 0); d++)
                (void)snprintf(dates[day++], sizeof dates[0], "%04d-%02d-%02d", year, month, d % 100);
    assert(day == LOAD_DAYS);
}

void load_tpch_init(struct load_tpch *t, double scale, uint64_t seed)
{
    struct rand r;
    *t = (struct load_tpch){ .seed = seed, .suppliers = llround(scale * SUPPLIERS_PER_SCALE) };
    if (t->suppliers < LOAD_PART_SUPPLIERS)
        t->suppliers = LOAD_PART_SUPPLIERS;
    t->scale = (double)t->suppliers / SUPPLIERS_PER_SCALE;
    t->parts = t->suppliers * PARTS_PER_SUPPLIER;
    t->customers = t->suppliers * CUSTOMERS_PER_SUPPLIER;
    t->orders = t->suppliers * ORDERS_PER_SUPPLIER;
    t->clerks = t->suppliers / 10 > 0 ? t->suppliers / 10 : 1;
    rand_seed(&r, seed);
    for (int i = 0; i < TPCH_TABLES; i++)
        t->base[i] = rand_u64(&r);
    fill_dates(t->dates);
}

/* Row `number` of a table begins here, whoever writes it. */
static void seed_row(const struct load_tpch *t, enum load_tpch_table table, int64_t number, struct rand *r) { rand_seed(r, t->base[table] ^ (uint64_t)number); }

/* -- rules ------------------------------------------------------------------------------------------------------------- */

int64_t load_tpch_order_key(int64_t number) { return number / 8 * 32 + number % 8 + 1; }

int64_t load_tpch_part_price_cents(int64_t part) { return 90000 + part / 10 % 20001 + 100 * (part % 1000); }

int64_t load_tpch_part_supplier(const struct load_tpch *t, int64_t part, int which)
{
    int64_t s = t->suppliers, step = s / 4 + (part - 1) / s;
    if (step % s == 0 || 2 * step % s == 0 || 3 * step % s == 0)   /* only few suppliers: see the header */
        step = s / 4;
    return (part + which * step) % s + 1;
}

enum load_complaint load_tpch_supplier_complaint(const struct load_tpch *t, int64_t supplier)
{
    struct rand r;
    int64_t     size = t->suppliers < COMPLAINT_BLOCK ? t->suppliers : COMPLAINT_BLOCK, block = (supplier - 1) / size, place = (supplier - 1) % size;
    seed_row(t, TPCH_SUPPLIER, -1 - block, &r);
    int64_t complains = rand_int(&r, 0, size - 1), recommends = rand_int(&r, 0, size - 2);
    if (recommends >= complains)
        recommends++;
    return place == complains ? LOAD_COMPLAINS : place == recommends ? LOAD_RECOMMENDS : LOAD_PLAIN;
}

static void draw_line(const struct load_tpch *t, int ordered, struct load_tpch_line *l, struct rand *r)
{
    l->part = rand_int(r, 1, t->parts);
    l->supplier = load_tpch_part_supplier(t, l->part, pick(r, LOAD_PART_SUPPLIERS));
    l->quantity = 1 + pick(r, 50);
    l->price_cents = l->quantity * load_tpch_part_price_cents(l->part);
    l->discount = pick(r, 11);
    l->tax = pick(r, 9);
    l->shipped = ordered + 1 + pick(r, 121);
    l->promised = ordered + 30 + pick(r, 61);
    l->received = l->shipped + 1 + pick(r, 30);
    l->returned = l->received > LOAD_DAY_TODAY ? 'N' : pick(r, 2) ? 'R' : 'A';
    l->status = l->shipped > LOAD_DAY_TODAY ? 'O' : 'F';
    l->instruction = pick(r, LOAD_INSTRUCTIONS);
    l->mode = pick(r, LOAD_SHIP_MODES);
}

void load_tpch_draw_order(const struct load_tpch *t, int64_t number, struct load_tpch_order *o)
{
    struct rand r;
    seed_row(t, TPCH_ORDERS, number, &r);
    o->key = load_tpch_order_key(number);
    int64_t n = rand_int(&r, 1, t->customers - t->customers / 3);
    o->customer = n + (n - 1) / 2;   /* every third customer never orders */
    o->date = pick(&r, LOAD_DAY_LAST_ORDER + 1);
    o->priority = pick(&r, LOAD_PRIORITIES);
    o->clerk = rand_int(&r, 1, t->clerks);
    o->lines = 1 + pick(&r, LOAD_ORDER_LINES_MAX);
    int64_t total = 0;
    int     open = 0;
    for (int i = 0; i < o->lines; i++) {
        struct load_tpch_line *l = &o->line[i];
        draw_line(t, o->date, l, &r);
        total += l->price_cents * (100 + l->tax) * (100 - l->discount);
        open += l->status == 'O';
    }
    o->total_cents = (total + 5000) / 10000;
    o->status = open == o->lines ? 'O' : open == 0 ? 'F' : 'P';
    o->rest = r;
}

/* -- writing ----------------------------------------------------------------------------------------------------------- */

static void put_comment(struct load_writer *w, size_t lo, size_t hi)
{
    char   text[200];
    size_t n = load_draw_comment(&w->rand, lo, hi, text);
    load_begin_field(w);
    load_add(w, text, n);
}

/* "Supplier#000000001" */
static void put_numbered(struct load_writer *w, const char *word, int64_t number)
{
    load_put(w, word);
    load_add_digits(w, number, 9);
}

/* Country code 10 to 34, then three groups of digits. */
static void put_phone(struct load_writer *w, int nation)
{
    load_put_int(w, 10 + nation);
    for (int group = 0; group < 3; group++) {
        load_add(w, "-", 1);
        load_add_digits(w, group < 2 ? load_draw(w, 100, 999) : load_draw(w, 1000, 9999), 1);
    }
}

static void put_words(struct load_writer *w, const char *const *words, int n)
{
    load_begin_field(w);
    for (int i = 0; i < n; i++) {
        if (i > 0)
            load_add(w, " ", 1);
        load_add(w, words[i], strlen(words[i]));
    }
}

static void write_region(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_REGION, n, &w->rand);
    load_put_int(w, n);
    load_put(w, load_regions[n]);
    put_comment(w, 31, 115);
    load_end_row(w);
}

static void write_nation(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_NATION, n, &w->rand);
    load_put_int(w, n);
    load_put(w, load_nations[n].name);
    load_put_int(w, load_nations[n].region);
    put_comment(w, 31, 114);
    load_end_row(w);
}

/* Somewhere in the comment "Customer", anything, and then what the supplier is known for: Q16 looks for it. */
static void put_supplier_comment(struct load_writer *w, enum load_complaint complaint)
{
    char   text[200];
    size_t n = load_draw_comment(&w->rand, 25, 100, text);
    if (complaint != LOAD_PLAIN) {
        const char *second = complaint == LOAD_COMPLAINS ? "Complaints" : "Recommends";
        int         spare = (int)n - 8 - 10, at = load_draw(w, 0, spare), gap = load_draw(w, 0, spare - at);
        memcpy(text + at, "Customer", 8);
        memcpy(text + at + 8 + gap, second, 10);
    }
    load_begin_field(w);
    load_add(w, text, n);
}

static void write_supplier(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_SUPPLIER, n, &w->rand);
    int nation = load_draw(w, 0, LOAD_NATIONS - 1);
    load_put_int(w, n + 1);
    put_numbered(w, "Supplier#", n + 1);
    load_put_letters(w, 10, 40);
    load_put_int(w, nation);
    put_phone(w, nation);
    load_put_decimal(w, load_draw(w, -99999, 999999), 2);
    put_supplier_comment(w, load_tpch_supplier_complaint(t, n + 1));
    load_end_row(w);
}

static void write_customer(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_CUSTOMER, n, &w->rand);
    int nation = load_draw(w, 0, LOAD_NATIONS - 1);
    load_put_int(w, n + 1);
    put_numbered(w, "Customer#", n + 1);
    load_put_letters(w, 10, 40);
    load_put_int(w, nation);
    put_phone(w, nation);
    load_put_decimal(w, load_draw(w, -99999, 999999), 2);
    load_put(w, load_segments[load_draw(w, 0, LOAD_SEGMENTS - 1)]);
    put_comment(w, 29, 116);
    load_end_row(w);
}

/* Five different colours. */
static void put_part_name(struct load_writer *w)
{
    const char *words[5];
    int         taken[5];
    for (int i = 0; i < 5; i++) {
        bool again;
        do {
            taken[i] = load_draw(w, 0, LOAD_COLOURS - 1);
            again = false;
            for (int j = 0; j < i; j++)
                again = again || taken[j] == taken[i];
        } while (again);
        words[i] = load_colours[taken[i]];
    }
    put_words(w, words, 5);
}

static void write_part(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_PART, n, &w->rand);
    load_put_int(w, n + 1);
    put_part_name(w);
    int maker = load_draw(w, 1, 5);
    load_put(w, "Manufacturer#");
    load_add_digits(w, maker, 1);
    load_put(w, "Brand#");
    load_add_digits(w, 10 * maker + load_draw(w, 1, 5), 1);
    const char *type[3], *box[2];
    type[0] = load_type_sizes[load_draw(w, 0, LOAD_TYPE_SIZES - 1)];
    type[1] = load_type_finishes[load_draw(w, 0, LOAD_TYPE_FINISH - 1)];
    type[2] = load_type_metals[load_draw(w, 0, LOAD_TYPE_METALS - 1)];
    put_words(w, type, 3);
    load_put_int(w, load_draw(w, 1, 50));
    box[0] = load_box_sizes[load_draw(w, 0, LOAD_BOX_SIZES - 1)];
    box[1] = load_box_kinds[load_draw(w, 0, LOAD_BOX_KINDS - 1)];
    put_words(w, box, 2);
    load_put_decimal(w, load_tpch_part_price_cents(n + 1), 2);
    put_comment(w, 5, 22);
    load_end_row(w);
}

static void write_partsupp(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    seed_row(t, TPCH_PARTSUPP, n, &w->rand);
    for (int i = 0; i < LOAD_PART_SUPPLIERS; i++) {
        load_put_int(w, n + 1);
        load_put_int(w, load_tpch_part_supplier(t, n + 1, i));
        load_put_int(w, load_draw(w, 1, 9999));
        load_put_decimal(w, load_draw(w, 100, 100000), 2);
        put_comment(w, 49, 198);
        load_end_row(w);
    }
}

static void put_letter(struct load_writer *w, char c)
{
    load_begin_field(w);
    load_add(w, &c, 1);
}

static void write_orders(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    struct load_tpch_order o;
    load_tpch_draw_order(t, n, &o);
    w->rand = o.rest;
    load_put_int(w, o.key);
    load_put_int(w, o.customer);
    put_letter(w, o.status);
    load_put_decimal(w, o.total_cents, 2);
    load_put(w, t->dates[o.date]);
    load_put(w, load_priorities[o.priority]);
    put_numbered(w, "Clerk#", o.clerk);
    load_put(w, "0");
    put_comment(w, 19, 78);
    load_end_row(w);
}

static void write_lineitem(const struct load_tpch *t, struct load_writer *w, int64_t n)
{
    struct load_tpch_order o;
    load_tpch_draw_order(t, n, &o);
    seed_row(t, TPCH_LINEITEM, n, &w->rand);
    for (int i = 0; i < o.lines; i++) {
        const struct load_tpch_line *l = &o.line[i];
        load_put_int(w, o.key);
        load_put_int(w, l->part);
        load_put_int(w, l->supplier);
        load_put_int(w, i + 1);
        load_put_int(w, l->quantity);
        load_put_decimal(w, l->price_cents, 2);
        load_put_decimal(w, l->discount, 2);
        load_put_decimal(w, l->tax, 2);
        put_letter(w, l->returned);
        put_letter(w, l->status);
        load_put(w, t->dates[l->shipped]);
        load_put(w, t->dates[l->promised]);
        load_put(w, t->dates[l->received]);
        load_put(w, load_instructions[l->instruction]);
        load_put(w, load_ship_modes[l->mode]);
        put_comment(w, 10, 43);
        load_end_row(w);
    }
}

static void (*const writers[TPCH_TABLES])(const struct load_tpch *t, struct load_writer *w, int64_t n) = {
    [TPCH_REGION] = write_region, [TPCH_NATION] = write_nation,     [TPCH_SUPPLIER] = write_supplier, [TPCH_CUSTOMER] = write_customer,
    [TPCH_PART] = write_part,     [TPCH_PARTSUPP] = write_partsupp, [TPCH_ORDERS] = write_orders,     [TPCH_LINEITEM] = write_lineitem,
};

int64_t load_tpch_units(const struct load_tpch *t, enum load_tpch_table table)
{
    const int64_t units[TPCH_TABLES] = { LOAD_REGIONS, LOAD_NATIONS, t->suppliers, t->customers, t->parts, t->parts, t->orders, t->orders };
    return units[table];
}

int64_t load_tpch_rows_expected(const struct load_tpch *t, enum load_tpch_table table)
{
    int64_t each = table == TPCH_PARTSUPP || table == TPCH_LINEITEM ? 4 : 1;
    return each * load_tpch_units(t, table);
}

enum err load_tpch_write(const struct load_tpch *t, enum load_tpch_table table, int64_t from, int64_t to, struct load_sink *sink, struct fault *fault)
{
    struct load_writer w;
    load_writer_init(&w, sink, fault);
    assert(from >= 0 && to <= load_tpch_units(t, table));
    for (int64_t n = from; n < to && sink->failed == OK; n++)
        writers[table](t, &w, n);
    return load_writer_finish(&w);
}
