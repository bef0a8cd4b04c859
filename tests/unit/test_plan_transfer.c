/* A warm start: what databases like this one have proven comes first, brought to this machine's scale, and nothing comes from strangers. */
#include "unit.h"

#include "facts.h"

#include "plan/scene.h"
#include "plan/transfer.h"

#include <stdlib.h>

enum { RECORDS_MAX = 40 };
static struct target_facts      facts, there;
static struct window            window;
static struct bounds            bounds;
static struct knowledge         record[RECORDS_MAX];
static const struct knowledge  *known[RECORDS_MAX];
static int                      records;
static struct fault             fault;
static struct planner          *planner;

static struct planner_view view(void) { return (struct planner_view){ &facts, &window, 1, &bounds, known, records }; }

static void short_transactions(struct window *w)
{
    window_clear(w);
    w->whole = true;
    w->to_us = 60000000;
    w->v[METRIC_TPS] = 130;
    w->v[METRIC_CALLS] = 2600;
    w->v[METRIC_LATENCY_MEAN] = 60;
    w->v[METRIC_ROWS_READ] = 5000;
    w->v[METRIC_ROWS_FETCHED] = 4800;
    w->v[METRIC_ROWS_WRITTEN] = 1500;
    w->v[METRIC_CACHE_HIT] = 0.93;
    w->v[METRIC_BLOCKS_READ] = 2000;
    w->v[METRIC_WAL_BYTES] = 2e6;
    w->v[METRIC_TEMP_BYTES] = 0;
}

static void reports(struct window *w)
{
    short_transactions(w);
    w->v[METRIC_TPS] = 0.2;
    w->v[METRIC_CALLS] = 0.2;
    w->v[METRIC_LATENCY_MEAN] = 20000;
    w->v[METRIC_ROWS_READ] = 4e6;
    w->v[METRIC_ROWS_FETCHED] = 1e4;
    w->v[METRIC_ROWS_WRITTEN] = 0.1;
    w->v[METRIC_WAL_BYTES] = 100;
    w->v[METRIC_TEMP_BYTES] = 5e7;
}

