/*
 * engine/reload.c - configuration, policy and runbooks: read whole before anything is changed.
 */
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/inside.h"

#include <stdlib.h>
#include <string.h>

/* One file may serve several installations, so it is no mistake; but a name that is misspelt freezes nothing. */
static void tell_idle_freezes(const struct daemon_conf *d, const struct policy *p)
{
    for (int i = 0; i < p->freezes; i++) {
        bool known = p->freeze[i].target[0] == '\0';
        for (size_t k = 0; k < d->targets; k++)
            known = known || strcmp(d->target[k].name, p->freeze[i].target) == 0;
        if (!known)
            log_warn("a freeze of the policy is about no target of the configuration", F("target", (const char *)p->freeze[i].target), F("freeze", (const char *)p->freeze[i].why));
    }
}

enum err reload_policy(const struct daemon_conf *d, struct policy *p, struct fault *fault)
{
    policy_default(p);
    enum err err = d->policy->file[0] ? policy_read(d->policy->file, p, NULL, fault) : OK;
    if (err == OK)
        tell_idle_freezes(d, p);
    return err;
}

enum err reload_templates(const struct daemon_conf *d, struct template_set **set, struct fault *fault)
{
    *set = NULL;
    return d->runbooks->folder[0] ? templates_load(d->runbooks->folder, set, fault) : templates_built_in(set, fault);
}

/* What was said last counts: a mode that is changed in the file stands over one that a person set before, one that is not does not. */
static void reload_target(struct engine *e, struct etarget *t, const struct daemon_target *fresh)
{
    struct fault fault = { 0 };
    bool         other_mode = fresh->mode != t->conf->mode;
    t->conf = fresh;
    if (autopilot_equip(t, &fault) != OK)
        log_fault(LOG_ERROR, "a target's commands stay as they were", &fault);
    if (!other_mode)
        return;
    t->mode = (enum target_mode)fresh->mode;
    log_warn("target mode changed", F("target", fresh->name), F("mode", target_mode_name(t->mode)), F("by", "the configuration"));
    struct stored_target stored;
    enum err err = turn_begin(e, &fault);
    if (err == OK)
        err = store_target_get(e->store, fresh->name, &stored, &fault);
    stored.mode[0] = '\0';
    if (err == OK)
        err = store_target_put(e->store, fresh->name, &stored, clock_wall_us(e->clock), &fault);
    if (err != OK)
        log_fault(LOG_ERROR, "a mode that a person set before will be in force again after a restart", &fault);
}

static void tell_changes(const struct conf *fresh)
{
    size_t n;
    const struct conf_change *change = conf_changes(fresh, &n);
    struct text t CLEANUP(text_done);
    text_init(&t, 4096);
    for (size_t i = 0; i < n; i++) {
        text_clear(&t);
        conf_change_text(&change[i], &t);
        if (change[i].waits)
            log_warn("a change of the configuration waits for a restart of homeostat", F("change", t.s));
        else
            log_info("a change of the configuration", F("change", t.s));
    }
}

/* What was in force may still be pointed into; it goes with the engine. Without memory for the note it stays for good. */
static void keep_past(struct engine *e)
{
    struct conf **more = realloc(e->past, (e->pasts + 1) * sizeof *more);
    if (!more)
        return;
    e->past = more;
    e->past[e->pasts++] = e->conf;
}

/* Whoever has just changed it must not take it for done. */
static void note_waits(struct engine *e, const struct conf *fresh)
{
    struct text               t CLEANUP(text_done);
    size_t                    n;
    const struct conf_change *change = conf_changes(fresh, &n);
    json_decref(e->waits);
    e->waits = json_array();
    text_init(&t, 2048);
    for (size_t i = 0; i < n; i++) {
        text_clear(&t);
        conf_change_text(&change[i], &t);
        utf8_clean(t.s, '?');
        if (change[i].waits)
            json_array_append_new(e->waits, json_string(t.s));
    }
}

/* What is in force stays as it is: nothing has changed, or only what waits. */
static bool is_the_same(const struct conf *fresh)
{
    size_t                    n;
    const struct conf_change *change = conf_changes(fresh, &n);
    bool                      same = n < CONF_CHANGES_MAX;      /* beyond that they are not told one by one */
    for (size_t i = 0; i < n; i++)
        same &= change[i].waits;
    return same;
}

/*
 * Everything is read before anything is changed: a bad file changes nothing, and a worker that begins meanwhile sees nothing of what is freed then.
 * Whoever reloads every minute keeps no copy of each.
 */
enum err engine_reload(struct engine *e, struct fault *fault)
{
    struct conf          *fresh = NULL;
    struct policy         policy;
    struct template_set  *templates = NULL;
    enum err err = conf_reload(e->conf, &fresh, NULL, fault);
    if (err != OK)
        return err;
    bool               same = is_the_same(fresh);
    struct daemon_conf d = same ? e->d : daemon_conf_of(fresh);
    err = reload_policy(&d, &policy, fault);
    if (err == OK)
        err = reload_templates(&d, &templates, fault);
    if (err != OK) {
        conf_free(fresh);
        return err;
    }
    e->d = d;
    /* Targets keep pointing into the old configuration's names; both live until the end of the process. */
    for (int i = 0; i < e->targets; i++)
        for (size_t k = 0; k < e->d.targets; k++)
            if (strcmp(e->d.target[k].name, e->target[i].conf->name) == 0)
                reload_target(e, &e->target[i], &e->d.target[k]);
    struct fault why = { 0 };
    if (knowing_mark_again(e, &why) != OK)
        log_fault(LOG_ERROR, "what tenants share is written down as soon as the store can be written", &why);
    tell_changes(fresh);
    note_waits(e, fresh);
    if (same) {
        conf_free(fresh);
    } else {
        keep_past(e);
        e->conf = fresh;
    }
    e->policy = policy;
    templates_free(e->templates);
    e->templates = templates;
    log_setup(e->d.log->format, e->d.log->level, NULL);
    log_info("configuration reloaded", F("policy_version", (const char *)e->policy.version));
    if (e->reloaded)
        e->reloaded(e->reloaded_ctx);
    return OK;
}

void engine_on_reload(struct engine *e, void (*f)(void *ctx), void *ctx)
{
    e->reloaded = f;
    e->reloaded_ctx = ctx;
}
