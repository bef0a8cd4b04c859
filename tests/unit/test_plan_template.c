/* plan: runbooks become plans; a parameter can bring in a value and nothing else. */
#include "unit.h"

#include "model/plan.h"
#include "plan/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct template_set *set;
static struct fault         fault;

static enum err parse(const char *text) { return templates_parse("runbook.yaml", text, strlen(text), &set, &fault); }

static json_t *made(const char *name, const char *params)
{
    json_t *p = params ? json_loads(params, 0, NULL) : NULL, *plan = NULL;
    assert_ok(template_make(set, name, p, &plan, &fault), &fault);
    json_decref(p);
    return plan;
}

static void refused(const char *name, const char *params, const char *says)
{
    json_t  *p = params ? json_loads(params, 0, NULL) : NULL, *plan = NULL;
    enum err e = template_make(set, name, p, &plan, &fault);
    json_decref(p);
    if (e == OK || !strstr(fault.text, says))
        fail_msg("%s -> %s", params ? params : "nothing", e == OK ? "a plan" : fault.text);
}

static int shipped(void **state)
{
    (void)state;
    assert_ok(templates_load(RUNBOOKS, &set, &fault), &fault);
    return 0;
}

static void what_is_shipped_is_built_in(void **state)
{
    (void)state;
    struct template_set *built_in = NULL;
    assert_ok(templates_built_in(&built_in, &fault), &fault);
    json_t *inside = templates_json(built_in), *folder = templates_json(set);
    assert_true(templates_count(built_in) > 0 && json_equal(inside, folder));
    json_t *plan = NULL;
    assert_int_equal(template_make(built_in, "nope", NULL, &plan, &fault), ERR_MISSING);
    assert_string_equal(fault.hint, "there are: k8s.rollout.canary, postgres.setting, script");
    json_decref(inside);
    json_decref(folder);
    templates_free(built_in);
}

static int teardown(void **state)
{
    (void)state;
    templates_free(set);
    set = NULL;
    return 0;
}

static void the_canary_of_the_demonstration_is_one_echo(void **state)
{
    (void)state;
    json_t *plan = made("k8s.rollout.canary", NULL);
    char   *steps = json_dumps(json_object_get(plan, "steps"), JSON_COMPACT | JSON_SORT_KEYS), *verify = json_dumps(json_object_get(plan, "verify"), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(steps, "[{\"action\":\"script.exec\",\"params\":{\"script\":\"echo ok\"},\"retry\":0,\"timeout_s\":30}]");
    assert_string_equal(verify, "{\"expect\":\"ok\",\"method\":\"output\"}");
    assert_true(json_is_object(json_object_get(plan, "rollback")));
    free(steps);
    free(verify);
    json_decref(plan);
}

static void every_shipped_runbook_becomes_a_plan(void **state)
{
    (void)state;
    assert_true(templates_count(set) >= 3);
    json_decref(made("postgres.setting", "{\"target\":\"main\",\"name\":\"work_mem\",\"from\":\"4MB\",\"to\":\"4800kB\",\"watch_s\":7}"));
    json_t *script = made("script", "{\"script\":\"echo ok\",\"timeout_s\":12}");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(script, "steps"), 0), "timeout_s")), 12);
    json_decref(script);
    json_t *all = templates_json(set);
    assert_int_equal((int)json_array_size(all), templates_count(set));
    json_decref(all);
    refused("script", NULL, "needs the parameter script");
    refused("no.such", NULL, "no template");
}

#define TAIL "steps:\n  - { action: noop, timeout_s: 10, retry: 0, params: { a: \"${a}\", b: \"<${a}|${n}|${r}|${y}>\", list: [\"${n}\"] } }\nrollback: {}\nverify: {}\n"
#define PARAMS "params:\n  a: { type: text, default: x, min: 1, max: 40 }\n  n: { type: int, default: 3, min: 1, max: 9 }\n  r: { type: real, default: 0.5 }\n  y: { type: bool, default: true }\n"

static void a_parameter_keeps_its_type_and_is_never_looked_at_twice(void **state)
{
    (void)state;
    assert_ok(parse("name: t\ntitle: T ${a}\n" PARAMS TAIL), &fault);
    json_t *plan = made("t", "{\"a\":\"${n}\\\"},{\",\"n\":4}");
    json_t *params = json_object_get(json_array_get(json_object_get(plan, "steps"), 0), "params");
    assert_string_equal(json_string_value(json_object_get(params, "a")), "${n}\"},{");
    assert_string_equal(json_string_value(json_object_get(params, "b")), "<${n}\"},{|4|0.5|true>");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(params, "list"), 0)), 4);
    assert_int_equal((int)json_array_size(json_object_get(plan, "steps")), 1);
    json_decref(plan);
    refused("t", "{\"n\":\"4\"}", "must be int");
    refused("t", "{\"n\":10}", "out of range");
    refused("t", "{\"n\":4.0}", "must be int");
    refused("t", "{\"a\":\"\"}", "out of range");
    refused("t", "{\"y\":1}", "must be bool");
    refused("t", "{\"z\":1}", "no parameter");
    refused("t", "[1]", "object");
}

static void what_a_template_makes_must_be_a_plan(void **state)
{
    (void)state;
    assert_ok(parse("name: t\ntitle: T\nparams:\n  s: { type: int, default: 5 }\nsteps:\n  - { action: noop, timeout_s: \"${s}\", retry: 0 }\nrollback: {}\nverify: {}\n"), &fault);
    refused("t", NULL, "/steps/0/timeout_s");
    json_decref(made("t", "{\"s\":20}"));
}

static void a_template_with_a_mistake_is_refused_when_it_is_read(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } bad[] = {
        { "name: t\ntitle: T\nsteps: []\nrollback: {}\n", "verify" },
        { "title: T\n" TAIL, "name" },
        { "name: ../t\ntitle: T\n" TAIL, "name" },
        { "name: t\ntitle: ${b}\n" PARAMS TAIL, "names no parameter" },
        { "name: t\ntitle: ${a\n" PARAMS TAIL, "names no parameter" },
        { "name: t\ntitle: T\nparams:\n  a: { type: number, default: 1 }\n" TAIL, "type" },
        { "name: t\ntitle: T\nparams:\n  a: { type: int }\n" TAIL, "required" },
        { "name: t\ntitle: T\nparams:\n  a: { type: int, default: 5, max: 4 }\n" TAIL, "default" },
        { "name: t\ntitle: T\nparams:\n  a: { type: int, default: 5, required: true }\n" TAIL, "required" },
        { "name: t\ntitle: T\nextra: 1\n" TAIL, "extra" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i].text) == OK || !strstr(fault.text, bad[i].says) || !strstr(fault.text, "runbook.yaml:"))
            fail_msg("%s -> %s", bad[i].text, fault.text);
    assert_int_equal(templates_load("/nonexistent", &set, &fault), ERR_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_canary_of_the_demonstration_is_one_echo, shipped, teardown),
        cmocka_unit_test_setup_teardown(every_shipped_runbook_becomes_a_plan, shipped, teardown),
        cmocka_unit_test_setup_teardown(what_is_shipped_is_built_in, shipped, teardown),
        cmocka_unit_test_teardown(a_parameter_keeps_its_type_and_is_never_looked_at_twice, teardown),
        cmocka_unit_test_teardown(what_a_template_makes_must_be_a_plan, teardown),
        cmocka_unit_test(a_template_with_a_mistake_is_refused_when_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