static int setup(void **state)
{
    (void)state;
    facts_pg15(&facts, 4 * FACTS_GIB, 4);
    facts_pg15(&there, 1 * FACTS_GIB, 2);
    facts.limit_counts_cache = there.limit_counts_cache = true;
    facts.database_bytes = 5.2 * FACTS_GIB;
    bounds_default(&bounds);
    bounds.restart_allowed = true;
    short_transactions(&window);
    records = 0;
    assert_ok(planner_new(NULL, 7, &planner, &fault), &fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    planner_free(planner);
    return 0;
}

static const struct proposed_change *change_of(const struct proposal *p, enum knob_id id)
{
    for (int i = 0; i < p->changes; i++)
        if (p->change[i].knob == id)
            return &p->change[i];
    return NULL;
}

static struct proposal good_one(void)
{
    return (struct proposal){ .planner = "joint/search", .changes = 4, .change = {
        { KNOB_SHARED_BUFFERS, 16384, 0.45 * 131072 }, { KNOB_EFFECTIVE_CACHE_SIZE, 524288, 0.95 * 131072 }, { KNOB_MAX_WAL_SIZE, 1024, 3072 }, { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
}

/* Another database tells of one trial. */
static void told_by(char database, const struct window *load, const struct proposal *p, enum told told, double effect)
{
    char            name[KNOWLEDGE_ID_SIZE];
    struct workload w;
    memset(name, database, sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct knowledge_origin origin = { "0123456789abcdef0123456789abcdef", name, name, INT64_C(1772366400000000) + records * INT64_C(3600000000) };
    workload_of(&w, load, 1, &there);
    assert_ok(knowledge_of(&origin, p, &there, &w, told, told == TOLD_BETTER, effect, 0.03, &record[records], &fault), &fault);
    json_decref(knowledge_json(&record[records]));     /* gives it its id */
    known[records] = &record[records];
    records++;
}

static struct proposal ask(void)
{
    struct proposal     p;
    struct planner_view v = view();
    assert_ok(planner_ask(planner, &v, &p, &fault), &fault);
    return p;
}

static void what_a_database_like_this_one_has_proven_comes_first(void **state)
{
    (void)state;
    struct proposal good = good_one();
    assert_string_equal(ask().planner, "joint/big-step");
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_float_equal(change_of(&p, KNOB_SHARED_BUFFERS)->to / (4 * 131072), 0.45, 0.01);      /* of four times the memory */
    assert_float_equal(change_of(&p, KNOB_RANDOM_PAGE_COST)->to, 1.3, 0.01);
    assert_true(p.needs_restart);
    assert_non_null(strstr(p.why, "1 database like this one has"));
    assert_non_null(strstr(p.why, "+82 %"));                                                    /* what was seen there */
}

static void asking_again_and_in_another_order_asks_the_same(void **state)
{
    (void)state;
    struct proposal good = good_one(), worse = good_one();
    worse.change[3].to = 2;
    told_by('a', &window, &good, TOLD_BETTER, 0.5);
    told_by('b', &window, &worse, TOLD_BETTER, 0.4);
    struct proposal p = ask(), q = ask();
    assert_memory_equal(p.change, q.change, sizeof p.change);
    const struct knowledge *first = known[0];
    known[0] = known[1];
    known[1] = first;
    q = ask();
    assert_string_equal(p.title, q.title);
    assert_string_equal(p.why, q.why);
}

static void nothing_comes_from_strangers_nor_when_this_load_is_not_known(void **state)
{
    (void)state;
    struct window   other;
    struct proposal good = good_one();
    reports(&other);
    told_by('a', &other, &good, TOLD_BETTER, 0.6);
    assert_string_equal(ask().planner, "joint/big-step");
    told_by('b', &window, &good, TOLD_BETTER, 0.6);
    assert_string_equal(ask().planner, "joint/transfer");
    window_clear(&window);
    assert_string_not_equal(ask().planner, "joint/transfer");
}

static void what_was_worse_elsewhere_speaks_against_it(void **state)
{
    (void)state;
    struct proposal good = good_one();
    told_by('a', &window, &good, TOLD_BETTER, 0.2);
    for (char d = 'b'; d < 'f'; d++)
        told_by(d, &window, &good, TOLD_WORSE, -0.3);
    assert_string_not_equal(ask().planner, "joint/transfer");
}

static void without_a_restart_another_configuration_is_judged(void **state)
{
    (void)state;
    struct proposal good = good_one();
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    bounds.restart_allowed = false;
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");         /* all of them did it together: each of them probably did some of it */
    assert_null(change_of(&p, KNOB_SHARED_BUFFERS));
    assert_false(p.needs_restart);
    assert_null(strstr(p.why, "+82 %"));
    struct proposal rest = { .planner = "joint/costs", .changes = 3, .change = { good.change[1], good.change[2], good.change[3] } };
    told_by('b', &window, &rest, TOLD_UNDECIDED, 0.0);
    told_by('c', &window, &rest, TOLD_UNDECIDED, 0.01);
    assert_string_not_equal(ask().planner, "joint/transfer");      /* now it is known that shared_buffers did it */
    struct proposal reload = { .planner = "joint/costs", .changes = 2, .change = { { KNOB_MAX_WAL_SIZE, 1024, 6144 }, { KNOB_RANDOM_PAGE_COST, 4, 1.9 } } };
    told_by('d', &window, &reload, TOLD_BETTER, 0.25);
    p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_false(p.needs_restart);
}

static void after_three_restarts_in_vain_what_needs_none_is_borrowed(void **state)
{
    (void)state;
    struct proposal good = good_one(), large = { .planner = "joint/big-step", .changes = 1, .change = { { KNOB_SHARED_BUFFERS, 16384, 65536 } }, .needs_restart = true };
    for (int i = 0; i < 3; i++)
        assert_ok(planner_tell(planner, &large, TOLD_UNDECIDED, (double)NAN, &fault), &fault);
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_false(p.needs_restart);
    assert_null(change_of(&p, KNOB_SHARED_BUFFERS));
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
}

static void what_did_not_help_twice_is_not_borrowed_a_third_time(void **state)
{
    (void)state;
    static const double cost[] = { 1.2, 1.8, 2.7, 3.3 };
    for (int i = 0; i < 4; i++) {
        struct proposal p = good_one();
        p.change[0].to = (0.25 + 0.1 * i) * 131072;
        p.change[3].to = cost[i];
        told_by((char)('a' + i), &window, &p, TOLD_BETTER, 0.5);
    }
    int borrowed = 0;
    for (int i = 0; i < 6; i++) {
        struct proposal p = ask();
        borrowed += strcmp(p.planner, "joint/transfer") == 0;
        assert_ok(planner_tell_measured(planner, &p, TOLD_UNDECIDED, -0.01, 0.4, &fault), &fault);      /* which says little against them */
    }
    assert_int_equal(borrowed, 2);
}

static void what_was_borrowed_and_held_is_not_asked_for_again(void **state)
{
    (void)state;
    struct proposal good = good_one(), other = good_one();
    other.change[3].to = 2;
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    told_by('b', &window, &other, TOLD_BETTER, 0.5);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    for (int i = 0; i < p.changes; i++)
        facts_change(&facts, p.change[i].knob, p.change[i].to);
    assert_ok(planner_tell(planner, &p, TOLD_BETTER, 0.55, &fault), &fault);
    for (int i = 0; i < 4; i++) {
        p = ask();
        assert_string_not_equal(p.planner, "joint/transfer");
        assert_ok(planner_tell(planner, &p, TOLD_UNDECIDED, 0, &fault), &fault);
    }
}

/* A share of a large machine's memory may be less than what a small one has in force: the donor proved the direction. */
static void what_was_raised_there_is_not_lowered_here(void **state)
{
    (void)state;
    facts_pg15(&there, 8 * FACTS_GIB, 4);
    there.limit_counts_cache = true;
    struct proposal good = good_one();
    good.change[0] = (struct proposed_change){ KNOB_SHARED_BUFFERS, 16384, 0.45 * 8 * 131072 };
    good.change[1] = (struct proposed_change){ KNOB_WORK_MEM, 4096, 6144 };
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_null(change_of(&p, KNOB_WORK_MEM));          /* less than what is in force, by memory */
    assert_non_null(change_of(&p, KNOB_SHARED_BUFFERS));
}

/* From 2 workers to 4 on 16 cores is from a fourth of one to a half on 2: not none, and no direction either. */
static void what_was_raised_by_less_than_can_be_seen_here_is_left_as_it_is(void **state)
{
    (void)state;
    struct scene    s;
    struct proposal p = { .planner = "joint/transfer" }, more = { .planner = "joint/search", .changes = 3, .change = {
        { KNOB_RANDOM_PAGE_COST, 4, 1.3 }, { KNOB_MAX_WAL_SIZE, 1024, 3072 }, { KNOB_MAX_PARALLEL_WORKERS_PER_GATHER, 2, 4 } } };
    facts_pg15(&facts, 4 * FACTS_GIB, 2);
    facts_pg15(&there, 4 * FACTS_GIB, 16);
    facts.limit_counts_cache = there.limit_counts_cache = true;
    facts.database_bytes = there.database_bytes = 5.2 * FACTS_GIB;
    told_by('a', &window, &more, TOLD_BETTER, 0.6);
    struct planner_view v = view();
    scene_init(&s, &v, NULL, 0, 7);
    assert_ok(warm_open(&s, &fault), &fault);
    assert_true(draft_transfer(&s, 1, &p));              /* 0 is what was put together, 1 the donor's configuration */
    warm_close(&s);
    assert_non_null(strstr(p.why, "the one it comes from"));
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
    assert_null(change_of(&p, KNOB_MAX_PARALLEL_WORKERS_PER_GATHER));
}

static void what_is_proven_here_is_not_left_for_less(void **state)
{
    (void)state;
    struct proposal     good = good_one(), own = { .planner = "joint/big-step", .changes = 1, .change = { { KNOB_MAX_WAL_SIZE, 1024, 8192 } }, .has_workload = true };
    struct planner_view v = view();
    workload_of(&own.workload, v.window, v.windows, &facts);
    told_by('a', &window, &good, TOLD_BETTER, 0.3);
    assert_string_equal(ask().planner, "joint/transfer");
    assert_ok(planner_tell(planner, &own, TOLD_BETTER, 0.5, &fault), &fault);
    facts_change(&facts, KNOB_MAX_WAL_SIZE, 8192);
    assert_string_not_equal(ask().planner, "joint/transfer");
}

static void a_configuration_that_failed_there_is_kept_away_from(void **state)
{
    (void)state;
    struct proposal good = good_one(), large = good_one();
    struct transfer      *t;
    struct transfer_guess well, badly;
    struct knob_state     after;
    large.change[0].to = 0.64 * 131072;
    large.change[2].to = 16384;
    told_by('a', &window, &good, TOLD_BETTER, 0.4);
    told_by('a', &window, &large, TOLD_FAILED, (double)NAN);
    struct planner_view v = view();
    assert_ok(transfer_new(&v, &t, &fault), &fault);
    knowledge_state(&record[0], true, &facts, &after);
    transfer_guess(t, &after, &well);
    knowledge_state(&record[1], true, &facts, &after);
    transfer_guess(t, &after, &badly);
    assert_true(well.gain > 0.1 && badly.gain < 0);
    assert_int_equal(well.databases, 1);
    transfer_free(t);
}

static void the_best_of_each_database_is_put_together(void **state)
{
    (void)state;
    struct proposal costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    struct proposal log = { .planner = "joint/checkpoints", .changes = 1, .change = { { KNOB_MAX_WAL_SIZE, 1024, 3072 } } };
    told_by('a', &window, &costs, TOLD_BETTER, 0.2);
    told_by('b', &window, &log, TOLD_BETTER, 0.25);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
    assert_non_null(change_of(&p, KNOB_MAX_WAL_SIZE));
    assert_non_null(strstr(p.why, "2 databases like this one"));
}

/* The log stands before the costs in the catalogue, and does less. */
static void where_policy_lets_one_plan_change_one_parameter_it_is_the_one_worth_most(void **state)
{
    (void)state;
    struct proposal costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    struct proposal log = { .planner = "joint/checkpoints", .changes = 1, .change = { { KNOB_MAX_WAL_SIZE, 1024, 3072 } } };
    bounds.changes_max = 1;
    for (char d = 'a'; d < 'd'; d++)
        told_by(d, &window, &log, TOLD_BETTER, 0.06);
    told_by('d', &window, &costs, TOLD_BETTER, 0.25);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_non_null(strstr(p.why, "of each parameter by itself"));
    assert_int_equal(p.changes, 1);
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
}

/* The log may grow no further than recovery and disk allow; what else was proven is not lost for it. */
static void what_may_not_be_had_here_takes_nothing_else_with_it(void **state)
{
    (void)state;
    struct proposal costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    struct proposal log = { .planner = "joint/checkpoints", .changes = 1, .change = { { KNOB_MAX_WAL_SIZE, 1024, 65536 } } };
    told_by('a', &window, &costs, TOLD_BETTER, 0.2);
    struct proposal jit = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_JIT, 1, 0 } } };
    told_by('b', &window, &log, TOLD_BETTER, 0.4);
    told_by('c', &window, &jit, TOLD_BETTER, 0.2);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
    assert_non_null(change_of(&p, KNOB_JIT));
    assert_null(change_of(&p, KNOB_MAX_WAL_SIZE));
}

/* Of three parameters that were changed together, what the third does is known from those who changed it alone. */
static void what_came_along_and_harmed_is_left_out(void **state)
{
    (void)state;
    struct proposal all = { .planner = "joint/thumb", .changes = 3, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 }, { KNOB_MAX_WAL_SIZE, 1024, 3072 }, { KNOB_BGWRITER_LRU_MAXPAGES, 100, 800 } } };
    struct proposal alone = { .planner = "joint/background-writer", .changes = 1, .change = { { KNOB_BGWRITER_LRU_MAXPAGES, 100, 800 } } };
    told_by('a', &window, &all, TOLD_BETTER, 0.3);
    for (char d = 'b'; d < 'e'; d++)
        told_by(d, &window, &alone, TOLD_WORSE, -0.15);
    struct proposal p = ask();
    assert_string_equal(p.planner, "joint/transfer");
    assert_non_null(change_of(&p, KNOB_RANDOM_PAGE_COST));
    assert_null(change_of(&p, KNOB_BGWRITER_LRU_MAXPAGES));
}

