/*
 * gate/policy.c - the policy file: its tables, what cannot be said by a range, and its version.
 */
#include "gate/policy.h"

#include "base/clock.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define V(kind, field) KNOB_##kind(struct policy_values, field)
#define ROWS(a)        .knobs = (a), .count = sizeof(a) / sizeof *(a)

static const struct conf_knob step_rows[] = {
    { "ratio", V(PERCENT, step_ratio), "20%", "1%..50%", CONF_LIVE,
      "The largest share of its current value by which one step may change a reloadable number. Whole numbers may always move by 1." },
    { "max", V(INT, steps_max), "64", "1..64", CONF_LIVE, "How many steps a plan may have." },
    { "watch_min", V(TIME, watch_min_us), "0s", "0s..1h", CONF_LIVE, "How long the guards must be watched after each step on a database, at least." },
    { "settings_max", V(INT, settings_max), "24", "1..64", CONF_LIVE, "How many parameters one plan may change." },
    { "targets_max", V(INT, targets_max), "1", "1..16", CONF_LIVE, "How many targets one plan may touch. None listed means none, never all." },
};
static const struct conf_knob memory_rows[] = {
    { "fraction", V(PERCENT, memory_fraction), "90%", "10%..100%", CONF_LIVE,
      "What the server may need at worst, as a share of the smaller of the machine's memory and its cgroup limit." },
    { "sessions_factor", V(REAL, sessions_factor), "2", "1..100", CONF_LIVE,
      "Sessions to expect: this many times the highest number seen, at most max_connections. When none were seen: max_connections." },
    { "nodes_per_session", V(REAL, nodes_per_session), "1", "0.1..100", CONF_LIVE,
      "How many sorts and hashes of a session use work_mem at the same time. Raise it for analytical queries." },
    { "session", V(SIZE, session_bytes), "4MiB", "0..1GiB", CONF_LIVE, "What a session needs for itself, besides work_mem." },
    { "work_mem_total", V(SIZE, work_mem_total_bytes), "4GiB", "1MiB..16TiB", CONF_LIVE, "work_mem x max_connections stays below." },
    { "half_of_cache_size", V(BOOL, half_of_cache_size), "yes", NULL, CONF_LIVE,
      "Keep shared_buffers at or below half of effective_cache_size. That parameter is a hint and reserves nothing, so the planner raises it along." },
};
static const struct conf_knob disk_rows[] = {
    { "fraction", V(PERCENT, disk_fraction), "25%", "0%..90%", CONF_LIVE,
      "How much of the free disk a larger max_wal_size may take. Half of that while a replication slot may keep log without a limit." },
};
static const struct conf_knob recovery_rows[] = {
    { "max", V(TIME, recovery_max_us), "90s", "1s..1h", CONF_LIVE, "How long crash recovery may take, at worst, after a change of checkpoints." },
    { "replay_rate", V(SIZE, replay_bytes_per_s), "40MiB", "1MiB..10GiB", CONF_LIVE, "Log replayed per second after a crash, as cautiously as you like." },
};
static const struct conf_knob restart_rows[] = {
    { "when", V(CHOICE, restart), "never", "never|window|allowed", CONF_LIVE, "Whether a plan may restart a server. A target's own setting can forbid more, never allow more." },
    { "per_day", V(INT, restarts_per_day), "4", "0..100", CONF_LIVE, "Restarts of one target in 24 hours." },
};
static const struct conf_knob change_rows[] = {
    { "per_hour", V(INT, changes_per_hour), "12", "0..1000", CONF_LIVE, "Plans carried out on one target in an hour." },
    { "cool_down", V(TIME, cool_down_us), "10min", "0s..7d", CONF_LIVE, "Leave a target alone for this long after something was put back." },
    { "degraded_per_day", V(TIME, degraded_per_day_us), "15min", "0s..24h", CONF_LIVE,
      "When trials have made a target slower than before for this long within 24 hours, nothing more is tried on it." },
};
static const struct conf_knob trial_rows[] = {
    { "harm_immediate", V(PERCENT, harm_max[VERIFY_IMMEDIATE]), "10%", "0.1%..50%", CONF_LIVE,
      "How much slower than what is in force a trial may be believed to be (95 %), for what is switched to and fro, and is put back within a window." },
    { "harm_planner", V(PERCENT, harm_max[VERIFY_PLANNER]), "10%", "0.1%..50%", CONF_LIVE, "The same for what changes plans of queries." },
    { "harm_checkpoint", V(PERCENT, harm_max[VERIFY_CHECKPOINT]), "7%", "0.1%..50%", CONF_LIVE, "The same for what shows with the next checkpoint." },
    { "harm_slow", V(PERCENT, harm_max[VERIFY_SLOW]), "3%", "0.1%..50%", CONF_LIVE, "The same for what shows within hours." },
    { "harm_restart", V(PERCENT, harm_max[VERIFY_RESTART]), "5%", "0.1%..50%", CONF_LIVE, "The same for what costs a restart to put back." },
    { "gain_min", V(PERCENT, gain_min), "2%", "0.1%..50%", CONF_LIVE, "When no more than this is believed to be left in any one parameter, tuning ends until the load changes. For `tune.planner: joint`." },
    { "trials_min", V(INT, trials_min), "15", "3..1000", CONF_LIVE, "Trials under a load before that may be said. For `tune.planner: joint`." },
};
static const struct conf_knob risk_rows[] = {
    { "auto_max", V(REAL, risk_auto_max), "0.25", "0..1", CONF_LIVE, "Plans up to this risk need no person, where the target's mode is auto. A restart usually lies above." },
    { "max", V(REAL, risk_max), "0.9", "0..1", CONF_LIVE, "Plans above this risk are refused, whoever approves." },
};
static const struct conf_knob approval_rows[] = {
    { "four_eyes", V(BOOL, four_eyes), "no", NULL, CONF_LIVE, "Who opened a case, or brought its plan, may not approve that plan." },
    { "expires", V(TIME, approval_expires_us), "24h", "1min..30d", CONF_LIVE, "An approval that was not used by then does not count any more." },
};
static const struct conf_knob script_rows[] = {
    { "allowed", V(BOOL, scripts), "yes", NULL, CONF_LIVE, "Whether plans may run programs at all." },
    { "shell", V(BOOL, shell), "no", NULL, CONF_LIVE, "Whether a step may ask for a real shell. Words without one are enough for nearly everything." },
    { "timeout_max", V(TIME, script_timeout_max_us), "1h", "10s..24h", CONF_LIVE, "The longest time a program may be given." },
};
static const struct conf_knob index_rows[] = {
    { "build", V(CHOICE, index_build), "ask", "never|ask|auto", CONF_LIVE,
      "Whether an index may be built: never, when a person approves, or as the target's mode and the risk say. Only with auto does Homeostat open such a case by itself." },
    { "drop", V(CHOICE, index_drop), "ask", "never|ask|auto", CONF_LIVE, "The same for dropping an index that Homeostat has built. Others are never dropped." },
    { "analyze", V(CHOICE, analyze), "ask", "never|ask|auto", CONF_LIVE, "The same for refreshing the statistics of a table." },
    { "table_max", V(SIZE, index_table_max_bytes), "100GiB", "1MiB..1024TiB", CONF_LIVE, "No index on a table larger than this." },
    { "disk", V(PERCENT, index_disk_fraction), "25%", "0%..90%", CONF_LIVE, "How much of the free disk a build may take: the index, and as much again for sorting." },
    { "cpu_max", V(PERCENT, index_cpu_max), "70%", "1%..100%", CONF_LIVE, "A build waits while the processors are busier than this." },
};

