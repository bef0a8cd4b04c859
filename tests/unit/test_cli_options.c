/* Subcommands and options: what is taken, what is refused and with which words. */
#include "unit.h"

#include "base/file.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "web/route.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int              ran;
static struct cli       last;

static int note(struct cli *c) { ran++; last = *c; return CLI_GATED; }

static const struct cli_command few[] = {
    { "look", "", 0, 0, " config output json limit since follow param for ", note, "Look.", "" },
    { "case show", "CASE", 1, 1, " output json ", note, "Show.", "" },
    { "case say", "CASE TEXT", 2, 2, " why ", note, "Say.", "" },
};
enum { FEW = sizeof few / sizeof few[0], WORDS_MAX = 12 };

struct said { int code; char *out, *err; };

/* One run of the program: the arguments as one line, parted by blanks. */
static struct said run_with(const struct cli_command *commands, size_t count, const char *line)
{
    struct said s = { 0 };
    size_t      n_out, n_err;
    char       *copy = strdup(line), *argv[WORDS_MAX], *rest = NULL;
    int         argc = 0;
    for (char *w = strtok_r(copy, " ", &rest); w && argc < WORDS_MAX; w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    FILE *out = open_memstream(&s.out, &n_out), *err = open_memstream(&s.err, &n_err);
    ran = 0;
    s.code = cli_main(commands, count, argc, argv, out, err);
    fclose(out);
    fclose(err);
    free(copy);
    return s;
}

static void done(struct said *s) { free(s->out); free(s->err); }

#define SAID CLEANUP(done)
#define run(line) run_with(few, FEW, line)

static void a_command_gets_its_words_and_options_in_any_order(void **state)
{
    struct said s SAID = run("case say --why because 42 hello");
    assert_int_equal(s.code, CLI_GATED);
    assert_int_equal(ran, 1);
    assert_string_equal(last.command->name, "case say");
    assert_int_equal(last.o.words, 2);
    struct said t SAID = run("case say 42 -m=because -- --not-an-option");
    assert_int_equal(t.code, CLI_GATED);
    struct said u SAID = run("look -n 7 --since=2h -p a=1 -p b=2 --for 90min");
    assert_int_equal(u.code, CLI_GATED);
    assert_int_equal(last.o.limit, 7);
    assert_int_equal(last.o.params.n, 2);
    assert_true(last.o.for_us == INT64_C(5400) * 1000 * 1000);
}

static void what_is_not_given_has_its_default(void **state)
{
    struct said s SAID = run("look");
    assert_int_equal(s.code, CLI_GATED);
    assert_int_equal(last.o.limit, 50);
    assert_false(last.o.json);
    assert_string_equal(last.o.config, "");
    assert_true(last.o.after == -1 && last.o.for_us == 0);
}

static void json_can_be_asked_for_in_two_ways(void **state)
{
    struct said s SAID = run("look -o json");
    assert_true(last.o.json);
    struct said t SAID = run("look --json");
    assert_true(last.o.json);
    assert_int_equal(s.code + t.code, 2 * CLI_GATED);
}

static void wrong_usage_is_refused_with_status_2_and_a_reason(void **state)
{
    static const struct { const char *line, *says; } wrong[] = {
        { "case show", "case show wants CASE" },
        { "case show a b", "case show wants only CASE" },
        { "look around", "look takes no \"around\"" },
        { "look --limit", "--limit wants a value (N)" },
        { "look --limit many", "--limit wants a whole number, not \"many\"" },
        { "look --limit 0", "--limit 0 is out of range: 1 to 500" },
        { "look --limit 99999999999999999999", "out of range" },
        { "look --for 5", "--for" },
        { "look --for 5ms", "out of range" },
        { "look -o xml", "choose one of text|json" },
        { "look --follow=yes", "--follow takes no value" },
        { "case say 42 hello --why=", "--why wants a value (TEXT), and this one is empty" },
        { "case say 42 caf\xe9", "\"caf?\" is not UTF-8" },
        { "case say 42 hello --why caf\xe9", "what --why says is not UTF-8" },
        { "look -p a=\xe9", "what --param says is not UTF-8" },
        { "look --limt 3", "did you mean --limit?" },
        { "look --target x", "look has no option --target" },
        { "", "usage: homeostat COMMAND" },
        { "lok", "did you mean \"look\"?" },
        { "case", "case what?" },
        { "case sho 1", "did you mean \"case show\"?" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct said s SAID = run(wrong[i].line);
        if (s.code != CLI_USAGE || !strstr(s.err, wrong[i].says))
            fail_msg("%s: status %d: %s", wrong[i].line, s.code, s.err);
        assert_int_equal(ran, 0);
        assert_string_equal(s.out, "");
    }
}

static void a_secret_in_an_argument_is_refused_and_not_repeated(void **state)
{
    struct said s SAID = run("look --token=hst_5ec2e7");
    assert_int_equal(s.code, CLI_USAGE);
    assert_non_null(strstr(s.err, "never from arguments"));
    assert_null(strstr(s.err, "5ec2e7"));
    struct said t SAID = run("look --password=5ec2e7");
    assert_int_equal(t.code, CLI_USAGE);
    assert_null(strstr(t.err, "5ec2e7"));
}

static void help_is_everywhere_and_goes_to_standard_output(void **state)
{
    static const char *const lines[] = { "--help", "-h", "help", "help look", "help case", "help case show", "case --help", "look --help", "case show -h" };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct said s SAID = run(lines[i]);
        if (s.code != CLI_DONE || !strstr(s.out, "usage: homeostat"))
            fail_msg("%s: status %d: %s%s", lines[i], s.code, s.out, s.err);
        assert_int_equal(ran, 0);
    }
    for (size_t i = 0; i < cli_commands_count; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "%s --help", cli_commands[i].name);
        struct said s SAID = run_with(cli_commands, cli_commands_count, line);
        assert_int_equal(s.code, CLI_DONE);
        assert_non_null(strstr(s.out, cli_commands[i].name));
        assert_non_null(strstr(s.out, cli_commands[i].text));
    }
}