static void what_was_surely_worse_elsewhere_is_proposed_by_no_rule_until_it_is_known_to_be_better_here(void **state)
{
    (void)state;
    there = facts;
    struct proposal step = ask(), p;
    assert_string_equal(step.planner, "joint/big-step");
    for (char d = 'a'; d < 'e'; d++)
        told_by(d, &window, &step, TOLD_WORSE, -0.4);
    p = ask();
    assert_string_not_equal(p.title, step.title);
    assert_ok(planner_tell_measured(planner, &step, TOLD_UNDECIDED, 0.5, 0.01, &fault), &fault);      /* tried all the same */
    assert_string_equal(ask().title, step.title);
}

/* A server that stopped answering, a load that collapsed: it is put back at once, as worse and without an effect. */
static void what_was_put_back_before_it_was_measured_is_warned_of(void **state)
{
    (void)state;
    struct scene    s;
    struct proposal alone = { .planner = "joint/background-writer", .changes = 1, .change = { { KNOB_BGWRITER_LRU_MAXPAGES, 100, 800 } } };
    there = facts;
    for (char d = 'a'; d < 'd'; d++)
        told_by(d, &window, &alone, TOLD_WORSE, (double)NAN);
    struct planner_view v = view();
    scene_init(&s, &v, NULL, 0, 7);
    assert_ok(warm_open(&s, &fault), &fault);
    assert_true(warm_warns(&s, &alone));
    warm_close(&s);
}

