/* ship: which events a sink gets, and which settings are refused before anything runs. */
#include "unit.h"

#include "conf/conf.h"
#include "relabel/conf.h"
#include "ship/conf.h"
#include "ship/kinds.h"
#include "ship/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fault fault;

static struct attr        service, attrs[2];
static struct resource    shop;
static const struct scope no_scope;

static struct event log_of(void)
{
    service = (struct attr){ SLICE("service.name"), { VALUE_TEXT, { .text = SLICE("shop") } } };
    shop = (struct resource){ .attrs = { &service, 1 } };
    attrs[0] = (struct attr){ SLICE("http.status"), { VALUE_INT, { .integer = 503 } } };
    attrs[1] = (struct attr){ SLICE("path"), { VALUE_TEXT, { .text = SLICE("/a/b") } } };
    struct event              e = { .type = EVENT_LOG, .tenant = SLICE("eu-1"), .source = SLICE("otlp"), .resource = &shop, .scope = &no_scope, .attrs = { attrs, 2 } };
    e.as.log.severity = 17;
    return e;
}

static bool takes(const char *const *conditions, size_t n)
{
    struct route *r = NULL;
    struct event  e = log_of();
    struct arena  a;
    arena_init(&a, 1 << 16);
    assert_ok(route_new(conditions, n, &r, &fault), &fault);
    bool yes = route_takes(r, &e, &a);
    route_free(r);
    arena_done(&a);
    return yes;
}

static bool takes_one(const char *condition) { return takes(&condition, 1); }

static void without_conditions_everything_is_taken(void **state)
{
    (void)state;
    assert_true(takes(NULL, 0));
}

static void a_condition_is_about_the_event_its_resource_or_where_it_came_from(void **state)
{
    (void)state;
    assert_true(takes_one("service.name=shop"));
    assert_false(takes_one("service.name=sho"));
    assert_true(takes_one("service.name!=bank"));
    assert_true(takes_one("resource.service.name=shop"));
    assert_false(takes_one("resource.path=/a/b"));          /* of the event, not of its resource */
    assert_true(takes_one("tenant=eu-1"));
    assert_true(takes_one("source=otlp"));
    assert_true(takes_one("type=logs"));
    assert_false(takes_one("type=traces"));
    assert_true(takes_one("http.status=503"));
    assert_true(takes_one("severity~1[7-9]|2[0-4]"));
}

static void a_regular_expression_must_match_all_of_the_value(void **state)
{
    (void)state;
    assert_true(takes_one("tenant~eu-.*"));
    assert_false(takes_one("tenant~eu"));
    assert_true(takes_one("tenant!~us-.*"));
    assert_false(takes_one("path~/a|b"));
    assert_true(takes_one("path~/a/(b|c)"));
}

static void what_is_missing_is_the_empty_text(void **state)
{
    (void)state;
    assert_true(takes_one("nobody="));
    assert_true(takes_one("nobody!=x"));
    assert_false(takes_one("nobody~.+"));
}

static void all_conditions_must_hold(void **state)
{
    (void)state;
    static const char *const both[] = { "tenant=eu-1", "service.name=shop" }, *const one[] = { "tenant=eu-1", "service.name=bank" };
    assert_true(takes(both, 2));
    assert_false(takes(one, 2));
}

static void what_is_no_condition_is_refused_with_what_would_be_one(void **state)
{
    (void)state;
    assert_int_equal(route_condition_check("just a word", &fault), ERR_INPUT);
    assert_non_null(strstr(fault.hint, "key=value"));
    assert_int_equal(route_condition_check("=x", &fault), ERR_INPUT);
    assert_int_equal(route_condition_check("a~(", &fault), ERR_INPUT);
    assert_int_equal(route_condition_check("a!x", &fault), ERR_INPUT);
    assert_ok(route_condition_check("a=b=c", &fault), &fault);
    assert_int_equal(route_condition_check("a~(.*)x\\1", &fault), ERR_INPUT);      /* a value of a kilobyte would end the process */
    assert_non_null(strstr(fault.text, "refers back"));
    assert_ok(route_condition_check("a~b\\\\1", &fault), &fault);
}

