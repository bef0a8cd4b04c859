/* journal: against a simple model in memory, any sequence of deeds gives what the model says; and each promise of the header by itself. */
#include "unit.h"

#include "base/log.h"
#include "journal/journal.h"
#include "journal/segment.h"
#include "journal_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONSUMERS = 3, MOST = 20000, STEPS = 400, STORIES = 25, BODY_MOST = 60000 };

static struct fault fault;
static const char *const names[CONSUMERS] = { "digest", "sink:loki", "a/../b" };

struct world {
    struct disk             *disk;
    struct journal_files     files;
    struct clock_manual      time;
    struct clock             clock;
    struct journal_options   o;
    struct journal          *j;
    struct journal_consumer *c[CONSUMERS];
    struct journal_view     *view;            /* from inside */
    struct rand              r;
    char                    *noise;

    /* the model: record i has the id i + 1, as no record fails here */
    size_t   size[MOST];
    int64_t  when[MOST];
    uint64_t last, next[CONSUMERS], committed[CONSUMERS];
    atomic_ulong durable;
};

static void open_all(struct world *w)
{
    assert_ok(journal_open(&w->o, &w->j, &fault), &fault);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_ok(journal_consumer_open(w->j, names[i], JOURNAL_FROM_START, &w->c[i], &fault), &fault);
        w->next[i] = w->committed[i] + 1;
    }
    assert_ok(journal_view_inside(w->j, &w->view, &fault), &fault);
}

static void close_all(struct world *w)
{
    journal_view_close(w->view);
    for (int i = 0; i < CONSUMERS; i++)
        journal_consumer_close(w->c[i]);
    journal_close(w->j);
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    w->disk = disk_new(seed);
    w->files = disk_files(w->disk);
    w->time = (struct clock_manual){ 1000000, 1000000 };
    w->clock = clock_manual_of(&w->time);
    w->o = journal_options_default("/var/j");
    w->o.segment_bytes = 1 << 20;
    w->o.size_max = 6 << 20;
    w->o.commit_delay_us = 0;
    w->o.reserve_bytes = 0;
    w->o.files = &w->files;
    w->o.clock = &w->clock;
    rand_seed(&w->r, seed);
    w->o.pack = rand_int(&w->r, 0, 1) ? -5 : 0;
    w->o.keep_us = rand_int(&w->r, 0, 1) * 1000;
    w->o.commit_bytes = rand_int(&w->r, 1000, 300000);
    w->noise = malloc(BODY_MOST);
    for (size_t i = 0; i < BODY_MOST; i++)
        w->noise[i] = (char)rand_int(&w->r, 0, i % 1000 < 700 ? 255 : 3);
    open_all(w);
    return w;
}

static void world_free(struct world *w)
{
    close_all(w);
    disk_free(w->disk);
    free(w->noise);
    free(w);
}

static void count_durable(void *ctx, uint64_t id, enum err result)
{
    struct world *w = ctx;
    assert_int_equal(result, OK);
    assert_int_equal(id, atomic_load(&w->durable) + 1);
    atomic_store(&w->durable, id);
}

static void settle(struct world *w)
{
    while (atomic_load(&w->durable) < w->last)
        (void)sched_yield();
}

static bool append(struct world *w, size_t n)
{
    struct record r = { .received_us = w->time.wall_us, .kind = RECORD_LINES, .form = FORM_PROTOBUF, .events = (uint32_t)(n % 7), .tenant = SLICE("t"), .labels = { w->noise + 5, n % 100 },
                        .body = { w->noise + w->last % 50, n } };
    enum err      e = journal_append(w->j, &r, count_durable, w, &fault);
    if (e == ERR_BUSY)
        return false;
    assert_ok(e, &fault);
    w->when[w->last] = w->time.wall_us;
    w->size[w->last++] = n;
    return true;
}

static void is_record(struct world *w, const struct record *r, uint64_t id)
{
    assert_int_equal(r->id, id);
    size_t n = w->size[id - 1];
    assert_int_equal(r->body.n, n);
    assert_int_equal(r->labels.n, n % 100);
    assert_int_equal(r->events, n % 7);
    assert_true(r->received_us == w->when[id - 1] && r->kind == RECORD_LINES && slice_is(r->tenant, "t"));
    if (n)
        assert_memory_equal(r->body.s, w->noise + (id - 1) % 50, n);
}

/* Up to here everybody has committed: it may be gone. */
static uint64_t held_from(const struct world *w)
{
    uint64_t held = UINT64_MAX;
    for (int k = 0; k < CONSUMERS; k++)
        held = w->committed[k] < held ? w->committed[k] : held;
    return held;
}

