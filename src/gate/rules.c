/*
 * gate/rules.c - the rules, one function each, and the table that numbers them.
 *
 * Hundreds group them: 1 who and whether at all, 2 the plan's form, 3 values,
 * 4 the server, 5 resources, 6 budgets and calendar, 8 scripts.  700s (risk and
 * approvals) and 900 (nothing objects) are in judge.c, which needs the others'
 * answers.  Numbers are never used again for something else.
 */
#include "gate/look.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "model/script.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MB 1048576.0

PRINTF(2, 3) static bool say(struct gate_says *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->text, s->size, format, args);
    va_end(args);
    utf8_clean(s->text, '?');   /* names and reasons are cut, and a verdict that is no JSON is none */
    return true;
}

static bool wait_until(struct gate_says *s, int64_t wall_us)
{
    s->wait_until_us = wall_us;
    return true;
}

/* ---- 1: who, and whether at all ---- */

static bool stopped(const struct gate_look *l, struct gate_says *s)
{
    return l->q->stopped && say(s, "stopped by a person: %s", l->q->stop_why && *l->q->stop_why ? l->q->stop_why : "no reason was given");
}

static bool has_target(const struct gate_look *l) { return l->postgres || (l->q->target && *l->q->target); }

static bool only_watching(const struct gate_look *l, struct gate_says *s)
{
    if (l->q->unconfigured)
        return say(s, "no target \"%.60s\" is configured", l->q->target);
    return has_target(l) && l->q->mode == MODE_WATCH && say(s, "the target is only watched (mode watch)");
}

static bool only_suggesting(const struct gate_look *l, struct gate_says *s)
{
    return has_target(l) && l->q->mode == MODE_SUGGEST && say(s, "the plan is a suggestion (mode suggest): it is carried out only when a person approves it");
}

static bool needs_person(const struct gate_look *l, struct gate_says *s)
{
    return has_target(l) && l->q->mode == MODE_APPROVE && say(s, "every plan for this target needs a person (mode approve)");
}

static bool is_held(const struct gate_look *l, struct gate_says *s)
{
    if (!l->q->held_by || !*l->q->held_by)
        return false;
    return l->q->held_unknown ? say(s, "nobody knows what case %.40s has left in force; who has seen to it says: homeostat case event %.40s in_force_proven", l->q->held_by, l->q->held_by)
                              : say(s, "case %.64s is working on the target", l->q->held_by);
}

static bool opener_may_not(const struct gate_look *l, struct gate_says *s)
{
    return !principal_may(&l->q->opener, ROLE_OPERATOR) && say(s, "%.60s, who opened the case, is no operator", *l->q->opener.name ? l->q->opener.name : "nobody known");
}

/* ---- 2: form ---- */

static bool no_adapter(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 0; i < l->q->plan->steps; i++) {
        enum plan_action a = l->q->plan->step[i].action;
        if (a == PLAN_K8S_ROLLOUT || a == PLAN_GATEWAY_FLIP)
            return say(s, "step %d: there is no adapter for %s", i + 1, plan_action_info[a].name);
    }
    return false;
}

static bool too_many_steps(const struct gate_look *l, struct gate_says *s)
{
    return l->q->plan->steps > l->policy->set.steps_max && say(s, "%d steps, policy allows %d", l->q->plan->steps, (int)l->policy->set.steps_max);
}

static bool too_many_settings(const struct gate_look *l, struct gate_says *s)
{
    return l->knobs_touched > l->policy->set.settings_max && say(s, "%d parameters, policy allows %d", l->knobs_touched, (int)l->policy->set.settings_max);
}

/* A program's target is what it is judged by and where it stands in line, so it is the case's, too. */
static bool program_elsewhere(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 0; i < l->q->plan->steps; i++) {
        const char *named = json_string_value(json_object_get(l->q->plan->step[i].params, "target"));
        if (named && *named && (!l->q->target || strcmp(l->q->target, named) != 0))
            return say(s, "step %d is for %.60s, the case for %.60s", i + 1, named, l->q->target && *l->q->target ? l->q->target : "no target");
    }
    return false;
}

static bool wrong_target(const struct gate_look *l, struct gate_says *s)
{
    if (!l->postgres)
        return program_elsewhere(l, s);
    if (l->targets == 0)
        return say(s, "the plan names no target, and none never means all");
    if (l->targets > l->policy->set.targets_max)
        return say(s, "%d targets, policy allows %d", l->targets, (int)l->policy->set.targets_max);
    if (l->targets > 1)
        return say(s, "more than one target cannot be judged with the facts of one");
    if (!l->q->target || strcmp(l->q->target, l->target) != 0)
        return say(s, "the plan is for %.60s, the case for %.60s", l->target, l->q->target && *l->q->target ? l->q->target : "no target");
    return program_elsewhere(l, s);
}

static bool malformed(const struct gate_look *l, struct gate_says *s) { return *l->malformed && say(s, "%s", l->malformed); }
static bool object_malformed(const struct gate_look *l, struct gate_says *s) { return *l->object_malformed && say(s, "%s", l->object_malformed); }
static bool one_build(const struct gate_look *l, struct gate_says *s)
{
    return l->builds + l->drops > 1 && say(s, "%d indexes in one plan: each is tried, and put back, by itself", l->builds + l->drops);
}

