/* journal: whatever call fails and wherever it is killed, what was acknowledged is there once, in order, as it was. */
#include "unit.h"

#include "base/log.h"
#include "journal/journal.h"
#include "journal/segment.h"
#include "journal_disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS = 60, BODY = 90000, RING = 4096 };

static struct fault fault;

/* What was sent and what became of it; the number of a record is in its body. */
struct tale {
    struct disk          *disk;
    struct journal_files  files;
    struct journal_options o;
    pthread_mutex_t       lock;
    uint64_t              id[RING];             /* 0: not acknowledged */
    uint64_t              last_acknowledged, committed, asked;     /* asked: to commit; a commit that failed may have happened */
    int                   sent;
    atomic_int            answered, refused;
    char                 *noise;
};

static void tale_init(struct tale *t, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    t->disk = disk_new(seed);
    t->files = disk_files(t->disk);
    t->o = journal_options_default("/j");
    t->o.segment_bytes = 1 << 20;
    t->o.size_max = 5 << 20;
    t->o.keep_us = 0;
    t->o.commit_delay_us = 0;
    t->o.commit_bytes = 4 * BODY;
    t->o.reserve_bytes = 0;
    t->o.files = &t->files;
    (void)pthread_mutex_init(&t->lock, NULL);
    struct rand r;
    rand_seed(&r, seed + 1);
    t->noise = malloc(BODY + 8);
    for (size_t i = 0; i < BODY; i += 8) {
        uint64_t v = rand_u64(&r);
        memcpy(t->noise + i, &v, 8);
    }
}

static void tale_done(struct tale *t)
{
    disk_free(t->disk);
    free(t->noise);
    (void)pthread_mutex_destroy(&t->lock);
}

struct sent { struct tale *tale; int number; };

static void answered(void *ctx, uint64_t id, enum err result)
{
    struct sent *s = ctx;
    struct tale *t = s->tale;
    pthread_mutex_lock(&t->lock);
    if (result == OK) {
        if (id <= t->last_acknowledged)
            print_error("id %llu was given after %llu\n", (unsigned long long)id, (unsigned long long)t->last_acknowledged);
        assert_true(id > t->last_acknowledged);
        t->last_acknowledged = id;
        t->id[s->number] = id;
    } else {
        assert_int_equal(id, 0);
        atomic_fetch_add(&t->refused, 1);
    }
    pthread_mutex_unlock(&t->lock);
    atomic_fetch_add(&t->answered, 1);
    free(s);
}

/* Sizes from nothing to a tenth of a segment, by the number alone. */
static size_t body_size(int number) { return 8 + (size_t)(number * 7919 % 5 == 0 ? number * 31 % 400 : number * 7919 % (BODY - 8)); }

static enum err send(struct tale *t, struct journal *j)
{
    int           number = t->sent;
    struct sent  *s = malloc(sizeof *s);
    size_t        n = body_size(number);
    char         *body = malloc(n);
    struct record r = { .received_us = 1000 + number, .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .source = SLICE("test"), .body = { body, n } };
    *s = (struct sent){ t, number };
    memcpy(body, t->noise, n);
    memcpy(body, &number, sizeof number);
    enum err e = journal_append(j, &r, answered, s, &fault);
    free(body);
    if (e == OK)
        t->sent++;
    else
        free(s);
    return e;
}

/* The number of a record that is as it was sent. */
static int number_of(struct tale *t, const struct record *r)
{
    int number;
    assert_true(r->body.n >= sizeof number);
    memcpy(&number, r->body.s, sizeof number);
    assert_true(number >= 0 && number < t->sent);
    assert_int_equal(r->body.n, body_size(number));
    assert_memory_equal(r->body.s + sizeof number, t->noise + sizeof number, r->body.n - sizeof number);
    assert_true(slice_is(r->source, "test"));
    return number;
}

static void wait_for(struct tale *t, int n)
{
    while (atomic_load(&t->answered) < n && !disk_dead(t->disk))
        (void)sched_yield();
}

/* Appends, reads and commits until it is done or dead. */
static void live(struct tale *t, int until)
{
    struct journal          *j = NULL;
    struct journal_consumer *c = NULL;
    struct record            r;
    uint64_t                 last = t->committed;
    if (journal_open(&t->o, &j, &fault) != OK)
        return;
    if (journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault) == OK) {
        while (t->sent < until && !disk_dead(t->disk)) {
            int burst = t->sent % 3 + 1;
            for (int i = 0; i < burst && t->sent < until; i++)
                if (send(t, j) != OK)
                    break;
            wait_for(t, t->sent);
            enum err e;
            while ((e = journal_read(c, &r, &fault)) == OK) {
                (void)number_of(t, &r);
                assert_true(r.id > last);
                last = r.id;
            }
            if (t->sent % 7 == 0) {
                t->asked = last;
                if (journal_commit(c, last, &fault) == OK)
                    t->committed = last;
            }
        }
    }
    journal_consumer_close(c);
    journal_close(j);
    assert_int_equal(atomic_load(&t->answered), t->sent);
}

