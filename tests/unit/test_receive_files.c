/* receive: files are followed through everything that happens to them, and what was read is never forgotten before it is durable. */
#include "receive_inputs.h"

#include "journal_disk.h"

#include "base/file.h"
#include "receive/follow.h"
#include "receive/follow_store.h"
#include "receive/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN "files: { app: { paths: ['@/*.log'], poll: 100ms, linger: 0s } }\n"
#define EVERYTHING "files: { app: { paths: ['@/*.log*'], poll: 100ms } }\n"
#define ROTATED "files: { app: { paths: ['@/app.log*'], poll: 100ms } }\n"

static void rename_log(const char *from, const char *to)
{
    char a[160], b[160];
    house_path(from, a, sizeof a);
    house_path(to, b, sizeof b);
    assert_int_equal(rename(a, b), 0);
}

static void once(const char *text)
{
    if (house_count(text) != 1)
        fail_msg("\"%s\" came %zu times", text, house_count(text));
}

/* ---- the cutter ---- */

static size_t cut_all(const struct lines_rules *r, const char *text, enum lines_flush flush, char *out)
{
    struct slice       in = slice_of(text);
    struct lines_found f;
    *out = '\0';
    while (lines_next(r, in, flush, &f)) {
        (void)sprintf(out + strlen(out), "[%.*s]", (int)f.text.n, f.text.s);
        in = (struct slice){ in.s + f.used, in.n - f.used };
    }
    return in.n;
}

static void lines_end_where_they_should(void **state)
{
    struct lines_rules plain = { .max = 10 }, indented = { .max = 40, .indented = true };
    char               out[200];
    assert_int_equal(cut_all(&plain, "one\ntwo\r\n\nhalf", LINES_MORE, out), 4);
    assert_string_equal(out, "[one][two][]");
    assert_int_equal(cut_all(&plain, "one\nhalf", LINES_QUIET, out), 4);
    assert_int_equal(cut_all(&plain, "one\nhalf", LINES_END, out), 0);
    assert_string_equal(out, "[one][half]");
    assert_int_equal(cut_all(&plain, "0123456789\n", LINES_MORE, out), 0);
    assert_string_equal(out, "[0123456789]");
    assert_int_equal(cut_all(&plain, "0123456789abc\nx\n", LINES_MORE, out), 0);
    assert_string_equal(out, "[0123456789][abc][x]");
    assert_int_equal(cut_all(&plain, "012345678\xc3\xa4 b\n", LINES_MORE, out), 0);
    assert_string_equal(out, "[012345678][\xc3\xa4 b]");
    assert_int_equal(cut_all(&indented, "a\n b\n\tc\nd\n", LINES_MORE, out), 2);
    assert_string_equal(out, "[a\n b\n\tc]");
    assert_int_equal(cut_all(&indented, "a\n b\n\tc\nd\n", LINES_QUIET, out), 0);
    assert_string_equal(out, "[a\n b\n\tc][d]");
    assert_int_equal(cut_all(&indented, "a\n b\n half", LINES_QUIET, out), 5);
    assert_string_equal(out, "[a\n b]");
}

static void bytes_that_are_no_utf8_are_replaced_and_all_else_is_kept(void **state)
{
    struct text t;
    text_init(&t, 1000);
    struct slice in = slice_of("a\xff\xc3\xa4\xe2\x82 z\xf0\x9f\x98\x80"), out = lines_utf8(in, &t);
    assert_true(slice_is(out, "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd z\xf0\x9f\x98\x80"));
    text_done(&t);
}

/* ---- settings ---- */