static bool mixed(const struct gate_look *l, struct gate_says *s)
{
    return (l->builds || l->drops) && l->configures && say(s, "an index and parameters in one plan: nobody could say which of them helped");
}

/* Where nothing at all is known another rule says so. */
static bool stale_from(const struct gate_look *l, struct gate_says *s) { return l->q->facts && *l->stale_from && say(s, "%s", l->stale_from); }

static bool too_hasty(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 0; l->postgres && i < l->q->plan->steps; i++)
        if (l->q->plan->step[i].watch_s * US_PER_S < l->policy->set.watch_min_us)
            return say(s, "step %d is watched for %d s, policy wants %.0f s", i + 1, l->q->plan->step[i].watch_s, (double)l->policy->set.watch_min_us / (double)US_PER_S);
    return false;
}

/* ---- 3: values ---- */

static bool unknown_knob(const struct gate_look *l, struct gate_says *s) { return *l->unknown_knob && say(s, "%s", l->unknown_knob); }

static bool not_allowed(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 1; i < KNOB_COUNT; i++)
        if (l->touched[i] && !l->policy->bounds.knob[i].allowed && !(knobs[i].flags & KNOB_DURABILITY))
            return say(s, "%s is not among the parameters that policy allows", knobs[i].name);
    return false;
}

static bool durability(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 1; i < KNOB_COUNT; i++)
        if (l->touched[i] && !l->policy->bounds.knob[i].allowed && (knobs[i].flags & KNOB_DURABILITY))
            return say(s, "%s trades the safety of committed data for speed, and policy does not name it", knobs[i].name);
    return false;
}

/* Outside of the range only on the way back into it. */
static bool comes_back(double from, double to, double lo, double hi) { return (from < to && to < lo) || (from > to && to > hi); }

static bool out_of_range(const struct gate_look *l, struct gate_says *s)
{
    char a[48], b[48], c[48];
    for (int i = 0; l->q->facts && i < l->moves; i++) {
        const struct gate_move  *m = &l->move[i];
        const struct knob       *k = knob_at(m->knob);
        const struct knob_limit *limit = &l->policy->bounds.knob[m->knob];
        struct fault             why = { 0 };
        double                   lo, hi;
        bool number = !k->choice[0].name && !knob_special_of(k, m->to);
        enum err e = knob_allows(k, l->q->facts, m->to, &why);
        if (e != OK && !(number && e == ERR_INPUT && knob_range(k, l->q->facts, &lo, &hi, NULL) == OK && comes_back(m->from, m->to, lo, hi)))
            return say(s, "step %d: %s", m->step + 1, why.text);
        lo = isnan(limit->lo) ? -INFINITY : limit->lo;
        hi = isnan(limit->hi) ? INFINITY : limit->hi;
        if (k->choice[0].name || (m->to >= lo && m->to <= hi) || (number && comes_back(m->from, m->to, lo, hi)))
            continue;
        return say(s, "step %d: %s = %s is outside of policy's %s to %s", m->step + 1, k->name, knob_format(k, m->to, a, sizeof a),
                   isnan(limit->lo) ? "least" : knob_format(k, lo, b, sizeof b), isnan(limit->hi) ? "most" : knob_format(k, hi, c, sizeof c));
    }
    return false;
}

static bool step_too_large(const struct gate_look *l, struct gate_says *s)
{
    char a[48], b[48];
    for (int i = 0; l->q->facts && i < l->moves; i++) {
        const struct gate_move *m = &l->move[i];
        const struct knob       here = bounds_knob(&l->policy->bounds, m->knob, l->q->facts), *k = &here;
        if (!gate_move_is_legal(k, k->rule, m->from, m->to, l->policy->set.step_ratio))
            return say(s, "step %d: %s from %s to %s is more than %s allows in one step", m->step + 1, k->name, knob_format(k, m->from, a, sizeof a),
                       knob_format(k, m->to, b, sizeof b), k->rule == KNOB_BY_ONE ? "its step of 1" : "policy's share of the value in force");
    }
    return false;
}

static bool restart_misplaced(const struct gate_look *l, struct gate_says *s)
{
    if (l->restarts > 1)
        return say(s, "%d restarts: what needs a restart goes together into one", l->restarts);
    for (int i = 0; l->q->facts && i < l->moves; i++)
        if (!l->move[i].restart_step && knob_needs_restart(knob_at(l->move[i].knob), l->q->facts))
            return say(s, "step %d: %s needs a restart, which this step is not", l->move[i].step + 1, knob_at(l->move[i].knob)->name);
    return false;
}

static bool dependency(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 0; l->q->facts && i < l->states; i++)
        for (int d = 0; d < KNOB_DEPENDENCIES; d++)
            if (knob_dependency_broken(&knob_dependency[d], &l->before, &l->after[i], l->q->facts, &l->policy->bounds))
                return say(s, "after step %d: %s (dependency %d)", i + 1, knob_dependency[d].text, knob_dependency[d].number);
    return false;
}