static void what_was_faster_and_broke_a_guard_is_not_borrowed(void **state)
{
    (void)state;
    struct proposal costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    there = facts;
    for (char d = 'a'; d < 'd'; d++)
        told_by(d, &window, &costs, TOLD_WORSE, 0.15);
    assert_string_not_equal(ask().planner, "joint/transfer");
}

static bool warned_by_thirty(const struct proposal *p, double effect)
{
    struct scene s;
    records = 0;
    for (int i = 0; i < 30; i++)
        told_by((char)('0' + i), &window, p, TOLD_UNDECIDED, effect);
    struct planner_view v = view();
    scene_init(&s, &v, NULL, 0, 7);
    assert_ok(warm_open(&s, &fault), &fault);
    bool warned = warm_warns(&s, p);
    warm_close(&s);
    return warned;
}

/* Two per cent are less than by what databases just like each other differ; of ten that cannot be said. */
static void however_many_lost_a_little_it_is_not_sure_that_this_one_would(void **state)
{
    (void)state;
    struct proposal alone = { .planner = "joint/background-writer", .changes = 1, .change = { { KNOB_BGWRITER_LRU_MAXPAGES, 100, 800 } } };
    there = facts;
    assert_false(warned_by_thirty(&alone, -0.02));
    assert_true(warned_by_thirty(&alone, -0.1));
}