/* Everything acknowledged and not committed is there, once, in order; what was never acknowledged may be, at most once. */
static void check(struct tale *t)
{
    struct journal          *j;
    struct journal_consumer *c;
    struct record            r;
    bool                     seen[RING] = { false };
    uint64_t                 last = 0;
    enum err                 e;
    assert_ok(journal_open(&t->o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    while ((e = journal_read(c, &r, &fault)) == OK) {
        int n = number_of(t, &r);
        assert_true(r.id > last && r.id > t->committed);
        assert_false(seen[n]);
        assert_true(t->id[n] == 0 || t->id[n] == r.id);
        seen[n] = true;
        last = r.id;
    }
    assert_int_equal(e, ERR_MISSING);
    for (int n = 0; n < t->sent; n++)
        if (t->id[n] > t->asked && !seen[n]) {
            print_error("record %d (id %llu of %llu, committed %llu) is lost\n", n, (unsigned long long)t->id[n], (unsigned long long)t->last_acknowledged, (unsigned long long)t->committed);
            assert_true(seen[n]);
        }
    struct journal_stats s;
    journal_stats(j, &s);
    if (s.damaged_blocks)
        print_error("%llu blocks are called damaged that were torn\n", (unsigned long long)s.damaged_blocks);
    assert_int_equal(s.damaged_blocks, 0);
    /* And it goes on. */
    int before = t->sent;
    assert_ok(send(t, j), &fault);
    wait_for(t, t->sent);
    assert_true(t->id[before] > last);
    assert_ok(journal_read(c, &r, &fault), &fault);
    assert_int_equal(number_of(t, &r), before);
    journal_consumer_close(c);
    journal_close(j);
}

static void kill_everywhere(bool power)
{
    long step = 1;
    for (long at = 1; ; at += step) {
        struct tale t;
        tale_init(&t, (uint64_t)at);
        disk_kill_at(t.disk, at);
        live(&t, RECORDS);
        bool died = disk_dead(t.disk);
        disk_crash(t.disk, power);
        check(&t);
        tale_done(&t);
        if (!died)
            break;
    }
}

static void killed_at_any_call_nothing_acknowledged_is_lost_or_comes_twice(void **state)
{
    (void)state;
    kill_everywhere(false);
}

static void cut_from_power_at_any_call_nothing_acknowledged_is_lost_or_comes_twice(void **state)
{
    (void)state;
    kill_everywhere(true);
}

static void killed_again_and_again_the_same_journal_keeps_everything(void **state)
{
    (void)state;
    struct tale t;
    struct rand r;
    tale_init(&t, 99);
    rand_seed(&r, 5);
    for (int round = 0; round < 60; round++) {
        disk_kill_at(t.disk, rand_int(&r, 1, 200));
        live(&t, t.sent + 30);
        disk_crash(t.disk, round % 3 != 0);
        check(&t);
        disk_crash(t.disk, true);
    }
    tale_done(&t);
}

static void short_writes_are_gone_on_with(void **state)
{
    (void)state;
    struct tale t;
    tale_init(&t, 3);
    disk_short_writes(t.disk, true);
    live(&t, RECORDS);
    assert_int_equal(atomic_load(&t.refused), 0);
    disk_crash(t.disk, true);
    check(&t);
    tale_done(&t);
}

static void after_a_sync_that_failed_the_group_is_written_elsewhere(void **state)
{
    (void)state;
    for (long at = 6; at < 60; at++) {
        struct tale t;
        tale_init(&t, (uint64_t)at);
        disk_fail(t.disk, DISK_SYNC, EIO, at, 1);
        live(&t, RECORDS);
        assert_int_equal(t.sent == 0 || atomic_load(&t.refused) == 0, 1);
        disk_crash(t.disk, true);
        check(&t);
        tale_done(&t);
    }
}

static void after_a_write_that_failed_the_group_is_written_elsewhere(void **state)
{
    (void)state;
    for (long at = 6; at < 60; at++) {
        struct tale t;
        tale_init(&t, (uint64_t)at);
        disk_fail(t.disk, DISK_WRITE, EIO, at, 1);
        live(&t, RECORDS);
        assert_int_equal(t.sent == 0 || atomic_load(&t.refused) == 0, 1);
        disk_crash(t.disk, true);
        check(&t);
        tale_done(&t);
    }
}

static void a_disk_that_stays_broken_is_told_to_whoever_appended_and_nothing_breaks(void **state)
{
    (void)state;
    struct tale t;
    tale_init(&t, 4);
    struct journal *j;
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(send(&t, j), &fault);
    wait_for(&t, 1);
    assert_int_equal(t.id[0], 1);
    disk_fail(t.disk, DISK_SYNC | DISK_WRITE, EIO, 1, 1000000);
    assert_ok(send(&t, j), &fault);
    journal_close(j);
    assert_int_equal(atomic_load(&t.answered), 2);
    assert_int_equal(atomic_load(&t.refused), 1);
    disk_crash(t.disk, true);
    check(&t);
    tale_done(&t);
}

static void a_full_disk_makes_senders_wait_and_goes_on_by_itself(void **state)
{
    (void)state;
    struct tale t;
    tale_init(&t, 5);
    struct journal          *j;
    struct journal_consumer *c;
    struct journal_stats     s;
    disk_set_room(t.disk, 2 << 20);
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "slow", JOURNAL_FROM_START, &c, &fault), &fault);
    enum err e;
    do {
        e = send(&t, j);
        wait_for(&t, t.sent);
    } while (e == OK && t.sent < 500);
    assert_int_equal(e, ERR_BUSY);
    assert_non_null(strstr(fault.text, "disk"));
    assert_true(t.sent > 5);
    assert_false(journal_has_room(j, BODY));
    journal_stats(j, &s);
    assert_true(s.full && s.refused > 0);
    assert_int_equal(atomic_load(&t.refused), 0);
    disk_set_room(t.disk, 1 << 30);
    while ((e = send(&t, j)) == ERR_BUSY)
        (void)sched_yield();
    assert_ok(e, &fault);
    wait_for(&t, t.sent);
    journal_stats(j, &s);
    assert_false(s.full);
    journal_consumer_close(c);
    journal_close(j);
    check(&t);
    tale_done(&t);
}

