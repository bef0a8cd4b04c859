/*
 * engine/autopilot.c - what the engine does without being asked.
 *
 * It opens a case when there is something to try and nothing speaks against it,
 * drives those that are its own to drive, and ends what nobody else would end.
 */
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cause by_autopilot = { .actor = "engine", .reason = "" };
static const struct principal autopilot = { "engine", ROLE_OPERATOR };

/* ---- start ---- */

/* The words of a command, NULL at the end, in the room that *at points to; NULL when there are none. */
static const char *const *command_of(const struct conf_list *list, const char ***at)
{
    const char **begin = *at;
    for (size_t i = 0; i < list->count; i++)
        *(*at)++ = list->item[i];
    *(*at)++ = NULL;
    return list->count ? begin : NULL;
}

enum err autopilot_equip(struct etarget *t, struct fault *fault)
{
    const struct daemon_target *c = t->conf;
    struct act_made *m = calloc(1, sizeof *m + (c->restart_command.count + c->start_command.count + 2) * sizeof m->argv[0]);
    if (!m)
        return fail(fault, ERR_LIMIT, "no memory for target %s", c->name);
    const char **at = m->argv;
    m->act = (struct act_target){
        .name = c->name,
        .link = { .dsn = c->dsn, .passfile = c->passfile.path && c->passfile.path[0] ? c->passfile.path : NULL, .application_name = "homeostat",
                  .connect_timeout_ms = (int)(c->connect_timeout_us / 1000), .statement_timeout_ms = (int)(c->statement_timeout_us / 1000), .keepalives = true },
        .data_directory = c->data_directory[0] ? c->data_directory : NULL, .bin_directory = c->bin_directory[0] ? c->bin_directory : NULL,
        .restart_command = command_of(&c->restart_command, &at), .start_command = command_of(&c->start_command, &at),
        .restart_timeout_ms = (int)(c->restart_timeout_us / 1000),
        .restart_allowed = c->restart != DAEMON_RESTART_NEVER, .trial_start = c->trial_start, .owner = (enum target_owner)c->owner,
    };
    m->older = t->made;
    t->made = m;
    atomic_store(&t->act, &m->act);
    return OK;
}

/* What a person ordered, and how long a target rests, as the store has it: at start, and after a turn was lost in which memory had gone ahead. */
enum err autopilot_recall(struct engine *e, struct fault *fault)
{
    enum err err = stop_switches_recall(e, fault);
    for (int i = 0; i < e->targets && err == OK; i++) {
        struct etarget      *t = &e->target[i];
        atomic_store(&t->stopped, engine_stopped(e, t->conf->name) != NULL);
        struct stored_target stored;
        err = store_target_get(e->store, t->conf->name, &stored, fault);
        if (err != OK)
            break;
        t->idle_until_us = stored.idle_until_us;
        if (autopilot_rests(e, t) && !t->idle_why[0])
            (void)text_copy(t->idle_why, sizeof t->idle_why, "it rests since before homeostat was started; the timeline of its latest case tells why");
        t->peak_sessions = stored.peak_sessions > t->peak_sessions ? stored.peak_sessions : t->peak_sessions;
        t->mode = (enum target_mode)t->conf->mode;
        for (int m = 0; m < 4; m++)
            if (strcmp(stored.mode, target_mode_name((enum target_mode)m)) == 0)
                t->mode = (enum target_mode)m;
        if (t->mode != (enum target_mode)t->conf->mode)
            log_warn("the mode that a person set stands over the configuration's", F("target", t->conf->name), F("mode", target_mode_name(t->mode)),
                     F("configuration", target_mode_name((enum target_mode)t->conf->mode)));
    }
    return err;
}

enum err autopilot_start(struct engine *e, struct fault *fault)
{
    e->targets = (int)e->d.targets;
    e->target = calloc(e->d.targets ? e->d.targets : 1, sizeof *e->target);
    if (!e->target)
        return fail(fault, ERR_LIMIT, "no memory for the targets");
    for (int i = 0; i < e->targets; i++)
        e->target[i].conf = &e->d.target[i];
    enum err err = autopilot_recall(e, fault);
    if (err == OK)
        err = knowing_start(e, fault);
    if (err == OK)
        err = practising_start(e, fault);
    for (int i = 0; i < e->targets && err == OK; i++) {
        err = autopilot_equip(&e->target[i], fault);
        if (err == OK)
            err = outcomes_recall(e, &e->target[i], fault);
    }
    return err;
}

