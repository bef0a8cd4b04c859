/* explain/explain.c - the chapters in order, and what a reader would miss of the result. */
#include "explain/inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *explain_standing_name(enum explain_standing s)
{
    static const char *const names[STANDINGS] = { "known", "assumed", "not identified", "too few windows", "not observed" };
    return (unsigned)s < STANDINGS ? names[s] : "?";
}

const char *explain_period_name(enum explain_period p)
{
    static const char *const names[PERIODS] = { "before", "trial, without", "trial, with", "after" };
    return (unsigned)p < PERIODS ? names[p] : "?";
}

enum err explain_case(const struct explain_source *source, struct explanation **out, struct fault *fault)
{
    *out = NULL;
    if (!json_is_string(json_object_get(json_object_get(source->file, "case"), "id")))
        return fail(fault, ERR_INPUT, "that is no file of a case");
    struct explanation  *e = calloc(1, sizeof *e);
    struct explain_case *c = calloc(1, sizeof *c);
    enum err err = e && c ? OK : fail(fault, ERR_LIMIT, "no memory to explain a case");
    if (err == OK) {
        way_missing(e);
        explain_read(source, e, c);
        err = way_explain(c, e, fault);
    }
    if (err == OK) {
        spread_explain(c, e);
        err = trials_explain(source->outcomes, c, e, fault);
    }
    free(c);
    if (err != OK) {
        explanation_free(e);
        return err;
    }
    sure_explain(e);
    *out = e;
    return OK;
}

void explanation_free(struct explanation *e)
{
    if (!e)
        return;
    free(e->tried);
    free(e);
}

/* ---- what is missing ---- */

unsigned explanation_missing(const struct explanation *e)
{
    unsigned missing = 0;
    bool     measured = false;
    for (int i = 0; i + 1 < e->path; i++)
        measured = measured || isfinite(e->station[i].change.estimate);
    if (e->changes == 0)
        missing |= MISSING_CHANGE;
    if (!isfinite(e->effect))
        missing |= MISSING_EFFECT;
    if (!isfinite(e->lo) || !isfinite(e->hi))
        missing |= MISSING_INTERVAL;
    if (!measured)
        missing |= MISSING_PATH;
    return missing;
}

char *explanation_missing_text(unsigned missing, char *out, size_t size)
{
    static const char *const names[] = { "change", "effect", "interval", "path" };
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < 4; i++)
        if ((missing & (1U << i)) && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", names[i]);
    return out;
}
