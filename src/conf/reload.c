/*
 * conf/reload.c - the same files once more, and what may change while running.
 *
 * The fresh configuration is read on its own; the running one is only compared
 * with.  What waits for a restart is then given its old value, so that a struct
 * conf always says what is in force, never what is hoped for.
 */
#include "conf/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PRINTED_MAX 512u      /* of a value in a list of changes */

struct merge {
    const struct conf *old;
    struct conf       *now;
    struct fault      *fault;
    enum err           code;
};

static const char *printed(struct conf *c, const struct conf_knob *k, const void *instance)
{
    struct text t CLEANUP(text_done);
    text_init(&t, PRINTED_MAX);
    knob_print(k, instance, &t);
    return arena_text(&c->arena, t.s);
}

static void record(struct merge *m, struct conf_change change, const char *path)
{
    struct conf *c = m->now;
    if (c->changes == CONF_CHANGES_MAX)
        return;
    if (!c->change)
        c->change = arena_alloc(&c->arena, CONF_CHANGES_MAX * sizeof *c->change);
    change.path = arena_text(&c->arena, path);
    if (!c->change || !change.path || !change.from || !change.to) {
        m->code = fail(m->fault, ERR_LIMIT, "out of memory for the configuration");
        return;
    }
    c->change[c->changes++] = change;
}

/* Where a kept value comes from, when it is printed. */
#define KEPT { .kind = YAML_SCALAR, .text = "", .at = { "kept until a restart", 0, 0 } }
const struct yaml_node conf_kept = KEPT, conf_kept_default = KEPT;

static void keep(struct merge *m, size_t knob, struct conf_part *is, size_t j, const struct conf_part *was, size_t i)
{
    const struct yaml_node *origin = was->filled[i].origin[knob];
    enum err e = knob_copy(&is->section->knobs[knob], conf_struct(is, j), conf_struct(was, i), &m->now->arena, m->fault);
    if (e != OK)
        m->code = e;
    is->filled[j].origin[knob] = origin && origin != &conf_kept_default ? &conf_kept : &conf_kept_default;
}

static void merge_knobs(struct merge *m, const struct conf_part *was, size_t i, struct conf_part *is, size_t j)
{
    const struct conf_section *s = is->section;
    for (size_t n = 0; n < s->count; n++) {
        const struct conf_knob *k = &s->knobs[n];
        const void             *old = conf_struct(was, i);
        void                   *now = conf_struct(is, j);
        char                    path[CONF_PATH_SIZE];
        if (knob_same(k, old, now))
            continue;
        bool waits = !(k->flags & CONF_LIVE);
        record(m, (struct conf_change){ CONF_CHANGED, waits, NULL, printed(m->now, k, old), printed(m->now, k, now) },
               conf_knob_path(is, j, k, path));
        if (waits)
            keep(m, n, is, j, was, i);
    }
}

static size_t find(const struct conf_part *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->filled[i].name, name) == 0)
            return i;
    return p->count;
}

/* An instance that waits for a restart to go: as it was, at the end of the new list. */
static void bring_back(struct merge *m, const struct conf_part *was, size_t i, struct conf_part *is)
{
    struct conf_complaints all;
    conf_complaints_init(&all);
    const char                *name = arena_text(&m->now->arena, was->filled[i].name);
    struct conf_filled        *f = name ? conf_part_grow(m->now, is, name, (struct conf_place){ m->now->path, 0, 0 }, &all) : NULL;
    if (!f)
        m->code = name ? conf_complaints_fault(&all, m->fault) : fail(m->fault, ERR_LIMIT, "out of memory for the configuration");
    for (size_t n = 0; f && n < is->section->count; n++)
        keep(m, n, is, is->count - 1, was, i);
    conf_complaints_done(&all);
}

/* Take one out again that waits for a restart to come. */
static void take_out(struct conf_part *p, size_t i)
{
    for (size_t n = 0; n < p->section->count; n++)
        knob_wipe(&p->section->knobs[n], conf_struct(p, i));
    memmove(conf_struct(p, i), conf_struct(p, i + 1), (p->count - i - 1) * p->section->size);
    memmove(&p->filled[i], &p->filled[i + 1], (p->count - i - 1) * sizeof *p->filled);
    p->count--;
}

static void merge_instances(struct merge *m, const struct conf_part *was, struct conf_part *is)
{
    bool waits = !(is->section->flags & CONF_LIVE);
    char path[CONF_PATH_SIZE];
    for (size_t j = 0; j < is->count;) {
        size_t i = find(was, is->filled[j].name);
        if (i < was->count) {
            merge_knobs(m, was, i, is, j++);
            continue;
        }
        record(m, (struct conf_change){ CONF_ADDED, waits, NULL, "", "" }, conf_knob_path(is, j, NULL, path));
        if (waits)
            take_out(is, j);
        else
            j++;
    }
    for (size_t i = 0; i < was->count && m->code == OK; i++) {
        if (find(is, was->filled[i].name) < is->count)
            continue;
        record(m, (struct conf_change){ CONF_REMOVED, waits, NULL, "", "" }, conf_knob_path(was, i, NULL, path));
        if (waits)
            bring_back(m, was, i, is);
    }
}

/* Each of the two was fine by itself; what is live now together with what waits need not be: a mode that goes with the new owner alone. */
static enum err check_together(struct conf *now, struct conf_complaints *all, struct fault *fault)
{
    struct conf_complaints own CLEANUP(conf_complaints_done);
    conf_complaints_init(&own);
    conf_check(now, all ? all : &own);
    enum err e = conf_complaints_fault(all ? all : &own, fault);
    if (e == OK)
        return OK;
    (void)fail_in(fault, "together with what waits for a restart");
    fail_hint(fault, "A restart puts all of it into force at once; until then nothing of it is.");
    return e;
}

enum err conf_reload(const struct conf *old, struct conf **out, struct conf_complaints *all, struct fault *fault)
{
    const struct conf_section **sections = calloc(old->parts + 1, sizeof *sections);
    struct conf                *now = NULL;
    if (!sections)
        return fail(fault, ERR_LIMIT, "out of memory for the configuration");
    for (size_t p = 0; p < old->parts; p++)
        sections[p] = old->part[p].section;
    enum err e = conf_load(old->absolute, sections, old->parts, &now, all, fault);
    free(sections);
    if (e != OK)
        return e;
    struct merge m = { old, now, fault, OK };
    for (size_t p = 0; p < now->parts && m.code == OK; p++)
        if (now->part[p].section->shape == CONF_ONCE)
            merge_knobs(&m, &old->part[p], 0, &now->part[p], 0);
        else
            merge_instances(&m, &old->part[p], &now->part[p]);
    if (m.code == OK)
        m.code = check_together(now, all, fault);
    if (m.code != OK) {
        conf_free(now);
        return m.code;
    }
    *out = now;
    return OK;
}

const struct conf_change *conf_changes(const struct conf *c, size_t *count)
{
    *count = c->changes;
    return c->change;
}

void conf_change_text(const struct conf_change *ch, struct text *out)
{
    static const char *const verbs[] = { "", "added", "removed" };
    if (ch->kind == CONF_CHANGED && strcmp(ch->from, ch->to) == 0)
        text_printf(out, "%s: changed", ch->path);
    else if (ch->kind == CONF_CHANGED)
        text_printf(out, "%s: %s -> %s", ch->path, ch->from, ch->to);
    else
        text_printf(out, "%s: %s", ch->path, verbs[ch->kind]);
    text_add(out, ch->waits ? " (after a restart)" : "");
}
