/* ship: the threads of the sinks: what a reload touches and what it leaves, and that stopping does not wait for the other side. */
#include "ship_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct world w;
static struct ship *ship;

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, true);
    assert_ok(ship_new(&(struct ship_options){ .journal = w.journal, .dead = w.dead, .clock = &w.clock, .seed = 3 }, &ship, &fault), &fault);
    w.conf.retry_first_us = 1000;
    w.conf.retry_most_us = 1000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ship_free(ship);
    ship = NULL;
    world_end(&w);
    return 0;
}

static enum err configure_one(void) { return ship_configure(ship, &(struct ship_sink){ .conf = &w.conf, .kind = &kind_told }, 1, &fault); }

static size_t got(void)
{
    (void)pthread_mutex_lock(&w.told.lock);
    size_t n = w.told.n;
    (void)pthread_mutex_unlock(&w.told.lock);
    return n;
}

static int count_of(const int *what)
{
    (void)pthread_mutex_lock(&w.told.lock);
    int n = *what;
    (void)pthread_mutex_unlock(&w.told.lock);
    return n;
}

static void tell_later(int later)
{
    (void)pthread_mutex_lock(&w.told.lock);
    w.told.later = later;
    (void)pthread_mutex_unlock(&w.told.lock);
}

/* It does not matter how long it takes; it must come. */
static void until(size_t n)
{
    for (int i = 0; got() < n; i++) {
        if (i > 30000)
            fail_msg("only %zu of %zu arrived", got(), n);
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
}

static struct ship_stats stats_of(const char *name)
{
    struct ship_stats list[SHIP_SINKS_MAX];
    size_t            n = ship_stats(ship, list, SHIP_SINKS_MAX);
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i];
    return (struct ship_stats){ 0 };
}

