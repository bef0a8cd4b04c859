/* sense/driver.c - what the load driver's answers say. Pure. */
#include "sense/load.h"

#include <jansson.h>
#include <math.h>

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

/* [[upper_us, count], ...]: any grid is taken; a count goes where the middle of its own bucket lies. */
static enum err take_buckets(const json_t *list, struct latency_count *l, struct fault *fault)
{
    size_t        i;
    const json_t *pair;
    double        before_us = -1;
    if (!json_is_array(list))
        return fail(fault, ERR_INPUT, "/buckets is missing or not a list");
    json_array_foreach(list, i, pair) {
        double upper_us = json_number_value(json_array_get(pair, 0)), count = json_number_value(json_array_get(pair, 1));
        if (!json_is_array(pair) || json_array_size(pair) != 2 || !(upper_us >= 0) || !(count >= 0) || !isfinite(count))
            return fail(fault, ERR_INPUT, "/buckets/%zu must be [upper bound in microseconds, count]", i);
        if (upper_us <= before_us)
            return fail(fault, ERR_INPUT, "/buckets/%zu: bounds must go up", i);
        /* Slightly below its upper bound: that is inside of it on our own grid, and as good as any point on another. */
        l->count[latency_bucket(upper_us * 0.999)] += count;
        before_us = upper_us;
    }
    l->known = true;
    return OK;
}

enum err driver_parse(const char *json, struct driver_reading *r, struct fault *fault)
{
    json_error_t where;
    *r = (struct driver_reading){ 0 };
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return fail(fault, ERR_INPUT, "the load driver's answer is not JSON: %s (line %d)", where.text, where.line);
    const char *mode = json_string_value(json_object_get(root, "mode"));
    r->open_loop = mode && mode[0] == 'o';
    r->mono_us = number(root, "mono_us");
    r->transactions = number(root, "transactions");
    r->errors = number(root, "errors");
    r->retries = number(root, "retries");
    r->rate = number(root, "rate");
    r->clients = number(root, "clients");
    r->sum_us = number(root, "sum_us");
    enum err e = isnan(r->mono_us) || isnan(r->transactions) ? fail(fault, ERR_INPUT, "/mono_us or /transactions is missing")
                                                             : take_buckets(json_object_get(root, "buckets"), &r->latency, fault);
    json_decref(root);
    return e == OK ? OK : fail_in(fault, "the load driver's answer");
}

bool driver_restarted(const struct driver_reading *before, const struct driver_reading *now)
{
    if (now->transactions < before->transactions || now->mono_us < before->mono_us || now->sum_us < before->sum_us || now->errors < before->errors)
        return true;
    for (int b = 0; b < LATENCY_BUCKETS; b++)
        if (now->latency.count[b] < before->latency.count[b])
            return true;
    return false;
}

void driver_fill(const struct driver_reading *before, const struct driver_reading *now, struct sample *s)
{
    s->latency = now->latency;
    s->v[METRIC_LATENCY_ESTIMATED] = 0;
    s->v[METRIC_LATENCY_MEAN] = s->v[METRIC_LATENCY_P50] = s->v[METRIC_LATENCY_P95] = s->v[METRIC_LATENCY_P99] = (double)NAN;
    s->v[METRIC_ERRORS] = (double)NAN;
    if (now->open_loop)
        s->v[METRIC_OFFERED] = now->rate;
    if (!before || driver_restarted(before, now))
        return;
    double passed_s = (now->mono_us - before->mono_us) / 1e6, n = now->transactions - before->transactions;
    if (!(passed_s > 0))
        return;
    s->v[METRIC_ERRORS] = (now->errors - before->errors) / passed_s;
    if (!(n > 0))
        return;   /* nothing finished: there is no latency to tell, least of all a good one */
    s->v[METRIC_LATENCY_MEAN] = (now->sum_us - before->sum_us) / n / 1000.0;
    s->v[METRIC_LATENCY_P50] = latency_quantile_ms(&before->latency, &now->latency, 0.50);
    s->v[METRIC_LATENCY_P95] = latency_quantile_ms(&before->latency, &now->latency, 0.95);
    s->v[METRIC_LATENCY_P99] = latency_quantile_ms(&before->latency, &now->latency, 0.99);
}
