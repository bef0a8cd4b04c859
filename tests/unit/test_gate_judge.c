/* gate: every rule lets its good example pass and stops its bad one; no approved plan ever exceeds a bound. */
#include "unit.h"

#include "facts.h"

#include "base/clock.h"
#include "base/rand.h"
#include "gate/judge.h"
#include "gate/look.h"

#include <stdlib.h>

#define NOW INT64_C(1767225600000000)   /* Thursday 2026-01-01T00:00:00Z */

static struct target_facts  facts;
static struct policy        policy;
static struct plan          plan;
static struct gate_question q;
static struct gate_verdict  v;
static struct fault         fault;

static void fresh(void)
{
    facts_pg15(&facts, 8 * FACTS_GIB, 4);
    static struct policy built_in;
    if (!built_in.version[0])
        policy_default(&built_in);
    policy = built_in;
    policy.set.restart = RESTART_ALLOWED;
    policy.set.risk_auto_max = 0.5;
    gate_question_init(&q);
    q.facts = &facts;
    q.target = "main";
    q.mode = MODE_AUTO;
    q.opener = (struct principal){ "engine", ROLE_OPERATOR };
    q.case_version = 5;
    q.now_us = NOW;
    q.changes_last_hour = q.restarts_last_day = 0;
    q.degraded_s_last_day = 0;
    q.cpu = 0.1;
    policy.set.index_build = policy.set.index_drop = policy.set.analyze = BUILD_AUTO;
}

static void use_plan(const char *steps)
{
    char text[8192];
    (void)snprintf(text, sizeof text, "{\"title\":\"t\",\"steps\":[%s],\"rollback\":{},\"verify\":{}}", steps);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (plan.json)
        plan_done(&plan);
    assert_ok(plan_parse_text(text, &plan, &fault), &fault);
    q.plan = &plan;
}

#define SET(name, from, to)     "{'action':'postgres.set','params':{'target':'main','settings':[{'name':'" name "','from':'" from "','to':'" to "'}]},'timeout_s':60,'retry':0}"
#define RESTART(name, from, to) "{'action':'postgres.restart','params':{'target':'main','settings':[{'name':'" name "','from':'" from "','to':'" to "'}]},'timeout_s':60,'retry':0}"
#define SCRIPT(words)           "{'action':'script.exec','params':{" words "},'timeout_s':30,'retry':0}"
#define NOOP                    "{'action':'noop','timeout_s':10,'retry':0}"
#define INDEX(what, name, column, sizes) "{'action':'postgres.index','params':{'target':'main','do':'" what "','schema':'public','table':'t','name':'" name "','columns':['" column "']" sizes "},'timeout_s':60,'retry':0}"
#define SIZES                   ",'bytes':100000000,'table_bytes':1000000000"
#define BUILD                   INDEX("create", "homeostat_t_a_8de0d0fa", "a", SIZES)
#define ANALYZE                 "{'action':'postgres.analyze','params':{'target':'main','schema':'public','table':'t'},'timeout_s':60,'retry':0}"
#define WATCHED_FOR_AN_HOUR     "{'action':'postgres.set','params':{'target':'main','settings':[{'name':'work_mem','from':'4MB','to':'4800kB'}]},'timeout_s':60,'retry':0,'watch_s':3600}"
#define GOOD                    SET("work_mem", "4MB", "4800kB")

static void judge(void) { gate_judge(&policy, &q, &v); }

static bool spoke(int rule)
{
    for (int i = 0; i < v.reasons; i++)
        if (v.reason[i].rule == rule)
            return true;
    return false;
}

/* ---- one row per rule: what spoils a plan that is fine otherwise, and what is fine next to it ---- */

