/* ship: what one sink does with what is in the journal, step by step, with a clock that is moved by hand. */
#include "ship_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct world w;

static int set_up(void **state)    { (void)state; world_begin(&w, false); return 0; }
static int tear_down(void **state) { (void)state; world_end(&w); return 0; }

static struct ship_stats stats(struct pump *p)
{
    struct ship_stats s;
    pump_stats(p, &s);
    return s;
}

static void everything_arrives_once_and_in_order_and_the_cursor_follows(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        (void)append_lines(&w, i * 7, i * 7 + 6);
    struct pump *p = pump_begin(&w, NULL);
    assert_true(drive(&w, p, 1000) < 1000);
    assert_numbers(&w, 0, 69);
    assert_int_equal(stats(p).sent, 70);
    assert_int_equal(progress_of(&w, "sink:s").committed, 10);
    assert_true(w.told.largest <= 10);
    pump_close(p, NULL);
    p = pump_begin(&w, NULL);                   /* what was committed does not come again */
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 69);
    pump_close(p, NULL);
}

static void a_record_larger_than_a_batch_goes_in_even_pieces(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 20);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 20);
    assert_int_equal(w.told.sends, 3);
    assert_int_equal(w.told.largest, 7);
    pump_close(p, NULL);
}

static void a_batch_that_is_not_full_waits_for_company_but_not_for_ever(void **state)
{
    (void)state;
    w.conf.batch_delay_us = US_PER_S;
    struct pump *p = pump_begin(&w, NULL);
    (void)append_lines(&w, 0, 2);
    struct pump_next n = pump_step(p);
    while (n.wait == PUMP_GO_ON)
        n = pump_step(p);
    assert_int_equal(n.wait, PUMP_JOURNAL);
    assert_int_equal(n.for_us, US_PER_S);
    assert_int_equal(w.told.sends, 0);
    (void)append_lines(&w, 3, 5);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 5);
    assert_int_equal(w.told.sends, 1);
    pump_close(p, NULL);
}

static void a_sink_that_is_away_is_tried_again_with_growing_pauses_and_nothing_is_lost(void **state)
{
    (void)state;
    w.told.later = 12;
    (void)append_lines(&w, 0, 9);
    struct pump *p = pump_begin(&w, NULL);
    int64_t      last = 0, pauses = 0;
    for (int i = 0; i < 200 && w.told.n == 0; i++) {
        struct pump_next n = pump_step(p);
        if (n.wait == PUMP_TIME) {
            assert_true(n.for_us >= w.conf.retry_first_us / 2 && n.for_us <= w.conf.retry_most_us);
            assert_true(n.for_us > last / 2);
            last = n.for_us;
            pauses++;
            w.manual.mono_us += n.for_us;
            assert_string_equal(stats(p).last_error, "told to wait");
        }
    }
    assert_int_equal(pauses, 12);
    assert_true(last > 5 * US_PER_S);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 9);
    assert_int_equal(stats(p).retries, 12);
    assert_string_equal(stats(p).last_error, "");
    pump_close(p, NULL);
}

static void the_other_side_can_ask_for_a_longer_pause(void **state)
{
    (void)state;
    w.told.later = 1;
    w.told.retry_after_us = 42 * US_PER_S;
    (void)append_lines(&w, 0, 3);
    struct pump     *p = pump_begin(&w, NULL);
    struct pump_next n = pump_step(p);
    while (n.wait == PUMP_GO_ON)
        n = pump_step(p);
    assert_int_equal(n.wait, PUMP_TIME);
    assert_int_equal(n.for_us, 42 * US_PER_S);
    assert_int_equal(pump_step(p).wait, PUMP_TIME);     /* still waiting: nothing is sent however often it is called */
    assert_int_equal(w.told.sends, 1);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 3);
    pump_close(p, NULL);
}

