/* receive: systemd's journal is read on whatever it answers, and from where it was first looked at. The library is a double. */
#include "receive_inputs.h"

#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* Entry n says "entry n", and its cursor is n. */
static struct { atomic_int entries, sick, opened; int at, fd; char data[64]; } fake;

static sd_journal *opaque(void) { return (sd_journal *)(void *)&fake; }

int __wrap_sd_journal_open_directory(sd_journal **out, const char *path, int flags)
{
    (void)path, (void)flags;
    fake.at = -1;
    *out = opaque();
    atomic_fetch_add(&fake.opened, 1);
    return 0;
}

void __wrap_sd_journal_close(sd_journal *j) { (void)j; }
int  __wrap_sd_journal_set_data_threshold(sd_journal *j, size_t n) { (void)j, (void)n; return 0; }
int  __wrap_sd_journal_get_fd(sd_journal *j) { (void)j; return fake.fd; }
int  __wrap_sd_journal_process(sd_journal *j) { (void)j; return SD_JOURNAL_APPEND; }

int __wrap_sd_journal_get_timeout(sd_journal *j, uint64_t *us)
{
    (void)j;
    *us = (uint64_t)clock_mono_us(&clock_real) + 20000;
    return 1;
}

int __wrap_sd_journal_seek_head(sd_journal *j) { (void)j; fake.at = -1; return 0; }
int __wrap_sd_journal_seek_tail(sd_journal *j) { (void)j; fake.at = atomic_load(&fake.entries); return 0; }
int __wrap_sd_journal_seek_cursor(sd_journal *j, const char *cursor) { (void)j; fake.at = atoi(cursor) - 1; return 0; }
int __wrap_sd_journal_test_cursor(sd_journal *j, const char *cursor) { (void)j; return fake.at == atoi(cursor); }
int __wrap_sd_journal_previous(sd_journal *j) { (void)j; return fake.at > 0 ? fake.at--, 1 : 0; }
int __wrap_sd_journal_next(sd_journal *j) { (void)j; return fake.at + 1 < atomic_load(&fake.entries) ? fake.at++, 1 : 0; }

int __wrap_sd_journal_get_cursor(sd_journal *j, char **out)
{
    (void)j;
    return fake.at == atomic_load(&fake.sick) ? -EBADMSG : asprintf(out, "%d", fake.at) < 0 ? -ENOMEM : 0;
}

int __wrap_sd_journal_get_realtime_usec(sd_journal *j, uint64_t *us)
{
    (void)j;
    *us = UINT64_C(1700000000000000) + (uint64_t)fake.at;
    return 0;
}

int __wrap_sd_journal_get_data(sd_journal *j, const char *field, const void **data, size_t *n)
{
    (void)j;
    if (strcmp(field, "MESSAGE") != 0)
        return -ENOENT;
    *n = (size_t)snprintf(fake.data, sizeof fake.data, "MESSAGE=entry %d", fake.at);
    *data = fake.data;
    return 0;
}

static int set_up(void **state)
{
    atomic_store(&fake.entries, 0);
    atomic_store(&fake.sick, -1);
    atomic_store(&fake.opened, 0);
    fake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return house_open(state);
}

static int tear_down(void **state)
{
    int failed = house_close(state);
    (void)close(fake.fd);
    return failed;
}

static void an_entry_that_cannot_be_read_is_told_of_and_gone_past(void **state)
{
    struct inputs_stats s;
    (void)state;
    atomic_store(&fake.entries, 3);
    atomic_store(&fake.sick, 1);
    house_start("journald: { enabled: yes, folder: '/fake' }\n");
    house_until(2);
    inputs_stats(h.inputs, &s);
    assert_non_null(strstr(s.of[INPUT_JOURNALD].last_error, "an entry of journald cannot be read"));
    house_stop();
    assert_int_equal(h.n, 2);
    assert_int_equal(house_count("entry 0"), 1);
    assert_int_equal(house_count("entry 2"), 1);
}

static void what_comes_between_the_first_start_and_the_first_entry_is_read_by_the_next_start(void **state)
{
    (void)state;
    atomic_store(&fake.entries, 2);
    house_start("journald: { enabled: yes, folder: '/fake', from: now }\n");
    while (!atomic_load(&fake.opened))
        (void)usleep(1000);
    (void)usleep(100000);
    house_stop();
    atomic_store(&fake.entries, 4);
    house_start("journald: { enabled: yes, folder: '/fake', from: now }\n");
    house_until(2);
    house_stop();
    assert_int_equal(h.n, 2);
    assert_int_equal(house_count("entry 2"), 1);
    assert_int_equal(house_count("entry 3"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_entry_that_cannot_be_read_is_told_of_and_gone_past),
        T(what_comes_between_the_first_start_and_the_first_entry_is_read_by_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