static void a_write_without_room_is_tried_again_until_there_is_some(void **state)
{
    (void)state;
    struct tale     t;
    struct journal *j;
    tale_init(&t, 6);
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    disk_fail(t.disk, DISK_WRITE, ENOSPC, 1, 3);
    assert_ok(send(&t, j), &fault);
    wait_for(&t, 1);
    assert_true(t.id[0] > 0);
    journal_close(j);
    check(&t);
    tale_done(&t);
}

static void a_reserve_of_the_disk_is_not_touched(void **state)
{
    (void)state;
    struct tale     t;
    struct journal *j;
    enum err        e;
    tale_init(&t, 7);
    disk_set_room(t.disk, 3 << 20);
    t.o.reserve_bytes = (2 << 20) - 1;
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    struct journal_consumer *c;
    assert_ok(journal_consumer_open(j, "slow", JOURNAL_FROM_START, &c, &fault), &fault);
    do {
        e = send(&t, j);
        wait_for(&t, t.sent);
    } while (e == OK && t.sent < 500);
    assert_int_equal(e, ERR_BUSY);
    assert_non_null(strstr(fault.text, "reserve"));
    assert_true(t.files.room(t.files.ctx, "/j") >= t.o.reserve_bytes);
    journal_consumer_close(c);
    journal_close(j);
    tale_done(&t);
}

/* ---- damage ---- */

