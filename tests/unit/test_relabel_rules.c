/* relabel: rules as Prometheus has them, over labels and over events; what is wrong with a rule is said when it is read. */
#include "unit.h"

#include "relabel/regex.h"
#include "relabel/relabel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fault        fault;
static struct arena        arena;
static struct conf        *conf;
static struct relabel     *set;
static struct label        labels[16];
static size_t              n;
static const char *const   one[] = { "s", NULL };

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    conf = NULL;
    set = NULL;
    n = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    relabel_free(set);
    conf_free(conf);
    arena_done(&arena);
    return 0;
}

static enum err load(const char *rules)
{
    static const struct conf_section *const sections[] = { &relabel_section };
    size_t   count;
    enum err e = conf_load_text("t.yaml", rules, strlen(rules), sections, 1, &conf, NULL, &fault);
    if (e != OK)
        return e;
    const struct relabel_rule *all = conf_instances(conf, &relabel_section, &count);
    struct conf_list           names = { one, 1 };
    return relabel_new(all, count, &names, &set, &fault);
}

static void give(const char *name, const char *value) { labels[n++] = (struct label){ slice_of(name), slice_of(value) }; }

static bool apply(void)
{
    bool cut = true, stays = relabel_labels(set, labels, &n, 16, &arena, &cut);
    assert_false(cut);
    return stays;
}

static void is(const char *name, const char *value)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(labels[i].name, name)) {
            if (!slice_is(labels[i].value, value))
                fail_msg("%s is %.*s, not %s", name, (int)labels[i].value.n, labels[i].value.s, value);
            return;
        }
    if (*value)
        fail_msg("there is no %s", name);
}

static void tables_are_in_order(void **state)
{
    static const struct conf_section *const sections[] = { &relabel_section };
    (void)state;
    assert_ok(conf_tables_check(sections, 1, &fault), &fault);
}

static void replacing_writes_what_the_groups_matched(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [host, port], separator: ':', regex: '(?<name>[^.:]+)[^:]*:(\\d+)', target_label: at, replacement: '${name}-$2-$$-$9' }\n"), &fault);
    give("host", "db1.example.com");
    give("port", "5432");
    assert_true(apply());
    is("at", "db1-5432-$-");
}

/* As Prometheus (Go) has it: the longest word is the name, so $1x is no group 1. */
static void a_number_with_letters_behind_it_is_the_name_of_no_group(void **state)
{
    assert_ok(load("relabel:\n- { set: s, source_labels: [host], regex: '(.*)', target_label: at, replacement: '<$1x|$1_|${1}x|$01|$99999999999>' }\n"), &fault);
    give("host", "db");
    assert_true(apply());
    is("at", "<||dbx||>");
}

static void an_expression_has_to_match_the_whole(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [job], regex: 'db', action: drop }\n"), &fault);
    give("job", "mydb");
    assert_true(apply());
    n = 0;
    give("job", "db");
    assert_false(apply());
}

static void keeping_drops_what_does_not_match_and_a_missing_label_is_empty(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [job], regex: '.+', action: keep }\n"), &fault);
    assert_false(apply());
    give("job", "x");
    assert_true(apply());
}

static void comparing_two_labels_keeps_or_drops(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [a], target_label: b, action: keepequal }\n- { set: s, source_labels: [a], target_label: c, action: dropequal }\n"), &fault);
    give("a", "1");
    give("b", "1");
    give("c", "2");
    assert_true(apply());
    labels[2].value = SLICE("1");
    assert_false(apply());
}

static void shards_agree_with_those_of_prometheus(void **state)
{
    (void)state;
    /* The last eight bytes of MD5 of baz as a number, modulo 1000: what Prometheus' own test expects. */
    assert_ok(load("relabel:\n- { set: s, source_labels: [c], target_label: d, modulus: 1000, action: hashmod }\n"), &fault);
    give("a", "foo");
    give("b", "bar");
    give("c", "baz");
    assert_true(apply());
    is("d", "976");
}

