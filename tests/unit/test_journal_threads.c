/* journal: many who append and many who read at once, while somebody asks how it stands and changes what may be changed. */
#include "unit.h"

#include "base/log.h"
#include "journal/journal.h"
#include "journal_disk.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 4, READERS = 3, EACH = 600, BODY = 3000 };

static struct fault main_fault;

struct world {
    struct journal *j;
    atomic_int      acknowledged, senders_left;
    atomic_bool     wrong;
};

struct member { struct world *w; int number; pthread_t thread; };

static void acknowledged(void *ctx, uint64_t id, enum err result)
{
    struct world *w = ctx;
    if (result != OK || id == 0)
        atomic_store(&w->wrong, true);
    atomic_fetch_add(&w->acknowledged, 1);
}

static void *sending(void *ctx)
{
    struct member *m = ctx;
    struct fault   fault;
    char           body[BODY];
    memset(body, 'a' + m->number, sizeof body);
    for (int i = 0; i < EACH; ) {
        struct record r = { .kind = RECORD_ROWS, .form = FORM_JSON, .events = 1, .body = { body, sizeof body } };
        memcpy(body, &i, sizeof i);
        memcpy(body + 4, &m->number, sizeof m->number);
        enum err e;
        if (i % 100 == 99) {
            e = journal_append_wait(m->w->j, &r, NULL, &fault);
            if (e == OK)
                atomic_fetch_add(&m->w->acknowledged, 1);
        } else {
            e = journal_append(m->w->j, &r, acknowledged, m->w, &fault);
        }
        i += e == OK;
        if (e == ERR_BUSY)
            (void)sched_yield();
        else if (e != OK)
            atomic_store(&m->w->wrong, true);
    }
    atomic_fetch_sub(&m->w->senders_left, 1);
    return NULL;
}

/* Each sender's records come once and in the order in which it appended them. */
static void *reading(void *ctx)
{
    struct member           *m = ctx;
    struct world            *w = m->w;
    struct journal_consumer *c;
    struct fault             fault;
    struct record            r;
    char                     name[20];
    int                      next[SENDERS] = { 0 }, total = 0;
    uint64_t                 last = 0;
    (void)snprintf(name, sizeof name, "reader%d", m->number);
    if (journal_consumer_open(w->j, name, JOURNAL_FROM_START, &c, &fault) != OK) {
        atomic_store(&w->wrong, true);
        return NULL;
    }
    while (total < SENDERS * EACH && !atomic_load(&w->wrong)) {
        (void)journal_wait(c, 20000);
        enum err e;
        while ((e = journal_read(c, &r, &fault)) == OK) {
            int i, sender;
            memcpy(&i, r.body.s, sizeof i);
            memcpy(&sender, r.body.s + 4, sizeof sender);
            if (r.id <= last || sender < 0 || sender >= SENDERS || i != next[sender]++ || r.body.s[BODY - 1] != 'a' + sender)
                atomic_store(&w->wrong, true);
            last = r.id;
            total++;
            if (m->number == 0 && total % 50 == 0)
                (void)sched_yield();                       /* one that falls behind */
        }
        if (e != ERR_MISSING || journal_commit(c, last, &fault) != OK)
            atomic_store(&w->wrong, true);
    }
    journal_consumer_close(c);
    return NULL;
}

static void *asking(void *ctx)
{
    struct member          *m = ctx;
    struct journal_stats    s;
    struct journal_progress p[JOURNAL_CONSUMERS_MAX];
    struct journal_view    *view;
    struct record           r;
    struct fault            fault;
    uint64_t                id, last = 0, asked = 0;
    if (journal_view_inside(m->w->j, &view, &fault) != OK) {
        atomic_store(&m->w->wrong, true);
        return NULL;
    }
    while (atomic_load(&m->w->senders_left) > 0) {
        journal_stats(m->w->j, &s);
        if (s.last_id < last || s.damaged_blocks)
            atomic_store(&m->w->wrong, true);
        last = s.last_id;
        (void)journal_progress(m->w->j, p, JOURNAL_CONSUMERS_MAX);
        (void)journal_has_room(m->w->j, 100);
        if (journal_find(m->w->j, s.oldest_us, &id, &fault) != OK)
            atomic_store(&m->w->wrong, true);
        asked = asked * 7919 % (last + 1) + 1;               /* any of them: there, or its place is used again */
        enum err e = journal_view_read(view, asked, &r, &fault);
        if (e != ERR_MISSING && (e != OK || r.id < asked || r.body.n != BODY))
            atomic_store(&m->w->wrong, true);
        (void)sched_yield();
    }
    journal_view_close(view);
    return NULL;
}