/* Any of them, forward and back: what is not committed by somebody must be there. */
static void look_at_some(struct world *w, int64_t n)
{
    struct record r;
    uint64_t      held = held_from(w);
    for (; n > 0; n--) {
        uint64_t id = (uint64_t)rand_int(&w->r, 1, (int64_t)w->last + 1);
        enum err e = journal_view_read(w->view, id, &r, &fault);
        if (e == ERR_MISSING) {
            assert_true(id > w->last || w->last <= held);
            continue;
        }
        assert_ok(e, &fault);
        assert_true(r.id == id || (r.id > id && r.id <= held + 1));
        is_record(w, &r, r.id);
    }
}

/* Reads what comes next; what is not committed by somebody must be there. */
static void read_some(struct world *w, int i, int64_t n)
{
    struct record r;
    uint64_t      held = held_from(w);
    for (; n > 0; n--) {
        enum err e = journal_read(w->c[i], &r, &fault);
        if (e == ERR_MISSING) {
            assert_true(w->next[i] > w->last || w->next[i] <= held);
            return;
        }
        assert_ok(e, &fault);
        assert_true(r.id == w->next[i] || (r.id > w->next[i] && r.id <= held + 1));     /* skipped only what everybody had committed */
        is_record(w, &r, r.id);
        w->next[i] = r.id + 1;
    }
}

static void one_deed(struct world *w)
{
    int i = (int)rand_int(&w->r, 0, CONSUMERS - 1);
    w->time.wall_us += rand_int(&w->r, 0, 300);
    switch (rand_int(&w->r, 0, 21)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7:
        for (int64_t n = rand_int(&w->r, 1, 12); n > 0 && w->last < MOST; n--)
            (void)append(w, (size_t)(rand_int(&w->r, 0, 3) ? rand_int(&w->r, 0, 600) : rand_int(&w->r, 0, BODY_MOST - 100)));
        break;
    case 8: case 9: case 10: case 11: case 12:
        settle(w);
        read_some(w, i, rand_int(&w->r, 1, 40));
        break;
    case 13: case 14: case 15:
        if (w->next[i] - 1 > w->committed[i]) {
            uint64_t id = w->committed[i] + (uint64_t)rand_int(&w->r, 1, (int64_t)(w->next[i] - 1 - w->committed[i]));
            assert_ok(journal_commit(w->c[i], id, &fault), &fault);
            w->committed[i] = id;
        }
        break;
    case 16: {
        settle(w);
        uint64_t id = (uint64_t)rand_int(&w->r, (int64_t)w->committed[i] + 1, (int64_t)w->last + 1);
        assert_ok(journal_seek(w->c[i], id, false, &fault), &fault);
        w->next[i] = id;
        break;
    }
    case 17:
        settle(w);
        close_all(w);
        open_all(w);
        break;
    case 18:         /* what was acknowledged is there after the power was cut */
        settle(w);
        close_all(w);
        disk_crash(w->disk, true);
        open_all(w);
        break;
    case 19:
        settle(w);
        for (int k = 0; k < CONSUMERS; k++) {
            read_some(w, k, MOST);
            assert_ok(journal_commit(w->c[k], w->last, &fault), &fault);
            w->committed[k] = w->last;
        }
        break;
    case 20: case 21:
        settle(w);
        look_at_some(w, rand_int(&w->r, 1, 40));
        break;
    }
}

static void any_sequence_of_deeds_gives_what_the_model_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++) {
        struct world *w = world_new(seed);
        for (int step = 0; step < STEPS; step++)
            one_deed(w);
        settle(w);
        for (int i = 0; i < CONSUMERS; i++) {
            read_some(w, i, MOST);
            assert_true(w->next[i] == w->last + 1 || w->last == 0);
        }
        struct journal_stats s;
        journal_stats(w->j, &s);
        assert_int_equal(s.last_id, w->last);
        assert_int_equal(s.damaged_blocks + s.cut_bytes + s.dropped_events, 0);
        assert_true(s.bytes <= w->o.size_max);
        world_free(w);
    }
}

/* ---- the promises, one by one ---- */

static void records_may_be_read_again_by_everybody_until_the_last_one_has_committed(void **state)
{
    (void)state;
    struct world *w = world_new(101);
    w->o.pack = 0;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    for (int i = 0; i < 3000 && append(w, 50000); i++)
        settle(w);
    assert_string_equal(strstr(fault.text, "size") ? "size" : fault.text, "size");
    uint64_t full_at = w->last;
    assert_true(full_at > 10);
    read_some(w, 0, MOST);
    assert_int_equal(w->next[0], full_at + 1);
    for (int i = 0; i < CONSUMERS - 1; i++)
        assert_ok(journal_commit(w->c[i], full_at, &fault), &fault);
    while (append(w, 50000))                              /* one of them still holds everything */
        settle(w);
    assert_true(w->last < full_at + 60);
    settle(w);
    read_some(w, CONSUMERS - 1, 1);                       /* the first one is there still */
    assert_int_equal(w->next[CONSUMERS - 1], 2);
    assert_ok(journal_commit(w->c[CONSUMERS - 1], full_at, &fault), &fault);
    while (!append(w, 50000))                             /* the keeper makes room by itself */
        (void)sched_yield();
    settle(w);
    world_free(w);
}

