/* conf: a YAML tree knows where it was written, keeps within its bounds, and says in plain words what is wrong. */
#include "unit.h"

#include "base/text.h"
#include "conf/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fixture { struct arena arena; struct yaml_node *root; struct fault fault; };

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, YAML_ARENA_MIN);
    *state = f;
    return f ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static enum err parse(struct fixture *f, const char *s) { return yaml_parse(&f->arena, "t.yaml", s, strlen(s), &f->root, NULL, &f->fault); }

static void a_node_knows_its_line_and_column(void **state)
{
    struct fixture *f = *state;
    assert_ok(parse(f, "a: 1\nb:\n  - x\n  - {c: \"deep\"}\n"), &f->fault);
    const struct yaml_node *b = yaml_get(f->root, "b"), *c = yaml_get(b->first->next, "c");
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->key_at.line, 2);
    assert_int_equal(c->at.line, 4);
    assert_int_equal(c->at.column, 9);
    assert_string_equal(c->at.file, "t.yaml");
    assert_string_equal(yaml_text(c), "deep");
    assert_null(yaml_get(f->root, "z"));
    assert_null(yaml_get(c, "z"));
    assert_null(yaml_get(NULL, "z"));
}

static void columns_count_characters_and_not_bytes(void **state)
{
    struct fixture *f = *state;
    assert_ok(parse(f, "\xc3\xa4\xc3\xb6: [\"\xe2\x82\xac\", x]\n"), &f->fault);
    assert_int_equal(f->root->first->first->next->at.column, 11);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct { const char *yaml, *says, *hint; } cases[] = {
        { "a: 1\nb: 2\na: 3\n",            "t.yaml:3:1: `a` is there twice",                         "It stands in line 1 already" },
        { "a: 1\n---\nb: 2\n",             "t.yaml:2:1: a second document begins here",              "Take the `---` out" },
        { "a: *x\n",                       "t.yaml:1:4: an alias (`*x`) is not accepted",            "in quotes" },
        { "a: &x 1\n",                     "t.yaml:1:4: an anchor (`&x`) is not accepted",           "in quotes" },
        { "a: &x\n  b: 1\n",               "t.yaml:1:4: an anchor (`&x`) is not accepted",           "" },
        { "a: !!str 1\n",                  "t.yaml:1:4: a tag (`!`) is not accepted",                "in quotes" },
        { "<<: {a: 1}\n",                  "t.yaml:1:1: merging (`<<`) is not accepted",             "Write the keys out" },
        { "? {a: 1}\n: 2\n",               "t.yaml:1:3: a map cannot be a key",                      "plain word" },
        { "a:\n\t- 1\n",                   "t.yaml:2:1: a tab cannot indent YAML",                   "Use spaces" },
        { "a:\n  b: 1\n\tc: 2\n",          "t.yaml:3:1: a tab cannot indent YAML",                   "Use spaces" },
        { "a: b: c\n",                     "t.yaml:1:5: a second `:` on this line",                  "quotes" },
        { "a: [1, 2\nb: 3\n",              "t.yaml:2:2: a `,` or `]` was expected here",            "" },
        { "a: \"never closed\n",           "t.yaml:1:4: the quote that begins here is never closed", "Close it" },
        { "a: 1\nb: 'it\nc: 2\n",         "t.yaml:2:4: the quote that begins here is never closed", "double quotes" },
        { "a: 1\n  b: 2\n",                "t.yaml:2:4: a second `:` on this line",                  "" },
        { "a: x\xff\n",                    "t.yaml:1:5: byte 0xff is not UTF-8",                     "UTF-8" },
        { "a: \xc0\xaf\n",                 "t.yaml:1:4: byte 0xc0 is not UTF-8",                     "" },
        { "a: \xed\xa0\x80\n",             "t.yaml:1:4: byte 0xed is not UTF-8",                     "" },
        { "a: 1\nb: \x07\n",               "t.yaml:2:4: a control character (byte 0x07)",            "escape" },
        { "\xff\xfe" "a",                  "t.yaml:1:1: the file is UTF-16",                         "UTF-8" },
        { "a: \"x\\0y\"\n",                "t.yaml:1:4: a text must not contain a NUL",              "" },
        { "a: [[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]\n", "t.yaml:1:27: more than 24 maps and lists", "" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(f, cases[i].yaml) == OK)
            fail_msg("accepted: %s", cases[i].yaml);
        if (!strstr(f->fault.text, cases[i].says) || !strstr(f->fault.hint, cases[i].hint))
            fail_msg("%s\nsays: %s [%s]\nwanted: %s [%s]", cases[i].yaml, f->fault.text, f->fault.hint, cases[i].says, cases[i].hint);
    }
}

