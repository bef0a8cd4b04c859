/* ship: events in files by type and hour, each exactly once, also when the machine dies in between. */
#include "ship_fixture.h"

#include "base/file.h"
#include "ship/kinds.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct world  w;
static char          folder[128];
static struct load   load;
static struct sieve  sieve = { .types = 7 };

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, false);
    (void)snprintf(folder, sizeof folder, "%s/lake", w.folder);
    w.conf.folder = folder;
    w.conf.roll_bytes = 1 << 20;
    w.conf.roll_after_us = 60 * US_PER_S;
    load_init(&load);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    load_done(&load);
    world_end(&w);
    return 0;
}

/* Everything in the journal as one batch. */
static struct batch all_of_it(void)
{
    struct journal_consumer *c;
    struct record            r;
    struct load_counts       counts = { 0 };
    load_reset(&load);
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK)
        assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    journal_consumer_close(c);
    return (struct batch){ .event = load.event, .count = load.count, .load = 1 };
}

static void *open_sink(void)
{
    void *self = NULL;
    assert_ok(sink_files.open(&w.conf, &self, &fault), &fault);
    return self;
}

static void send_ok(void *self, const struct batch *b)
{
    struct sent_answer a = { 0 };
    if (sink_files.send(self, b, &a) != SENT_ALL)
        fail_msg("not sent: %s", a.why);
}

/* Sends, and dies without closing anything. */
static void send_and_die(const struct batch *b)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sent_answer a = { 0 };
        void              *self = NULL;
        int                code = sink_files.open(&w.conf, &self, &fault) != OK || sink_files.send(self, b, &a) != SENT_ALL;
        _exit(code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static char *contents(const char *pattern, size_t *files)
{
    glob_t g;
    char   path[256], *all = calloc(1, 1 << 20);
    (void)snprintf(path, sizeof path, "%s/%s", folder, pattern);
    int found = glob(path, 0, NULL, &g);
    *files = found == 0 ? g.gl_pathc : 0;
    for (size_t i = 0; i < *files; i++) {
        char *one;
        assert_ok(file_read(g.gl_pathv[i], 1 << 19, &one, NULL, &fault), &fault);
        strcat(all, one);
        free(one);
    }
    globfree(&g);
    return all;
}

static void assert_lines(const char *pattern, int from, int to)
{
    size_t files;
    char  *all = contents(pattern, &files), *rest;
    int    next = from;
    for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), next++) {
        char want[32];
        (void)snprintf(want, sizeof want, "\"body\":\"%d\"", next);
        if (!strstr(line, want))
            fail_msg("line %s\nhas not %s", line, want);
        assert_int_equal(line[strlen(line) - 1], '}');
    }
    assert_int_equal(next, to + 1);
    free(all);
}

#define HOUR "/yyyy=2023/mm=11/dd=14/hh=22/"

static void events_lie_by_type_and_hour_and_files_tell_by_name_what_is_in_them(void **state)
{
    (void)state;
    size_t files;
    (void)append_lines(&w, 0, 9);
    (void)append_point(&w, "temperature", 7);
    struct batch b = all_of_it();
    void        *self = open_sink();
    send_ok(self, &b);
    assert_lines("logs" HOUR "s.000000000001-0.part", 0, 9);
    sink_files.idle(self, w.manual.mono_us);
    sink_files.idle(self, w.manual.mono_us + 61 * US_PER_S);
    assert_lines("logs" HOUR "s.000000000001-0.000000000001-9.jsonl", 0, 9);
    char *metrics = contents("metrics" HOUR "s.000000000002-0.000000000002-0.jsonl", &files);
    assert_int_equal(files, 1);
    assert_non_null(strstr(metrics, "\"name\":\"temperature\",\"kind\":\"gauge\",\"value\":7}"));
    free(metrics);
    sink_files.close(self);
}