/* ---- what is more than one value ---- */

struct window_list  { struct conf_list windows; };
struct program_list { struct conf_list programs; };
struct freeze_text  { const char *from, *to, *weekly, *target, *why; };
struct knob_text    { const char *name, *allowed, *min, *max; };

static enum err check_window(const char *text, struct fault *fault)
{
    struct week_window w;
    return week_window_parse(text, &w, fault);
}

static enum err program_parse(const char *text, struct policy_program *p, struct fault *fault)
{
    *p = (struct policy_program){ 0 };
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " \t");
        if (n == 0) {
            at++;
            continue;
        }
        if (p->more)
            return fail(fault, ERR_INPUT, "\"%.60s\": nothing can come after ...", text);
        if (n == 3 && strncmp(at, "...", 3) == 0) {
            p->more = true;
        } else if (p->words == POLICY_ARGS_MAX || n >= POLICY_WORD_SIZE) {
            return fail(fault, ERR_INPUT, "\"%.60s\": at most %d words of %d bytes", text, POLICY_ARGS_MAX, POLICY_WORD_SIZE - 1);
        } else {
            p->more = n > 3 && strncmp(at + n - 3, "...", 3) == 0;   /* "echo..." is "echo ..." in one word */
            memcpy(p->word[p->words++], at, p->more ? n - 3 : n);
        }
        at += n;
    }
    return p->words ? OK : fail(fault, ERR_INPUT, "\"%.60s\" names no program", text);
}