static void names_are_mapped_dropped_and_kept_by_expression(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, regex: '__meta_(.+)', action: labelmap }\n- { set: s, regex: '__meta_.+', action: labeldrop }\n- { set: s, regex: 'job|zone', action: labelkeep }\n"), &fault);
    give("__meta_zone", "eu");
    give("__meta_rack", "7");
    give("job", "x");
    assert_true(apply());
    assert_int_equal(n, 2);
    is("zone", "eu");
    is("job", "x");
}

static void a_label_that_would_have_no_name_is_none(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, regex: '__meta_(.*)', action: labelmap }\n"), &fault);
    give("__meta_", "eu");
    assert_true(apply());
    assert_int_equal(n, 1);
}

static void cases_change_and_empty_values_remove(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [a], target_label: a, action: lowercase }\n- { set: s, source_labels: [a], target_label: u, action: uppercase }\n"
                   "- { set: s, target_label: gone, replacement: '' }\n"), &fault);
    give("a", "MiX");
    give("gone", "x");
    assert_true(apply());
    is("a", "mix");
    is("u", "MIX");
    assert_int_equal(n, 2);
}

static void only_rules_of_the_named_sets_apply_and_an_unknown_set_is_a_mistake(void **state)
{
    (void)state;
    assert_ok(load("relabel:\n- { set: other, source_labels: [a], regex: '.*', action: drop }\n- { set: s, target_label: x, replacement: y }\n"), &fault);
    give("a", "1");
    assert_true(apply());
    is("x", "y");
    end(NULL);
    begin(NULL);
    assert_int_equal(load("relabel:\n- { set: other, target_label: x }\n"), ERR_INPUT);
    assert_non_null(strstr(fault.text, "s"));
}

static void mistakes_in_rules_are_told_with_their_place(void **state)
{
    static const char *const wrong[] = {
        "relabel:\n- { set: s, regex: '(', target_label: x }\n",
        "relabel:\n- { set: s, action: replace }\n",
        "relabel:\n- { set: s, action: hashmod, target_label: x }\n",
        "relabel:\n- { set: s, action: labeldrop, source_labels: [a], regex: x }\n",
        "relabel:\n- { set: s, action: explode }\n",
        "relabel:\n- { target_label: x }\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(load(wrong[i]), ERR_INPUT);
        assert_non_null(strstr(fault.text, "t.yaml:2"));
    }
}