/* ---- settings ---- */

static const struct conf_section *const sections[] = { &sinks_section, &relabel_section };
static struct conf *conf;

static int tear_down(void **state)
{
    (void)state;
    conf_free(conf);
    conf = NULL;
    return 0;
}

static bool load(const char *yaml, struct text *said)
{
    struct conf_complaints all;
    conf_complaints_init(&all);
    conf_free(conf);
    conf = NULL;
    enum err e = conf_load_text("t.yaml", yaml, strlen(yaml), sections, 2, &conf, &all, &fault);
    conf_complaints_text(&all, said);
    conf_complaints_done(&all);
    return e == OK;
}

static void must_say(const char *yaml, const char *says)
{
    struct text said CLEANUP(text_done);
    text_init(&said, 65536);
    if (load(yaml, &said))
        fail_msg("accepted: %s", yaml);
    if (!strstr(said.s, says))
        fail_msg("%s\nsays: %s\nwanted: %s", yaml, said.s, says);
}

static void the_table_is_in_order(void **state)
{
    (void)state;
    assert_ok(conf_tables_check(sections, 1, &fault), &fault);
}

static void every_kind_names_settings_that_there_are(void **state)
{
    (void)state;
    size_t n;
    const struct sink_kind *const *kinds = sink_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        char *words = strdup(kinds[i]->settings ? kinds[i]->settings : ""), *rest;
        assert_true(kinds[i]->takes && kinds[i]->open && kinds[i]->send && kinds[i]->close && kinds[i]->why && *kinds[i]->why);
        for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            bool found = false;
            for (size_t k = 0; k < sinks_section.count; k++)
                found = found || strcmp(sinks_section.knobs[k].path, word + (*word == '!')) == 0;
            if (!found)
                fail_msg("%s: there is no setting %s", kinds[i]->name, word);
        }
        free(words);
    }
}

static void a_sensible_sink_is_accepted_and_what_is_not_set_is_sensible(void **state)
{
    (void)state;
    struct text said CLEANUP(text_done);
    text_init(&said, 65536);
    if (!load("sinks:\n  lake:\n    kind: files\n    types: [logs]\n    match: [\"service.name=shop\"]\n    folder: /tmp/lake\n", &said))
        fail_msg("%s", said.s);
    const struct sink_conf *s = conf_instance(conf, &sinks_section, "lake");
    assert_non_null(s);
    assert_string_equal(s->name, "lake");
    assert_int_equal(s->batch_events, 5000);
    assert_int_equal(s->when_new, SINK_FROM_START);
    assert_true(s->rate < 0.001);
    struct arena     a;
    struct sink_conf copy, other;
    arena_init(&a, 1 << 20);
    assert_ok(sink_conf_copy(&copy, s, &a, &fault), &fault);
    assert_true(sink_conf_same(s, &copy));
    other = copy;
    other.paused = true;
    assert_false(sink_conf_same(s, &other));
    arena_done(&a);
}

static void a_rule_that_writes_what_no_rule_changes_is_refused_in_front_of_a_sink(void **state)
{
    (void)state;
    must_say("relabel:\n- { set: s, target_label: __tenant__, replacement: acme }\nsinks:\n  a: { kind: files, folder: /tmp/x, relabel: [s] }\n", "the set s has a rule that writes __tenant__");
    struct text said CLEANUP(text_done);
    text_init(&said, 65536);
    if (!load("relabel:\n- { set: s, source_labels: [__tenant__], regex: acme, action: keep }\nsinks:\n  a: { kind: files, folder: /tmp/x, relabel: [s] }\n", &said))
        fail_msg("%s", said.s);
}

