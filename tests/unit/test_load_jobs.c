/* load/jobs: how many connections a load opens. */
#include "unit.h"

#include "load/jobs.h"

static void a_load_has_two_connections_for_each_processor_and_no_more_than_pieces(void **state)
{
    (void)state;
    assert_int_equal(load_jobs_threads(0, 100, 1), 2);
    assert_int_equal(load_jobs_threads(0, 100, 8), 16);
    assert_int_equal(load_jobs_threads(0, 3, 8), 3);
    assert_int_equal(load_jobs_threads(0, 100, -1), 1);   /* nobody knows how many processors there are */
}

static void a_large_machine_does_not_take_all_of_a_servers_connections_unasked(void **state)
{
    (void)state;
    assert_int_equal(load_jobs_threads(0, 1000, 16), 32);
    assert_int_equal(load_jobs_threads(0, 1000, 128), 32);
    assert_int_equal(load_jobs_threads(0, 7, 128), 7);
}

static void who_asks_for_connections_gets_them(void **state)
{
    (void)state;
    assert_int_equal(load_jobs_threads(1, 1000, 128), 1);
    assert_int_equal(load_jobs_threads(100, 3, 2), 100);   /* keys and indexes are more pieces */
    assert_int_equal(load_jobs_threads(LOAD_THREADS_MAX + 1, 1000, 2), LOAD_THREADS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_has_two_connections_for_each_processor_and_no_more_than_pieces),
        cmocka_unit_test(a_large_machine_does_not_take_all_of_a_servers_connections_unasked),
        cmocka_unit_test(who_asks_for_connections_gets_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