static void the_tables_are_in_order_and_say_no_where_they_should(void **state)
{
    static const struct conf_section *const sections[] = { &inputs_section, &syslog_section, &files_section, &journald_section };
    static const char *const wrong[] = {
        "syslog: { a: { address: '0.0.0.0:514', transport: udp } }\n",
        "syslog: { a: { address: '127.0.0.1:514', transport: tls } }\n",
        "syslog: { a: { address: '127.0.0.1:514', transport: tcp, tls_client_ca: /etc/passwd } }\n",
        "files: { a: { paths: ['relative.log'] } }\n",
        "files: { a: { paths: ['/x'], start_pattern: '[' } }\n",
        "files: { a: { paths: [] } }\n",
    };
    assert_ok(conf_tables_check(sections, 4, &h.fault), &h.fault);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct conf *c = NULL;
        assert_int_not_equal(conf_load_text("t", wrong[i], strlen(wrong[i]), sections, 4, &c, NULL, &h.fault), OK);
    }
}

/* ---- following ---- */

static void lines_arrive_with_their_path_offset_and_service(void **state)
{
    house_write("a.log", "first\nsecond\n");
    house_start("files: { app: { paths: ['@/*.log'], service: shop, tenant: t1 } }\n");
    house_until(2);
    assert_string_equal(h.seen[0].text, "first");
    assert_int_equal(h.seen[0].offset, 0);
    assert_int_equal(h.seen[1].offset, 6);
    assert_string_equal(h.seen[1].service, "shop");
    assert_string_equal(h.seen[1].tenant, "t1");
    assert_string_equal(h.seen[1].source, "file:app");
    assert_true(*h.seen[1].host != '\0');
    assert_non_null(strstr(h.seen[1].path, "/a.log"));
    house_write("a.log", "third\n");
    house_write("b.log", "new file\n");
    house_until(4);
    once("third");
    once("new file");
    struct inputs_stats s;
    inputs_stats(h.inputs, &s);
    assert_int_equal(s.of[INPUT_FILES].lines, 4);
    assert_int_equal(s.of[INPUT_FILES].open, 2);
    json_t *json = inputs_status(h.inputs);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json_object_get(json, "files"), "follows"), "files")), 2);
    json_decref(json);
}

static void a_half_line_waits_for_its_end(void **state)
{
    house_write("a.log", "whole\nha");
    house_start(PLAIN);
    house_until(1);
    house_write("a.log", "lf");
    house_write("b.log", "other\n");
    house_until(2);
    assert_int_equal(h.n, 2);
    house_write("a.log", "!\n");
    house_until(3);
    assert_string_equal(h.seen[2].text, "half!");
    assert_int_equal(h.seen[2].offset, 6);
}

static void a_line_that_is_too_long_goes_on_in_another(void **state)
{
    struct inputs_stats s;
    char                line[3002];
    memset(line, 'x', 3000);
    (void)strcpy(line + 3000, "\n");
    house_write("a.log", line);
    house_start("files: { app: { paths: ['@/*.log'], line_max: 1KiB } }\n");
    house_until(3);
    assert_int_equal(strlen(h.seen[0].text) + strlen(h.seen[1].text) + strlen(h.seen[2].text), 3000);
    inputs_stats(h.inputs, &s);
    assert_int_equal(s.of[INPUT_FILES].cut, 2);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    house_write("a.log", "one\ntwo\n\n\n");
    house_start(PLAIN);
    house_until(2);
    house_stop();
    house_write("a.log", "three\n");
    house_start(PLAIN);
    house_until(3);
    house_stop();
    assert_int_equal(h.n, 3);
    once("three");
}

static void a_crash_before_the_offset_is_saved_repeats_lines_and_loses_none(void **state)
{
    char kept[128];
    house_write("a.log", "one\n");
    house_start(PLAIN);
    house_until(1);
    house_stop();
    house_keep_offsets(kept, sizeof kept);
    house_start(PLAIN);
    house_write("a.log", "two\nthree\n");
    house_until(3);
    house_crash_offsets(kept);      /* as if two and three were durable, and nobody had noted it */
    house_write("a.log", "four\n");
    house_start(PLAIN);
    house_until(6);
    house_stop();
    once("one");
    assert_int_equal(house_count("two"), 2);
    assert_int_equal(house_count("three"), 2);
    assert_int_equal(h.seen[1].offset, h.seen[3].offset);      /* so that who wants to can tell */
    once("four");
}