static void what_was_held_back_is_told_with_the_way_to_have_it_tried(void **state)
{
    (void)state;
    const struct proposer *first = proposers;
    struct scene           s;
    struct proposal        p;
    there = facts;
    struct proposal step = ask();
    assert_string_equal(step.planner, "joint/big-step");
    while (strcmp(first->name, "big-step") != 0)
        first++;
    struct planner_view v = view();
    scene_init(&s, &v, NULL, 0, 7);
    assert_true(proposer_ask(first, "joint", &s, &p));
    assert_string_equal(s.withheld, "");
    assert_int_equal(proposers_exhausted(&s, &fault), ERR_MISSING);
    assert_null(strstr(fault.text, "loss"));
    for (char d = 'a'; d < 'e'; d++)
        told_by(d, &window, &step, TOLD_WORSE, -0.4);
    v = view();
    scene_init(&s, &v, NULL, 0, 7);
    assert_ok(warm_open(&s, &fault), &fault);
    (void)proposer_ask(first, "joint", &s, &p);
    assert_string_equal(s.withheld, step.title);
    assert_int_equal(proposers_exhausted(&s, &fault), ERR_MISSING);
    warm_close(&s);
    assert_non_null(strstr(fault.text, "\"shared_buffers "));
    assert_non_null(strstr(fault.text, "found it a loss"));
    assert_non_null(strstr(fault.hint, "knowledge.use: false"));
}

