/*
 * engine/autopilot.c - what the engine does without being asked.
 *
 * It opens a case when there is something to try and nothing speaks against it,
 * measures before it plans, and ends what nobody else would end.
 */
#include "base/log.h"
#include "base/text.h"
#include "diagnose/symptom.h"
#include "engine/inside.h"
#include "plan/compose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTARTS_PAUSE_US (INT64_C(7) * 86400 * US_PER_S)
#define PROVABLE_MOST      0.6931471805599453      /* log(2): what a restart must be able to prove, at the least */
#define PROVABLE_STILL     (1.5 * PROVABLE_MOST)   /* when it was planned with that, and the next windows were noisier */

static const struct cause by_autopilot = { .actor = "engine", .reason = "" };
static const struct principal autopilot = { "engine", ROLE_OPERATOR };

/* ---- the stop switch ---- */

/* One that was known before ends when it was to end then: who steps ahead with the clock for a moment must not end it for good. */
enum err autopilot_stops(struct engine *e, struct fault *fault)
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
    enum err err = autopilot_stops(e, fault);
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

/* ---- opening, analysing, planning ---- */

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

#define NOTHING_TELLS "nothing tells how well clients are answered, so nothing could be proven: it takes pg_stat_statements in this database, " \
                      "a driver that reports (load_endpoint), or load_saturates: true where the load always asks for more"

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

/*
 * Where nobody works a trial would have nothing to measure by and end undecided, whatever was tried: a night would use up the
 * proposals, and what may be spent on proofs.  Whoever only suggests measures nothing: then the machine speaks without a load.
 */
static bool cannot_measure(const struct etarget *t) { return t->asleep && t->mode >= MODE_APPROVE; }
static bool need_not_measure(const struct etarget *t) { return t->asleep && t->mode < MODE_APPROVE; }
#define NOBODY_WORKS "nobody works with it, so nothing could be measured"

static bool is_own(const struct casefile *c) { return strcmp(c->opened_by, autopilot.name) == 0; }

/* What we opened ourselves gives way to what can be done in quiet hours: indexes and statistics. */
static enum err give_way(struct engine *e, const struct casefile *c, const char *reason, struct fault *fault)
{
    struct cause why = { .actor = "autopilot", .reason = reason };
    return is_own(c) ? engine_event(e, c->id, ON_CANCEL, &why, fault) : OK;
}

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
    if (!why && cannot_measure(t))
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

static void no_restarts(struct engine *e, struct etarget *t, const char *why)
{
    t->restarts_again_us = clock_mono_us(e->clock) + RESTARTS_PAUSE_US;
    log_info("no restart is proposed for a week", F("target", t->conf->name), F("why", why));
}

#define NEVER_ENOUGH "there is never enough history for one: the configuration is reloaded, or the load changes, too often"

/* A restart needs the longest history. Where that begins anew before it is long enough, nothing would ever be tried; we look twice a second. */
static void wait_for_longer(struct engine *e, struct etarget *t)
{
    t->analysis_waits += t->last.v[METRIC_UP] == 1;
    if (t->analysis_waits <= 2 * ANALYSIS_WINDOWS * (e->d.tune->window_us / US_PER_S))
        return;
    t->analysis_waits = 0;
    no_restarts(e, t, NEVER_ENOUGH);
}

bool autopilot_may_restart(struct engine *e, const struct etarget *t)
{
    return t->conf->restart != DAEMON_RESTART_NEVER && t->act->restart_command && clock_mono_us(e->clock) >= t->restarts_again_us;
}