static enum err check_program(const char *text, struct fault *fault)
{
    struct policy_program p;
    enum err e = program_parse(text, &p, fault);
    if (e != OK)
        fail_hint(fault, "write the words that must be given, and ... where anything may follow: systemctl reload pgbouncer, or: echo ...");
    return e;
}

static enum err check_time(const char *text, struct fault *fault)
{
    if (*text == '\0' || clock_parse(text) >= 0)
        return OK;
    (void)fail(fault, ERR_INPUT, "\"%.40s\" is not a time", text);
    fail_hint(fault, "write it as 2026-12-20T00:00:00Z or 2026-12-20T00:00:00+01:00");
    return ERR_INPUT;
}

static enum err check_weekly(const char *text, struct fault *fault) { return *text ? check_window(text, fault) : OK; }

static const struct conf_knob window_rows[] = {
    { "windows", KNOB_LIST(struct window_list, windows), "", "0..16", CONF_LIVE,
      "When `when` is window: the pieces of the week in which a restart may begin and end. What it brings is compared with the time right before it, so the tuner makes none "
      "where nobody has worked for hours.", check_window },
};
static const struct conf_knob index_window_rows[] = {
    { "windows", KNOB_LIST(struct window_list, windows), "", "0..16", CONF_LIVE,
      "The pieces of the week in which a build may begin; none: at any time.", check_window },
};
static const struct conf_knob program_rows[] = {
    { "programs", KNOB_LIST(struct program_list, programs), "echo... true", "0..64", CONF_LIVE,
      "The programs that steps may run, as such, as witness or as undo, as the words they are called with; \"echo ...\" lets anything follow, \"true\" nothing.", check_program },
};
static const struct conf_knob freeze_rows[] = {
    { "from", KNOB_TEXT(struct freeze_text, from), "", "0..40", CONF_LIVE, "When it begins, with `to` for when it ends.", check_time },
    { "to", KNOB_TEXT(struct freeze_text, to), "", "0..40", CONF_LIVE, "When it ends.", check_time },
    { "weekly", KNOB_TEXT(struct freeze_text, weekly), "", "0..80", CONF_LIVE, "Instead of from and to: a piece of each week, as in restart.windows.", check_weekly },
    { "target", KNOB_TEXT(struct freeze_text, target), "", "0..63", CONF_LIVE, "Only this target; unset: all." },
    { "why", KNOB_TEXT(struct freeze_text, why), NULL, "1..119", CONF_LIVE, "Shown to whoever asks why nothing happens." },
};
static const struct conf_knob knob_rows[] = {
    { "allowed", KNOB_TEXT(struct knob_text, allowed), "", "0..3", CONF_LIVE, "yes or no; unset: what the catalogue says (`homeostat knobs`)." },
    { "min", KNOB_TEXT(struct knob_text, min), "", "0..40", CONF_LIVE, "The least value, in PostgreSQL's notation; unset: the catalogue's for this machine." },
    { "max", KNOB_TEXT(struct knob_text, max), "", "0..40", CONF_LIVE, "The greatest value." },
};