/* ---- facts ---- */

void autopilot_facts(struct engine *e, struct etarget *t)
{
    struct fault         ignored;
    struct stored_target stored;
    if (t->facts->peak_sessions < t->peak_sessions)
        t->facts->peak_sessions = t->peak_sessions;
    t->peak_sessions = t->facts->peak_sessions;
    if (store_target_get(e->store, t->conf->name, &stored, &ignored) == OK && stored.peak_sessions < t->peak_sessions) {
        stored.peak_sessions = t->peak_sessions;
        if (turn_begin(e, &ignored) == OK)
            (void)!store_target_put(e->store, t->conf->name, &stored, clock_wall_us(e->clock), &ignored);
    }
}

/* ---- opening ---- */

enum err autopilot_rest(struct engine *e, struct etarget *t, int64_t us, const char *why, struct fault *fault)
{
    struct stored_target stored;
    enum err err = turn_begin(e, fault);
    if (err == OK)
        err = store_target_get(e->store, t->conf->name, &stored, fault);
    t->idle_until_us = clock_wall_us(e->clock) + us;
    (void)text_copy(t->idle_why, sizeof t->idle_why, why);
    stored.idle_until_us = t->idle_until_us;
    stored.peak_sessions = t->peak_sessions;
    return err == OK ? store_target_put(e->store, t->conf->name, &stored, clock_wall_us(e->clock), fault) : err;
}

/* What a person would have to do before a case makes sense; NULL: nothing. Said once, and shown as long as it is so. */
static const char *lacks(struct engine *e, struct etarget *t, char *text, size_t size)
{
    const struct target_facts *f = t->facts;
    const struct setting      *takes_it = target_setting(f, "allow_alter_system");      /* from 17 on */
    bool                       closed = takes_it && strcmp(takes_it->value, "off") == 0;
    bool                       may = !closed && (f->superuser || (f->may_alter_system && f->may_reload));
    if (t->mode < MODE_APPROVE || (may && prove_can_measure(e, t)))
        return NULL;
    if (may)
        (void)text_copy(text, size, NOTHING_TELLS);
    else if (closed)
        (void)snprintf(text, size, "the server takes no ALTER SYSTEM (allow_alter_system = off): whoever manages its configuration can be told what to change with mode: suggest");
    else if (!f->may_alter_system && f->server_version < 150000)
        (void)snprintf(text, size, "the role %.60s may not ALTER SYSTEM; before PostgreSQL 15 that takes a superuser", f->role);
    else if (!f->may_alter_system)
        (void)snprintf(text, size, "the role %.60s may not ALTER SYSTEM; GRANT ALTER SYSTEM ON PARAMETER work_mem, ... TO %.60s", f->role, f->role);
    else
        (void)snprintf(text, size, "the role %.60s may not reload; GRANT EXECUTE ON FUNCTION pg_reload_conf() TO %.60s", f->role, f->role);
    return text;
}

/* No rest is longer than the longest that is ordered: it was ordered by a clock that has been set back since. */
bool autopilot_rests(const struct engine *e, const struct etarget *t)
{
    const struct daemon_tune *tune = e->d.tune;
    int64_t left = t->idle_until_us - clock_wall_us(e->clock), longest = tune->settle_us;
    longest = tune->cool_down_us > longest ? tune->cool_down_us : longest;
    longest = tune->reevaluate_us > longest ? tune->reevaluate_us : longest;
    return left > 0 && left <= longest;
}

bool autopilot_opened(const struct casefile *c) { return strcmp(c->opened_by, autopilot.name) == 0; }

/* What somebody else manages is changed there. NULL: nobody does. */
static const char *belongs(const struct etarget *t, char *text, size_t size)
{
    const char       *why = t->facts->owner_why;
    enum target_owner owner = t->facts->owner != OWNER_NONE ? t->facts->owner : (enum target_owner)t->conf->owner;
    (void)snprintf(text, size, "its configuration belongs to %s%s%.160s: it is changed there, and nothing is tried here", target_owner_name(owner), *why ? ", " : "", why);
    return owner == OWNER_NONE ? NULL : text;
}