enum err autopilot_analyse(struct engine *e, struct casefile *c, bool *ready, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    *ready = false;
    if (!t)
        return engine_event(e, c->id, ON_ANALYSIS_DONE, &by_autopilot, fault);
    bool restart = autopilot_may_restart(e, t);
    if (cannot_measure(t))
        return give_way(e, c, NOBODY_WORKS, fault);
    if (!need_not_measure(t) && t->histories < prove_history_needed(e, t, restart ? VERIFY_RESTART : VERIFY_IMMEDIATE)) {
        if (restart && t->histories >= prove_history_needed(e, t, VERIFY_IMMEDIATE))
            wait_for_longer(e, t);
        return OK;
    }
    t->analysis_waits = 0;
    if (t->mode >= MODE_APPROVE && is_own(c) && !prove_can_measure(e, t))
        return give_way(e, c, NOTHING_TELLS, fault);
    struct symptom list[SYMPTOMS_MAX];
    int      n = diagnose_symptoms(t->history, t->histories, t->facts, list, SYMPTOMS_MAX);
    enum err err = OK;
    json_t  *all = json_array();
    for (int i = 0; i < n && err == OK; i++) {
        json_t *labels = json_pack("{s:f,s:f,s:i,s:s}", "value", list[i].value, "usual", list[i].usual, "number", list[i].number, "metric", metric_info[list[i].metric].name);
        json_t *reference = json_pack("{s:s,s:{s:s,s:s,s:I}}", "table", "metric_1m", "keys", "target", t->conf->name, "metric", metric_info[list[i].metric].name, "to", (json_int_t)clock_wall_us(e->clock));
        err = store_event_add(e->store, c->id, "INFO", "anomaly", list[i].title, list[i].text, labels, reference, clock_wall_us(e->clock), fault);
        json_array_append_new(all, json_string(list[i].title));
        json_decref(labels);
        json_decref(reference);
    }
    if (err == OK)
        err = engine_publish(e, "evt.analysis.findings.v1", c->id, json_pack("{s:s,s:O,s:i}", "target", c->target, "findings", all, "windows", t->histories), fault);
    json_decref(all);
    if (err != OK)
        return err;
    *ready = true;
    return engine_event(e, c->id, ON_ANALYSIS_DONE, &by_autopilot, fault);
}

/* A plan whose window opens later than a case may wait at the gate would only keep everything else waiting meanwhile. */
bool autopilot_window_is_near(const struct engine *e, const struct week_window *list, int n)
{
    int64_t now = clock_wall_us(e->clock), opens, closes;
    for (int i = 0; i < n; i++)
        if (week_window_open(&list[i], now, &opens, &closes) || opens - now < case_timing_default.stay_us[CASE_WAIT_GATE])
            return true;
    return false;
}

static bool restart_is_near(const struct engine *e, const struct etarget *t)
{
    return (e->policy.set.restart == RESTART_ALLOWED && t->conf->restart == DAEMON_RESTART_ALLOWED) || autopilot_window_is_near(e, e->policy.window, e->policy.windows);
}

static bool class_of(const json_t *plan, enum verify_class *class)
{
    const char *method = json_string_value(json_object_get(json_object_get(plan, "verify"), "method"));
    return method && verify_class_parse(method, class);
}

/* Windows between before and after, where they cannot be had in turns. */
static int gap_of(const struct engine *e, const json_t *plan, enum verify_class class)
{
    int64_t seconds = 20;
    size_t  i;
    json_t *step;
    json_array_foreach(json_object_get(plan, "steps"), i, step)
        seconds += json_integer_value(json_object_get(step, "watch_s")) + 2;
    return class == VERIFY_RESTART || class == VERIFY_SLOW ? (int)(seconds * US_PER_S / e->d.tune->window_us) : 0;
}