static void a_batch_is_halved_until_the_poisoned_event_is_found_and_the_rest_arrives_once(void **state)
{
    (void)state;
    int numbers[8];
    w.told.poison[0] = 3;
    w.told.poison[1] = 17;
    w.told.poisons = 2;
    w.conf.batch_events = 30;
    (void)append_lines(&w, 0, 29);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 1000);
    assert_int_equal(w.told.n, 28);
    for (size_t i = 1; i < w.told.n; i++)
        assert_true(w.told.got[i - 1] < w.told.got[i]);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 2);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(numbers[1], 17);
    assert_int_equal(stats(p).dead, 2);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_string_equal(l.why, "poison in it");
    assert_int_equal(l.record, 1);
    assert_int_equal(l.index, 3);
    pump_close(p, NULL);
}

static void a_batch_that_is_too_large_is_halved_and_the_next_ones_are_small_at_once(void **state)
{
    (void)state;
    w.told.most = 5;
    w.conf.batch_events = 40;
    (void)append_lines(&w, 0, 39);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 1000);
    assert_numbers(&w, 0, 39);
    uint64_t halved = stats(p).halved;
    assert_true(halved > 0);
    (void)append_lines(&w, 40, 79);
    (void)drive(&w, p, 1000);
    assert_numbers(&w, 0, 79);
    assert_int_equal(stats(p).halved, halved);
    assert_int_equal(stats(p).dead, 0);
    pump_close(p, NULL);
}

static void an_event_that_is_too_large_alone_is_a_dead_letter(void **state)
{
    (void)state;
    int numbers[4];
    w.told.none = true;
    (void)append_lines(&w, 1, 1);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_int_equal(w.told.n, 0);
    assert_int_equal(letters_of(&w, "s", numbers, 4), 1);
    assert_int_equal(progress_of(&w, "sink:s").committed, 1);
    pump_close(p, NULL);
}

static void what_the_other_side_refuses_by_number_is_noted_by_number(void **state)
{
    (void)state;
    w.told.partial = 2;
    (void)append_lines(&w, 0, 9);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_false(l.known);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.why, "some were not wanted");
    assert_int_equal(stats(p).dead, 2);
    assert_int_equal(stats(p).sent, 8);
    pump_close(p, NULL);
}

static void a_record_that_cannot_be_read_is_a_dead_letter_as_it_came_and_holds_up_nobody(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 2);
    (void)append_raw(&w, RECORD_OTLP_LOGS, FORM_PROTOBUF, SLICE("\x0a\xff\xff\xff\xff\x7fgarbage"), 3);
    (void)append_lines(&w, 3, 5);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 5);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_true(l.whole);
    assert_int_equal(l.record, 2);
    assert_int_equal(l.content.body.n, 13);
    assert_int_equal(stats(p).undecodable, 1);
    assert_int_equal(dead_next(w.dead, l.id + 1, &l, &fault), ERR_MISSING);
    pump_close(p, NULL);
}

static void what_is_not_for_the_sink_is_passed_by_and_counted(void **state)
{
    (void)state;
    static const char *const odd[] = { "parity=odd", "host.name~h[0-9]" }, *const logs[] = { "logs" };
    w.conf.match = (struct conf_list){ odd, 2 };
    w.conf.types = (struct conf_list){ logs, 1 };
    (void)append_lines(&w, 0, 9);
    (void)append_point(&w, "temperature", 99);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 1000);
    assert_int_equal(w.told.n, 5);
    assert_int_equal(w.told.got[0], 1);
    assert_int_equal(stats(p).skipped, 6);
    assert_int_equal(progress_of(&w, "sink:s").committed, 2);
    pump_close(p, NULL);
}

static enum ship_ruled drop_small_and_rename(void *ctx, struct event *e, struct arena *a)
{
    (void)ctx;
    int number = number_of(e);
    if (number < 3)
        return RULED_OUT;
    e->as.log.body.as.text = slice_of(arena_printf(a, "%d", number + 1000));
    return RULED_IN;
}

