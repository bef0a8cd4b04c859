/* plan: what can win most is asked first, nothing is asked twice that was worse, and the same story asks the same. */
#include "unit.h"

#include "facts.h"

#include "base/rand.h"
#include "gate/judge.h"
#include "plan/compose.h"
#include "plan/planner.h"

#include <stdlib.h>
#include <unistd.h>

static struct target_facts facts;
static struct window       window;
static struct bounds       bounds;
static struct fault        fault;
static struct planner     *planner;

static struct planner_view view(void) { return (struct planner_view){ &facts, &window, 1, &bounds }; }

static const char *kind = "ladder";

/* The case that the tuner is for: a small machine whose limit counts the page cache, a larger database, a slow disk. */
static int cloud_disk(void **state)
{
    (void)state;
    facts_pg15(&facts, 1 * FACTS_GIB, 2);
    facts.limit_counts_cache = true;
    bounds_default(&bounds);
    bounds.restart_allowed = true;
    window_clear(&window);
    window.whole = true;
    window.v[METRIC_TPS] = 130;
    window.v[METRIC_LATENCY_MEAN] = 60;
    window.v[METRIC_CACHE_HIT] = 0.93;
    window.v[METRIC_BLOCKS_READ] = 2000;
    window.v[METRIC_WAL_BYTES] = 2e6;
    window.v[METRIC_BUFFERS_BACKEND] = 300;
    window.v[METRIC_BUFFERS_CLEAN] = 50;
    window.v[METRIC_BUFFERS_CHECKPOINT] = 100;
    window.v[METRIC_MAXWRITTEN_CLEAN] = 0.5;
    window.v[METRIC_TEMP_BYTES] = 0;
    assert_ok(planner_new(kind, 7, &planner, &fault), &fault);
    return 0;
}

static int in_order(void **state)
{
    kind = "ladder";
    return cloud_disk(state);
}

static int by_credit(void **state)
{
    kind = "joint";
    return cloud_disk(state);
}

static int teardown(void **state)
{
    (void)state;
    planner_free(planner);
    planner = NULL;
    return 0;
}

static const struct proposed_change *change_of(const struct proposal *p, enum knob_id id)
{
    for (int i = 0; i < p->changes; i++)
        if (p->change[i].knob == id)
            return &p->change[i];
    return NULL;
}

static struct proposal ask(void)
{
    struct proposal     p;
    struct planner_view v = view();
    assert_ok(planner_ask(planner, &v, &p, &fault), &fault);
    return p;
}

static void tell(const struct proposal *p, enum told t, double effect)
{
    for (int i = 0; t == TOLD_BETTER && i < p->changes; i++)
        facts_change(&facts, p->change[i].knob, p->change[i].to);
    assert_ok(planner_tell(planner, p, t, effect, &fault), &fault);
}

static void where_a_limit_counts_the_page_cache_the_first_case_is_the_large_one(void **state)
{
    (void)state;
    struct proposal p = ask();
    assert_true(p.needs_restart);
    assert_int_equal(p.verify, VERIFY_RESTART);
    const struct proposed_change *b = change_of(&p, KNOB_SHARED_BUFFERS);
    assert_non_null(b);
    assert_in_range(b->to, 0.5 * 131072, 0.6 * 131072);
    assert_non_null(change_of(&p, KNOB_MAX_WAL_SIZE));
    assert_non_null(change_of(&p, KNOB_WAL_COMPRESSION));
    assert_non_null(change_of(&p, KNOB_BGWRITER_LRU_MAXPAGES));
    assert_non_null(change_of(&p, KNOB_JIT));
    assert_float_equal(change_of(&p, KNOB_CHECKPOINT_FLUSH_AFTER)->to, 0, 0);   /* a checkpoint's pages do not stand before the log */
    assert_non_null(strstr(p.why, "page cache"));
    tell(&p, TOLD_BETTER, 0.7);
    for (int i = 0; i < 12; i++) {   /* one restart was enough */
        struct proposal q = ask();
        assert_false(q.needs_restart);
        tell(&q, TOLD_WORSE, -0.1);
    }
}

static void no_restart_is_proposed_where_none_is_allowed_or_could_be_undone(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        bounds.restart_allowed = round != 0;
        facts.local = round != 1;
        facts.file_access = round != 2;
        for (int i = 0; i < 7; i++) {
            struct proposal p = ask();
            assert_false(p.needs_restart);
            for (int j = 0; j < p.changes; j++)
                assert_false(knob_at(p.change[j].knob)->restart);
            tell(&p, TOLD_UNDECIDED, 0);
        }
    }
}

