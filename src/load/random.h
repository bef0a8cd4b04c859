/*
 * load/random.h - the chance that TPC-C asks for: NURand, last names, strings, and the deck of transactions.
 */
#ifndef LOAD_RANDOM_H
#define LOAD_RANDOM_H

#include "base/rand.h"

#include <stdbool.h>
#include <stddef.h>

enum load_kind { LOAD_NEW_ORDER, LOAD_PAYMENT, LOAD_ORDER_STATUS, LOAD_DELIVERY, LOAD_STOCK_LEVEL, LOAD_KINDS };

/* "new_order", ...; never NULL. */
const char *load_kind_name(enum load_kind kind);

/* Sizes that the specification fixes (clause 1.2.1). */
#define LOAD_ITEMS                  100000
#define LOAD_DISTRICTS              10     /* per warehouse */
#define LOAD_CUSTOMERS              3000   /* per district */
#define LOAD_ORDERS                 3000   /* per district, at first */
#define LOAD_FIRST_UNDELIVERED      2101   /* the first order id that nobody has delivered yet */
#define LOAD_LAST_NAMES             1000
#define LOAD_LAST_NAME_SIZE         17

/* NURand(A, x, y) of clause 2.1.6: lo..hi, where some are drawn far more often. c is constant for a run, 0..a. */
int load_nurand(struct rand *r, int a, int c, int lo, int hi);

/* The constants C. The one for last names must lie at a certain distance from the one used at load (clause 2.1.6.1). */
struct load_constants { int last_name, customer, item; bool uniform; };   /* uniform: a run that draws all alike, and needs none of them */
#define LOAD_A_LAST_NAME 255
#define LOAD_A_CUSTOMER  1023
#define LOAD_A_ITEM      8191
void load_constants_draw(struct load_constants *c, struct rand *r);                        /* for a load */
void load_constants_draw_for_run(struct load_constants *c, int loaded_last_name, struct rand *r);

/* Last name number 0..999, made of three syllables (clause 4.3.2.3). Returns its length. */
size_t load_last_name(int number, char out[LOAD_LAST_NAME_SIZE]);

int    load_draw_customer(struct rand *r, const struct load_constants *c);    /* 1..3000 */
int    load_draw_item(struct rand *r, const struct load_constants *c);        /* 1..100000 */
int    load_draw_last_name(struct rand *r, const struct load_constants *c);   /* 0..999 */

/* lo..hi letters and digits into out (hi bytes, no NUL). Returns how many. */
size_t load_draw_letters(struct rand *r, size_t lo, size_t hi, char *out);
size_t load_draw_digits(struct rand *r, size_t lo, size_t hi, char *out);

/* A shuffled deck of 100 cards, 45 New-Order, 43 Payment and 4 of each other: the exact mix after every 100 transactions. */
struct load_deck { unsigned char cards[100]; size_t next; };
void           load_deck_init(struct load_deck *d);
enum load_kind load_deck_draw(struct load_deck *d, struct rand *r);

#endif
