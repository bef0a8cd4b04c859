/* history: a ring of minutes that survives what happens to disks. */
#include "unit.h"

#include "base/file.h"
#include "base/rand.h"
#include "history/history.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE INT64_C(60000000)
#define BEGAN  (INT64_C(1770000000) * 1000000)      /* 2026-02-02T02:40:00Z */

static char folder[64];

static int fresh(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/history.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* A minute that differs a little from the one before, with processes that come and go. */
static void minute(struct history_minute *m, int64_t i)
{
    memset(m, 0, sizeof *m);
    m->at_us                = BEGAN + i * MINUTE;
    m->seconds              = 60;
    m->host.load1           = (double)(i % 700) / 100;
    m->host.cpu_user        = .25;
    m->host.mem_total       = 8e9;
    m->host.mem_available   = 4e9 + 4096.0 * (double)(i * 7919 % 100000);
    m->host.pressure_memory = NAN;
    m->disks = 1;
    snprintf(m->disk[0].name, HISTORY_NAME, "sda");
    m->disk[0].read_bytes = (double)(i * 31 % 1000) * 4096;
    m->tops = 20;
    for (int64_t p = 0; p < 20; p++) {
        struct history_top *t = &m->top[p];
        snprintf(t->name, HISTORY_NAME, "worker %d", (int)p);
        snprintf(t->group, HISTORY_NAME, "workers");
        t->pid         = 1000 + p + (p == 3 ? i / 10 * 100 : 0);
        t->start_ticks = 5 * t->pid;
        t->cpu         = (double)((i + p) % 100) / 100;
        t->rss_bytes   = 4096.0 * (double)(1000 * p + i % 50);
        t->read_bytes  = p ? (double)(i * p) : NAN;
    }
}

static void append_some(struct history *h, int64_t from, int64_t to, int64_t step)
{
    struct fault           fault = { 0 };
    struct history_minute *m     = malloc(sizeof *m);
    for (int64_t i = from; i < to; i += step) {
        minute(m, i);
        if (history_append(h, m, false, &fault) != OK)
            fail_msg("%s", fault.text);
    }
    free(m);
}

static void append(struct history *h, int64_t from, int64_t to) { append_some(h, from, to, 1); }

static void put_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static struct history *opened(struct history_bounds b)
{
    struct fault    fault = { 0 };
    struct history *h     = NULL;
    if (history_open(folder, b, &h, &fault) != OK)
        fail_msg("%s", fault.text);
    return h;
}

struct seen { int64_t first, last; size_t count; bool wrong; };

static bool see(void *ctx, const struct history_minute *m)
{
    struct seen           *s = ctx;
    struct history_minute *w = malloc(sizeof *w);
    minute(w, (m->at_us - BEGAN) / MINUTE);
    bool same = m->host.load1 == w->host.load1 && m->host.mem_available == w->host.mem_available && isnan(m->host.pressure_memory) && m->tops == w->tops &&
                strcmp(m->disk[0].name, "sda") == 0 && m->disk[0].read_bytes == w->disk[0].read_bytes;
    for (size_t i = 0; i < m->tops && same; i++)
        same = m->top[i].pid == w->top[i].pid && strcmp(m->top[i].name, w->top[i].name) == 0 && m->top[i].rss_bytes == w->top[i].rss_bytes &&
               isnan(m->top[i].read_bytes) == isnan(w->top[i].read_bytes);
    s->wrong |= !same || (s->count && m->at_us <= s->last);
    if (!s->count)
        s->first = m->at_us;
    s->last = m->at_us;
    s->count++;
    free(w);
    return true;
}

static struct seen everything(int64_t *damaged)
{
    struct fault           fault = { 0 };
    struct history_reader *r;
    struct seen            s = { 0 };
    assert_int_equal(history_open_read(folder, &r, &fault), OK);
    assert_int_equal(history_each(r, 0, INT64_MAX, see, &s, damaged, &fault), OK);
    history_close_read(r);
    return s;
}

static char *only_file(char *path, size_t size)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, "minutes.", 8) == 0)
            snprintf(path, size, "%.64s/%.30s", folder, e->d_name);
    closedir(d);
    return path;
}