static void path_says_into_which_folders_events_go_and_what_is_unfinished_stays_where_it_is(void **state)
{
    (void)state;
    size_t files;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    w.conf.path = "{dataset}/%Y-%m-%d/%H/%M";
    (void)append_lines(&w, 10, 19);
    b = all_of_it();
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "s.000000000001-0.000000000001-9.jsonl", 0, 9);
    assert_lines("logs/2023-11-14/22/13/s.000000000002-0.000000000002-9.jsonl", 10, 19);
    free(contents("logs/*/*/*/*.part", &files));
    assert_int_equal(files, 0);
}

/* As it was written before there was a setting. */
static void a_ledger_that_knows_hours_only_is_gone_on_with(void **state)
{
    (void)state;
    char ledger[200], text[200];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    size_t files;
    char  *all = contents("logs" HOUR "s.000000000001-0.part", &files);
    (void)snprintf(ledger, sizeof ledger, "%s/.s.ledger", folder);
    (void)snprintf(text, sizeof text, "last 1 9 %lld\nopen 0 %lld 1 0 1 9 %zu %d\n", (long long)b.event[9]->received_us, (long long)(b.event[9]->received_us / (3600 * US_PER_S)), strlen(all),
                   (int)w.conf.format);
    assert_ok(file_write(ledger, text, strlen(text), 0600, &fault), &fault);
    free(all);
    (void)append_lines(&w, 10, 19);
    b = all_of_it();
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "s.000000000001-0.000000000002-9.jsonl", 0, 19);
}

static void a_file_is_finished_when_it_is_large(void **state)
{
    (void)state;
    size_t files;
    w.conf.roll_bytes = 500;
    void *self = open_sink();
    for (int i = 0; i < 5; i++) {
        (void)append_lines(&w, i * 10, i * 10 + 9);
        struct batch b = all_of_it();
        b.event += i * 10;
        b.count -= (size_t)i * 10;
        send_ok(self, &b);
    }
    sink_files.close(self);
    free(contents("logs" HOUR "*.jsonl", &files));
    assert_int_equal(files, 5);
    assert_lines("logs" HOUR "*.jsonl", 0, 49);
}

static void what_was_sent_before_a_crash_and_comes_again_is_not_repeated(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    (void)append_lines(&w, 10, 19);
    b = all_of_it();                               /* the cursor was not committed: all of it */
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 19);
}

/* Records do not stand in the order of their times: one that was scraped bears the time when it was asked for, and clocks are set. */
static void what_comes_again_is_known_also_when_the_last_of_it_was_received_before_the_first(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    w.manual.wall_us -= 5 * US_PER_S;
    (void)append_lines(&w, 10, 19);
    struct batch b = all_of_it();
    send_and_die(&b);
    b = all_of_it();
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 19);
}

static void that_is_so_in_whatever_batches_a_load_was_sent_and_however_often_it_comes(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    w.manual.wall_us -= 5 * US_PER_S;
    (void)append_lines(&w, 10, 19);
    struct batch all = all_of_it(), first = all, rest = all;
    first.count = 10;
    rest.event += rest.at = 10;
    rest.count = 10;
    send_and_die(&first);
    pid_t child = fork();                          /* the next one leaves out the first batch, writes the other, and dies as well */
    assert_true(child >= 0);
    if (child == 0) {
        void *self = open_sink();
        send_ok(self, &first);
        send_ok(self, &rest);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    void *self = open_sink();
    send_ok(self, &all);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 19);
}

static void what_a_crash_left_half_written_is_cut_off_and_comes_again(void **state)
{
    (void)state;
    char path[256];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    (void)snprintf(path, sizeof path, "%s/logs" HOUR "s.000000000001-0.part", folder);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"type\":\"log\",\"body\":\"to", f);
    (void)fclose(f);
    (void)append_lines(&w, 10, 19);
    b = all_of_it();
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 19);
}