/* What the plan does with indexes and statistics, and whether the policy's answer to one of them is this. */
static bool on_tables(const struct gate_look *l, enum policy_build answer, const char **what)
{
    const struct { int steps, set; const char *what; } kinds[] = {
        { l->builds, l->policy->set.index_build, "an index is built" }, { l->drops, l->policy->set.index_drop, "an index is dropped" },
        { l->analyzes, l->policy->set.analyze, "statistics are refreshed" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].steps && kinds[i].set == (int)answer) {
            *what = kinds[i].what;
            return true;
        }
    return false;
}

static bool tables_forbidden(const struct gate_look *l, struct gate_says *s)
{
    const char *what;
    return on_tables(l, BUILD_NEVER, &what) && say(s, "%s never, as policy says", what);
}

static bool tables_ask(const struct gate_look *l, struct gate_says *s)
{
    const char *what;
    return on_tables(l, BUILD_ASK, &what) && say(s, "%s only when a person approves, as policy says", what);
}

static bool table_too_large(const struct gate_look *l, struct gate_says *s)
{
    double most = (double)l->policy->set.index_table_max_bytes;
    if (!l->builds || l->table_bytes <= most)
        return false;
    return isnan(l->table_bytes) ? say(s, "the plan does not say how large the table is (table_bytes)")
                                 : say(s, "the table has %.0f MB, policy allows %.0f MB", l->table_bytes / MB, most / MB);
}

/* ---- 4: the server ---- */

static bool no_facts(const struct gate_look *l, struct gate_says *s)
{
    return l->postgres && !l->q->facts && say(s, "nothing is known of the target right now, and unknown is not safe");
}

static bool old_facts(const struct gate_look *l, struct gate_says *s)
{
    const struct target_facts *f = l->q->facts;
    return l->postgres && f && f->read_wall_us > 0 && l->q->now_us - f->read_wall_us > 3600 * US_PER_S &&
           say(s, "what is known of the target is %.0f minutes old", (double)(l->q->now_us - f->read_wall_us) / 60e6);
}

static bool has_owner(const struct gate_look *l, struct gate_says *s)
{
    const struct target_facts *f = l->q->facts;
    return l->configures && f && f->owner != OWNER_NONE &&
           say(s, "its configuration belongs to %s%s%.100s: change it there", target_owner_name(f->owner), *f->owner_why ? ", " : "", f->owner_why);
}

static bool is_standby(const struct gate_look *l, struct gate_says *s)
{
    return l->postgres && l->q->facts && l->q->facts->in_recovery && say(s, "the server is a standby (in recovery)");
}

static bool standby_order(const struct gate_look *l, struct gate_says *s)
{
    if (!l->q->facts || l->q->facts->standbys == 0)
        return false;
    for (int i = 0; i < l->moves; i++) {
        const struct gate_move *m = &l->move[i];
        if (!(knob_at(m->knob)->flags & KNOB_STANDBY_ORDER))
            continue;
        if (m->to > m->from)
            return say(s, "%s must be raised on the standbys first, then here: a standby with less refuses to go on (%d connected)", knob_at(m->knob)->name, l->q->facts->standbys);
        return say(s, "%s is lowered here first and on the standbys only when they have replayed that; do it by hand (%d connected)", knob_at(m->knob)->name, l->q->facts->standbys);
    }
    return false;
}

/* What is only suggested may be carried out by somebody else's hands; it is ours that may do nothing. */
static bool no_privilege(const struct gate_look *l, struct gate_says *s)
{
    const struct target_facts *f = l->q->facts;
    if (!l->postgres || !f || f->superuser || !l->moves || (l->q->mode == MODE_SUGGEST && !l->q->at_execution))
        return false;
    const char *role = *f->role ? f->role : "(our role)";
    if (!f->may_alter_system && f->server_version < 150000)
        return say(s, "our role (%.60s) may not ALTER SYSTEM: before PostgreSQL 15 that takes a superuser", role);
    if (!f->may_alter_system)
        return say(s, "our role may not ALTER SYSTEM: GRANT ALTER SYSTEM ON PARAMETER %s TO %.60s", knob_at(l->move[0].knob)->name, role);
    return !f->may_reload && say(s, "our role may not reload: GRANT EXECUTE ON FUNCTION pg_reload_conf() TO %.60s", role);
}

static enum policy_restart sterner(const struct policy *p, enum policy_restart target) { return p->set.restart < (int)target ? (enum policy_restart)p->set.restart : target; }
static enum policy_restart restart_rule(const struct gate_look *l)                       { return sterner(l->policy, l->q->restart); }

static bool restart_forbidden(const struct gate_look *l, struct gate_says *s)
{
    return l->restarts && restart_rule(l) == RESTART_NEVER &&
           say(s, "a restart is not allowed (%s)", l->policy->set.restart == RESTART_NEVER ? "policy: restart.when is never" : "the target's own configuration");
}