static void a_rule_may_drop_and_change_and_what_it_drops_is_counted(void **state)
{
    (void)state;
    void        *self = NULL;
    struct pump *p = NULL;
    assert_ok(kind_told.open(&w.conf, &self, &fault), &fault);
    struct pump_options o = { .journal = w.journal, .dead = w.dead, .clock = &w.clock, .conf = &w.conf, .kind = &kind_told, .self = self, .rule = drop_small_and_rename };
    assert_ok(pump_open(&o, &p, &fault), &fault);
    (void)append_lines(&w, 0, 5);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 1003, 1005);
    assert_int_equal(stats(p).dropped, 3);
    pump_close(p, NULL);
}

static enum ship_ruled cannot_read_odd_ones(void *ctx, struct event *e, struct arena *a) { return number_of(e) % 2 ? RULED_UNPARSED : RULED_IN; }

static struct pump *begin_with(ship_rule *rule)
{
    void        *self = NULL;
    struct pump *p = NULL;
    assert_ok(kind_told.open(&w.conf, &self, &fault), &fault);
    struct pump_options o = { .journal = w.journal, .dead = w.dead, .clock = &w.clock, .conf = &w.conf, .kind = &kind_told, .self = self, .rule = rule };
    assert_ok(pump_open(&o, &p, &fault), &fault);
    return p;
}

static void what_a_rule_could_not_read_goes_on_and_is_counted(void **state)
{
    (void)state;
    struct pump *p = begin_with(cannot_read_odd_ones);
    (void)append_lines(&w, 0, 4);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 4);
    assert_int_equal(stats(p).unparsed, 2);
    pump_close(p, NULL);
}

static enum ship_ruled no_room_for_12(void *ctx, struct event *e, struct arena *a) { return number_of(e) == 12 ? RULED_NOT : RULED_IN; }

static void what_a_rule_finds_no_room_for_is_not_sent_as_it_was_and_meets_the_rules_when_it_is_replayed(void **state)
{
    struct dead_replay r;
    struct pump       *p = begin_with(no_room_for_12);
    (void)append_lines(&w, 0, 9);
    (void)append_lines(&w, 10, 19);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 9);
    assert_int_equal(stats(p).undecodable, 1);
    assert_int_equal(stats(p).dead, 10);
    pump_close(p, NULL);
    p = begin_with(drop_small_and_rename);
    w.told.n = 0;
    assert_ok(dead_want_replay(w.dead, "s", &r, &fault), &fault);
    pump_look(p);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 1010, 1019);
    pump_close(p, NULL);
}

static void what_the_other_side_says_is_told_as_text_whatever_it_is(void **state)
{
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    w.told.later = 1;
    w.told.says = "caf\xe9 is closed \xc3\xa9";
    w.told.poison[0] = 1;
    w.told.poisons = 1;
    (void)append_lines(&w, 0, 2);
    struct pump      *p = pump_begin(&w, NULL);
    struct pump_next  n = pump_step(p);
    while (n.wait == PUMP_GO_ON)
        n = pump_step(p);
    assert_string_equal(stats(p).last_error, "caf? is closed \xc3\xa9");
    (void)drive(&w, p, 100);
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_string_equal(l.why, "caf? is closed \xc3\xa9");
    pump_close(p, NULL);
}

static void a_rate_spares_the_other_side(void **state)
{
    (void)state;
    w.conf.rate = 20;
    w.conf.batch_events = 50;
    for (int i = 0; i < 10; i++)
        (void)append_lines(&w, i * 20, i * 20 + 19);
    struct pump *p = pump_begin(&w, NULL);
    int64_t      began = w.manual.mono_us;
    (void)drive(&w, p, 10000);
    assert_numbers(&w, 0, 199);
    assert_true(w.manual.mono_us - began >= 9 * US_PER_S - US_PER_S);
    assert_true(w.manual.mono_us - began <= 12 * US_PER_S);
    pump_close(p, NULL);
}

