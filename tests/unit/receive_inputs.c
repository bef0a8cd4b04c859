/* tests/unit/receive_inputs.c - see receive_inputs.h. */
#include "receive_inputs.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct house h;

static atomic_llong later_us;

static int64_t wall(void *ctx)
{
    (void)ctx;
    return clock_wall_us(&clock_real) + atomic_load(&later_us);
}

static int64_t mono(void *ctx)
{
    (void)ctx;
    return clock_mono_us(&clock_real) + atomic_load(&later_us);
}

static const struct clock house_clock = { .wall_us = wall, .mono_us = mono };

void house_later(int64_t us) { atomic_fetch_add(&later_us, us); }

int house_open(void **state)
{
    char path[128];
    memset(&h, 0, sizeof h);
    (void)strcpy(h.folder, "/tmp/homeostat-inputs-XXXXXX");
    assert_non_null(mkdtemp(h.folder));
    (void)snprintf(h.logs, sizeof h.logs, "%s/logs", h.folder);
    assert_int_equal(mkdir(h.logs, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/journal", h.folder);
    struct journal_options o = journal_options_default(path);
    o.segment_bytes = 1 << 20;
    o.size_max = 16 << 20;
    o.reserve_bytes = 0;
    assert_ok(journal_open(&o, &h.journal, &h.fault), &h.fault);
    h.next = 1;
    return 0;
}

int house_close(void **state)
{
    char command[128];
    house_stop();
    journal_consumer_close(h.holder);
    journal_close(h.journal);
    for (size_t i = 0; i < h.n; i++) {
        struct seen_line *l = &h.seen[i];
        char             *all[] = { l->text, l->path, l->service, l->host, l->tenant, l->source, l->more };
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            free(all[k]);
    }
    free(h.seen);
    (void)snprintf(command, sizeof command, "rm -rf %s", h.folder);
    return system(command);
}

static struct conf *conf_text(const char *text)
{
    static const struct conf_section *const sections[] = { &inputs_section, &syslog_section, &files_section, &journald_section };
    struct conf *c = NULL;
    size_t       room = strlen(text) + 1024, n = 0;
    char        *full = calloc(1, room);
    n = (size_t)snprintf(full, room, "inputs: { delay: 5ms }\n");
    for (const char *p = text; *p; p++)      /* @ is the folder of the logs */
        if (*p == '@')
            n += (size_t)snprintf(full + n, room - n, "%s", h.logs);
        else
            full[n++] = *p;
    assert_ok(conf_load_text("test", full, n, sections, 4, &c, NULL, &h.fault), &h.fault);
    free(full);
    return c;
}

void house_start(const char *settings)
{
    struct conf *c = conf_text(settings);
    assert_ok(inputs_start(c, h.journal, h.folder, &house_clock, &h.inputs, &h.fault), &h.fault);
    conf_free(c);
}

enum err house_reload(const char *settings)
{
    struct conf *c = conf_text(settings);
    enum err     e = inputs_reload(h.inputs, c, &h.fault);
    conf_free(c);
    return e;
}

void house_stop(void)
{
    inputs_stop(h.inputs);
    h.inputs = NULL;
}

void house_keep_offsets(char *path, size_t size)
{
    char  from[128], *data;
    size_t n;
    (void)snprintf(from, sizeof from, "%s/inputs/files", h.folder);
    (void)snprintf(path, size, "%s/kept", h.folder);
    assert_ok(file_read(from, 1 << 20, &data, &n, &h.fault), &h.fault);
    assert_ok(file_write(path, data, n, 0600, &h.fault), &h.fault);
    free(data);
}

void house_crash_offsets(const char *kept)
{
    char to[128];
    house_stop();
    (void)snprintf(to, sizeof to, "%s/inputs/files", h.folder);
    assert_int_equal(kept ? rename(kept, to) : unlink(to), 0);
}

static char *dup_slice(struct slice s) { return strndup(s.n ? s.s : "", s.n); }

static bool see(void *ctx, const struct event *e)
{
    struct seen_line l = { .text = dup_slice(e->as.log.body.as.text), .path = dup_slice(attrs_text(&e->attrs, "log.file.path")), .service = dup_slice(attrs_text(&e->resource->attrs, "service.name")),
                           .host = dup_slice(attrs_text(&e->resource->attrs, "host.name")), .tenant = dup_slice(e->tenant), .source = dup_slice(e->source), .severity = e->as.log.severity };
    const struct value *offset = attrs_find(&e->attrs, "log.file.offset");
    struct text         more;
    l.offset = offset ? offset->as.integer : -1;
    text_init(&more, 100000);
    for (size_t i = 0; i < e->attrs.count; i++) {
        const struct attr *a = &e->attrs.item[i];
        if (a->value.kind == VALUE_INT)
            text_printf(&more, "%.*s=%lld ", (int)a->key.n, a->key.s, (long long)a->value.as.integer);
        else
            text_printf(&more, "%.*s=%.*s ", (int)a->key.n, a->key.s, (int)a->value.as.text.n, a->value.as.text.s);
    }
    l.more = text_take(&more);
    if (h.n == h.room)
        h.seen = realloc(h.seen, (h.room = h.room ? 2 * h.room : 64) * sizeof *h.seen);
    h.seen[h.n++] = l;
    return true;
}

static void look(void)
{
    struct journal_consumer *c;
    struct record            r;
    struct arena             a;
    struct event_report      report;
    arena_init(&a, 64 << 20);
    assert_ok(journal_consumer_open(h.journal, "test", JOURNAL_FROM_START, &c, &h.fault), &h.fault);
    while (journal_read(c, &r, &h.fault) == OK) {
        arena_reset(&a);
        if (r.kind != RECORD_LINES)      /* of house_full */
            continue;
        size_t before = h.n;
        assert_ok(event_read(&r, &a, see, NULL, &report, &h.fault), &h.fault);
        assert_int_equal(h.n - before, r.events);
        assert_int_equal(report.bad_text, 0);
        h.next = r.id + 1;
        assert_ok(journal_commit(c, r.id, &h.fault), &h.fault);
    }
    journal_consumer_close(c);
    arena_done(&a);
}

void house_until(size_t n)
{
    for (int i = 0; i < 6000; i++) {      /* only reached when something is wrong */
        look();
        if (h.n >= n)
            return;
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5 * 1000 * 1000 }, NULL);
    }
    fail_msg("%zu lines are expected, %zu came", n, h.n);
}

