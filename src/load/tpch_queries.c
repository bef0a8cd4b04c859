/* load/tpch_queries.c - see the header; the statements are in sql/load/tpch_queries.sql. */
#include "load/tpch_queries.h"

#include "load/sql.h"
#include "load/tpch_words.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef char params[][LOAD_QUERY_PARAM_SIZE];

static int draw(struct rand *r, int lo, int hi) { return (int)rand_int(r, lo, hi); }

static void put_int(char *out, int value)          { (void)snprintf(out, LOAD_QUERY_PARAM_SIZE, "%d", value); }
static void put_word(char *out, const char *word)  { (void)snprintf(out, LOAD_QUERY_PARAM_SIZE, "%s", word); }

static void put_pick(struct rand *r, char *out, const char *const *list, int n) { put_word(out, list[draw(r, 0, n - 1)]); }
static void put_brand(struct rand *r, char *out)
{
    int maker = draw(r, 1, 5);
    (void)snprintf(out, LOAD_QUERY_PARAM_SIZE, "Brand#%d%d", maker, draw(r, 1, 5));
}

/* The first day of a month; months are counted from January 1993 as 0. */
static void put_month(char *out, int month) { (void)snprintf(out, LOAD_QUERY_PARAM_SIZE, "%d-%02d-01", 1993 + month / 12, month % 12 + 1); }

static int draw_year(struct rand *r) { return 12 * draw(r, 0, 4); }   /* 1993 to 1997 */

/* n different numbers of lo..hi */
static void draw_different(struct rand *r, int lo, int hi, int n, int out[])
{
    for (int i = 0; i < n;) {
        out[i] = draw(r, lo, hi);
        int j = 0;
        while (out[j] != out[i])
            j++;
        i += j == i;
    }
}

static const char *nation(struct rand *r) { return load_nations[draw(r, 0, LOAD_NATIONS - 1)].name; }

static void q1(struct rand *r, double scale, params v) { (void)scale, put_int(v[0], draw(r, 60, 120)); }

static void q2(struct rand *r, double scale, params v)
{
    (void)scale;
    put_int(v[0], draw(r, 1, 50));
    put_pick(r, v[1], load_type_metals, LOAD_TYPE_METALS);
    put_pick(r, v[2], load_regions, LOAD_REGIONS);
}

static void q3(struct rand *r, double scale, params v)
{
    (void)scale;
    put_pick(r, v[0], load_segments, LOAD_SEGMENTS);
    (void)snprintf(v[1], LOAD_QUERY_PARAM_SIZE, "1995-03-%02d", draw(r, 1, 31));
}

static void q4(struct rand *r, double scale, params v)  { (void)scale, put_month(v[0], draw(r, 0, 57)); }   /* to October 1997 */
static void q5(struct rand *r, double scale, params v)  { (void)scale, put_pick(r, v[0], load_regions, LOAD_REGIONS), put_month(v[1], draw_year(r)); }

static void q6(struct rand *r, double scale, params v)
{
    (void)scale;
    put_month(v[0], draw_year(r));
    (void)snprintf(v[1], LOAD_QUERY_PARAM_SIZE, "0.%02d", draw(r, 2, 9));
    put_int(v[2], draw(r, 24, 25));
}

static void q7(struct rand *r, double scale, params v)
{
    int two[2];
    (void)scale;
    draw_different(r, 0, LOAD_NATIONS - 1, 2, two);
    put_word(v[0], load_nations[two[0]].name);
    put_word(v[1], load_nations[two[1]].name);
}

static void q8(struct rand *r, double scale, params v)
{
    const struct load_nation *n = &load_nations[draw(r, 0, LOAD_NATIONS - 1)];
    (void)scale;
    put_word(v[0], n->name);
    put_word(v[1], load_regions[n->region]);
    int size = draw(r, 0, LOAD_TYPE_SIZES - 1), finish = draw(r, 0, LOAD_TYPE_FINISH - 1), metal = draw(r, 0, LOAD_TYPE_METALS - 1);
    (void)snprintf(v[2], LOAD_QUERY_PARAM_SIZE, "%s %s %s", load_type_sizes[size], load_type_finishes[finish], load_type_metals[metal]);
}

static void q9(struct rand *r, double scale, params v)  { (void)scale, put_pick(r, v[0], load_colours, LOAD_COLOURS); }
static void q10(struct rand *r, double scale, params v) { (void)scale, put_month(v[0], draw(r, 1, 24)); }   /* February 1993 to January 1995 */

static void q11(struct rand *r, double scale, params v)
{
    put_word(v[0], nation(r));
    (void)snprintf(v[1], LOAD_QUERY_PARAM_SIZE, "%.10f", 0.0001 / scale);
}

static void q12(struct rand *r, double scale, params v)
{
    int two[2];
    (void)scale;
    draw_different(r, 0, LOAD_SHIP_MODES - 1, 2, two);
    put_word(v[0], load_ship_modes[two[0]]);
    put_word(v[1], load_ship_modes[two[1]]);
    put_month(v[2], draw_year(r));
}

static void q13(struct rand *r, double scale, params v)
{
    (void)scale;
    put_pick(r, v[0], load_pair_first, LOAD_PAIR_WORDS);
    put_pick(r, v[1], load_pair_second, LOAD_PAIR_WORDS);
}

static void q14(struct rand *r, double scale, params v) { (void)scale, put_month(v[0], draw(r, 0, 59)); }
static void q15(struct rand *r, double scale, params v) { (void)scale, put_month(v[0], draw(r, 0, 57)); }

