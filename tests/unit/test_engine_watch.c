/* While a step is watched, what puts it back at once, and what this database does by itself does not; and while it is tried, what others change. */
#include "unit.h"

#include "engine_alone.h"
#include "facts.h"

#include <math.h>
#include <string.h>

static struct engine_alone alone;
static struct engine  *engine;
static struct fault    fault;
static struct casefile c;

enum { WATCH_S = 60, WINDOWS = 30 };

static int setup(void **state)
{
    (void)state;
    engine = engine_alone_begin(&alone, &clock_real, "targets: {shop: {dsn: service=shop}}\n", &fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return engine_alone_end(&alone, &fault);
}

/* What one second shows. */
struct second { double tps, latency, errors, active; };
static const struct second usual = { 100, 10, 0.1, 5 };

/* A hundred transactions a second, ten milliseconds each, and an error now and then. */
static struct etarget *a_target(void)
{
    struct etarget *t = &engine->target[0];
    t->histories = WINDOWS;
    for (int i = 0; i < WINDOWS; i++) {
        struct window *w = &t->history[i];
        window_clear(w);
        w->whole = true;
        w->v[METRIC_TPS] = usual.tps;
        w->v[METRIC_LATENCY_MEAN] = usual.latency;
        w->v[METRIC_ERRORS] = usual.errors;
        w->max[METRIC_ERRORS] = 1;
        w->to_us = (w->from_us = 1 + i * 60 * US_PER_S) + 60 * US_PER_S;
        w->lull_tps = 90;
        w->lull_ms = 12;
    }
    return t;
}

static void begin(struct etarget *t)
{
    static const struct principal opener = { "anna", ROLE_OPERATOR };
    c = (struct casefile){ .state = CASE_EXECUTING, .phase = RUN_WATCHING, .version = 1, .driver = DRIVER_PERSON, .in_force_is_proven = true, .step = 1, .steps = 2,
                           .plans_tried = 1, .created_us = 1, .updated_us = 1, .deadline_us = 5 };
    id_new(clock_wall_us(&clock_real), c.id);
    strcpy(c.target, "shop");
    assert_ok(store_case_insert(engine->store, &c, &opener, &fault), &fault);
    strcpy(t->case_id, c.id);
    engine->orders_count = 0;
    guarding_begin(engine, t, WATCH_S, false);
}

/* Half a minute of the watch, with other seconds in it: is it put back? */
static bool is_put_back(struct etarget *t, int from, int to, struct second other)
{
    struct sample s;
    begin(t);
    int64_t begun_us = t->watch_until_us - WATCH_S * US_PER_S;
    for (int i = 1; i <= WATCH_S / 2; i++) {
        struct second now = i >= from && i < to ? other : usual;
        sample_clear(&s);
        s.mono_us = begun_us + i * US_PER_S;
        s.v[METRIC_UP] = 1;
        s.v[METRIC_TPS] = now.tps;
        s.v[METRIC_LATENCY_MEAN] = now.latency;
        s.v[METRIC_ERRORS] = now.errors;
        s.v[METRIC_CONNECTIONS_ACTIVE] = now.active;
        prove_sample(engine, t, &s);
    }
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_int_equal(c.put_back, c.phase == RUN_UNDOING);
    assert_int_equal(c.put_back, t->watch_until_us == 0);
    prove_forget(t);
    return c.put_back;
}

static void a_watch_in_which_nothing_happens_goes_on(void **state)
{
    (void)state;
    assert_false(is_put_back(a_target(), 0, 0, usual));
}

static void ten_slow_seconds_put_it_back_where_it_has_no_such_lulls_itself(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    assert_true(is_put_back(t, 10, 21, (struct second){ 40, 25, 0.1, 5 }));
    assert_false(is_put_back(t, 10, 21, (struct second){ 60, 15, 0.1, 5 }));
    for (int i = 0; i < WINDOWS; i += 4)
        t->history[i].lull_ms = 30;
    assert_false(is_put_back(t, 10, 21, (struct second){ 40, 25, 0.1, 5 }));
}

static void one_second_of_errors_is_a_burst_and_ten_are_harm(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    assert_false(is_put_back(t, 15, 16, (struct second){ 100, 10, 30, 5 }));
    assert_true(is_put_back(t, 15, 26, (struct second){ 100, 10, 30, 5 }));
}

static void bursts_of_errors_that_a_database_has_by_itself_put_nothing_back(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    assert_true(is_put_back(t, 15, 16, (struct second){ 100, 10, 100, 5 }));
    for (int i = 0; i < WINDOWS; i += 4)
        t->history[i].max[METRIC_ERRORS] = 60;
    assert_false(is_put_back(t, 15, 16, (struct second){ 100, 10, 100, 5 }));
    assert_true(is_put_back(t, 12, 24, (struct second){ 5, 10, 95, 5 }));
}

/* Whatever is asked is refused: nothing is answered, so no latency is known. */
static void errors_in_the_place_of_all_answers_are_harm(void **state)
{
    (void)state;
    assert_true(is_put_back(a_target(), 10, 22, (struct second){ 0, (double)NAN, 100, 5 }));
}

static void where_sessions_are_at_work_and_nothing_comes_of_it_it_is_put_back(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    assert_true(is_put_back(t, 10, 22, (struct second){ 0, (double)NAN, 0, 5 }));
    assert_true(is_put_back(t, 10, 22, (struct second){ 0, (double)NAN, 0, (double)NAN }));
    assert_false(is_put_back(t, 10, 22, (struct second){ 0, (double)NAN, 0, 0 }));      /* clients ask nothing for a while */
    for (int i = 0; i < WINDOWS; i += 4)
        t->history[i].lull_tps = 0;
    assert_false(is_put_back(t, 10, 22, (struct second){ 0, (double)NAN, 0, 5 }));      /* as it does by itself */
}

/* After a restart: so many milliseconds at first, and so many when caches have filled, which takes half a minute. */
static bool is_put_back_cold(struct etarget *t, double first, double last)
{
    static struct daemon_tune brief;
    struct sample s;
    brief = *engine->d.tune;
    brief.warm_up_us = 10 * US_PER_S;
    engine->d.tune = &brief;
    begin(t);
    guarding_begin(engine, t, WATCH_S, true);
    int64_t begun_us = t->watch_until_us - WATCH_S * US_PER_S;
    for (int i = 1; i < WATCH_S; i++) {
        sample_clear(&s);
        s.mono_us = begun_us + i * US_PER_S;
        s.v[METRIC_UP] = 1;
        s.v[METRIC_TPS] = usual.tps;
        s.v[METRIC_LATENCY_MEAN] = last + (first - last) * exp(-i / 15.0);
        prove_sample(engine, t, &s);
    }
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    prove_forget(t);
    return c.put_back;
}

static void caches_that_still_fill_after_a_restart_are_waited_for_and_a_level_that_stays_is_judged(void **state)
{
    (void)state;
    assert_false(is_put_back_cold(a_target(), 100, 10));
    assert_true(is_put_back_cold(a_target(), 25, 25));
}

static void without_any_history_only_a_server_that_is_gone_is_harm(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    t->histories = 0;
    assert_false(is_put_back(t, 10, 22, (struct second){ 0, 900, 100, 5 }));
}

/* ---- a trial under way ---- */

/* What is said of a trial in which a parameter was changed, between facts of which the earlier ones were read at this time; it began at 10. */
static void tried(struct etarget *t, enum verify_class method, int64_t read_us, bool changed, struct verdict *v)
{
    static struct target_facts then, now;
    struct trial_conf conf = {
        .method = method, .window_us = 60 * US_PER_S, .windows_min = 5, .windows_max = 10, .alpha = 0.05, .margin = 0.01, .p99_ratio_max = 1.25, .query_ratio_max = 1.5,
        .errors_ratio_max = 1.5, .cpu_max = 0.95, .memory_ratio_max = 0.9, .saturating = true, .response = RESPONSE_TPS,
    };
    facts_pg15(&then, 8 * FACTS_GIB, 4);
    then.read_wall_us = read_us;
    now = then;
    now.read_wall_us = 100;
    if (changed)
        facts_set(&now, "work_mem", "8192", NULL);
    t->facts = &then;
    t->trial_wall_us = 10;
    assert_ok(trial_new(&conf, t->history, t->histories, &t->trial, &fault), &fault);
    trial_begin(t->trial, t->history[WINDOWS - 1].to_us + US_PER_S);
    meddling_facts(t, &now);
    trial_verdict(t->trial, v);
    prove_forget(t);
    t->facts = NULL;
}

static void what_somebody_else_changes_amid_a_comparison_with_the_past_is_not_told_as_its_effect(void **state)
{
    (void)state;
    struct etarget *t = a_target();
    struct verdict  v;
    tried(t, VERIFY_RESTART, 20, true, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "work_mem was changed by somebody else"));
    tried(t, VERIFY_RESTART, 20, false, &v);
    assert_non_null(strstr(v.why, "Not finished"));
    tried(t, VERIFY_RESTART, 5, true, &v);                 /* it may have been the plan itself */
    assert_non_null(strstr(v.why, "Not finished"));
    tried(t, VERIFY_IMMEDIATE, 20, true, &v);              /* both arms meet it */
    assert_non_null(strstr(v.why, "Not finished"));
}