static void when_it_was_chosen_the_oldest_are_dropped_and_counted(void **state)
{
    (void)state;
    struct world *w = world_new(102);
    struct journal_stats s;
    struct record r;
    w->o.when_full = JOURNAL_DROP_OLDEST;
    w->o.pack = 0;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    uint64_t events = 0;
    while (w->last < 300) {
        if (append(w, 50003))
            events += 50003 % 7;
        settle(w);
    }
    journal_stats(w->j, &s);
    assert_true(s.dropped_events > 0 && s.dropped_events < events);
    assert_ok(journal_read(w->c[0], &r, &fault), &fault);
    assert_true(r.id > 1);
    is_record(w, &r, r.id);
    assert_int_equal((r.id - 1) * (50003 % 7), s.dropped_events);
    world_free(w);
}

static void a_new_consumer_begins_where_it_says_and_an_old_one_where_it_was(void **state)
{
    (void)state;
    struct world            *w = world_new(103);
    struct journal_consumer *a, *b, *again;
    struct record            r;
    for (int i = 0; i < 10; i++)
        assert_true(append(w, 100));
    settle(w);
    assert_ok(journal_consumer_open(w->j, "now", JOURNAL_FROM_NOW, &a, &fault), &fault);
    assert_ok(journal_consumer_open(w->j, "six", 6, &b, &fault), &fault);
    assert_int_equal(journal_consumer_open(w->j, "six", 6, &again, &fault), ERR_BUSY);
    assert_int_equal(journal_read(a, &r, &fault), ERR_MISSING);
    assert_ok(journal_read(b, &r, &fault), &fault);
    assert_int_equal(r.id, 6);
    assert_ok(journal_commit(b, 7, &fault), &fault);
    assert_ok(journal_commit(b, 3, &fault), &fault);       /* an older one is ignored */
    assert_ok(journal_commit(b, 7, &fault), &fault);
    journal_consumer_close(b);
    assert_ok(journal_consumer_open(w->j, "six", JOURNAL_FROM_START, &b, &fault), &fault);
    assert_ok(journal_read(b, &r, &fault), &fault);
    assert_int_equal(r.id, 8);
    assert_int_equal(journal_consumer_open(w->j, "", 0, &again, &fault), ERR_INPUT);
    struct journal_progress p[8];
    assert_int_equal(journal_progress(w->j, p, 8), 5);
    assert_string_equal(p[4].name, "six");
    assert_int_equal(p[4].committed, 7);
    assert_int_equal(p[4].behind, 3);
    assert_true(p[4].lag_us > 0 && p[3].lag_us == 0);
    assert_int_equal(journal_forget(w->j, "six", &fault), ERR_STATE);        /* it will not help to come again */
    journal_consumer_close(b);
    journal_consumer_close(a);
    assert_ok(journal_forget(w->j, "six", &fault), &fault);
    assert_int_equal(journal_forget(w->j, "six", &fault), ERR_MISSING);
    assert_int_equal(journal_progress(w->j, p, 8), 4);
    world_free(w);
}

static void more_consumers_than_may_be_are_refused(void **state)
{
    (void)state;
    struct world            *w = world_new(104);
    struct journal_consumer *c[JOURNAL_CONSUMERS_MAX], *more;
    char                     name[20];
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX - CONSUMERS; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        assert_ok(journal_consumer_open(w->j, name, 0, &c[i], &fault), &fault);
    }
    assert_int_equal(journal_consumer_open(w->j, "one more", 0, &more, &fault), ERR_LIMIT);
    for (int i = 0; i < JOURNAL_CONSUMERS_MAX - CONSUMERS; i++)
        journal_consumer_close(c[i]);
    world_free(w);
}

static void a_seek_that_is_durable_is_where_the_next_start_begins(void **state)
{
    (void)state;
    struct world *w = world_new(105);
    struct record r;
    for (int i = 0; i < 30; i++)
        assert_true(append(w, 100));
    settle(w);
    assert_ok(journal_commit(w->c[0], 30, &fault), &fault);
    assert_ok(journal_seek(w->c[0], 11, true, &fault), &fault);
    assert_ok(journal_seek(w->c[1], 25, false, &fault), &fault);
    assert_ok(journal_read(w->c[1], &r, &fault), &fault);
    assert_int_equal(r.id, 25);
    close_all(w);
    disk_crash(w->disk, true);
    open_all(w);
    assert_ok(journal_read(w->c[0], &r, &fault), &fault);
    assert_int_equal(r.id, 11);
    assert_ok(journal_read(w->c[1], &r, &fault), &fault);
    assert_int_equal(r.id, 1);
    assert_ok(journal_seek(w->c[0], 1000, false, &fault), &fault);
    assert_int_equal(journal_read(w->c[0], &r, &fault), ERR_MISSING);
    assert_true(append(w, 5));
    settle(w);
    assert_ok(journal_read(w->c[0], &r, &fault), &fault);
    assert_int_equal(r.id, 31);
    world_free(w);
}

