/* ship: dead letters are kept whole, sent again when somebody asks, and go when somebody forgets them. */
#include "ship_fixture.h"

#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world w;

static int set_up(void **state)    { (void)state; world_begin(&w, false); return 0; }
static int tear_down(void **state) { (void)state; world_end(&w); return 0; }

/* 0..9 of which 2, 5 and 6 are refused. */
static struct pump *with_three_letters(void)
{
    w.told.poison[0] = 2;
    w.told.poison[1] = 5;
    w.told.poison[2] = 6;
    w.told.poisons = 3;
    (void)append_lines(&w, 0, 9);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 1000);
    assert_int_equal(w.told.n, 7);
    w.told.n = 0;
    return p;
}

static void look(struct pump *p)
{
    pump_look(p);
    for (int i = 0; i < 500; i++) {
        struct pump_next n = pump_step(p);
        if (n.wait != PUMP_GO_ON)
            w.manual.mono_us += n.for_us > 0 ? n.for_us : 0;
    }
}

static struct dead_replay want(void)
{
    struct dead_replay r;
    assert_ok(dead_want_replay(w.dead, "s", &r, &fault), &fault);
    return r;
}

static void a_letter_tells_all_that_is_needed(void **state)
{
    (void)state;
    struct pump       *p = with_three_letters();
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 2, &l, &fault), &fault);
    assert_int_equal(l.id, 2);
    assert_string_equal(l.sink, "s");
    assert_string_equal(l.why, "poison in it");
    assert_int_equal(l.record, 1);
    assert_int_equal(l.index, 5);
    assert_int_equal(l.count, 1);
    assert_true(l.known && !l.whole && l.when_us >= w.manual.wall_us - 60 * US_PER_S);
    assert_true(slice_is(l.content.source, "test"));
    assert_int_equal(l.content.labels.n, 0);
    pump_close(p, NULL);
}

static void letters_survive_a_restart_and_are_read_from_outside_as_well(void **state)
{
    (void)state;
    pump_close(with_three_letters(), NULL);
    world_reopen(&w);
    int numbers[8];
    assert_int_equal(letters_of(&w, "s", numbers, 8), 3);
    struct dead_view  *v;
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_view_open(w.folder, &v, &fault), &fault);          /* beside the one that writes */
    size_t n = 0;
    for (uint64_t from = 1; dead_view_next(v, from, &l, &fault) == OK; from = l.id + 1)
        n++;
    assert_int_equal(n, 3);
    dead_view_close(v);
}

static void who_may_not_look_does_not_say_that_there_are_none(void **state)
{
    (void)state;
    struct dead_view *v;
    char              none[100];
    (void)snprintf(none, sizeof none, "%s/none", w.folder);
    assert_int_equal(dead_view_open(none, &v, &fault), ERR_IO);                      /* of another configuration, say: no journal, so nobody knows */
    assert_non_null(strstr(fault.text, "cannot look for dead letters"));
    assert_int_equal(mkdir(none, 0700), 0);
    assert_int_equal(dead_view_open(none, &v, &fault), ERR_MISSING);
    assert_int_equal(rmdir(none), 0);
    if (geteuid() == 0)
        return;                                                                      /* who may look everywhere */
    assert_int_equal(mkdir(none, 0), 0);
    assert_int_equal(dead_view_open(none, &v, &fault), ERR_IO);
    assert_int_equal(rmdir(none), 0);
}

static void replay_sends_them_again_in_order_and_only_once(void **state)
{
    (void)state;
    struct pump *p = with_three_letters();
    w.told.poisons = 0;
    (void)want();
    look(p);
    assert_int_equal(w.told.n, 3);
    assert_int_equal(w.told.got[0], 2);
    assert_int_equal(w.told.got[1], 5);
    assert_int_equal(w.told.got[2], 6);
    struct dead_replay r = want();                                     /* asked again: there is nothing new */
    assert_int_equal(r.done, 3);
    look(p);
    assert_int_equal(w.told.n, 3);
    struct ship_stats s;
    pump_stats(p, &s);
    assert_int_equal(s.replayed, 3);
    pump_close(p, NULL);
}

static void what_is_refused_again_is_a_new_letter_and_does_not_go_round(void **state)
{
    (void)state;
    int          numbers[8];
    struct pump *p = with_three_letters();
    w.told.poisons = 2;                                                /* 6 is fine now */
    (void)want();
    look(p);
    assert_int_equal(w.told.n, 1);
    assert_int_equal(w.told.got[0], 6);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 5);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 4, &l, &fault), &fault);
    assert_int_equal(l.of, 1);
    assert_int_equal(l.record, 1);
    assert_int_equal(l.index, 2);                                      /* where it stood at first */
    pump_close(p, NULL);
}