static void offsets_never_run_ahead_of_the_journal(void **state)
{
    struct follow_store s;
    struct inputs_stats st;
    char                path[128];
    house_write("a.log", "one\n");
    house_start(PLAIN);
    house_until(1);
    house_stop();
    house_full();
    house_start(PLAIN);
    house_followed(1);
    house_write("a.log", "two\n");
    do {
        inputs_stats(h.inputs, &st);
        (void)usleep(1000);
    } while (!st.of[INPUT_FILES].held);
    house_keep_offsets(path, sizeof path);
    assert_ok(follow_store_load(path, &s, &h.fault), &h.fault);
    assert_int_equal(s.seen_n, 1);
    assert_int_equal(s.seen[0].offset, 4);
    follow_store_done(&s);
    house_drain();
    house_until(2);
    once("two");
    house_stop();
    house_keep_offsets(path, sizeof path);
    assert_ok(follow_store_load(path, &s, &h.fault), &h.fault);
    assert_int_equal(s.seen[0].offset, 8);
    follow_store_done(&s);
}

static void lines_that_could_not_be_made_durable_are_appended_again_and_hold_the_offset_back(void **state)
{
    struct follow_store    s;
    struct inputs_stats    st;
    char                   path[128];
    struct disk           *disk = disk_new(1);
    struct journal_files   files = disk_files(disk);
    struct journal_options o = journal_options_default("/disk/journal");
    o.segment_bytes = 1 << 20;
    o.size_max = 16 << 20;
    o.reserve_bytes = 0;
    o.files = &files;
    journal_close(h.journal);
    assert_ok(journal_open(&o, &h.journal, &h.fault), &h.fault);
    house_write("a.log", "one\n");
    house_start(PLAIN);
    house_until(1);
    do
        house_keep_offsets(path, sizeof path);
    while (follow_store_load(path, &s, &h.fault) == OK && s.seen[0].offset != 4 && (follow_store_done(&s), usleep(10000)) == 0);
    follow_store_done(&s);
    disk_fail(disk, DISK_SYNC, EIO, 1, 1000000);
    house_write("a.log", "two\n");
    do {
        inputs_stats(h.inputs, &st);
        (void)usleep(1000);
    } while (!*st.of[INPUT_FILES].last_error);
    (void)usleep(1100 * 1000);      /* longer than between two savings */
    house_keep_offsets(path, sizeof path);
    assert_ok(follow_store_load(path, &s, &h.fault), &h.fault);
    assert_int_equal(s.seen[0].offset, 4);
    follow_store_done(&s);
    disk_fail(disk, 0, 0, 0, 0);
    house_until(2);
    assert_true(house_count("two") >= 1);
    house_stop();
    house_keep_offsets(path, sizeof path);
    assert_ok(follow_store_load(path, &s, &h.fault), &h.fault);
    assert_int_equal(s.seen[0].offset, 8);
    follow_store_done(&s);
    journal_close(h.journal);
    h.journal = NULL;
    disk_free(disk);
}

static void damaged_offsets_are_put_aside_and_nothing_is_lost(void **state)
{
    char path[128];
    house_write("a.log", "one\n");
    house_start("files: { app: { paths: ['@/*.log'], from: end } }\n");
    house_followed(1);
    house_write("b.log", "two\n");
    house_until(1);
    house_stop();
    (void)snprintf(path, sizeof path, "%s/inputs/files", h.folder);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 25), 1);
    (void)close(fd);
    house_start("files: { app: { paths: ['@/*.log'], from: end } }\n");
    house_until(3);
    once("one");
    assert_int_equal(house_count("two"), 2);
    (void)strcat(path, ".damaged");
    assert_int_equal(access(path, F_OK), 0);
}

static void only_files_that_are_there_at_first_begin_at_their_end(void **state)
{
    house_write("a.log", "old\n");
    house_start("files: { app: { paths: ['@/*.log'], from: end } }\n");
    house_followed(1);
    house_write("a.log", "new\n");
    house_write("b.log", "from its start\n");
    house_until(2);
    house_stop();
    house_write("c.log", "came while nobody looked\n");
    house_start("files: { app: { paths: ['@/*.log'], from: end } }\n");
    house_until(3);
    assert_int_equal(house_count("old"), 0);
    once("new");
    once("came while nobody looked");
}