static bool restart_unsafe(const struct gate_look *l, struct gate_says *s)
{
    const struct target_facts *f = l->q->facts;
    if (!l->restarts || !f)
        return false;
    if (!f->local)
        return say(s, "the server is not proven to run on this machine, so a restart could not be undone while it is down");
    return !f->file_access && say(s, "we have not proven that we can write its postgresql.auto.conf, so a restart could not be undone while it is down");
}

/* Is one of them open until the moment needed? Else *soonest is when the next one opens, INT64_MAX for never. */
static bool window_open(int64_t now_us, const struct week_window *list, int n, int64_t needed_us, int64_t *soonest)
{
    *soonest = INT64_MAX;
    for (int i = 0; i < n; i++) {
        int64_t opens, closes;
        if (week_window_open(&list[i], now_us, &opens, &closes) && closes >= needed_us)
            return true;
        if (opens <= now_us)   /* open, but it closes too early: the next one */
            (void)week_window_open(&list[i], closes, &opens, &closes);
        *soonest = opens > now_us && opens < *soonest ? opens : *soonest;
    }
    return false;
}

bool gate_restart_in_time(const struct policy *p, enum policy_restart target, int64_t now_us)
{
    int64_t             unused;
    enum policy_restart rule = sterner(p, target);
    return rule == RESTART_ALLOWED || (rule == RESTART_WINDOW && window_open(now_us, p->window, p->windows, now_us + 60 * US_PER_S, &unused));
}

static bool outside_window(const struct gate_look *l, struct gate_says *s)
{
    int64_t soonest;
    char    when[32];
    if (!l->restarts || restart_rule(l) != RESTART_WINDOW || window_open(l->q->now_us, l->policy->window, l->policy->windows, l->begins_restart_us + 60 * US_PER_S, &soonest))
        return false;
    return soonest == INT64_MAX ? say(s, "a restart needs a window, and policy has none") && wait_until(s, 0)
                                : say(s, "a restart needs a window; the next one opens %s", clock_format(soonest, when, sizeof when)) && wait_until(s, soonest);
}

/* The steps before the restart run inside its window, too: a plan that is longer than every window would wait for ever. */
static bool window_too_short(const struct gate_look *l, struct gate_says *s)
{
    int64_t longest = 0, needed = l->begins_restart_us - l->q->now_us + 60 * US_PER_S;
    for (int i = 0; i < l->policy->windows; i++) {
        int64_t length = week_window_length_us(&l->policy->window[i]);
        longest = length > longest ? length : longest;
    }
    return l->restarts && restart_rule(l) == RESTART_WINDOW && l->policy->windows > 0 && longest < needed &&
           say(s, "the restart comes %.0f minutes after the plan begins, and no window of policy is open for longer than %.0f", (double)needed / 60e6, (double)longest / 60e6);
}

static bool build_outside_window(const struct gate_look *l, struct gate_says *s)
{
    int64_t soonest;
    char    when[32];
    return l->builds && l->policy->index_windows && !window_open(l->q->now_us, l->policy->index_window, l->policy->index_windows, l->q->now_us, &soonest) &&
           say(s, "an index is built within a window; the next one opens %s", clock_format(soonest, when, sizeof when)) && wait_until(s, soonest);
}

static bool build_too_busy(const struct gate_look *l, struct gate_says *s)
{
    return l->builds && l->q->cpu > l->policy->set.index_cpu_max &&
           say(s, "the processors are %.0f %% busy, an index is built below %.0f %%", 100 * l->q->cpu, 100 * l->policy->set.index_cpu_max) && wait_until(s, l->q->now_us + 60 * US_PER_S);
}

static bool build_unseen(const struct gate_look *l, struct gate_says *s)
{
    bool disk = l->q->facts && isnan(l->q->facts->disk_free_bytes), cpu = isnan(l->q->cpu);
    return l->builds && (disk || cpu) && say(s, "%s%s%s not known here, so a person decides whether there is room for a build", disk ? "the free disk" : "", disk && cpu ? " and " : "", cpu ? "the load" : "");
}

static bool overridden(const struct gate_look *l, struct gate_says *s)
{
    const struct target_facts *f = l->q->facts;
    for (int i = 0; f && i < f->overrides; i++) {
        const struct knob *k = knob_find(f->override[i].name);
        if (k && l->touched[k->id])
            return say(s, "%s is set for %s%.40s%s%.40s, where this plan will change nothing", k->name, *f->override[i].role ? "role " : "", f->override[i].role,
                       *f->override[i].database ? " database " : "", f->override[i].database);
    }
    return false;
}

/* ---- 5: resources ---- */

static bool memory_unknown(const struct gate_look *l, struct gate_says *s)
{
    struct footprint p;
    if (!l->q->facts || !look_touches(l, KNOB_MEMORY))
        return false;
    footprint_of(&l->before, l->q->facts, &l->policy->bounds, &p);
    if (!isnan(p.bound) && p.bound > 0 && !isnan(p.total))
        return false;
    return say(s, "%s, so no bound can be kept", isnan(p.total) ? "not all parameters that use memory are known" : "the machine's memory is not known");
}