static bool may_open(struct engine *e, struct etarget *t)
{
    char text[sizeof t->idle_why];
    if (!t->case_id[0] && t->mode >= MODE_SUGGEST && !t->facts && !autopilot_rests(e, t))
        (void)text_copy(t->idle_why, sizeof t->idle_why, "nothing is known of the server: its facts have not been read");
    if (t->case_id[0] || t->mode < MODE_SUGGEST || !t->facts || t->facts->in_recovery || !t->seen || t->last.v[METRIC_UP] != 1)
        return false;
    if (engine_stopped(e, t->conf->name) || autopilot_rests(e, t))
        return false;
    const char *why = belongs(t, text, sizeof text);
    if (!why)
        why = lacks(e, t, text, sizeof text);
    if (why && strcmp(why, t->idle_why) != 0)
        log_warn("no case is opened", F("target", t->conf->name), F("why", why));
    if (!why && planning_cannot_measure(t))
        why = NOBODY_WORKS;
    if (why && strcmp(why, t->idle_why) != 0)
        (void)text_copy(t->idle_why, sizeof t->idle_why, why);
    return why == NULL;
}

static enum err open_case(struct engine *e, struct etarget *t, struct fault *fault)
{
    struct casefile c;
    enum err err = engine_open_case(e, &c, &autopilot, "Is there a better configuration?", t->conf->name, t->conf->tenant, DRIVER_ENGINE, fault);
    if (err != OK)
        return err;
    (void)text_copy(t->case_id, sizeof t->case_id, c.id);
    t->idle_why[0] = '\0';
    t->plan_again_us = 0;
    return engine_event(e, c.id, ON_START_ANALYSIS, &by_autopilot, fault);
}

enum err autopilot_overtake(struct engine *e, const struct casefile *c, const char *reason, struct fault *fault)
{
    struct cause why = { .actor = "autopilot", .reason = reason };
    return engine_event(e, c->id, ON_CANCEL, &why, fault);
}

enum err autopilot_is_late(struct engine *e, const struct casefile *c, struct fault *fault)
{
    return autopilot_overtake(e, c, "the next step is a restart, and policy allows none at this hour: what came before it took longer than was expected, or policy has changed", fault);
}

enum err autopilot_lost_its_past(struct engine *e, const struct casefile *c, struct fault *fault)
{
    return autopilot_overtake(e, c, "what this was to be compared with is gone: the load has become another one, or homeostat was ended, while it was carried out", fault);
}

enum err autopilot_load_changed(struct engine *e, struct etarget *t, struct fault *fault)
{
    struct casefile c;
    t->plan_again_us = 0;
    if (!t->case_id[0] || store_case_get(e->store, t->case_id, &c, NULL, fault) != OK || c.driver != DRIVER_ENGINE || c.state != CASE_WAIT_GATE)
        return OK;
    return autopilot_overtake(e, &c, "the load has become another one since this was planned", fault);
}

enum err engine_take_target(struct engine *e, const struct casefile *c, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    if (t)
        meddling_begin(e, t, c);
    if (!t || strcmp(t->case_id, c->id) == 0)
        return OK;
    enum err err = OK;
    struct casefile other;
    if (t->case_id[0] && store_case_get(e->store, t->case_id, &other, NULL, fault) == OK && other.driver == DRIVER_ENGINE && !case_holds_target(&other) && other.state != CASE_PARKED) {
        struct cause why = { .actor = "engine", .reason = "another case acts on the target" };
        err = engine_event(e, other.id, ON_CANCEL, &why, fault);
    }
    (void)text_copy(t->case_id, sizeof t->case_id, c->id);
    return err;
}

/* ---- twice a second ---- */

static bool acts(const struct casefile *c) { return (c->state == CASE_EXECUTING || c->state == CASE_VERIFYING) && c->phase != RUN_IDLE && !c->put_back; }

/* The stop switch puts back what is under way, whoever drives it; what was approved and not begun waits. */
static bool must_stop(struct engine *e, const struct casefile *c) { return acts(c) && engine_stopped(e, c->target); }

static enum err put_back_stopped(struct engine *e, const struct casefile *c, struct fault *fault)
{
    struct cause why = { .actor = "stop switch", .reason = engine_stopped(e, c->target)->why };
    return engine_event(e, c->id, ON_CANCEL, &why, fault);
}

