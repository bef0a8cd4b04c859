/* load/transactions.c - see the header; the statements are in sql/load/transactions.sql. */
#include "load/transactions.h"

#include <assert.h>
#include <string.h>

static int draw(struct rand *r, int lo, int hi) { return (int)rand_int(r, lo, hi); }
static bool happens(struct rand *r, int percent) { return draw(r, 1, 100) <= percent; }

static int draw_other(struct rand *r, int warehouses, int home)
{
    int other = draw(r, 1, warehouses - 1);
    return other >= home ? other + 1 : other;
}

static void draw_customer(struct load_transaction *t, const struct load_scale *scale, struct rand *r, int by_name_percent)
{
    t->customer = 0;
    t->last_name[0] = '\0';
    if (happens(r, by_name_percent))
        (void)load_last_name(load_draw_last_name(r, &scale->constants), t->last_name);
    else
        t->customer = load_draw_customer(r, &scale->constants);
}

static void draw_lines(struct load_transaction *t, const struct load_scale *scale, struct rand *r)
{
    t->lines = draw(r, LOAD_LINES_MIN, LOAD_LINES_MAX);
    t->rolls_back = happens(r, 1);
    for (int i = 0; i < t->lines; i++) {
        t->line[i].item = load_draw_item(r, &scale->constants);
        t->line[i].supply = scale->warehouses > 1 && happens(r, 1) ? draw_other(r, scale->warehouses, t->warehouse) : t->warehouse;
        t->line[i].quantity = draw(r, 1, 10);
    }
    if (t->rolls_back)
        t->line[t->lines - 1].item = LOAD_ITEMS + 1;
}

void load_transaction_draw(struct load_transaction *t, enum load_kind kind, const struct load_scale *scale, struct rand *r)
{
    *t = (struct load_transaction){ .kind = kind, .warehouse = draw(r, 1, scale->warehouses), .district = draw(r, 1, LOAD_DISTRICTS) };
    t->customer_warehouse = t->warehouse;
    t->customer_district = t->district;
    switch (kind) {
    case LOAD_NEW_ORDER:
        draw_customer(t, scale, r, 0);
        draw_lines(t, scale, r);
        break;
    case LOAD_PAYMENT:
        draw_customer(t, scale, r, 60);
        t->amount_cents = draw(r, 100, 500000);
        if (happens(r, 15)) {
            t->customer_district = draw(r, 1, LOAD_DISTRICTS);
            if (scale->warehouses > 1)
                t->customer_warehouse = draw_other(r, scale->warehouses, t->warehouse);
        }
        break;
    case LOAD_ORDER_STATUS: draw_customer(t, scale, r, 60); break;
    case LOAD_DELIVERY:     t->carrier = draw(r, 1, 10); break;
    case LOAD_STOCK_LEVEL:  t->threshold = draw(r, 10, 20); break;
    case LOAD_KINDS:        assert(false); break;
    }
}

static enum load_outcome missing(struct fault *fault, const char *what, int warehouse, int district, int id)
{
    (void)fail(fault, ERR_MISSING, "%s %d of warehouse %d, district %d is not in the database", what, id, warehouse, district);
    return LOAD_FAILED;
}

/* The order in which the lines' stock is locked: the same for everybody, or deadlocks abound. */
static void sort_lines(const struct load_transaction *t, int order[LOAD_LINES_MAX])
{
    for (int i = 0; i < t->lines; i++) {
        int j = i;
        for (; j > 0; j--) {
            int before = order[j - 1];
            if (t->line[before].supply < t->line[i].supply ||
                (t->line[before].supply == t->line[i].supply && t->line[before].item <= t->line[i].item))
                break;
            order[j] = before;
        }
        order[j] = i;
    }
}

enum { ORDER_CUSTOMER = 1, ORDER_ITEMS = 2, ORDER_STOCK = 3 };   /* places in a New-Order's first batch */

static enum load_outcome read_order(struct load_session *s, const struct load_transaction *t, const int order[], int *order_id, struct fault *fault)
{
    load_batch_begin(s);
    load_batch_put(s, STATEMENT_BEGIN);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, t->customer);
    load_batch_put(s, STATEMENT_NEW_ORDER_CUSTOMER);
    int items[LOAD_LINES_MAX];
    for (int i = 0; i < t->lines; i++)
        items[i] = t->line[i].item;
    load_batch_ints(s, items, (size_t)t->lines);
    load_batch_put(s, STATEMENT_NEW_ORDER_ITEMS);
    for (int i = 0; i < t->lines; i++) {
        int n = order[i];
        load_batch_int(s, t->line[n].supply);
        load_batch_int(s, t->line[n].item);
        load_batch_int(s, t->line[n].quantity);
        load_batch_int(s, t->line[n].supply != t->warehouse);
        load_batch_int(s, t->district);
        load_batch_put(s, STATEMENT_NEW_ORDER_STOCK);
    }
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_put(s, STATEMENT_NEW_ORDER_DISTRICT);
    enum load_outcome o = load_batch_run(s, fault);
    if (o != LOAD_DONE)
        return o;
    int district = ORDER_STOCK + t->lines;
    if (load_result_rows(s, ORDER_CUSTOMER) != 1)
        return missing(fault, "customer", t->warehouse, t->district, t->customer);
    if (load_result_rows(s, district) != 1)
        return missing(fault, "district", t->warehouse, t->district, t->district);
    *order_id = load_result_int(s, district, 0, 0);
    return LOAD_DONE;
}