static void fill(struct tale *t, int n)
{
    struct journal          *j;
    struct journal_consumer *c;
    assert_ok(journal_open(&t->o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    while (t->sent < n) {
        assert_ok(send(t, j), &fault);
        wait_for(t, t->sent);
    }
    journal_consumer_close(c);
    journal_close(j);
}

static int count_readable(struct tale *t, struct journal_stats *s)
{
    struct journal          *j;
    struct journal_consumer *c;
    struct record            r;
    int                      n = 0;
    uint64_t                 last = 0;
    assert_ok(journal_open(&t->o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK) {
        (void)number_of(t, &r);
        assert_true(r.id > last);
        last = r.id;
        n++;
    }
    journal_stats(j, s);
    journal_consumer_close(c);
    journal_close(j);
    return n;
}

static void a_damaged_block_is_put_aside_counted_once_and_skipped(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 8);
    fill(&t, 40);
    char *bytes = disk_bytes(t.disk, "/j/00000001.seg", NULL);
    bytes[300000] ^= 1;                     /* in a sealed segment: found by whoever reads */
    assert_int_equal(count_readable(&t, &s), 39);
    assert_int_equal(s.damaged_blocks, 1);
    assert_true(s.damaged_bytes > 0);
    const char *kept = disk_path(t.disk, ".bad", 0);
    assert_non_null(kept);
    assert_null(disk_path(t.disk, ".bad", 1));
    assert_int_equal(count_readable(&t, &s), 39);
    assert_int_equal(s.damaged_blocks, 0);  /* known by then */
    tale_done(&t);
}

static void damage_in_the_segment_that_is_being_written_is_found_at_the_start(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 9);
    fill(&t, 8);
    char *bytes = disk_bytes(t.disk, "/j/00000001.seg", NULL);
    bytes[4096 + 96 + 20] ^= 1;  /* the first block */
    assert_int_equal(count_readable(&t, &s), 7);
    assert_int_equal(s.damaged_blocks, 1);
    tale_done(&t);
}

static void a_segment_whose_page_is_destroyed_is_read_by_its_blocks(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 10);
    fill(&t, 40);
    memset(disk_bytes(t.disk, "/j/00000001.seg", NULL), 0xee, 4096);
    assert_int_equal(count_readable(&t, &s), 40);
    assert_true(s.damaged_blocks > 0);
    check(&t);
    tale_done(&t);
}

static void a_segment_that_vanished_is_told_and_gone_past_and_its_ids_do_not_come_again(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 11);
    fill(&t, 40);
    uint64_t last = t.last_acknowledged;
    assert_true(disk_remove(t.disk, "/j/00000002.seg"));
    int left = count_readable(&t, &s);
    assert_true(left > 10 && left < 40);
    while (disk_path(t.disk, ".seg", 0))
        assert_true(disk_remove(t.disk, disk_path(t.disk, ".seg", 0)));
    assert_int_equal(count_readable(&t, &s), 0);
    struct journal *j;
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(send(&t, j), &fault);
    wait_for(&t, t.sent);
    assert_true(t.id[t.sent - 1] > last);
    journal_close(j);
    tale_done(&t);
}

/* It is synced, and no start will ever find it. */
static void what_went_into_a_segment_that_somebody_removed_is_not_acknowledged(void **state)
{
    (void)state;
    struct tale          t;
    struct journal      *j;
    struct journal_stats s;
    tale_init(&t, 14);
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(send(&t, j), &fault);
    wait_for(&t, 1);
    do
        journal_stats(j, &s);
    while (s.segments_free < 2);
    while (disk_path(t.disk, ".seg", 0))                 /* those that are ready as well */
        assert_true(disk_remove(t.disk, disk_path(t.disk, ".seg", 0)));
    assert_ok(send(&t, j), &fault);
    wait_for(&t, 2);
    for (int i = 0; i < 3; i++)
        assert_ok(send(&t, j), &fault);
    wait_for(&t, t.sent);
    int acknowledged = 0;
    for (int i = 1; i < t.sent; i++)
        acknowledged += t.id[i] != 0;
    assert_true(acknowledged >= 3);                      /* as soon as there is a new segment it goes on */
    journal_close(j);
    disk_crash(t.disk, true);
    assert_int_equal(count_readable(&t, &s), acknowledged);
    tale_done(&t);
}

static void who_waits_for_records_that_are_gone_waits_instead_of_turning(void **state)
{
    (void)state;
    struct tale              t;
    struct journal          *j;
    struct journal_consumer *c;
    struct record            r;
    tale_init(&t, 12);
    fill(&t, 20);
    while (disk_path(t.disk, ".seg", 0))
        assert_true(disk_remove(t.disk, disk_path(t.disk, ".seg", 0)));
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_int_equal(journal_read(c, &r, &fault), ERR_MISSING);
    assert_false(journal_wait(c, 0));
    assert_ok(send(&t, j), &fault);
    assert_true(journal_wait(c, -1));
    assert_ok(journal_read(c, &r, &fault), &fault);
    assert_int_equal(number_of(&t, &r), 20);
    wait_for(&t, t.sent);
    journal_consumer_close(c);
    journal_close(j);
    tale_done(&t);
}

static void a_file_that_is_no_segment_does_not_keep_it_from_opening(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 12);
    fill(&t, 20);
    int fd = t.files.open(t.files.ctx, "/j/000000aa.seg", 0100 | 2, 0600);
    assert_true(journal_files_write_all(&t.files, fd, t.noise, BODY, 0));
    (void)t.files.close(t.files.ctx, fd);
    fd = t.files.open(t.files.ctx, "/j/000000ab.seg", 0100 | 2, 0600);
    (void)t.files.close(t.files.ctx, fd);
    assert_int_equal(count_readable(&t, &s), 20);
    assert_int_equal(s.damaged_blocks, 1);
    tale_done(&t);
}