/*
 * Who sets the switch is answered when this is written down: a worker that breaks its step off before the next tick would be told to have
 * failed, and a switch that is cleared again by then would have stopped nothing.
 */
enum err autopilot_stop(struct engine *e, struct fault *fault)
{
    enum err err = OK;
    for (int i = 0; i < e->targets && err == OK; i++) {
        struct casefile c;
        const char     *id = e->target[i].case_id;
        err = id[0] ? store_case_get(e->store, id, &c, NULL, fault) : OK;
        if (err == OK && id[0] && must_stop(e, &c))
            err = put_back_stopped(e, &c, fault);
        err = err == ERR_MISSING ? OK : err;      /* its turn was lost */
    }
    return err;
}

/*
 * The gate is asked without a word; it is only told, and written down, when its answer moves the case.  What it had nothing against
 * but the hour, and refuses now, has been overtaken: facts grew old, a value was changed, a disk filled up.
 */
static enum err ask_again(struct engine *e, struct casefile *c, struct fault *fault)
{
    static const struct cause again = { .actor = "autopilot", .reason = "" };
    struct gate_verdict v;
    enum err            err = engine_judge(e, c, false, &v, fault);
    if (err == OK && v.answer == GATE_APPROVE)
        engine_order(e, c, ORDER_GATE);
    if (err == OK && v.answer == GATE_REJECT)
        err = turn_begin(e, fault);
    return err == OK && v.answer == GATE_REJECT ? engine_ask_gate(e, c, &again, &v, fault) : err;
}

static bool is_ordered(const struct engine *e, const char *case_id)
{
    for (int i = 0; i < e->orders_count; i++)
        if (strcmp(e->orders[i].case_id, case_id) == 0)
            return true;
    return false;
}

static enum err drive(struct engine *e, struct etarget *t, struct fault *fault)
{
    struct casefile c;
    bool            ready;
    enum err        err = store_case_get(e->store, t->case_id, &c, NULL, fault);
    if (err == OK && c.state == CASE_CLOSED && is_ordered(e, c.id))
        return OK;   /* it is about to be learned from, which needs to know that the case was this target's */
    if (err != OK || c.state == CASE_CLOSED) {
        t->case_id[0] = '\0';
        return err == ERR_MISSING ? OK : err;
    }
    if (must_stop(e, &c))
        return put_back_stopped(e, &c, fault);
    if (acts(&c) && t->mode == MODE_WATCH && strcmp(c.target, t->conf->name) == 0)      /* it has more steps, and goes back and forth, where nothing is to be changed any more */
        return autopilot_overtake(e, &c, "the target is only watched from now on (mode watch)", fault);
    if (c.driver != DRIVER_ENGINE) {      /* parked, it may stay so for a week: it gets the target again when it acts again */
        if (c.state == CASE_PARKED && c.in_force_is_proven)
            outcome_set_free(e, t, &c, c.plans_tried > 0 && c.phase != RUN_IDLE);
        return OK;
    }
    switch (c.state) {
    case CASE_ANALYZING:
        err = turn_begin(e, fault);
        return err == OK ? planning_analyse(e, &c, &ready, fault) : err;
    case CASE_PLANNING:      /* a plan that waits for history is worth making anew when there is more of it, not with every tick: models are asked */
        if (clock_mono_us(e->clock) >= t->plan_again_us)
            engine_order(e, &c, ORDER_PLAN);
        return OK;
    case CASE_WAIT_GATE:
        if (t->gate_again_us == 0 || clock_mono_us(e->clock) < t->gate_again_us)
            return OK;
        t->gate_again_us = clock_mono_us(e->clock) + US_PER_S;
        return ask_again(e, &c, fault);
    case CASE_EXECUTING:     /* approved, and nothing was known of the target when it was to begin */
        if (c.phase == RUN_IDLE && clock_mono_us(e->clock) >= t->gate_again_us && !is_ordered(e, c.id)) {
            t->gate_again_us = clock_mono_us(e->clock) + US_PER_S;
            engine_order(e, &c, ORDER_BEGIN);
        }
        return OK;
    case CASE_PARKED:
        return c.in_force_is_proven ? engine_event(e, c.id, ON_GIVE_UP, &by_autopilot, fault) : OK;
    default:
        return OK;
    }
}