static void a_time_is_found_as_the_first_record_received_then(void **state)
{
    (void)state;
    struct world *w = world_new(106);
    uint64_t      id;
    for (int i = 0; i < 100; i++) {
        w->time.wall_us = 1000000 + i * 10;
        assert_true(append(w, 30000));
        if (i % 5 == 4)
            settle(w);
    }
    settle(w);
    assert_ok(journal_find(w->j, 0, &id, &fault), &fault);
    assert_int_equal(id, 1);
    assert_ok(journal_find(w->j, 1000500, &id, &fault), &fault);
    assert_int_equal(id, 51);
    assert_ok(journal_find(w->j, 1000501, &id, &fault), &fault);
    assert_int_equal(id, 52);
    assert_ok(journal_find(w->j, 2000000, &id, &fault), &fault);
    assert_int_equal(id, 101);
    world_free(w);
}

static void what_is_larger_than_may_be_is_refused_and_what_just_fits_is_taken(void **state)
{
    (void)state;
    struct world *w = world_new(107);
    size_t        n = (1 << 20) - 4096 - 96 - 512 - RECORD_TENANT_MAX;
    struct record r = { .kind = RECORD_ROWS, .form = FORM_JSON, .body = { NULL, 1 << 20 } };
    char         *body = calloc(1, 1 << 20);
    uint64_t      id;
    struct rand chance;
    rand_seed(&chance, 1);
    for (size_t i = 0; i < 1 << 20; i++)
        body[i] = (char)rand_int(&chance, 0, 255);
    r.body.s = body;
    assert_int_equal(journal_append_wait(w->j, &r, &id, &fault), ERR_INPUT);
    r.body.n = n;
    assert_ok(journal_append_wait(w->j, &r, &id, &fault), &fault);
    assert_ok(journal_append_wait(w->j, &r, &id, &fault), &fault);
    assert_int_equal(id, 2);
    struct record back;
    close_all(w);
    open_all(w);
    assert_ok(journal_read(w->c[0], &back, &fault), &fault);
    assert_int_equal(back.body.n, n);
    assert_memory_equal(back.body.s, body, n);
    assert_ok(journal_read(w->c[0], &back, &fault), &fault);
    free(body);
    world_free(w);
}

static void more_than_may_wait_is_refused_as_waiting(void **state)
{
    (void)state;
    struct world        *w = world_new(108);
    struct journal_stats s;
    w->o.waiting_max = 100000;
    w->o.commit_delay_us = 3600 * US_PER_S;
    w->o.commit_bytes = 400000;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    assert_true(append(w, 50000) && append(w, 40000));
    assert_true(journal_has_room(w->j, 9000));
    assert_false(journal_has_room(w->j, 10000));
    assert_false(append(w, 10000));
    assert_non_null(strstr(fault.text, "waiting"));
    journal_stats(w->j, &s);
    assert_int_equal(s.refused, 1);
    assert_true(s.waiting_bytes > 90000 && s.last_id == 0 && s.first_id == 1);
    w->o.commit_delay_us = 0;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    settle(w);
    assert_true(append(w, 10000));
    settle(w);
    world_free(w);
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct world  *w = world_new(109);
    struct journal_options o = w->o;
    o.size_max = 3 << 20;
    assert_int_equal(journal_adjust(w->j, &o, &fault), ERR_INPUT);
    struct journal *j;
    o = w->o;
    o.segment_bytes = 1000;
    assert_int_equal(journal_open(&o, &j, &fault), ERR_INPUT);
    o = w->o;
    o.folder = "";
    assert_int_equal(journal_open(&o, &j, &fault), ERR_INPUT);
    world_free(w);
}

static void what_is_over_the_size_after_it_was_lowered_is_removed_when_it_is_passed(void **state)
{
    (void)state;
    struct world *w = world_new(110);
    w->o.size_max = 12 << 20;
    w->o.pack = 0;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    for (int i = 0; i < 140; i++)
        while (!append(w, 50000))
            settle(w);
    settle(w);
    w->o.size_max = 4 << 20;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    struct journal_stats s;
    journal_stats(w->j, &s);
    assert_true(s.bytes > w->o.size_max);
    for (int i = 0; i < CONSUMERS; i++)
        assert_ok(journal_commit(w->c[i], w->last, &fault), &fault);
    do {
        (void)sched_yield();
        journal_stats(w->j, &s);
    } while (s.bytes > w->o.size_max);
    assert_true(s.segments <= 4);
    world_free(w);
}