static void an_alias_bomb_is_refused_before_it_grows(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"), ERR_INPUT);
    assert_true(f->arena.used < 64 * 1024);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    struct fixture *f = *state;
    assert_ok(parse(f, "\xef\xbb\xbf" "a: 1\n"), &f->fault);
    assert_int_equal(yaml_get(f->root, "a")->key_at.column, 1);
}

static void nothing_reads_as_null(void **state)
{
    static const char *const nothings[] = { "", "\n", "# only a comment\n", "---\n", "~\n" };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof nothings / sizeof nothings[0]; i++) {
        assert_ok(parse(f, nothings[i]), &f->fault);
        assert_true(yaml_is_null(f->root));
        assert_null(yaml_text(f->root));
    }
}

static void a_file_beyond_its_bounds_is_refused(void **state)
{
    struct fixture *f = *state;
    struct text     t;
    text_init(&t, 4u * YAML_BYTES_MAX);
    text_add(&t, "a: [");
    for (unsigned i = 0; i <= YAML_NODES_MAX; i++)
        text_add(&t, "1,\n");
    text_add(&t, "]\n");
    assert_int_equal(parse(f, t.s), ERR_INPUT);
    assert_non_null(strstr(f->fault.text, "more than 20000 values"));
    text_clear(&t);
    for (unsigned i = 0; i <= YAML_KEYS_MAX; i++)
        text_printf(&t, "k%u: 1\n", i);
    assert_int_equal(parse(f, t.s), ERR_INPUT);
    assert_non_null(strstr(f->fault.text, "t.yaml:2001:1: more than 2000 keys"));
    text_clear(&t);
    while (t.used <= YAML_BYTES_MAX)
        text_add(&t, "# a comment that is longer than any comment needs to be\n");
    assert_int_equal(parse(f, t.s), ERR_INPUT);
    assert_non_null(strstr(f->fault.text, "larger than 1048576 bytes"));
    text_done(&t);
}

static void a_tree_that_does_not_fit_its_arena_is_refused(void **state)
{
    struct fixture *f = *state;
    struct arena    small;
    arena_init(&small, 600);
    const char *s = "a: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n";
    assert_int_equal(yaml_parse(&small, "t.yaml", s, strlen(s), &f->root, NULL, &f->fault), ERR_INPUT);
    assert_non_null(strstr(f->fault.text, "memory"));
    arena_done(&small);
}