static void a_cursor_that_cannot_be_read_begins_with_the_oldest(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 13);
    fill(&t, 9);
    memset(disk_bytes(t.disk, "/j/main.cursor", NULL), 0xee, 1024);
    memset(disk_bytes(t.disk, "/j/meta", NULL), 0xee, 1024);
    assert_int_equal(count_readable(&t, &s), 9);
    tale_done(&t);
}

static void a_torn_slot_leaves_the_cursor_where_it_was_before(void **state)
{
    (void)state;
    struct tale              t;
    struct journal          *j;
    struct journal_consumer *c;
    struct record            r;
    tale_init(&t, 14);
    fill(&t, 9);
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_ok(journal_commit(c, 3, &fault), &fault);     /* the second turn: slot 0 */
    assert_ok(journal_commit(c, 5, &fault), &fault);
    journal_consumer_close(c);
    journal_close(j);
    memset(disk_bytes(t.disk, "/j/main.cursor", NULL) + 512 + 20, 0xee, 30);
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_ok(journal_read(c, &r, &fault), &fault);
    assert_int_equal(r.id, 4);
    journal_consumer_close(c);
    journal_close(j);
    tale_done(&t);
}

/* ---- what was durable at the end, and is not there any more ---- */

/* The last segment in which blocks of records are; *used: behind its last block. */
static char *last_used(struct tale *t, int64_t *used, const char **path)
{
    char *found = NULL;
    for (int i = 0; disk_path(t->disk, ".seg", i); i++) {
        int64_t size;
        char   *bytes = disk_bytes(t->disk, disk_path(t->disk, ".seg", i), &size);
        if (memcmp(bytes + 4096, "HJB1", 4) != 0)
            continue;
        found = bytes;
        *path = disk_path(t->disk, ".seg", i);
        for (*used = size; *used > 4096 && !bytes[*used - 1]; --*used)
            ;
    }
    return found;
}

/* Starts of blocks in a segment, and how many. */
static int blocks_of(const char *bytes, int64_t used, int64_t at[64])
{
    int n = 0;
    for (int64_t i = 4096; i < used && n < 64; i += 512)
        if (memcmp(bytes + i, "HJB1", 4) == 0)
            at[n++] = i;
    return n;
}

enum ruin { RUIN_BIT, RUIN_HEADER, RUIN_ZEROS, RUIN_THREE, RUIN_ALL, RUINS };

static void what_was_durable_at_the_end_and_is_destroyed_is_told_counted_once_and_put_aside(void **state)
{
    (void)state;
    for (int how = 0; how < RUINS; how++) {
        struct tale          t;
        struct journal_stats s;
        const char          *path;
        int64_t              used, at[64];
        tale_init(&t, 30);
        fill(&t, 9);
        char *bytes = last_used(&t, &used, &path);
        int   n = blocks_of(bytes, used, at), gone = how == RUIN_ALL ? n : how == RUIN_THREE ? 3 : 1;
        assert_int_equal(n, 9);
        if (how == RUIN_BIT)
            bytes[used - 1] ^= 1;
        else if (how == RUIN_HEADER)
            bytes[at[n - 1] + 20] ^= 1;
        else
            memset(bytes + at[n - gone], 0, (size_t)(used - at[n - gone]));
        assert_int_equal(count_readable(&t, &s), 9 - gone);
        assert_int_equal(s.damaged_blocks, 1);
        assert_true((int64_t)s.damaged_bytes >= used - at[n - gone]);
        assert_int_equal(s.cut_bytes + s.lost_segments, 0);
        assert_int_equal(s.last_id, 9);                /* no id comes again */
        int64_t kept;
        assert_non_null(disk_path(t.disk, ".bad", 0));
        assert_non_null(disk_bytes(t.disk, disk_path(t.disk, ".bad", 0), &kept));
        assert_int_equal(kept, s.damaged_bytes);
        /* Told once; and what comes then is read, with nothing called missing. */
        for (int again = 0; again < 3; again++) {
            assert_int_equal(count_readable(&t, &s), 9 - gone + again);
            assert_int_equal(s.damaged_blocks + s.lost_segments, 0);
            fill(&t, 10 + again);
            assert_int_equal(t.id[9 + again], 10 + again);
        }
        assert_null(disk_path(t.disk, ".bad", 1));
        tale_done(&t);
    }
}