static void what_was_appended_is_read_back_by_any_time(void **state)
{
    (void)state;
    struct fault           fault = { 0 };
    struct history        *h     = opened((struct history_bounds){ 0 });
    struct history_reader *r;
    struct history_minute *m = malloc(sizeof *m);
    append(h, 0, 200);
    assert_int_equal(history_open_read(folder, &r, &fault), OK);       /* while it is being written */
    assert_int_equal(history_at(r, INT64_MAX, m, &fault), OK);
    assert_int_equal(m->at_us, BEGAN + 199 * MINUTE);
    assert_int_equal(history_at(r, BEGAN + 100 * MINUTE + 30 * 1000000, m, &fault), OK);
    assert_int_equal(m->at_us, BEGAN + 100 * MINUTE);
    assert_true(m->host.load1 == 1.0);
    assert_int_equal(history_at(r, BEGAN - 1, m, &fault), ERR_MISSING);
    history_close_read(r);
    history_close(h);
    int64_t     damaged;
    struct seen s = everything(&damaged);
    assert_int_equal(s.count, 200);
    assert_false(s.wrong);
    assert_int_equal(damaged, 0);
    free(m);
}

static void a_crash_at_any_byte_costs_the_last_minute_and_no_other(void **state)
{
    (void)state;
    char  path[128], *whole;
    size_t size, first;
    struct fault    fault = { 0 };
    struct history *h     = opened((struct history_bounds){ 0 });
    struct stat     st;
    append(h, 0, 3);
    assert_int_equal(stat(only_file(path, sizeof path), &st), 0);
    first = (size_t)st.st_size;
    append(h, 3, 4);
    history_close(h);
    assert_int_equal(file_read(path, 1 << 20, &whole, &size, &fault), OK);
    for (size_t cut = first; cut <= size; cut++) {
        assert_int_equal(truncate(path, (off_t)cut), 0);
        h = opened((struct history_bounds){ 0 });
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, cut == size ? size : first);       /* cut off before anything is written */
        append(h, 4, 6);
        history_close(h);
        int64_t     damaged;
        struct seen s = everything(&damaged);
        assert_int_equal(s.count, cut == size ? 6 : 5);
        assert_false(s.wrong);
        assert_int_equal(damaged, 0);
        put_bytes(path, whole, size);
    }
    free(whole);
}

static void a_damaged_byte_costs_no_more_than_the_minutes_to_the_next_key(void **state)
{
    (void)state;
    char            path[128], *bytes;
    size_t          size;
    struct fault    fault = { 0 };
    struct rand     chance;
    struct history *h = opened((struct history_bounds){ 0 });
    rand_seed(&chance, 7);
    append(h, 0, 150);
    history_close(h);
    assert_int_equal(file_read(only_file(path, sizeof path), 1 << 22, &bytes, &size, &fault), OK);
    for (int i = 0; i < 25; i++) {
        size_t at = rand_u64(&chance) % size;
        bytes[at] ^= 0x20;
        put_bytes(path, bytes, size);
        int64_t     damaged;
        struct seen s = everything(&damaged);
        assert_false(s.wrong);
        assert_true(s.count < 150 && s.count + HISTORY_KEY_EVERY >= 150);
        assert_true(damaged > 0);
        bytes[at] ^= 0x20;
    }
    free(bytes);
}

static int64_t bytes_there(size_t *files)
{
    DIR    *d     = opendir(folder);
    int64_t total = 0;
    *files        = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (strncmp(e->d_name, "minutes.", 8) == 0 && fstatat(dirfd(d), e->d_name, &st, 0) == 0) {
            total += st.st_size;
            ++*files;
        }
    }
    closedir(d);
    return total;
}

