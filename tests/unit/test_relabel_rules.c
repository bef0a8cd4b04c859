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

static void letters_of_all_scripts_change_their_case(void **state)
{
    assert_ok(load("relabel:\n- { set: s, source_labels: [a], target_label: low, action: lowercase }\n- { set: s, source_labels: [a], target_label: up, action: uppercase }\n"), &fault);
    give("a", "Zażółć ÄÖß Ωμ ⱥɐ 🐢\xff" "Q");
    assert_true(apply());
    is("low", "zażółć äöß ωμ ⱥɐ 🐢\xff" "q");
    is("up", "ZAŻÓŁĆ ÄÖß ΩΜ ȺⱯ 🐢\xff" "Q");
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
        "relabel:\n- { set: s, action: parse_json }\n",
        "relabel:\n- { set: s, action: parse_json, source_labels: [a, b] }\n",
        "relabel:\n- { set: s, action: parse_json, source_labels: [body], target_label: __name__ }\n",
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
    assert_false(regex_matches(r, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")));
    regex_free(r);
}

static void an_expression_goes_by_characters_and_over_what_is_no_utf8_by_bytes(void **state)
{
    assert_ok(load("relabel:\n- { set: s, source_labels: [who], regex: '(.)(.).*', target_label: second, replacement: '$2' }\n"
                   "- { set: s, source_labels: [who], regex: '.{6}', target_label: six, replacement: 'yes' }\n"
                   "- { set: s, source_labels: [who], regex: '(?i)äö [^x]{3}', target_label: any_case, replacement: 'yes' }\n"
                   "- { set: s, source_labels: [who], regex: '\\pL+ .*', target_label: letters, replacement: 'yes' }\n"
                   "- { set: s, source_labels: [who], regex: '\\w+.*', target_label: ascii_word, replacement: 'yes' }\n"), &fault);
    give("who", "ÄÖ ünï");
    assert_true(apply());
    is("second", "Ö");
    is("six", "yes");
    is("any_case", "yes");
    is("letters", "yes");
    is("ascii_word", "");
    n = 0;
    give("who", "a\xff" "bcde");
    assert_true(apply());
    is("second", "\xff");
    is("six", "yes");
}

/* What masks a secret must find it in a line of any length. */
static void a_long_text_is_no_reason_to_give_up(void **state)
{
    static char line[2 * 1024 * 1024];
    assert_ok(load("relabel:\n- { set: s, source_labels: [line], regex: '(.*)password=\\S+(.*)', target_label: line, replacement: '${1}password=?' }\n"
                   "- { set: s, source_labels: [line], regex: '([^ ]* )*password=.*', target_label: words, replacement: 'yes' }\n"), &fault);
    memset(line, 'a', sizeof line - 1);
    memcpy(line, "x password=hunter2 ", 19);
    for (size_t i = 30; i < 100 * 1024; i += 7)
        line[i] = ' ';
    arena_done(&arena);
    arena_init(&arena, 16 << 20);
    give("line", line);
    assert_true(apply());
    is("line", "x password=?");
    line[100 * 1024] = '\0';
    n = 0;
    give("line", line);
    assert_true(apply());
    is("words", "yes");
}

/* No b and no c is at its end, and there are very many ways to see that. */
#define FOR_EVER "'(a|aa)+[bc]'"
static const char hard[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad";

static void a_rule_whose_expression_gives_up_changes_nothing_and_says_so(void **state)
{
    static const char *const rules[] = {
        "relabel:\n- { set: s, source_labels: [x], action: keep, regex: " FOR_EVER " }\n",
        "relabel:\n- { set: s, source_labels: [x], action: drop, regex: " FOR_EVER " }\n",
        "relabel:\n- { set: s, source_labels: [x], target_label: y, replacement: z, regex: " FOR_EVER " }\n",
        "relabel:\n- { set: s, action: labelkeep, regex: " FOR_EVER "}\n",
        "relabel:\n- { set: s, action: labeldrop, regex: " FOR_EVER "}\n",
        "relabel:\n- { set: s, action: labelmap, regex: " FOR_EVER ", replacement: y }\n",
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        bool cut = false;
        assert_ok(load(rules[i]), &fault);
        n = 0;
        give(i < 3 ? "x" : hard, hard);
        assert_true(relabel_labels(set, labels, &n, 16, &arena, &cut));
        assert_true(cut);
        assert_int_equal(n, 1);
        relabel_free(set);
        conf_free(conf);
        set = NULL;
        conf = NULL;
    }
}

static void of_labels_that_get_one_name_the_last_by_the_alphabet_stays(void **state)
{
    assert_ok(load("relabel:\n- { set: s, action: labelmap, regex: 'm_.*', replacement: one }\n"), &fault);
    give("m_c", "c");
    give("m_a", "a");
    give("m_b", "b");
    assert_true(apply());
    is("one", "c");
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
    struct relabel_report report;
    (void)state;
    assert_ok(load("relabel:\n"
                   "- { set: s, regex: password, action: labeldrop }\n"
                   "- { set: s, source_labels: [__type__, __tenant__, severity, code], target_label: seen }\n"
                   "- { set: s, source_labels: [body], regex: 'user (\\w+) (.*)', target_label: body, replacement: 'user *** $2' }\n"
                   "- { set: s, source_labels: [resource.service.name], target_label: resource.service.namespace, replacement: 'of-$1' }\n"), &fault);
    assert_true(relabel_event(set, &e, &arena, &report));
    assert_false(report.cut || report.unparsed);
    assert_null(attrs_find(&e.attrs, "password"));
    assert_true(slice_is(attrs_text(&e.attrs, "seen"), "log;acme;9;7"));
    assert_true(slice_is(e.as.log.body.as.text, "user *** logged in"));
    assert_true(slice_is(attrs_text(&e.resource->attrs, "service.namespace"), "of-shop"));
    assert_true(e.resource->id != 1 && e.resource != &res);
    assert_int_equal(res.attrs.count, 1);
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

static struct event a_log_saying(const char *body)
{
    static const struct attr     at[] = { { { "level", 5 }, { .kind = VALUE_TEXT, .as.text = { "old", 3 } } }, { { "code", 4 }, { .kind = VALUE_INT, .as.integer = 7 } } };
    static const struct resource none;
    struct event e = a_log(at, 2, &none);
    e.as.log.body.as.text = slice_of(body);
    return e;
}

static void a_body_of_json_becomes_a_value_of_its_own(void **state)
{
    static const char *const targets[] = { "structured", "resource.structured", "body" };
    const char *const        body = "{\"user\": \"al\\u0069ce\", \"ms\": 12.5, \"n\": 9007199254740993, \"ok\": true, \"in\": {\"a\": [1, null]}}\n";
    char                     rules[200];
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct event          e = a_log_saying(body);
        struct relabel_report report;
        (void)snprintf(rules, sizeof rules, "relabel:\n- { set: s, source_labels: [body], action: parse_json, target_label: %s }\n", targets[i]);
        assert_ok(load(rules), &fault);
        assert_true(relabel_event(set, &e, &arena, &report));
        assert_false(report.cut || report.unparsed);
        const struct value *v = i == 0 ? attrs_find(&e.attrs, "structured") : i == 1 ? attrs_find(&e.resource->attrs, "structured") : &e.as.log.body;
        assert_true(v && v->kind == VALUE_MAP && v->as.map.count == 5);
        assert_true(slice_is(attrs_text(&v->as.map, "user"), "alice"));
        assert_true(attrs_find(&v->as.map, "n")->as.integer == INT64_C(9007199254740993) && attrs_find(&v->as.map, "ms")->as.real == 12.5);
        assert_true(attrs_find(&v->as.map, "ok")->kind == VALUE_BOOL && attrs_find(&v->as.map, "in")->as.map.item[0].value.as.list.count == 2);
        assert_true((e.resource->id != 0) == (i == 1));
        assert_int_equal(e.attrs.count, i == 0 ? 3 : 2);
        end(NULL);
        begin(NULL);
    }
}

static void without_a_target_the_members_of_an_object_become_attributes_and_go_before_those_of_that_name(void **state)
{
    struct event          e = a_log_saying("{\"level\": \"warn\", \"took\": 3}");
    struct relabel_report report;
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [body], action: parse_json }\n- { set: s, source_labels: [level], regex: warn, target_label: severity_text, replacement: WARN }\n"), &fault);
    assert_true(relabel_event(set, &e, &arena, &report));
    assert_false(report.cut || report.unparsed);
    assert_int_equal(e.attrs.count, 3);
    assert_true(slice_is(attrs_text(&e.attrs, "level"), "warn") && attrs_find(&e.attrs, "took")->as.integer == 3 && attrs_find(&e.attrs, "code")->as.integer == 7);
    assert_true(slice_is(e.as.log.severity_text, "WARN"));
}

static void what_is_no_json_or_too_much_of_it_stays_as_it_was_and_is_told(void **state)
{
    static const char *const bodies[] = { "user alice logged in", "{\"a\": 1} and more", "{\"a\": ", "[1, 2]", "12", NULL /* too many members */, NULL /* too long */ };
    static char              many[20 * (RELABEL_MEMBERS_MAX + 1)], large[RELABEL_JSON_MAX + 10];
    char                    *at = many;
    (void)state;
    for (int i = 0; i <= RELABEL_MEMBERS_MAX; i++)
        at += sprintf(at, "%c\"k%d\": %d", i ? ',' : '{', i, i);
    memcpy(at, "}", 2);
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"a\":1}", 7);
    assert_ok(load("relabel:\n- { set: s, source_labels: [body], action: parse_json }\n"), &fault);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const char           *body = bodies[i] ? bodies[i] : i == 5 ? many : large;
        struct event          e = a_log_saying(body), was = e;
        struct relabel_report report;
        assert_true(relabel_event(set, &e, &arena, &report));
        assert_true(report.unparsed && !report.cut);
        assert_memory_equal(&e, &was, sizeof e);
    }
    struct event          e = a_log_saying("{\"a\": [1, 2, 3]}");
    struct relabel_report report;
    struct arena          small;
    arena_init(&small, 40);
    assert_true(relabel_event(set, &e, &small, &report));
    assert_true(report.cut && !report.unparsed);
    arena_done(&small);
}

