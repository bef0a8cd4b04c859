/*
 * engine/stop_switch.c - what a person has stopped, and until when.
 */
#include "base/log.h"
#include "engine/inside.h"

#include <string.h>

/* One that was known before ends when it was to end then: who steps ahead with the clock for a moment must not end it for good. */
enum err stop_switches_recall(struct engine *e, struct fault *fault)
{
    struct stored_stop before[STOPS_MAX];
    int64_t            until[STOPS_MAX];
    int                n = e->stops_count;
    memcpy(before, e->stops, sizeof before);
    memcpy(until, e->stop_until_us, sizeof until);
    enum err err = store_stops(e->store, e->stops, STOPS_MAX, &e->stops_count, fault);
    for (int i = 0; i < e->stops_count && err == OK; i++) {
        const struct stored_stop *s = &e->stops[i];
        int64_t left = s->expires_us - clock_wall_us(e->clock), most = s->expires_us - s->created_us;
        e->stop_until_us[i] = clock_mono_us(e->clock) + (left < most ? left : most);
        for (int k = 0; k < n; k++)
            if (strcmp(before[k].scope, s->scope) == 0 && before[k].created_us == s->created_us && before[k].expires_us == s->expires_us)
                e->stop_until_us[i] = until[k];
    }
    return err;
}

static bool is_over(const struct engine *e, int stop)
{
    int64_t expires = e->stops[stop].expires_us;
    return expires != 0 && expires <= clock_wall_us(e->clock) && e->stop_until_us[stop] <= clock_mono_us(e->clock);
}

const struct stored_stop *engine_stopped(struct engine *e, const char *target)
{
    for (int i = 0; i < e->stops_count; i++) {
        const struct stored_stop *s = &e->stops[i];
        bool here = s->scope[0] == '\0' || (target && strcmp(s->scope, target) == 0);
        if (here && !is_over(e, i))
            return s;
    }
    return NULL;
}

enum err stop_switches_expire(struct engine *e, struct fault *fault)
{
    for (int i = 0; i < e->stops_count; i++)
        if (is_over(e, i)) {
            log_info("stop switch expired", F("scope", e->stops[i].scope[0] ? (const char *)e->stops[i].scope : "everything"));
            enum err err = turn_begin(e, fault);
            if (err == OK)
                err = store_stop_delete(e->store, e->stops[i].scope, fault);
            return err == OK ? stop_switches_recall(e, fault) : err;
        }
    return OK;
}