static void check_freeze(const void *instance, struct conf_checker *c)
{
    const struct freeze_text *f = instance;
    bool dated = *f->from || *f->to;
    if (dated == (*f->weekly != '\0'))
        conf_refuse(c, *f->weekly ? "weekly" : "from", "give from and to, or weekly", "a freeze is either once or weekly");
    else if (dated && !(*f->from && *f->to && clock_parse(f->from) < clock_parse(f->to)))
        conf_refuse(c, "to", "both are needed, and from must be earlier", "this freeze has no end after its beginning");
}

static enum err knob_limit_parse(const struct knob_text *t, struct knob_limit *limit, struct fault *fault)
{
    const struct knob *k = knob_find(t->name);
    if (!k) {
        (void)fail(fault, ERR_INPUT, "%.60s is not in the catalogue", t->name);
        fail_hint(fault, "see: homeostat knobs");
        return ERR_INPUT;
    }
    if (*t->allowed && strcmp(t->allowed, "yes") != 0 && strcmp(t->allowed, "no") != 0)
        return fail(fault, ERR_INPUT, "allowed must be yes or no");
    if ((*t->min || *t->max) && k->choice[0].name)
        return fail(fault, ERR_INPUT, "%s has choices and no least or greatest value", k->name);
    *limit = (struct knob_limit){ .allowed = *t->allowed ? t->allowed[0] == 'y' : (k->flags & KNOB_TUNED) != 0, .lo = (double)NAN, .hi = (double)NAN };
    enum err e = *t->min ? knob_parse(k, t->min, &limit->lo, fault) : OK;
    if (e == OK && *t->max)
        e = knob_parse(k, t->max, &limit->hi, fault);
    if (e == OK && limit->lo > limit->hi)
        e = fail(fault, ERR_INPUT, "min is greater than max");
    return e;
}

static void check_knob(const void *instance, struct conf_checker *c)
{
    const struct knob_text *t = instance;
    struct knob_limit       limit;
    struct fault            why = { 0 };
    if (knob_limit_parse(t, &limit, &why) != OK)
        conf_refuse(c, *t->max ? "max" : *t->min ? "min" : "allowed", why.hint, "%s", why.text);
}

static void check_risk(const void *instance, struct conf_checker *c)
{
    const struct policy_values *v = instance;
    if (v->risk_auto_max > v->risk_max)
        conf_refuse(c, "auto_max", "risk.max must be at least as large", "what is refused cannot be automatic");
}

#define VALUES(name, rows, text, ...) \
    static const struct conf_section name = { ROWS(rows), .size = sizeof(struct policy_values), .why = text, __VA_ARGS__ }

VALUES(section_steps, step_rows, "How far one plan may go at once.", .path = "steps");
VALUES(section_memory, memory_rows, "The bound on memory: shared_buffers + sessions x (work_mem x nodes x hash_mem_multiplier + session) + autovacuum + WAL buffers.", .path = "memory");
VALUES(section_disk, disk_rows, "The bound on disk.", .path = "disk");
VALUES(section_recovery, recovery_rows, "The bound on crash recovery: max_wal_size / replay_rate.", .path = "recovery");
VALUES(section_restart, restart_rows, "Restarts.", .path = "restart");
VALUES(section_changes, change_rows, "Budgets of each target.", .path = "changes");
VALUES(section_trials, trial_rows, "What may be tried by models, and when there is nothing left to try.", .path = "trials");
VALUES(section_risk, risk_rows, "Risk is impact x probability, from 0 to 1; its parts are shown with each verdict.", .path = "risk", .check = check_risk);
VALUES(section_approval, approval_rows, "What makes a person's approval count. It is bound to the plan, the version of the case and this policy.", .path = "approval");
VALUES(section_scripts, script_rows, "Programs that plans may run.", .path = "scripts");
VALUES(section_indexes, index_rows, "Indexes and statistics. Nothing here is done by itself unless it says auto.", .path = "indexes");
static const struct conf_section section_index_windows = { ROWS(index_window_rows), .path = "indexes", .size = sizeof(struct window_list), .why = "Indexes and statistics." };
static const struct conf_section section_windows = { ROWS(window_rows), .path = "restart", .size = sizeof(struct window_list), .why = "Restarts." };
static const struct conf_section section_programs = { ROWS(program_rows), .path = "scripts", .size = sizeof(struct program_list), .why = "Programs that plans may run." };
static const struct conf_section section_freezes = { ROWS(freeze_rows), .path = "freezes", .size = sizeof(struct freeze_text), .shape = CONF_ITEMS,
    .instances_max = POLICY_FREEZES_MAX, .flags = CONF_LIVE, .name_at = CONF_NO_NAME, .check = check_freeze, .why = "Times in which nothing begins. What is under way ends." };