static void a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start(void **state)
{
    house_write("app.log", "one\n");
    house_start("files: { app: { paths: ['@/app.log'], poll: 100ms } }\n");
    house_until(1);
    rename_log("app.log", "app.log.1");
    house_write("app.log.1", "its writer has not noticed yet\n");
    house_write("app.log", "two\n");
    house_until(3);
    house_write("app.log.1", "nor now\n");
    house_until(4);
    house_stop();
    assert_int_equal(h.n, 4);
    once("its writer has not noticed yet");
    once("nor now");
}

static void a_file_that_was_renamed_while_nobody_looked_is_found_by_its_inode(void **state)
{
    house_write("app.log", "one\n");
    house_start("files: { app: { paths: ['@/app.log'] } }\n");
    house_until(1);
    house_stop();
    house_write("app.log", "written before the rotation\n");
    rename_log("app.log", "app.log.1");
    house_write("app.log", "two\n");
    house_start("files: { app: { paths: ['@/app.log'] } }\n");
    house_until(3);
    house_stop();
    assert_int_equal(h.n, 3);
    once("written before the rotation");
}

static void a_file_that_comes_only_after_the_start_goes_on_where_it_was(void **state)
{
    house_write("a.log", "one\ntwo\n");
    house_start(PLAIN);
    house_until(2);
    house_stop();
    rename_log("a.log", "../away");                      /* as on a disk that is not mounted yet */
    house_write("b.log", "of another\n");
    house_start(PLAIN);
    house_until(3);
    house_stop();                                        /* and not during this run either */
    house_start(PLAIN);
    house_followed(1);
    rename_log("../away", "a.log");
    house_write("a.log", "three\n");
    house_until(4);
    house_stop();
    assert_int_equal(h.n, 4);
    once("one");
    once("three");
}

static void rotated_names_in_the_glob_are_the_same_files(void **state)
{
    house_write("app.log", "one\n");
    house_start(ROTATED);
    house_until(1);
    for (int i = 0; i < 5; i++) {
        char text[32];
        rename_log("app.log", i % 2 ? "app.log.2" : "app.log.1");
        (void)snprintf(text, sizeof text, "round %d\n", i);
        house_write("app.log", text);
        house_until((size_t)i + 2);
    }
    house_stop();
    assert_int_equal(h.n, 6);
}

static void a_truncated_file_begins_anew(void **state)
{
    char path[160], command[600];
    house_write("app.log", "one is the first line of this file\ntwo\n");
    house_start(ROTATED);
    house_until(2);
    house_path("app.log", path, sizeof path);
    (void)snprintf(command, sizeof command, "cp %s %s.1 && : > %s", path, path, path);
    assert_int_equal(system(command), 0);
    house_write("app.log", "three\n");
    house_until(3);
    once("three");
    /* Truncated, and longer again than it was, before anybody looked. */
    house_stop();
    assert_int_equal(truncate(path, 0), 0);
    house_write("app.log", "four is longer than what was there\nfive\n");
    house_start(ROTATED);
    house_until(5);
    house_stop();
    once("four is longer than what was there");
    once("five");
    once("three");
    assert_true(house_count("two") <= 2);      /* the copy may have been looked at while it was made */
}

static void run_command(const char *format)
{
    char command[600];
    (void)snprintf(command, sizeof command, "cd %s && %s", h.logs, format);
    assert_int_equal(system(command), 0);
}

static void a_file_that_begins_like_another_has_lines_of_its_own(void **state)
{
    house_write("a.log", "hello\n");
    house_start("files: { app: { paths: ['@/*'], poll: 100ms, linger: 0s } }\n");
    house_until(1);
    house_write("b.log", "hello\n");           /* another name */
    house_until(2);
    house_write("a.log.1", "hello\n");         /* the name of a copy, but nothing was truncated */
    house_until(3);
    run_command(": > a.log");
    house_write("a.log", "after\n");
    house_until(4);
    house_write("c.log", "hello\n");           /* truncated, but another name */
    house_until(5);
    assert_int_equal(house_count("hello"), 4);
}