static void the_bound_in_bytes_holds_and_the_newest_minutes_stay(void **state)
{
    (void)state;
    enum { BOUND = 100000 };
    struct history *h = opened((struct history_bounds){ .bytes = BOUND });
    size_t          files;
    for (int64_t i = 0; i < 1500; i += 50) {
        append(h, i, i + 50);
        assert_true(bytes_there(&files) <= BOUND);
    }
    history_close(h);
    assert_true(files > 2);
    int64_t     damaged;
    struct seen s = everything(&damaged);
    assert_false(s.wrong);
    assert_int_equal(s.last, BEGAN + 1499 * MINUTE);
    assert_true(s.count > 100 && s.count < 1500);
    assert_int_equal(s.first, s.last - (int64_t)(s.count - 1) * MINUTE);
}

static void days_beyond_the_bound_go(void **state)
{
    (void)state;
    struct history *h = opened((struct history_bounds){ .days = 2 });
    size_t          files;
    append_some(h, 0, 5 * 1440, 30);
    history_close(h);
    int64_t     damaged;
    struct seen s = everything(&damaged);
    (void)bytes_there(&files);
    assert_true(files >= 3 && files <= 4);
    assert_true(s.count >= 2 * 48 && s.count <= 3 * 48 + 1);
    assert_int_equal(s.last, BEGAN + (5 * 1440 - 30) * MINUTE);
}

static void a_month_costs_less_than_two_hundred_megabytes(void **state)
{
    (void)state;
    struct history *h = opened((struct history_bounds){ 0 });
    size_t          files;
    append(h, 0, 120);
    history_close(h);
    assert_true(bytes_there(&files) / 120 * 30 * 1440 < 200 * INT64_C(1000000));
}

static void a_second_writer_and_a_clock_that_goes_back_are_refused(void **state)
{
    (void)state;
    struct fault           fault = { 0 };
    struct history        *h = opened((struct history_bounds){ 0 }), *other = NULL;
    struct history_minute *m = malloc(sizeof *m);
    assert_int_equal(history_open(folder, (struct history_bounds){ 0 }, &other, &fault), ERR_BUSY);
    append(h, 5, 6);
    minute(m, 5);
    assert_int_equal(history_append(h, m, false, &fault), ERR_INPUT);
    history_close(h);
    h = opened((struct history_bounds){ 0 });
    assert_int_equal(history_append(h, m, false, &fault), ERR_INPUT);      /* it remembers over a restart */
    history_close(h);
    free(m);
}

/* The minute that is found at that time; -1: none. */
static int64_t found_at(int64_t i)
{
    struct fault           fault = { 0 };
    struct history_reader *r;
    struct history_minute *m = malloc(sizeof *m);
    assert_int_equal(history_open_read(folder, &r, &fault), OK);
    int64_t at = history_at(r, BEGAN + i * MINUTE, m, &fault) == OK ? (m->at_us - BEGAN) / MINUTE : -1;
    history_close_read(r);
    free(m);
    return at;
}

static void a_clock_that_was_ahead_ends_neither_the_history_nor_what_is_read_of_it(void **state)
{
    (void)state;
    enum { AHEAD = 900 * 1440 };
    struct history *h = opened((struct history_bounds){ 0 });
    append(h, 0, 10);
    append(h, AHEAD, AHEAD + 5);
    append(h, 15, 20);
    history_close(h);
    h = opened((struct history_bounds){ 0 });        /* also after a start, which finds the file of the future */
    append(h, 20, 30);
    append(h, 25 + 180, 215);                        /* three hours ahead within a day, and back */
    append(h, 40, 300);
    history_close(h);
    assert_int_equal(found_at(12), 9);
    assert_int_equal(found_at(18), 18);
    assert_int_equal(found_at(29), 29);
    assert_int_equal(found_at(250), 250);
    assert_int_equal(found_at(AHEAD + 100), AHEAD + 4);
    struct fault           fault = { 0 };
    struct history_reader *r;
    struct seen            s = { 0 };
    assert_int_equal(history_open_read(folder, &r, &fault), OK);
    assert_int_equal(history_each(r, BEGAN + 250 * MINUTE, BEGAN + 299 * MINUTE, see, &s, NULL, &fault), OK);
    assert_true(s.count == 50 && s.first == BEGAN + 250 * MINUTE && s.last == BEGAN + 299 * MINUTE);
    history_close_read(r);
}