static void the_version_is_told(void **state)
{
    struct said s SAID = run("--version");
    assert_int_equal(s.code, CLI_DONE);
    assert_int_equal(strncmp(s.out, "homeostat ", 10), 0);
}

static void every_option_has_a_command_and_every_command_has_its_options(void **state)
{
    struct fault fault = { 0 };
    assert_ok(cli_options_check(cli_commands, cli_commands_count, &fault), &fault);
    assert_int_not_equal(cli_options_check(few, FEW, &fault), OK);
}

static void no_command_is_hidden_by_another(void **state)
{
    for (size_t i = 0; i < cli_commands_count; i++) {
        char  copy[80], *argv[2], *rest = NULL;
        int   used, argc = 0;
        (void)snprintf(copy, sizeof copy, "%s", cli_commands[i].name);
        for (char *w = strtok_r(copy, " ", &rest); w && argc < 2; w = strtok_r(NULL, " ", &rest))
            argv[argc++] = w;
        assert_ptr_equal(cli_find(cli_commands, cli_commands_count, argc, argv, &used), &cli_commands[i]);
        assert_int_equal(used, argc);
        assert_true(cli_commands[i].least <= cli_commands[i].most && cli_commands[i].most <= CLI_WORDS_MAX);
        assert_true(cli_commands[i].text[strlen(cli_commands[i].text) - 1] == '.');
    }
}