/* Whoever changes something must be able to find out whether it helped, or a restart is paid for twice and nothing is learned. */
static enum err check_provable(struct engine *e, struct etarget *t, const json_t *plan, struct fault *fault)
{
    enum verify_class class;
    if (t->mode < MODE_APPROVE || !class_of(plan, &class) || class == VERIFY_NONE)
        return OK;
    if (class == VERIFY_CHECKPOINT && !t->facts->may_checkpoint) {
        (void)fail(fault, ERR_INPUT, "no verdict could come of \"%.160s\": the role %.60s may not CHECKPOINT, and cost that is put off would look like gain",
                   json_string_value(json_object_get(plan, "title")), t->facts->role);
        fail_hint(fault, "GRANT pg_checkpoint TO %.60s", t->facts->role);
        return ERR_INPUT;
    }
    if (prove_can_compare(e, t, class, gap_of(e, plan, class)))
        return OK;
    (void)fail(fault, ERR_INPUT, "no verdict could come of \"%.160s\": its steps take %d windows, and the %d that are kept of the time before do not say how far this database moves by itself over so long",
               json_string_value(json_object_get(plan, "title")), gap_of(e, plan, class), HISTORY_MAX);
    fail_hint(fault, "a shorter tune.watch, a longer tune.window or a smaller tune.windows_min");
    return ERR_INPUT;
}

enum err autopilot_propose(struct engine *e, struct etarget *t, json_t **plan, json_t **proposal, char *planner, size_t size, struct fault *fault)
{
    struct proposal p;
    if (!t->facts)
        return fail(fault, ERR_UNKNOWN, "nothing is known of %s yet", t->conf->name);
    struct bounds bounds = e->policy.bounds;
    bounds.restart_allowed = bounds.restart_allowed && e->policy.set.restart != RESTART_NEVER && t->conf->restart != DAEMON_RESTART_NEVER && t->act->restart_command != NULL &&
                             restart_is_near(e, t) && clock_mono_us(e->clock) >= t->restarts_again_us && (t->mode < MODE_APPROVE || t->facts->may_checkpoint);
    struct planner_view view = { .facts = t->facts, .window = t->history, .windows = t->histories, .bounds = &bounds };
    knowing_show(e, t, &view);
    practising_show(e, t, &view);
    practising_learn(e, t, &view);
    enum err err = planner_ask(t->planner, &view, &p, fault);
    if (err != OK)
        return err;
    struct compose_how how = { .target = t->conf->name, .step_ratio = e->policy.bounds.step_ratio, .bounds = &e->policy.bounds, .watch_s = (int)(e->d.tune->watch_us / US_PER_S),
                               .timeout_s = 60, .restart_timeout_s = (int)(t->conf->restart_timeout_us / US_PER_S) + 120 };
    err = compose_plan(&p, t->facts, &how, plan, fault);
    if (err == OK && (err = check_provable(e, t, *plan, fault)) != OK) {
        json_decref(*plan);
        *plan = NULL;
    }
    if (err == ERR_INPUT || err == ERR_STATE) {   /* what cannot be composed must not be proposed for ever */
        struct fault ignored;
        (void)!planner_tell(t->planner, &p, TOLD_REFUSED, (double)NAN, &ignored);
    }
    if (err != OK)
        return err;
    *proposal = proposal_json(&p);
    (void)text_copy(planner, size, p.planner);
    return OK;
}

/* Before and after lie as far apart as the plan takes to be carried out, and placebos must have the same gap. */
bool autopilot_enough_history(struct engine *e, struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    if (!class_of(plan, &class))
        return true;
    int needed = prove_history_needed(e, t, class) + gap_of(e, plan, class), have;
    (void)prove_history(t, class, &have);
    return have >= (needed < HISTORY_MAX ? needed : HISTORY_MAX);
}

enum { FRESH_WINDOWS = 10, FRESH_MIN = 3 };

/*
 * Where both arms take turns the first window is watched against the latest ones.  Those of an hour ago, with other caches and another log behind
 * them, would end trials for nothing.  Where work comes and goes there may never be as many: that is not waited for.
 */
static bool is_fresh(struct engine *e, const struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    int               n, fresh = 0;
    if (!class_of(plan, &class) || class == VERIFY_NONE || class == VERIFY_RESTART || class == VERIFY_SLOW || t->plan_waits > 2 * FRESH_WINDOWS)
        return true;
    const struct window *w = prove_history(t, class, &n);
    int64_t              since = clock_mono_us(e->clock) - FRESH_WINDOWS * e->d.tune->window_us;
    for (int i = 0; i < n; i++)
        fresh += w[i].to_us >= since;
    return fresh >= FRESH_MIN;
}