static void a_cache_that_serves_everything_is_left_alone(void **state)
{
    (void)state;
    window.v[METRIC_CACHE_HIT] = 0.9995;
    struct proposal p = ask();
    assert_null(change_of(&p, KNOB_SHARED_BUFFERS));
    facts.database_bytes = 100 * 1048576.0;
    window.v[METRIC_CACHE_HIT] = (double)NAN;
    window.v[METRIC_BLOCKS_READ] = (double)NAN;
    p = ask();
    assert_null(change_of(&p, KNOB_SHARED_BUFFERS));
}

static void the_ladder_goes_down_when_the_top_did_not_hold(void **state)
{
    (void)state;
    struct proposal first = ask();
    tell(&first, TOLD_WORSE, -0.3);
    struct proposal second = ask();
    assert_true(change_of(&second, KNOB_SHARED_BUFFERS)->to < 0.8 * change_of(&first, KNOB_SHARED_BUFFERS)->to);
    tell(&second, TOLD_WORSE, -0.3);
    tell(&(struct proposal){ .planner = "other", .needs_restart = true, .changes = 1, .change = { { KNOB_WAL_BUFFERS, -1, 512 } } }, TOLD_UNDECIDED, 0);
    assert_false(ask().needs_restart);   /* three restarts for nothing are enough */
}

static void the_ladder_climbs_while_it_is_proven_better(void **state)
{
    (void)state;
    facts.limit_counts_cache = false;
    facts.database_bytes = 20 * FACTS_GIB;
    struct proposal p = ask();
    assert_string_equal(p.planner, "ladder/thumb");
    assert_in_range(change_of(&p, KNOB_SHARED_BUFFERS)->to, 0.24 * 131072, 0.25 * 131072);
    tell(&p, TOLD_BETTER, 0.2);
    p = ask();
    assert_string_equal(p.planner, "ladder/climb");
    assert_in_range(change_of(&p, KNOB_SHARED_BUFFERS)->to, 0.39 * 131072, 0.40 * 131072);
}

static void a_symptom_asks_for_its_own_remedy(void **state)
{
    (void)state;
    bounds.restart_allowed = false;
    window_clear(&window);
    window.whole = true;
    window.v[METRIC_TEMP_BYTES] = 50e6;
    facts.rotational = true;
    facts_pg15(&facts, 16 * FACTS_GIB, 4);
    facts.rotational = true;
    struct proposal p = ask();
    assert_string_equal(p.planner, "ladder/spills");
    assert_float_equal(change_of(&p, KNOB_WORK_MEM)->to, 8192, 0);
    assert_non_null(strstr(p.why, "50000000 bytes"));
}

static bool holds(const struct proposal *outer, const struct proposal *inner)
{
    for (int i = 0; i < inner->changes; i++) {
        const struct proposed_change *c = change_of(outer, inner->change[i].knob);
        if (!c || !knob_equal(knob_at(c->knob), c->to, inner->change[i].to))
            return false;
    }
    return true;
}

static void what_was_worse_never_comes_again_and_undecided_once_more_at_most(void **state)
{
    (void)state;
    static struct proposal seen[400];
    enum told              told[400];
    struct rand            r;
    int                    n = 0;
    rand_seed(&r, 5);
    struct planner_view v = view();
    while (n < 400 && planner_ask(planner, &v, &seen[n], &fault) == OK) {
        int undecided = 0;
        for (int i = 0; i < n; i++) {
            assert_false(told[i] == TOLD_WORSE && holds(&seen[n], &seen[i]));
            bool same = holds(&seen[n], &seen[i]) && holds(&seen[i], &seen[n]);
            assert_false(same && told[i] != TOLD_BETTER && told[i] != TOLD_UNDECIDED);
            undecided += same && told[i] == TOLD_UNDECIDED;
        }
        assert_true(undecided <= 1);
        double x = rand_unit(&r);
        told[n] = x < 0.1 ? TOLD_BETTER : x < 0.5 ? TOLD_UNDECIDED : x < 0.8 ? TOLD_WORSE : x < 0.9 ? TOLD_EQUIVALENT : x < 0.95 ? TOLD_REFUSED : TOLD_FAILED;
        tell(&seen[n], told[n], told[n] == TOLD_BETTER ? 0.1 : 0);
        n++;
    }
    assert_true(n > 15);
    assert_true(n < 400);
    assert_int_equal(fault.code, ERR_MISSING);
    assert_non_null(strstr(fault.text, "nothing is left to"));
}

static void no_proposal_leads_back_behind_what_a_proof_left(void **state)
{
    (void)state;
    static struct proposal better[200];
    int                    n = 0;
    struct planner_view    v = view();
    struct proposal        p;
    for (int i = 0; i < 200 && planner_ask(planner, &v, &p, &fault) == OK; i++) {
        for (int j = 0; j < n; j++) {
            const struct proposed_change *was = &better[j].change[0], *c = change_of(&p, was->knob);
            if (c && (was->to > was->from ? c->to <= was->from : c->to >= was->from))
                fail_msg("%s, but %s was better", p.title, better[j].title);
        }
        if (p.changes == 1)
            better[n++] = p;
        tell(&p, TOLD_BETTER, 0.02);
    }
    assert_true(n > 10);
}