static void no_op(void) { }
static void stop(void) { q.stopped = true; q.stop_why = "release"; }
static void watch(void) { q.mode = MODE_WATCH; }
static void suggest(void) { q.mode = MODE_SUGGEST; }
static void approve(void) { q.mode = MODE_APPROVE; }
static void held(void) { q.held_by = "018f2e0c"; }
static void viewer(void) { q.opener.roles = ROLE_VIEWER; }
static void admin(void) { q.opener.roles = ROLE_ADMIN; }
static void two_steps_max(void) { policy.set.steps_max = 2; }
static void one_setting_max(void) { policy.set.settings_max = 1; }
static void other_target(void) { q.target = "other"; }
static void no_target(void) { q.target = ""; }
static void watch_long(void) { policy.set.watch_min_us = 60 * US_PER_S; }
static void no_work_mem(void) { policy.bounds.knob[KNOB_WORK_MEM].allowed = false; }
static void fsync_named(void) { policy.bounds.knob[KNOB_FSYNC].allowed = true; }
static void connections_named(void) { policy.bounds.knob[KNOB_MAX_CONNECTIONS].allowed = true; }
static void work_mem_at_most_4500(void) { policy.bounds.knob[KNOB_WORK_MEM].hi = 4500; }
static void work_mem_tiny(void) { facts_set(&facts, "work_mem", "40", NULL); }
static void work_mem_huge(void) { facts_set(&facts, "work_mem", "8388608", NULL); }
static void min_wal_high(void) { facts_set(&facts, "min_wal_size", "1000", NULL); }
static void forget(void) { q.facts = NULL; }
static void old(void) { facts.read_wall_us = NOW - 3601 * US_PER_S; }
static void new(void) { facts.read_wall_us = NOW - 3599 * US_PER_S; }
static void patroni(void) { facts.owner = OWNER_PATRONI; }
static void standby(void) { facts.in_recovery = true; }
static void standbys(void) { facts.standbys = 2; connections_named(); }
static void plain_role(void) { facts.superuser = false; facts.may_alter_system = false; }
static void granted_role(void) { facts.superuser = false; facts.may_alter_system = facts.may_reload = true; }
static void no_reload(void) { facts.superuser = false; facts.may_reload = false; }
static void restart_never(void) { policy.set.restart = RESTART_NEVER; }
static void target_restart_never(void) { q.restart = RESTART_NEVER; }
static void remote(void) { facts.local = false; }
static void no_files(void) { facts.file_access = false; }
static void window_later(void) { policy.set.restart = RESTART_WINDOW; policy.windows = 1; assert_ok(week_window_parse("fri 02:00-04:00", &policy.window[0], &fault), &fault); }
static void window_now(void) { policy.set.restart = RESTART_WINDOW; policy.windows = 1; assert_ok(week_window_parse("thu 00:00-01:00", &policy.window[0], &fault), &fault); }
static void window_closes(void) { window_now(); q.now_us = NOW + 3599 * US_PER_S; }
static void target_window(void) { q.restart = RESTART_WINDOW; }
static void override(void) { facts.overrides = 1; strcpy(facts.override[0].name, "work_mem"); strcpy(facts.override[0].role, "report"); }
static void memory_unknown(void) { facts.memory_bytes = (double)NAN; facts_set(&facts, "shared_buffers", "16384", NULL); }
static void buffers_hidden(void) { facts.setting[0].name[0] = '?'; }
static void many_sessions(void) { facts.peak_sessions = 100; facts_set(&facts, "max_connections", "500", NULL); facts.memory_bytes = 2 * FACTS_GIB; }
static void disk_full_for_builds(void) { facts.disk_free_bytes = 700 * 1048576.0; }
static void disk_full(void) { facts.disk_free_bytes = 800 * 1048576.0; }
static void wal_disk_full(void) { facts.wal_disk_free_bytes = 800 * 1048576.0; }
static void wal_disk_has_no_room(void) { facts.wal_disk_free_bytes = 0; }
static void disk_unknown(void) { facts.disk_free_bytes = (double)NAN; }
static void slots(void) { facts.slots = 1; facts.disk_free_bytes = 1200 * 1048576.0; }
static void slots_bounded(void) { slots(); facts_set(&facts, "max_slot_wal_keep_size", "1024", NULL); }
static void slow_replay(void) { policy.bounds.replay_bytes_per_s = 1048576; }
static void budget_unknown(void) { q.changes_last_hour = -1; }
static void degraded_unknown(void) { q.degraded_s_last_day = (double)NAN; }
static void twelve_changes(void) { q.changes_last_hour = 12; q.oldest_change_us = NOW - 1800 * US_PER_S; }
static void eleven_changes(void) { q.changes_last_hour = 11; }
static void four_restarts(void) { q.restarts_last_day = 4; }
static void three_restarts(void) { q.restarts_last_day = 3; }
static void rolled_back(void) { q.last_rollback_us = NOW - 599 * US_PER_S; }
static void rolled_back_long_ago(void) { q.last_rollback_us = NOW - 600 * US_PER_S; }
static void degraded(void) { q.degraded_s_last_day = 901; }
static void hardly_degraded(void) { q.degraded_s_last_day = 899; }
static void freeze(int64_t from, int64_t to, const char *target)
{
    policy.freezes = 1;
    policy.freeze[0] = (struct policy_freeze){ .from_us = from, .to_us = to, .why = "year's end" };
    (void)snprintf(policy.freeze[0].target, sizeof policy.freeze[0].target, "%s", target);
}
static void frozen(void) { freeze(NOW - 1, NOW + US_PER_S, ""); }
static void frozen_soon(void) { freeze(NOW + US_PER_S, NOW + 9 * US_PER_S, "main"); }
static void frozen_elsewhere(void) { freeze(NOW - 1, NOW + US_PER_S, "other"); }
static void thawed(void) { freeze(NOW - 9, NOW, ""); }
static void weekly_freeze(void) { policy.freezes = 1; policy.freeze[0] = (struct policy_freeze){ .weekly = true, .why = "nights" }; assert_ok(week_window_parse("daily 22:00-06:00", &policy.freeze[0].window, &fault), &fault); }
static void weekly_freeze_over(void) { weekly_freeze(); q.now_us = NOW + INT64_C(7) * 3600 * US_PER_S; }
static void no_scripts(void) { policy.set.scripts = false; }
static void shells(void) { policy.set.shell = true; }
static void short_scripts(void) { policy.set.script_timeout_max_us = 10 * US_PER_S; }
static void builds_never(void) { policy.set.index_build = BUILD_NEVER; }
static void builds_ask(void) { policy.set.index_build = BUILD_ASK; }
static void drops_ask(void) { policy.set.index_drop = BUILD_ASK; }
static void analyze_never(void) { policy.set.analyze = BUILD_NEVER; }
static void small_tables(void) { policy.set.index_table_max_bytes = 100 * 1048576; }
static void builds_later(void) { policy.index_windows = 1; assert_ok(week_window_parse("fri 02:00-04:00", &policy.index_window[0], &fault), &fault); }
static void builds_now(void) { policy.index_windows = 1; assert_ok(week_window_parse("thu 00:00-01:00", &policy.index_window[0], &fault), &fault); }
static void busy(void) { q.cpu = 0.71; }
static void hardly_busy(void) { q.cpu = 0.69; }
static void load_unknown(void) { q.cpu = (double)NAN; }
static void cautious(void) { policy.set.risk_auto_max = 0.01; }
static void fearful(void) { policy.set.risk_auto_max = policy.set.risk_max = 0.01; }