static void only_what_the_expression_matches_is_read_as_json(void **state)
{
    struct event          e = a_log_saying("plain words");
    struct relabel_report report;
    (void)state;
    assert_ok(load("relabel:\n- { set: s, source_labels: [body], regex: '\\s*\\{.*', action: parse_json, target_label: j }\n"), &fault);
    assert_true(relabel_event(set, &e, &arena, &report));
    assert_false(report.unparsed);
    e = a_log_saying(" {}");
    assert_true(relabel_event(set, &e, &arena, &report));
    assert_true(!report.unparsed && attrs_find(&e.attrs, "j")->kind == VALUE_MAP);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tables_are_in_order), T(replacing_writes_what_the_groups_matched), T(a_number_with_letters_behind_it_is_the_name_of_no_group),
        T(an_expression_has_to_match_the_whole),
        T(keeping_drops_what_does_not_match_and_a_missing_label_is_empty), T(comparing_two_labels_keeps_or_drops), T(shards_agree_with_those_of_prometheus),
        T(names_are_mapped_dropped_and_kept_by_expression), T(a_label_that_would_have_no_name_is_none), T(cases_change_and_empty_values_remove), T(letters_of_all_scripts_change_their_case),
        T(only_rules_of_the_named_sets_apply_and_an_unknown_set_is_a_mistake), T(mistakes_in_rules_are_told_with_their_place),
        T(an_expression_that_would_take_for_ever_matches_nothing), T(an_expression_goes_by_characters_and_over_what_is_no_utf8_by_bytes),
        T(a_long_text_is_no_reason_to_give_up), T(a_rule_whose_expression_gives_up_changes_nothing_and_says_so), T(of_labels_that_get_one_name_the_last_by_the_alphabet_stays),
        T(labels_stay_as_they_are_when_there_is_no_room),
        T(an_event_is_seen_by_names_and_changed_in_copies), T(events_are_dropped_by_what_they_are),
        T(a_body_of_json_becomes_a_value_of_its_own), T(without_a_target_the_members_of_an_object_become_attributes_and_go_before_those_of_that_name),
        T(what_is_no_json_or_too_much_of_it_stays_as_it_was_and_is_told), T(only_what_the_expression_matches_is_read_as_json),
    };
    return cmocka_run_group_tests_name("relabel rules", tests, NULL, NULL);
}