static void a_planner_that_is_told_the_story_again_stands_where_it_stood(void **state)
{
    (void)state;
    struct proposal list[20];
    struct rand     r;
    rand_seed(&r, 11);
    bounds.trials_min = 100;                                 /* it shall not say that nothing is left */
    for (int i = 0; i < 20; i++) {
        list[i] = ask();
        struct proposal again = ask();                       /* asking changes nothing */
        assert_memory_equal(&list[i], &again, sizeof again);

        struct planner     *other;
        struct planner_view v = view();
        struct proposal     same;
        assert_ok(planner_new(kind, 7, &other, &fault), &fault);
        rand_seed(&r, 11);
        for (int j = 0; j < i; j++)
            assert_ok(planner_tell(other, &list[j], rand_unit(&r) < 0.5 ? TOLD_WORSE : TOLD_UNDECIDED, 0, &fault), &fault);
        assert_ok(planner_ask(other, &v, &same, &fault), &fault);
        assert_memory_equal(&list[i], &same, sizeof same);
        planner_free(other);
        tell(&list[i], rand_unit(&r) < 0.5 ? TOLD_WORSE : TOLD_UNDECIDED, 0);
    }
}

static void of_very_many_outcomes_the_oldest_are_forgotten_and_failures_last(void **state)
{
    (void)state;
    struct planner_stats stats;
    struct proposal      p = ask();
    tell(&p, TOLD_FAILED, (double)NAN);
    tell(&p, TOLD_WORSE, -0.7);
    p.changes = 1;
    for (int i = 0; i < TOLD_MAX + 20; i++) {
        p.change[0] = (struct proposed_change){ KNOB_WORK_MEM, 4096, 5000 + i };
        tell(&p, TOLD_UNDECIDED, 0.001);
    }
    planner_stats_of(planner, &bounds, &stats);
    assert_int_equal(stats.told, TOLD_MAX);
    assert_int_equal(stats.ever, TOLD_MAX + 22);
    assert_int_equal(stats.by[TOLD_FAILED], 1);
    assert_int_equal(stats.by[TOLD_WORSE], 0);
}

static void what_is_no_measurement_is_told_without_harm(void **state)
{
    (void)state;
    static const double effects[] = { 1e300, -1e300, (double)INFINITY, -(double)INFINITY, (double)NAN, 0, 0.1 }, errors[] = { (double)NAN, 0, 1e-12, 1e300, (double)INFINITY };
    struct planner_stats stats;
    struct rand          r;
    rand_seed(&r, 5);
    (void)alarm(120);      /* rather than for ever */
    for (int i = 0; i < 45; i++) {
        struct proposal     p;
        struct planner_view v = view();
        enum err            e = planner_ask(planner, &v, &p, &fault);
        if (e != OK)
            assert_int_equal(e, ERR_MISSING);
        else
            assert_ok(planner_tell_measured(planner, &p, i % 3 ? TOLD_WORSE : TOLD_UNDECIDED, effects[rand_int(&r, 0, 6)], errors[rand_int(&r, 0, 4)], &fault), &fault);
    }
    (void)alarm(0);
    planner_stats_of(planner, &bounds, &stats);
    assert_true(stats.told > 20 && stats.worst >= -PLANNER_EFFECT_MOST);
}

static void a_reading_that_is_not_known_is_no_reason(void **state)
{
    (void)state;
    int found = 0;
    window.v[METRIC_BUFFERS_BACKEND] = (double)NAN;      /* what was seen of it says nothing */
    for (int i = 0; i < 12; i++) {
        struct proposal     p;
        struct planner_view v = view();
        if (planner_ask(planner, &v, &p, &fault) != OK)
            break;
        assert_null(strstr(p.why, "nan"));
        found += strstr(p.planner, "background-writer") != NULL;
        tell(&p, TOLD_EQUIVALENT, 0);
    }
    assert_true(found > 0);
}

static void a_refused_compression_is_replaced_by_the_next_best(void **state)
{
    (void)state;
    struct proposal p = ask();
    assert_float_equal(change_of(&p, KNOB_WAL_COMPRESSION)->to, 3, 0);
    tell(&p, TOLD_FAILED, (double)NAN);
    p = ask();
    assert_float_equal(change_of(&p, KNOB_WAL_COMPRESSION)->to, 2, 0);
}