static void an_expression_that_would_take_for_ever_matches_nothing(void **state)
{
    struct regex *r;
    (void)state;
    assert_ok(regex_new("(a+)+b", &r, &fault), &fault);
    assert_false(regex_matches(r, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb")));
    assert_int_equal(regex_given_up(r), 1);
    regex_free(r);
}

/* Else it would pass what it should drop or mask, and drop what it should keep. */
static void a_rule_whose_expression_gives_up_says_so_instead_of_guessing(void **state)
{
    static const char *const rules[] = {
        "relabel:\n- { set: s, source_labels: [a], regex: '(a+)+b', action: drop }\n", "relabel:\n- { set: s, source_labels: [a], regex: '(a+)+b', action: keep }\n",
        "relabel:\n- { set: s, source_labels: [a], regex: '(a+)+b', target_label: a, replacement: masked }\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        bool cut = false;
        assert_ok(load(rules[i]), &fault);
        give("a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb");
        (void)relabel_labels(set, labels, &n, 16, &arena, &cut);
        assert_true(cut);
        end(NULL);
        begin(NULL);
    }
    bool cut = false;
    assert_ok(load("relabel:\n- { set: s, regex: '(a+)+b', action: labeldrop }\n"), &fault);
    give("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb", "1");
    (void)relabel_labels(set, labels, &n, 16, &arena, &cut);
    assert_true(cut);
}

static void long_lines_are_searched_to_their_end(void **state)
{
    static const char *const patterns[] = { ".*password=.*", "(.|\\n)*password=(.|\\n)*", "(?:[^\"\\\\]|\\\\.)*password=.*", "(\\w+ )*password=.*" };
    static char line[1 << 21];
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        for (size_t size = 1000; size <= (i ? 20000 : 2000000); size *= i ? 20 : 2000) {
            struct regex *r;
            size_t        used = 0;
            while (used < size)
                used += (size_t)snprintf(line + used, sizeof line - used, "word ");
            used += (size_t)snprintf(line + used, sizeof line - used, "password=hunter2");
            assert_ok(regex_new(patterns[i], &r, &fault), &fault);
            assert_true(regex_matches(r, (struct slice){ line, used }));
            assert_int_equal(regex_given_up(r), 0);
            regex_free(r);
        }
}

static void labels_stay_as_they_are_when_there_is_no_room(void **state)
{
    bool cut = false;
    (void)state;
    assert_ok(load("relabel:\n- { set: s, target_label: x, replacement: y }\n"), &fault);
    give("a", "1");
    assert_true(relabel_labels(set, labels, &n, 1, &arena, &cut));
    assert_true(cut);
    assert_int_equal(n, 1);
}

static struct event a_log(const struct attr *attrs, size_t count, const struct resource *res)
{
    static const struct scope none;
    struct event e = { .type = EVENT_LOG, .resource = res, .scope = &none, .attrs = { attrs, count }, .tenant = SLICE("acme"), .source = SLICE("otlp") };
    e.as.log.severity = 9;
    e.as.log.body = (struct value){ .kind = VALUE_TEXT, .as.text = SLICE("user alice logged in") };
    return e;
}

static void an_event_is_seen_by_names_and_changed_in_copies(void **state)
{
    static const struct attr     at[] = { { { "password", 8 }, { .kind = VALUE_TEXT, .as.text = { "x", 1 } } }, { { "code", 4 }, { .kind = VALUE_INT, .as.integer = 7 } } };
    static const struct attr     of[] = { { { "service.name", 12 }, { .kind = VALUE_TEXT, .as.text = { "shop", 4 } } } };
    static const struct resource res = { .attrs = { of, 1 }, .id = 1 };
    struct event e = a_log(at, 2, &res);
    bool         cut;
    (void)state;
    assert_ok(load("relabel:\n"
                   "- { set: s, regex: password, action: labeldrop }\n"
                   "- { set: s, source_labels: [__type__, __tenant__, severity, code], target_label: seen }\n"
                   "- { set: s, source_labels: [body], regex: 'user (\\w+) (.*)', target_label: body, replacement: 'user *** $2' }\n"
                   "- { set: s, source_labels: [resource.service.name], target_label: resource.service.namespace, replacement: 'of-$1' }\n"), &fault);
    assert_true(relabel_event(set, &e, &arena, &cut));
    assert_false(cut);
    assert_null(attrs_find(&e.attrs, "password"));
    assert_true(slice_is(attrs_text(&e.attrs, "seen"), "log;acme;9;7"));
    assert_true(slice_is(e.as.log.body.as.text, "user *** logged in"));
    assert_true(slice_is(attrs_text(&e.resource->attrs, "service.namespace"), "of-shop"));
    assert_true(e.resource->id != 1 && e.resource != &res);
    assert_int_equal(res.attrs.count, 1);
}

static void what_labeldrop_takes_out_goes_wherever_it_stands(void **state)
{
    static const struct attr      at[] = { { { "token", 5 }, { .kind = VALUE_TEXT, .as.text = { "x", 1 } } }, { { "code", 4 }, { .kind = VALUE_INT, .as.integer = 7 } } };
    static const struct attr      of[] = { { { "service.name", 12 }, { .kind = VALUE_TEXT, .as.text = { "shop", 4 } } }, { { "db.password", 11 }, { .kind = VALUE_TEXT, .as.text = { "x", 1 } } } };
    static const struct resource  res = { .attrs = { of, 2 }, .id = 1 };
    static const struct scope     scope = { .name = { "lib", 3 }, .attrs = { at, 2 } };
    static const struct span_note notes[] = { { .name = { "a", 1 } }, { .name = { "b", 1 }, .attrs = { at, 2 } }, { .name = { "c", 1 }, .attrs = { at, 2 } } };
    static const struct span_link links[] = { { .attrs = { at, 2 } } };
    static const struct exemplar  exemplars[] = { { .value = 3, .attrs = { at, 2 } } };
    bool cut;
    (void)state;
    assert_ok(load("relabel:\n- { set: s, regex: '.*(password|secret|token).*', action: labeldrop }\n"), &fault);
    struct event e = { .type = EVENT_SPAN, .resource = &res, .scope = &scope, .attrs = { at, 2 }, .as.span = { .notes = notes, .notes_n = 3, .links = links, .links_n = 1 } };
    assert_true(relabel_event(set, &e, &arena, &cut) && !cut);
    assert_int_equal(e.attrs.count, 1);
    assert_int_equal(e.resource->attrs.count, 1);
    assert_true(e.resource->id != 1 && slice_is(attrs_text(&e.resource->attrs, "service.name"), "shop"));
    assert_true(e.scope->attrs.count == 1 && slice_is(e.scope->name, "lib"));
    for (int i = 0; i < 3; i++)
        assert_true(e.as.span.notes[i].attrs.count == (i ? 1 : 0) && slice_is(e.as.span.notes[i].name, notes[i].name.s));
    assert_int_equal(e.as.span.links[0].attrs.count, 1);
    struct event p = { .type = EVENT_POINT, .resource = &res, .scope = &scope, .as.point = { .exemplars = exemplars, .exemplars_n = 1 } };
    assert_true(relabel_event(set, &p, &arena, &cut) && !cut);
    assert_true(p.as.point.exemplars[0].attrs.count == 1 && attrs_find(&p.as.point.exemplars[0].attrs, "code"));
    assert_true(notes[1].attrs.count == 2 && res.attrs.count == 2 && scope.attrs.count == 2);      /* what others read is as it was */
    struct event q = { .type = EVENT_SPAN, .resource = &res, .scope = &scope, .attrs = { at, 2 } };
    struct arena small;
    arena_init(&small, 64);
    (void)relabel_event(set, &q, &small, &cut);
    assert_true(cut);
    arena_done(&small);
}

static void events_are_dropped_by_what_they_are(void **state)
{
    static const struct resource none;
    struct event e = a_log(NULL, 0, &none);
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [__type__, severity], regex: 'log;[1-9]', action: drop }\n"), &fault);
    assert_false(relabel_event(set, &e, &arena, NULL));
    e.as.log.severity = 17;
    assert_true(relabel_event(set, &e, &arena, NULL));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tables_are_in_order), T(replacing_writes_what_the_groups_matched), T(a_number_with_letters_behind_it_is_the_name_of_no_group),
        T(an_expression_has_to_match_the_whole),
        T(keeping_drops_what_does_not_match_and_a_missing_label_is_empty), T(comparing_two_labels_keeps_or_drops), T(shards_agree_with_those_of_prometheus),
        T(names_are_mapped_dropped_and_kept_by_expression), T(a_label_that_would_have_no_name_is_none), T(cases_change_and_empty_values_remove),
        T(only_rules_of_the_named_sets_apply_and_an_unknown_set_is_a_mistake), T(mistakes_in_rules_are_told_with_their_place),
        T(an_expression_that_would_take_for_ever_matches_nothing), T(a_rule_whose_expression_gives_up_says_so_instead_of_guessing),
        T(long_lines_are_searched_to_their_end), T(labels_stay_as_they_are_when_there_is_no_room),
        T(an_event_is_seen_by_names_and_changed_in_copies), T(what_labeldrop_takes_out_goes_wherever_it_stands), T(events_are_dropped_by_what_they_are),
    };
    return cmocka_run_group_tests_name("relabel rules", tests, NULL, NULL);
}
