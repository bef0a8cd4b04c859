/* engine/command_rule.c - stop switch, modes, reload. */
#include "base/log.h"
#include "base/text.h"
#include "engine/commands.h"
#include "model/problem.h"

#include <stdio.h>
#include <string.h>

static void tell_workers(struct engine *e)
{
    for (int i = 0; i < e->targets; i++)
        atomic_store(&e->target[i].stopped, engine_stopped(e, e->target[i].conf->name) != NULL);
}

enum err command_stop_set(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    struct stored_stop stop = { .created_us = clock_wall_us(e->clock) };
    const char *why = command_text(r->body, "why", command_text(r->body, "reason", "")), *target = command_text(r->body, "target", "");
    json_t     *expires = json_object_get(r->body, "expires_s");
    if (!*why || strlen(why) >= sizeof stop.why) {
        command_problem(a, PROBLEM_INVALID, "/why is missing, empty or longer than 199 bytes", "a stop without a reason helps nobody later");
        return OK;
    }
    if (*target && !engine_target(e, target)) {
        command_problem(a, PROBLEM_INVALID, "/target names no configured target", NULL);
        return OK;
    }
    if (expires && (!json_is_integer(expires) || json_integer_value(expires) < 1 || json_integer_value(expires) > 366 * 86400)) {
        command_problem(a, PROBLEM_INVALID, "/expires_s must be a whole number of seconds from 1 to one year", NULL);
        return OK;
    }
    (void)text_copy(stop.scope, sizeof stop.scope, target);
    (void)text_copy(stop.why, sizeof stop.why, why);
    (void)text_copy(stop.actor, sizeof stop.actor, r->who.name);
    stop.expires_us = expires ? stop.created_us + json_integer_value(expires) * US_PER_S : 0;
    enum err err = store_stop_put(e->store, &stop, fault);
    if (err == OK)
        err = stop_switches_recall(e, fault);
    if (err == OK)
        err = autopilot_stop(e, fault);
    if (err != OK)
        return err;
    tell_workers(e);                          /* before the one who asked hears of it */
    e->look_again_us = 0;                     /* cases that no target points to are looked through with the next tick */
    log_warn("stop switch set", F("scope", *target ? target : "everything"), F("why", why), F("by", (const char *)r->who.name));
    a->status = 200;
    char when[32];
    a->body = json_pack("{s:{s:s,s:s,s:s,s:o}}", "data", "scope", stop.scope, "why", stop.why, "actor", stop.actor,
                        "expires_at", stop.expires_us ? json_string(clock_format(stop.expires_us, when, sizeof when)) : json_null());
    return OK;
}

/* A name that is not configured any more may still be stopped. */
static bool stop_is_set(const struct engine *e, const char *scope)
{
    for (int i = 0; i < e->stops_count; i++)
        if (strcmp(e->stops[i].scope, scope) == 0)
            return true;
    return false;
}

enum err command_stop_clear(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    const char *scope = command_text(r->body, "target", "");
    if (*scope && !engine_target(e, scope) && !stop_is_set(e, scope)) {
        command_problem(a, PROBLEM_NOT_FOUND, "no target of that name is configured or stopped", "GET /stop lists what is stopped");
        return OK;
    }
    enum err err = store_stop_delete(e->store, scope, fault);
    if (err == OK)
        err = stop_switches_recall(e, fault);
    if (err != OK)
        return err;
    tell_workers(e);
    log_warn("stop switch cleared", F("scope", *scope ? scope : "everything"), F("by", (const char *)r->who.name));
    a->status = 200;
    const struct stored_stop *still = engine_stopped(e, scope);      /* with everything else */
    a->body = json_pack("{s:{s:s,s:b,s:s*}}", "data", "scope", scope, "stopped", still != NULL, "why", still ? still->why : NULL);
    return OK;
}

enum err command_target_mode(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    static const char *const names[] = { "watch", "suggest", "approve", "auto" };
    struct etarget *t = engine_target(e, r->id);
    const char     *mode = command_text(r->body, "mode", "");
    if (!t) {
        command_problem(a, PROBLEM_NOT_FOUND, "there is no such target", NULL);
        return OK;
    }
    for (int i = 0; i < 4; i++)
        if (strcmp(mode, names[i]) == 0) {
            struct stored_target stored;
            enum err err = store_target_get(e->store, r->id, &stored, fault);
            (void)text_copy(stored.mode, sizeof stored.mode, mode);
            if (err == OK)
                err = store_target_put(e->store, r->id, &stored, clock_wall_us(e->clock), fault);
            if (err != OK)
                return err;
            t->mode = (enum target_mode)i;
            log_warn("target mode changed", F("target", (const char *)r->id), F("mode", mode), F("by", (const char *)r->who.name));
            a->status = 200;
            a->body = json_pack("{s:{s:s,s:s}}", "data", "target", r->id, "mode", mode);
            return OK;
        }
    command_problem(a, PROBLEM_INVALID, "/mode must be watch, suggest, approve or auto", NULL);
    return OK;
}

enum err command_reload(struct engine *e, struct engine_request *r, struct answer *a, struct fault *fault)
{
    (void)r;
    struct fault f = { 0 };
    if (engine_reload(e, &f) != OK) {
        command_problem(a, PROBLEM_INVALID, f.text, f.hint[0] ? f.hint : "the old configuration stays in force");
        return OK;
    }
    (void)fault;
    a->status = 200;
    a->body = json_pack("{s:{s:b,s:s,s:o}}", "data", "reloaded", 1, "policy_version", e->policy.version, "waits", e->waits ? json_incref(e->waits) : json_array());
    return OK;
}