static bool memory_exceeded(const struct gate_look *l, struct gate_says *s)
{
    struct footprint was, is;
    if (!l->q->facts || !look_touches(l, KNOB_MEMORY))
        return false;
    footprint_of(&l->before, l->q->facts, &l->policy->bounds, &was);
    for (int i = 0; i < l->states; i++) {
        footprint_of(&l->after[i], l->q->facts, &l->policy->bounds, &is);
        if (is.total <= is.bound || is.total <= was.total)
            continue;
        char text[400];
        return say(s, "after step %d: %s", i + 1, footprint_text(&is, text, sizeof text));
    }
    return false;
}

static bool touches_wal(const struct gate_look *l)
{
    return l->touched[KNOB_MAX_WAL_SIZE] || l->touched[KNOB_MAX_SLOT_WAL_KEEP_SIZE];
}

static double disk_free(const struct target_facts *f) { return isnan(f->wal_disk_free_bytes) ? f->disk_free_bytes : fmin(f->wal_disk_free_bytes, f->disk_free_bytes); }

static bool disk_exceeded(const struct gate_look *l, struct gate_says *s)
{
    bool unlimited;
    if (!l->q->facts || !touches_wal(l))
        return false;
    double was = wal_disk_bytes(&l->before, l->q->facts, &unlimited), room = disk_free(l->q->facts) * l->policy->bounds.disk_fraction;
    for (int i = 0; i < l->states; i++) {
        double grows = wal_disk_bytes(&l->after[i], l->q->facts, &unlimited) - was;
        if (grows <= 0 || grows <= room)
            continue;
        return isnan(grows) || isnan(room) ? say(s, "free disk or max_wal_size are not known, so the log may not grow")
                                           : say(s, "the log could take %.0f MB more, policy allows %.0f MB of the free disk", grows / MB, room / MB);
    }
    return false;
}

static bool build_too_large(const struct gate_look *l, struct gate_says *s)
{
    if (!l->q->facts || !l->builds)
        return false;
    double room = l->q->facts->disk_free_bytes * l->policy->set.index_disk_fraction;
    if (isnan(l->index_bytes))
        return say(s, "the plan does not say how large the index would be (bytes)");
    return 2 * l->index_bytes > room && say(s, "the build could take %.0f MB, policy allows %.0f MB of the free disk", 2 * l->index_bytes / MB, room / MB);
}

static bool slots_unlimited(const struct gate_look *l, struct gate_says *s)
{
    bool unlimited = false;
    if (!l->q->facts || !touches_wal(l))
        return false;
    double was = wal_disk_bytes(&l->before, l->q->facts, &unlimited), room = disk_free(l->q->facts) * l->policy->bounds.disk_fraction / 2;
    for (int i = 0; i < l->states; i++) {
        double grows = wal_disk_bytes(&l->after[i], l->q->facts, &unlimited) - was;
        if (unlimited && !(grows <= 0) && !(grows <= room))
            return say(s, "%d replication slots may keep log without a limit (max_slot_wal_keep_size), so only %.0f MB of the free disk may be used", l->q->facts->slots, room / MB);
        if (unlimited && l->touched[KNOB_MAX_SLOT_WAL_KEEP_SIZE])
            return say(s, "slots would keep log without a limit");
    }
    return false;
}

static bool recovery_too_long(const struct gate_look *l, struct gate_says *s)
{
    const struct bounds *b = &l->policy->bounds;
    if (!l->q->facts || !(l->touched[KNOB_MAX_WAL_SIZE] || l->touched[KNOB_CHECKPOINT_TIMEOUT] || l->touched[KNOB_CHECKPOINT_COMPLETION_TARGET]))
        return false;
    double was = recovery_estimate_s(&l->before, b, (double)NAN);
    for (int i = 0; i < l->states; i++) {
        double is = recovery_estimate_s(&l->after[i], b, (double)NAN);
        if (!(is <= b->recovery_max_s) && !(is <= was))
            return say(s, "crash recovery could take %.0f s, policy allows %.0f s (%.0f s as it is; at %.0f MB a second)", is, b->recovery_max_s, was, b->replay_bytes_per_s / MB);
    }
    return false;
}

/* ---- 6: budgets and calendar ---- */

static bool budget_unknown(const struct gate_look *l, struct gate_says *s)
{
    if (!l->postgres || (l->q->changes_last_hour >= 0 && l->q->restarts_last_day >= 0 && !isnan(l->q->degraded_s_last_day)))
        return false;
    return say(s, "what was used of the budgets is not known");
}

static bool changes_spent(const struct gate_look *l, struct gate_says *s)
{
    if (!l->postgres || l->q->changes_last_hour < l->policy->set.changes_per_hour)
        return false;
    return say(s, "%d plans were carried out on this target within the hour, policy allows %d", l->q->changes_last_hour, (int)l->policy->set.changes_per_hour) &&
           wait_until(s, (l->q->oldest_change_us > 0 ? l->q->oldest_change_us : l->q->now_us) + 3600 * US_PER_S);
}

