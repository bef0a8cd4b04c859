/* plan/knowledge.c - from a trial on one machine to a record, and from a record to a configuration on another. */
#include "plan/knowledge.h"

#include "base/id.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB 1048576.0

/* Six digits are more than any of this is known to, and text brings them back as they were. */
static double tidy(double v)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", v);
    return isfinite(v) ? strtod(text, NULL) : v;
}

void knowledge_machine_of(struct knowledge_machine *m, const struct target_facts *f)
{
    *m = (struct knowledge_machine){
        .memory_bytes = f->memory_bytes > 0 ? ceil(f->memory_bytes / MIB) * MIB : (double)NAN, .cpus = f->cpus, .limit_counts_cache = f->limit_counts_cache,
        .disk = f->rotational ? KNOWLEDGE_DISK_SPINNING : f->host_readable ? KNOWLEDGE_DISK_FLASH : KNOWLEDGE_DISK_UNKNOWN,
    };
}

/* ---- values ---- */

/* What the catalogue bounds by memory or cores grows with them; free space on a disk says nothing about how much log is good. */
static enum knowledge_scale scale_of(const struct knob *k, double value)
{
    if (k->choice[0].name || knob_special_of(k, value) || !(value > 0))
        return KNOWLEDGE_PLAIN;
    return k->hi.of_memory > 0 && knob_unit_bytes(k) > 0 ? KNOWLEDGE_OF_MEMORY : k->hi.per_cpu > 0 ? KNOWLEDGE_PER_CORE : KNOWLEDGE_PLAIN;
}

static double one(enum knowledge_scale scale, const struct knob *k, const struct knowledge_machine *m)
{
    switch (scale) {
    case KNOWLEDGE_PLAIN:     return 1;
    case KNOWLEDGE_OF_MEMORY: return m->memory_bytes / knob_unit_bytes(k);
    case KNOWLEDGE_PER_CORE:  return m->cpus > 0 ? m->cpus : (double)NAN;
    }
    return (double)NAN;
}

struct knowledge_value knowledge_value_of(enum knob_id id, double base_units, const struct knowledge_machine *m)
{
    const struct knob     *k = knob_at(id);
    struct knowledge_value v = { .knob = id, .scale = scale_of(k, base_units) };
    v.value = v.scale == KNOWLEDGE_PLAIN ? knob_round(k, base_units) : tidy(base_units / one(v.scale, k, m));
    return v;
}

double knowledge_value_on(const struct knowledge_value *v, const struct knowledge_machine *m)
{
    const struct knob *k = knob_at(v->knob);
    double             base_units = v->value * one(v->scale, k, m);
    if (isnan(base_units))
        return base_units;
    bool share_of_a_count = v->scale != KNOWLEDGE_PLAIN && k->type == KNOB_TYPE_INT;      /* a part of one is not none, which mostly means off */
    return share_of_a_count ? fmax(knob_round(k, base_units), 1) : knob_round(k, base_units);
}

/* ---- records ---- */

void knowledge_opaque(const char *secret, const char *kind, const char *name, char out[KNOWLEDGE_ID_SIZE])
{
    char        digest[DIGEST_SIZE];
    struct text all CLEANUP(text_done);
    text_init(&all, 4096);
    text_printf(&all, "%s/%s/%s", secret, kind, name);
    digest_hex(all.s, all.used, digest);
    (void)snprintf(out, KNOWLEDGE_ID_SIZE, "%.*s", KNOWLEDGE_ID_SIZE - 1, digest);
}

static bool is_told(const struct knob *k) { return (k->flags & KNOB_TUNED) && !(k->flags & KNOB_DURABILITY); }

static bool changes(const struct knowledge *k, enum knob_id id)
{
    for (int i = 0; i < k->changes; i++)
        if (k->change[i].to.knob == id)
            return true;
    return false;
}

static void note_settings(const struct target_facts *f, struct knowledge *k)
{
    for (int id = 1; id < KNOB_COUNT; id++) {
        const struct knob *knob = knob_at((enum knob_id)id);
        double             now, boot;
        if (is_told(knob) && !changes(k, knob->id) && knob_current(knob, f, &now, NULL) == OK && knob_boot(knob, f, &boot, NULL) == OK && !knob_equal(knob, now, boot))
            k->setting[k->settings++] = knowledge_value_of(knob->id, now, &k->machine);
    }
}

enum err knowledge_of(const struct knowledge_origin *origin, const struct proposal *proposal, const struct target_facts *facts,
                      const struct workload *workload, enum told told, bool kept, double effect, double sd, struct knowledge *k, struct fault *fault)
{
    *k = (struct knowledge){ .at_us = origin->at_us - origin->at_us % 1000000, .server_version = facts->server_version, .workload = *workload, .told = told, .kept = kept,
                             .effect = tidy(effect), .sd = tidy(sd) };
    (void)text_copy(k->source, sizeof k->source, origin->source);
    (void)text_copy(k->tenant, sizeof k->tenant, origin->tenant);
    (void)text_copy(k->database, sizeof k->database, origin->database);
    (void)text_copy(k->planner, sizeof k->planner, proposal->planner);
    knowledge_machine_of(&k->machine, facts);
    for (int i = 0; i < WORKLOAD_COUNT; i++)
        k->workload.v[i] = tidy(workload->v[i]);
    if (isnan(k->machine.memory_bytes) || k->machine.cpus < 1 || workload_known(workload) < KNOWLEDGE_FEATURES_MIN)
        return fail(fault, ERR_UNKNOWN, "the machine or what is asked of the database is not known");
    for (int i = 0; i < proposal->changes; i++) {
        const struct proposed_change *c = &proposal->change[i];
        if (!is_told(knob_at(c->knob)) || isnan(c->from) || isnan(c->to))
            return fail(fault, ERR_INPUT, "%s is nothing that other databases are told", knob_at(c->knob)->name);
        k->change[k->changes++] = (struct knowledge_change){ knowledge_value_of(c->knob, c->from, &k->machine), knowledge_value_of(c->knob, c->to, &k->machine) };
    }
    if (k->changes == 0)
        return fail(fault, ERR_INPUT, "nothing was changed");
    if (fabs(k->effect) > KNOWLEDGE_EFFECT_MOST)
        return fail(fault, ERR_INPUT, "an effect of %.3g is no measurement", k->effect);
    note_settings(facts, k);
    return OK;
}

void knowledge_state(const struct knowledge *k, bool after, const struct target_facts *f, struct knob_state *state)
{
    struct knowledge_machine here;
    knowledge_machine_of(&here, f);
    for (int id = 0; id < KNOB_COUNT; id++)
        if (id == KNOB_NONE || knob_boot(knob_at((enum knob_id)id), f, &state->value[id], NULL) != OK)
            state->value[id] = (double)NAN;
    for (int i = 0; i < k->settings; i++)
        state->value[k->setting[i].knob] = knowledge_value_on(&k->setting[i], &here);
    for (int i = 0; i < k->changes; i++)
        state->value[k->change[i].to.knob] = knowledge_value_on(after ? &k->change[i].to : &k->change[i].from, &here);
}
