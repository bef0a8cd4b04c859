/*
 * act/process.c - our side of running a program: finding it, forking the keeper, gathering its report.
 * The keeper's side is in process_keeper.c.
 */
#include "act/process.h"

#include "act/process_keeper.h"
#include "base/clock.h"
#include "base/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The keeper ends the program in time; if it does not answer this long after, it is lost. */
enum { KEEPER_GRACE_MS = PROCESS_KILL_GRACE_MS + 20000 };

static bool runnable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

enum err process_find(const char *name, const char *path_list, char *out, size_t size, struct fault *fault)
{
    if (!*name)
        return fail(fault, ERR_INPUT, "the program's name is empty");
    if (strchr(name, '/') && *name != '/') {     /* we look where we are, and it is started where its step wants to be */
        enum err e = fail(fault, ERR_INPUT, "%.200s is no whole path", name);
        fail_hint(fault, "begin it with /, or give the program's name alone, which is looked for in PATH");
        return e;
    }
    if (*name == '/') {
        if (!text_copy(out, size, name))
            return fail(fault, ERR_LIMIT, "path too long: %.100s...", name);
        if (runnable(name))
            return OK;
        return fail(fault, access(name, F_OK) == 0 ? ERR_DENIED : ERR_MISSING, "%s %s", name, access(name, F_OK) == 0 ? "is not a program that we may run" : "does not exist");
    }
    for (const char *p = path_list; *p;) {
        size_t n = strcspn(p, ":");
        if (*p == '/' && (size_t)snprintf(out, size, "%.*s/%s", (int)n, p, name) < size && runnable(out))
            return OK;
        p += n + (p[n] == ':');
    }
    enum err e = fail(fault, ERR_MISSING, "no program %s in %s", name, path_list);
    fail_hint(fault, "give the whole path, or set PATH in env");
    return e;
}

static const char *path_of(const char *const *env)
{
    for (; env && *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return PROCESS_PATH;
}

static void take_groups(struct keeper *k, const struct process_order *o)
{
    k->as_other = o->as_other;
    k->uid = o->uid;
    k->gid = o->gid;
    k->groups = 0;
    if (!o->as_other)
        return;
    struct passwd pw, *found = NULL;
    char          buffer[4096];
    int           n = KEEPER_GROUPS_MAX;
    if (getpwuid_r(o->uid, &pw, buffer, sizeof buffer, &found) == 0 && found && getgrouplist(pw.pw_name, o->gid, k->group, &n) > 0)
        k->groups = (size_t)n;
    else
        k->group[k->groups++] = o->gid;
}

/* Forked with every signal blocked, so that no handler of ours ever runs in the keeper. */
static pid_t fork_keeper(struct keeper *k)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = _Fork();
    if (pid == 0)
        keeper_main(k);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static size_t read_report(int fd, struct keeper_report *report, struct text *output, int64_t deadline_us)
{
    size_t got = 0;
    for (;;) {
        int64_t       left_ms = (deadline_us - clock_mono_us(&clock_real)) / US_PER_MS;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int           ready = left_ms > 0 ? poll(&p, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms) : 0;
        if (ready == 0)
            return got;
        char    chunk[4096];
        ssize_t n = ready < 0 ? -1 : read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return got;
        size_t head = got < sizeof *report ? sizeof *report - got : 0;
        if (head > (size_t)n)
            head = (size_t)n;
        if (head > 0)
            memcpy((char *)report + got, chunk, head);
        text_add_n(output, chunk + head, (size_t)n - head);
        got += (size_t)n;
    }
}

/* Length of the UTF-8 sequence at p, 0 when it is none that JSON could carry. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > left || p[0] == 0)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

static void make_readable(struct text *t)
{
    for (size_t i = 0; i < t->used;) {
        size_t n = utf8_length((unsigned char *)t->s + i, t->used - i);
        if (n == 0)
            t->s[i] = '?';
        i += n ? n : 1;
    }
}

static enum err judge(const struct process_order *o, const struct keeper_report *report, size_t got, struct process_result *r, struct fault *fault)
{
    if (got < sizeof *report || report->magic != KEEPER_MAGIC) {
        r->started = true;   /* it may have been */
        enum err e = fail(fault, ERR_UNKNOWN, "lost sight of %s: the process that watched it has gone", o->argv[0]);
        fail_hint(fault, "it may still run; look for it before anything is repeated");
        return e;
    }
    if (report->failed_errno)
        return fail(fault, report->failed_errno == EACCES ? ERR_DENIED : report->failed_errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot start %s: %s",
                    o->argv[0], strerror(report->failed_errno));
    r->started = true;
    r->timed_out = report->timed_out;
    r->exit_code = WIFEXITED(report->status) ? WEXITSTATUS(report->status) : -1;
    r->signal = WIFSIGNALED(report->status) ? WTERMSIG(report->status) : 0;
    r->output.cut = r->output.cut || report->cut;
    return OK;
}

enum err process_run(const struct process_order *order, struct process_result *result, struct fault *fault)
{
    *result = (struct process_result){ .exit_code = -1 };
    text_init(&result->output, PROCESS_OUTPUT_MAX);
    char      path[PATH_MAX];
    enum err  e = process_find(order->argv[0], path_of(order->env), path, sizeof path, fault);
    if (e != OK)
        return e;
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return fail(fault, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    struct keeper *k = malloc(sizeof *k);
    if (!k) {
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        return fail(fault, ERR_LIMIT, "no memory to run %s", path);
    }
    static const char *const no_env[] = { NULL };
    *k = (struct keeper){ .path = path, .argv = order->argv, .env = order->env ? order->env : no_env, .cwd = order->cwd ? order->cwd : "/",
                          .report_fd = pipe_fd[1], .lock_fd = order->lock_fd, .timeout_us = order->timeout_us, .end_leftovers = order->end_leftovers };
    take_groups(k, order);
    pid_t pid = fork_keeper(k);
    int   why = errno;
    close(pipe_fd[1]);
    free(k);
    if (pid > 0 && order->effect)
        CRASH_POINT(CRASH_MID_EFFECT);
    if (pid < 0) {
        close(pipe_fd[0]);
        return fail(fault, ERR_IO, "cannot fork: %s", strerror(why));
    }
    struct keeper_report report = { 0 };
    size_t got = read_report(pipe_fd[0], &report, &result->output, clock_mono_us(&clock_real) + order->timeout_us + KEEPER_GRACE_MS * US_PER_MS);
    close(pipe_fd[0]);
    digest_hex(result->output.s, result->output.used, result->sha256);
    make_readable(&result->output);
    bool reported = got >= sizeof report;
    while (waitpid(pid, NULL, reported ? 0 : WNOHANG) < 0 && errno == EINTR) { }
    return judge(order, &report, got, result, fault);
}

void process_result_done(struct process_result *result) { text_done(&result->output); }

void process_describe(const struct process_result *r, struct text *out)
{
    if (!r->started)
        text_add(out, "was not started");
    else if (r->timed_out)
        text_add(out, "took too long and was stopped");
    else if (r->signal)
        text_printf(out, "was killed by signal %d", r->signal);
    else
        text_printf(out, "exited with %d", r->exit_code);
}