/* The plan begins with these facts, and takes its time; what it shows when it is in force. */
static void begun(enum verify_class method, struct target_facts *then, const struct target_facts *later, struct verdict *v)
{
    struct trial_conf conf = { .method = method, .window_us = 60 * US_PER_S, .windows_min = 3, .windows_max = 6, .alpha = 0.05, .margin = 0.01, .p99_ratio_max = 1.25,
                               .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.98, .memory_ratio_max = 0.98, .saturating = true, .response = RESPONSE_TPS };
    struct etarget   *t = a_target();
    struct stored_plan plan = { .hash = "h", .planner = "person", .case_version = 1, .plan = json_pack("{s:[{s:s,s:{s:[{s:s,s:s}]}}]}", "steps", "action", "postgres.restart", "params",
                                "settings", "name", "shared_buffers", "to", "2GB") };
    begin(t);
    prove_forget(t);
    id_new(clock_wall_us(&clock_real), plan.id);
    strcpy(c.plan_id, plan.id);
    assert_ok(store_plan_add(engine->store, c.id, &plan, 1, &fault), &fault);
    then->read_wall_us = 1;
    t->facts = then;
    assert_ok(engine_take_target(engine, &c, &fault), &fault);
    assert_ok(trial_new(&conf, t->history, t->histories, &t->trial, &fault), &fault);
    trial_begin(t->trial, t->history[WINDOWS - 1].to_us + US_PER_S);
    t->trial_wall_us = 10;
    meddling_facts(t, later);
    trial_verdict(t->trial, v);
    prove_forget(t);
    t->facts = NULL;
    stored_plan_done(&plan);
}

