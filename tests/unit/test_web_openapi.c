/* docs/openapi.yaml and the table of routes say the same, in both directions. */
#include "web_fixture.h"

#include "model/problem.h"
#include "web/route.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *document;

static int setup(void **state)
{
    fixture_setup(state);
    struct answer a = ask(NULL, "GET", "/openapi.json", NULL, NULL, 200);
    document = json_loads(a.body, 0, NULL);
    assert_non_null(document);
    answer_done(&a);
    return 0;
}

static int teardown(void **state)
{
    json_decref(document);
    return fixture_teardown(state);
}

static json_t *operation(const char *method, const char *path)
{
    char lower[16];
    (void)snprintf(lower, sizeof lower, "%s", method);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), lower);
}

static void every_route_is_described_in_the_same_words(void **state)
{
    for (size_t i = 0; i < web_route_count; i++) {
        const struct web_route *r = &web_routes[i];
        json_t                 *o = operation(r->method, r->path);
        if (!o)
            fail_msg("%s %s is not described", r->method, r->path);
        const char *summary = json_string_value(json_object_get(o, "summary"));
        if (!summary || strcmp(summary, r->text) != 0)
            fail_msg("%s %s: the document says '%s', the table '%s'", r->method, r->path, summary ? summary : "", r->text);
    }
}

static void everything_described_is_a_route(void **state)
{
    static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
    const char *path, *method;
    json_t     *item, *o;
    size_t      described = 0;
    json_object_foreach(json_object_get(document, "paths"), path, item)
        json_object_foreach(item, method, o) {
            bool found = strcmp(method, "parameters") == 0;
            for (size_t i = 0; i < web_route_count && !found; i++)
                found = strcasecmp(web_routes[i].method, method) == 0 && strcmp(web_routes[i].path, path) == 0;
            if (!found)
                fail_msg("%s %s is described but there is no such route", method, path);
            for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
                described += strcmp(methods[i], method) == 0;
        }
    assert_int_equal(described, web_route_count);
}

static void roles_keys_and_types_are_described_as_they_are(void **state)
{
    for (size_t i = 0; i < web_route_count; i++) {
        const struct web_route *r = &web_routes[i];
        json_t                 *o = operation(r->method, r->path), *security = json_object_get(o, "security");
        /* without a token */
        bool open = json_is_array(security) && json_array_size(security) == 0;
        if (open != (r->least == ROUTE_OPEN))
            fail_msg("%s %s: is a token needed?", r->method, r->path);
        /* the role of what changes something */
        const char *text = json_string_value(json_object_get(o, "description"));
        static const struct { unsigned role; const char *text; } roles[] = {
            { ROLE_OPERATOR, "Needs the role operator" }, { ROLE_APPROVER, "Needs the role approver" }, { ROLE_ADMIN, "Needs the role admin" },
        };
        for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++)
            if (r->least == roles[k].role && !(text && strstr(text, roles[k].text)))
                fail_msg("%s %s: the document does not say '%s'", r->method, r->path, roles[k].text);
        /* the media type of a good answer */
        if (!r->type)
            continue;
        json_t *responses = json_object_get(o, "responses"), *good = json_object_get(responses, "200");
        good = good ? good : json_object_get(responses, "201");
        const char *reference = json_string_value(json_object_get(good, "$ref"));
        if (reference)
            good = json_object_get(json_object_get(json_object_get(document, "components"), "responses"), strrchr(reference, '/') + 1);
        if (!json_object_get(json_object_get(good, "content"), r->type))
            fail_msg("%s %s: the document does not say that it answers %s", r->method, r->path, r->type);
    }
}

static void check_references(const json_t *j)
{
    const char *key, *reference = json_string_value(json_object_get(j, "$ref"));
    json_t     *value;
    size_t      i;
    if (reference) {
        char path[128], *save = NULL;
        assert_int_equal(strncmp(reference, "#/", 2), 0);
        (void)snprintf(path, sizeof path, "%s", reference + 2);
        const json_t *at = document;
        for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save))
            at = json_object_get(at, part);
        if (!at)
            fail_msg("%s leads nowhere", reference);
    }
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
        check_references(value);
    json_array_foreach(j, i, value)
        check_references(value);
}

static void every_reference_leads_somewhere(void **state) { check_references(document); }

static void every_type_of_problem_is_described(void **state)
{
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    json_t *types = json_object_get(json_object_get(json_object_get(json_object_get(schemas, "Problem"), "properties"), "type"), "enum");
    assert_int_equal(json_array_size(types), PROBLEM_COUNT);
    for (int p = 0; p < PROBLEM_COUNT; p++) {
        const char *type = json_string_value(json_array_get(types, (size_t)p));
        assert_non_null(type);
        assert_string_equal(strrchr(type, ':') + 1, problem_suffix((enum problem)p));
    }
}

static void the_yaml_is_the_same_document(void **state)
{
    struct answer a = ask(NULL, "GET", "/openapi.yaml", NULL, NULL, 200);
    assert_int_equal(strncmp(a.body, "openapi: 3.1.0\n", 15), 0);
    answer_done(&a);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_in_the_same_words),
        cmocka_unit_test(everything_described_is_a_route),
        cmocka_unit_test(roles_keys_and_types_are_described_as_they_are),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_type_of_problem_is_described),
        cmocka_unit_test(the_yaml_is_the_same_document),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