static void numbers_of_a_journal_that_began_anew_are_not_taken_for_old_ones(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    (void)append_lines(&w, 10, 19);
    struct batch b = all_of_it();
    send_and_die(&b);
    world_end(&w);
    char kept[64];
    (void)snprintf(kept, sizeof kept, "%s", w.folder);
    world_begin(&w, false);
    w.manual.wall_us += 3600 * US_PER_S;
    (void)append_lines(&w, 100, 109);
    b = all_of_it();
    w.conf.folder = folder;                        /* made again by the sink; its ledger is put there as the old journal left it */
    w.conf.roll_bytes = 1 << 20;
    w.conf.roll_after_us = US_PER_S;
    assert_ok(file_make_dirs(folder, 0700, &fault), &fault);
    char ledger[200];
    (void)snprintf(ledger, sizeof ledger, "%s/.s.ledger", folder);
    assert_ok(file_write(ledger, "last 2 9 1700000000000000\n", 26, 0600, &fault), &fault);
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs/*/*/*/*/*.jsonl", 100, 109);
    char command[200];
    (void)snprintf(command, sizeof command, "rm -rf %s", kept);
    assert_int_equal(system(command), 0);
}

static void dead_letters_are_written_although_their_numbers_are_old(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    b.again = true;
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    size_t files;
    char  *all = contents("logs" HOUR "*.jsonl", &files);
    size_t lines = 0;
    for (const char *p = all; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 20);
    free(all);
}

static void what_is_to_be_taken_once_more_is_written_again_and_then_once_only(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    w.conf.kind = "files";
    assert_ok(ship_replay_allow(&w.conf, &fault), &fault);
    send_and_die(&b);
    void *self = open_sink();
    send_ok(self, &b);                             /* after a crash: left out again */
    sink_files.close(self);
    size_t files, lines = 0;
    char  *all = contents("logs" HOUR "*.jsonl", &files);
    for (const char *p = all; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 20);
    free(all);
}

static void trouble_with_the_disk_is_waited_out(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_ok(file_write(folder, "in the way", 10, 0600, &fault), &fault);
    void *self = open_sink();
    assert_int_equal(sink_files.send(self, &b, &a), SENT_LATER);
    assert_true(*a.why);
    assert_int_equal(unlink(folder), 0);
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 9);
}

static bool count_one(void *ctx, const struct event *e)
{
    assert_int_equal(number_of(e), (*(int *)ctx)++);
    return true;
}

static void requests_of_otlp_can_be_read_back(void **state)
{
    (void)state;
    w.conf.format = FORMAT_OTLP;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    void        *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    char   path[256], *data;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/logs" HOUR "s.000000000001-0.000000000001-9.otlp", folder);
    assert_ok(file_read(path, 1 << 20, &data, &size, &fault), &fault);
    size_t n = (size_t)(unsigned char)data[2] << 8 | (unsigned char)data[3];
    assert_int_equal(n + 4, size);
    struct record       r = { .id = 1, .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .body = { data + 4, n } };
    struct event_report report = { 0 };
    struct arena        a;
    int                 next = 0;
    arena_init(&a, 1 << 20);
    assert_ok(event_read(&r, &a, count_one, &next, &report, &fault), &fault);
    assert_int_equal(next, 10);
    arena_done(&a);
    free(data);
}

static void a_damaged_ledger_is_put_aside_and_the_sink_goes_on(void **state)
{
    (void)state;
    size_t files;
    char   ledger[200];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_ok(file_make_dirs(folder, 0700, &fault), &fault);
    (void)snprintf(ledger, sizeof ledger, "%s/.s.ledger", folder);
    assert_ok(file_write(ledger, "last x\n", 7, 0600, &fault), &fault);
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 9);
    char *kept = contents(".s.ledger.bad", &files);
    assert_string_equal(kept, "last x\n");
    free(kept);
}

static void remove_hour(const char *how)
{
    char command[300];
    (void)snprintf(command, sizeof command, "%s %s/logs/yyyy=2023", how, folder);
    assert_int_equal(system(command), 0);
}

static void part_of_all(struct batch *b, int from)
{
    *b = all_of_it();
    b->event += from;
    b->count -= (size_t)from;
}