static void what_somebody_else_changes_while_a_plan_is_carried_out_is_not_told_as_its_effect(void **state)
{
    (void)state;
    static struct target_facts then, later;
    struct verdict v;
    facts_pg15(&then, 8 * FACTS_GIB, 4);
    for (int i = 0; i < then.settings; i++)
        strcpy(then.setting[i].source, "default");
    later = then;
    later.read_wall_us = 20;
    facts_set(&later, "shared_buffers", "262144", NULL);   /* the plan itself */
    facts_set(&later, "wal_buffers", "2048", NULL);        /* and what the server makes of it */
    begun(VERIFY_RESTART, &then, &later, &v);
    assert_non_null(strstr(v.why, "Not finished"));
    facts_set(&later, "work_mem", "8192", NULL);
    for (int i = 0; i < later.settings; i++)
        if (strcmp(later.setting[i].name, "work_mem") == 0)
            strcpy(later.setting[i].source, "configuration file");
    begun(VERIFY_IMMEDIATE, &then, &later, &v);            /* both arms meet it */
    assert_non_null(strstr(v.why, "Not finished"));
    begun(VERIFY_RESTART, &then, &later, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "work_mem was changed by somebody else"));
}

/* We were ended amid a trial, and began again; the plan was to bring 2 GB, and this is what there is. */
static void loaded(const char *buffers, const char *source, bool was_loaded, struct verdict *v)
{
    static struct target_facts later;
    struct trial_conf conf = { .method = VERIFY_RESTART, .window_us = 60 * US_PER_S, .windows_min = 3, .windows_max = 6, .alpha = 0.05, .margin = 0.01, .p99_ratio_max = 1.25,
                               .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.98, .memory_ratio_max = 0.98, .saturating = true, .response = RESPONSE_TPS };
    struct etarget    *t = a_target();
    struct stored_plan plan = { .hash = "h", .planner = "person", .case_version = 1, .plan = json_pack("{s:[{s:s,s:{s:[{s:s,s:s}]}},{s:s,s:{s:[{s:s,s:s},{s:s,s:n}]}}]}", "steps",
                                "action", "postgres.set", "params", "settings", "name", "shared_buffers", "to", "1GB",
                                "action", "postgres.restart", "params", "settings", "name", "shared_buffers", "to", "2GB", "name", "work_mem", "to") };
    begin(t);
    id_new(clock_wall_us(&clock_real), plan.id);
    strcpy(c.plan_id, plan.id);
    assert_ok(store_plan_add(engine->store, c.id, &plan, 1, &fault), &fault);
    assert_ok(store_case_update(engine->store, &c, &fault), &fault);
    facts_pg15(&later, 8 * FACTS_GIB, 4);
    later.read_wall_us = 20;
    facts_set(&later, "shared_buffers", buffers, NULL);
    for (int i = 0; i < later.settings; i++)
        if (strcmp(later.setting[i].name, "shared_buffers") == 0)
            strcpy(later.setting[i].source, source);
    assert_ok(trial_new(&conf, t->history, t->histories, &t->trial, &fault), &fault);
    trial_begin(t->trial, t->history[WINDOWS - 1].to_us + US_PER_S);
    t->trial_wall_us = 10;
    t->trial_loaded = was_loaded;
    meddling_while_away(engine, t, &later);
    assert_false(t->trial_loaded);
    trial_verdict(t->trial, v);
    prove_forget(t);
    stored_plan_done(&plan);
}

