/*
 * fuzz_sensor - what others may choose: arguments and names of processes, patterns and templates of a configuration, labels; and the
 * kernel's answer about connections. Whatever becomes a series must be a series of remote write again.
 */
#include "sensor/diag.h"
#include "sensor/group.h"
#include "sensor/ports.h"
#include "sensor/probe.h"
#include "sensor/series.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static bool see(void *ctx, const struct diag_connection *c)
{
    char text[DIAG_ADDRESS_SIZE];
    must(*diag_address_text(&c->remote, text) != '?' && *diag_address_text(&c->local, text) != '?');
    (void)port_connect_is_slow(c);
    return ++*(int *)ctx < 1000;
}

static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0;; shift += 7) {
        must(p < end && shift < 64);
        *v |= (uint64_t)(*p & 127) << shift;
        if (*p++ < 128)
            return p;
    }
}

/* Submessages fill what they are in, to the byte. */
static void walk(const uint8_t *p, const uint8_t *end, int depth)
{
    while (p < end) {
        uint64_t n;
        uint8_t  tag = *p++;
        p            = varint(p, end, &n);
        must(n <= (uint64_t)(end - p) && (tag == 0x0a || tag == 0x12));
        if (depth == 0 || (depth == 1 && tag == 0x0a))
            walk(p, p + n, depth + 1);
        p += n;
    }
}

static void labels(const uint8_t *data, size_t size)
{
    static const struct series_kind kind = { "a_*_b", "one two", SERIES_GAUGE, "Help *." };
    struct series_table             t;
    struct text                     out;
    struct slice                    all = { (const char *)data, size }, half[2] = { { all.s, size / 2 }, { all.s + size / 2, size - size / 2 } };
    series_init(&t, 100, 100);
    text_init(&out, 1 << 20);
    for (int turn = 0; turn < 3; turn++) {
        series_begin(&t, 0);
        series_put(&t, &kind, turn == 1 ? half[0] : SLICE("w"), half, 1);
        series_put(&t, &kind, SLICE("w"), (struct slice[]){ half[1], half[0] }, 2);
        series_end(&t, 0);
        text_clear(&out);
        (void)series_encode(&t, 1770000000000, &out);
        walk((const uint8_t *)out.s, (const uint8_t *)out.s + out.used, 0);
        text_clear(&out);
        series_text(&t, &out);
    }
    series_done(&t);
    text_done(&out);
}

static void groups(const uint8_t *data, size_t size)
{
    char                     *text = malloc(size + 1), name[GROUP_NAME_MAX];
    size_t                    half = size / 2;
    memcpy(text, data, size);
    text[size] = 0;
    (void)group_pattern_check(text, NULL);
    (void)group_template_check(text, NULL);
    struct port_rule rule;
    if (port_rule_parse(text, &rule, NULL) == OK)
        must(rule.from >= 1 && rule.from <= rule.to);
    for (int kind = 0; kind < 3; kind++)
        (void)probe_target_check((enum probe_kind)kind, text, NULL);
    static const char *const  patterns[] = { "(?P<x>[a-z]+) (?P<y>\\d*)", NULL };
    struct sensors_group_conf conf[] = { { .name = "{{.Matches.x}}-{{.Matches.y}}-{{.ExeBase}}", .cmdline = { patterns, 1 } }, { .name = "{{.Comm}}{{.ExeFull}}" } };
    struct grouping          *g;
    if (grouping_new(conf, 2, &g, NULL) == OK) {
        struct group_facts f = { .comm = { text, half }, .cmdline = { text + half, size - half }, .uid = 0 };
        if (grouping_name(g, &f, name))
            must(strnlen(name, sizeof name) < sizeof name && *name);
        grouping_free(g);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int seen = 0, error;
    if (size < 1 || size > 8192)
        return 0;
    switch (data[0] % 3) {
    case 0: (void)diag_parse(data + 1, size - 1, see, &seen, &error); break;
    case 1: labels(data + 1, size - 1); break;
    default: groups(data + 1, size - 1); break;
    }
    return 0;
}