static void the_planner_keeps_to_the_memory_bound_by_itself(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 3);
    for (int round = 0; round < 200; round++) {
        facts_pg15(&facts, FACTS_GIB * (0.5 + 8 * rand_unit(&r)), (int)rand_int(&r, 1, 16));
        facts.limit_counts_cache = rand_unit(&r) < 0.7;
        facts.peak_sessions = (int)rand_int(&r, 0, 60);
        facts.database_bytes = FACTS_GIB * 40 * rand_unit(&r);
        struct planner_view v = view();
        struct proposal     p;
        if (planner_ask(planner, &v, &p, &fault) != OK)
            continue;
        struct knob_state s;
        struct footprint  was, is;
        knob_state_of(&s, &facts);
        footprint_of(&s, &facts, &bounds, &was);
        for (int i = 0; i < p.changes; i++) {
            assert_true(knob_at(p.change[i].knob)->flags & KNOB_TUNED);
            assert_ok(knob_allows(knob_at(p.change[i].knob), &facts, p.change[i].to, &fault), &fault);
            s.value[p.change[i].knob] = p.change[i].to;
        }
        footprint_of(&s, &facts, &bounds, &is);
        assert_true(is.total <= is.bound || is.total <= was.total);
    }
}

/* Planner, composer and gate meet only in the engine; here they meet to see that they mean the same. */
static void must_pass_the_gate(const struct policy *policy, const struct proposal *p)
{
    json_t             *json = NULL;
    struct plan         plan;
    struct gate_verdict verdict;
    struct proposal     back;
    struct compose_how  how = { "main", policy->bounds.step_ratio, &policy->bounds, 5, 60, 120 };
    assert_ok(compose_plan(p, &facts, &how, &json, &fault), &fault);
    assert_ok(plan_parse(json, &plan, &fault), &fault);
    struct gate_question q;
    gate_question_init(&q);
    q.plan = &plan;
    q.facts = &facts;
    q.target = "main";
    q.mode = MODE_AUTO;
    q.opener = (struct principal){ "engine", ROLE_OPERATOR };
    q.changes_last_hour = q.restarts_last_day = 0;
    q.degraded_s_last_day = 0;
    q.now_us = 1700000000000000;
    gate_judge(policy, &q, &verdict);
    if (verdict.answer != GATE_APPROVE)
        fail_msg("%s: rule %d: %s", p->title, verdict.rule, verdict.why);
    assert_ok(proposal_parse(json_object_get(json, "proposal"), &back, &fault), &fault);
    assert_string_equal(back.title, p->title);
    assert_true(holds(&back, p) && holds(p, &back));
    plan_done(&plan);
    json_decref(json);
}

static const struct policy *generous(void)
{
    static struct policy policy;
    policy_default(&policy);
    policy.set.restart = RESTART_ALLOWED;
    policy.set.risk_auto_max = policy.set.risk_max = 1;
    policy.bounds.restart_allowed = true;
    bounds = policy.bounds;
    return &policy;
}

static void the_gate_has_nothing_against_what_the_planner_composes(void **state)
{
    (void)state;
    struct rand          r;
    const struct policy *policy = generous();
    rand_seed(&r, 9);
    for (int i = 0; i < 60; i++) {
        struct proposal     p;
        struct planner_view v = view();
        if (planner_ask(planner, &v, &p, &fault) != OK)
            break;
        must_pass_the_gate(policy, &p);
        tell(&p, rand_unit(&r) < 0.4 ? TOLD_BETTER : TOLD_UNDECIDED, 0.02);
    }
}