static void what_was_durable_is_known_from_a_cursor_too_after_a_kill(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    const char          *path;
    int64_t              used;
    tale_init(&t, 31);
    struct journal          *j;
    struct journal_consumer *c;
    assert_ok(journal_open(&t.o, &j, &fault), &fault);
    assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
    for (int i = 0; i < 8; i++) {
        assert_ok(send(&t, j), &fault);
        wait_for(&t, t.sent);
    }
    assert_ok(journal_commit(c, 3, &fault), &fault);
    disk_kill_at(t.disk, 1);
    journal_consumer_close(c);
    journal_close(j);
    disk_crash(t.disk, false);
    last_used(&t, &used, &path)[used - 1] ^= 1;
    assert_int_equal(count_readable(&t, &s), 4);
    assert_int_equal(s.damaged_blocks, 1);
    assert_int_equal(s.cut_bytes, 0);
    tale_done(&t);
}

static atomic_bool shut;
static int       (*sync_of_disk)(void *ctx, int fd);

static int sync_when_open(void *ctx, int fd)
{
    while (atomic_load(&shut))
        (void)sched_yield();
    return sync_of_disk(ctx, fd);
}

/* The first record is synced alone; those that come meanwhile are blocks of one sync. */
static void fill_one_sync(struct tale *t, int n)
{
    struct journal *j;
    t->o.commit_bytes = 1;
    sync_of_disk = t->files.fdatasync;
    t->files.fdatasync = sync_when_open;
    assert_ok(journal_open(&t->o, &j, &fault), &fault);
    struct journal_stats s;
    do
        journal_stats(j, &s);
    while (s.segments_free < 2);                      /* the keeper has done */
    atomic_store(&shut, true);
    for (int i = 0; i < n; i++)
        assert_ok(send(t, j), &fault);
    atomic_store(&shut, false);
    wait_for(t, n);
    journal_stats(j, &s);
    assert_int_equal(s.groups, n);
    assert_true(s.syncs <= 3);
    journal_close(j);
}

static void what_was_durable_before_a_good_block_of_the_same_sync_is_damage(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    const char          *path;
    int64_t              used, at[64];
    tale_init(&t, 32);
    fill_one_sync(&t, 8);
    char *bytes = last_used(&t, &used, &path);
    assert_int_equal(blocks_of(bytes, used, at), 8);
    bytes[at[6] + 96 + 3] ^= 1;
    assert_int_equal(count_readable(&t, &s), 7);
    assert_int_equal(s.damaged_blocks, 1);
    assert_int_equal(s.cut_bytes, 0);
    tale_done(&t);
}

static void a_segment_whose_first_block_is_destroyed_is_not_taken_for_an_empty_one(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    const char          *path;
    int64_t              used, at[64], size;
    tale_init(&t, 33);
    fill(&t, 40);
    char *bytes = last_used(&t, &used, &path);
    int   n = blocks_of(bytes, used, at);
    assert_true(n > 2);
    /* The one before it was not sealed: that sync failed. */
    for (int i = 0; disk_path(t.disk, ".seg", i); i++)
        memset(disk_bytes(t.disk, disk_path(t.disk, ".seg", i), &size) + 512, 0, 512);
    memset(bytes + at[0], 0, 512);
    assert_int_equal(count_readable(&t, &s), 39);
    assert_int_equal(s.damaged_blocks, 1);
    tale_done(&t);
}

static void a_segment_that_is_gone_is_counted_wherever_it_was(void **state)
{
    (void)state;
    for (int killed = 0; killed < 2; killed++)
        for (int which = 0; which < 3; which++) {      /* the newest, one in the middle, and both */
            struct tale          t;
            struct journal_stats s;
            const char          *path;
            int64_t              used;
            tale_init(&t, 34);
            t.o.size_max = 12 << 20;
            fill(&t, 120);
            if (killed) {
                struct journal *j;
                assert_ok(journal_open(&t.o, &j, &fault), &fault);
                disk_kill_at(t.disk, 1);
                journal_close(j);
                disk_crash(t.disk, false);
            }
            assert_non_null(last_used(&t, &used, &path));
            assert_string_not_equal(path, "/j/00000002.seg");
            if (which != 1)
                assert_true(disk_remove(t.disk, path));
            if (which != 0)
                assert_true(disk_remove(t.disk, "/j/00000002.seg"));
            int left = count_readable(&t, &s);
            assert_true(left > 5 && left < 120);
            assert_int_equal(s.lost_segments, which == 2 ? 2 : 1);
            assert_int_equal(s.damaged_blocks, 0);
            assert_int_equal(s.last_id, 120);
            if (which == 0) {                          /* nothing is missing in what follows */
                fill(&t, 121);
                assert_int_equal(count_readable(&t, &s), left + 1);
                assert_int_equal(s.lost_segments, 0);
            }
            tale_done(&t);
        }
}

