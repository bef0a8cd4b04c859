/* model/knob.c - what a row of the catalogue means on one server and one machine. */
#include "model/knob.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *knob_type_name(enum knob_type t)
{
    static const char *const names[] = { "integer", "real", "bool", "enum" };
    return (unsigned)t < 4 ? names[t] : "?";
}

const char *knob_rule_name(enum knob_rule r)
{
    static const char *const names[] = { "ratio", "one", "jump", "together" };
    return (unsigned)r < 4 ? names[r] : "?";
}

const struct knob *knob_find(const char *name)
{
    for (int i = 1; i < KNOB_COUNT; i++)
        if (strcasecmp(knobs[i].name, name) == 0)
            return &knobs[i];
    return NULL;
}

static bool version_fits(int version, int min, int max)
{
    return version > 0 && version >= min && (max == 0 || version <= max);
}

bool knob_applies(const struct knob *k, const struct target_facts *f)
{
    return version_fits(f->server_version, k->min_version, k->max_version);
}

bool knob_needs_restart(const struct knob *k, const struct target_facts *f)
{
    if (k->id == KNOB_AUTOVACUUM_MAX_WORKERS && f->server_version >= 180000)
        return false;
    return k->restart;
}

enum knob_rule knob_rule_on(const struct knob *k, const struct target_facts *f)
{
    return k->rule == KNOB_TOGETHER && !knob_needs_restart(k, f) ? KNOB_BY_ONE : k->rule;
}

const struct knob_special *knob_special_of(const struct knob *k, double value)
{
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        if (knob_equal(k, k->special[i].value, value))
            return &k->special[i];
    return NULL;
}

static enum err from_setting(const struct knob *k, const struct target_facts *f, bool boot, double *value, struct fault *fault)
{
    const struct setting *s = target_setting(f, k->name);
    if (!s)
        return fail(fault, ERR_MISSING, "%s was not among the parameters that the server showed", k->name);
    if (strcmp(s->unit, k->unit) != 0)
        return fail(fault, ERR_STATE, "%s is counted in \"%s\" on this server, not in \"%s\"", k->name, s->unit, k->unit);
    return knob_parse(k, boot ? s->boot : s->value, value, fault);
}

enum err knob_current(const struct knob *k, const struct target_facts *f, double *value, struct fault *fault)
{
    return from_setting(k, f, false, value, fault);
}

enum err knob_boot(const struct knob *k, const struct target_facts *f, double *value, struct fault *fault)
{
    return from_setting(k, f, true, value, fault);
}

/* The upper bound on this machine in base units; NAN when it depends on something unknown, whose name goes to *what. */
static double upper(const struct knob *k, const struct target_facts *f, const char **what)
{
    double hi = k->hi.number;
    double unit = knob_unit_bytes(k) > 0 ? knob_unit_bytes(k) : 1;
    if (k->hi.of_memory > 0) {
        *what = "memory";
        hi = isnan(f->memory_bytes) || f->memory_bytes <= 0 ? (double)NAN : fmin(hi, floor(k->hi.of_memory * f->memory_bytes / unit));
    }
    if (k->hi.per_cpu > 0 && !isnan(hi)) {
        *what = "number of cores";
        hi = f->cpus <= 0 ? (double)NAN : fmin(hi, floor(k->hi.per_cpu * f->cpus));
    }
    if (k->hi.of_disk_free > 0 && !isnan(hi)) {
        *what = "free disk";
        hi = isnan(f->disk_free_bytes) || f->disk_free_bytes < 0 ? (double)NAN : fmin(hi, floor(k->hi.of_disk_free * f->disk_free_bytes / unit));
    }
    return hi;
}

/* With less than two segments of its log no server starts, though a running one takes it without a word. */
static double lower(const struct knob *k, const struct target_facts *f)
{
    const struct setting *segment = k->id == KNOB_MIN_WAL_SIZE || k->id == KNOB_MAX_WAL_SIZE ? target_setting(f, "wal_segment_size") : NULL;
    double                bytes = segment && strcmp(segment->unit, "B") == 0 ? strtod(segment->value, NULL) : 0;
    return bytes > 0 ? fmax(k->lo, ceil(2 * bytes / knob_unit_bytes(k))) : k->lo;
}

enum err knob_range(const struct knob *k, const struct target_facts *f, double *lo, double *hi, struct fault *fault)
{
    const char *what = "";
    double      top = upper(k, f, &what);
    if (isnan(top))
        return fail(fault, ERR_UNKNOWN, "the range of %s depends on the machine's %s, which is not known", k->name, what);
    double low = lower(k, f);
    if (top < low)
        return fail(fault, ERR_STATE, "this machine's %s is too small for any value of %s", what, k->name);
    *lo = low;
    *hi = top;
    return OK;
}