/* A server that somebody has configured before, on any machine, under any load. */
static void scramble(struct rand *r)
{
    double memory = FACTS_GIB * (0.5 + 30 * rand_unit(r));
    facts_pg15(&facts, memory, (int)rand_int(r, 1, 32));
    facts.limit_counts_cache = rand_unit(r) < 0.5;
    facts.rotational = rand_unit(r) < 0.3;
    facts.peak_sessions = (int)rand_int(r, 0, 90);
    facts.slots = (int)rand_int(r, 0, 1);
    facts.disk_free_bytes = FACTS_GIB * 60 * rand_unit(r);
    facts.database_bytes = FACTS_GIB * 40 * rand_unit(r);
    facts.server_version = rand_unit(r) < 0.5 ? 150018 : 180000;
    for (int i = 1; i < KNOB_COUNT; i++) {
        double lo, hi;
        if (rand_unit(r) < 0.2 && !knobs[i].choice[0].name && target_setting(&facts, knobs[i].name) && knob_range(&knobs[i], &facts, &lo, &hi, NULL) == OK)
            facts_change(&facts, (enum knob_id)i, knob_round(&knobs[i], fmax(lo, 0.01) * pow(hi / fmax(lo, 0.01), rand_unit(r))));
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        window.v[m] = rand_unit(r) < 0.3 ? (double)NAN : pow(10, 8 * rand_unit(r) - 2);
    window.v[METRIC_CACHE_HIT] = rand_unit(r) < 0.3 ? (double)NAN : 0.8 + 0.2 * rand_unit(r);
}

static void whatever_is_proposed_anywhere_can_be_composed_and_passes_the_gate(void **state)
{
    (void)state;
    struct rand r;
    int         made = 0;
    const struct policy *policy = generous();
    rand_seed(&r, 17);
    for (int round = 0; round < 3000; round++) {
        if (round % 10 == 0) {
            scramble(&r);
            planner_free(planner);
            assert_ok(planner_new(kind, (uint64_t)round, &planner, &fault), &fault);
        }
        struct planner_view v = view();
        struct proposal     p;
        if (planner_ask(planner, &v, &p, &fault) != OK)
            continue;
        must_pass_the_gate(policy, &p);
        tell(&p, rand_unit(&r) < 0.3 ? TOLD_BETTER : TOLD_WORSE, 0.02);
        made++;
    }
    assert_true(made > 1000);
}

/* Any server that is served, set by somebody else in any way that it takes, under a policy that bounds this and that. */
static void scramble_more(struct rand *r, struct policy *policy)
{
    static const int versions[] = { 130016, 140013, 150018, 160009, 170005, 180000 };
    scramble(r);
    if (rand_unit(r) < 0.4)
        facts.memory_bytes = FACTS_GIB * (0.25 + rand_unit(r));
    facts.server_version = versions[rand_int(r, 0, 5)];
    for (int i = 1; i < KNOB_COUNT; i++) {
        const struct knob *k = &knobs[i];
        double             lo, hi;
        if (k->special[0].means && rand_unit(r) < 0.4)
            facts_change(&facts, k->id, k->special[0].value);
        policy->bounds.knob[i].lo = policy->bounds.knob[i].hi = (double)NAN;
        if (k->choice[0].name || rand_unit(r) < 0.7 || knob_range(k, &facts, &lo, &hi, NULL) != OK)
            continue;
        double a = lo + (hi - lo) * pow(rand_unit(r), 3), b = lo + (hi - lo) * pow(rand_unit(r), 3);
        if (rand_unit(r) < 0.6)
            policy->bounds.knob[i].lo = knob_round(k, fmin(a, b));
        if (rand_unit(r) < 0.6)
            policy->bounds.knob[i].hi = knob_round(k, fmax(a, b));
    }
    bounds = policy->bounds;
}

static void whatever_policy_bounds_is_kept_to_by_every_step(void **state)
{
    (void)state;
    struct rand   r;
    int           made = 0;
    struct policy policy = *generous();
    rand_seed(&r, 18);
    for (int round = 0; round < 2000; round++) {
        if (round % 10 == 0) {
            scramble_more(&r, &policy);
            planner_free(planner);
            assert_ok(planner_new(kind, (uint64_t)round, &planner, &fault), &fault);
        }
        struct planner_view v = view();
        struct proposal     p;
        if (planner_ask(planner, &v, &p, &fault) != OK)
            continue;
        must_pass_the_gate(&policy, &p);
        tell(&p, rand_unit(&r) < 0.3 ? TOLD_BETTER : TOLD_WORSE, 0.02);
        made++;
    }
    assert_true(made > 500);
}

static void on_a_machine_with_less_than_a_gigabyte_the_large_step_passes_the_gate(void **state)
{
    (void)state;
    const struct policy *policy = generous();
    facts.memory_bytes = facts.memory_machine_bytes = 0.5 * FACTS_GIB;
    struct proposal p = ask();
    assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
    assert_non_null(change_of(&p, KNOB_AUTOVACUUM_WORK_MEM));      /* from -1, which elsewhere leads by 64MB: here that is more than the range has */
    must_pass_the_gate(policy, &p);
}

static void one_special_value_that_policy_rules_out_does_not_take_the_large_step_with_it(void **state)
{
    (void)state;
    struct policy policy = *generous();
    policy.bounds.knob[KNOB_CHECKPOINT_FLUSH_AFTER].lo = 16;
    bounds = policy.bounds;
    struct proposal p = ask();
    assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
    assert_null(change_of(&p, KNOB_CHECKPOINT_FLUSH_AFTER));
    must_pass_the_gate(&policy, &p);
}

static void no_symptom_takes_back_what_somebody_has_set_further_than_we_would(void **state)
{
    (void)state;
    static const struct { const char *planner; enum knob_id knob; } up[] = { { "forced", KNOB_MAX_WAL_SIZE }, { "wal-buffers", KNOB_WAL_BUFFERS }, { "dead-rows", KNOB_AUTOVACUUM_VACUUM_COST_LIMIT } };
    facts_set(&facts, "max_wal_size", "16384", NULL);      /* more than crash recovery may take here */
    facts_set(&facts, "wal_buffers", "16384", NULL);
    facts_set(&facts, "autovacuum_vacuum_cost_limit", "2000", NULL);
    window.v[METRIC_CHECKPOINTS_REQ] = 0.02;
    window.v[METRIC_CHECKPOINTS_TIMED] = 0;
    window.v[METRIC_WAL_BUFFERS_FULL] = 5;
    window.v[METRIC_DEAD_TUPLES] = 1e6;
    for (int i = 0; i < 25; i++) {
        struct proposal     p;
        struct planner_view v = view();
        if (planner_ask(planner, &v, &p, &fault) != OK)
            return;
        const char *who = strchr(p.planner, '/');
        for (int k = 0; k < 3; k++)
            if (who && strcmp(who + 1, up[k].planner) == 0 && change_of(&p, up[k].knob))
                assert_true(change_of(&p, up[k].knob)->to > change_of(&p, up[k].knob)->from);
        tell(&p, TOLD_EQUIVALENT, 0);
    }
}

static struct setting *shown(const char *name)
{
    for (int i = 0; i < facts.settings; i++)
        if (strcmp(facts.setting[i].name, name) == 0)
            return &facts.setting[i];
    return NULL;
}

static void what_follows_another_parameter_is_left_where_that_one_stands_and_only_for_more(void **state)
{
    (void)state;
    window.v[METRIC_DEAD_TUPLES] = 1e6;
    facts_set(&facts, "maintenance_work_mem", "49152", NULL);
    facts_set(&facts, "vacuum_cost_limit", "2000", "");      /* which counts, as autovacuum's own is -1 */
    for (int i = 0; i < 25; i++) {
        struct proposal     p;
        struct planner_view v = view();
        if (planner_ask(planner, &v, &p, &fault) != OK)
            break;
        assert_null(change_of(&p, KNOB_AUTOVACUUM_VACUUM_COST_LIMIT));
        tell(&p, TOLD_EQUIVALENT, 0);
    }
    struct proposal    own = { .planner = "a person", .title = "own memory", .why = "-", .changes = 1, .change = { { KNOB_AUTOVACUUM_WORK_MEM, -1, 40960 } } };
    struct compose_how how = { "main", 0.2, &bounds, 5, 60, 120 };
    json_t            *json;
    assert_ok(compose_plan(&own, &facts, &how, &json, &fault), &fault);
    const char *first = json_string_value(json_object_get(json_array_get(json_object_get(json_object_get(json_array_get(json_object_get(json, "steps"), 0), "params"), "settings"), 0), "to"));
    assert_string_equal(first, "48MB");
    json_decref(json);
}

static void what_something_stronger_than_a_file_decides_is_left_out_and_the_rest_is_proposed(void **state)
{
    (void)state;
    static const char *const sources[] = { "command line", "database", "user", "client" };
    for (int i = 0; i < 4; i++) {
        strcpy(shown("shared_buffers")->source, sources[i]);
        struct proposal p = ask();
        assert_null(change_of(&p, KNOB_SHARED_BUFFERS));
        strcpy(shown("shared_buffers")->source, "configuration file");
        p = ask();
        assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
    }
    strcpy(shown("max_wal_size")->source, "command line");
    for (int i = 0; i < 10; i++) {
        struct proposal p = ask();
        assert_null(change_of(&p, KNOB_MAX_WAL_SIZE));
        if (i == 0)
            assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));      /* the rest of the large step */
        tell(&p, TOLD_EQUIVALENT, 0);
    }
}

