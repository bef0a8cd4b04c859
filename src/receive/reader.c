/* receive/reader.c - see reader.h. One poll over inotify, journald and a wake; rests between turns, so that many small writes are one turn. */
#include "receive/reader.h"

#include "receive/follow.h"
#include "receive/journald.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { REST_MS = 40, STOP_US = 5 * 1000 * 1000 };

struct reader {
    const struct clock *clock;
    pthread_t           thread;
    bool                runs;
    atomic_bool         stopping;
    int                 wake;
    struct follow      *follow;        /* NULL: no files */
    struct journald    *journald;      /* NULL: not enabled */
};

static int64_t least(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

static void wait_for(struct reader *r, int64_t wait_us, bool only_wake)
{
    struct pollfd fds[] = { { .fd = r->wake, .events = POLLIN }, { .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
    int64_t       ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
    uint64_t      times;
    if (!only_wake && r->follow)
        fds[1].fd = follow_fd(r->follow);
    if (!only_wake && r->journald)
        fds[2].fd = journald_fd(r->journald);
    if (poll(fds, 3, ms > 60000 ? 60000 : (int)ms) > 0 && fds[0].revents && read(r->wake, &times, sizeof times) < 0 && errno != EAGAIN)
        log_error("the wake of who reads files cannot be read", F("errno", errno));
}

static int64_t turn(struct reader *r)
{
    int64_t now_us = clock_mono_us(r->clock), wait = -1;
    if (r->follow)
        wait = least(wait, follow_turn(r->follow, now_us));
    if (r->journald)
        wait = least(wait, journald_turn(r->journald, now_us));
    return wait;
}

static void finish(struct reader *r)
{
    int64_t begin_us = clock_mono_us(r->clock), now_us = begin_us;
    if (r->follow)
        follow_end(r->follow, now_us);
    if (r->journald)
        journald_end(r->journald, now_us);
    while (((r->follow && !follow_settled(r->follow)) || (r->journald && !journald_settled(r->journald))) && (now_us = clock_mono_us(r->clock)) - begin_us < STOP_US) {
        int64_t wait = turn(r);
        wait_for(r, wait < 0 || wait > 20000 ? 20000 : wait, true);
    }
}

static void *run(void *ctx)
{
    struct reader *r = ctx;
    while (!atomic_load(&r->stopping)) {
        int64_t wait = turn(r);
        if (wait < 0 || wait > 1000)
            wait_for(r, wait, false);
        if (wait != 0 && !atomic_load(&r->stopping))
            wait_for(r, REST_MS * 1000, true);
    }
    finish(r);
    return NULL;
}

enum err reader_start(const struct conf *conf, struct journal *j, const char *folder, const struct clock *clock, struct reader **out, struct fault *fault)
{
    const struct journald_conf *jc = conf_of(conf, &journald_section);
    size_t                      files;
    (void)conf_instances(conf, &files_section, &files);
    *out = NULL;
    if (!files && !jc->enabled)
        return OK;
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory to read files");
    r->clock = clock;
    r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum err e = r->wake < 0 ? fail(fault, ERR_IO, "no eventfd to read files: %s", strerror(errno)) : OK;
    if (e == OK && files)
        e = follow_new(conf, j, folder, r->wake, &r->follow, fault);
    if (e == OK && jc->enabled)
        e = journald_new(conf, j, folder, r->wake, &r->journald, fault);
    if (e == OK && !(r->runs = pthread_create(&r->thread, NULL, run, r) == 0))
        e = fail(fault, ERR_LIMIT, "no thread to read files");
    if (e != OK) {
        reader_stop(r);
        return e;
    }
    *out = r;
    return OK;
}

void reader_stop(struct reader *r)
{
    uint64_t one = 1;
    if (!r)
        return;
    atomic_store(&r->stopping, true);
    if (r->runs && write(r->wake, &one, sizeof one) == (ssize_t)sizeof one)
        (void)pthread_join(r->thread, NULL);
    follow_free(r->follow);
    journald_free(r->journald);
    if (r->wake >= 0)
        (void)close(r->wake);
    free(r);
}

static void put(struct input_stats *s, const struct batch_counts *c)
{
    *s = (struct input_stats){ .on = true, .lines = c->lines, .bytes = c->bytes, .records = c->records, .lost = c->lost, .waiting_bytes = c->waiting_bytes, .held = c->held };
    (void)text_copy(s->last_error, sizeof s->last_error, c->last_error);
}

void reader_stats(struct reader *r, struct inputs_stats *out)
{
    struct batch_counts c;
    uint64_t            cut;
    int64_t             open;
    if (r && r->follow) {
        follow_count(r->follow, &c, &cut, &open);
        put(&out->of[INPUT_FILES], &c);
        out->of[INPUT_FILES].cut = cut;
        out->of[INPUT_FILES].open = open;
    }
    if (r && r->journald) {
        journald_count(r->journald, &c, &cut);
        put(&out->of[INPUT_JOURNALD], &c);
        out->of[INPUT_JOURNALD].cut = cut;
        out->of[INPUT_JOURNALD].on = !journald_missing(r->journald);
    }
}

json_t *reader_status(struct reader *r) { return r && r->follow ? follow_status(r->follow) : NULL; }
