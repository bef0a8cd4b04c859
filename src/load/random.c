/* load/random.c - TPC-C clauses 2.1.6, 4.3.2 and 5.2.4. */
#include "load/random.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[LOAD_KINDS] = { "new_order", "payment", "order_status", "delivery", "stock_level" };
static const int         mix[LOAD_KINDS] = { 45, 43, 4, 4, 4 };

const char *load_kind_name(enum load_kind kind)
{
    assert((unsigned)kind < LOAD_KINDS);
    return kind_names[kind];
}

static int draw(struct rand *r, int lo, int hi) { return (int)rand_int(r, lo, hi); }

int load_nurand(struct rand *r, int a, int c, int lo, int hi)
{
    int x = draw(r, 0, a), y = draw(r, lo, hi);
    return ((x | y) + c) % (hi - lo + 1) + lo;
}

void load_constants_draw(struct load_constants *c, struct rand *r)
{
    c->last_name = draw(r, 0, LOAD_A_LAST_NAME);
    c->customer = draw(r, 0, LOAD_A_CUSTOMER);
    c->item = draw(r, 0, LOAD_A_ITEM);
    c->uniform = false;
}

static bool distance_is_allowed(int a, int b)
{
    int d = abs(a - b);
    return d >= 65 && d <= 119 && d != 96 && d != 112;
}

void load_constants_draw_for_run(struct load_constants *c, int loaded_last_name, struct rand *r)
{
    assert(loaded_last_name >= 0 && loaded_last_name <= LOAD_A_LAST_NAME);
    do
        load_constants_draw(c, r);
    while (!distance_is_allowed(c->last_name, loaded_last_name));   /* every value loaded has dozens that are allowed */
}

size_t load_last_name(int number, char out[LOAD_LAST_NAME_SIZE])
{
    static const char *const syllables[] = { "BAR", "OUGHT", "ABLE", "PRI", "PRES", "ESE", "ANTI", "CALLY", "ATION", "EING" };
    assert(number >= 0 && number < LOAD_LAST_NAMES);
    const int parts[] = { number / 100, number / 10 % 10, number % 10 };
    size_t    used = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(syllables[parts[i]]);
        memcpy(out + used, syllables[parts[i]], n);
        used += n;
    }
    out[used] = '\0';
    return used;
}

static int draw_one(struct rand *r, const struct load_constants *c, int a, int constant, int lo, int hi) { return c->uniform ? draw(r, lo, hi) : load_nurand(r, a, constant, lo, hi); }

int load_draw_customer(struct rand *r, const struct load_constants *c)  { return draw_one(r, c, LOAD_A_CUSTOMER, c->customer, 1, LOAD_CUSTOMERS); }
int load_draw_item(struct rand *r, const struct load_constants *c)      { return draw_one(r, c, LOAD_A_ITEM, c->item, 1, LOAD_ITEMS); }
int load_draw_last_name(struct rand *r, const struct load_constants *c) { return draw_one(r, c, LOAD_A_LAST_NAME, c->last_name, 0, LOAD_LAST_NAMES - 1); }

size_t load_draw_letters(struct rand *r, size_t lo, size_t hi, char *out)
{
    /* 64 of them, so that six bits make one. */
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    size_t   n = lo == hi ? lo : (size_t)rand_int(r, (int64_t)lo, (int64_t)hi);
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 10 == 0)
            bits = rand_u64(r);
        out[i] = letters[bits & 63];
        bits >>= 6;
    }
    return n;
}

size_t load_draw_digits(struct rand *r, size_t lo, size_t hi, char *out)
{
    size_t n = lo == hi ? lo : (size_t)rand_int(r, (int64_t)lo, (int64_t)hi);
    for (size_t i = 0; i < n; i++)
        out[i] = (char)('0' + rand_int(r, 0, 9));
    return n;
}

void load_deck_init(struct load_deck *d)
{
    size_t n = 0;
    for (int kind = 0; kind < LOAD_KINDS; kind++)
        for (int i = 0; i < mix[kind]; i++)
            d->cards[n++] = (unsigned char)kind;
    assert(n == sizeof d->cards);
    d->next = n;
}

enum load_kind load_deck_draw(struct load_deck *d, struct rand *r)
{
    if (d->next == sizeof d->cards) {
        for (size_t i = sizeof d->cards - 1; i > 0; i--) {
            size_t        j = (size_t)rand_int(r, 0, (int64_t)i);
            unsigned char card = d->cards[i];
            d->cards[i] = d->cards[j];
            d->cards[j] = card;
        }
        d->next = 0;
    }
    return (enum load_kind)d->cards[d->next++];
}