/*
 * Its window opens, or whoever approves comes, when nobody works, and tomorrow it will be the same: were it planned again at once, it
 * would wait all day and keep everything else waiting.  What needs no restart has its turn first.
 */
void autopilot_came_too_late(struct engine *e, struct etarget *t) { no_restarts(e, t, "the last one was to begin when nobody worked"); }

/* Where nobody has worked for hours, before and after would lie hours apart when the plan has been carried out. */
bool autopilot_near_enough(struct engine *e, struct etarget *t, const json_t *plan)
{
    enum verify_class class;
    if (!class_of(plan, &class) || class == VERIFY_NONE || t->histories == 0)
        return true;
    int64_t windows = (clock_mono_us(e->clock) - t->history[t->histories - 1].to_us) / e->d.tune->window_us;
    return prove_can_compare(e, t, class, gap_of(e, plan, class) + (windows < 0 ? 0 : windows < 10000 ? (int)windows : 10000));
}

/*
 * A restart is dear, and paid for in vain when its gain cannot be told from how this database moves by itself: as long as not even a
 * doubling could, and more history is kept than there is yet, it waits for more.  Where all that is kept lets nothing be proven, be it
 * large or small, there is no restart: what needs none has its turn.
 */
bool autopilot_worth_a_restart(struct engine *e, struct etarget *t, const json_t *plan, bool planned)
{
    enum verify_class class;
    if (t->mode < MODE_APPROVE || !class_of(plan, &class) || class != VERIFY_RESTART)      /* a suggestion restarts nothing */
        return true;
    double least = prove_least(e, t, class, gap_of(e, plan, class));
    bool   all = t->histories >= HISTORY_MAX;
    if (least <= (planned ? PROVABLE_STILL : PROVABLE_MOST) || (all && isfinite(least)))
        return true;
    if (all)
        no_restarts(e, t, "nothing could be proven of one: too few windows of the history tell how well clients were answered");
    else if (!t->too_noisy)
        log_info("a restart waits for more history: less than this could not be proven yet", F("target", t->conf->name), F("factor", exp(least)), F("windows", t->histories), F("windows_most", HISTORY_MAX));
    t->too_noisy = true;
    return false;
}

/*
 * Where somebody reloads every half hour, or the load is another one as often, there will never be as much history as a restart needs;
 * the planner would propose it for ever, and what needs less would never have its turn.
 */
static void wait_for_history(struct engine *e, struct etarget *t, const json_t *plan, const json_t *proposal)
{
    enum verify_class class;
    struct proposal   p;
    struct fault      ignored;
    if (++t->plan_waits <= PLAN_WAITS_MAX)
        return;
    t->plan_waits = 0;
    if (class_of(plan, &class) && class == VERIFY_RESTART)
        no_restarts(e, t, NEVER_ENOUGH);
    else if (proposal_parse(proposal, &p, &ignored) == OK)
        (void)!planner_tell(t->planner, &p, TOLD_REFUSED, (double)NAN, &ignored);
}

