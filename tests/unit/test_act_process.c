/* act: programs end in time with all they started, their output is bounded, and the fence lives as long as they do. */
#include "unit.h"

#include "act/process.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum err run(const char *const *argv, const char *const *env, int64_t timeout_ms, struct process_result *r, struct fault *fault)
{
    struct process_order o = { .argv = argv, .env = env, .lock_fd = -1, .timeout_us = timeout_ms * US_PER_MS, .end_leftovers = true };
    return process_run(&o, r, fault);
}

#define SH(text) ((const char *const[]){ "/bin/sh", "-c", (text), NULL })

static void output_and_exit_code_come_back_and_the_environment_is_what_was_given(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    assert_ok(run(SH("echo out; echo err >&2; exit 3"), NULL, 10000, &r, &fault), &fault);
    assert_int_equal(r.exit_code, 3);
    assert_string_equal(r.output.s, "out\nerr\n");
    process_result_done(&r);
    assert_ok(run((const char *const[]){ "env", NULL }, (const char *const[]){ "PATH=/usr/bin:/bin", "A=b c", NULL }, 10000, &r, &fault), &fault);
    assert_string_equal(r.output.s, "PATH=/usr/bin:/bin\nA=b c\n");
    process_result_done(&r);
    assert_ok(run(SH("kill -9 $$"), NULL, 10000, &r, &fault), &fault);
    assert_int_equal(r.signal, SIGKILL);
    process_result_done(&r);
    assert_ok(run(SH("cat; read x || echo nothing to read"), NULL, 10000, &r, &fault), &fault);
    assert_string_equal(r.output.s, "nothing to read\n");
    process_result_done(&r);
}

static void what_cannot_be_started_says_why(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    assert_int_equal(run((const char *const[]){ "/no/such/program", NULL }, NULL, 1000, &r, &fault), ERR_MISSING);
    assert_false(r.started);
    process_result_done(&r);
    assert_int_equal(run((const char *const[]){ "no-such-program", NULL }, NULL, 1000, &r, &fault), ERR_MISSING);
    process_result_done(&r);
    assert_int_equal(run((const char *const[]){ "/etc/passwd", NULL }, NULL, 1000, &r, &fault), ERR_DENIED);
    process_result_done(&r);
    /* Found and executable, but not a program: only exec can tell. */
    char path[] = "/tmp/test_act_process.XXXXXX";
    int  fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "\1\2\3\4", 4) == 4 && fchmod(fd, 0700) == 0);
    close(fd);
    assert_int_equal(run((const char *const[]){ path, NULL }, NULL, 1000, &r, &fault), ERR_IO);
    assert_false(r.started);
    process_result_done(&r);
    unlink(path);
}

