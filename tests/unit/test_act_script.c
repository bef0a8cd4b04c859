/* act: what a witness says counts whole or not at all, and what undoes a program by hand never runs the program. */
#include "unit.h"

#include "act/adapter.h"
#include "act/process.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct { char folder[64], file[96]; struct fault fault; struct act_context c; } h;

static int begin(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    (void)snprintf(h.folder, sizeof h.folder, "/tmp/homeostat-script-XXXXXX");
    if (!mkdtemp(h.folder))
        return -1;
    (void)snprintf(h.file, sizeof h.file, "%s/file", h.folder);
    h.c = (struct act_context){ .state_folder = h.folder, .deadline_us = clock_mono_us(&clock_real) + 60 * US_PER_S, .action_id = "case.1.1" };
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[100];
    (void)snprintf(command, sizeof command, "rm -rf %s", h.folder);
    return system(command);
}

static void write_file(const char *text) { assert_ok(file_write(h.file, text, strlen(text), 0600, &h.fault), &h.fault); }

static void fill_file(size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    write_file(text);
    free(text);
}

/* A step whose program and witness are given to a shell with the file as $0. */
static struct plan_step step_of(const char *does, const char *witness)
{
    struct plan_step s = { .action = PLAN_SCRIPT_EXEC, .timeout_s = 30 };
    s.params = json_pack("{s:[s,s,s,s], s:[s,s,s,s]}", "argv", "/bin/sh", "-c", does, h.file, "witness", "/bin/sh", "-c", witness, h.file);
    assert_non_null(s.params);
    return s;
}

static enum act_outcome outcome_of(const struct plan_step *s, const json_t *snapshot, struct fault *why)
{
    struct act_report r;
    act_report_init(&r);
    act_adapter_for(PLAN_SCRIPT_EXEC)->act(&h.c, s, snapshot, &r);
    enum act_outcome o = r.outcome;
    *why = r.fault;
    act_report_done(&r);
    return o;
}

/* ---- what a witness says ---- */

static void a_witness_that_prints_more_than_is_kept_is_told_to_print_less_before_anything_is_done(void **state)
{
    (void)state;
    write_file("old");
    struct plan_step s = step_of("echo new >$0", "head -c 100000 /dev/zero | tr '\\0' x; cat $0");
    json_t          *snapshot = NULL;
    assert_int_equal(act_adapter_for(PLAN_SCRIPT_EXEC)->probe(&h.c, &s, &snapshot, &h.fault), ERR_LIMIT);
    assert_null(snapshot);
    assert_non_null(strstr(h.fault.text, "witness"));
    assert_true(h.fault.hint[0]);
    json_decref(s.params);
}

static void a_witness_that_begins_to_print_too_much_does_not_say_that_nothing_was_changed(void **state)
{
    (void)state;
    struct plan_step s = step_of("echo more >>$0", "cat $0");
    struct fault     why;
    json_t          *snapshot = NULL;
    fill_file(PROCESS_OUTPUT_MAX);
    assert_ok(act_adapter_for(PLAN_SCRIPT_EXEC)->probe(&h.c, &s, &snapshot, &h.fault), &h.fault);
    assert_int_equal(outcome_of(&s, snapshot, &why), ACT_UNKNOWN);
    assert_int_equal(why.code, ERR_LIMIT);
    json_decref(snapshot);
    json_decref(s.params);
}

static void bytes_that_are_no_text_count_in_what_a_witness_says(void **state)
{
    (void)state;
    write_file("\377");
    struct plan_step s = step_of("printf '\\376' >$0", "cat $0");
    struct fault     why;
    json_t          *snapshot = NULL;
    assert_ok(act_adapter_for(PLAN_SCRIPT_EXEC)->probe(&h.c, &s, &snapshot, &h.fault), &h.fault);
    assert_int_equal(outcome_of(&s, snapshot, &why), ACT_DONE);
    json_decref(snapshot);
    json_decref(s.params);
}

/* ---- by hand ---- */

static void the_undo_script_of_a_step_without_undo_shows_its_program_and_runs_nothing_of_it(void **state)
{
    (void)state;
    char does[300], path[200], command[400], out[8192] = "";
    (void)snprintf(does, sizeof does, "cat <<'END_OF_COMMAND'\nhello\nEND_OF_COMMAND\ntouch %s\n: it's", h.file);
    struct plan_step     s = { .action = PLAN_SCRIPT_EXEC, .timeout_s = 30, .params = json_pack("{s:s, s:b}", "script", does, "shell", 1) };
    struct act_done_step done = { &s, NULL };
    assert_ok(act_undo_script_write(&h.c, "case-1", &done, 1, path, sizeof path, &h.fault), &h.fault);
    (void)snprintf(command, sizeof command, "/bin/sh %s 2>&1", path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_true(fread(out, 1, sizeof out - 1, f) > 0);
    assert_int_equal(WEXITSTATUS(pclose(f)), 1);
    assert_int_not_equal(access(h.file, F_OK), 0);
    assert_non_null(strstr(out, "names no undo"));
    assert_non_null(strstr(out, "END_OF_COMMAND\ntouch "));
    json_decref(s.params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_witness_that_prints_more_than_is_kept_is_told_to_print_less_before_anything_is_done, begin, end),
        cmocka_unit_test_setup_teardown(a_witness_that_begins_to_print_too_much_does_not_say_that_nothing_was_changed, begin, end),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_count_in_what_a_witness_says, begin, end),
        cmocka_unit_test_setup_teardown(the_undo_script_of_a_step_without_undo_shows_its_program_and_runs_nothing_of_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