static void a_replay_goes_on_after_a_crash_and_writes_no_letter_twice(void **state)
{
    (void)state;
    for (int k = 1; k < 12; k++) {
        int numbers[64];
        world_end(&w);
        world_begin(&w, false);
        struct pump *p = with_three_letters();
        pump_close(p, NULL);
        w.told.poisons = 1;                                            /* 2 still is */
        (void)want();
        p = pump_begin(&w, NULL);
        for (int i = 0; i < k; i++)
            (void)pump_step(p);
        pump_abandon(p);
        p = pump_begin(&w, NULL);
        look(p);
        assert_true(w.told.n >= 2);
        assert_int_equal(w.told.got[w.told.n - 1], 6);
        assert_int_equal(letters_of(&w, "s", numbers, 64), 4);
        pump_close(p, NULL);
    }
}

static void letters_are_sent_again_while_new_events_come(void **state)
{
    (void)state;
    struct pump *p = with_three_letters();
    w.told.poisons = 0;
    (void)append_lines(&w, 10, 19);
    (void)want();
    look(p);
    assert_int_equal(w.told.n, 13);
    pump_close(p, NULL);
}

static void another_sinks_letters_are_left_alone(void **state)
{
    (void)state;
    pump_close(with_three_letters(), NULL);
    w.told.poisons = 0;
    w.conf.name = "other";
    w.conf.when_new = SINK_FROM_NOW;
    struct pump       *p = pump_begin(&w, NULL);
    struct dead_replay r;
    assert_ok(dead_want_replay(w.dead, "other", &r, &fault), &fault);
    look(p);
    assert_int_equal(w.told.n, 0);
    pump_close(p, NULL);
}

static void letters_of_a_former_name_are_sent_again_by_the_new_one(void **state)
{
    (void)state;
    static const char *const before[] = { "s" };
    pump_close(with_three_letters(), NULL);
    w.told.poisons = 0;
    w.conf.name = "t";
    w.conf.formerly = (struct conf_list){ before, 1 };
    struct pump       *p = pump_begin(&w, NULL);
    struct dead_replay r;
    assert_ok(dead_want_replay(w.dead, "t", &r, &fault), &fault);
    look(p);
    assert_int_equal(w.told.n, 3);
    assert_ok(dead_replay_read(w.dead, "s", &r, &fault), &fault);      /* and it is told of the letters as they are called */
    assert_int_equal(r.done, 3);
    pump_close(p, NULL);
}

static void what_is_asked_for_under_a_former_name_is_sent_by_the_new_one(void **state)
{
    (void)state;
    static const char *const before[] = { "s" };
    pump_close(with_three_letters(), NULL);
    w.told.poisons = 0;
    w.conf.name = "t";
    w.conf.formerly = (struct conf_list){ before, 1 };
    struct pump *p = pump_begin(&w, NULL);
    (void)want();
    look(p);
    assert_int_equal(w.told.n, 3);
    look(p);
    assert_int_equal(w.told.n, 3);
    pump_close(p, NULL);
}

static void a_whole_record_is_sent_again_when_it_can_be_read(void **state)
{
    (void)state;
    uint64_t                 id = append_lines(&w, 0, 4);
    struct journal_consumer *c;
    struct record            r;
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    assert_ok(journal_read(c, &r, &fault), &fault);
    assert_int_equal(r.id, id);
    assert_ok(dead_add_record(w.dead, &(struct dead_note){ "s", "an older version could not read it", 0 }, &r, &fault), &fault);
    journal_consumer_close(c);
    w.conf.when_new = SINK_FROM_NOW;
    struct pump *p = pump_begin(&w, NULL);
    (void)want();
    look(p);
    assert_numbers(&w, 0, 4);
    pump_close(p, NULL);
}

static void what_is_forgotten_is_not_shown_and_not_sent(void **state)
{
    (void)state;
    int          numbers[8];
    struct pump *p = with_three_letters();
    w.told.poisons = 0;
    assert_ok(dead_forget(w.dead, 2, &fault), &fault);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 1);
    assert_int_equal(dead_forget(w.dead, 99, &fault), ERR_MISSING);
    (void)want();
    look(p);
    assert_int_equal(w.told.n, 1);
    pump_close(p, NULL);
    struct dead_stats s;
    dead_stats(w.dead, &s);
    assert_int_equal(s.first_id, 3);
    assert_int_equal(s.last_id, 3);
}

static void a_name_that_is_no_name_of_a_sink_reaches_no_file(void **state)
{
    (void)state;
    struct dead_replay r;
    assert_int_equal(dead_want_replay(w.dead, "../../etc/passwd", &r, &fault), ERR_INPUT);
    assert_int_equal(dead_want_replay(w.dead, "", &r, &fault), ERR_INPUT);
}