static void what_is_sent_after_a_folder_was_removed_lies_in_a_new_one(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    struct batch       b;
    (void)append_lines(&w, 0, 9);
    part_of_all(&b, 0);
    void *self = open_sink();
    send_ok(self, &b);
    remove_hour("rm -r");
    (void)append_lines(&w, 10, 19);
    part_of_all(&b, 10);
    assert_int_equal(sink_files.send(self, &b, &a), SENT_LATER);       /* it is told of */
    assert_non_null(strstr(a.why, "removed by somebody else"));
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 10, 19);
}

static void a_folder_that_was_removed_does_not_stop_other_files_from_being_finished(void **state)
{
    (void)state;
    struct batch b;
    (void)append_lines(&w, 0, 9);
    (void)append_point(&w, "temperature", 7);
    part_of_all(&b, 0);
    void *self = open_sink();
    send_ok(self, &b);
    remove_hour("rm -r");
    sink_files.idle(self, 100 * US_PER_S);
    sink_files.idle(self, 200 * US_PER_S);
    size_t files;
    free(contents("metrics" HOUR "*.jsonl", &files));
    assert_int_equal(files, 1);
    (void)append_lines(&w, 10, 19);
    part_of_all(&b, 11);
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 10, 19);
}

static void all_folders_are_made_again_when_the_whole_place_was_removed(void **state)
{
    (void)state;
    char               command[200];
    struct sent_answer a = { 0 };
    struct batch       b;
    (void)append_lines(&w, 0, 9);
    part_of_all(&b, 0);
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.idle(self, 100 * US_PER_S);
    sink_files.idle(self, 200 * US_PER_S);                              /* finished: no file is open */
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    (void)append_lines(&w, 10, 19);
    part_of_all(&b, 10);
    if (sink_files.send(self, &b, &a) != SENT_ALL)
        send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 10, 19);
}

static void a_finished_file_is_never_replaced(void **state)
{
    (void)state;
    char         path[256];
    struct batch b;
    (void)append_lines(&w, 0, 9);
    part_of_all(&b, 0);
    (void)snprintf(path, sizeof path, "%s/logs" HOUR, folder);
    assert_ok(file_make_dirs(path, 0700, &fault), &fault);
    (void)snprintf(path, sizeof path, "%s/logs" HOUR "s.000000000001-0.000000000001-9.jsonl", folder);
    assert_ok(file_write(path, "of a journal before\n", 20, 0600, &fault), &fault);
    void *self = open_sink();
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "s.000000000001-0.000000000001-9.2.jsonl", 0, 9);
    size_t files;
    char  *before = contents("logs" HOUR "s.000000000001-0.000000000001-9.jsonl", &files);
    assert_string_equal(before, "of a journal before\n");
    free(before);
}

/* A file system without an exclusive rename takes two steps; a crash between them leaves both names. */
static void a_file_that_has_its_last_name_already_is_not_added_to(void **state)
{
    (void)state;
    char         growing[256], last[256];
    struct batch b;
    (void)append_lines(&w, 0, 9);
    part_of_all(&b, 0);
    send_and_die(&b);
    (void)snprintf(growing, sizeof growing, "%s/logs" HOUR "s.000000000001-0.part", folder);
    (void)snprintf(last, sizeof last, "%s/logs" HOUR "s.000000000001-0.000000000001-9.jsonl", folder);
    assert_int_equal(link(growing, last), 0);
    (void)append_lines(&w, 10, 19);
    struct batch more = all_of_it();
    void        *self = open_sink();
    send_ok(self, &more);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl*", 0, 19);
}

static void a_sink_can_be_closed_while_its_ledger_cannot_be_written(void **state)
{
    (void)state;
    char ledger[200];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    void        *self = open_sink();
    send_ok(self, &b);
    (void)snprintf(ledger, sizeof ledger, "%s/.s.ledger", folder);
    assert_int_equal(unlink(ledger), 0);
    assert_int_equal(mkdir(ledger, 0700), 0);        /* as on a disk that is full: files can be renamed, but not made */
    sink_files.close(self);
    assert_int_equal(rmdir(ledger), 0);
}