static bool covered(const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i < cli_commands_count; i++)
        for (const char *p = cli_commands[i].covers; (p = strstr(p, what)); p++)
            if ((p == cli_commands[i].covers || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
                return true;
    return false;
}

static void whatever_the_api_can_do_the_command_line_can_do(void **state)
{
#define X(id, name, method, route, role, text) if (!covered(name)) fail_msg("no subcommand sends %s", name);
    ENGINE_COMMAND_MAP(X)
#undef X
    for (size_t i = 0; i < web_route_count; i++) {
        char what[120];
        if (web_routes[i].command >= 0)
            continue;
        (void)snprintf(what, sizeof what, "%s:%s", web_routes[i].method, web_routes[i].path);
        if (!covered(what))
            fail_msg("no subcommand asks %s", what);
    }
}

static void failures_have_the_exit_status_that_scripts_expect(void **state)
{
    assert_int_equal(cli_exit_of(OK), 0);
    assert_int_equal(cli_exit_of(ERR_IO), 1);
    assert_int_equal(cli_exit_of(ERR_DENIED), 1);
    assert_int_equal(cli_exit_of(ERR_CONFLICT), 4);
    struct fault fault;
    (void)fail(&fault, ERR_CONFLICT, "somebody was first");
    fail_hint(&fault, "look again");
    char  *out = NULL, *err = NULL;
    size_t n;
    struct cli c = { .out = open_memstream(&out, &n), .err = open_memstream(&err, &n), .o = { .json = true } };
    assert_int_equal(cli_complain(&c, &fault), 4);
    fclose(c.out);
    fclose(c.err);
    json_t *said = json_loads(out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(said, "error"), "code")), "CONFLICT");
    assert_non_null(strstr(err, "homeostat: somebody was first\n  look again\n"));
    json_decref(said);
    free(out);
    free(err);
}

static int speak(struct cli *c) { fputs("hello\n", c->out); return CLI_DONE; }

static void an_answer_that_could_not_be_written_is_no_success(void **state)
{
    static const struct cli_command one[] = { { "speak", "", 0, 0, " ", speak, "Speak.", "" } };
    FILE *full = fopen("/dev/full", "w");
    char *err = NULL, *argv[] = { (char[]){ "speak" } };
    assert_non_null(full);
    size_t n;
    FILE  *e = open_memstream(&err, &n);
    assert_int_equal(cli_main(one, 1, 1, argv, full, e), CLI_FAILED);
    fclose(e);
    fclose(full);
    assert_non_null(strstr(err, "could not be written"));
    free(err);
}

/* The address is refused before anything is sent, so what is said of the file is said before anybody is asked. */
static void a_report_is_not_written_over_a_file_unless_forced(void **state)
{
    char         path[] = "/tmp/homeostat-explain-XXXXXX", line[200], *text = NULL;
    struct fault fault;
    int          fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "mine\n", 5) == 5);
    close(fd);
    (void)snprintf(line, sizeof line, "explain case-1 --url http://192.0.2.1:80 --format html --out %s", path);
    struct said s SAID = run_with(cli_commands, cli_commands_count, line);
    assert_int_equal(s.code, cli_exit_of(ERR_STATE));
    assert_non_null(strstr(s.err, "is there already"));
    assert_non_null(strstr(s.err, "--force"));
    (void)snprintf(line, sizeof line, "explain case-1 --url http://192.0.2.1:80 --out %s --force", path);
    struct said t SAID = run_with(cli_commands, cli_commands_count, line);
    assert_int_equal(t.code, CLI_FAILED);
    assert_null(strstr(t.err, "is there already"));
    assert_ok(file_read(path, 100, &text, NULL, &fault), &fault);
    assert_string_equal(text, "mine\n");
    free(text);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_its_words_and_options_in_any_order),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(json_can_be_asked_for_in_two_ways),
        cmocka_unit_test(wrong_usage_is_refused_with_status_2_and_a_reason),
        cmocka_unit_test(a_secret_in_an_argument_is_refused_and_not_repeated),
        cmocka_unit_test(help_is_everywhere_and_goes_to_standard_output),
        cmocka_unit_test(the_version_is_told),
        cmocka_unit_test(every_option_has_a_command_and_every_command_has_its_options),
        cmocka_unit_test(no_command_is_hidden_by_another),
        cmocka_unit_test(whatever_the_api_can_do_the_command_line_can_do),
        cmocka_unit_test(failures_have_the_exit_status_that_scripts_expect),
        cmocka_unit_test(a_report_is_not_written_over_a_file_unless_forced),
        cmocka_unit_test(an_answer_that_could_not_be_written_is_no_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