size_t house_count(const char *text)
{
    size_t n = 0;
    look();
    for (size_t i = 0; i < h.n; i++)
        n += strcmp(h.seen[i].text, text) == 0;
    return n;
}

void house_followed(int64_t files)
{
    struct inputs_stats s;
    do {
        inputs_stats(h.inputs, &s);
        (void)usleep(1000);
    } while (s.of[INPUT_FILES].open < files);
}

void house_full(void)
{
    enum { SIZE = 100 * 1000 };
    char         *body = calloc(1, SIZE), folder[128];
    struct record r = { .kind = RECORD_SCHEMA, .form = FORM_JSON, .events = 1, .body = { body, SIZE } };
    (void)snprintf(folder, sizeof folder, "%s/full", h.folder);
    journal_close(h.journal);
    struct journal_options o = journal_options_default(folder);
    o.segment_bytes = 1 << 20;
    o.size_max = 4 << 20;
    o.reserve_bytes = 0;
    o.pack = 0;
    assert_ok(journal_open(&o, &h.journal, &h.fault), &h.fault);
    assert_ok(journal_consumer_open(h.journal, "holder", JOURNAL_FROM_START, &h.holder, &h.fault), &h.fault);
    while (journal_append_wait(h.journal, &r, NULL, &h.fault) == OK)
        ;
    for (r.body.n = 1000; journal_append_wait(h.journal, &r, NULL, &h.fault) == OK;)
        ;
    free(body);
}

void house_drain(void)
{
    struct record r;
    uint64_t      last = 0;
    while (journal_read(h.holder, &r, &h.fault) == OK)
        last = r.id;
    assert_ok(journal_commit(h.holder, last, &h.fault), &h.fault);
    journal_consumer_close(h.holder);
    h.holder = NULL;
    assert_ok(journal_forget(h.journal, "holder", &h.fault), &h.fault);
}

void house_path(const char *name, char *out, size_t size) { (void)snprintf(out, size, "%s/%s", h.logs, name); }

void house_write(const char *name, const char *text)
{
    char path[160];
    house_path(name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}