static bool restarts_spent(const struct gate_look *l, struct gate_says *s)
{
    return l->restarts && l->q->restarts_last_day + l->restarts > l->policy->set.restarts_per_day &&
           say(s, "%d restarts of this target within 24 hours, policy allows %d", l->q->restarts_last_day, (int)l->policy->set.restarts_per_day) &&
           wait_until(s, l->q->now_us + 3600 * US_PER_S);
}

static bool cooling_down(const struct gate_look *l, struct gate_says *s)
{
    int64_t until = l->q->last_rollback_us + l->policy->set.cool_down_us;
    char    when[32];
    return l->postgres && l->q->last_rollback_us > 0 && l->q->now_us < until &&
           say(s, "something was put back not long ago; the target is left alone until %s", clock_format(until, when, sizeof when)) && wait_until(s, until);
}

static bool degraded_spent(const struct gate_look *l, struct gate_says *s)
{
    double most = (double)l->policy->set.degraded_per_day_us / (double)US_PER_S;
    return l->postgres && l->q->degraded_s_last_day > most &&
           say(s, "trials made this target slower for %.0f s within 24 hours, policy allows %.0f s", l->q->degraded_s_last_day, most) &&
           wait_until(s, l->q->now_us + 3600 * US_PER_S);
}

static bool frozen(const struct gate_look *l, struct gate_says *s)
{
    char when[32];
    for (int i = 0; i < l->policy->freezes; i++) {
        const struct policy_freeze *f = &l->policy->freeze[i];
        int64_t closes = f->to_us;
        if (*f->target && (!l->q->target || strcmp(f->target, l->q->target) != 0))
            continue;
        bool meets = f->weekly ? week_window_meets(&f->window, l->q->now_us, l->ends_us, &closes) : f->from_us <= l->ends_us && l->q->now_us < f->to_us;
        if (meets)
            return say(s, "frozen until %s: %s", clock_format(closes, when, sizeof when), f->why) && wait_until(s, closes);
    }
    return false;
}

/* ---- 8: scripts ---- */

static bool scripts_forbidden(const struct gate_look *l, struct gate_says *s)
{
    return l->scripts && !l->policy->set.scripts && say(s, "policy allows no scripts");
}

/* What each script step would run; false when all of them are fine for `check`. */
static bool each_script(const struct gate_look *l, struct gate_says *s, bool (*check)(const struct gate_look *, struct gate_says *, int, const json_t *, bool, const struct fault *))
{
    for (int i = 0; i < l->q->plan->steps; i++) {
        if (l->q->plan->step[i].action != PLAN_SCRIPT_EXEC)
            continue;
        json_t      *argv = NULL;
        bool         shell = false;
        struct fault why = { 0 };
        bool         bad = script_argv(l->q->plan->step[i].params, &argv, &shell, &why) != OK;
        bool         said = check(l, s, i, bad ? NULL : argv, shell, &why);
        json_decref(bad ? NULL : argv);
        if (said)
            return true;
    }
    return false;
}

/* A witness is run before and after the step, an undo after it: they are programs like the step's own. */
static const char *const beside[] = { "witness", "undo" };
enum { BESIDES = sizeof beside / sizeof beside[0] };

static bool check_form(const struct gate_look *l, struct gate_says *s, int step, const json_t *argv, bool shell, const struct fault *why)
{
    (void)shell;
    if (!argv)
        return say(s, "step %d: %.170s", step + 1, why->text);
    const json_t *params = l->q->plan->step[step].params, *env = json_object_get(params, "env");
    for (int i = 0; i < BESIDES; i++) {
        json_t      *words = NULL;
        struct fault fault = { 0 };
        enum err     e = script_beside(params, beside[i], &words, &fault);
        json_decref(words);
        if (e != OK)
            return say(s, "step %d: %.170s", step + 1, fault.text);
    }
    return env && !json_is_object(env) && say(s, "step %d: env must be an object of texts", step + 1);
}

static bool check_shell(const struct gate_look *l, struct gate_says *s, int step, const json_t *argv, bool shell, const struct fault *why)
{
    (void)why;
    return argv && shell && !l->policy->set.shell && say(s, "step %d asks for a shell, which policy does not allow", step + 1);
}

static bool program_fits(const struct policy_program *p, const json_t *argv)
{
    size_t n = json_array_size(argv);
    if (n < (size_t)p->words || (n > (size_t)p->words && !p->more))
        return false;
    for (int i = 0; i < p->words; i++)
        if (strcmp(p->word[i], json_string_value(json_array_get(argv, (size_t)i))) != 0)
            return false;
    return true;
}

static bool program_is_named(const struct gate_look *l, const json_t *argv)
{
    for (int i = 0; i < l->policy->programs; i++)
        if (program_fits(&l->policy->program[i], argv))
            return true;
    return false;
}

/*
 * What makes a program run other code than its own, by where it looks for it; the list is that of sudo, by and large, and of where the programs of an
 * administrator find what they run at their start: psql its psqlrc, in HOME or elsewhere, kubectl what KUBECONFIG names.  NULL: nothing.
 */
