/*
 * engine/plain_proof.c - methods that need no trial: what the step printed, or nothing at all, or a threshold.
 */
#include "base/text.h"
#include "engine/inside.h"
#include "model/told.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLO_WINDOW_S = 60 };

static json_t *plain_verdict(struct engine *e, bool good, const char *method, const char *why)
{
    char when[32];
    return json_pack("{s:s,s:s,s:o,s:s}", "outcome", good ? "better" : "undecided", "method", method, "why", told_text(why), "time", clock_format(clock_wall_us(e->clock), when, sizeof when));
}

static enum err last_output(struct engine *e, const struct casefile *c, char *out, size_t size, struct fault *fault)
{
    char *text = NULL;
    enum err err = store_action_output(e->store, c->id, &text, fault);
    (void)text_copy(out, size, text ? text : "");
    free(text);
    return err;
}

/* {"method":"slo","metric":"latency_p95","max":250,"windows":1}: the last minute's mean against a threshold. Unknown never passes. */
static int slo_holds(struct engine *e, const struct casefile *c, const json_t *verify, char *why, size_t size)
{
    struct etarget *t = engine_target(e, c->target);
    enum metric     m;
    const char     *name = json_string_value(json_object_get(verify, "metric"));
    json_t         *max = json_object_get(verify, "max"), *min = json_object_get(verify, "min");
    if (!t || !name || !metric_parse(name, &m) || (!json_is_number(max) && !json_is_number(min))) {
        (void)snprintf(why, size, "the plan's slo names no known target, metric or threshold");
        return 0;
    }
    double  sum = 0;
    int     n = 0;
    int64_t newer = clock_wall_us(e->clock);      /* what lies ahead of it was seen before the clock was set back */
    for (int i = 0; i < SLO_WINDOW_S && i < t->live_count; i++) {
        int at = (t->live_at - 1 - i + 2 * LIVE_SECONDS) % LIVE_SECONDS;
        if (t->live_us[at] < c->updated_us || t->live_us[at] > newer)
            break;
        newer = t->live_us[at];
        if (isfinite(t->live[at][m]))
            sum += (double)t->live[at][m], n++;
    }
    if (n < SLO_WINDOW_S * 9 / 10)
        return -1;
    double mean = sum / n;
    bool   holds = (!json_is_number(max) || mean <= json_number_value(max)) && (!json_is_number(min) || mean >= json_number_value(min));
    (void)snprintf(why, size, "%s was %.4g over %d s, which %s the threshold", name, mean, n, holds ? "keeps to" : "breaks");
    return holds;
}

enum err prove_now(struct engine *e, struct casefile *c, bool *settled, struct fault *fault)
{
    char     method[32], why[400] = "";
    json_t  *verify = NULL;
    int      good = -1;
    enum err err = prove_method(e, c, method, sizeof method, &verify, fault);
    if (err != OK)
        return err;
    if (strcmp(method, "output") == 0) {
        char        output[4096];
        const char *expect = json_string_value(json_object_get(verify, "expect"));
        err = last_output(e, c, output, sizeof output, fault);
        good = !expect || strstr(output, expect) != NULL;
        (void)snprintf(why, sizeof why, good ? "the output contains \"%.100s\"" : "the output does not contain \"%.100s\"", expect ? expect : "");
    } else if (strcmp(method, "readback") == 0 || strcmp(method, "none") == 0) {
        good = 1;
        (void)snprintf(why, sizeof why, "every step was read back; nothing else was asked for");
    } else if (strcmp(method, "slo") == 0) {
        good = slo_holds(e, c, verify, why, sizeof why);
    }
    json_decref(verify);
    *settled = err == OK && good >= 0;
    if (!*settled)
        return err;
    json_t *verdict = plain_verdict(e, good == 1, method, why);
    err = prove_finish(e, c, good == 1, why, verdict, fault);
    json_decref(verdict);
    return err;
}