static void segments_that_everybody_has_passed_are_missed_by_nobody(void **state)
{
    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        struct tale              t;
        struct journal          *j;
        struct journal_consumer *c;
        struct journal_stats     s;
        tale_init(&t, 35);
        for (int round = 0; round < 40; round++) {
            assert_ok(journal_open(&t.o, &j, &fault), &fault);
            journal_stats(j, &s);
            assert_int_equal(s.lost_segments + s.damaged_blocks, 0);
            assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
            for (int i = 0; i < 7; i++) {
                while (send(&t, j) == ERR_BUSY)
                    (void)sched_yield();
                wait_for(&t, t.sent);
                assert_ok(journal_commit(c, t.last_acknowledged, &fault), &fault);
            }
            if (stop)
                disk_kill_at(t.disk, round % 4 + 1);
            journal_consumer_close(c);
            journal_close(j);
            disk_crash(t.disk, round % 2);
        }
        tale_done(&t);
    }
}

/* As if it had been left for another one, and nothing had come since. */
static void seal_the_last(struct tale *t)
{
    const char    *path;
    int64_t        used, size;
    struct block   b;
    struct segment s = { .used = SEGMENT_PAGE };
    char          *bytes = last_used(t, &used, &path);
    (void)disk_bytes(t->disk, path, &size);
    assert_true(journal_segment_page_read(bytes, &s));
    for (int64_t at = SEGMENT_PAGE; at + BLOCK_HEAD <= size && journal_block_head_read(bytes + at, &b) && b.stamp == s.stamp; at = s.used)
        journal_segment_note(&s, &b, at);
    assert_int_equal(s.last, t->last_acknowledged);
    journal_segment_seal_write(bytes + SEGMENT_SEAL_AT, &s);
}

static void the_last_segment_with_records_may_go_too_and_no_kill_makes_it_a_loss(void **state)
{
    (void)state;
    for (long at = 1; at < 60; at++) {
        struct tale              t;
        struct journal          *j;
        struct journal_consumer *c;
        struct journal_stats     s;
        tale_init(&t, 38);
        fill(&t, 12);
        assert_ok(journal_open(&t.o, &j, &fault), &fault);
        assert_ok(journal_consumer_open(j, "main", JOURNAL_FROM_START, &c, &fault), &fault);
        assert_ok(journal_commit(c, 12, &fault), &fault);
        journal_consumer_close(c);
        journal_close(j);
        seal_the_last(&t);
        t.o.segment_bytes = 2 << 20;             /* those there are do not fit any more: they are removed */
        t.o.size_max = 8 << 20;
        disk_kill_at(t.disk, at);
        if (journal_open(&t.o, &j, &fault) == OK) {
            do
                journal_stats(j, &s);
            while (s.segments_free < 2 && !disk_dead(t.disk));
            journal_close(j);
        }
        disk_crash(t.disk, at % 2);
        assert_int_equal(count_readable(&t, &s), 0);
        assert_int_equal(s.lost_segments + s.damaged_blocks, 0);
        assert_true(s.last_id >= 12);
        tale_done(&t);
    }
}

/* ---- names ---- */

static void a_foreign_file_with_the_highest_number_has_nothing_written_over(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    tale_init(&t, 36);
    t.o.size_max = 20 << 20;
    fill(&t, 40);
    const char *const foreign[] = { "/j/ffffffff.seg", "/j/00000000.seg", "/j/00000005.seg" };
    for (size_t i = 0; i < 3; i++) {
        int fd = t.files.open(t.files.ctx, foreign[i], 0100 | 2, 0600);
        assert_true(journal_files_write_all(&t.files, fd, "foreign", 7, 0));
        (void)t.files.close(t.files.ctx, fd);
    }
    fill(&t, 140);
    assert_int_equal(count_readable(&t, &s), 140);
    for (size_t i = 0; i < 3; i++) {
        int64_t size;
        assert_memory_equal(disk_bytes(t.disk, foreign[i], &size), "foreign", 7);
        assert_int_equal(size, 7);
    }
    tale_done(&t);
}

/* ---- few files may be open ---- */