static void q16(struct rand *r, double scale, params v)
{
    int sizes[8];
    (void)scale;
    put_brand(r, v[0]);
    int size = draw(r, 0, LOAD_TYPE_SIZES - 1), finish = draw(r, 0, LOAD_TYPE_FINISH - 1);
    (void)snprintf(v[1], LOAD_QUERY_PARAM_SIZE, "%s %s", load_type_sizes[size], load_type_finishes[finish]);
    draw_different(r, 1, 50, 8, sizes);
    for (int i = 0; i < 8; i++)
        put_int(v[2 + i], sizes[i]);
}

static void q17(struct rand *r, double scale, params v)
{
    (void)scale;
    put_brand(r, v[0]);
    int size = draw(r, 0, LOAD_BOX_SIZES - 1), kind = draw(r, 0, LOAD_BOX_KINDS - 1);
    (void)snprintf(v[1], LOAD_QUERY_PARAM_SIZE, "%s %s", load_box_sizes[size], load_box_kinds[kind]);
}

static void q18(struct rand *r, double scale, params v) { (void)scale, put_int(v[0], draw(r, 312, 315)); }

static void q19(struct rand *r, double scale, params v)
{
    (void)scale;
    for (int i = 0; i < 3; i++) {
        put_int(v[i], draw(r, i == 0 ? 1 : 10 * i, 10 * (i + 1)));
        put_brand(r, v[3 + i]);
    }
}

static void q20(struct rand *r, double scale, params v)
{
    (void)scale;
    put_pick(r, v[0], load_colours, LOAD_COLOURS);
    put_month(v[1], draw_year(r));
    put_word(v[2], nation(r));
}

static void q21(struct rand *r, double scale, params v) { (void)scale, put_word(v[0], nation(r)); }

static void q22(struct rand *r, double scale, params v)
{
    int codes[7];
    (void)scale;
    draw_different(r, 10, 10 + LOAD_NATIONS - 1, 7, codes);
    for (int i = 0; i < 7; i++)
        put_int(v[i], codes[i]);
}

static const struct load_query queries[LOAD_QUERIES] = {
    { 1,  sql_load_tpch_q1,  1,  q1,  { 1, 2 },       0 },
    { 2,  sql_load_tpch_q2,  3,  q2,  { 1, 3, 2, 4 }, 100 },
    { 3,  sql_load_tpch_q3,  2,  q3,  { 2, 3 },       10 },
    { 4,  sql_load_tpch_q4,  1,  q4,  { 1 },          0 },
    { 5,  sql_load_tpch_q5,  2,  q5,  { 2 },          0 },
    { 6,  sql_load_tpch_q6,  3,  q6,  { 0 },          0 },
    { 7,  sql_load_tpch_q7,  2,  q7,  { 1, 2, 3 },    0 },
    { 8,  sql_load_tpch_q8,  3,  q8,  { 1 },          0 },
    { 9,  sql_load_tpch_q9,  1,  q9,  { 1, 2 },       0 },
    { 10, sql_load_tpch_q10, 1,  q10, { 3 },          20 },
    { 11, sql_load_tpch_q11, 2,  q11, { 2 },          0 },
    { 12, sql_load_tpch_q12, 3,  q12, { 1 },          0 },
    { 13, sql_load_tpch_q13, 2,  q13, { 2, 1 },       0 },
    { 14, sql_load_tpch_q14, 1,  q14, { 0 },          0 },
    { 15, sql_load_tpch_q15, 1,  q15, { 1 },          0 },
    { 16, sql_load_tpch_q16, 10, q16, { 4, 1, 2, 3 }, 0 },
    { 17, sql_load_tpch_q17, 2,  q17, { 0 },          0 },
    { 18, sql_load_tpch_q18, 1,  q18, { 5, 4 },       100 },
    { 19, sql_load_tpch_q19, 6,  q19, { 0 },          0 },
    { 20, sql_load_tpch_q20, 3,  q20, { 1 },          0 },
    { 21, sql_load_tpch_q21, 1,  q21, { 2, 1 },       100 },
    { 22, sql_load_tpch_q22, 7,  q22, { 1 },          0 },
};

const struct load_query *load_query(int number)
{
    assert(number >= 1 && number <= LOAD_QUERIES && queries[number - 1].number == number);
    return &queries[number - 1];
}

/* A generator for one purpose: each number goes through the mixer, so that neighbours have nothing in common. */
static void seed_for(struct rand *r, uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t parts[] = { a, b, c };
    rand_seed(r, seed);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        rand_seed(r, rand_u64(r) ^ parts[i]);
}

void load_question_draw(struct load_question *q, int query, double scale, uint64_t seed, int stream, int64_t round)
{
    struct rand r;
    *q = (struct load_question){ .query = query };
    seed_for(&r, seed, (uint64_t)stream, (uint64_t)round, (uint64_t)query);
    load_query(query)->draw(&r, scale, q->value);
}

void load_question_text(const struct load_question *q, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < load_query(q->query)->parameters && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", q->value[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

void load_query_order(uint64_t seed, int stream, int order[LOAD_QUERIES])
{
    static const int power[LOAD_QUERIES] = { 14, 2, 9, 20, 6, 17, 18, 8, 21, 13, 3, 22, 16, 4, 11, 15, 1, 10, 19, 5, 7, 12 };
    struct rand      r;
    memcpy(order, power, sizeof power);
    if (stream == 0)
        return;
    seed_for(&r, seed, (uint64_t)stream, UINT64_MAX, 0);
    for (int i = LOAD_QUERIES - 1; i > 0; i--) {
        int j = draw(&r, 0, i), q = order[i];
        order[i] = order[j];
        order[j] = q;
    }
}