enum err knob_allows(const struct knob *k, const struct target_facts *f, double value, struct fault *fault)
{
    char a[48], b[48], c[48];
    if (!knob_applies(k, f))
        return fail(fault, ERR_INPUT, "%s does not exist in server version %d", k->name, f->server_version);
    if (k->type == KNOB_TYPE_BOOL || k->type == KNOB_TYPE_ENUM) {
        int i = value >= 0 && value < KNOB_CHOICES_MAX ? (int)value : -1;
        if (i < 0 || !k->choice[i].name || fabs(value - i) > 0)
            return fail(fault, ERR_INPUT, "%s has no choice number %g", k->name, value);
        if (!version_fits(f->server_version, k->choice[i].min_version, k->choice[i].max_version))
            return fail(fault, ERR_INPUT, "%s = %s is not offered by server version %d", k->name, k->choice[i].name, f->server_version);
        return OK;
    }
    if (!isfinite(value))
        return fail(fault, ERR_INPUT, "%s: not a number", k->name);
    if (knob_special_of(k, value))
        return OK;
    double   lo, hi;
    enum err e = knob_range(k, f, &lo, &hi, fault);
    if (e != OK)
        return e;
    if (value < lo || value > hi)
        return fail(fault, ERR_INPUT, "%s = %s is outside of %s to %s, the range on this machine", k->name, knob_format(k, value, a, sizeof a),
                    knob_format(k, lo, b, sizeof b), knob_format(k, hi, c, sizeof c));
    return OK;
}

static void docs_range(const struct knob *k, const struct target_facts *f, struct text *out)
{
    char a[48], b[48];
    if (k->choice[0].name) {
        for (int i = 0; i < KNOB_CHOICES_MAX && k->choice[i].name; i++) {
            const struct knob_choice *c = &k->choice[i];
            text_printf(out, "%s%s", i ? ", " : "", c->name);
            if (c->min_version)
                text_printf(out, " (from %d)", c->min_version / 10000);
            if (c->max_version)
                text_printf(out, " (up to %d)", c->max_version / 10000);
        }
        return;
    }
    double lo, hi;
    if (f && knob_range(k, f, &lo, &hi, NULL) == OK) {
        text_printf(out, "%s to %s", knob_format(k, lo, a, sizeof a), knob_format(k, hi, b, sizeof b));
    } else {
        text_printf(out, "%s to %s", knob_format(k, k->lo, a, sizeof a), knob_format(k, k->hi.number, b, sizeof b));
        if (k->hi.of_memory > 0)
            text_printf(out, ", %g %% of memory", 100 * k->hi.of_memory);
        if (k->hi.per_cpu > 0)
            text_printf(out, ", %g per core", k->hi.per_cpu);
        if (k->hi.of_disk_free > 0)
            text_printf(out, ", %g %% of free disk", 100 * k->hi.of_disk_free);
    }
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        text_printf(out, "; %g: %s", k->special[i].value, k->special[i].means);
}

void knob_docs(const struct target_facts *f, struct text *out)
{
    text_add(out, "# Parameters that Homeostat knows\n\n"
                  "Ranges are cut down to the machine: the smaller of its memory and the cgroup's limit, its cores, its free disk.\n"
                  "*Step* is how a value moves: by a share of its current value, by one, by a jump, or together with others in one restart.\n"
                  "*Proof* is how an effect is verified.\n\n"
                  "| no. | parameter | type | range | needs | step | proof | tuned | why it matters |\n"
                  "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (int i = 1; i < KNOB_COUNT; i++) {
        const struct knob *k = &knobs[i];
        text_printf(out, "| %d | `%s`", i, k->name);
        if (k->min_version)
            text_printf(out, " (from %d)", k->min_version / 10000);
        text_printf(out, " | %s%s%s | ", knob_type_name(k->type), *k->unit ? ", " : "", k->unit);
        docs_range(k, f, out);
        text_printf(out, " | %s | %s | %s | %s | %s |\n", k->restart ? "restart" : "reload", knob_rule_name(k->rule), verify_class_name(k->verify),
                    k->flags & KNOB_TUNED ? "yes" : k->flags & KNOB_DURABILITY ? "never, unless the policy names it" : "no", k->why);
    }
    text_add(out, "\n## What depends on what\n\n");
    for (int i = 1; i < KNOB_COUNT; i++)
        if (knobs[i].needs)
            text_printf(out, "- `%s`: %s.\n", knobs[i].name, knobs[i].needs);
}
