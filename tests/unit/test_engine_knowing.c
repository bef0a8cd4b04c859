/* What the engine keeps of its trials for other databases, whom it shows what, and what it takes in. */
#include "unit.h"

#include "facts.h"

#include "engine/commands.h"

#include <stdlib.h>
#include <unistd.h>

static char                folder[64];
static struct engine      *engine;
static struct fault        fault;
static struct target_facts facts;

static const char *const conf_text = "targets:\n"
                                     "  shop: {dsn: service=shop}\n"
                                     "  stock: {dsn: service=stock}\n"
                                     "  bank: {dsn: service=bank, tenant: bank}\n"
                                     "  vault: {dsn: service=vault, tenant: bank}\n"
                                     "  lab: {dsn: service=lab, tenant: lab}\n"
                                     "tenants:\n"
                                     "  bank: {knowledge: {share: false}}\n"
                                     "  lab: {knowledge: {use: false}}\n";
enum { SHOP, STOCK, BANK, VAULT, LAB, TARGETS };

static void a_window(struct window *w)
{
    window_clear(w);
    w->whole = true;
    w->to_us = 60000000;
    w->v[METRIC_TPS] = 130;
    w->v[METRIC_CALLS] = 2600;
    w->v[METRIC_WAL_BYTES] = 2e6;
    w->v[METRIC_CACHE_HIT] = 0.93;
}

/* An engine that was not started: its store, its configuration and its targets, and what the planner sees of them. */
static void load(const char *text)
{
    struct conf *before = engine->conf;
    assert_ok(conf_load_text("t.yaml", text, strlen(text), daemon_sections, daemon_sections_count, &engine->conf, NULL, &fault), &fault);
    engine->d = daemon_conf_of(engine->conf);
    for (int i = 0; i < TARGETS; i++)
        engine->target[i].conf = &engine->d.target[i];
    conf_free(before);
}

static void start(const char *text)
{
    engine = calloc(1, sizeof *engine);
    engine->clock = &clock_real;
    engine->targets = TARGETS;
    engine->target = calloc(TARGETS, sizeof *engine->target);
    load(text);
    assert_ok(store_open(folder, &engine->store, &fault), &fault);
    for (int i = 0; i < TARGETS; i++) {
        engine->target[i].facts = &facts;
        a_window(&engine->target[i].history[0]);
        engine->target[i].histories = 1;
    }
    assert_ok(knowing_start(engine, &fault), &fault);
    assert_ok(store_begin(engine->store, &fault), &fault);
}