enum err autopilot_plan(struct engine *e, struct casefile *c, struct fault *fault)
{
    struct etarget *t = engine_target(e, c->target);
    json_t *plan = NULL, *proposal = NULL;
    char    planner[32] = "";
    if (!t)
        return OK;
    if (cannot_measure(t))
        return give_way(e, c, NOBODY_WORKS, fault);
    enum err err = autopilot_propose(e, t, &plan, &proposal, planner, sizeof planner, fault);
    if (err == ERR_MISSING || err == ERR_UNKNOWN || err == ERR_STATE || err == ERR_INPUT || err == ERR_LIMIT) {      /* no model, no memory for one: other targets go on */
        struct cause why = { .actor = "planner", .reason = fault->text };
        int64_t      wait = err == ERR_MISSING ? e->d.tune->reevaluate_us : e->d.tune->settle_us;
        char         text[400];
        (void)text_copy(text, sizeof text, fault->text);
        log_info(err == ERR_MISSING ? "nothing left to try" : "no plan could be made", F("target", t->conf->name), F("why", (const char *)text));
        err = engine_event(e, c->id, ON_CANCEL, &why, fault);
        return err == OK ? autopilot_rest(e, t, wait, text, fault) : err;
    }
    if (err != OK)
        return err;
    t->plan_again_us = clock_mono_us(e->clock) + e->d.tune->window_us / 2;
    enum verify_class class;
    t->restart_waits = class_of(plan, &class) && class == VERIFY_RESTART;
    if (need_not_measure(t) || (autopilot_enough_history(e, t, plan) && is_fresh(e, t, plan) && autopilot_worth_a_restart(e, t, plan, false))) {
        t->restart_waits = false;
        t->plan_again_us = 0;
        t->plan_waits = 0;
        t->too_noisy = false;
        err = engine_set_plan(e, c, plan, planner, proposal, fault);
        struct case_input    in = { .kind = INPUT_EVENT, .event = ON_PLAN_READY };
        struct case_decision d;
        enum case_answer     said;
        if (err == OK)
            err = engine_feed(e, c, &in, &by_autopilot, &said, &d, fault);
    } else {
        wait_for_history(e, t, plan, proposal);
    }
    json_decref(plan);
    json_decref(proposal);
    return err;
}

enum err autopilot_overtake(struct engine *e, const struct casefile *c, const char *reason, struct fault *fault)
{
    struct cause why = { .actor = "autopilot", .reason = reason };
    return engine_event(e, c->id, ON_CANCEL, &why, fault);
}

/*
 * A plan of several steps takes its time.  When the load has become another one meanwhile, or we were ended and know nothing of the time
 * before any more, nothing can come of it but "undecided": whoever went on would restart the server, and then once more to take it back.
 */
bool autopilot_still_comparable(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    enum verify_class  class = VERIFY_NONE;
    if (c->driver != DRIVER_ENGINE || store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return true;
    bool planned = json_object_get(plan.proposal, "changes") && class_of(plan.plan, &class) && (class == VERIFY_RESTART || class == VERIFY_SLOW);
    int  have = 0;
    if (planned)
        (void)prove_history(t, class, &have);
    bool yes = !planned || have >= prove_history_needed(e, t, class);
    stored_plan_done(&plan);
    return yes;
}

/* The steps before a restart may take longer than was expected when they began; a window that has closed meanwhile is closed, and policy may be another one. */
bool autopilot_restart_in_time(struct engine *e, struct etarget *t, const struct casefile *c)
{
    struct stored_plan plan;
    struct fault       ignored;
    if (store_plan_get(e->store, c->plan_id, &plan, &ignored) != OK)
        return true;
    const char *next = json_string_value(json_object_get(json_array_get(json_object_get(plan.plan, "steps"), (size_t)c->step), "action"));
    bool        yes = !next || strcmp(next, "postgres.restart") != 0 || gate_restart_in_time(&e->policy, (enum policy_restart)t->conf->restart, clock_wall_us(e->clock));
    stored_plan_done(&plan);
    return yes;
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
        prove_take(e, t, c);
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
        return err == OK ? autopilot_analyse(e, &c, &ready, fault) : err;
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

static enum err expire_stops(struct engine *e, struct fault *fault)
{
    for (int i = 0; i < e->stops_count; i++)
        if (is_over(e, i)) {
            log_info("stop switch expired", F("scope", e->stops[i].scope[0] ? (const char *)e->stops[i].scope : "everything"));
            enum err err = turn_begin(e, fault);
            if (err == OK)
                err = store_stop_delete(e->store, e->stops[i].scope, fault);
            return err == OK ? autopilot_stops(e, fault) : err;
        }
    return OK;
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
    enum err err = expire_stops(e, fault);
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