static void a_paused_sink_sends_nothing_and_goes_on_later(void **state)
{
    (void)state;
    w.conf.paused = true;
    (void)append_lines(&w, 0, 9);
    struct pump     *p = pump_begin(&w, NULL);
    struct pump_next n = pump_step(p);
    assert_int_equal(n.wait, PUMP_TIME);
    assert_true(n.for_us < 0);
    pump_close(p, NULL);
    assert_int_equal(w.told.sends, 0);
    w.conf.paused = false;
    p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 9);
    pump_close(p, NULL);
}

static void a_new_sink_begins_with_what_is_there_or_with_what_comes(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 4);
    w.conf.when_new = SINK_FROM_NOW;
    struct pump *p = pump_begin(&w, NULL);
    (void)append_lines(&w, 5, 9);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 5, 9);
    pump_close(p, NULL);
}

static void a_sink_that_is_stopped_in_the_middle_of_a_load_goes_on_without_repeating(void **state)
{
    (void)state;
    struct place at;
    (void)append_lines(&w, 0, 29);
    struct pump *p = pump_begin(&w, NULL);
    while (w.told.n < 20)
        (void)pump_step(p);
    pump_close(p, &at);
    assert_int_equal(at.record, 1);
    assert_int_equal(at.index, 20);
    p = pump_begin(&w, &at);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 29);
    pump_close(p, NULL);
}

static void a_renamed_sink_goes_on_where_it_stopped(void **state)
{
    (void)state;
    static const char *const before[] = { "s" };
    (void)append_lines(&w, 0, 9);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    pump_close(p, NULL);
    (void)append_lines(&w, 10, 19);
    w.conf.name = "t";
    w.conf.formerly = (struct conf_list){ before, 1 };
    p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 19);
    assert_string_equal(progress_of(&w, "sink:s").name, "");        /* it holds nothing any more */
    pump_close(p, NULL);
    p = pump_begin(&w, NULL);                                        /* `formerly` may stay in the file */
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 19);
    pump_close(p, NULL);
}

static void a_full_house_of_dead_letters_makes_the_sink_wait_until_some_are_forgotten(void **state)
{
    (void)state;
    char *big = calloc(1, 300 * 1024);
    int   written = 0;
    assert_non_null(big);
    memset(big, 'x', 300 * 1024);
    for (int i = 0; i < 300; i++) {                                  /* noise, so that packing does not help */
        unsigned seed = (unsigned)i;
        for (int k = 0; k < 300 * 1024; k++)
            big[k] = (char)(rand_r(&seed) >> 8);
        struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = 1, .body = { big, 300 * 1024 } };
        enum err      e = dead_add_record(w.dead, &(struct dead_note){ "other", "test", 0 }, &r, &fault);
        if (e != OK) {
            assert_int_equal(e, ERR_BUSY);
            break;
        }
        written++;
    }
    assert_true(written > 3 && written < 300);
    struct slice body = { big, 300 * 1024 };
    (void)append_raw(&w, RECORD_OTLP_LOGS, FORM_PROTOBUF, body, 1);   /* cannot be read: will be a letter */
    (void)append_lines(&w, 0, 3);
    struct pump *p = pump_begin(&w, NULL);
    for (int i = 0; i < 50; i++) {
        struct pump_next n = pump_step(p);
        if (n.wait != PUMP_GO_ON)
            w.manual.mono_us += n.for_us;
    }
    assert_int_equal(w.told.n, 0);
    assert_int_equal(progress_of(&w, "sink:s").committed, 0);
    assert_non_null(strstr(stats(p).last_error, "dead letters are full"));
    assert_ok(dead_forget(w.dead, (uint64_t)written, &fault), &fault);
    for (int i = 0; i < 30000 && w.told.n < 4; i++) {                /* the room comes back when another thread has made it */
        (void)drive(&w, p, 10);
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 3);
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    assert_ok(dead_next(w.dead, 0, &l, &fault), &fault);
    assert_string_equal(l.sink, "s");
    pump_close(p, NULL);
    free(big);
}