static int hold_files(struct tale *t, int fd[257], int left)
{
    int n = 0;
    while ((fd[n] = t->files.open(t->files.ctx, "/j/lock", 2, 0)) >= 0)
        n++;
    for (; left > 0; left--)
        (void)t->files.close(t->files.ctx, fd[--n]);
    return n;
}

static void more_segments_than_files_may_be_open_are_read_and_too_few_files_are_no_damage(void **state)
{
    (void)state;
    struct tale          t;
    struct journal_stats s;
    struct journal      *j;
    int                  fd[257], n;
    tale_init(&t, 37);
    t.o.size_max = 20 << 20;
    fill(&t, 250);
    assert_non_null(disk_path(t.disk, ".seg", 8));
    for (int left = 0; left < 8; left++) {
        n = hold_files(&t, fd, left);
        if (left < 4) {                               /* lock, meta, and a segment or a cursor; the fourth is the next segment */
            enum err e = journal_open(&t.o, &j, &fault);
            if (e == OK)
                journal_close(j);
            assert_true(left == 3 || e == ERR_IO || e == ERR_LIMIT);
            assert_true(e == OK || strstr(fault.text, strerror(EMFILE)));
        } else if (left > 5) {                        /* its cursor, and the segment that a consumer reads */
            assert_int_equal(count_readable(&t, &s), 250);
            assert_int_equal(s.damaged_blocks + s.lost_segments + s.cut_bytes, 0);
        }
        while (n > 0)
            (void)t.files.close(t.files.ctx, fd[--n]);
    }
    assert_null(disk_path(t.disk, ".bad", 0));
    assert_int_equal(count_readable(&t, &s), 250);
    fill(&t, 280);
    assert_int_equal(count_readable(&t, &s), 280);
    tale_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_call_nothing_acknowledged_is_lost_or_comes_twice),
        cmocka_unit_test(cut_from_power_at_any_call_nothing_acknowledged_is_lost_or_comes_twice),
        cmocka_unit_test(killed_again_and_again_the_same_journal_keeps_everything),
        cmocka_unit_test(short_writes_are_gone_on_with),
        cmocka_unit_test(after_a_sync_that_failed_the_group_is_written_elsewhere),
        cmocka_unit_test(after_a_write_that_failed_the_group_is_written_elsewhere),
        cmocka_unit_test(a_disk_that_stays_broken_is_told_to_whoever_appended_and_nothing_breaks),
        cmocka_unit_test(a_full_disk_makes_senders_wait_and_goes_on_by_itself),
        cmocka_unit_test(a_write_without_room_is_tried_again_until_there_is_some),
        cmocka_unit_test(a_reserve_of_the_disk_is_not_touched),
        cmocka_unit_test(a_damaged_block_is_put_aside_counted_once_and_skipped),
        cmocka_unit_test(damage_in_the_segment_that_is_being_written_is_found_at_the_start),
        cmocka_unit_test(a_segment_whose_page_is_destroyed_is_read_by_its_blocks),
        cmocka_unit_test(a_segment_that_vanished_is_told_and_gone_past_and_its_ids_do_not_come_again),
        cmocka_unit_test(what_went_into_a_segment_that_somebody_removed_is_not_acknowledged),
        cmocka_unit_test(who_waits_for_records_that_are_gone_waits_instead_of_turning),
        cmocka_unit_test(a_file_that_is_no_segment_does_not_keep_it_from_opening),
        cmocka_unit_test(a_cursor_that_cannot_be_read_begins_with_the_oldest),
        cmocka_unit_test(a_torn_slot_leaves_the_cursor_where_it_was_before),
        cmocka_unit_test(what_was_durable_at_the_end_and_is_destroyed_is_told_counted_once_and_put_aside),
        cmocka_unit_test(what_was_durable_is_known_from_a_cursor_too_after_a_kill),
        cmocka_unit_test(what_was_durable_before_a_good_block_of_the_same_sync_is_damage),
        cmocka_unit_test(a_segment_whose_first_block_is_destroyed_is_not_taken_for_an_empty_one),
        cmocka_unit_test(a_segment_that_is_gone_is_counted_wherever_it_was),
        cmocka_unit_test(segments_that_everybody_has_passed_are_missed_by_nobody),
        cmocka_unit_test(the_last_segment_with_records_may_go_too_and_no_kill_makes_it_a_loss),
        cmocka_unit_test(more_segments_than_files_may_be_open_are_read_and_too_few_files_are_no_damage),
        cmocka_unit_test(a_foreign_file_with_the_highest_number_has_nothing_written_over),
    };
    log_setup(LOG_LOGFMT, (enum log_level)(LOG_ERROR + 1), NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