static const struct example {
    int              rule;
    enum gate_answer answer;
    const char      *bad;          /* plan */
    void           (*spoil)(void);
    const char      *good;
    void           (*nearly)(void);
} examples[] = {
    { 101, GATE_WAIT,   GOOD, stop, GOOD, no_op },
    { 102, GATE_REJECT, GOOD, watch, GOOD, no_op },
    { 102, GATE_REJECT, SCRIPT("'script':'echo ok'"), watch, SCRIPT("'script':'echo ok'"), no_op },
    { 103, GATE_ASK,    GOOD, suggest, GOOD, no_op },
    { 104, GATE_ASK,    GOOD, approve, GOOD, no_op },
    { 105, GATE_WAIT,   GOOD, held, GOOD, no_op },
    { 106, GATE_REJECT, GOOD, viewer, GOOD, admin },

    { 201, GATE_REJECT, NOOP ",{'action':'k8s.rollout','timeout_s':10,'retry':0}", no_op, NOOP, no_op },
    { 201, GATE_REJECT, "{'action':'gateway.flip','timeout_s':10,'retry':0}", no_op, NOOP, no_op },
    { 202, GATE_REJECT, NOOP "," NOOP "," NOOP, two_steps_max, NOOP "," NOOP, two_steps_max },
    { 203, GATE_REJECT, GOOD "," SET("jit", "on", "off"), one_setting_max, GOOD, one_setting_max },
    { 204, GATE_REJECT, GOOD, other_target, GOOD, no_op },
    { 204, GATE_REJECT, GOOD, no_target, GOOD, no_op },
    { 204, GATE_REJECT, "{'action':'postgres.set','params':{'settings':[{'name':'jit','from':'on','to':'off'}]},'timeout_s':60,'retry':0}", no_op, SET("jit", "on", "off"), no_op },
    { 204, GATE_REJECT, "{'action':'postgres.restart','params':{'target':''},'timeout_s':60,'retry':0}", no_target, RESTART("wal_buffers", "-1", "16MB"), no_op },
    { 204, GATE_REJECT, GOOD ",{'action':'postgres.set','params':{'target':'b','settings':[{'name':'jit','from':'on','to':'off'}]},'timeout_s':60,'retry':0}", no_op, GOOD, no_op },
    { 204, GATE_REJECT, SCRIPT("'script':'echo ok','target':'b'"), no_op, SCRIPT("'script':'echo ok','target':'main'"), no_op },
    { 205, GATE_REJECT, SET("work_mem", "4MB", "banana"), no_op, GOOD, no_op },
    { 205, GATE_REJECT, "{'action':'postgres.set','params':{'target':'main','settings':[]},'timeout_s':60,'retry':0}", no_op, GOOD, no_op },
    { 205, GATE_REJECT, "{'action':'postgres.set','params':{'target':'main','settings':[{'name':'jit','from':'on','to':null}]},'timeout_s':60,'retry':0}", no_op, SET("jit", "on", "off"), no_op },
    { 205, GATE_REJECT, "{'action':'postgres.set','params':{'target':'main','settings':[{'name':'jit','from':'on','to':'off'},{'name':'JIT','from':'off','to':'on'}]},'timeout_s':60,'retry':0}", no_op, SET("jit", "on", "off"), no_op },
    { 206, GATE_REJECT, SET("work_mem", "5MB", "6MB"), no_op, SET("work_mem", "4096", "4900kB"), no_op },
    { 206, GATE_REJECT, GOOD "," SET("work_mem", "4MB", "4400kB"), no_op, GOOD "," SET("work_mem", "4800kB", "5700kB"), no_op },
    { 207, GATE_REJECT, GOOD, watch_long, NOOP, watch_long },
    { 208, GATE_REJECT, INDEX("create", "homeostat_t_a_8de0d0fa", "b", SIZES), no_op, BUILD, no_op },
    { 208, GATE_REJECT, INDEX("alter", "homeostat_t_a_8de0d0fa", "a", SIZES), no_op, BUILD, no_op },
    { 208, GATE_REJECT, INDEX("drop", "theirs", "a", ""), no_op, INDEX("drop", "homeostat_t_a_8de0d0fa", "a", ""), no_op },
    { 208, GATE_REJECT, "{'action':'postgres.analyze','params':{'target':'main','schema':'public'},'timeout_s':60,'retry':0}", no_op, ANALYZE, no_op },
    { 209, GATE_REJECT, BUILD "," INDEX("create", "homeostat_t_b_8d085c12", "b", SIZES), no_op, BUILD "," ANALYZE, no_op },
    { 210, GATE_REJECT, BUILD "," GOOD, no_op, ANALYZE "," GOOD, no_op },

    { 301, GATE_REJECT, SET("shared_preload_libraries", "", "x"), no_op, GOOD, no_op },
    { 302, GATE_REJECT, GOOD, no_work_mem, SET("jit", "on", "off"), no_work_mem },
    { 302, GATE_REJECT, RESTART("max_connections", "100", "120"), no_op, RESTART("max_connections", "100", "120"), connections_named },
    { 303, GATE_REJECT, SET("fsync", "on", "off"), no_op, SET("fsync", "on", "off"), fsync_named },
    { 303, GATE_REJECT, SET("synchronous_commit", "on", "off"), fsync_named, SET("fsync", "on", "off"), fsync_named },
    { 304, GATE_REJECT, RESTART("shared_buffers", "128MB", "16MB"), no_op, RESTART("shared_buffers", "128MB", "1GB"), no_op },
    { 304, GATE_REJECT, RESTART("shared_buffers", "128MB", "7GB"), no_op, RESTART("shared_buffers", "128MB", "2GB"), no_op },
    { 304, GATE_REJECT, SET("random_page_cost", "4", "1000"), no_op, SET("random_page_cost", "4", "3.2"), no_op },
    { 304, GATE_REJECT, GOOD, work_mem_at_most_4500, SET("work_mem", "4MB", "4500kB"), work_mem_at_most_4500 },
    { 304, GATE_REJECT, SET("work_mem", "40kB", "39kB"), work_mem_tiny, SET("work_mem", "40kB", "48kB"), work_mem_tiny },
    { 304, GATE_REJECT, SET("work_mem", "8GB", "9GB"), work_mem_huge, SET("work_mem", "8GB", "7GB"), work_mem_huge },
    { 304, GATE_REJECT, SET("wal_compression", "off", "on"), no_op, SET("wal_compression", "off", "lz4"), no_op },
    { 305, GATE_REJECT, SET("work_mem", "4MB", "4916kB"), no_op, SET("work_mem", "4MB", "4915kB"), no_op },
    { 305, GATE_REJECT, SET("work_mem", "4MB", "3276kB"), no_op, SET("work_mem", "4MB", "3277kB"), no_op },
    { 305, GATE_REJECT, SET("random_page_cost", "4", "3.19"), no_op, SET("random_page_cost", "4", "3.2"), no_op },
    { 305, GATE_REJECT, SET("effective_io_concurrency", "1", "3"), no_op, SET("effective_io_concurrency", "1", "2"), no_op },
    { 305, GATE_REJECT, SET("max_parallel_workers_per_gather", "2", "0"), no_op, SET("max_parallel_workers_per_gather", "2", "1"), no_op },
    { 305, GATE_REJECT, SET("backend_flush_after", "0", "1MB"), no_op, SET("backend_flush_after", "0", "128kB"), no_op },
    { 305, GATE_REJECT, SET("checkpoint_flush_after", "256kB", "1MB"), no_op, SET("checkpoint_flush_after", "256kB", "0"), no_op },
    { 305, GATE_REJECT, "{'action':'postgres.restart','params':{'target':'main','settings':[{'name':'max_wal_size','from':'1GB','to':'2GB'}]},'timeout_s':60,'retry':0}", no_op,
      RESTART("max_wal_size", "1GB", "1200MB"), no_op },
    { 306, GATE_REJECT, SET("shared_buffers", "128MB", "150MB"), no_op, RESTART("shared_buffers", "128MB", "150MB"), no_op },
    { 306, GATE_REJECT, RESTART("shared_buffers", "128MB", "150MB") "," RESTART("wal_buffers", "-1", "16MB"), no_op, RESTART("wal_buffers", "-1", "16MB"), no_op },
    { 307, GATE_REJECT, SET("min_wal_size", "1000MB", "1100MB"), min_wal_high, SET("min_wal_size", "1000MB", "1024MB"), min_wal_high },
    { 307, GATE_REJECT, RESTART("shared_buffers", "128MB", "2049MB"), no_op, RESTART("shared_buffers", "128MB", "2GB"), no_op },
    { 307, GATE_REJECT, RESTART("max_connections", "100", "11"), connections_named, RESTART("max_connections", "100", "12"), connections_named },
    { 308, GATE_REJECT, BUILD, builds_never, ANALYZE, builds_never },
    { 308, GATE_REJECT, ANALYZE, analyze_never, BUILD, analyze_never },
    { 309, GATE_ASK,    BUILD, builds_ask, BUILD, drops_ask },
    { 309, GATE_ASK,    INDEX("drop", "homeostat_t_a_8de0d0fa", "a", ""), drops_ask, BUILD, no_op },
    { 310, GATE_REJECT, BUILD, small_tables, ANALYZE, small_tables },
    { 310, GATE_REJECT, INDEX("create", "homeostat_t_a_8de0d0fa", "a", ",'bytes':1000"), no_op, BUILD, no_op },

    { 401, GATE_WAIT,   GOOD, forget, NOOP, forget },
    { 402, GATE_REJECT, GOOD, old, GOOD, new },
    { 403, GATE_REJECT, GOOD, patroni, BUILD, patroni },
    { 403, GATE_REJECT, GOOD, patroni, SCRIPT("'script':'echo ok'"), patroni },
    { 404, GATE_REJECT, GOOD, standby, GOOD, no_op },
    { 405, GATE_REJECT, RESTART("max_connections", "100", "120"), standbys, GOOD, standbys },
    { 405, GATE_REJECT, RESTART("max_connections", "100", "90"), standbys, RESTART("max_connections", "100", "90"), connections_named },
    { 406, GATE_REJECT, GOOD, plain_role, GOOD, granted_role },
    { 406, GATE_REJECT, GOOD, no_reload, GOOD, granted_role },
    { 407, GATE_REJECT, RESTART("wal_buffers", "-1", "16MB"), restart_never, GOOD, restart_never },
    { 407, GATE_REJECT, RESTART("wal_buffers", "-1", "16MB"), target_restart_never, RESTART("wal_buffers", "-1", "16MB"), no_op },
    { 408, GATE_REJECT, RESTART("wal_buffers", "-1", "16MB"), remote, GOOD, remote },
    { 408, GATE_REJECT, RESTART("wal_buffers", "-1", "16MB"), no_files, GOOD, no_files },
    { 409, GATE_WAIT,   RESTART("wal_buffers", "-1", "16MB"), window_later, RESTART("wal_buffers", "-1", "16MB"), window_now },
    { 409, GATE_WAIT,   RESTART("wal_buffers", "-1", "16MB"), window_closes, GOOD, window_closes },
    { 409, GATE_WAIT,   RESTART("wal_buffers", "-1", "16MB"), target_window, GOOD, target_window },
    { 410, GATE_APPROVE, GOOD, override, SET("jit", "on", "off"), override },
    { 411, GATE_WAIT,   BUILD, builds_later, BUILD, builds_now },
    { 411, GATE_WAIT,   BUILD, builds_later, ANALYZE, builds_later },
    { 412, GATE_WAIT,   BUILD, busy, BUILD, hardly_busy },
    { 413, GATE_ASK,    BUILD, load_unknown, ANALYZE, load_unknown },
    { 413, GATE_ASK,    BUILD, disk_unknown, BUILD, no_op },
    { 414, GATE_REJECT, WATCHED_FOR_AN_HOUR "," RESTART("wal_buffers", "-1", "16MB"), window_now, RESTART("wal_buffers", "-1", "16MB"), window_now },
    { 414, GATE_REJECT, WATCHED_FOR_AN_HOUR "," RESTART("wal_buffers", "-1", "16MB"), window_now, RESTART("wal_buffers", "-1", "16MB") "," WATCHED_FOR_AN_HOUR, window_now },
    { 414, GATE_REJECT, WATCHED_FOR_AN_HOUR "," RESTART("wal_buffers", "-1", "16MB"), window_now, WATCHED_FOR_AN_HOUR "," RESTART("wal_buffers", "-1", "16MB"), window_later },

    { 501, GATE_REJECT, GOOD, memory_unknown, SET("jit", "on", "off"), memory_unknown },
    { 501, GATE_REJECT, GOOD, buffers_hidden, SET("jit", "on", "off"), buffers_hidden },
    { 502, GATE_REJECT, GOOD, many_sessions, SET("work_mem", "4MB", "3400kB"), many_sessions },
    { 503, GATE_REJECT, SET("max_wal_size", "1GB", "1228MB"), disk_full, SET("max_wal_size", "1GB", "1200MB"), disk_full },
    { 503, GATE_REJECT, SET("max_wal_size", "1GB", "1228MB"), wal_disk_full, SET("max_wal_size", "1GB", "900MB"), wal_disk_full },
    { 503, GATE_REJECT, SET("max_wal_size", "1GB", "1100MB"), wal_disk_has_no_room, SET("max_wal_size", "1GB", "900MB"), wal_disk_has_no_room },
    { 503, GATE_REJECT, SET("max_wal_size", "1GB", "1100MB"), disk_unknown, SET("jit", "on", "off"), disk_unknown },
    { 504, GATE_REJECT, SET("max_wal_size", "1GB", "1200MB"), slots, SET("max_wal_size", "1GB", "1200MB"), slots_bounded },
    { 505, GATE_REJECT, SET("max_wal_size", "1GB", "1100MB"), slow_replay, SET("max_wal_size", "1GB", "900MB"), slow_replay },
    { 506, GATE_REJECT, BUILD, disk_full_for_builds, BUILD, no_op },
    { 506, GATE_REJECT, INDEX("create", "homeostat_t_a_8de0d0fa", "a", ",'table_bytes':1000"), no_op, BUILD, no_op },

    { 601, GATE_REJECT, GOOD, budget_unknown, NOOP, budget_unknown },
    { 601, GATE_REJECT, GOOD, degraded_unknown, GOOD, no_op },
    { 602, GATE_WAIT,   GOOD, twelve_changes, GOOD, eleven_changes },
    { 603, GATE_WAIT,   RESTART("wal_buffers", "-1", "16MB"), four_restarts, RESTART("wal_buffers", "-1", "16MB"), three_restarts },
    { 604, GATE_WAIT,   GOOD, rolled_back, GOOD, rolled_back_long_ago },
    { 605, GATE_WAIT,   GOOD, degraded, GOOD, hardly_degraded },
    { 606, GATE_WAIT,   GOOD, frozen, GOOD, thawed },
    { 606, GATE_WAIT,   GOOD, frozen_soon, GOOD, frozen_elsewhere },
    { 606, GATE_WAIT,   GOOD, weekly_freeze, GOOD, weekly_freeze_over },

    { 701, GATE_ASK,    GOOD, cautious, GOOD, no_op },
    { 702, GATE_REJECT, GOOD, fearful, GOOD, no_op },

    { 801, GATE_REJECT, SCRIPT("'script':'echo ok'"), no_scripts, NOOP, no_scripts },
    { 802, GATE_REJECT, SCRIPT("'script':'echo $HOME'"), no_op, SCRIPT("'argv':['echo','$HOME']"), no_op },
    { 802, GATE_REJECT, SCRIPT(""), no_op, SCRIPT("'script':'true'"), no_op },
    { 802, GATE_REJECT, SCRIPT("'script':'true','undo':'true'"), no_op, SCRIPT("'script':'true','undo':['true']"), no_op },
    { 802, GATE_REJECT, SCRIPT("'script':'true','witness':[]"), no_op, SCRIPT("'script':'true','witness':['true']"), no_op },
    { 802, GATE_REJECT, SCRIPT("'script':'true','env':['A=b']"), no_op, SCRIPT("'script':'true','env':{'A':'b'}"), no_op },
    { 803, GATE_REJECT, SCRIPT("'script':'echo a | cat','shell':true"), no_op, SCRIPT("'script':'echo a','shell':true"), shells },
    { 804, GATE_REJECT, SCRIPT("'script':'rm -r x'"), no_op, SCRIPT("'script':'echo rm -r x'"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'true x'"), no_op, SCRIPT("'script':'true'"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'/tmp/echo ok'"), no_op, SCRIPT("'script':'echo'"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','undo':['rm','-r','/']"), no_op, SCRIPT("'script':'echo ok','undo':['echo','sorry']"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','witness':['/bin/sh','-c','x']"), no_op, SCRIPT("'script':'echo ok','witness':['true']"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'PATH':'/tmp'}"), no_op, SCRIPT("'script':'echo ok','env':{'LC_ALL':'C'}"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'LD_PRELOAD':'/tmp/x.so'}"), no_op, SCRIPT("'script':'echo ok','env':{'PATH':'/tmp'}"), shells },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'HOME':'/tmp'}"), no_op, SCRIPT("'script':'echo ok','env':{'HOME':'/tmp'}"), shells },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'PSQLRC':'/tmp/x'}"), no_op, SCRIPT("'script':'echo ok','env':{'PGHOST':'db','PGPASSWORD':'x'}"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'KUBECONFIG':'/tmp/x'}"), no_op, SCRIPT("'script':'echo ok','env':{'TZ':'UTC'}"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','env':{'OPENSSL_CONF':'/tmp/x'}"), no_op, SCRIPT("'script':'echo ok','env':{'TZ':'UTC'}"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','cwd':'/tmp/x'"), no_op, SCRIPT("'script':'echo ok','cwd':'/'"), no_op },
    { 804, GATE_REJECT, SCRIPT("'script':'echo ok','cwd':'/tmp/x','undo':['true']"), no_op, SCRIPT("'script':'echo ok','cwd':'/tmp/x'"), shells },
    { 805, GATE_REJECT, SCRIPT("'script':'echo ok'"), short_scripts, NOOP, short_scripts },
};