static const struct conf_section section_knobs = { ROWS(knob_rows), .path = "knobs", .size = sizeof(struct knob_text), .shape = CONF_MAP,
    .instances_max = KNOB_COUNT, .flags = CONF_LIVE, .name_at = offsetof(struct knob_text, name), .check = check_knob,
    .why = "Exceptions from the catalogue, by parameter. What trades durability (fsync, full_page_writes, synchronous_commit) is never touched unless it is allowed here by name." };

static const struct conf_section *const value_sections[] = {
    &section_steps, &section_memory, &section_disk, &section_recovery, &section_restart, &section_changes, &section_trials, &section_risk, &section_approval,
    &section_scripts, &section_indexes,
};
enum { VALUE_SECTIONS = sizeof value_sections / sizeof value_sections[0] };

const struct conf_section *const policy_sections[] = {
    &section_steps, &section_memory, &section_disk, &section_recovery, &section_restart, &section_windows, &section_changes, &section_trials,
    &section_risk, &section_approval, &section_scripts, &section_programs, &section_indexes, &section_index_windows, &section_freezes, &section_knobs,
};
const size_t policy_sections_count = sizeof policy_sections / sizeof policy_sections[0];

const char *policy_restart_name(enum policy_restart r)
{
    static const char *const names[] = { "never", "window", "allowed" };
    return (unsigned)r < 3 ? names[r] : "?";
}

/* ---- from values to bounds, and to a version ---- */

static void make_bounds(struct policy *p)
{
    const struct policy_values *v = &p->set;
    struct bounds *b = &p->bounds;
    b->step_ratio = v->step_ratio;
    b->steps_max = (int)v->steps_max;
    b->changes_max = (int)v->settings_max;
    b->memory_fraction = v->memory_fraction;
    b->sessions_factor = v->sessions_factor;
    b->nodes_per_session = v->nodes_per_session;
    b->session_bytes = (double)v->session_bytes;
    b->work_mem_total_bytes = (double)v->work_mem_total_bytes;
    b->half_of_cache_size = v->half_of_cache_size;
    b->disk_fraction = v->disk_fraction;
    b->recovery_max_s = (double)v->recovery_max_us / (double)US_PER_S;
    b->replay_bytes_per_s = (double)v->replay_bytes_per_s;
    b->restart_allowed = v->restart != RESTART_NEVER;
    memcpy(b->harm_max, v->harm_max, sizeof b->harm_max);
    b->gain_min = v->gain_min;
    b->trials_min = (int)v->trials_min;
}

static void print_program(const struct policy_program *p, struct text *out)
{
    for (int i = 0; i < p->words; i++)
        text_printf(out, "%s%s", i ? " " : "", p->word[i]);
    text_add(out, p->more ? " ..." : "");
}

static bool limit_is_default(int id, const struct knob_limit *l)
{
    return l->allowed == ((knobs[id].flags & KNOB_TUNED) != 0) && isnan(l->lo) && isnan(l->hi);
}