static void scalars_have_the_types_of_the_core_schema(void **state)
{
    struct fixture *f = *state;
    int64_t i;
    double  r;
    bool    b;
    assert_ok(parse(f, "{i: -12, h: 0x1F, o: 0o17, r: 1.5e3, t: true, q: \"7\", big: 99999999999999999999, n: no}"), &f->fault);
    assert_ok(yaml_int(yaml_get(f->root, "i"), &i, &f->fault), &f->fault);
    assert_int_equal(i, -12);
    assert_ok(yaml_int(yaml_get(f->root, "h"), &i, &f->fault), &f->fault);
    assert_int_equal(i, 31);
    assert_ok(yaml_int(yaml_get(f->root, "o"), &i, &f->fault), &f->fault);
    assert_int_equal(i, 15);
    assert_ok(yaml_real(yaml_get(f->root, "r"), &r, &f->fault), &f->fault);
    assert_true(r == 1500);
    assert_ok(yaml_real(yaml_get(f->root, "i"), &r, &f->fault), &f->fault);
    assert_true(r == -12);
    assert_ok(yaml_bool(yaml_get(f->root, "t"), &b, &f->fault), &f->fault);
    assert_true(b);
    assert_int_equal(yaml_int(yaml_get(f->root, "q"), &i, &f->fault), ERR_INPUT);
    assert_non_null(strstr(f->fault.text, "a whole number is wanted here, this is text"));
    assert_int_equal(yaml_int(yaml_get(f->root, "big"), &i, &f->fault), ERR_INPUT);
    assert_int_equal(yaml_bool(yaml_get(f->root, "n"), &b, &f->fault), ERR_INPUT);
}

static void a_tree_becomes_json(void **state)
{
    struct fixture *f = *state;
    json_t         *j = NULL;
    assert_ok(parse(f, "a: [1, 1.5, true, null, ~, no, \"1\", '', 2026-01-01]\nb: {c: text}\n"), &f->fault);
    assert_ok(yaml_to_json(f->root, &j, &f->fault), &f->fault);
    char *s = json_dumps(j, JSON_COMPACT);
    assert_string_equal(s, "{\"a\":[1,1.5,true,null,null,\"no\",\"1\",\"\",\"2026-01-01\"],\"b\":{\"c\":\"text\"}}");
    free(s);
    json_decref(j);
    assert_ok(parse(f, "a: [1, .inf]\n"), &f->fault);
    assert_int_equal(yaml_to_json(f->root, &j, &f->fault), ERR_INPUT);
    assert_string_equal(f->fault.text, "t.yaml:1:8: .inf is not a number that can be used");
}

static void a_misspelt_key_is_told_what_was_meant(void **state)
{
    struct fixture          *f = *state;
    static const char *const keys[] = { "steps", "when", "why" };
    assert_ok(parse(f, "step: 1\n"), &f->fault);
    assert_int_equal(yaml_keys_check(f->root, keys, 3, &f->fault), ERR_INPUT);
    assert_string_equal(f->fault.text, "t.yaml:1:1: unknown key `step`");
    assert_string_equal(f->fault.hint, "Did you mean `steps`?");
}

static void a_guess_is_made_only_when_it_is_near(void **state)
{
    (void)state;
    static const char *const words[] = { "window", "watch", "windows_min", "sample_interval" };
    assert_string_equal(conf_nearest("widnow", words, 4), "window");
    assert_string_equal(conf_nearest("WINDOW", words, 4), "window");
    assert_string_equal(conf_nearest("windows-min", words, 4), "windows_min");
    assert_string_equal(conf_nearest("interval", words, 4), "sample_interval");
    assert_null(conf_nearest("colour", words, 4));
    assert_null(conf_nearest("", words, 4));
    assert_null(conf_nearest("x", words, 4));
}

static void a_missing_file_says_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(yaml_read(&f->arena, "/nonexistent/x.yaml", &f->root, NULL, &f->fault), ERR_MISSING);
    assert_non_null(strstr(f->fault.text, "/nonexistent/x.yaml"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_node_knows_its_line_and_column),
        TEST(columns_count_characters_and_not_bytes),
        TEST(what_is_wrong_is_said_with_its_place),
        TEST(an_alias_bomb_is_refused_before_it_grows),
        TEST(a_byte_order_mark_is_skipped),
        TEST(nothing_reads_as_null),
        TEST(a_file_beyond_its_bounds_is_refused),
        TEST(a_tree_that_does_not_fit_its_arena_is_refused),
        TEST(scalars_have_the_types_of_the_core_schema),
        TEST(a_tree_becomes_json),
        TEST(a_misspelt_key_is_told_what_was_meant),
        TEST(a_guess_is_made_only_when_it_is_near),
        TEST(a_missing_file_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