/* Were the first draw that is warned of the last, there would be nothing left to try: the next question draws the same. */
static void a_search_goes_round_what_others_warn_of(void **state)
{
    (void)state;
    static const struct proposed_change up[] = { { KNOB_MAX_WAL_SIZE, 1024, 1229 }, { KNOB_CHECKPOINT_TIMEOUT, 300, 360 }, { KNOB_BGWRITER_DELAY, 200, 240 }, { KNOB_BGWRITER_LRU_MAXPAGES, 100, 120 },
                                                 { KNOB_BGWRITER_LRU_MULTIPLIER, 2, 2.4 }, { KNOB_RANDOM_PAGE_COST, 4, 4.8 } };
    there = facts;
    for (size_t i = 0; i < sizeof up / sizeof up[0]; i++)
        for (char d = 'a'; d < 'e'; d++) {
            struct proposal alone = { .planner = "joint/search", .changes = 1, .change = { up[i] } };
            told_by(d, &window, &alone, TOLD_WORSE, -0.4);
        }
    struct planner_view v = view();
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct scene    s;
        struct proposal p = { .planner = "joint/search" }, step = { .changes = 1, .change = { up[seed % 6] } };
        scene_init(&s, &v, NULL, 0, seed);
        assert_ok(warm_open(&s, &fault), &fault);
        assert_true(warm_warns(&s, &step));
        assert_true(draft_search(&s, 0, &p));
        assert_false(warm_warns(&s, &p));
        warm_close(&s);
    }
}

/* On average this database is like the one here; what it told when it was another one is not. */
static void what_was_told_under_another_load_is_no_lesson(void **state)
{
    (void)state;
    struct window        other;
    struct transfer     *t;
    struct proposal      costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    struct proposal      jit = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_JIT, 1, 0 } } };
    int                  n;
    reports(&other);
    there = facts;
    for (int i = 0; i < 4; i++)
        told_by('a', &window, &costs, TOLD_BETTER, 0.2);
    told_by('a', &other, &jit, TOLD_WORSE, -0.4);
    struct planner_view v = view();
    assert_ok(transfer_new(&v, &t, &fault), &fault);
    assert_int_equal(transfer_donors(t), 1);
    const struct lesson *lesson = transfer_lessons(t, &n);
    assert_int_equal(n, 4);
    for (int i = 0; i < n; i++) {
        assert_int_equal(lesson[i].change[0].knob, KNOB_RANDOM_PAGE_COST);
        assert_float_equal(lesson[i].sd, hypot(0.03, 0.03), 1e-4);           /* as near as they were, not as the database is on average */
    }
    transfer_free(t);
}