static void a_copy_that_is_seen_while_it_is_made_waits_for_the_truncation_and_brings_only_what_is_new(void **state)
{
    house_write("app.log", "one\ntwo\n");
    house_start("files: { app: { paths: ['@/app.log*'], poll: 100ms }, mark: { paths: ['@/mark.*'], poll: 100ms } }\n");
    house_until(2);
    run_command("head -c 5 app.log > app.log.1");
    house_write("mark.1", "seen while half of it was there\n");
    house_until(3);
    run_command("cp app.log app.log.1 && printf 'three\\n' >> app.log.1");
    house_write("mark.2", "seen while all of it was there\n");
    house_until(4);
    assert_int_equal(h.n, 4);
    run_command(": > app.log");
    house_write("app.log", "four\n");
    house_until(6);
    house_stop();
    once("one");
    once("two");
    once("three");
    once("four");
    assert_int_equal(h.n, 6);
}

static void a_file_that_was_written_anew_to_the_same_size_is_read_anew(void **state)
{
    char  old[400], new[400];
    int   fd;
    char  path[160];
    memset(old, 'x', sizeof old);
    memcpy(new, old, sizeof new);
    old[299] = new[299] = '\n';
    (void)strcpy(old + 300, "old\n");
    (void)strcpy(new + 300, "new\n");
    house_write("a.log", "one\n");
    house_write("b.log", old);
    house_start(PLAIN);
    house_until(3);
    house_path("a.log", path, sizeof path);
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "two\n", 4), 4);
    (void)close(fd);
    house_until(4);
    once("two");
    house_path("b.log", path, sizeof path);       /* its first bytes are the same too */
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, new, 304), 304);
    (void)close(fd);
    house_until(6);
    once("new");
    once("old");
}

static void a_writer_that_does_not_append_leaves_a_hole_that_is_no_text(void **state)
{
    static const char line[] = "as if nothing had happened\n";
    char path[160];
    house_write("a.log", "one\n");
    house_path("a.log", path, sizeof path);
    int fd = open(path, O_WRONLY);
    house_start(PLAIN);
    house_until(1);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(pwrite(fd, line, strlen(line), 5 * 1024 * 1024 + 100), (ssize_t)strlen(line));
    house_until(2);
    assert_string_equal(h.seen[1].text, "as if nothing had happened");
    assert_int_equal(h.seen[1].offset, 5 * 1024 * 1024 + 100);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(ftruncate(fd, 4000), 0);      /* room taken in advance */
    house_write("b.log", "meanwhile\n");
    house_until(3);
    assert_int_equal(pwrite(fd, "first\n", 6, 0), 6);
    house_until(4);
    assert_string_equal(h.seen[3].text, "first");
    (void)close(fd);
    house_stop();
    assert_int_equal(h.n, 4);
}

static void two_entries_that_name_the_same_file_are_told_of(void **state)
{
    struct inputs_stats s;
    house_write("a.log", "one\n");
    house_start("files: { all: { paths: ['@/*.log'] }, mine: { paths: ['@/a.*'] } }\n");
    house_until(1);
    inputs_stats(h.inputs, &s);
    assert_non_null(strstr(s.of[INPUT_FILES].last_error, "so mine does not get its lines"));
    house_stop();
    assert_int_equal(h.n, 1);
}

static void an_inode_that_is_used_again_is_another_file(void **state)
{
    char path[160];
    house_write("a.log", "the old one, that is gone\n");
    house_start(PLAIN);
    house_until(1);
    house_stop();
    /* The same inode with other content, longer than the offset: as a file system gives it out again. */
    house_path("a.log", path, sizeof path);
    int fd = open(path, O_WRONLY | O_TRUNC);
    (void)close(fd);
    rename_log("a.log", "z.log");
    house_write("z.log", "the new one has the same inode\nand two lines\n");
    house_start(PLAIN);
    house_until(3);
    once("the new one has the same inode");
    once("and two lines");
}