static void stop(void)
{
    assert_ok(store_commit(engine->store, &fault), &fault);
    knowing_stop(engine);
    store_close(engine->store);
    conf_free(engine->conf);
    free(engine->target);
    free(engine);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-knowing-XXXXXX");
    assert_non_null(mkdtemp(folder));
    facts_pg15(&facts, 4 * FACTS_GIB, 4);
    start(conf_text);
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

static void learn(int target, const char *result, double effect)
{
    struct proposal       p = { .planner = "ladder/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.1 } } };
    json_t               *verdict = json_object();
    struct stored_outcome o = { .result = result, .kept = effect > 0, .effect = effect, .lo = effect - 0.1, .hi = effect + 0.1, .verdict = verdict };
    assert_ok(knowing_learn(engine, &engine->target[target], &p, effect > 0 ? TOLD_BETTER : TOLD_WORSE, &o, &fault), &fault);
    json_decref(verdict);
}

static int shown_to(int target)
{
    struct planner_view v = { 0 };
    knowing_show(engine, &engine->target[target], &v);
    return v.knowns;
}

static void a_verdict_is_told_to_the_others_and_not_to_the_database_itself(void **state)
{
    (void)state;
    learn(SHOP, "better", 0.3);
    assert_int_equal(shown_to(SHOP), 0);
    assert_int_equal(shown_to(STOCK), 1);
    assert_int_equal(shown_to(BANK), 1);
    assert_int_equal(shown_to(LAB), 0);                    /* it does without */
    const struct knowledge *k = &engine->knowing.record[0].of;
    assert_float_equal(k->effect, 0.3, 1e-9);
    assert_float_equal(k->sd, 0.0357143, 1e-6);
    assert_null(strstr(k->database, "shop"));
}

static void what_a_tenant_keeps_to_itself_only_its_own_databases_see(void **state)
{
    (void)state;
    learn(BANK, "better", 0.3);
    assert_int_equal(shown_to(VAULT), 1);
    assert_int_equal(shown_to(SHOP), 0);
    learn(LAB, "worse", -0.2);
    assert_int_equal(shown_to(SHOP), 1);
    load("targets: {shop: {dsn: service=a}, stock: {dsn: service=b}, bank: {dsn: service=c, tenant: bank}, vault: {dsn: service=d, tenant: bank}, lab: {dsn: service=e, tenant: lab}}\n");
    assert_ok(knowing_mark(engine, &fault), &fault);       /* a reload: it shares now */
    assert_int_equal(shown_to(SHOP), 2);
    assert_int_equal(shown_to(LAB), 1);
    load("targets: {shop: {dsn: service=a}, stock: {dsn: service=b}, bank: {dsn: service=c, tenant: bank}, vault: {dsn: service=d, tenant: bank}, lab: {dsn: service=e, tenant: lab}}\n"
         "knowledge: {share: false, use: false}\n");
    assert_ok(knowing_mark(engine, &fault), &fault);
    for (int i = 0; i < TARGETS; i++)
        assert_int_equal(shown_to(i), 0);
}

static void a_tenant_that_left_the_configuration_stays_as_it_was(void **state)
{
    (void)state;
    learn(BANK, "better", 0.3);
    stop();
    start("targets: {shop: {dsn: service=a}, stock: {dsn: service=b}, other: {dsn: service=c}, more: {dsn: service=d}, lab: {dsn: service=e}}\n");
    assert_int_equal(engine->knowing.n, 1);
    assert_int_equal(shown_to(SHOP), 0);
    assert_ok(knowing_mark(engine, &fault), &fault);
    assert_int_equal(shown_to(SHOP), 0);
}

static void what_ended_without_a_verdict_teaches_nobody(void **state)
{
    (void)state;
    struct proposal       p = { .planner = "ladder/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.1 } } };
    struct stored_outcome o = { .result = "failed", .effect = (double)NAN, .lo = (double)NAN, .hi = (double)NAN };
    assert_ok(knowing_learn(engine, &engine->target[SHOP], &p, TOLD_FAILED, &o, &fault), &fault);
    engine->target[SHOP].histories = 0;                    /* nor a trial under a load that nobody knows */
    learn(SHOP, "better", 0.3);
    assert_int_equal(engine->knowing.n, 0);
}

static void it_is_all_there_after_a_restart(void **state)
{
    (void)state;
    learn(SHOP, "better", 0.3);
    learn(BANK, "better", 0.2);
    char id[KNOWLEDGE_ID_SIZE];
    memcpy(id, engine->knowing.record[0].of.id, sizeof id);
    stop();
    start(conf_text);
    assert_int_equal(engine->knowing.n, 2);
    assert_string_equal(engine->knowing.record[0].of.id, id);
    assert_int_equal(shown_to(SHOP), 0);
    assert_int_equal(shown_to(STOCK), 1);
}

/* ---- taking in ---- */

static json_t *foreign(int n)
{
    struct workload  load_there;
    struct knowledge k;
    struct window    w;
    struct proposal  p = { .planner = "ladder/costs", .changes = 1, .change = { { KNOB_RANDOM_PAGE_COST, 4, 1.0 + 0.1 * n } } };
    a_window(&w);
    workload_of(&load_there, &w, 1, &facts);
    struct knowledge_origin origin = { "00000000000000000000000000000001", "00000000000000000000000000000002", "00000000000000000000000000000003", INT64_C(1772366400000000) };
    assert_ok(knowledge_of(&origin, &p, &facts, &load_there, TOLD_BETTER, true, 0.1, 0.02, &k, &fault), &fault);
    return knowledge_json(&k);
}

static int import(json_t *records, int *added)
{
    struct engine_request r = { .body = json_pack("{s:o}", "records", records) };
    struct answer         a = { 0 };
    assert_ok(command_knowledge_import(engine, &r, &a, &fault), &fault);
    *added = (int)json_integer_value(json_object_get(json_object_get(a.body, "data"), "added"));
    json_decref(a.body);
    json_decref(r.body);
    return a.status;
}

static void what_others_have_learned_is_taken_in_once(void **state)
{
    (void)state;
    int added;
    assert_int_equal(import(json_pack("[o,o,o]", foreign(1), foreign(2), foreign(1)), &added), 200);
    assert_int_equal(added, 2);
    assert_int_equal(shown_to(SHOP), 2);
    assert_int_equal(import(json_pack("[o,o]", foreign(1), foreign(2)), &added), 200);
    assert_int_equal(added, 0);
    assert_int_equal(engine->knowing.n, 2);
}

/* A record of a version that knows more: its id is the digest of all of it. */
static json_t *of_a_later_version(const char *storage, char id[KNOWLEDGE_ID_SIZE])
{
    char    digest[DIGEST_SIZE];
    json_t *json = foreign(1);
    json_object_set_new(json, "storage", json_string(storage));
    json_object_del(json, "id");
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(KNOWLEDGE_DIGITS));
    digest_hex(text, strlen(text), digest);
    free(text);
    (void)snprintf(id, KNOWLEDGE_ID_SIZE, "%.*s", KNOWLEDGE_ID_SIZE - 1, digest);
    json_object_set_new(json, "id", json_string(id));
    return json;
}

static void what_a_later_version_told_is_the_same_record_wherever_it_goes(void **state)
{
    (void)state;
    int  added;
    char id[KNOWLEDGE_ID_SIZE];
    assert_int_equal(import(json_pack("[o]", of_a_later_version("of a kind that nobody knows yet", id)), &added), 200);
    assert_int_equal(added, 1);
    assert_string_equal(engine->knowing.record[0].of.id, id);
    stop();
    start(conf_text);
    assert_int_equal(engine->knowing.n, 1);
    assert_string_equal(engine->knowing.record[0].of.id, id);
    assert_int_equal(import(json_pack("[o]", of_a_later_version("of a kind that nobody knows yet", id)), &added), 200);
    assert_int_equal(added, 0);
}

static void a_record_is_no_longer_than_a_line_of_a_file_may_be(void **state)
{
    (void)state;
    int  added;
    char id[KNOWLEDGE_ID_SIZE], *much = calloc(1, KNOWLEDGE_LINE_MAX + 1);
    memset(much, 'x', KNOWLEDGE_LINE_MAX);
    assert_int_equal(import(json_pack("[o]", of_a_later_version(much, id)), &added), 422);
    assert_int_equal(engine->knowing.n, 0);
    free(much);
}

static void what_comes_from_elsewhere_pushes_out_no_more_than_half_of_what_was_learned_here(void **state)
{
    (void)state;
    learn(SHOP, "better", 0.3);
    struct knowledge own = engine->knowing.record[0].of, other = own;
    strcpy(other.source, "00000000000000000000000000000001");
    for (int i = 0; i < KNOWLEDGE_MAX + 10; i++)
        assert_ok(knowing_take(engine, &other, &fault), &fault);
    assert_int_equal(engine->knowing.n, KNOWLEDGE_MAX);
    assert_string_equal(engine->knowing.record[0].of.source, own.source);
    for (int i = 0; i < KNOWLEDGE_MAX; i++)
        assert_ok(knowing_take(engine, &own, &fault), &fault);
    int ours = 0;
    for (int i = 0; i < engine->knowing.n; i++)
        ours += strcmp(engine->knowing.record[i].of.source, own.source) == 0;
    assert_int_equal(engine->knowing.n, KNOWLEDGE_MAX);
    assert_int_equal(ours, KNOWLEDGE_MAX / 2);
}

static void count_shared(void *ctx, const json_t *json, bool shared) { (void)json; *(int *)ctx += shared; }
static int handed_out(void)
{
    int n = 0;
    assert_ok(store_knowledge(engine->store, count_shared, &n, &fault), &fault);
    return n;
}

static void with_sharing_off_for_all_nothing_is_handed_out_and_what_came_in_is_still_used(void **state)
{
    (void)state;
    int added;
    learn(SHOP, "better", 0.3);
    assert_int_equal(import(json_pack("[o]", foreign(1)), &added), 200);
    assert_int_equal(handed_out(), 2);
    load("targets: {shop: {dsn: service=a}, stock: {dsn: service=b}, bank: {dsn: service=c, tenant: bank}, vault: {dsn: service=d, tenant: bank}, lab: {dsn: service=e, tenant: lab}}\n"
         "knowledge: {share: false}\n");
    assert_ok(knowing_mark(engine, &fault), &fault);
    assert_int_equal(import(json_pack("[o]", foreign(2)), &added), 200);
    assert_int_equal(handed_out(), 0);
    assert_int_equal(shown_to(BANK), 2);                   /* both of elsewhere, nothing of the shop */
    assert_int_equal(shown_to(STOCK), 3);
}

static void one_bad_record_keeps_all_of_them_out(void **state)
{
    (void)state;
    int     added, count = -1;
    json_t *broken = foreign(2);
    json_object_set_new(broken, "effect", json_real(0.5));
    assert_int_equal(import(json_pack("[o,o]", foreign(1), broken), &added), 422);
    assert_int_equal(engine->knowing.n, 0);
    assert_ok(store_knowledge_count(engine->store, &count, &fault), &fault);
    assert_int_equal(count, 0);
    assert_int_equal(import(json_array(), &added), 422);
}

static void an_own_export_that_comes_back_is_still_kept_to_its_tenant(void **state)
{
    (void)state;
    int added;
    learn(BANK, "better", 0.3);
    json_t *record = knowledge_json(&engine->knowing.record[0].of);
    stop();
    start(conf_text);
    assert_ok(store_knowledge_forget(engine->store, "", 0, &fault), &fault);
    engine->knowing.n = 0;
    assert_int_equal(import(json_pack("[o]", record), &added), 200);
    assert_int_equal(added, 1);
    assert_int_equal(shown_to(SHOP), 0);
    assert_int_equal(shown_to(VAULT), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_verdict_is_told_to_the_others_and_not_to_the_database_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_tenant_keeps_to_itself_only_its_own_databases_see, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_that_left_the_configuration_stays_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_ended_without_a_verdict_teaches_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_all_there_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(what_others_have_learned_is_taken_in_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_later_version_told_is_the_same_record_wherever_it_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_is_no_longer_than_a_line_of_a_file_may_be, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_from_elsewhere_pushes_out_no_more_than_half_of_what_was_learned_here, setup, teardown),
        cmocka_unit_test_setup_teardown(with_sharing_off_for_all_nothing_is_handed_out_and_what_came_in_is_still_used, setup, teardown),
        cmocka_unit_test_setup_teardown(one_bad_record_keeps_all_of_them_out, setup, teardown),
        cmocka_unit_test_setup_teardown(an_own_export_that_comes_back_is_still_kept_to_its_tenant, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