static void each_rule_stops_its_bad_example_and_lets_the_good_one_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *e = &examples[i];
        fresh();
        e->spoil();
        use_plan(e->bad);
        judge();
        if (!spoke(e->rule) || v.answer != (e->answer == GATE_APPROVE ? GATE_APPROVE : v.answer) || (e->answer != GATE_APPROVE && v.answer == GATE_APPROVE))
            fail_msg("example %zu: rule %d did not stop it: rule %d said %s (%s)", i, e->rule, v.rule, gate_answer_name(v.answer), v.why);
        for (int j = 0; j < v.reasons; j++)
            if (v.reason[j].rule == e->rule)
                assert_int_equal(v.reason[j].answer, e->answer);
        fresh();
        e->nearly();
        use_plan(e->good);
        judge();
        if (spoke(e->rule))
            fail_msg("example %zu: rule %d stopped what is good: %s", i, e->rule, v.reason[0].text);
    }
}

static void before_15_nobody_is_told_to_grant_what_cannot_be_granted(void **state)
{
    (void)state;
    fresh();
    plain_role();
    use_plan(GOOD);
    judge();
    assert_int_equal(v.rule, 406);
    assert_non_null(strstr(v.why, "GRANT ALTER SYSTEM"));
    facts.server_version = 140011;
    judge();
    assert_int_equal(v.rule, 406);
    assert_null(strstr(v.why, "GRANT"));
    assert_non_null(strstr(v.why, "superuser"));
}