static const char *brings_code(const json_t *env)
{
    static const char *const names[] = {
        "PATH", "LD_*", "_RLD*", "GCONV_PATH", "IFS", "ENV", "BASH_ENV", "BASH_FUNC_*", "BASHOPTS", "SHELLOPTS", "PS4", "GLOBIGNORE", "CDPATH", "FPATH", "ZDOTDIR", "NULLCMD", "READNULLCMD",
        "PERL*", "PYTHON*", "RUBY*", "NODE_*", "LUA_*", "AWK*", "GEM_*", "BUNDLE_*", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "TERMINFO*", "TERMPATH", "TERMCAP",
        "NLSPATH", "LOCPATH", "HOSTALIASES", "PAGER", "MANPAGER", "SYSTEMD_*", "LESSOPEN", "LESSCLOSE", "EDITOR", "VISUAL", "BROWSER", "GIT_*", "HOME", "XDG_*", "PSQL*", "PGSYSCONFDIR",
        "OPENSSL_*", "KUBECONFIG", "HELM_*", "ANSIBLE_*", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "DOCKER_CONFIG", "MAKEFLAGS", "MAKEFILES", "TAR_OPTIONS", "RSYNC_*", "SSH_ASKPASS*",
        "GLIBC_TUNABLES",
    };
    const char *name;
    json_t     *value;
    json_object_foreach((json_t *)(uintptr_t)env, name, value)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t n = strcspn(names[i], "*");
            if (names[i][n] ? strncmp(name, names[i], n) == 0 : strcmp(name, names[i]) == 0)
                return name;
        }
    return NULL;
}

static bool check_program(const struct gate_look *l, struct gate_says *s, int step, const json_t *argv, bool shell, const struct fault *why)
{
    (void)why;
    if (!argv || (shell && !l->policy->set.shell))
        return false;   /* other rules have said what is to be said */
    const json_t *params = l->q->plan->step[step].params;
    const char   *name = brings_code(json_object_get(params, "env"));
    if (!shell && !program_is_named(l, argv))      /* a permitted shell can run anything anyway */
        return say(s, "step %d: \"%.80s\" with these arguments is not among the programs that policy allows", step + 1, json_string_value(json_array_get(argv, 0)));
    for (int i = 0; i < BESIDES && !shell; i++) {
        json_t      *words = NULL;
        struct fault ignored;
        bool         bad = script_beside(params, beside[i], &words, &ignored) == OK && words && !program_is_named(l, words);
        if (bad)
            (void)say(s, "step %d: its %s, \"%.80s\" with these arguments, is not among the programs that policy allows", step + 1, beside[i], json_string_value(json_array_get(words, 0)));
        json_decref(words);
        if (bad)
            return true;
    }
    /* A Makefile, a playbook, a program that is named by a path without its beginning: the words are the same, and what is run is another. */
    const char *cwd = json_string_value(json_object_get(params, "cwd"));
    if (cwd && strcmp(cwd, "/") != 0 && !l->policy->set.shell)
        return say(s, "step %d: in the folder %.80s (cwd) the program could find other code to run, which policy allows only with a shell", step + 1, cwd);
    return name && !l->policy->set.shell && say(s, "step %d: %.60s in env could make the program run other code, which policy allows only with a shell", step + 1, name);
}

static bool script_malformed(const struct gate_look *l, struct gate_says *s)  { return each_script(l, s, check_form); }
static bool shell_forbidden(const struct gate_look *l, struct gate_says *s)   { return each_script(l, s, check_shell); }
static bool program_forbidden(const struct gate_look *l, struct gate_says *s) { return each_script(l, s, check_program); }

static bool script_too_long(const struct gate_look *l, struct gate_says *s)
{
    for (int i = 0; i < l->q->plan->steps; i++)
        if (l->q->plan->step[i].action == PLAN_SCRIPT_EXEC && l->q->plan->step[i].timeout_s * US_PER_S > l->policy->set.script_timeout_max_us)
            return say(s, "step %d may run for %d s, policy allows %.0f s", i + 1, l->q->plan->step[i].timeout_s, (double)l->policy->set.script_timeout_max_us / (double)US_PER_S);
    return false;
}

/* ---- the table ---- */

