/* base: what is put into a queue comes out once and in order, and a full queue says so. */
#include "unit.h"

#include "base/clock.h"
#include "base/queue.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { BOUND = 8, SENDERS = 4, EACH = 5000 };

static struct fault fault;

static void a_queue_keeps_the_order(void **state)
{
    (void)state;
    struct queue q;
    int item[BOUND];
    assert_ok(queue_init(&q, BOUND, NULL, NULL, &fault), &fault);
    for (int round = 0; round < 5; round++) {         /* round the ring's end */
        for (int i = 0; i < BOUND - 3; i++)
            assert_ok(queue_put(&q, &item[i], &fault), &fault);
        assert_int_equal(queue_length(&q), BOUND - 3);
        for (int i = 0; i < BOUND - 3; i++)
            assert_ptr_equal(queue_take(&q), &item[i]);
    }
    assert_null(queue_take(&q));
    queue_done(&q);
}

static void a_full_queue_tells_the_sender_and_drops_nothing(void **state)
{
    (void)state;
    struct queue q;
    int item[BOUND + 1];
    assert_ok(queue_init(&q, BOUND, NULL, NULL, &fault), &fault);
    for (int i = 0; i < BOUND; i++)
        assert_ok(queue_put(&q, &item[i], &fault), &fault);
    assert_int_equal(queue_put(&q, &item[BOUND], &fault), ERR_BUSY);
    for (int i = 0; i < BOUND; i++)
        assert_ptr_equal(queue_take(&q), &item[i]);
    assert_ok(queue_put(&q, &item[BOUND], &fault), &fault);
    assert_ptr_equal(queue_take(&q), &item[BOUND]);
    queue_done(&q);
}

static void a_closed_queue_takes_nothing_more_and_gives_what_it_has(void **state)
{
    (void)state;
    struct queue q;
    int item;
    assert_ok(queue_init(&q, BOUND, NULL, NULL, &fault), &fault);
    assert_ok(queue_put(&q, &item, &fault), &fault);
    queue_close(&q);
    assert_int_equal(queue_put(&q, &item, &fault), ERR_STATE);
    assert_ptr_equal(queue_wait(&q, -1), &item);
    assert_null(queue_wait(&q, -1));
    queue_done(&q);
}

static void waiting_ends_with_its_time(void **state)
{
    (void)state;
    struct queue q;
    assert_ok(queue_init(&q, BOUND, NULL, NULL, &fault), &fault);
    int64_t began = clock_mono_us(&clock_real);
    assert_null(queue_wait(&q, 20000));
    assert_true(clock_mono_us(&clock_real) - began >= 20000);
    queue_done(&q);
}

struct shared {
    struct queue q;
    int          item[SENDERS][EACH];
    atomic_int   woken;
};

struct sender { struct shared *shared; int number; };

static void count_wake(void *ctx) { atomic_fetch_add(&((struct shared *)ctx)->woken, 1); }

static void *send_all(void *arg)
{
    struct sender *s = arg;
    struct fault   full;
    for (int i = 0; i < EACH; i++)
        while (queue_put(&s->shared->q, &s->shared->item[s->number][i], &full) != OK)
            sched_yield();
    return NULL;
}

static void everything_that_many_threads_send_arrives_once_and_in_the_order_of_each(void **state)
{
    (void)state;
    static struct shared shared;
    struct sender sender[SENDERS];
    pthread_t     thread[SENDERS];
    int           next[SENDERS] = { 0 };
    assert_ok(queue_init(&shared.q, BOUND, count_wake, &shared, &fault), &fault);
    for (int i = 0; i < SENDERS; i++) {
        sender[i] = (struct sender){ &shared, i };
        assert_int_equal(pthread_create(&thread[i], NULL, send_all, &sender[i]), 0);
    }
    for (int n = 0; n < SENDERS * EACH; n++) {
        int *got = queue_wait(&shared.q, -1);
        int  at = (int)(got - &shared.item[0][0]), from = at / EACH;
        assert_int_equal(at % EACH, next[from]++);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(next[i], EACH);
    }
    assert_null(queue_take(&shared.q));
    assert_int_equal(atomic_load(&shared.woken), SENDERS * EACH);
    queue_done(&shared.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_keeps_the_order),
        cmocka_unit_test(a_full_queue_tells_the_sender_and_drops_nothing),
        cmocka_unit_test(a_closed_queue_takes_nothing_more_and_gives_what_it_has),
        cmocka_unit_test(waiting_ends_with_its_time),
        cmocka_unit_test(everything_that_many_threads_send_arrives_once_and_in_the_order_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