static void every_rule_has_an_example(void **state)
{
    (void)state;
    assert_ok(gate_rules_check(&fault), &fault);
    for (int r = 0; r < gate_rules_count; r++) {
        bool found = false;
        for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
            found |= examples[i].rule == gate_rules[r].number;
        if (!found)
            fail_msg("rule %d has no example", gate_rules[r].number);
    }
}

/* ---- the answer as a whole ---- */

static void the_demonstration_with_echo_passes_the_built_in_policy(void **state)
{
    (void)state;
    fresh();
    policy_default(&policy);
    q.facts = NULL;
    q.target = "";
    q.mode = MODE_WATCH;
    q.changes_last_hour = q.restarts_last_day = -1;
    q.degraded_s_last_day = (double)NAN;
    use_plan(SCRIPT("'script':'echo ok'"));
    judge();
    if (v.answer != GATE_APPROVE)
        fail_msg("rule %d: %s", v.rule, v.why);
    assert_int_equal(v.rule, 900);
    assert_string_equal(v.policy_version, policy.version);
}

static void the_sternest_answer_decides_and_all_reasons_are_told(void **state)
{
    (void)state;
    fresh();
    q.mode = MODE_SUGGEST;
    q.stopped = true;
    frozen();
    use_plan(SET("fsync", "on", "off"));
    judge();
    assert_int_equal(v.answer, GATE_REJECT);
    assert_int_equal(v.rule, 303);
    assert_int_equal(v.reason[0].rule, 303);
    assert_int_equal(v.reason[1].rule, 101);
    assert_int_equal(v.reason[2].rule, 606);
    assert_int_equal(v.reason[3].rule, 103);
    assert_string_equal(v.why, v.reason[0].text);
    assert_int_equal(v.wait_until_us, 0);
}