/* Let go of it after every number of steps: what was not committed comes again, nothing else does, and letters are written once. */
static void after_a_crash_at_any_step_all_events_are_delivered_in_order_and_letters_written_once(void **state)
{
    (void)state;
    int  repeated = 0, rounds = 0, numbers[8];
    bool whole = false;
    char name[32];
    w.conf.name = name;
    w.conf.when_new = SINK_FROM_NOW;
    w.conf.batch_events = 6;
    w.told.poisons = 2;
    for (int k = 1; !whole; k++, rounds++) {
        int base = k * 100;
        w.told.n = 0;
        w.told.poison[0] = base + 4;
        w.told.poison[1] = base + 13;
        w.told.later = k % 3;
        (void)snprintf(name, sizeof name, "round%d", k);
        struct pump *p = pump_begin(&w, NULL);
        for (int i = 0; i < 4; i++)
            (void)append_lines(&w, base + i * 5, base + i * 5 + 4);
        whole = drive(&w, p, k) < k;
        pump_abandon(p);
        p = pump_begin(&w, NULL);
        assert_true(drive(&w, p, 10000) < 10000);
        pump_close(p, NULL);

        int next = base;
        for (size_t i = 0; i < w.told.n; i++) {                      /* first occurrences in order, none left out */
            while (poisoned(&w.told, next))
                next++;
            repeated += w.told.got[i] < next;
            if (w.told.got[i] == next)
                next++;
            else
                assert_true(w.told.got[i] < next);
        }
        while (poisoned(&w.told, next))
            next++;
        assert_int_equal(next, base + 20);
        assert_int_equal(letters_of(&w, name, numbers, 8), 2);
        assert_int_equal(numbers[0], base + 4);
        assert_int_equal(numbers[1], base + 13);
        char cursor[64];
        (void)snprintf(cursor, sizeof cursor, "sink:%s", name);
        assert_ok(journal_forget(w.journal, cursor, &fault), &fault);
    }
    assert_true(rounds > 15);
    assert_true(repeated > 0);                                       /* else the crashes did not hurt */
}

static void the_cursor_survives_a_restart_of_everything(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    pump_close(p, NULL);
    world_reopen(&w);
    (void)append_lines(&w, 10, 19);
    p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_numbers(&w, 0, 19);
    pump_close(p, NULL);
}

static void stuck_is_when_something_waits_and_nothing_moves(void **state)
{
    (void)state;
    struct ship_stats s = { .behind = 5, .moved_us = 100 * US_PER_S };
    assert_false(ship_is_stuck(&s, 150 * US_PER_S, 60 * US_PER_S));
    assert_true(ship_is_stuck(&s, 200 * US_PER_S, 60 * US_PER_S));
    s.paused = true;
    assert_false(ship_is_stuck(&s, 200 * US_PER_S, 60 * US_PER_S));
    s.paused = false;
    s.behind = 0;
    assert_false(ship_is_stuck(&s, 200 * US_PER_S, 60 * US_PER_S));
}

static void a_clock_that_is_set_back_does_not_hide_that_a_sink_is_stuck(void **state)
{
    (void)state;
    struct ship_stats s;
    struct pump      *p = pump_begin(&w, NULL);
    w.manual.mono_us += 500 * US_PER_S;
    (void)drive(&w, p, 100);                       /* nothing to do for long is not stuck, also when something comes after all */
    w.told.later = -1;
    (void)append_lines(&w, 0, 9);
    (void)pump_step(p);
    pump_stats(p, &s);
    s.behind = 1;
    assert_false(ship_is_stuck(&s, w.manual.mono_us, 60 * US_PER_S));
    w.manual.wall_us -= 7200 * US_PER_S;
    for (int64_t end = w.manual.mono_us + 90 * US_PER_S; w.manual.mono_us < end; w.manual.mono_us += US_PER_S)
        (void)pump_step(p);
    pump_stats(p, &s);
    s.behind = 1;
    assert_true(ship_is_stuck(&s, w.manual.mono_us, 60 * US_PER_S));
    pump_close(p, NULL);
}