/* It is looked for where we are and started where the step wants to be: that would be another one. */
static void a_program_is_named_by_its_whole_path_or_looked_for_in_whole_paths(void **state)
{
    char                  folder[] = "/tmp/test_act_process.XXXXXX", path[64];
    struct process_result r;
    struct fault          fault = { 0 };
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/true", folder);
    assert_int_equal(symlink("/bin/false", path), 0);
    struct process_order o = { .argv = (const char *const[]){ "./true", NULL }, .cwd = folder, .lock_fd = -1, .timeout_us = 10 * US_PER_S };
    assert_int_equal(chdir("/bin"), 0);
    assert_int_equal(process_run(&o, &r, &fault), ERR_INPUT);
    assert_false(r.started);
    assert_true(fault.hint[0]);
    process_result_done(&r);
    o.argv = (const char *const[]){ "true", NULL };
    o.env = (const char *const[]){ "PATH=.:/bin", NULL };
    assert_ok(process_run(&o, &r, &fault), &fault);
    assert_int_equal(r.exit_code, 0);
    process_result_done(&r);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void a_program_that_takes_too_long_is_ended_with_its_children(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    int64_t               began_us = clock_mono_us(&clock_real);
    assert_ok(run(SH("trap '' TERM; sleep 300 & echo $!; while :; do sleep 1; done"), NULL, 300, &r, &fault), &fault);
    assert_true(r.timed_out);
    assert_true(clock_mono_us(&clock_real) - began_us < 6 * US_PER_S);
    pid_t child = (pid_t)strtol(r.output.s, NULL, 10);
    assert_true(child > 1);
    for (int i = 0; i < 50 && kill(child, 0) == 0; i++) {   /* gone, or only waiting to be reaped by somebody else */
        char path[64], line[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
        FILE *f = fopen(path, "r");
        if (f && fgets(line, sizeof line, f) && strstr(line, ") Z")) {
            fclose(f);
            break;
        }
        if (f)
            fclose(f);
        assert_true(i < 49);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    process_result_done(&r);
}

static void output_is_bounded_and_made_readable(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    assert_ok(run(SH("head -c 1000000 /dev/zero | tr '\\0' x"), NULL, 20000, &r, &fault), &fault);
    assert_int_equal(r.output.used, PROCESS_OUTPUT_MAX);
    assert_true(r.output.cut);
    assert_int_equal(r.exit_code, 0);
    process_result_done(&r);
    assert_ok(run(SH("printf 'a\\377\\303\\244\\000b\\355\\240\\200\\342\\202'"), NULL, 10000, &r, &fault), &fault);
    assert_string_equal(r.output.s, "a?\303\244?b?????");
    process_result_done(&r);
}

static void a_program_that_never_stops_printing_is_ended_in_time(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    assert_ok(run((const char *const[]){ "yes", NULL }, NULL, 300, &r, &fault), &fault);
    assert_true(r.timed_out);
    assert_true(r.output.cut);
    process_result_done(&r);
}

static void a_daemon_that_keeps_its_output_open_does_not_hold_us(void **state)
{
    struct process_result r;
    struct fault          fault = { 0 };
    int64_t               began_us = clock_mono_us(&clock_real);
    assert_ok(run(SH("sleep 20 & echo started"), NULL, 15000, &r, &fault), &fault);
    assert_string_equal(r.output.s, "started\n");
    assert_true(clock_mono_us(&clock_real) - began_us < 5 * US_PER_S);
    process_result_done(&r);
}

static void nothing_of_ours_is_inherited_but_the_lock_lives_with_the_program(void **state)
{
    char  path[] = "/tmp/test_act_lock.XXXXXX";
    int   lock = mkstemp(path), ours = open("/dev/null", O_RDONLY);   /* without CLOEXEC, on purpose */
    assert_true(lock >= 0 && ours >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0);
    const char *const argv[] = { "/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; flock -n \"$0\" true || echo locked", path, NULL };
    struct process_order  o = { .argv = argv, .lock_fd = lock, .timeout_us = 10 * US_PER_S };
    struct process_result r;
    struct fault          fault = { 0 };
    assert_ok(process_run(&o, &r, &fault), &fault);
    assert_string_equal(r.output.s, "0 1 2 3 locked\n");   /* 3 is the folder that ls reads */
    process_result_done(&r);
    close(ours);

    /* We let go (as a killed process does); the keeper still holds it until its program has ended. */
    pid_t pid = fork();
    if (pid == 0) {
        const char *const slow[] = { "/bin/sleep", "0.7", NULL };
        struct process_order held = { .argv = slow, .lock_fd = lock, .timeout_us = 10 * US_PER_S };
        (void)alarm(0);
        (void)!process_run(&held, &r, &fault);
        _exit(0);
    }
    (void)nanosleep(&(struct timespec){ .tv_nsec = 250000000 }, NULL);
    kill(pid, SIGKILL);
    close(lock);
    int again = open(path, O_RDWR);
    assert_int_equal(flock(again, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    int64_t until_us = clock_mono_us(&clock_real) + 10 * US_PER_S;
    while (flock(again, LOCK_EX | LOCK_NB) != 0) {
        assert_true(clock_mono_us(&clock_real) < until_us);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    close(again);
    unlink(path);
}

/* ---- as another user, while threads come and go ---- */

static atomic_bool enough;

static void *nothing(void *ctx) { return ctx; }

static void *make_threads(void *ctx)
{
    while (!atomic_load(&enough)) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL) == 0)
            (void)pthread_join(t, NULL);
    }
    return ctx;
}

/* The C library asks all threads to change the user with it, by a list that is anybody's lock at the moment of the fork. */
static void a_program_becomes_another_user_whatever_the_threads_do_meanwhile(void **state)
{
    pthread_t            maker[3];
    struct process_order o = { .argv = (const char *const[]){ "/usr/bin/id", "-u", NULL }, .lock_fd = -1, .timeout_us = 60 * US_PER_S, .as_other = true, .uid = 65534, .gid = 65534 };
    if (geteuid() != 0)
        skip();
    atomic_store(&enough, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&maker[i], NULL, make_threads, NULL), 0);
    for (int i = 0; i < 200; i++) {
        struct process_result r;
        struct fault          fault = { 0 };
        assert_ok(process_run(&o, &r, &fault), &fault);
        assert_string_equal(r.output.s, "65534\n");
        process_result_done(&r);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 3; i++)
        (void)pthread_join(maker[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_code_come_back_and_the_environment_is_what_was_given),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(a_program_is_named_by_its_whole_path_or_looked_for_in_whole_paths),
        cmocka_unit_test(a_program_becomes_another_user_whatever_the_threads_do_meanwhile),
        cmocka_unit_test(a_program_that_takes_too_long_is_ended_with_its_children),
        cmocka_unit_test(output_is_bounded_and_made_readable),
        cmocka_unit_test(a_program_that_never_stops_printing_is_ended_in_time),
        cmocka_unit_test(a_daemon_that_keeps_its_output_open_does_not_hold_us),
        cmocka_unit_test(nothing_of_ours_is_inherited_but_the_lock_lives_with_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