static void who_waits_is_woken_by_a_record_by_a_call_and_by_the_time(void **state)
{
    (void)state;
    struct world *w = world_new(111);
    assert_false(journal_wait(w->c[0], 0));
    assert_false(journal_wait(w->c[0], 1000));
    journal_wake(w->c[0]);
    assert_true(journal_wait(w->c[0], -1));
    assert_false(journal_wait(w->c[0], 0));
    assert_true(append(w, 10));
    assert_true(journal_wait(w->c[0], -1));
    settle(w);
    world_free(w);
}

static int64_t lag_of(struct world *w, int i)
{
    struct journal_progress p[JOURNAL_CONSUMERS_MAX];
    size_t                  n = journal_progress(w->j, p, JOURNAL_CONSUMERS_MAX);
    for (size_t k = 0; k < n; k++)
        if (strcmp(p[k].name, names[i]) == 0)
            return p[k].lag_us;
    return -1;
}

static void lag_is_the_age_of_the_record_that_waits_longest_wherever_it_is(void **state)
{
    (void)state;
    for (int pack = 0; pack < 2; pack++) {
        struct world *w = world_new(113);
        w->o.pack = pack ? -5 : 0;
        w->o.size_max = 40 << 20;
        w->o.commit_delay_us = 0;
        assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
        for (int i = 0; i < 1500; i++) {
            w->time.wall_us += 1000 * US_PER_S;        /* small ones: many blocks between two marks; and some that fill segments */
            while (!append(w, i % 20 ? 5 : 50000))
                settle(w);
            settle(w);
        }
        for (int again = 0; again < 2; again++) {      /* as it was written, and as the next start finds it: sealed ones have no marks then */
            int64_t now = w->time.wall_us + 7;
            w->time.wall_us = now;
            for (uint64_t id = again ? 2 : 0; id < w->last; id += 97) {
                assert_ok(journal_seek(w->c[1], id + 1, true, &fault), &fault);
                for (int asked = 0; asked < 3; asked++)
                    assert_int_equal(lag_of(w, 1), now - w->when[id]);
            }
            assert_ok(journal_seek(w->c[1], w->last, true, &fault), &fault);
            assert_int_equal(lag_of(w, 1), now - w->when[w->last - 1]);
            assert_ok(journal_seek(w->c[1], w->last + 1, true, &fault), &fault);
            assert_int_equal(lag_of(w, 1), 0);
            assert_int_equal(lag_of(w, 0), now - w->when[0]);
            close_all(w);
            open_all(w);
        }
        world_free(w);
    }
}

/* ---- from inside, without a name ---- */

static struct journal_files counted_files;
static atomic_long          bytes_read;

static ssize_t counted_pread(void *ctx, int fd, void *to, size_t n, off_t at)
{
    ssize_t got = counted_files.pread(ctx, fd, to, n, at);
    atomic_fetch_add(&bytes_read, got);
    return got;
}

static void a_record_is_found_without_reading_what_lies_before_it_also_after_a_start(void **state)
{
    (void)state;
    struct world *w = world_new(109);
    struct record r;
    close_all(w);
    disk_crash(w->disk, false);
    counted_files = w->files;
    w->files.pread = counted_pread;
    w->o.segment_bytes = 8 << 20;
    w->o.size_max = 64 << 20;
    w->o.pack = 0;
    w->o.folder = "/var/large";
    open_all(w);
    while (w->last < 400) {
        assert_true(append(w, 50000));
        settle(w);                                       /* a block each */
    }
    for (int start = 0; start < 2; start++) {
        static const uint64_t ids[] = { 100, 120, 121, 350, 20 };
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
            atomic_store(&bytes_read, 0);
            assert_ok(journal_view_read(w->view, ids[i], &r, &fault), &fault);
            is_record(w, &r, ids[i]);
            assert_in_range(atomic_load(&bytes_read), 0, start ? 1200000 : 300000);      /* headers of one segment, or of a few blocks near it, and one block */
        }
        close_all(w);
        open_all(w);
    }
    world_free(w);
}

/* ---- from outside, on the machine's own files ---- */