/* What a person gave as a reason has its room in the store, and less of it here. */
static void a_reason_that_is_cut_within_a_character_can_still_be_told(void **state)
{
    (void)state;
    char why[200] = "";
    for (int i = 0; i < 66; i++)
        strcat(why, "\xe5\x81\x9c");
    fresh();
    q.stopped = true;
    q.stop_why = why;
    use_plan(GOOD);
    judge();
    assert_int_equal(v.rule, 101);
    json_t *told = gate_verdict_json(&v);
    assert_non_null(told);
    assert_memory_equal(json_string_value(json_object_get(told, "why")), "stopped by a person: \xe5\x81\x9c", 24);
    assert_int_equal(json_array_size(json_object_get(told, "reasons")), (size_t)v.reasons);
    json_decref(told);
}

static void waiting_ends_when_the_last_of_its_reasons_does(void **state)
{
    (void)state;
    fresh();
    rolled_back();
    freeze(NOW - 1, NOW + 5 * US_PER_S, "");
    use_plan(GOOD);
    judge();
    assert_int_equal(v.answer, GATE_WAIT);
    assert_int_equal(v.wait_until_us, NOW + 5 * US_PER_S);
    policy.freeze[0].to_us = NOW + 2;
    judge();
    assert_int_equal(v.wait_until_us, NOW + US_PER_S);
    fresh();
    twelve_changes();
    use_plan(GOOD);
    judge();
    assert_int_equal(v.wait_until_us, NOW + 1800 * US_PER_S);
    fresh();
    window_later();
    use_plan(RESTART("wal_buffers", "-1", "16MB"));
    judge();
    assert_int_equal(v.wait_until_us, NOW + INT64_C(26) * 3600 * US_PER_S);
}

static void give_approval(const char *who, bool granted)
{
    struct gate_approval *a = &q.approval[q.approvals++];
    *a = (struct gate_approval){ .by = { .roles = ROLE_APPROVER }, .granted = granted, .case_version = q.case_version, .given_us = NOW - US_PER_S, .expires_us = NOW + 3600 * US_PER_S };
    strcpy(a->by.name, who);
    strcpy(a->plan_hash, plan.hash);
    strcpy(a->policy_version, policy.version);
}

static void an_approval_counts_for_this_plan_this_case_version_and_this_policy_only(void **state)
{
    (void)state;
    for (int flaw = 0; flaw < 9; flaw++) {
        fresh();
        suggest();
        use_plan(GOOD);
        strcpy(q.opener.name, "token:bob");
        give_approval("token:alice", true);
        struct gate_approval *a = &q.approval[0];
        switch (flaw) {
        case 1: a->plan_hash[0] ^= 1; break;
        case 2: q.case_version++; break;
        case 3: a->policy_version[0] ^= 1; break;
        case 4: a->expires_us = NOW; break;
        case 5: a->given_us = NOW - policy.set.approval_expires_us; break;
        case 6: a->by.roles = ROLE_OPERATOR; break;
        case 7: policy.set.four_eyes = true; strcpy(a->by.name, q.opener.name); break;
        case 8: a->given_us = NOW + 1; break;
        default: break;
        }
        judge();
        if (flaw == 0) {
            assert_int_equal(v.answer, GATE_APPROVE);
            assert_int_equal(v.rule, 703);
            assert_string_equal(v.why, "approved by token:alice");
        } else if (v.answer != GATE_ASK || v.rule != 103 || !spoke(704)) {
            fail_msg("flaw %d: %s, rule %d", flaw, gate_answer_name(v.answer), v.rule);
        }
    }
}

