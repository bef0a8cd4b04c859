/*
 * load/session.h - one client's connection: non-blocking, pipelined, prepared, and never waiting longer than it may.
 *
 * A batch is what goes to the server in one round trip: statements are put, then the batch runs, then
 * results are read by their place.  When a statement fails, the server skips the rest of the batch.
 *
 *     load_batch_begin(s);
 *     load_batch_put(s, STATEMENT_BEGIN);
 *     load_batch_int(s, w); load_batch_int(s, d); load_batch_put(s, STATEMENT_NEW_ORDER_DISTRICT);
 *     if ((outcome = load_batch_run(s, fault)) == LOAD_DONE)
 *         id = load_result_int(s, 1, 0, 0);
 *
 * A session is prepared for TPC-C's statements, or for TPC-H's queries in a schema of their own.
 *
 * Parameters travel in binary where that is cheaper (integers and arrays), results as text.
 */
#ifndef LOAD_SESSION_H
#define LOAD_SESSION_H

#include "load/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_BATCH_MAX    24    /* a New-Order: BEGIN, customer, items, 15 of stock, district */
#define LOAD_PARAMETERS   10
#define LOAD_ARRAY_MAX    15    /* order lines */
#define LOAD_PARAM_BYTES  2048

/* The prepared statements, as X(id, constant of sql/load/transactions.sql). */
#define LOAD_STATEMENT_MAP(X)                                  \
    X(BEGIN,                 load_begin)                       \
    X(COMMIT,                load_commit)                      \
    X(ROLLBACK,              load_rollback)                    \
    X(NEW_ORDER_CUSTOMER,    load_new_order_customer)          \
    X(NEW_ORDER_ITEMS,       load_new_order_items)             \
    X(NEW_ORDER_STOCK,       load_new_order_stock)             \
    X(NEW_ORDER_DISTRICT,    load_new_order_district)          \
    X(NEW_ORDER_ORDER,       load_new_order_order)             \
    X(NEW_ORDER_NEW_ORDER,   load_new_order_new_order)         \
    X(NEW_ORDER_LINES,       load_new_order_lines)             \
    X(CUSTOMER_BY_NAME,      load_customer_by_name)            \
    X(PAYMENT_CUSTOMER,      load_payment_customer)            \
    X(PAYMENT_DISTRICT,      load_payment_district)            \
    X(PAYMENT_WAREHOUSE,     load_payment_warehouse)           \
    X(PAYMENT_HISTORY,       load_payment_history)             \
    X(ORDER_STATUS_CUSTOMER, load_order_status_customer)       \
    X(ORDER_STATUS_LINES,    load_order_status_lines)          \
    X(DELIVERY,              load_delivery)                    \
    X(STOCK_LEVEL,           load_stock_level)

enum load_statement {
#define X(id, constant) STATEMENT_##id,
    LOAD_STATEMENT_MAP(X)
#undef X
    STATEMENTS
};

enum load_outcome {
    LOAD_DONE,
    LOAD_RETRY,     /* serialisation failure or deadlock: the same again may work */
    LOAD_FAILED,    /* the server refused it; the connection is good */
    LOAD_BROKEN,    /* the connection is gone, or the server did not answer in time: open a new one */
    LOAD_STOPPED    /* the run ends; whether the transaction happened is unknown */
};

struct load_session {
    const struct load_target *target;
    const char               *isolation;    /* for default_transaction_isolation */
    int                       stop_fd;      /* readable when waiting must end at once */
    int64_t                   timeout_us;   /* for a batch, and for connecting */
    const char               *schema;       /* TPC-H: what comes first in the search path; NULL: TPC-C */
    int64_t                   query_timeout_us;   /* TPC-H: the server gives a query up; 0: never */
    PGconn                   *conn;         /* NULL when there is none */

    bool      unanswered;                   /* a batch was given up, and the server may still be at it */
    char      sqlstate[6];                  /* of the statement that failed last; "" when no statement did */
    PGresult *results[LOAD_BATCH_MAX];
    int       sent;

    const char *values[LOAD_PARAMETERS];
    int         lengths[LOAD_PARAMETERS], formats[LOAD_PARAMETERS];
    int         parameters;
    char        bytes[LOAD_PARAM_BYTES];    /* what binary parameters point to */
    size_t      used;
};

/* Connect, prepare everything, be ready. LOAD_DONE, LOAD_BROKEN (with the fault) or LOAD_STOPPED. */
enum load_outcome load_session_open(struct load_session *s, struct fault *fault);
/*
 * Fine when closed already.  What the server is still at it is asked to stop first, for a second at most: a backend that waits for a lock does
 * not see that its client has gone, keeps its place among max_connections, and does in the end what it was told.
 */
void              load_session_close(struct load_session *s);

/* Whether a transaction block is open or failed on the server and wants a ROLLBACK. */
bool load_session_in_transaction(const struct load_session *s);

/* Whether the server has closed the connection while it was idle. */
bool load_session_is_lost(struct load_session *s);

void load_batch_begin(struct load_session *s);
void load_batch_int(struct load_session *s, int value);
void load_batch_text(struct load_session *s, const char *value);   /* must live until the batch is put */
void load_batch_ints(struct load_session *s, const int *values, size_t n);
void load_batch_texts(struct load_session *s, const char *const *values, size_t n);
void load_batch_put(struct load_session *s, enum load_statement which);   /* with the parameters added since the last put */
void load_batch_put_sql(struct load_session *s, const char *sql);         /* the same for a statement that is not prepared */
enum load_outcome load_batch_run(struct load_session *s, struct fault *fault);

/* Of the batch that ran last; place counts the puts from 0. */
int         load_result_rows(const struct load_session *s, int place);
const char *load_result_text(const struct load_session *s, int place, int row, int column);
const PGresult *load_result(const struct load_session *s, int place);
int         load_result_int(const struct load_session *s, int place, int row, int column);

#endif