/* Deleted, and a file that is none of ours has its inode by now. */
static void reuse_inode(const char *name, const char *by, const char *text)
{
    char from[160], to[160], outside[160];
    house_path(name, from, sizeof from);
    house_path(by, to, sizeof to);
    (void)snprintf(outside, sizeof outside, "%s/outside", h.folder);
    assert_int_equal(rename(from, outside), 0);
    int fd = open(outside, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    assert_int_equal(rename(outside, to), 0);
}

static void whose_inode_is_used_again_under_a_name_that_is_not_ours_is_not_read(void **state)
{
    house_write("a.log", "the old one, that is gone\n");
    house_start(PLAIN);
    house_until(1);
    house_stop();
    reuse_inode("a.log", "passwords.txt", "this is nobody's business\nnor is this\n");
    house_write("b.log", "marker\n");
    house_start(PLAIN);
    house_until(2);
    house_stop();
    once("marker");
    assert_int_equal(h.n, 2);
}

static bool is_open(const char *name)
{
    char path[160], link[64], to[256];
    bool found = false;
    house_path(name, path, sizeof path);
    for (int fd = 3; fd < 256 && !found; fd++) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, to, sizeof to - 1);
        found = n > 0 && strlen(path) == (size_t)n && strncmp(to, path, (size_t)n) == 0;
    }
    return found;
}

static void that_is_so_also_while_we_run_and_the_file_was_closed_since_it_was_quiet(void **state)
{
    house_write("a.log", "the old one, that is gone\n");
    house_start(PLAIN);
    house_until(1);
    for (int i = 0; i < 1200 && is_open("a.log"); i++) {
        house_later(61 * US_PER_S);
        (void)usleep(50000);
    }
    assert_false(is_open("a.log"));
    reuse_inode("a.log", "a.log.gz", "this is nobody's business\nnor is this\n");
    house_write("b.log", "marker\n");
    house_until(2);
    house_stop();
    once("marker");
    assert_int_equal(h.n, 2);
}

/* Numbers of devices are given out anew when disks are found, or mounted, in another order. */
static void another_number_of_the_device_makes_no_other_file(void **state)
{
    struct follow_store s;
    struct text         t;
    char                path[128];
    house_write("a.log", "one\ntwo\n");
    house_write("b.log", "bee\n");
    house_start(EVERYTHING);
    house_until(3);
    house_stop();
    (void)snprintf(path, sizeof path, "%s/inputs/files", h.folder);
    assert_ok(follow_store_load(path, &s, &h.fault), &h.fault);
    assert_int_equal(s.seen_n, 2);
    text_init(&t, 1 << 16);
    follow_store_begin(&t);
    follow_store_put_rule(&t, "app");
    for (size_t i = 0; i < s.seen_n; i++) {
        s.seen[i].dev += 7;
        follow_store_put(&t, &s.seen[i]);
    }
    follow_store_end(&t);
    assert_ok(file_write(path, t.s, t.used, 0600, &h.fault), &h.fault);
    text_done(&t);
    follow_store_done(&s);
    house_write("a.log", "three\n");
    rename_log("b.log", "b.log.1");                /* and was rotated meanwhile */
    house_write("b.log.1", "boo\n");
    house_start(EVERYTHING);
    house_until(5);
    house_stop();
    once("three");
    once("boo");
    assert_int_equal(h.n, 5);
}

static void a_deleted_file_is_read_to_its_end(void **state)
{
    char path[160];
    house_write("a.log", "one\n");
    house_start(PLAIN);
    house_until(1);
    house_path("a.log", path, sizeof path);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "two\nno end", 10), 10);
    assert_int_equal(unlink(path), 0);
    (void)close(fd);
    house_until(3);
    once("two");
    once("no end");
}