enum { PLAN_COMES_S = 10 };      /* whoever opens a case that the engine is to drive, and has a plan, brings it by then */

static enum err begin_for(struct engine *e, struct etarget *t, const struct casefile *c, struct fault *fault)
{
    if (!t->case_id[0])
        (void)text_copy(t->case_id, sizeof t->case_id, c->id);
    return engine_event(e, c->id, ON_START_ANALYSIS, &by_autopilot, fault);
}

/* What waits for history, or to begin, is asked again, while the target is another case's as well. */
static void drive_beside(struct engine *e, struct etarget *t, const struct casefile *c)
{
    static const enum case_order again[CASE_STATE_COUNT] = { [CASE_ANALYZING] = ORDER_ANALYSE, [CASE_PLANNING] = ORDER_PLAN, [CASE_EXECUTING] = ORDER_BEGIN };
    bool early = c->state == CASE_PLANNING && clock_mono_us(e->clock) < t->plan_again_us;
    if (again[c->state] != ORDER_NONE && c->phase == RUN_IDLE && !early && !is_ordered(e, c->id))
        engine_order(e, c, again[c->state]);
}

static bool is_pointed_to(const struct engine *e, const char *case_id)
{
    for (int i = 0; i < e->targets; i++)
        if (strcmp(e->target[i].case_id, case_id) == 0)
            return true;
    return false;
}

/*
 * Cases that no target points to: nobody else ends the parked ones, asks the gate again, or stops what acts.  Whether the old configuration
 * is in force after all, a look tells whoever drives a case that keeps a target.
 */
static enum err sweep_one(struct engine *e, struct casefile *c, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    bool            driven = t && strcmp(t->case_id, c->id) == 0;
    if (must_stop(e, c))
        return put_back_stopped(e, c, fault);
    if (c->state == CASE_PARKED && !c->in_force_is_proven && (c->driver == DRIVER_ENGINE || t))
        stage_look(e, c);
    if (c->driver != DRIVER_ENGINE)
        return OK;
    if (c->state == CASE_WAIT_GATE && !driven)
        return ask_again(e, c, fault);
    if (c->state == CASE_PARKED && c->in_force_is_proven)
        return engine_event(e, c->id, ON_GIVE_UP, &by_autopilot, fault);
    if (c->state == CASE_NEW && t && clock_wall_us(e->clock) - c->updated_us >= PLAN_COMES_S * US_PER_S)
        return begin_for(e, t, c, fault);
    if (c->state == CASE_VERIFYING && c->phase == RUN_DONE && !c->put_back && !is_pointed_to(e, c->id))      /* where its effect is to be measured another case acted */
        engine_order(e, c, ORDER_VERIFY);
    else if (t && !driven)
        drive_beside(e, t, c);
    return OK;
}

static enum err sweep(struct engine *e, struct fault *fault)
{
    int64_t now = clock_mono_us(e->clock);
    if (now < e->look_again_us)
        return OK;
    e->look_again_us = now + 10 * US_PER_S;
    char   (*ids)[ID_SIZE] = NULL;
    int      n = 0;
    enum err err = e->stops_count > 0 ? store_case_open(e->store, &ids, &n, fault) : store_case_driven(e->store, &ids, &n, fault);
    for (int i = 0; i < n && err == OK; i++) {
        struct casefile c;
        err = store_case_get(e->store, ids[i], &c, NULL, fault);
        if (err == OK)
            err = sweep_one(e, &c, fault);
    }
    free(ids);
    return err;
}

enum err autopilot_tick(struct engine *e, struct fault *fault)
{
    int64_t now = clock_mono_us(e->clock);
    if (now < e->pilot_again_us)
        return OK;
    e->pilot_again_us = now + US_PER_S / 2;
    enum err err = stop_switches_expire(e, fault);
    if (err == OK)
        err = sweep(e, fault);
    for (int i = 0; i < e->targets && err == OK; i++) {
        struct etarget *t = &e->target[i];
        atomic_store(&t->stopped, engine_stopped(e, t->conf->name) != NULL);
        bool busy = false;
        if (t->case_id[0])
            err = drive(e, t, fault);
        else
            err = upkeep_tick(e, t, &busy, fault);
        if (err == OK && !busy && !t->case_id[0] && may_open(e, t))
            err = open_case(e, t, fault);
    }
    return err;
}
