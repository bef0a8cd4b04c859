/* What targets share of a policy that practised: only parameters, only of tenants that share, and the base is there after a restart. */
#include "unit.h"

#include "facts.h"
#include "near.h"

#include "engine/inside.h"
#include "plan/practice.h"

#include <stdlib.h>
#include <unistd.h>

static char                folder[64];
static struct engine      *engine;
static struct fault        fault;
static struct target_facts facts;
static struct bounds       bounds;

enum { SHOP, BANK, LAB, TARGETS };

static void start(const char *planner)
{
    char text[512];
    engine = calloc(1, sizeof *engine);
    engine->clock = &clock_real;
    engine->targets = TARGETS;
    engine->target = calloc(TARGETS, sizeof *engine->target);
    (void)snprintf(text, sizeof text, "store: {folder: %s}\ntune: {planner: %s}\n"
                   "targets: {shop: {dsn: service=shop}, bank: {dsn: service=bank, tenant: bank}, lab: {dsn: service=lab, tenant: lab}}\n"
                   "tenants: {bank: {knowledge: {share: false}}, lab: {knowledge: {use: false}}}\n", folder, planner);
    assert_ok(conf_load_text("t.yaml", text, strlen(text), daemon_sections, daemon_sections_count, &engine->conf, NULL, &fault), &fault);
    engine->d = daemon_conf_of(engine->conf);
    for (int i = 0; i < TARGETS; i++) {
        struct etarget *t = &engine->target[i];
        t->conf = &engine->d.target[i];
        t->facts = &facts;
        assert_ok(planner_new(daemon_planner_name(engine->d.tune->planner), 1, &t->planner, &fault), &fault);
    }
    assert_ok(practising_start(engine, &fault), &fault);
}

static void stop(void)
{
    practising_stop(engine);
    for (int i = 0; i < TARGETS; i++)
        planner_free(engine->target[i].planner);
    conf_free(engine->conf);
    free(engine->target);
    free(engine);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-practising-XXXXXX");
    assert_non_null(mkdtemp(folder));
    facts_pg15(&facts, 4 * FACTS_GIB, 4);
    bounds_default(&bounds);
    start("joint-ppo");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    stop();
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct planner_view view_of(int target)
{
    struct planner_view v = { .facts = &facts, .bounds = &bounds };
    practising_show(engine, &engine->target[target], &v);
    return v;
}

static void tell(int target, int trials)
{
    for (int i = 0; i < trials; i++) {
        struct proposal p = { .planner = "test", .changes = 1, .change = { { KNOB_WORK_MEM, 4096, 4096 * (2 + i) } }, .verify = VERIFY_IMMEDIATE };
        assert_ok(planner_tell_measured(engine->target[target].planner, &p, TOLD_UNDECIDED, 0.05 * (i + 1), 0.01, &fault), &fault);
    }
    struct planner_view v = view_of(target);
    practising_learn(engine, &engine->target[target], &v);
}

static double first_number(void) { return (double)math_ppo_actor(engine->practising.base)->value[0]; }

static void the_base_moves_by_what_a_tenant_that_shares_has_learned(void **state)
{
    (void)state;
    double before = first_number();
    tell(SHOP, 2);                                         /* too little */
    assert_true(first_number() == before);
    tell(SHOP, 6);
    assert_true(first_number() != before);
    assert_near(engine->practising.edition.rounds, 1, 0);
    assert_near(engine->practising.edition.experiences, 8, 0);
    double once = first_number();
    struct planner_view v = view_of(SHOP);
    practising_learn(engine, &engine->target[SHOP], &v);   /* nothing new was told */
    assert_true(first_number() == once);
}

static void practising_goes_on_when_there_is_more_than_the_planner_remembers(void **state)
{
    (void)state;
    for (int told = 0; told < TOLD_MAX; told += 50)
        tell(SHOP, 50);
    double rounds = engine->practising.edition.rounds;
    tell(SHOP, 1);
    assert_near(engine->practising.edition.rounds, rounds + 1, 0);
    tell(SHOP, 0);
    assert_near(engine->practising.edition.rounds, rounds + 1, 0);
}

static void a_tenant_that_does_not_share_adds_nothing_and_still_begins_with_the_base(void **state)
{
    (void)state;
    double before = first_number();
    tell(BANK, 8);
    assert_true(first_number() == before);
    assert_non_null(view_of(BANK).base);
    assert_null(view_of(LAB).base);                        /* it does without what others know */
}

static void the_base_is_there_after_a_restart(void **state)
{
    (void)state;
    tell(SHOP, 8);
    double learned = first_number();
    stop();
    start("joint-ppo");
    assert_true(first_number() == learned);
    assert_near(engine->practising.edition.rounds, 1, 0);
}

static void a_damaged_base_begins_anew(void **state)
{
    (void)state;
    char path[128];
    double before = first_number();
    tell(SHOP, 8);
    stop();
    (void)snprintf(path, sizeof path, "%s/policy.bin", folder);
    assert_int_equal(truncate(path, 100), 0);
    start("joint-ppo");
    assert_true(first_number() == before);
}

static void without_joint_ppo_nothing_practises(void **state)
{
    (void)state;
    stop();
    start("joint");
    tell(SHOP, 8);
    assert_null(engine->practising.base);
    assert_null(view_of(SHOP).base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_base_moves_by_what_a_tenant_that_shares_has_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(practising_goes_on_when_there_is_more_than_the_planner_remembers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_that_does_not_share_adds_nothing_and_still_begins_with_the_base, setup, teardown),
        cmocka_unit_test_setup_teardown(the_base_is_there_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_base_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(without_joint_ppo_nothing_practises, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