static void what_a_kind_does_not_know_or_cannot_do_without_is_refused(void **state)
{
    (void)state;
    must_say("sinks:\n  a:\n    kind: fiels\n", "files, ");
    must_say("sinks:\n  a:\n    kind: files\n", "folder");
    must_say("sinks:\n  a:\n    kind: files\n    folder: /tmp/x\n    topic: t\n", "does not know it");
    must_say("sinks:\n  a:\n    kind: loki\n    url: http://127.0.0.1:3100\n    types: [metrics]\n", "holds no metrics");
    must_say("sinks:\n  a:\n    kind: files\n    folder: /tmp/x\n    types: [words]\n", "logs, metrics or traces");
    must_say("sinks:\n  a:\n    kind: files\n    folder: /tmp/x\n    match: [\"a\"]\n", "not a condition");
    must_say("sinks:\n  a:\n    kind: files\n    folder: /tmp/x\n    formerly: [a]\n", "called now");
    must_say("sinks:\n  a:\n    kind: files\n    folder: /tmp/x\n    retry:\n      most: 1s\n      first: 2s\n", "shorter than the first");
}

static void addresses_and_headers_do_not_carry_secrets(void **state)
{
    (void)state;
    char token[] = "/tmp/ship-token-XXXXXX", yaml[300];
    int  fd = mkstemp(token);
    assert_true(fd >= 0 && write(fd, "s3cret\n", 7) == 7 && close(fd) == 0);
    must_say("sinks:\n  a:\n    kind: otlp\n    url: http://me:s3cret@127.0.0.1:4318\n", "carries no credentials");
    must_say("sinks:\n  a:\n    kind: otlp\n    url: ftp://127.0.0.1\n", "http or https");
    must_say("sinks:\n  a:\n    kind: otlp\n    url: http://127.0.0.1:1\n    headers: [\"Authorization: Bearer x\"]\n", "a secret does not belong");
    must_say("sinks:\n  a:\n    kind: otlp\n    url: http://127.0.0.1:1\n    headers: [\"proxy-authorization: Basic x\"]\n", "a secret does not belong");
    must_say("sinks:\n  a:\n    kind: otlp\n    url: http://127.0.0.1:1/x#s3cret\n", "sent to nobody");
    must_say("sinks:\n  a:\n    kind: otlp\n    url: http://127.0.0.1:1\n    headers: [\"X Y: z\"]\n", "Name: value");
    (void)snprintf(yaml, sizeof yaml, "sinks:\n  a:\n    kind: otlp\n    url: http://far.example:4318\n    token: %s\n", token);
    must_say(yaml, "readable by anyone");
    (void)snprintf(yaml, sizeof yaml, "sinks:\n  a:\n    kind: otlp\n    url: https://far.example:4318\n    token: %s\n", token);
    struct text said CLEANUP(text_done);
    text_init(&said, 65536);
    if (!load(yaml, &said))
        fail_msg("%s", said.s);
    conf_print(conf, &said);
    assert_null(strstr(said.s, "s3cret"));
    FILE *f = fopen(token, "w");
    assert_non_null(f);
    assert_true(fputs("s3cret\nX-Evil: 1\n", f) >= 0 && fclose(f) == 0);
    must_say(yaml, "a second line");
    (void)unlink(token);
}

#define T(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_conditions_everything_is_taken),
        T(a_condition_is_about_the_event_its_resource_or_where_it_came_from),
        T(a_regular_expression_must_match_all_of_the_value),
        T(what_is_missing_is_the_empty_text),
        T(all_conditions_must_hold),
        T(what_is_no_condition_is_refused_with_what_would_be_one),
        T(the_table_is_in_order),
        T(every_kind_names_settings_that_there_are),
        T(a_sensible_sink_is_accepted_and_what_is_not_set_is_sensible),
        T(what_a_kind_does_not_know_or_cannot_do_without_is_refused),
        T(a_rule_that_writes_what_no_rule_changes_is_refused_in_front_of_a_sink),
        T(addresses_and_headers_do_not_carry_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