static void an_approval_cannot_buy_what_a_rule_refuses(void **state)
{
    (void)state;
    fresh();
    suggest();
    use_plan(SET("fsync", "on", "off"));
    give_approval("token:alice", true);
    judge();
    assert_int_equal(v.answer, GATE_REJECT);
    fresh();
    watch();
    use_plan(GOOD);
    give_approval("token:alice", true);
    judge();
    assert_int_equal(v.rule, 102);
}

static void a_refusal_stands_until_the_same_person_thinks_again(void **state)
{
    (void)state;
    fresh();
    use_plan(GOOD);
    give_approval("token:alice", false);
    judge();
    assert_int_equal(v.answer, GATE_REJECT);
    assert_int_equal(v.rule, 705);
    give_approval("token:bob", true);
    judge();
    assert_int_equal(v.rule, 705);
    give_approval("token:alice", true);
    q.approval[2].given_us++;
    judge();
    assert_int_equal(v.answer, GATE_APPROVE);
    suggest();
    q.approval[2].granted = false;
    judge();
    assert_int_equal(v.rule, 705);
}

static void a_refusal_counts_also_when_the_clock_was_set_back_before_it(void **state)
{
    (void)state;
    fresh();
    suggest();
    use_plan(GOOD);
    give_approval("token:alice", true);
    q.approval[0].given_us = NOW + 3600 * US_PER_S;        /* by a clock that went ahead */
    give_approval("token:alice", false);
    judge();
    assert_int_equal(v.rule, 705);
    q.now_us += 7200 * US_PER_S;
    judge();
    assert_int_equal(v.rule, 705);
}

static void who_approves_another_plan_has_not_thought_again_of_the_one_that_was_refused(void **state)
{
    (void)state;
    fresh();
    use_plan(GOOD);
    give_approval("token:alice", false);
    give_approval("token:alice", true);
    q.approval[1].plan_hash[0] ^= 1;
    judge();
    assert_int_equal(v.rule, 705);
}

static void without_four_eyes_the_opener_may_approve(void **state)
{
    (void)state;
    fresh();
    suggest();
    use_plan(GOOD);
    give_approval("engine", true);
    judge();
    assert_int_equal(v.answer, GATE_APPROVE);
}

static void with_four_eyes_neither_who_opened_the_case_nor_who_brought_the_plan_may_approve_it(void **state)
{
    (void)state;
    fresh();
    suggest();
    use_plan(GOOD);
    policy.set.four_eyes = true;
    q.planner = "token:bob";
    give_approval("token:bob", true);
    judge();
    assert_int_equal(v.answer, GATE_ASK);
    assert_true(spoke(704));
    give_approval("token:alice", true);
    judge();
    assert_int_equal(v.answer, GATE_APPROVE);
    assert_string_equal(v.why, "approved by token:alice");
}

static void risk_is_impact_times_chance_and_shows_its_parts(void **state)
{
    (void)state;
    fresh();
    use_plan(GOOD);
    judge();
    double small = v.risk, impact = 0, chance = 0;
    for (int i = 0; i < v.parts; i++)
        *(strncmp(v.part[i].name, "impact", 6) == 0 ? &impact : &chance) += v.part[i].value;
    assert_true(fabs(v.risk - impact * chance) < 1e-12);
    use_plan(RESTART("shared_buffers", "128MB", "2GB"));
    judge();
    assert_true(v.risk > 4 * small);
    double calm = v.risk;
    q.failures = 4;
    judge();
    assert_true(v.risk > calm);
    use_plan(NOOP);
    judge();
    assert_true(v.risk == 0);
    json_t *j = gate_verdict_json(&v);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "answer")), "approve");
    json_decref(j);
}

/* ---- properties: whatever is approved keeps to every bound, computed here once more by other means ---- */

static void random_step(struct rand *r, struct text *t, struct knob_state *now)
{
    bool restart = rand_unit(r) < 0.3;
    text_printf(t, "%s{\"action\":\"%s\",\"params\":{\"target\":\"main\",\"settings\":[", t->used && t->s[t->used - 1] == '}' ? "," : "", restart ? "postgres.restart" : "postgres.set");
    int n = (int)rand_int(r, 1, 4);
    for (int i = 0; i < n; i++) {
        const struct knob *k = &knobs[rand_int(r, 1, KNOB_COUNT - 1)];
        double from = now->value[k->id], x = rand_unit(r);
        double to = k->choice[0].name ? (double)rand_int(r, 0, 4) : x < 0.6 ? from * (0.75 + 0.5 * rand_unit(r)) : x < 0.7 ? from + (double)rand_int(r, -1, 1) : x < 0.8 ? -1 : from * 50 * rand_unit(r);
        char a[48], b[48];
        if (isnan(from))
            continue;
        text_printf(t, "%s{\"name\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}", t->s[t->used - 1] == '}' ? "," : "", k->name, knob_format(k, from, a, sizeof a), knob_format(k, to, b, sizeof b));
        now->value[k->id] = knob_round(k, to);
    }
    text_add(t, "]},\"timeout_s\":60,\"retry\":0}");
}