/* Price of an item in cents, -1 when the server does not know it. */
static int price_of(const struct load_session *s, int item)
{
    for (int row = 0; row < load_result_rows(s, ORDER_ITEMS); row++)
        if (load_result_int(s, ORDER_ITEMS, row, 0) == item)
            return load_result_int(s, ORDER_ITEMS, row, 1);
    return -1;
}

static enum load_outcome write_order(struct load_session *s, const struct load_transaction *t, int order_id, const int cents[], const char dist[][25], struct fault *fault)
{
    int         items[LOAD_LINES_MAX], supplies[LOAD_LINES_MAX], quantities[LOAD_LINES_MAX], all_local = 1;
    const char *infos[LOAD_LINES_MAX];
    for (int i = 0; i < t->lines; i++) {
        items[i] = t->line[i].item;
        supplies[i] = t->line[i].supply;
        quantities[i] = t->line[i].quantity;
        infos[i] = dist[i];
        all_local = all_local && t->line[i].supply == t->warehouse;
    }
    load_batch_begin(s);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, order_id);
    load_batch_int(s, t->customer);
    load_batch_int(s, t->lines);
    load_batch_int(s, all_local);
    load_batch_put(s, STATEMENT_NEW_ORDER_ORDER);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, order_id);
    load_batch_put(s, STATEMENT_NEW_ORDER_NEW_ORDER);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, order_id);
    load_batch_ints(s, items, (size_t)t->lines);
    load_batch_ints(s, supplies, (size_t)t->lines);
    load_batch_ints(s, quantities, (size_t)t->lines);
    load_batch_ints(s, cents, (size_t)t->lines);
    load_batch_texts(s, infos, (size_t)t->lines);
    load_batch_put(s, STATEMENT_NEW_ORDER_LINES);
    load_batch_put(s, STATEMENT_COMMIT);
    return load_batch_run(s, fault);
}

static enum load_outcome roll_back(struct load_session *s, struct fault *fault)
{
    load_batch_begin(s);
    load_batch_put(s, STATEMENT_ROLLBACK);
    return load_batch_run(s, fault);
}

static enum load_outcome new_order(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    int order[LOAD_LINES_MAX], cents[LOAD_LINES_MAX], order_id = 0;
    char dist[LOAD_LINES_MAX][25];
    sort_lines(t, order);
    enum load_outcome o = read_order(s, t, order, &order_id, fault);
    if (o != LOAD_DONE)
        return o;
    for (int i = 0; i < t->lines; i++) {
        int n = order[i], price = price_of(s, t->line[n].item), place = ORDER_STOCK + i;
        if (price < 0 && t->rolls_back && n == t->lines - 1) {
            effects->rolled_back = true;
            return roll_back(s, fault);
        }
        if (price < 0)
            return missing(fault, "item", t->warehouse, t->district, t->line[n].item);
        if (load_result_rows(s, place) != 1)
            return missing(fault, "stock of item", t->line[n].supply, t->district, t->line[n].item);
        cents[n] = t->line[n].quantity * price;
        (void)strncpy(dist[n], load_result_text(s, place, 0, 2), sizeof dist[n] - 1);
        dist[n][sizeof dist[n] - 1] = '\0';
    }
    return write_order(s, t, order_id, cents, (const char (*)[25])dist, fault);
}

/* The customer's number, asked for by name when it was drawn so; the transaction is open afterwards in that case. */
static enum load_outcome find_customer(struct load_session *s, const struct load_transaction *t, int *customer, struct fault *fault)
{
    *customer = t->customer;
    if (t->customer)
        return LOAD_DONE;
    load_batch_begin(s);
    load_batch_put(s, STATEMENT_BEGIN);
    load_batch_int(s, t->customer_warehouse);
    load_batch_int(s, t->customer_district);
    load_batch_text(s, t->last_name);
    load_batch_put(s, STATEMENT_CUSTOMER_BY_NAME);
    enum load_outcome o = load_batch_run(s, fault);
    if (o != LOAD_DONE)
        return o;
    if (load_result_rows(s, 1) != 1) {
        (void)fail(fault, ERR_MISSING, "no customer called %s in warehouse %d, district %d", t->last_name, t->customer_warehouse, t->customer_district);
        return LOAD_FAILED;
    }
    *customer = load_result_int(s, 1, 0, 0);
    return LOAD_DONE;
}