static void a_view_sees_what_the_writer_does_without_disturbing_it(void **state)
{
    (void)state;
    char folder[] = "/tmp/test-journal-XXXXXX", command[60];
    assert_non_null(mkdtemp(folder));
    struct journal_options   o = journal_options_default(folder);
    struct journal          *j, *second;
    struct journal_consumer *c;
    struct journal_view     *v;
    struct record            r = { .kind = RECORD_ROWS, .form = FORM_JSON, .events = 2, .body = SLICE("hello") }, back;
    o.segment_bytes = 1 << 20;
    o.size_max = 4 << 20;
    o.commit_delay_us = 0;
    o.reserve_bytes = 0;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    assert_int_equal(journal_open(&o, &second, &fault), ERR_BUSY);
    assert_ok(journal_consumer_open(j, "digest", JOURNAL_FROM_START, &c, &fault), &fault);
    for (int i = 0; i < 5; i++)
        assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    assert_ok(journal_commit(c, 3, &fault), &fault);
    assert_ok(journal_view_open(folder, &v, &fault), &fault);
    assert_ok(journal_view_read(v, 2, &back, &fault), &fault);
    assert_int_equal(back.id, 2);
    assert_true(slice_is(back.body, "hello"));
    assert_ok(journal_view_read(v, 5, &back, &fault), &fault);
    assert_int_equal(journal_view_read(v, 6, &back, &fault), ERR_MISSING);
    assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    assert_ok(journal_view_read(v, 6, &back, &fault), &fault);
    assert_int_equal(back.id, 6);
    struct journal_segment  s[8];
    struct journal_progress p[2];
    size_t                  n = journal_view_segments(v, s, 8);
    assert_true(n >= 1);
    assert_true(s[0].first_id == 1 && s[0].last_id == 6 && s[0].blocks == 6 && s[0].damaged == 0 && !s[0].free);
    assert_int_equal(journal_view_progress(v, p, 2), 1);
    assert_string_equal(p[0].name, "digest");
    assert_int_equal(p[0].committed, 3);
    assert_int_equal(p[0].behind, 3);
    journal_view_close(v);
    assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    journal_consumer_close(c);
    journal_close(j);
    assert_int_equal(journal_view_open("/nonexistent/journal", &v, &fault), ERR_MISSING);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void a_consumer_is_sent_back_from_outside_and_nothing_it_asked_for_is_used_again(void **state)
{
    (void)state;
    char  folder[] = "/tmp/test-journal-XXXXXX", command[60];
    char *body = calloc(1, 300000);
    assert_non_null(mkdtemp(folder));
    struct journal_options   o = journal_options_default(folder);
    struct clock_manual      long_ago = { .wall_us = 1000000, .mono_us = 1000000 };
    struct clock             clock = clock_manual_of(&long_ago);
    struct journal          *j;
    struct journal_consumer *c;
    struct journal_view     *v;
    struct record            back, r = { .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .body = { body, 300000 } };
    struct journal_progress  p[2];
    uint64_t                 id = 0;
    o.segment_bytes = 1 << 20;
    o.size_max = 16 << 20;
    o.commit_delay_us = o.reserve_bytes = 0;
    o.keep_us = INT64_MAX / 2;
    o.pack = 0;
    o.clock = &clock;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "sink:lake", JOURNAL_FROM_START, &c, &fault), &fault);
    for (int i = 1; i <= 20; i++) {
        r.received_us = i * US_PER_S;
        assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    }
    assert_ok(journal_commit(c, 20, &fault), &fault);
    assert_int_equal(journal_view_seek(folder, "sink:lake", 0, &id, &fault), ERR_BUSY);
    journal_consumer_close(c);
    journal_close(j);
    assert_int_equal(journal_view_seek(folder, "sink:nobody", 0, &id, &fault), ERR_MISSING);
    assert_ok(journal_view_seek(folder, "sink:lake", 7 * US_PER_S, &id, &fault), &fault);
    assert_int_equal(id, 7);
    id = 1;
    assert_ok(journal_view_seek(folder, "sink:lake", 0, &id, &fault), &fault);
    assert_ok(journal_view_open(folder, &v, &fault), &fault);
    assert_int_equal(journal_view_progress(v, p, 2), 1);
    assert_int_equal(p[0].committed, 0);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_ok(journal_view_read(v, i, &back, &fault), &fault);
        assert_int_equal(back.id, i);
    }
    journal_view_close(v);
    id = 1000;
    assert_ok(journal_view_seek(folder, "sink:lake", 0, &id, &fault), &fault);
    assert_int_equal(id, 21);
    o.keep_us = 0;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    assert_ok(journal_append_wait(j, &r, &id, &fault), &fault);
    assert_int_equal(id, 21);
    journal_close(j);
    free(body);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void no_file_is_renamed_over_another_one(void **state)
{
    (void)state;
    const struct journal_files *f = &journal_files_real;
    char                        folder[] = "/tmp/test-journal-XXXXXX", one[60], two[60], command[60], in[4] = "";
    assert_non_null(mkdtemp(folder));
    (void)snprintf(one, sizeof one, "%s/one", folder);
    (void)snprintf(two, sizeof two, "%s/two", folder);
    for (int i = 0; i < 2; i++) {
        int fd = f->open(f->ctx, i ? two : one, O_RDWR | O_CREAT, 0600);
        assert_true(fd >= 0 && journal_files_write_all(f, fd, i ? "two" : "one", 3, 0));
        (void)f->close(f->ctx, fd);
    }
    assert_int_equal(f->rename(f->ctx, one, two), -1);
    assert_int_equal(errno, EEXIST);
    int fd = f->open(f->ctx, two, O_RDONLY, 0);
    assert_int_equal(journal_files_read_all(f, fd, in, 3, 0), 3);
    assert_string_equal(in, "two");
    (void)f->close(f->ctx, fd);
    assert_int_equal(f->unlink(f->ctx, two), 0);
    assert_int_equal(f->rename(f->ctx, one, two), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* The machine's own calls. */
static void a_journal_whose_folder_was_removed_takes_nothing_until_there_is_one_again(void **state)
{
    (void)state;
    char                   folder[] = "/tmp/test-journal-XXXXXX", command[60];
    struct journal        *j;
    struct journal_options o = journal_options_default(folder);
    struct journal_stats   s;
    struct record          r = { .received_us = 1, .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .body = SLICE("body") }, in;
    uint64_t               id = 0;
    enum err               e = OK;
    assert_non_null(mkdtemp(folder));
    o.segment_bytes = 1 << 20;
    o.reserve_bytes = 0;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    assert_ok(journal_append_wait(j, &r, &id, &fault), &fault);
    do                                                   /* and no more files are made in it meanwhile */
        journal_stats(j, &s);
    while (s.segments_free < 2);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_not_equal(journal_append_wait(j, &r, &id, &fault), OK);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (int i = 0; i < 1000 && (e = journal_append_wait(j, &r, &id, &fault)) != OK; i++)
        (void)usleep(10000);
    assert_ok(e, &fault);
    journal_close(j);
    struct journal_consumer *c;
    assert_ok(journal_open(&o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_ok(journal_read(c, &in, &fault), &fault);
    assert_int_equal(in.id, id);
    journal_consumer_close(c);
    journal_close(j);
    assert_int_equal(system(command), 0);
}

static size_t view_of(const char *folder, struct journal_stats *s, uint64_t *damaged)
{
    struct journal_view    *v;
    struct journal_segment list[16];
    assert_ok(journal_view_open(folder, &v, &fault), &fault);
    size_t n = journal_view_segments(v, list, 16);
    journal_view_stats(v, s);
    journal_view_close(v);
    *damaged = 0;
    for (size_t i = 0; i < n; i++)
        *damaged += list[i].damaged;
    return n;
}

static void a_view_tells_of_what_was_durable_at_the_end_and_is_destroyed_or_gone(void **state)
{
    (void)state;
    char                   folder[] = "/tmp/test-journal-XXXXXX", command[200];
    char                  *body = calloc(1, 300000);
    uint64_t               damaged;
    struct journal        *j;
    struct journal_stats   s;
    struct record          r = { .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .body = { body, 300000 } };
    assert_non_null(mkdtemp(folder));
    struct journal_options o = journal_options_default(folder);
    o.segment_bytes = 1 << 20;
    o.size_max = 16 << 20;
    o.commit_delay_us = o.reserve_bytes = 0;
    o.pack = 0;
    memset(body, 'x', 300000);
    assert_ok(journal_open(&o, &j, &fault), &fault);
    for (int i = 0; i < 5; i++)
        assert_ok(journal_append_wait(j, &r, NULL, &fault), &fault);
    (void)view_of(folder, &s, &damaged);                     /* while it is written */
    assert_int_equal(damaged + s.lost_segments + s.cut_bytes, 0);
    journal_close(j);
    (void)view_of(folder, &s, &damaged);
    assert_int_equal(damaged + s.lost_segments + s.cut_bytes, 0);
    assert_int_equal(s.last_id, 5);
    /* Two records are in the second segment; a byte of the last one. */
    (void)snprintf(command, sizeof command, "printf y | dd of=%s/00000002.seg bs=1 seek=400000 conv=notrunc 2>/dev/null", folder);
    assert_int_equal(system(command), 0);
    (void)view_of(folder, &s, &damaged);
    assert_int_equal(damaged, 1);
    assert_int_equal(s.lost_segments + s.cut_bytes, 0);
    (void)snprintf(command, sizeof command, "rm %s/00000002.seg", folder);
    assert_int_equal(system(command), 0);
    (void)view_of(folder, &s, &damaged);
    assert_int_equal(damaged, 0);
    assert_int_equal(s.lost_segments, 1);
    free(body);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* What a version wrote that knew no identity, no end in meta and nothing of what is synced together. */
static void make_older(struct world *w)
{
    for (int i = 0; i < 2; i++)
        memset(disk_bytes(w->disk, "/var/j/meta", NULL) + i * 512 + 128, 0, 384);
    for (int k = 0; disk_path(w->disk, ".cursor", k); k++)
        for (int i = 0; i < 2; i++) {
            int64_t size;
            char   *bytes = disk_bytes(w->disk, disk_path(w->disk, ".cursor", k), &size);
            if (size >= (i + 1) * 512)
                memset(bytes + i * 512 + 128, 0, 384);
        }
    for (int k = 0; disk_path(w->disk, ".seg", k); k++) {
        int64_t        size;
        struct block   b;
        struct segment s;
        char          *bytes = disk_bytes(w->disk, disk_path(w->disk, ".seg", k), &size);
        assert_true(journal_segment_page_read(bytes, &s));
        s.identity = 0;
        char seal[3584];
        memcpy(seal, bytes + 512, sizeof seal);
        journal_segment_page_write(bytes, &s, 1);
        memcpy(bytes + 512, seal, sizeof seal);
        for (int64_t at = 4096; at + BLOCK_HEAD <= size; at += 512)
            if (journal_block_head_read(bytes + at, &b) && b.stamp == s.stamp) {
                b.since = 0;
                journal_block_head_write(bytes + at, &b);
            }
    }
}

static void a_journal_of_an_older_version_is_gone_on_with_and_gets_its_identity(void **state)
{
    (void)state;
    struct world        *w = world_new(112);
    struct journal_stats s;
    w->o.pack = 0;
    assert_ok(journal_adjust(w->j, &w->o, &fault), &fault);
    for (int i = 0; i < 40; i++)
        while (!append(w, 50000))
            settle(w);
    settle(w);
    read_some(w, 0, 20);
    assert_ok(journal_commit(w->c[0], 20, &fault), &fault);
    w->committed[0] = 20;
    close_all(w);
    make_older(w);
    open_all(w);
    journal_stats(w->j, &s);
    uint64_t identity = s.identity;
    assert_true(identity != 0 && s.last_id == 40);
    assert_int_equal(s.damaged_blocks + s.cut_bytes + s.lost_segments, 0);
    for (int i = 0; i < 10; i++)
        while (!append(w, 50000))
            settle(w);
    settle(w);
    for (int i = 0; i < CONSUMERS; i++) {
        read_some(w, i, MOST);
        assert_int_equal(w->next[i], 51);
    }
    do                                                   /* the first segments that have it are ready */
        journal_stats(w->j, &s);
    while (s.segments_free < 2);
    close_all(w);
    open_all(w);
    journal_stats(w->j, &s);
    assert_int_equal(s.identity, identity);
    close_all(w);
    memset(disk_bytes(w->disk, "/var/j/meta", NULL), 0xee, 1024);      /* the pages know it as well */
    open_all(w);
    journal_stats(w->j, &s);
    assert_int_equal(s.identity, identity);
    assert_int_equal(s.damaged_blocks + s.cut_bytes + s.lost_segments, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_of_deeds_gives_what_the_model_says),
        cmocka_unit_test(records_may_be_read_again_by_everybody_until_the_last_one_has_committed),
        cmocka_unit_test(when_it_was_chosen_the_oldest_are_dropped_and_counted),
        cmocka_unit_test(a_new_consumer_begins_where_it_says_and_an_old_one_where_it_was),
        cmocka_unit_test(more_consumers_than_may_be_are_refused),
        cmocka_unit_test(a_seek_that_is_durable_is_where_the_next_start_begins),
        cmocka_unit_test(a_time_is_found_as_the_first_record_received_then),
        cmocka_unit_test(what_is_larger_than_may_be_is_refused_and_what_just_fits_is_taken),
        cmocka_unit_test(more_than_may_wait_is_refused_as_waiting),
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(what_is_over_the_size_after_it_was_lowered_is_removed_when_it_is_passed),
        cmocka_unit_test(who_waits_is_woken_by_a_record_by_a_call_and_by_the_time),
        cmocka_unit_test(lag_is_the_age_of_the_record_that_waits_longest_wherever_it_is),
        cmocka_unit_test(a_record_is_found_without_reading_what_lies_before_it_also_after_a_start),
        cmocka_unit_test(a_view_sees_what_the_writer_does_without_disturbing_it),
        cmocka_unit_test(a_consumer_is_sent_back_from_outside_and_nothing_it_asked_for_is_used_again),
        cmocka_unit_test(no_file_is_renamed_over_another_one),
        cmocka_unit_test(a_journal_whose_folder_was_removed_takes_nothing_until_there_is_one_again),
        cmocka_unit_test(a_view_tells_of_what_was_durable_at_the_end_and_is_destroyed_or_gone),
        cmocka_unit_test(a_journal_of_an_older_version_is_gone_on_with_and_gets_its_identity),
    };
    log_setup(LOG_LOGFMT, (enum log_level)(LOG_ERROR + 1), NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