static void what_our_role_was_not_granted_is_left_out_and_who_may_alter_nothing_suggests_to_others(void **state)
{
    (void)state;
    facts.superuser = false;
    shown("max_wal_size")->denied = true;
    struct proposal p = ask();
    assert_null(change_of(&p, KNOB_MAX_WAL_SIZE));
    assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
    facts.may_alter_system = false;
    p = ask();
    assert_non_null(change_of(&p, KNOB_MAX_WAL_SIZE));
}

static void a_change_of_somebody_elses_that_waits_for_a_restart_is_not_put_in_force_by_ours(void **state)
{
    (void)state;
    shown("max_connections")->pending_restart = true;
    assert_false(ask().needs_restart);
    shown("max_connections")->pending_restart = false;
    assert_true(ask().needs_restart);
    shown("max_connections")->pending_restart = true;
    strcpy(shown("max_connections")->source, "command line");      /* which wins again after a restart */
    assert_true(ask().needs_restart);
    shown("work_mem")->pending_restart = true;      /* not that a server would say so */
    assert_false(ask().needs_restart);
}

static void what_is_said_of_the_cache_is_what_is_proposed(void **state)
{
    (void)state;
    char said[80];
    facts.memory_bytes = facts.memory_machine_bytes = 256 * FACTS_GIB;
    facts.database_bytes = 2000 * FACTS_GIB;
    facts.disk_free_bytes = 4000 * FACTS_GIB;
    facts_set(&facts, "effective_cache_size", "12582912", NULL);      /* 96 GB */
    struct proposal p = ask();
    const struct proposed_change *b = change_of(&p, KNOB_SHARED_BUFFERS);
    assert_non_null(b);
    assert_float_equal(b->to * 8192, 32 * FACTS_GIB, 0);      /* as much as the catalogue has, far from the share that was wished for */
    (void)snprintf(said, sizeof said, "shared_buffers becomes %.0f %% of the %.0f MB", 100 * b->to * 8192 / facts.memory_bytes, facts.memory_bytes / 1048576);
    assert_non_null(strstr(p.why, said));
}

