/*
 * fuzz_relabel - a rule's expression, replacement and target with any bytes, over labels with any bytes. The input is lines: action number, expression,
 * replacement, target, source label, then name and value by turns. The last line is the body of a log besides, to be read as JSON.
 */
#include "relabel/relabel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 40, LABELS = 24 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Any bytes as the body of a log: they become a value, or stay. */
static void parse(const char *body, const char *target)
{
    static const char *const     sources[] = { "body", NULL }, *const names[] = { "s", NULL };
    static const struct resource none;
    static const struct scope    alone;
    const struct relabel_rule    rule = { .set = "s", .source_labels = { sources, 1 }, .separator = "", .regex = "(.*)", .target_label = target, .replacement = "", .action = RELABEL_PARSE_JSON };
    const struct conf_list       set = { names, 1 };
    struct event                 e = { .type = EVENT_LOG, .resource = &none, .scope = &alone }, was;
    struct relabel_report        report;
    struct relabel              *r = NULL;
    struct fault                 fault = { 0 };
    struct arena                 a;
    must(relabel_new(&rule, 1, &set, &r, &fault) == OK);
    e.as.log.body = (struct value){ .kind = VALUE_TEXT, .as.text = slice_of(body) };
    was = e;
    arena_init(&a, 256 * 1024);
    must(relabel_event(r, &e, &a, &report));
    must(!(report.cut && report.unparsed));
    if (report.unparsed)
        must(memcmp(&e, &was, sizeof e) == 0);
    for (size_t i = 0; i < e.attrs.count; i++)
        (void)value_text(&e.attrs.item[i].value, &a);
    arena_done(&a);
    relabel_free(r);
}

static void apply(char *const *line, size_t lines)
{
    const char *const         sources[] = { line[4], "a", NULL }, *const names[] = { "s", NULL };
    const struct conf_list    set = { names, 1 };
    const int                 action = (unsigned char)(line[0][0] - '0') % RELABEL_ACTION_COUNT;
    const struct relabel_rule rule[] = {
        { .set = "s", .source_labels = { sources, 2 }, .separator = ";", .regex = line[1], .target_label = line[3], .replacement = line[2], .modulus = 7,
          .action = action },
        { .set = "s", .source_labels = { sources, 1 }, .separator = "", .regex = "(.*)", .target_label = "last", .replacement = "<$1>", .action = RELABEL_REPLACE },
    };
    struct relabel *r = NULL;
    struct fault    fault = { 0 };
    struct label    label[LABELS];
    struct arena    a;
    size_t          n = 0;
    bool            cut = false, names_alone = action == RELABEL_LABELMAP || action == RELABEL_LABELDROP || action == RELABEL_LABELKEEP;
    if (!*line[3] && !names_alone && action != RELABEL_KEEP && action != RELABEL_DROP)      /* the configuration refuses it */
        return;
    if (relabel_new(rule, 2, &set, &r, &fault) != OK) {
        must(*fault.text && !r);
        return;
    }
    for (size_t i = 5; i + 1 < lines && n < LABELS / 2; i += 2) {
        bool there = false;
        for (size_t k = 0; k < n; k++)
            there |= slice_is(label[k].name, line[i]);
        if (!there && *line[i] && *line[i + 1])
            label[n++] = (struct label){ slice_of(line[i]), slice_of(line[i + 1]) };
    }
    size_t before = n;
    arena_init(&a, 64 * 1024);
    bool stays = relabel_labels(r, label, &n, LABELS, &a, &cut);
    must(n <= LABELS && (stays || n <= before + 1));
    for (size_t i = 0; i < n; i++) {
        must(label[i].name.n && label[i].value.n);
        for (size_t k = 0; k < i; k++)
            must(!slice_same(label[i].name, label[k].name));
    }
    arena_done(&a);
    relabel_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *line[LINES_MAX];
    size_t lines = 0;
    if (size > 4096 || memchr(data, '\0', size))
        return 0;
    char *text = malloc(size + 1), *at = text;
    memcpy(text, data, size);
    text[size] = '\0';
    while (at && lines < LINES_MAX)
        line[lines++] = strsep(&at, "\n");
    if (lines >= 5)
        apply(line, lines);
    parse(line[lines - 1], lines % 2 ? "" : "to");
    free(text);
    return 0;
}