/* Nothing of ours runs between these turns, and time is ours. */
static void a_file_is_not_forgotten_while_lines_of_its_life_before_are_on_their_way(void **state)
{
    static const struct conf_section *const sections[] = { &inputs_section, &syslog_section, &files_section, &journald_section };
    char                text[256], path[160], folder[128];
    struct conf        *c = NULL;
    struct follow      *f = NULL;
    struct batch_counts counts;
    uint64_t            split;
    int64_t             open_now, now_us = 10 * US_PER_S;
    int                 wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)snprintf(folder, sizeof folder, "%s/inputs", h.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(text, sizeof text, "inputs: { delay: 10s }\nfiles: { app: { paths: ['%s/*.log'], linger: 0s } }\n", h.logs);
    assert_ok(conf_load_text("test", text, strlen(text), sections, 4, &c, NULL, &h.fault), &h.fault);
    house_write("a.log", "one\n");
    assert_ok(follow_new(c, h.journal, folder, wake, &f, &h.fault), &h.fault);
    (void)follow_turn(f, now_us);
    house_path("a.log", path, sizeof path);
    assert_int_equal(truncate(path, 0), 0);
    house_write("a.log", "\n");                     /* all that the new life has */
    (void)follow_turn(f, now_us += US_PER_S);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 3; i++)
        (void)follow_turn(f, now_us += US_PER_S);
    follow_count(f, &counts, &split, &open_now);
    assert_int_equal(counts.records, 0);
    assert_int_equal(open_now, 1);
    for (int i = 0; i < 30000 && (counts.records < 1 || open_now != 1); i++) {      /* only reached when something is wrong */
        house_write("b.log", "more\n");             /* something is always on its way */
        (void)follow_turn(f, now_us += i < 3 ? 4 * US_PER_S : 0);
        follow_count(f, &counts, &split, &open_now);
        (void)usleep(1000);
    }
    assert_true(counts.records >= 1);
    assert_int_equal(open_now, 1);                 /* b.log */
    assert_false(follow_settled(f));
    follow_free(f);
    conf_free(c);
    (void)close(wake);
}

/* ---- a disk that cannot be read for a while ---- */

ssize_t __real_pread64(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at);
static atomic_bool sick;

ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at)
{
    char link[64], path[256] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (atomic_load(&sick) && readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/logs/")) {
        errno = EIO;
        return -1;
    }
    return __real_pread64(fd, to, n, at);
}

static void until_told(const char *what)
{
    struct inputs_stats s = { 0 };
    for (int i = 0; i < 12000 && !strstr(s.of[INPUT_FILES].last_error, what); i++) {
        (void)usleep(5000);
        inputs_stats(h.inputs, &s);
    }
    if (!strstr(s.of[INPUT_FILES].last_error, what))
        fail_msg("told was: %s", s.of[INPUT_FILES].last_error);
}

static void what_cannot_be_read_for_a_while_is_read_on_afterwards_and_not_from_its_start(void **state)
{
    house_write("a.log", "one\ntwo\n");
    house_start(PLAIN);
    house_until(2);
    atomic_store(&sick, true);
    house_write("a.log", "three\n");
    until_told("a.log cannot be read: Input/output error");
    atomic_store(&sick, false);
    house_until(3);
    house_stop();
    once("three");
    assert_int_equal(h.n, 3);
    house_write("a.log", "four\n");
    atomic_store(&sick, true);
    house_start(PLAIN);
    until_told("a.log cannot be read: Input/output error");
    atomic_store(&sick, false);
    house_until(4);
    house_stop();
    once("four");
    assert_int_equal(h.n, 4);
    rename_log("a.log", "a.old");
    house_write("a.old", "five\n");
    atomic_store(&sick, true);
    house_start(PLAIN);                            /* a name that is not ours, and is looked for where it was */
    until_told("a.old cannot be read: Input/output error");
    atomic_store(&sick, false);
    house_until(5);
    house_stop();
    once("five");
    assert_int_equal(h.n, 5);
}