static void the_hint_that_a_large_cache_needs_is_raised_no_further_than_one_case_may(void **state)
{
    (void)state;
    struct compose_how how = { .target = "main", .step_ratio = 0.2, .bounds = &bounds, .watch_s = 300, .timeout_s = 60, .restart_timeout_s = 240 };
    json_t            *plan;
    facts.memory_bytes = facts.memory_machine_bytes = 256 * FACTS_GIB;
    facts.database_bytes = 2000 * FACTS_GIB;
    facts.disk_free_bytes = 4000 * FACTS_GIB;
    struct proposal p = ask();
    double buffers = change_of(&p, KNOB_SHARED_BUFFERS)->to, cache = change_of(&p, KNOB_EFFECTIVE_CACHE_SIZE)->to;
    assert_true(buffers * 8192 > 16 * FACTS_GIB && 2 * buffers <= cache);
    assert_ok(compose_plan(&p, &facts, &how, &plan, &fault), &fault);
    assert_true(json_array_size(json_object_get(plan, "steps")) <= 13);      /* twelve, and what moves after the restart */
    json_decref(plan);
}

static void a_plan_has_no_more_parameters_and_steps_than_policy_allows(void **state)
{
    (void)state;
    struct compose_how how = { .target = "main", .step_ratio = 0.2, .bounds = &bounds, .watch_s = 300, .timeout_s = 60, .restart_timeout_s = 240 };
    bounds.changes_max = 3;
    bounds.steps_max = 5;
    for (int i = 0; i < 8; i++) {
        json_t         *plan;
        struct proposal p = ask();
        assert_in_range(p.changes, 1, 3);
        if (i == 0) {
            assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));      /* what matters most */
            assert_non_null(strstr(p.why, "change 3 parameters"));
        }
        assert_ok(compose_plan(&p, &facts, &how, &plan, &fault), &fault);
        assert_in_range(json_array_size(json_object_get(plan, "steps")), 1, 5);
        json_decref(plan);
        tell(&p, i % 2 ? TOLD_EQUIVALENT : TOLD_WORSE, i % 2 ? 0 : -0.1);
    }
}

static void where_one_plan_may_change_one_parameter_that_one_stands_by_itself(void **state)
{
    (void)state;
    struct compose_how   how = { .target = "main", .step_ratio = 0.2, .bounds = &bounds, .watch_s = 300, .timeout_s = 60, .restart_timeout_s = 240 };
    struct proposal      p;
    struct planner_view  v = view();
    int                  asked = 0;
    facts.memory_bytes = facts.memory_machine_bytes = 256 * FACTS_GIB;
    facts.database_bytes = 2000 * FACTS_GIB;
    facts.disk_free_bytes = 4000 * FACTS_GIB;
    bounds.changes_max = 1;
    for (; asked < 6 && planner_ask(planner, &v, &p, &fault) == OK; asked++) {
        json_t           *plan;
        struct knob_state now, after;
        assert_int_equal(p.changes, 1);
        knob_state_of(&now, &facts);
        after = now;
        after.value[p.change[0].knob] = p.change[0].to;
        assert_false(knob_dependency_broken(&knob_dependency[1], &now, &after, &facts, &bounds));      /* the hint that a larger cache would need */
        assert_ok(compose_plan(&p, &facts, &how, &plan, &fault), &fault);
        json_decref(plan);
        tell(&p, TOLD_EQUIVALENT, 0);
    }
    assert_true(asked > 2);
}

static void what_is_said_of_a_disk_is_what_is_known_of_it(void **state)
{
    (void)state;
    static const char *const said[] = { "cannot be seen from here", "no seek to pay" };
    for (int seen = 0; seen < 2; seen++) {
        bool told = false;
        facts.host_readable = seen;
        for (int i = 0; i < 12; i++) {
            struct planner_view v = view();
            struct proposal     p;
            if (planner_ask(planner, &v, &p, &fault) != OK)
                break;
            const char *who = strchr(p.planner, '/');
            told = told || (who && strcmp(who, "/costs") == 0 && strstr(p.why, said[seen]));
            assert_null(strstr(p.why, said[!seen]));
            tell(&p, TOLD_EQUIVALENT, 0);
        }
        assert_true(told);
        planner_free(planner);
        assert_ok(planner_new(kind, 7, &planner, &fault), &fault);
    }
}