/* Quoted so that any text is one scalar of YAML. */
static void print_quoted(const char *s, struct text *out)
{
    text_add(out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            text_add(out, "\\");
        if ((unsigned char)*s < 0x20)
            text_printf(out, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            text_add_n(out, s, 1);
    }
    text_add(out, "\"");
}

static void print_windows(const struct week_window *list, int n, const char *why, struct text *out)
{
    char window[64];
    text_printf(out, "  # %s\n  windows: [", why);
    for (int i = 0; i < n; i++) {
        text_add(out, i ? ", " : "");
        print_quoted(week_window_format(&list[i], window, sizeof window), out);
    }
    text_add(out, "]\n");
}

static void print_lists(const struct policy *p, const struct conf_section *s, struct text *out)
{
    if (s == &section_restart)
        print_windows(p->window, p->windows, window_rows[0].why, out);
    if (s == &section_indexes)
        print_windows(p->index_window, p->index_windows, index_window_rows[0].why, out);
    if (s == &section_scripts) {
        struct text t CLEANUP(text_done);
        text_init(&t, 4096);
        text_printf(out, "  # %s\n  programs: [", program_rows[0].why);
        for (int i = 0; i < p->programs; i++) {
            text_clear(&t);
            print_program(&p->program[i], &t);
            text_add(out, i ? ", " : "");
            print_quoted(t.s, out);
        }
        text_add(out, "]\n");
    }
}

static void print_freezes(const struct policy *p, struct text *out)
{
    char a[64], b[64];
    text_printf(out, "\n# %s\nfreezes:%s\n", section_freezes.why, p->freezes ? "" : " []");
    for (int i = 0; i < p->freezes; i++) {
        const struct policy_freeze *f = &p->freeze[i];
        text_add(out, "  - why: ");
        print_quoted(f->why, out);
        if (f->weekly)
            text_printf(out, "\n    weekly: \"%s\"", week_window_format(&f->window, a, sizeof a));
        else
            text_printf(out, "\n    from: \"%s\"\n    to: \"%s\"", clock_format(f->from_us, a, sizeof a), clock_format(f->to_us, b, sizeof b));
        if (*f->target) {
            text_add(out, "\n    target: ");
            print_quoted(f->target, out);
        }
        text_add(out, "\n");
    }
}

static void print_knobs(const struct policy *p, struct text *out)
{
    char value[48];
    bool any = false;
    for (int i = 1; i < KNOB_COUNT; i++)
        any |= !limit_is_default(i, &p->bounds.knob[i]);
    text_printf(out, "\n# %s\nknobs:%s\n", section_knobs.why, any ? "" : " {}");
    for (int i = 1; i < KNOB_COUNT; i++) {
        const struct knob_limit *l = &p->bounds.knob[i];
        if (limit_is_default(i, l))
            continue;
        text_printf(out, "  %s: { allowed: \"%s\"", knobs[i].name, l->allowed ? "yes" : "no");
        if (!isnan(l->lo))
            text_printf(out, ", min: \"%s\"", knob_format(&knobs[i], l->lo, value, sizeof value));
        if (!isnan(l->hi))
            text_printf(out, ", max: \"%s\"", knob_format(&knobs[i], l->hi, value, sizeof value));
        text_add(out, " }\n");
    }
}

void policy_print(const struct policy *p, struct text *out)
{
    for (int i = 0; i < VALUE_SECTIONS; i++) {
        const struct conf_section *s = value_sections[i];
        text_printf(out, "%s# %s\n%s:\n", i ? "\n" : "", s->why, s->path);
        for (size_t k = 0; k < s->count; k++) {
            char allowed[160];
            text_printf(out, "  # %s", s->knobs[k].why);
            if (*knob_allowed(&s->knobs[k], allowed, sizeof allowed))
                text_printf(out, " %s", allowed);
            text_printf(out, "\n  %s: ", s->knobs[k].path);
            knob_print(&s->knobs[k], &p->set, out);
            text_add(out, "\n");
        }
        print_lists(p, s, out);
    }
    print_freezes(p, out);
    print_knobs(p, out);
}

static void make_version(struct policy *p)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 256 * 1024);
    policy_print(p, &t);   /* the same meaning prints the same */
    digest_hex(t.s, t.used, p->version);
}

/* ---- reading ---- */