static enum load_outcome payment(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    (void)effects;
    int               customer;
    enum load_outcome o = find_customer(s, t, &customer, fault);
    if (o != LOAD_DONE)
        return o;
    load_batch_begin(s);
    if (t->customer)
        load_batch_put(s, STATEMENT_BEGIN);
    int first = s->sent;
    load_batch_int(s, t->customer_warehouse);
    load_batch_int(s, t->customer_district);
    load_batch_int(s, customer);
    load_batch_int(s, t->amount_cents);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_put(s, STATEMENT_PAYMENT_CUSTOMER);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, t->amount_cents);
    load_batch_put(s, STATEMENT_PAYMENT_DISTRICT);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->amount_cents);
    load_batch_put(s, STATEMENT_PAYMENT_WAREHOUSE);
    load_batch_int(s, t->customer_warehouse);
    load_batch_int(s, t->customer_district);
    load_batch_int(s, customer);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, t->amount_cents);
    load_batch_put(s, STATEMENT_PAYMENT_HISTORY);
    load_batch_put(s, STATEMENT_COMMIT);
    o = load_batch_run(s, fault);
    if (o != LOAD_DONE)
        return o;
    if (load_result_rows(s, first) != 1)
        return missing(fault, "customer", t->customer_warehouse, t->customer_district, customer);
    if (load_result_rows(s, first + 1) != 1)
        return missing(fault, "district", t->warehouse, t->district, t->district);
    if (load_result_rows(s, first + 2) != 1)
        return missing(fault, "warehouse", t->warehouse, t->district, t->warehouse);
    return LOAD_DONE;
}

static enum load_outcome order_status(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    (void)effects;
    int               customer;
    enum load_outcome o = find_customer(s, t, &customer, fault);
    if (o != LOAD_DONE)
        return o;
    load_batch_begin(s);
    if (t->customer) {
        load_batch_put(s, STATEMENT_BEGIN);
        load_batch_int(s, t->warehouse);
        load_batch_int(s, t->district);
        load_batch_int(s, customer);
        load_batch_put(s, STATEMENT_ORDER_STATUS_CUSTOMER);
    }
    int lines = s->sent;
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, customer);
    load_batch_put(s, STATEMENT_ORDER_STATUS_LINES);
    load_batch_put(s, STATEMENT_COMMIT);
    o = load_batch_run(s, fault);
    if (o == LOAD_DONE && load_result_rows(s, lines) == 0)
        return missing(fault, "the last order of customer", t->warehouse, t->district, customer);
    return o;
}

static enum load_outcome delivery(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    load_batch_begin(s);
    load_batch_put(s, STATEMENT_BEGIN);
    for (int district = 1; district <= LOAD_DISTRICTS; district++) {
        load_batch_int(s, t->warehouse);
        load_batch_int(s, district);
        load_batch_int(s, t->carrier);
        load_batch_put(s, STATEMENT_DELIVERY);
    }
    load_batch_put(s, STATEMENT_COMMIT);
    enum load_outcome o = load_batch_run(s, fault);
    for (int place = 1; o == LOAD_DONE && place <= LOAD_DISTRICTS; place++)
        effects->skipped += load_result_rows(s, place) == 0;
    return o;
}

static enum load_outcome stock_level(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    load_batch_begin(s);
    load_batch_int(s, t->warehouse);
    load_batch_int(s, t->district);
    load_batch_int(s, t->threshold);
    load_batch_put(s, STATEMENT_STOCK_LEVEL);
    enum load_outcome o = load_batch_run(s, fault);
    if (o == LOAD_DONE)
        effects->stock_low = load_result_int(s, 0, 0, 0);
    return o;
}

/* That something is missing is found while rows are locked, and a client may rest for hours before its next transaction. */
static enum load_outcome let_go(struct load_session *s, enum load_outcome o)
{
    struct fault      later = { 0 };   /* what failed first is told */
    enum load_outcome undone = o == LOAD_FAILED && load_session_in_transaction(s) ? roll_back(s, &later) : LOAD_DONE;
    return undone == LOAD_DONE ? o : undone;
}

enum load_outcome load_transaction_run(struct load_session *s, const struct load_transaction *t, struct load_effects *effects, struct fault *fault)
{
    static enum load_outcome (*const kinds[LOAD_KINDS])(struct load_session *, const struct load_transaction *, struct load_effects *, struct fault *) = {
        [LOAD_NEW_ORDER] = new_order, [LOAD_PAYMENT] = payment, [LOAD_ORDER_STATUS] = order_status,
        [LOAD_DELIVERY] = delivery,   [LOAD_STOCK_LEVEL] = stock_level,
    };
    *effects = (struct load_effects){ 0 };
    if (load_session_in_transaction(s)) {
        enum load_outcome o = roll_back(s, fault);
        if (o != LOAD_DONE)
            return o;
    }
    return let_go(s, kinds[t->kind](s, t, effects, fault));
}