static void what_was_taken_back_while_homeostat_was_not_there_is_not_what_is_measured_afterwards(void **state)
{
    (void)state;
    struct verdict v;
    loaded("16384", "configuration file", true, &v);
    assert_int_equal(v.outcome, OUTCOME_UNDECIDED);
    assert_non_null(strstr(v.why, "shared_buffers was changed by somebody else"));
    loaded("262144", "configuration file", true, &v);
    assert_non_null(strstr(v.why, "Not finished"));
    loaded("16384", "database", true, &v);                 /* what one database has for itself */
    assert_non_null(strstr(v.why, "Not finished"));
    loaded("16384", "configuration file", false, &v);      /* it was read back a moment ago */
    assert_non_null(strstr(v.why, "Not finished"));
}

static void what_our_session_has_for_itself_and_what_the_server_tells_of_itself_are_no_changes(void **state)
{
    (void)state;
    static struct target_facts then, now;
    facts_pg15(&then, 8 * FACTS_GIB, 4);
    facts_set(&then, "statement_timeout", "0", NULL);
    facts_set(&then, "in_hot_standby", "off", NULL);
    now = then;
    assert_null(target_changed(&then, &now));
    facts_set(&now, "new.parameter", "1", NULL);           /* an extension was loaded */
    for (int i = 0; i < now.settings; i++) {
        struct setting *s = &now.setting[i];
        if (strcmp(s->name, "statement_timeout") == 0)
            strcpy(s->source, "session");
        if (strcmp(s->name, "in_hot_standby") == 0)
            strcpy(s->context, "internal");
    }
    facts_set(&now, "statement_timeout", "5000", NULL);
    facts_set(&now, "in_hot_standby", "on", NULL);
    assert_null(target_changed(&then, &now));
    facts_set(&now, "work_mem", "8192", NULL);
    assert_string_equal(target_changed(&then, &now)->name, "work_mem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_watch_in_which_nothing_happens_goes_on),
        TEST(ten_slow_seconds_put_it_back_where_it_has_no_such_lulls_itself),
        TEST(one_second_of_errors_is_a_burst_and_ten_are_harm),
        TEST(bursts_of_errors_that_a_database_has_by_itself_put_nothing_back),
        TEST(errors_in_the_place_of_all_answers_are_harm),
        TEST(where_sessions_are_at_work_and_nothing_comes_of_it_it_is_put_back),
        TEST(caches_that_still_fill_after_a_restart_are_waited_for_and_a_level_that_stays_is_judged),
        TEST(without_any_history_only_a_server_that_is_gone_is_harm),
        TEST(what_somebody_else_changes_amid_a_comparison_with_the_past_is_not_told_as_its_effect),
        TEST(what_somebody_else_changes_while_a_plan_is_carried_out_is_not_told_as_its_effect),
        TEST(what_was_taken_back_while_homeostat_was_not_there_is_not_what_is_measured_afterwards),
        TEST(what_our_session_has_for_itself_and_what_the_server_tells_of_itself_are_no_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