/* Where memory is not known, nobody knows what a share of it would be: what was done by that is not put down to what came along. */
static void what_cannot_be_brought_to_this_machine_is_no_lesson_for_what_came_along(void **state)
{
    (void)state;
    struct proposal      good = good_one(), costs = { .planner = "joint/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.3 } } };
    struct transfer     *t;
    struct transfer_guess whole, part;
    struct knob_state    after;
    int                  n;
    told_by('a', &window, &good, TOLD_BETTER, 0.6);
    told_by('b', &window, &costs, TOLD_UNDECIDED, 0.01);
    facts.memory_bytes = (double)NAN;
    struct planner_view v = view();
    assert_ok(transfer_new(&v, &t, &fault), &fault);
    const struct lesson *lesson = transfer_lessons(t, &n);
    assert_int_equal(n, 1);
    assert_int_equal(lesson[0].changes, 1);
    assert_float_equal(lesson[0].effect, 0.01, 1e-6);
    knowledge_state(&record[0], true, &facts, &after);
    transfer_guess(t, &after, &whole);
    after.value[KNOB_SHARED_BUFFERS] = 16384;                               /* what is in force here, as far as anybody can tell not the same */
    transfer_guess(t, &after, &part);
    assert_true(part.gain < whole.gain);
    transfer_free(t);
}

static void machines_are_alike_by_memory_cores_and_disk(void **state)
{
    (void)state;
    struct knowledge_machine a = { 8 * FACTS_GIB, 4, KNOWLEDGE_DISK_FLASH, false }, b = a;
    assert_float_equal(transfer_machine_distance(&a, &b), 0, 0);
    b.memory_bytes *= 8;
    assert_float_equal(transfer_machine_distance(&a, &b), 0.5, 1e-9);
    b = a;
    b.disk = KNOWLEDGE_DISK_UNKNOWN;
    b.cpus = 0;
    assert_float_equal(transfer_machine_distance(&a, &b), 0, 0);        /* unknown is no difference */
    b.disk = KNOWLEDGE_DISK_SPINNING;
    b.limit_counts_cache = true;
    assert_true(transfer_machine_distance(&a, &b) >= TRANSFER_FAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_database_like_this_one_has_proven_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_again_and_in_another_order_asks_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_comes_from_strangers_nor_when_this_load_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_worse_elsewhere_speaks_against_it, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_restart_another_configuration_is_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(after_three_restarts_in_vain_what_needs_none_is_borrowed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_did_not_help_twice_is_not_borrowed_a_third_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_borrowed_and_held_is_not_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_configuration_that_failed_there_is_kept_away_from, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_raised_there_is_not_lowered_here, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_raised_by_less_than_can_be_seen_here_is_left_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_proven_here_is_not_left_for_less, setup, teardown),
        cmocka_unit_test_setup_teardown(the_best_of_each_database_is_put_together, setup, teardown),
        cmocka_unit_test_setup_teardown(where_policy_lets_one_plan_change_one_parameter_it_is_the_one_worth_most, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_not_be_had_here_takes_nothing_else_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_along_and_harmed_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_surely_worse_elsewhere_is_proposed_by_no_rule_until_it_is_known_to_be_better_here, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_put_back_before_it_was_measured_is_warned_of, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_faster_and_broke_a_guard_is_not_borrowed, setup, teardown),
        cmocka_unit_test_setup_teardown(however_many_lost_a_little_it_is_not_sure_that_this_one_would, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_told_with_the_way_to_have_it_tried, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_goes_round_what_others_warn_of, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_under_another_load_is_no_lesson, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_brought_to_this_machine_is_no_lesson_for_what_came_along, setup, teardown),
        cmocka_unit_test_setup_teardown(machines_are_alike_by_memory_cores_and_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
