/*
 * load/transactions.h - the five transactions of TPC-C: drawing their input, and running them once.
 *
 * Drawing is pure (clauses 2.4.1 to 2.8.1).  Running may be repeated with the same
 * input when the server asks for it (LOAD_RETRY).
 *
 * One departure from the specification, as in most drivers: a client has no
 * home warehouse, each transaction draws one, so that few clients reach all the data.
 */
#ifndef LOAD_TRANSACTIONS_H
#define LOAD_TRANSACTIONS_H

#include "load/random.h"
#include "load/session.h"

#include <stdbool.h>

#define LOAD_LINES_MIN 5
#define LOAD_LINES_MAX LOAD_ARRAY_MAX

struct load_scale { int warehouses; struct load_constants constants; };

struct load_transaction {
    enum load_kind kind;
    int            warehouse, district;                            /* where it is entered */
    int            customer_warehouse, customer_district;          /* where the customer lives: elsewhere for a remote Payment */
    int            customer;                                       /* 0: by name */
    char           last_name[LOAD_LAST_NAME_SIZE];
    int            amount_cents, carrier, threshold;
    int            lines;
    struct { int item, supply, quantity; } line[LOAD_LINES_MAX];
    bool           rolls_back;                                     /* its last item does not exist, on purpose */
};

struct load_effects {
    bool rolled_back;
    int  skipped;    /* districts with nothing to deliver */
    int  stock_low;
};

void load_transaction_draw(struct load_transaction *t, enum load_kind kind, const struct load_scale *scale, struct rand *r);

/* The fault is filled unless the outcome is LOAD_DONE or LOAD_STOPPED. */
enum load_outcome load_transaction_run(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault);

#endif