static void what_a_killed_sink_left_unfinished_is_finished_under_its_name_by_the_one_that_it_is_called_now(void **state)
{
    (void)state;
    size_t files;
    static const char *const before[] = { "s" };
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    send_and_die(&b);
    (void)append_lines(&w, 10, 19);
    b = all_of_it();
    w.conf.name = "t";
    w.conf.formerly = (struct conf_list){ before, 1 };
    void *self = open_sink();
    send_ok(self, &b);
    free(contents("logs" HOUR "s.*.part", &files));
    assert_int_equal(files, 0);
    sink_files.close(self);
    assert_lines("logs" HOUR "s.*.jsonl", 0, 9);
    assert_lines("logs" HOUR "t.*.jsonl", 10, 19);
}

static void links_that_others_lay_into_the_folder_are_not_followed(void **state)
{
    (void)state;
    char  victim[160], path[256], *text = NULL;
    void *self = open_sink();
    (void)snprintf(victim, sizeof victim, "%s/victim", w.folder);
    assert_ok(file_write(victim, "precious", 8, 0600, &fault), &fault);
    (void)snprintf(path, sizeof path, "mkdir -p %s/logs" HOUR, folder);
    assert_int_equal(system(path), 0);
    (void)snprintf(path, sizeof path, "%s/logs" HOUR "s.000000000001-0.part", folder);
    assert_int_equal(symlink(victim, path), 0);
    (void)append_lines(&w, 0, 9);
    struct batch       b = all_of_it();
    struct sent_answer a = { 0 };
    assert_int_equal(sink_files.send(self, &b, &a), SENT_LATER);
    assert_ok(file_read(victim, 100, &text, NULL, &fault), &fault);
    assert_string_equal(text, "precious");
    free(text);
    assert_int_equal(unlink(path), 0);
    send_ok(self, &b);
    sink_files.close(self);
    assert_lines("logs" HOUR "*.jsonl", 0, 9);
}

static void two_sinks_of_one_name_do_not_write_into_one_folder(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    void        *first = open_sink(), *second = open_sink();
    send_ok(first, &b);
    assert_int_equal(sink_files.send(second, &b, &a), SENT_LATER);
    assert_non_null(strstr(a.why, "somebody else writes to"));
    sink_files.close(first);
    (void)append_lines(&w, 10, 19);
    b = all_of_it();
    send_ok(second, &b);
    sink_files.close(second);
    assert_lines("logs" HOUR "*.jsonl", 0, 19);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(events_lie_by_type_and_hour_and_files_tell_by_name_what_is_in_them),
        T(path_says_into_which_folders_events_go_and_what_is_unfinished_stays_where_it_is),
        T(a_ledger_that_knows_hours_only_is_gone_on_with),
        T(a_file_is_finished_when_it_is_large),
        T(what_was_sent_before_a_crash_and_comes_again_is_not_repeated),
        T(what_comes_again_is_known_also_when_the_last_of_it_was_received_before_the_first),
        T(that_is_so_in_whatever_batches_a_load_was_sent_and_however_often_it_comes),
        T(what_a_crash_left_half_written_is_cut_off_and_comes_again),
        T(numbers_of_a_journal_that_began_anew_are_not_taken_for_old_ones),
        T(dead_letters_are_written_although_their_numbers_are_old),
        T(what_is_to_be_taken_once_more_is_written_again_and_then_once_only),
        T(trouble_with_the_disk_is_waited_out),
        T(requests_of_otlp_can_be_read_back),
        T(a_damaged_ledger_is_put_aside_and_the_sink_goes_on),
        T(what_is_sent_after_a_folder_was_removed_lies_in_a_new_one),
        T(a_folder_that_was_removed_does_not_stop_other_files_from_being_finished),
        T(all_folders_are_made_again_when_the_whole_place_was_removed),
        T(a_finished_file_is_never_replaced),
        T(a_file_that_has_its_last_name_already_is_not_added_to),
        T(a_sink_can_be_closed_while_its_ledger_cannot_be_written),
        T(what_a_killed_sink_left_unfinished_is_finished_under_its_name_by_the_one_that_it_is_called_now),
        T(links_that_others_lay_into_the_folder_are_not_followed),
        T(two_sinks_of_one_name_do_not_write_into_one_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