static void no_approved_plan_ever_exceeds_a_bound(void **state)
{
    (void)state;
    struct rand r;
    int         approved = 0;
    rand_seed(&r, 1);
    for (int round = 0; round < 60000; round++) {
        fresh();
        facts.memory_bytes = FACTS_GIB * (0.5 + 6 * rand_unit(&r));
        facts.peak_sessions = (int)rand_int(&r, 0, 90);
        policy.set.risk_auto_max = policy.set.risk_max = 1;
        struct text steps, text;
        text_init(&steps, 16384);
        text_init(&text, 32768);
        struct knob_state now;
        knob_state_of(&now, &facts);
        int n = (int)rand_int(&r, 1, 3);
        for (int i = 0; i < n; i++)
            random_step(&r, &steps, &now);
        text_printf(&text, "{\"title\":\"t\",\"steps\":[%s],\"rollback\":{},\"verify\":{}}", steps.s);
        if (plan.json)
            plan_done(&plan);
        assert_ok(plan_parse_text(text.s, &plan, &fault), &fault);
        q.plan = &plan;
        judge();
        if (v.answer == GATE_APPROVE) {
            approved++;
            struct knob_state s, before;
            knob_state_of(&s, &facts);
            before = s;
            int restarts = 0;
            for (int i = 0; i < plan.steps; i++) {
                const json_t *list = json_object_get(plan.step[i].params, "settings");
                restarts += plan.step[i].action == PLAN_POSTGRES_RESTART;
                for (size_t j = 0; j < json_array_size(list); j++) {
                    const struct knob *k = knob_find(json_string_value(json_object_get(json_array_get(list, j), "name")));
                    double             to, was = s.value[k->id];
                    assert_ok(knob_parse(k, json_string_value(json_object_get(json_array_get(list, j), "to")), &to, &fault), &fault);
                    double lo, hi;   /* in range, or from outside of it on the way back */
                    bool back = knob_range(k, &facts, &lo, &hi, &fault) == OK && ((was > hi && to < was && to > hi) || (was < lo && to > was && to < lo));
                    assert_true(back || knob_allows(k, &facts, to, &fault) == OK);
                    assert_true((k->flags & KNOB_TUNED) != 0);
                    assert_true(!k->restart || plan.step[i].action == PLAN_POSTGRES_RESTART);
                    if (k->rule == KNOB_BY_RATIO && was > 0 && to > 0 && fabs(to - was) > 1)
                        assert_true(to <= was * 1.2 * (1 + 1e-6) && to >= was * 0.8 * (1 - 1e-6));
                    s.value[k->id] = to;
                }
                /* shared_buffers + sessions x (work_mem x multiplier + own) + vacuum + WAL buffers, in bytes */
                double e[2], *out = e;
                const struct knob_state *both[] = { &before, &s };
                for (int b = 0; b < 2; b++, out++) {
                    const double *x = both[b]->value;
                    double sessions = facts.peak_sessions ? fmin(2.0 * facts.peak_sessions, x[KNOB_MAX_CONNECTIONS]) : x[KNOB_MAX_CONNECTIONS];
                    double wal = x[KNOB_WAL_BUFFERS] < 0 ? fmin(x[KNOB_SHARED_BUFFERS] / 32, 2048) : x[KNOB_WAL_BUFFERS];
                    double vacuum = x[KNOB_AUTOVACUUM_WORK_MEM] < 0 ? x[KNOB_MAINTENANCE_WORK_MEM] : x[KNOB_AUTOVACUUM_WORK_MEM];
                    *out = 8192 * (x[KNOB_SHARED_BUFFERS] + wal) + sessions * (1024 * x[KNOB_WORK_MEM] * x[KNOB_HASH_MEM_MULTIPLIER] + 4 * 1048576.0) +
                           x[KNOB_AUTOVACUUM_MAX_WORKERS] * 1024 * vacuum;
                }
                assert_true(e[1] <= 0.9 * facts.memory_bytes * (1 + 1e-9) || e[1] <= e[0] * (1 + 1e-9));
                assert_true(s.value[KNOB_MIN_WAL_SIZE] <= s.value[KNOB_MAX_WAL_SIZE]);
                assert_true(2 * s.value[KNOB_SHARED_BUFFERS] <= s.value[KNOB_EFFECTIVE_CACHE_SIZE]);
                assert_true(s.value[KNOB_MAX_WAL_SIZE] / 40 <= 90 || s.value[KNOB_MAX_WAL_SIZE] <= before.value[KNOB_MAX_WAL_SIZE]);
            }
            assert_true(restarts <= 1);
        }
        text_done(&steps);
        text_done(&text);
    }
    assert_true(approved > 1000);
}

static void judging_twice_gives_the_same_and_takes_little_time(void **state)
{
    (void)state;
    fresh();
    use_plan(GOOD);
    struct gate_verdict again;
    judge();
    int64_t from = clock_mono_us(&clock_real);
    for (int i = 0; i < 1000; i++)
        gate_judge(&policy, &q, &again);
    assert_true(clock_mono_us(&clock_real) - from < 5 * US_PER_S);
    assert_memory_equal(&v, &again, sizeof v);
}

static void the_rules_print_with_their_numbers(void **state)
{
    (void)state;
    struct text t;
    text_init(&t, 65536);
    gate_rules_print(&t);
    for (int i = 0; i < gate_rules_count; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%4d  ", gate_rules[i].number);
        assert_non_null(strstr(t.s, number));
    }
    assert_non_null(strstr(t.s, " 703  approve"));
    assert_non_null(strstr(t.s, " 900  approve"));
    text_done(&t);
    json_t *j = gate_rules_json();
    assert_int_equal((int)json_array_size(j), gate_rules_count + 6);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_stops_its_bad_example_and_lets_the_good_one_pass),
        cmocka_unit_test(before_15_nobody_is_told_to_grant_what_cannot_be_granted),
        cmocka_unit_test(every_rule_has_an_example),
        cmocka_unit_test(the_demonstration_with_echo_passes_the_built_in_policy),
        cmocka_unit_test(the_sternest_answer_decides_and_all_reasons_are_told),
        cmocka_unit_test(a_reason_that_is_cut_within_a_character_can_still_be_told),
        cmocka_unit_test(waiting_ends_when_the_last_of_its_reasons_does),
        cmocka_unit_test(an_approval_counts_for_this_plan_this_case_version_and_this_policy_only),
        cmocka_unit_test(an_approval_cannot_buy_what_a_rule_refuses),
        cmocka_unit_test(a_refusal_stands_until_the_same_person_thinks_again),
        cmocka_unit_test(a_refusal_counts_also_when_the_clock_was_set_back_before_it),
        cmocka_unit_test(who_approves_another_plan_has_not_thought_again_of_the_one_that_was_refused),
        cmocka_unit_test(without_four_eyes_the_opener_may_approve),
        cmocka_unit_test(with_four_eyes_neither_who_opened_the_case_nor_who_brought_the_plan_may_approve_it),
        cmocka_unit_test(risk_is_impact_times_chance_and_shows_its_parts),
        cmocka_unit_test(no_approved_plan_ever_exceeds_a_bound),
        cmocka_unit_test(judging_twice_gives_the_same_and_takes_little_time),
        cmocka_unit_test(the_rules_print_with_their_numbers),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (plan.json)
        plan_done(&plan);
    return failed;
}
