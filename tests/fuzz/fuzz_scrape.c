/*
 * fuzz_scrape - a file of targets with any bytes, and two answers of one target: what is asked is an address, labels are sorted and seen once; what is
 * written again can be read again; a series that ended was there.
 */
#include "scrape/turn.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static const char *const          params[] = { "x=y", "x=z", "q= &", NULL };
static const char *const          labels[] = { "site=north", NULL };
static const char *const          sources[] = { "__address__", "move", NULL }, *const named[] = { "__name__", NULL };
static const char *const          one_set[] = { "s", NULL };
static const struct relabel_rule  rule[] = {
    { .set = "s", .source_labels = { sources, 2 }, .separator = ";", .regex = "(.*);(.+)", .target_label = "__address__", .replacement = "$2", .action = RELABEL_REPLACE },
    { .set = "s", .separator = ";", .regex = "m_(.*)", .target_label = "", .replacement = "$1", .action = RELABEL_LABELMAP },
    { .set = "s", .source_labels = { named, 1 }, .separator = ";", .regex = "drop.*", .target_label = "", .replacement = "", .action = RELABEL_DROP },
};
static const struct scrape_job job_of = { .name = "j", .scheme = SCRAPE_HTTP, .path = "/metrics", .params = { params, 3 }, .interval_us = 15000000, .labels = { labels, 1 },
    .body_max = 1 << 20, .samples_max = 1000, .labels_max = 64, .name_max = 512, .value_max = 4096, .honor_timestamps = true };

static void files(const char *name, const char *data, size_t size, struct relabel *rules)
{
    struct arena         a;
    struct fault         fault = { 0 };
    struct target_group *group;
    size_t               groups;
    struct target_list   list = { 0 };
    arena_init(&a, 64 << 20);
    if (targets_parse(name, data, size, &group, &groups, &a, &fault) != OK)
        must(*fault.text);
    else if (targets_add(&list, 100, &job_of, 0, rules, group, groups, &a, &fault) == OK) {
        must(list.count <= 100);
        for (size_t i = 0; i < list.count; i++) {
            const struct target *t = &list.item[i];
            must(!strncmp(t->url, "http", 4) && strlen(t->url) < TARGET_URL_MAX && t->timeout_us <= t->interval_us);
            for (const char *c = t->url; *c; c++)
                must(*c > ' ' && *c < 127);
            must(target_due_us(t, 12345678) > 12345678 && target_due_us(t, 12345678) <= 12345678 + t->interval_us);
            for (size_t k = 0; k < t->labels; k++)
                must((!k || slice_order(t->label[k - 1].name, t->label[k].name) < 0) && t->label[k].value.n && (t->label[k].name.n < 2 || memcmp(t->label[k].name.s, "__", 2)));
            for (size_t k = 0; k < i; k++)
                must(list.item[k].id != t->id);
        }
    }
    arena_done(&a);
}

/* How many samples are in it. */
static size_t readable(struct remote_writer *w)
{
    struct remote        r;
    struct remote_series s;
    struct remote_sample v;
    struct arena         a;
    struct fault         fault;
    enum err             e;
    size_t               n = 0;
    arena_init(&a, 1 << 20);
    must(!w->full && remote_open(&r, w->version, remote_write_take(w), &a, &fault) == OK);
    while (remote_next(&r, &s, &e, &fault)) {
        must(s.flaw == REMOTE_FINE && s.sorted);
        while (remote_sample_next(&s, &v))
            n++;
    }
    must(e == OK);
    arena_done(&a);
    return n;
}

static void answers(const char *data, size_t size, struct relabel *rules, unsigned how)
{
    struct label          label[] = { { SLICE("instance"), SLICE("h:1") }, { SLICE("job"), SLICE("j") } };
    struct scrape_job     job = job_of;
    struct turn           t;
    struct fault          fault = { 0 };
    struct series_set    *set = series_set_new();
    struct slice          half[] = { { data, size / 2 }, { data + size / 2, size - size / 2 }, { data, size }, { data, size / 2 } };
    job.honor_labels = how & 1;
    job.honor_timestamps = how & 2;
    struct turn_ask ask = { .job = &job, .label = label, .labels = 2, .rules = how & 4 ? rules : NULL, .time_ms = 1000, .series_max = 2000 };
    turn_init(&t);
    for (size_t i = 0; i < 4; i++) {
        size_t   before = series_set_count(set);
        enum err e = turn_take(&t, &ask, set, how & 8 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT, half[i], &fault);
        must(t.ended <= before && (e == OK || (*fault.text && !t.rewritten && !series_set_count(set))));
        must(readable(&t.report) == t.ended);
        must(!t.rewritten || readable(&t.data) == t.kept);
    }
    turn_miss(&t, &ask, set, true);
    must(readable(&t.report) == t.ended + 5);
    turn_done(&t);
    series_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct relabel  *rules = NULL;
    struct conf_list names = { one_set, 1 };
    if (size < 1 || size > 16384)
        return 0;
    must(relabel_new(rule, 3, &names, &rules, NULL) == OK);
    switch (data[0] % 4) {
    case 0: files("/t/a.json", (const char *)data + 1, size - 1, rules); break;
    case 1: files("/t/a.yaml", (const char *)data + 1, size - 1, rules); break;
    default: answers((const char *)data + 1, size - 1, rules, data[0] / 4); break;
    }
    relabel_free(rules);
    return 0;
}