static void what_a_kind_cannot_hold_is_counted_and_makes_no_letter(void **state)
{
    (void)state;
    int               numbers[8];
    struct ship_stats s;
    (void)append_lines(&w, UNFIT - 2, UNFIT + 2);
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 100);
    assert_int_equal(w.told.n, 4);
    assert_int_equal(letters_of(&w, "s", numbers, 8), 0);
    pump_stats(p, &s);
    assert_int_equal(s.unfit, 1);
    assert_int_equal(s.skipped, 1);
    assert_int_equal(s.dead, 0);
    pump_close(p, NULL);
}

static void a_batch_that_takes_too_long_again_and_again_becomes_smaller(void **state)
{
    (void)state;
    struct ship_stats s;
    (void)append_lines(&w, 0, 7);
    w.told.late = true;
    w.told.later = 9;                              /* 8, 4, 2 events: three times each */
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 200);
    assert_numbers(&w, 0, 7);
    assert_int_equal(w.told.largest, 1);
    pump_stats(p, &s);
    assert_int_equal(s.halved, 3);
    assert_int_equal(s.dead, 0);
    pump_close(p, NULL);
}

static void a_batch_that_waits_for_another_reason_stays_as_it_is(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 7);
    w.told.later = 9;
    struct pump *p = pump_begin(&w, NULL);
    (void)drive(&w, p, 200);
    assert_numbers(&w, 0, 7);
    assert_int_equal(w.told.largest, 8);
    pump_close(p, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everything_arrives_once_and_in_order_and_the_cursor_follows),
        T(a_record_larger_than_a_batch_goes_in_even_pieces),
        T(a_batch_that_is_not_full_waits_for_company_but_not_for_ever),
        T(a_sink_that_is_away_is_tried_again_with_growing_pauses_and_nothing_is_lost),
        T(the_other_side_can_ask_for_a_longer_pause),
        T(a_batch_is_halved_until_the_poisoned_event_is_found_and_the_rest_arrives_once),
        T(a_batch_that_is_too_large_is_halved_and_the_next_ones_are_small_at_once),
        T(an_event_that_is_too_large_alone_is_a_dead_letter),
        T(what_the_other_side_refuses_by_number_is_noted_by_number),
        T(a_record_that_cannot_be_read_is_a_dead_letter_as_it_came_and_holds_up_nobody),
        T(what_is_not_for_the_sink_is_passed_by_and_counted),
        T(a_rule_may_drop_and_change_and_what_it_drops_is_counted),
        T(what_a_rule_could_not_read_goes_on_and_is_counted),
        T(what_a_rule_finds_no_room_for_is_not_sent_as_it_was_and_meets_the_rules_when_it_is_replayed),
        T(what_the_other_side_says_is_told_as_text_whatever_it_is),
        T(a_rate_spares_the_other_side),
        T(a_paused_sink_sends_nothing_and_goes_on_later),
        T(a_new_sink_begins_with_what_is_there_or_with_what_comes),
        T(a_sink_that_is_stopped_in_the_middle_of_a_load_goes_on_without_repeating),
        T(a_renamed_sink_goes_on_where_it_stopped),
        T(a_full_house_of_dead_letters_makes_the_sink_wait_until_some_are_forgotten),
        T(after_a_crash_at_any_step_all_events_are_delivered_in_order_and_letters_written_once),
        T(the_cursor_survives_a_restart_of_everything),
        T(stuck_is_when_something_waits_and_nothing_moves),
        T(what_a_kind_cannot_hold_is_counted_and_makes_no_letter),
        T(a_batch_that_takes_too_long_again_and_again_becomes_smaller),
        T(a_batch_that_waits_for_another_reason_stays_as_it_is),
        T(a_clock_that_is_set_back_does_not_hide_that_a_sink_is_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