const struct gate_rule gate_rules[] = {
    { 101, GATE_WAIT,    stopped,           "nothing begins while the stop switch is set" },
    { 102, GATE_REJECT,  only_watching,     "a target in mode watch, or that is not configured, is never changed" },
    { 103, GATE_ASK,     only_suggesting,   "a target in mode suggest is changed only when a person approves the suggestion" },
    { 104, GATE_ASK,     needs_person,      "a target in mode approve is changed only when a person approves" },
    { 105, GATE_WAIT,    is_held,           "one case at a time works on a target" },
    { 106, GATE_REJECT,  opener_may_not,    "who opened the case must be an operator" },

    { 201, GATE_REJECT,  no_adapter,        "every step needs an adapter in this program" },
    { 202, GATE_REJECT,  too_many_steps,    "a plan has at most steps.max steps" },
    { 203, GATE_REJECT,  too_many_settings, "a plan changes at most steps.settings_max parameters" },
    { 204, GATE_REJECT,  wrong_target,      "a plan touches exactly the target of its case; an empty list means nothing" },
    { 205, GATE_REJECT,  malformed,         "settings must be readable as PostgreSQL reads them" },
    { 206, GATE_REJECT,  stale_from,        "each step begins where the server, or the step before, stands" },
    { 207, GATE_REJECT,  too_hasty,         "after each step on a database the guards are watched for steps.watch_min" },

    { 208, GATE_REJECT,  object_malformed,  "a step on a table names schema, table and columns, and an index what it is for" },
    { 209, GATE_REJECT,  one_build,         "one index at a time" },
    { 210, GATE_REJECT,  mixed,             "an index is tried by itself" },

    { 301, GATE_REJECT,  unknown_knob,      "only parameters of the catalogue" },
    { 302, GATE_REJECT,  not_allowed,       "only parameters that policy allows" },
    { 303, GATE_REJECT,  durability,        "what trades durability only when policy names it" },
    { 304, GATE_REJECT,  out_of_range,      "only values in the range of this machine, this version and policy" },
    { 305, GATE_REJECT,  step_too_large,    "a reloadable number moves by at most steps.ratio of its current value per step" },
    { 306, GATE_REJECT,  restart_misplaced, "what needs a restart goes together into one restart step" },
    { 307, GATE_REJECT,  dependency,        "what parameters demand of each other holds after every step" },

    { 308, GATE_REJECT,  tables_forbidden,  "indexes and statistics only where policy allows them" },
    { 309, GATE_ASK,     tables_ask,        "where indexes.build, drop or analyze say ask, a person approves" },
    { 310, GATE_REJECT,  table_too_large,   "no index on a table larger than indexes.table_max" },

    { 401, GATE_WAIT,    no_facts,          "a server of which nothing is known is not changed" },
    { 402, GATE_REJECT,  old_facts,         "what is known of the server is at most an hour old" },
    { 403, GATE_REJECT,  has_owner,         "what somebody else manages is changed through its owner" },
    { 404, GATE_REJECT,  is_standby,        "a standby is not changed" },
    { 405, GATE_REJECT,  standby_order,     "raise on standbys first, lower on the primary first" },
    { 406, GATE_REJECT,  no_privilege,      "our role must be allowed to do it" },
    { 407, GATE_REJECT,  restart_forbidden, "restarts only where policy and the target's configuration allow them" },
    { 408, GATE_REJECT,  restart_unsafe,    "a restart must be possible to undo while the server is down" },
    { 409, GATE_WAIT,    outside_window,    "restarts only within windows, where policy says so" },
    { 410, GATE_APPROVE, overridden,        "a parameter that a role or database overrides changes nothing there" },
    { 411, GATE_WAIT,    build_outside_window, "an index build begins within indexes.windows, where there are any" },
    { 412, GATE_WAIT,    build_too_busy,    "an index build begins while the processors are less busy than indexes.cpu_max" },
    { 413, GATE_ASK,     build_unseen,      "where free disk or load are not known, a person decides about a build" },
    { 414, GATE_REJECT,  window_too_short,  "a plan with a restart fits into a window, where policy says so" },

    { 501, GATE_REJECT,  memory_unknown,    "memory that is not known bounds nothing" },
    { 502, GATE_REJECT,  memory_exceeded,   "memory that the server may need at worst stays below memory.fraction, after every step" },
    { 503, GATE_REJECT,  disk_exceeded,     "the log may grow by at most disk.fraction of the free disk" },
    { 504, GATE_REJECT,  slots_unlimited,   "half of that while a slot may keep log without a limit" },
    { 505, GATE_REJECT,  recovery_too_long, "crash recovery takes at most recovery.max at worst" },
    { 506, GATE_REJECT,  build_too_large,   "an index and the sorting for it take at most indexes.disk of the free disk" },

    { 601, GATE_REJECT,  budget_unknown,    "budgets must be known" },
    { 602, GATE_WAIT,    changes_spent,     "at most changes.per_hour plans an hour" },
    { 603, GATE_WAIT,    restarts_spent,    "at most restart.per_day restarts a day" },
    { 604, GATE_WAIT,    cooling_down,      "after a rollback the target is left alone for changes.cool_down" },
    { 605, GATE_WAIT,    degraded_spent,    "trials may make a target slower for changes.degraded_per_day a day" },
    { 606, GATE_WAIT,    frozen,            "nothing begins that would not end before a freeze" },

    { 801, GATE_REJECT,  scripts_forbidden, "scripts only where policy allows them" },
    { 802, GATE_REJECT,  script_malformed,  "a script is a list of words, or plain words" },
    { 803, GATE_REJECT,  shell_forbidden,   "a shell only where policy allows it" },
    { 804, GATE_REJECT,  program_forbidden, "only programs that policy names, also as witness and undo, and neither env nor cwd that bring other code" },
    { 805, GATE_REJECT,  script_too_long,   "a script runs at most scripts.timeout_max" },
};
const int gate_rules_count = sizeof gate_rules / sizeof gate_rules[0];