static void until_committed(uint64_t id)
{
    for (int i = 0; stats_of("s").committed < id; i++) {
        if (i > 30000)
            fail_msg("only %llu was committed", (unsigned long long)stats_of("s").committed);
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
}

static void what_comes_while_it_runs_arrives(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    for (int i = 0; i < 20; i++)
        (void)append_lines(&w, i * 10, i * 10 + 9);
    until(200);
    until_committed(20);
    assert_numbers(&w, 0, 199);
    struct ship_stats s = stats_of("s");
    assert_int_equal(s.sent, 200);
    assert_true(s.running && !s.stuck && !s.paused);
    assert_int_equal(s.behind, 0);
}

static void a_reload_without_a_change_does_not_touch_a_worker(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    (void)append_lines(&w, 0, 9);
    until(10);
    assert_ok(configure_one(), &fault);
    assert_int_equal(count_of(&w.told.opens), 1);
    assert_int_equal(count_of(&w.told.closes), 0);
}

static void changed_settings_neither_lose_nor_repeat(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    for (int i = 0; i < 50; i++) {
        (void)append_lines(&w, i * 20, i * 20 + 19);
        w.conf.batch_events = 3 + i % 7;
        assert_ok(configure_one(), &fault);
    }
    until(1000);
    until_committed(50);
    assert_numbers(&w, 0, 999);
    assert_int_equal(count_of(&w.told.opens), 51);
}

static void what_a_sink_has_counted_does_not_go_back_when_its_settings_change(void **state)
{
    (void)state;
    struct ship_stats st;
    for (int i = 0; i < 3; i++) {
        w.conf.batch_events = 7 + i;
        assert_ok(configure_one(), &fault);
        (void)append_lines(&w, i * 10, i * 10 + 9);
        until((size_t)i * 10 + 10);
        until_committed((uint64_t)i + 1);
    }
    assert_int_equal(ship_stats(ship, &st, 1), 1);
    assert_int_equal(st.sent, 30);
    assert_int_equal(count_of(&w.told.opens), 3);
}

static void a_sink_whose_new_settings_cannot_be_used_keeps_the_old_ones(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    (void)pthread_mutex_lock(&w.told.lock);
    w.told.open_fails = true;
    (void)pthread_mutex_unlock(&w.told.lock);
    w.conf.batch_events = 4;
    assert_int_equal(configure_one(), ERR_INPUT);
    assert_non_null(strstr(fault.text, "sink s: "));
    (void)append_lines(&w, 0, 9);
    until(10);
    assert_int_equal(count_of(&w.told.opens), 1);
}

static void a_sink_that_could_not_begin_tells_why_and_is_tried_again(void **state)
{
    (void)state;
    struct ship_stats st;
    (void)append_lines(&w, 0, 9);
    w.told.open_fails = true;
    assert_int_equal(configure_one(), ERR_INPUT);
    assert_int_equal(ship_stats(ship, &st, 1), 1);
    assert_true(!st.running && st.stuck);
    assert_string_equal(st.last_error, fault.text);
    w.told.open_fails = false;
    assert_ok(configure_one(), &fault);
    until(10);
    assert_int_equal(ship_stats(ship, &st, 1), 1);
    assert_true(st.running);
}

static void a_sink_that_fails_for_ever_can_be_stopped_at_once_and_holds_its_place(void **state)
{
    (void)state;
    tell_later(-1);
    w.conf.retry_first_us = w.conf.retry_most_us = 3600 * US_PER_S;
    assert_ok(configure_one(), &fault);
    (void)append_lines(&w, 0, 9);
    for (int i = 0; count_of(&w.told.sends) == 0 && i < 30000; i++)
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    assert_ok(ship_configure(ship, NULL, 0, &fault), &fault);         /* would take an hour if it waited */
    assert_int_equal(count_of(&w.told.closes), 1);
    assert_int_equal(progress_of(&w, "sink:s").behind, 1);
    tell_later(0);
    assert_ok(configure_one(), &fault);
    until(10);
    assert_numbers(&w, 0, 9);
}

static void a_sink_that_runs_reads_again_from_where_it_is_told_to(void **state)
{
    (void)state;
    uint64_t id = 2;
    assert_int_equal(ship_replay(ship, "s", 0, &id, &fault), ERR_MISSING);
    assert_ok(configure_one(), &fault);
    for (int i = 0; i < 3; i++)
        (void)append_lines(&w, i * 10, i * 10 + 9);
    until(30);
    until_committed(3);
    assert_ok(ship_replay(ship, "s", 0, &id, &fault), &fault);
    until(50);
    until_committed(3);
    for (int i = 0; i < 20; i++)
        assert_int_equal(w.told.got[30 + i], 10 + i);
    id = 0;
    assert_ok(ship_replay(ship, "s", 1, &id, &fault), &fault);        /* all that there is */
    assert_int_equal(id, 1);
    until(80);
    assert_ok(configure_one(), &fault);                               /* the same settings: it is not touched */
    assert_int_equal(count_of(&w.told.opens), 3);
}

static void a_removed_sinks_cursor_stays_until_it_is_forgotten(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    (void)append_lines(&w, 0, 9);
    until(10);
    assert_int_equal(ship_forget(ship, "s", &fault), ERR_STATE);
    assert_ok(ship_configure(ship, NULL, 0, &fault), &fault);
    assert_string_equal(progress_of(&w, "sink:s").name, "sink:s");
    assert_ok(ship_forget(ship, "s", &fault), &fault);
    assert_string_equal(progress_of(&w, "sink:s").name, "");
    assert_int_equal(ship_forget(ship, "s", &fault), ERR_MISSING);
}

static void a_rename_in_a_reload_goes_on_in_the_middle(void **state)
{
    (void)state;
    static const char *const before[] = { "s" };
    assert_ok(configure_one(), &fault);
    for (int i = 0; i < 20; i++)
        (void)append_lines(&w, i * 30, i * 30 + 29);
    w.conf.name = "t";
    w.conf.formerly = (struct conf_list){ before, 1 };
    assert_ok(configure_one(), &fault);
    until(600);
    assert_numbers(&w, 0, 599);
    assert_string_equal(progress_of(&w, "sink:s").name, "");
}

static void a_former_name_that_is_in_use_is_refused(void **state)
{
    (void)state;
    static const char *const before[] = { "s" };
    struct sink_conf         other = w.conf;
    other.name = "t";
    other.formerly = (struct conf_list){ before, 1 };
    const struct ship_sink sinks[] = { { .conf = &w.conf, .kind = &kind_told }, { .conf = &other, .kind = &kind_told } };
    assert_int_equal(ship_configure(ship, sinks, 2, &fault), ERR_CONFLICT);
    assert_int_equal(count_of(&w.told.opens), 0);
}

static enum ship_ruled drop_all(void *ctx, struct event *e, struct arena *a)
{
    (void)ctx, (void)e, (void)a;
    return RULED_OUT;
}

static void new_rules_take_effect_with_a_reload(void **state)
{
    (void)state;
    assert_ok(configure_one(), &fault);
    (void)append_lines(&w, 0, 9);
    until(10);
    assert_ok(ship_configure(ship, &(struct ship_sink){ .conf = &w.conf, .kind = &kind_told, .rule = drop_all, .rule_version = 1 }, 1, &fault), &fault);
    uint64_t id = append_lines(&w, 10, 19);
    until_committed(id);
    assert_numbers(&w, 0, 9);
    assert_int_equal(stats_of("s").dropped, 10);
}

static void dead_letters_are_sent_again_on_request(void **state)
{
    (void)state;
    w.told.poison[0] = 4;
    w.told.poisons = 1;
    assert_ok(configure_one(), &fault);
    (void)append_lines(&w, 0, 9);
    until(9);
    until_committed(1);
    (void)pthread_mutex_lock(&w.told.lock);
    w.told.poisons = 0;
    (void)pthread_mutex_unlock(&w.told.lock);
    assert_int_equal(ship_dead_replay(ship, "nobody", &fault), ERR_MISSING);
    assert_ok(ship_dead_replay(ship, "s", &fault), &fault);
    until(10);
    assert_int_equal(w.told.got[9], 4);
}

static void two_sinks_go_at_their_own_pace(void **state)
{
    (void)state;
    struct sink_conf slow = w.conf;
    slow.name = "slow";
    slow.paused = true;
    const struct ship_sink sinks[] = { { .conf = &w.conf, .kind = &kind_told }, { .conf = &slow, .kind = &kind_told } };
    assert_ok(ship_configure(ship, sinks, 2, &fault), &fault);
    uint64_t id = append_lines(&w, 0, 9);
    until_committed(id);
    assert_numbers(&w, 0, 9);
    assert_true(stats_of("slow").paused);
    assert_int_equal(stats_of("slow").behind, 1);
    slow.paused = false;
    assert_ok(ship_configure(ship, sinks, 2, &fault), &fault);
    until(20);
}

/* A sink that hangs until somebody cuts it short. */
struct hanging { pthread_mutex_t lock; pthread_cond_t changed; bool sending, cut; };
static struct hanging hanging;

static enum err hanging_open(const struct sink_conf *conf, void **self, struct fault *f)
{
    (void)conf, (void)f;
    *self = &hanging;
    return OK;
}

static enum sent hanging_send(void *self, const struct batch *b, struct sent_answer *a)
{
    (void)self, (void)b, (void)a;
    (void)pthread_mutex_lock(&hanging.lock);
    hanging.sending = true;
    (void)pthread_cond_broadcast(&hanging.changed);
    while (!hanging.cut)
        (void)pthread_cond_wait(&hanging.changed, &hanging.lock);
    (void)pthread_mutex_unlock(&hanging.lock);
    return SENT_LATER;
}

static void hanging_cancel(void *self)
{
    (void)self;
    (void)pthread_mutex_lock(&hanging.lock);
    hanging.cut = true;
    (void)pthread_cond_broadcast(&hanging.changed);
    (void)pthread_mutex_unlock(&hanging.lock);
}

static void hanging_close(void *self) { (void)self; }

static const struct sink_kind kind_hanging = { .name = "hanging", .takes = 7, .why = "for tests", .open = hanging_open, .send = hanging_send, .close = hanging_close, .cancel = hanging_cancel };

static void a_send_that_hangs_is_cut_short_after_a_grace_and_what_it_held_comes_again(void **state)
{
    (void)state;
    hanging = (struct hanging){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    ship_free(ship);
    assert_ok(ship_new(&(struct ship_options){ .journal = w.journal, .dead = w.dead, .clock = &w.clock, .grace_us = 1000 }, &ship, &fault), &fault);
    assert_ok(ship_configure(ship, &(struct ship_sink){ .conf = &w.conf, .kind = &kind_hanging }, 1, &fault), &fault);
    (void)append_lines(&w, 0, 9);
    (void)pthread_mutex_lock(&hanging.lock);
    while (!hanging.sending)
        (void)pthread_cond_wait(&hanging.changed, &hanging.lock);
    (void)pthread_mutex_unlock(&hanging.lock);
    assert_ok(configure_one(), &fault);                               /* another kind: the hanging one has to go */
    until(10);
    assert_numbers(&w, 0, 9);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_comes_while_it_runs_arrives),
        T(a_reload_without_a_change_does_not_touch_a_worker),
        T(changed_settings_neither_lose_nor_repeat),
        T(what_a_sink_has_counted_does_not_go_back_when_its_settings_change),
        T(a_sink_whose_new_settings_cannot_be_used_keeps_the_old_ones),
        T(a_sink_that_fails_for_ever_can_be_stopped_at_once_and_holds_its_place),
        T(a_sink_that_runs_reads_again_from_where_it_is_told_to),
        T(a_sink_that_could_not_begin_tells_why_and_is_tried_again),
        T(a_removed_sinks_cursor_stays_until_it_is_forgotten),
        T(a_rename_in_a_reload_goes_on_in_the_middle),
        T(a_former_name_that_is_in_use_is_refused),
        T(new_rules_take_effect_with_a_reload),
        T(dead_letters_are_sent_again_on_request),
        T(two_sinks_go_at_their_own_pace),
        T(a_send_that_hangs_is_cut_short_after_a_grace_and_what_it_held_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