static void texts_of_several_lines_stay_together(void **state)
{
    house_write("a.log", "2026 oops\n  at main\nCaused by\n2026 fine\n");
    house_start("files: { app: { paths: ['@/*.log'], start_pattern: '^[0-9]{4} ', group_wait: 50ms } }\n");
    house_until(2);
    assert_string_equal(h.seen[0].text, "2026 oops\n  at main\nCaused by");
    assert_string_equal(h.seen[1].text, "2026 fine");
    assert_int_equal(h.seen[1].offset, 30);
}

static void what_is_excluded_is_not_read_and_a_reload_changes_what_is(void **state)
{
    house_write("a.log", "a\n");
    house_write("b.log", "b\n");
    house_write("c.log.gz", "c\n");
    house_start("files: { app: { paths: ['@/*'], exclude: ['b.*', '*.gz'] } }\n");
    house_until(1);
    assert_ok(house_reload("files: { app: { paths: ['@/*'] } }\n"), &h.fault);
    house_until(2);
    house_write("a.log", "more\n");
    house_until(3);
    house_stop();
    assert_int_equal(h.n, 3);
    once("a");
    once("b");
    once("more");
}

static void many_lines_arrive_once_and_in_order(void **state)
{
    char path[160];
    house_path("a.log", path, sizeof path);
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 50000; i++)
        (void)fprintf(out, "line %d of very many that are all of them alike but for a number\n", i);
    (void)fclose(out);
    house_start(PLAIN);
    house_until(50000);
    house_stop();
    assert_int_equal(h.n, 50000);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(atoi(h.seen[i].text + 5), i);
}

int main(void)
{
#define HOUSE(t) cmocka_unit_test_setup_teardown(t, house_open, house_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_where_they_should),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced_and_all_else_is_kept),
        cmocka_unit_test(the_tables_are_in_order_and_say_no_where_they_should),
        HOUSE(lines_arrive_with_their_path_offset_and_service),
        HOUSE(a_half_line_waits_for_its_end),
        HOUSE(a_line_that_is_too_long_goes_on_in_another),
        HOUSE(a_restart_goes_on_where_it_was),
        HOUSE(a_crash_before_the_offset_is_saved_repeats_lines_and_loses_none),
        HOUSE(offsets_never_run_ahead_of_the_journal),
        HOUSE(lines_that_could_not_be_made_durable_are_appended_again_and_hold_the_offset_back),
        HOUSE(damaged_offsets_are_put_aside_and_nothing_is_lost),
        HOUSE(only_files_that_are_there_at_first_begin_at_their_end),
        HOUSE(a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start),
        HOUSE(a_file_that_was_renamed_while_nobody_looked_is_found_by_its_inode),
        HOUSE(a_file_that_comes_only_after_the_start_goes_on_where_it_was),
        HOUSE(rotated_names_in_the_glob_are_the_same_files),
        HOUSE(a_truncated_file_begins_anew),
        HOUSE(a_file_that_begins_like_another_has_lines_of_its_own),
        HOUSE(a_copy_that_is_seen_while_it_is_made_waits_for_the_truncation_and_brings_only_what_is_new),
        HOUSE(a_file_that_was_written_anew_to_the_same_size_is_read_anew),
        HOUSE(a_writer_that_does_not_append_leaves_a_hole_that_is_no_text),
        HOUSE(two_entries_that_name_the_same_file_are_told_of),
        HOUSE(an_inode_that_is_used_again_is_another_file),
        HOUSE(whose_inode_is_used_again_under_a_name_that_is_not_ours_is_not_read),
        HOUSE(that_is_so_also_while_we_run_and_the_file_was_closed_since_it_was_quiet),
        HOUSE(another_number_of_the_device_makes_no_other_file),
        HOUSE(a_deleted_file_is_read_to_its_end),
        HOUSE(a_file_is_not_forgotten_while_lines_of_its_life_before_are_on_their_way),
        HOUSE(what_cannot_be_read_for_a_while_is_read_on_afterwards_and_not_from_its_start),
        HOUSE(texts_of_several_lines_stay_together),
        HOUSE(what_is_excluded_is_not_read_and_a_reload_changes_what_is),
        HOUSE(many_lines_arrive_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