static void a_request_from_outside_is_found_by_the_worker(void **state)
{
    (void)state;
    struct pump       *p = with_three_letters();
    struct dead_view  *v;
    struct dead_replay r;
    w.told.poisons = 0;
    assert_ok(dead_view_open(w.folder, &v, &fault), &fault);
    assert_ok(dead_view_want_replay(v, "s", &r, &fault), &fault);
    assert_int_equal(r.until, 3);
    dead_view_close(v);
    w.manual.mono_us += 10 * US_PER_S;                                 /* nobody told it: it looks by itself */
    for (int i = 0; i < 50; i++)
        (void)pump_step(p);
    assert_int_equal(w.told.n, 3);
    pump_close(p, NULL);
}

static void letters_are_forgotten_on_request_from_outside(void **state)
{
    (void)state;
    int               numbers[8];
    struct pump      *p = with_three_letters();
    struct dead_view *v;
    assert_ok(dead_view_open(w.folder, &v, &fault), &fault);
    assert_int_equal(dead_view_want_forget(v, 4, &fault), ERR_MISSING);
    assert_ok(dead_view_want_forget(v, 2, &fault), &fault);
    dead_view_close(v);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 3);
    w.manual.mono_us += 10 * US_PER_S;
    for (int i = 0; i < 50; i++)
        (void)pump_step(p);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 1);
    pump_close(p, NULL);
}

static void assert_belongs_to(const char *name, uid_t uid)
{
    char        path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/dead/%s", w.folder, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, uid);
}

/* An administrator is root; whoever ships is not, and could not read what only root may. */
static void what_root_asks_for_belongs_to_whom_the_letters_belong(void **state)
{
    enum { SOMEBODY = 65534 };
    char               folder[256];
    struct pump       *p = with_three_letters();
    struct dead_view  *v;
    struct dead_replay r;
    (void)state;
    pump_close(p, NULL);
    if (geteuid() != 0)
        skip();
    (void)snprintf(folder, sizeof folder, "%s/dead", w.folder);
    assert_int_equal(chown(folder, SOMEBODY, SOMEBODY), 0);
    assert_ok(dead_view_open(w.folder, &v, &fault), &fault);
    assert_ok(dead_view_want_replay(v, "s", &r, &fault), &fault);
    assert_ok(dead_view_want_forget(v, 1, &fault), &fault);
    dead_view_close(v);
    assert_belongs_to("replay", SOMEBODY);
    assert_belongs_to("replay/s.wanted", SOMEBODY);
    assert_belongs_to("forget", SOMEBODY);
}

static void a_request_that_cannot_be_read_is_told_of(void **state)
{
    static const char *const names[] = { "replay/s.wanted", "forget" };
    char         path[256], *said = NULL;
    size_t       size;
    struct pump *p = with_three_letters();
    (void)state;
    (void)snprintf(path, sizeof path, "%s/dead/replay", w.folder);
    assert_ok(file_make_dirs(path, 0700, &fault), &fault);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        FILE *log = open_memstream(&said, &size);
        log_setup(LOG_LOGFMT, LOG_WARN, log);
        (void)snprintf(path, sizeof path, "%s/dead/%s", w.folder, names[i]);
        assert_ok(file_write(path, "what?", 5, 0600, &fault), &fault);
        for (int k = 0; k < 3; k++) {
            w.manual.mono_us += 10 * US_PER_S;
            for (int n = 0; n < 50; n++)
                (void)pump_step(p);
        }
        log_setup(LOG_LOGFMT, LOG_ERROR, NULL);
        (void)fclose(log);
        char *first = strstr(said, path);
        if (!first || strstr(first + 1, path))                         /* once */
            fail_msg("of %s is said: %s", path, said);
        free(said);
        assert_int_equal(unlink(path), 0);
    }
    pump_close(p, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_letter_tells_all_that_is_needed),
        T(what_root_asks_for_belongs_to_whom_the_letters_belong),
        T(a_request_that_cannot_be_read_is_told_of),
        T(letters_survive_a_restart_and_are_read_from_outside_as_well),
        T(who_may_not_look_does_not_say_that_there_are_none),
        T(replay_sends_them_again_in_order_and_only_once),
        T(what_is_refused_again_is_a_new_letter_and_does_not_go_round),
        T(a_replay_goes_on_after_a_crash_and_writes_no_letter_twice),
        T(letters_are_sent_again_while_new_events_come),
        T(another_sinks_letters_are_left_alone),
        T(letters_of_a_former_name_are_sent_again_by_the_new_one), T(what_is_asked_for_under_a_former_name_is_sent_by_the_new_one),
        T(a_whole_record_is_sent_again_when_it_can_be_read),
        T(what_is_forgotten_is_not_shown_and_not_sent),
        T(a_name_that_is_no_name_of_a_sink_reaches_no_file),
        T(a_request_from_outside_is_found_by_the_worker),
        T(letters_are_forgotten_on_request_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
