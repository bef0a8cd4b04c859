/*
 * act/process_keeper.c - starts the program, drains its output, ends it in time, reports.
 *
 * It runs between fork and exec of a program with threads, so only async-signal-safe calls are allowed here: no memory
 * is taken, nothing is formatted.
 */
#include "act/process_keeper.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Fixed places of our descriptors; everything above is closed, so that no listening socket or database lives on in us. */
enum { FD_REPORT = 3, FD_LOCK = 4, FD_OUTPUT = 5, FD_FIRST_CLOSED = 6, TICK_MS = 10, DRAIN_READS = 64 };

static int64_t mono_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void default_signals(void)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &dfl, NULL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_descriptors(const struct keeper *k)
{
    int report = fcntl(k->report_fd, F_DUPFD, 32), lock = k->lock_fd >= 0 ? fcntl(k->lock_fd, F_DUPFD, 32) : -1;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    (void)dup2(report, FD_REPORT);
    if (lock >= 0)
        (void)dup2(lock, FD_LOCK);
    else
        (void)close(FD_LOCK);
    (void)close(FD_OUTPUT);
    (void)close_range(FD_FIRST_CLOSED, ~0U, 0);
}

#ifdef SYS_setresuid32      /* where the plain ones are those of 16 bits */
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

/* The kernel is asked: the C library would have all threads that it remembers change with us, under a lock that one of them may have held when we were forked. */
static bool become_other(const struct keeper *k)
{
    return syscall(SET_GROUPS, k->groups, k->group) == 0 && syscall(SET_GID, k->gid, k->gid, k->gid) == 0 && syscall(SET_UID, k->uid, k->uid, k->uid) == 0;
}

/* In the program's own process; exec's errno goes up the pipe, which exec closes when it succeeds. */
_Noreturn static void become_program(const struct keeper *k, int output, int trouble)
{
    (void)setpgid(0, 0);
    default_signals();
    bool fine = dup2(output, 1) >= 0 && dup2(output, 2) >= 0;
    if (fine && k->as_other)
        fine = become_other(k);
    fine = fine && chdir(k->cwd) == 0;
    (void)fcntl(trouble, F_SETFD, FD_CLOEXEC);
    for (int fd = FD_REPORT; fd < trouble; fd++)
        (void)close(fd);
    (void)close_range((unsigned)trouble + 1, ~0U, 0);
    if (fine)
        (void)execve(k->path, (char *const *)(uintptr_t)k->argv, (char *const *)(uintptr_t)k->env);
    int why = errno;
    (void)!write(trouble, &why, sizeof why);
    _exit(127);
}

/* What is there, or the first of it: whoever writes faster than we read would never let us look at the clock. */
static void drain(int fd, struct keeper *k, size_t *used, bool *cut)
{
    char spill[4096];
    for (int i = 0; i < DRAIN_READS; i++) {
        size_t  room = sizeof k->output - *used;
        ssize_t n = read(fd, room ? k->output + *used : spill, room ? room : sizeof spill);
        if (n <= 0)
            return;
        if (room)
            *used += (size_t)n;
        else
            *cut = true;
    }
}

/* Waits for the program; asks it to go at the deadline, and makes it go a little later. */
static void watch(pid_t pid, int output, struct keeper *k, struct keeper_report *report, size_t *used)
{
    int64_t deadline_us = mono_us() + k->timeout_us;
    bool    asked = false;
    while (waitpid(pid, &report->status, WNOHANG) != pid) {
        struct pollfd p = { .fd = output, .events = POLLIN };
        if (poll(&p, 1, TICK_MS) > 0) {
            if (p.revents & POLLIN)
                drain(output, k, used, &report->cut);
            else
                (void)poll(NULL, 0, TICK_MS);   /* it closed its output and lives on */
        }
        if (mono_us() < deadline_us)
            continue;
        (void)kill(-pid, asked ? SIGKILL : SIGTERM);
        report->timed_out = true;
        asked = true;
        deadline_us = mono_us() + PROCESS_KILL_GRACE_MS * US_PER_MS;
    }
    /* What a stopped program left behind must not act any more; a restart's server, in good time, may stay. */
    if (k->end_leftovers || report->timed_out)
        (void)kill(-pid, SIGKILL);
    drain(output, k, used, &report->cut);
}

static void send(const void *data, size_t size)
{
    for (const char *p = data; size > 0;) {
        ssize_t n = write(FD_REPORT, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;   /* whoever asked is gone; the program was seen to its end all the same */
        p += n;
        size -= (size_t)n;
    }
}

_Noreturn void keeper_main(struct keeper *k)
{
    struct keeper_report report = { .magic = KEEPER_MAGIC };
    size_t               used = 0;
    int                  output[2], trouble[2];
    (void)setsid();
    default_signals();
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGPIPE, &ignore, NULL);
    take_descriptors(k);
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(trouble, O_CLOEXEC) != 0) {
        report.failed_errno = errno;
        send(&report, sizeof report);
        _exit(1);
    }
    (void)fcntl(output[0], F_SETFL, O_NONBLOCK);
    pid_t pid = _Fork();
    if (pid == 0)
        become_program(k, output[1], trouble[1]);
    if (pid < 0) {
        report.failed_errno = errno;
    } else {
        (void)setpgid(pid, pid);   /* both do it: whoever comes first */
        (void)close(output[1]);
        (void)close(trouble[1]);
        if (read(trouble[0], &report.failed_errno, sizeof report.failed_errno) != (ssize_t)sizeof report.failed_errno)
            report.failed_errno = 0;
        watch(pid, output[0], k, &report, &used);
    }
    send(&report, sizeof report);
    send(k->output, used);
    _exit(0);
}