static enum err take_lists(const struct conf *c, struct policy *p, struct fault *fault)
{
    const struct window_list  *w = conf_of(c, &section_windows), *x = conf_of(c, &section_index_windows);
    const struct program_list *g = conf_of(c, &section_programs);
    for (size_t i = 0; i < w->windows.count; i++) {
        enum err e = week_window_parse(w->windows.item[i], &p->window[p->windows++], fault);
        if (e != OK)
            return e;
    }
    for (size_t i = 0; i < x->windows.count; i++) {
        enum err e = week_window_parse(x->windows.item[i], &p->index_window[p->index_windows++], fault);
        if (e != OK)
            return e;
    }
    for (size_t i = 0; i < g->programs.count; i++) {
        enum err e = program_parse(g->programs.item[i], &p->program[p->programs++], fault);
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err take_freezes(const struct conf *c, struct policy *p, struct fault *fault)
{
    size_t                    n;
    const struct freeze_text *list = conf_instances(c, &section_freezes, &n);
    for (size_t i = 0; i < n; i++) {
        struct policy_freeze *f = &p->freeze[p->freezes++];
        f->weekly = *list[i].weekly != '\0';
        (void)text_copy(f->target, sizeof f->target, list[i].target);
        (void)text_copy(f->why, sizeof f->why, list[i].why);
        f->from_us = f->weekly ? 0 : clock_parse(list[i].from);
        f->to_us = f->weekly ? 0 : clock_parse(list[i].to);
        enum err e = f->weekly ? week_window_parse(list[i].weekly, &f->window, fault) : OK;
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err take_knobs(const struct conf *c, struct policy *p, struct fault *fault)
{
    size_t                  n;
    const struct knob_text *list = conf_instances(c, &section_knobs, &n);
    for (size_t i = 0; i < n; i++) {
        struct knob_limit limit;
        enum err          e = knob_limit_parse(&list[i], &limit, fault);
        if (e != OK)
            return e;
        p->bounds.knob[knob_find(list[i].name)->id] = limit;
    }
    return OK;
}

static enum err take_all(const struct conf *c, struct policy *p, struct fault *fault)
{
    struct policy got = { 0 };
    struct arena  unused;
    enum err      e = OK;
    arena_init(&unused, 4096);
    for (int i = 0; i < VALUE_SECTIONS && e == OK; i++)
        for (size_t k = 0; k < value_sections[i]->count && e == OK; k++)
            e = knob_copy(&value_sections[i]->knobs[k], &got.set, conf_of(c, value_sections[i]), &unused, fault);
    arena_done(&unused);
    bounds_default(&got.bounds);
    make_bounds(&got);
    if (e == OK)
        e = take_lists(c, &got, fault);
    if (e == OK)
        e = take_freezes(c, &got, fault);
    if (e == OK)
        e = take_knobs(c, &got, fault);
    if (e != OK)
        return e;
    make_version(&got);
    *p = got;
    return OK;
}

enum err policy_read(const char *path, struct policy *p, struct conf_complaints *all, struct fault *fault)
{
    struct conf *c = NULL;
    enum err     e = conf_load(path, policy_sections, policy_sections_count, &c, all, fault);
    if (e == OK)
        e = take_all(c, p, fault);
    conf_free(c);
    return e;
}

enum err policy_parse(const char *name, const char *text, size_t size, struct policy *p, struct conf_complaints *all, struct fault *fault)
{
    struct conf *c = NULL;
    enum err     e = conf_load_text(name, text, size, policy_sections, policy_sections_count, &c, all, fault);
    if (e == OK)
        e = take_all(c, p, fault);
    conf_free(c);
    return e;
}

void policy_default(struct policy *p)
{
    static const char nothing[] = "steps: { ratio: 20% }\n";   /* an empty file is refused, since it is nearly always a mistake */
    struct fault      fault = { 0 };
    if (policy_parse("built-in policy", nothing, sizeof nothing - 1, p, NULL, &fault) == OK)
        return;
    *p = (struct policy){ 0 };   /* the tables themselves are wrong (a test finds that): allow nothing */
    bounds_default(&p->bounds);
    for (int i = 0; i < KNOB_COUNT; i++)
        p->bounds.knob[i].allowed = false;
}
