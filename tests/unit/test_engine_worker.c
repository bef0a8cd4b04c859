/* What a worker makes of several units: programs with witnesses, no server. */
#include "unit.h"

#include "engine_alone.h"

#include "base/file.h"

#include <sched.h>
#include <string.h>
#include <sys/stat.h>

static struct engine_alone alone;
static struct engine      *engine;
static struct fault        fault;

static int setup(void **state)
{
    (void)state;
    engine = engine_alone_begin(&alone, &clock_real, "targets: {shop: {dsn: service=shop}}\n", &fault);
    assert_ok(queue_init(&engine->notes, 16, NULL, NULL, &fault), &fault);
    assert_ok(worker_start(engine, &engine->loose, &fault), &fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(worker_stop(&engine->loose, clock_mono_us(&clock_real) + 60 * US_PER_S));
    queue_close(&engine->notes);
    queue_done(&engine->notes);
    return engine_alone_end(&alone, &fault);
}

static json_t *path(const char *name)
{
    char text[200];
    (void)snprintf(text, sizeof text, "%s/%s", alone.folder, name);
    return json_string(text);
}

static bool is_there(const char *name)
{
    json_t     *p = path(name);
    struct stat st;
    bool        there = stat(json_string_value(p), &st) == 0;
    json_decref(p);
    return there;
}

/* touch NAME, and rm NAME as its undo (or touch UNDO, when that is asked for); a witness looks whether it is there. */
static json_t *touch(const char *name, const char *undo)
{
    json_t *params = json_pack("{s:[s,o]}", "argv", "/bin/touch", path(name));
    if (undo)
        json_object_set_new(params, "undo", json_pack("[s,o]", "/bin/touch", path(undo)));
    else
        json_object_set_new(params, "witness", json_pack("[s,o]", "/bin/ls", path(name)));
    return json_pack("{s:s,s:i,s:i,s:o}", "action", "script.exec", "timeout_s", 60, "retry", 0, "params", params);
}

static json_t *plan_of(json_t *first, json_t *second)
{
    return json_pack("{s:s,s:[o,o],s:{},s:{}}", "title", "two programs", "steps", first, second, "rollback", "verify");
}

/* The job as the worker gave it back; to be freed. */
static struct job *ask(enum job_kind kind, enum case_order order, json_t *plan, json_t *units, int begun)
{
    struct job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    *j = (struct job){ .kind = kind, .order = order, .phase = RUN_UNDOING, .target = -1, .begun = begun, .plan = json_deep_copy(plan), .units = json_deep_copy(units) };
    strcpy(j->case_id, "a-case");
    assert_ok(worker_send(&engine->loose, j, &fault), &fault);
    struct note *n = queue_wait(&engine->notes, -1);
    assert_non_null(n);
    assert_ptr_equal(n->as.job, j);
    free(n);
    return j;
}

static json_t *prepared(json_t *plan)
{
    struct job *j = ask(JOB_ACTION, ORDER_PREPARE, plan, NULL, 0);
    assert_int_equal(j->answer, RUN_ON_PREPARED);
    json_t *units = json_incref(j->found);
    job_free(j);
    return units;
}

static void make(const char *name)
{
    json_t *p = path(name);
    FILE   *f = fopen(json_string_value(p), "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    json_decref(p);
}

static enum run_input looked(json_t *plan, json_t *units)
{
    struct job    *j = ask(JOB_LOOK, ORDER_NONE, plan, units, 2);
    enum run_input answer = j->answer;
    job_free(j);
    return answer;
}

static void a_plan_of_which_one_step_is_in_force_is_neither_the_old_configuration_nor_the_new_one(void **state)
{
    (void)state;
    json_t *plan = plan_of(touch("one", NULL), touch("two", NULL)), *units = prepared(plan);
    assert_int_equal(looked(plan, units), RUN_ON_UNTOUCHED);
    make("one");
    assert_int_equal(looked(plan, units), RUN_ON_PARTIAL);
    make("two");
    assert_int_equal(looked(plan, units), RUN_ON_DONE);
    json_decref(units);
    json_decref(plan);
}

static void a_step_that_leaves_nothing_to_undo_does_not_hide_what_the_others_are(void **state)
{
    (void)state;
    json_t *nothing = json_pack("{s:s,s:i,s:i}", "action", "noop", "timeout_s", 60, "retry", 0);
    json_t *plan = plan_of(nothing, touch("one", NULL)), *units = prepared(plan);
    assert_int_equal(looked(plan, units), RUN_ON_UNTOUCHED);
    make("one");
    assert_int_equal(looked(plan, units), RUN_ON_DONE);
    json_decref(units);
    json_decref(plan);
}

static void who_does_not_know_what_is_to_be_put_back_has_not_put_it_back(void **state)
{
    (void)state;
    json_t     *plan = plan_of(touch("one", "one-undone"), touch("two", "two-undone")), *none = json_array();
    struct job *j = ask(JOB_ACTION, ORDER_UNDO, plan, NULL, 2);
    assert_int_equal(j->answer, RUN_ON_LOST);
    assert_int_equal(j->fault.code, ERR_UNKNOWN);
    job_free(j);
    j = ask(JOB_ACTION, ORDER_INCUMBENT, plan, none, 2);
    assert_int_equal(j->answer, RUN_ON_LOST);
    job_free(j);
    json_decref(none);
    json_decref(plan);
}

static void the_undo_of_a_program_that_was_never_begun_is_not_run(void **state)
{
    (void)state;
    json_t     *plan = plan_of(touch("one", "one-undone"), touch("two", "two-undone")), *units = prepared(plan);
    struct job *j = ask(JOB_ACTION, ORDER_UNDO, plan, units, 1);
    assert_int_equal(j->answer, RUN_ON_DONE);
    job_free(j);
    assert_true(is_there("one-undone"));
    assert_false(is_there("two-undone"));
    j = ask(JOB_ACTION, ORDER_UNDO, plan, units, 2);
    assert_int_equal(j->answer, RUN_ON_DONE);
    job_free(j);
    assert_true(is_there("two-undone"));
    json_decref(units);
    json_decref(plan);
}

static struct casefile parked(enum case_driver driver, const char *target)
{
    static const struct principal anna = { "anna", ROLE_OPERATOR };
    int64_t            now = clock_wall_us(&clock_real);
    json_t            *json = plan_of(touch("one", NULL), touch("two", NULL)), *units = prepared(json);
    struct stored_plan plan = { .plan = json, .planner = "person", .case_version = 1 };
    struct casefile    c = { .state = CASE_PARKED, .version = 1, .driver = driver, .phase = RUN_UNKNOWN, .steps = 2, .created_us = now, .updated_us = now, .deadline_us = now + US_PER_S };
    id_new(now, c.id);
    id_new(now, plan.id);
    strcpy(c.plan_id, plan.id);
    strcpy(c.target, target);
    assert_ok(store_case_insert(engine->store, &c, &anna, &fault), &fault);
    assert_ok(store_plan_add(engine->store, c.id, &plan, now, &fault), &fault);
    assert_ok(store_run_put(engine->store, c.id, units, "undo.sh", &fault), &fault);
    json_decref(units);
    stored_plan_done(&plan);
    return c;
}

static void a_parked_case_is_looked_at_when_nothing_else_is_done_and_once_at_a_time(void **state)
{
    (void)state;
    struct casefile c = parked(DRIVER_ENGINE, "");
    while (atomic_load(&engine->loose.busy) > 0)           /* its answer comes a little before its end */
        (void)sched_yield();
    atomic_store(&engine->loose.busy, 1);                  /* another look, which takes its time */
    stage_look(engine, &c);
    atomic_store(&engine->loose.busy, 0);
    stage_look(engine, &c);
    struct note *n = queue_wait(&engine->notes, -1);
    assert_int_equal(n->kind, NOTE_LOOK);
    assert_int_equal(n->as.job->answer, RUN_ON_UNTOUCHED);
    note_free(n);
    assert_true(worker_stop(&engine->loose, clock_mono_us(&clock_real) + 60 * US_PER_S));
    assert_int_equal(queue_length(&engine->notes), 0);
}

static void a_case_that_a_person_drives_is_looked_at_as_well_when_nobody_knows_what_is_in_force(void **state)
{
    (void)state;
    struct casefile c = parked(DRIVER_PERSON, ""), other = parked(DRIVER_PERSON, "shop");
    while (atomic_load(&engine->loose.busy) > 0)
        (void)sched_yield();
    assert_ok(worker_start(engine, &engine->target[0].worker, &fault), &fault);
    assert_ok(autopilot_tick(engine, &fault), &fault);
    assert_int_equal(atomic_load(&engine->loose.busy), 0); /* it keeps no target from anybody: nobody asks its witness all the time */
    c = other;
    struct note *n = queue_wait(&engine->notes, 20 * US_PER_S);
    assert_non_null(n);
    assert_int_equal(n->kind, NOTE_LOOK);
    assert_ok(stage_looked(engine, n->as.job, &fault), &fault);
    note_free(n);
    assert_ok(store_case_get(engine->store, c.id, &c, NULL, &fault), &fault);
    assert_true(c.in_force_is_proven);
    assert_int_equal(c.state, CASE_PARKED);                /* what becomes of it is the person's to say */
    assert_true(worker_stop(&engine->target[0].worker, clock_mono_us(&clock_real) + 60 * US_PER_S));
}

/* ---- a reload, while workers work ---- */

static const struct daemon_store *store_seen;

enum err __real_policy_read(const char *path, struct policy *p, struct conf_complaints *all, struct fault *why);
enum err __wrap_policy_read(const char *path, struct policy *p, struct conf_complaints *all, struct fault *why);
enum err __wrap_policy_read(const char *path, struct policy *p, struct conf_complaints *all, struct fault *why)
{
    store_seen = engine->d.store;      /* what a worker would see that begins now */
    return __real_policy_read(path, p, all, why);
}

static void write_text(const char *name, const char *text)
{
    json_t *p = path(name);
    assert_ok(file_write(json_string_value(p), text, strlen(text), 0600, &fault), &fault);
    json_decref(p);
}

/* It is freed when the reload fails. */
static void nobody_sees_a_configuration_before_all_of_it_was_read(void **state)
{
    (void)state;
    json_t *file = path("homeostat.yaml");
    write_text("policy.yaml", "nonsense: yes\n");
    write_text("homeostat.yaml", "targets: {shop: {dsn: service=shop}}\n");
    conf_free(engine->conf);
    assert_ok(conf_load(json_string_value(file), daemon_sections, daemon_sections_count, &engine->conf, NULL, &fault), &fault);
    engine->d = daemon_conf_of(engine->conf);
    engine->target[0].conf = &engine->d.target[0];
    const struct daemon_store *before = engine->d.store;
    write_text("homeostat.yaml", "targets: {shop: {dsn: service=shop}}\npolicy: {file: policy.yaml}\n");
    assert_int_equal(engine_reload(engine, &fault), ERR_INPUT);
    assert_ptr_equal(store_seen, before);
    assert_ptr_equal(engine->d.store, before);
    json_decref(file);
}

/* ---- what is counted of an answer ---- */

/* How many restarts are counted for the target, after a step that was to restart it was answered so. */
static int restarts_after(enum case_order order, enum run_input answer, int64_t began_us, int64_t runs_since_us)
{
    static const struct principal anna = { "anna", ROLE_OPERATOR };
    int64_t         now = clock_wall_us(&clock_real), oldest, newest;
    struct casefile c = { .state = CASE_EXECUTING, .version = 1, .driver = DRIVER_PERSON, .phase = RUN_DOING, .steps = 1, .actions = 5, .action = 5, .created_us = now, .updated_us = now,
                          .deadline_us = now + 600 * US_PER_S };
    struct job j = { .kind = JOB_ACTION, .order = order, .phase = RUN_DOING, .action = 5, .target = 0, .answer = answer, .outcome = "answered" };
    int        count = -1;
    id_new(now, c.id);
    strcpy(c.target, "shop");
    strcpy(c.title, "a restart");
    strcpy(j.case_id, c.id);
    j.plan = json_pack("{s:[{s:s,s:i}]}", "steps", "action", "postgres.restart", "retry", 0);
    j.snapshot = json_pack("{s:{s:I}}", "server", "postmaster_start_us", (json_int_t)began_us);
    j.witness = json_pack("{s:{s:I}}", "server", "postmaster_start_us", (json_int_t)runs_since_us);
    assert_ok(store_case_insert(engine->store, &c, &anna, &fault), &fault);
    assert_ok(store_action_begin(engine->store, c.id, 4, "do", 0, NULL, now, &fault), &fault);
    assert_ok(store_action_end(engine->store, c.id, 4, &(struct action_end){ .outcome = "done", .witness = j.snapshot }, now, &fault), &fault);      /* what was seen before it */
    assert_ok(stage_result(engine, &j, &fault), &fault);
    assert_ok(store_change_count(engine->store, "shop", "restart", now, 60 * US_PER_S, &count, &oldest, &newest, &fault), &fault);
    json_decref(j.plan);
    json_decref(j.snapshot);
    json_decref(j.witness);
    return count;
}

static void a_restart_counts_also_when_the_step_failed_or_its_result_was_found_later(void **state)
{
    (void)state;
    assert_int_equal(restarts_after(ORDER_DO, RUN_ON_DONE, 1000, 2000), 1);
    assert_int_equal(restarts_after(ORDER_DO, RUN_ON_UNTOUCHED, 1000, 3000), 2);      /* restarted, and put back by another restart */
    assert_int_equal(restarts_after(ORDER_DO, RUN_ON_UNTOUCHED, 1000, 1000), 2);      /* refused before anything was done */
    assert_int_equal(restarts_after(ORDER_DO, RUN_ON_LOST, 1000, 2000), 2);           /* not known yet */
    assert_int_equal(restarts_after(ORDER_RECOVER, RUN_ON_DONE, 1000, 2000), 3);
}

static void the_restart_that_puts_back_counts_as_well(void **state)
{
    (void)state;
    assert_int_equal(restarts_after(ORDER_UNDO, RUN_ON_DONE, 1000, 1000), 0);         /* what was put back needed none */
    assert_int_equal(restarts_after(ORDER_UNDO, RUN_ON_DONE, 1000, 2000), 1);
    assert_int_equal(restarts_after(ORDER_UNDO, RUN_ON_PARTIAL, 2000, 3000), 2);      /* somebody else's value stands, and yet clients were cut off */
    assert_int_equal(restarts_after(ORDER_UNDO, RUN_ON_LOST, 2000, 0), 2);            /* it did not come back yet */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_sees_a_configuration_before_all_of_it_was_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plan_of_which_one_step_is_in_force_is_neither_the_old_configuration_nor_the_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_leaves_nothing_to_undo_does_not_hide_what_the_others_are, setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_know_what_is_to_be_put_back_has_not_put_it_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_undo_of_a_program_that_was_never_begun_is_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_case_is_looked_at_when_nothing_else_is_done_and_once_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_case_that_a_person_drives_is_looked_at_as_well_when_nobody_knows_what_is_in_force, setup, teardown),
        cmocka_unit_test_setup_teardown(the_restart_that_puts_back_counts_as_well, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_counts_also_when_the_step_failed_or_its_result_was_found_later, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