static void a_jump_of_the_clock_costs_two_files_for_each_day_that_it_lasts_and_not_all(void **state)
{
    (void)state;
    struct history *h = opened((struct history_bounds){ 0 });
    size_t          files;
    append_some(h, 0, 10 * 1440, 60);
    append_some(h, 900 * 1440, 902 * 1440, 1440);    /* for two days */
    append_some(h, 10 * 1440, 11 * 1440, 60);
    history_close(h);
    (void)bytes_there(&files);
    assert_true(files >= 11);
    assert_int_equal(found_at(0), -1);
    assert_int_equal(found_at(4 * 1440), 4 * 1440);
    assert_int_equal(found_at(11 * 1440 - 60), 11 * 1440 - 60);
}

static void a_newest_file_that_cannot_be_read_keeps_nothing_from_being_written(void **state)
{
    (void)state;
    char            path[128];
    struct history *h = opened((struct history_bounds){ 0 });
    append(h, 0, 5);
    history_close(h);
    snprintf(path, sizeof path, "%s/minutes.20260202T0250", folder);
    put_bytes(path, "", 0);
    assert_int_equal(truncate(path, 2 * (off_t)HISTORY_BYTES_MAX + 10), 0);
    h = opened((struct history_bounds){ .bytes = 8 * INT64_C(1000000000) });
    append(h, 15, 20);
    history_close(h);
    assert_int_equal(found_at(19), 19);
}

static void minutes_of_another_version_are_left_where_they_are(void **state)
{
    struct fault    fault = { 0 };
    struct history *h = opened((struct history_bounds){ 0 });
    char            path[128], *bytes, *now;
    size_t          size, still;
    append(h, 0, 5);
    history_close(h);
    assert_ok(file_read(only_file(path, sizeof path), 1 << 20, &bytes, &size, &fault), &fault);
    for (char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), "HMIN", 4)); at += 4)
        at[4] = 2;
    put_bytes(path, bytes, size);
    h = opened((struct history_bounds){ 0 });
    append(h, 15, 20);
    history_close(h);
    assert_ok(file_read(path, 1 << 20, &now, &still, &fault), &fault);
    assert_int_equal(still, size);
    assert_memory_equal(now, bytes, size);
    assert_int_equal(found_at(19), 19);
    assert_int_equal(found_at(3), -1);
    free(bytes);
    free(now);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)
    const struct CMUnitTest tests[] = {
        TEST(what_was_appended_is_read_back_by_any_time),
        TEST(a_crash_at_any_byte_costs_the_last_minute_and_no_other),
        TEST(a_damaged_byte_costs_no_more_than_the_minutes_to_the_next_key),
        TEST(the_bound_in_bytes_holds_and_the_newest_minutes_stay),
        TEST(days_beyond_the_bound_go),
        TEST(a_month_costs_less_than_two_hundred_megabytes),
        TEST(minutes_of_another_version_are_left_where_they_are),
        TEST(a_clock_that_was_ahead_ends_neither_the_history_nor_what_is_read_of_it),
        TEST(a_jump_of_the_clock_costs_two_files_for_each_day_that_it_lasts_and_not_all),
        TEST(a_newest_file_that_cannot_be_read_keeps_nothing_from_being_written),
        TEST(a_second_writer_and_a_clock_that_goes_back_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