static void everything_sent_is_read_once_and_in_order_by_everybody(void **state)
{
    (void)state;
    struct disk           *disk = disk_new(1);
    struct journal_files   files = disk_files(disk);
    struct journal_options o = journal_options_default("/j");
    struct world           w = { .senders_left = SENDERS };
    struct member          sender[SENDERS], reader[READERS], asker = { .w = &w };
    o.segment_bytes = 1 << 20;
    o.size_max = 8 << 20;
    o.keep_us = 0;
    o.commit_delay_us = 200;
    o.commit_bytes = 20000;
    o.waiting_max = 300000;
    o.reserve_bytes = 0;
    o.pack = 0;
    o.files = &files;
    assert_ok(journal_open(&o, &w.j, &main_fault), &main_fault);
    struct journal_consumer *hold;
    assert_ok(journal_consumer_open(w.j, "reader0", JOURNAL_FROM_START, &hold, &main_fault), &main_fault);
    journal_consumer_close(hold);          /* the names are known before anything is sent */
    for (int i = 1; i < READERS; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "reader%d", i);
        assert_ok(journal_consumer_open(w.j, name, JOURNAL_FROM_START, &hold, &main_fault), &main_fault);
        journal_consumer_close(hold);
    }
    for (int i = 0; i < READERS; i++) {
        reader[i] = (struct member){ &w, i, 0 };
        assert_int_equal(pthread_create(&reader[i].thread, NULL, reading, &reader[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        sender[i] = (struct member){ &w, i, 0 };
        assert_int_equal(pthread_create(&sender[i].thread, NULL, sending, &sender[i]), 0);
    }
    assert_int_equal(pthread_create(&asker.thread, NULL, asking, &asker), 0);
    o.commit_delay_us = 0;
    o.pack = -5;
    assert_ok(journal_adjust(w.j, &o, &main_fault), &main_fault);
    for (int i = 0; i < SENDERS; i++)
        (void)pthread_join(sender[i].thread, NULL);
    for (int i = 0; i < READERS; i++)
        (void)pthread_join(reader[i].thread, NULL);
    (void)pthread_join(asker.thread, NULL);
    journal_close(w.j);
    assert_false(atomic_load(&w.wrong));
    assert_int_equal(atomic_load(&w.acknowledged), SENDERS * EACH);
    disk_free(disk);
}

struct sleeper { struct journal_consumer *c; atomic_bool woke; };

static void *sleeping(void *ctx)
{
    struct sleeper *s = ctx;
    atomic_store(&s->woke, journal_wait(s->c, -1));
    return NULL;
}

static void a_reader_that_sleeps_is_woken_from_another_thread(void **state)
{
    (void)state;
    struct disk             *disk = disk_new(2);
    struct journal_files     files = disk_files(disk);
    struct journal_options   o = journal_options_default("/j");
    struct journal          *j;
    struct sleeper           s = { 0 };
    pthread_t                t;
    o.segment_bytes = 1 << 20;
    o.size_max = 4 << 20;
    o.reserve_bytes = 0;
    o.files = &files;
    assert_ok(journal_open(&o, &j, &main_fault), &main_fault);
    assert_ok(journal_consumer_open(j, "one", JOURNAL_FROM_START, &s.c, &main_fault), &main_fault);
    assert_int_equal(pthread_create(&t, NULL, sleeping, &s), 0);
    journal_wake(s.c);
    (void)pthread_join(t, NULL);
    assert_true(atomic_load(&s.woke));
    journal_consumer_close(s.c);
    journal_close(j);
    disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_sent_is_read_once_and_in_order_by_everybody),
        cmocka_unit_test(a_reader_that_sleeps_is_woken_from_another_thread),
    };
    log_setup(LOG_LOGFMT, (enum log_level)(LOG_ERROR + 1), NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