/* Room for a larger cache is made by taking less for autovacuum: where that may not be touched, the cache stays smaller. */
static void what_may_not_be_changed_makes_no_room_for_what_may(void **state)
{
    (void)state;
    struct footprint  is;
    struct knob_state after;
    bounds.knob[KNOB_AUTOVACUUM_WORK_MEM].allowed = false;
    facts.peak_sessions = 20;                             /* so that memory is short */
    struct proposal p = ask();
    assert_true(p.needs_restart);
    assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
    knob_state_of(&after, &facts);
    for (int i = 0; i < p.changes; i++)
        after.value[p.change[i].knob] = p.change[i].to;
    footprint_of(&after, &facts, &bounds, &is);
    assert_true(is.total <= is.bound);
}

static void a_standby_and_another_owner_are_left_alone(void **state)
{
    (void)state;
    struct planner_view v = view();
    struct proposal     p;
    facts.in_recovery = true;
    assert_int_equal(planner_ask(planner, &v, &p, &fault), ERR_STATE);
    facts.in_recovery = false;
    facts.owner = OWNER_PATRONI;
    assert_int_equal(planner_ask(planner, &v, &p, &fault), ERR_STATE);
    facts.owner = OWNER_NONE;
    facts.server_version = 0;
    assert_int_equal(planner_ask(planner, &v, &p, &fault), ERR_UNKNOWN);
    struct planner *none;
    assert_int_equal(planner_new("oracle", 1, &none, &fault), ERR_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_ORDER(f) cmocka_unit_test_setup_teardown(f, in_order, teardown)
#define EITHER_WAY(f) { #f " in a fixed order", f, in_order, teardown, NULL }, { #f " by credit", f, by_credit, teardown, NULL }
        EITHER_WAY(where_a_limit_counts_the_page_cache_the_first_case_is_the_large_one),
        EITHER_WAY(no_restart_is_proposed_where_none_is_allowed_or_could_be_undone),
        IN_ORDER(a_cache_that_serves_everything_is_left_alone),
        IN_ORDER(the_ladder_goes_down_when_the_top_did_not_hold),
        IN_ORDER(the_ladder_climbs_while_it_is_proven_better),
        IN_ORDER(a_symptom_asks_for_its_own_remedy),
        EITHER_WAY(what_was_worse_never_comes_again_and_undecided_once_more_at_most),
        EITHER_WAY(no_proposal_leads_back_behind_what_a_proof_left),
        EITHER_WAY(a_planner_that_is_told_the_story_again_stands_where_it_stood),
        EITHER_WAY(what_is_no_measurement_is_told_without_harm),
        EITHER_WAY(a_reading_that_is_not_known_is_no_reason),
        EITHER_WAY(a_refused_compression_is_replaced_by_the_next_best),
        EITHER_WAY(of_very_many_outcomes_the_oldest_are_forgotten_and_failures_last),
        EITHER_WAY(the_planner_keeps_to_the_memory_bound_by_itself),
        EITHER_WAY(the_gate_has_nothing_against_what_the_planner_composes),
        EITHER_WAY(whatever_is_proposed_anywhere_can_be_composed_and_passes_the_gate),
        EITHER_WAY(whatever_policy_bounds_is_kept_to_by_every_step),
        EITHER_WAY(on_a_machine_with_less_than_a_gigabyte_the_large_step_passes_the_gate),
        EITHER_WAY(one_special_value_that_policy_rules_out_does_not_take_the_large_step_with_it),
        EITHER_WAY(no_symptom_takes_back_what_somebody_has_set_further_than_we_would),
        EITHER_WAY(what_follows_another_parameter_is_left_where_that_one_stands_and_only_for_more),
        EITHER_WAY(what_something_stronger_than_a_file_decides_is_left_out_and_the_rest_is_proposed),
        EITHER_WAY(what_our_role_was_not_granted_is_left_out_and_who_may_alter_nothing_suggests_to_others),
        EITHER_WAY(a_change_of_somebody_elses_that_waits_for_a_restart_is_not_put_in_force_by_ours),
        EITHER_WAY(what_is_said_of_the_cache_is_what_is_proposed),
        EITHER_WAY(the_hint_that_a_large_cache_needs_is_raised_no_further_than_one_case_may),
        EITHER_WAY(a_plan_has_no_more_parameters_and_steps_than_policy_allows),
        EITHER_WAY(where_one_plan_may_change_one_parameter_that_one_stands_by_itself),
        IN_ORDER(what_is_said_of_a_disk_is_what_is_known_of_it),
        EITHER_WAY(what_may_not_be_changed_makes_no_room_for_what_may),
        EITHER_WAY(a_standby_and_another_owner_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
