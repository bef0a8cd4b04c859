/*
 * sensor/group_doubt.c - recipes that are no mistake and surely not meant: they match nobody, or whom they match is not what process-exporter says.
 *
 * People write the patterns of cmdline as alternatives, as those of comm and exe are, but all of them must be found.  Where all three lists name the
 * same programs there is no doubt what is meant, and it is done (group_alternatives()); elsewhere it is said.
 */
#include "sensor/group_inside.h"

#include <ctype.h>
#include <stdio.h>

/* ---- patterns that are alternatives ---- */

/* The program that an entry names: what stands behind the last slash, without ^, .* and $. Nothing when it is not just a name. */
static struct slice program_of(const char *entry)
{
    const char *s = group_entry_expression(entry), *slash;
    s += *s == '^';
    s += strncmp(s, ".*", 2) == 0 ? 2 : 0;
    s  = (slash = strrchr(s, '/')) ? slash + 1 : s;
    size_t n = strlen(s);
    n -= n && s[n - 1] == '$';
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("_-", s[i]))
            return (struct slice){ 0 };
    return (struct slice){ s, n };
}

static bool same_program(const char *a, const char *b)
{
    struct slice p = program_of(a), q = program_of(b);
    return p.n && slice_same(p, q);
}

static bool names_the_same(struct conf_list list, struct conf_list cmdline)
{
    bool same = list.count == cmdline.count;
    for (size_t i = 0; same && i < list.count; i++)
        same = group_entry_is_expression(list.item[i]) && same_program(list.item[i], cmdline.item[i]);
    return same;
}

bool group_alternatives(const struct sensors_group_conf *c) { return c->cmdline.count > 1 && names_the_same(c->comm, c->cmdline) && names_the_same(c->exe, c->cmdline); }

static bool is_in(const char *pattern, struct conf_list list)
{
    for (size_t i = 0; i < list.count; i++)
        if (same_program(pattern, list.item[i]))
            return true;
    return false;
}

/* Each names a program that comm or exe names, and not all of them the same one. */
static bool names_of_several(const struct sensors_group_conf *c)
{
    bool different = false;
    for (size_t i = 0; i < c->cmdline.count; i++) {
        if (!is_in(c->cmdline.item[i], c->comm) && !is_in(c->cmdline.item[i], c->exe))
            return false;
        different |= !same_program(c->cmdline.item[i], c->cmdline.item[0]);
    }
    return different;
}

/* How much of it, behind ^, is text that must stand at the beginning of the arguments. */
static struct slice beginning_of(const char *pattern)
{
    if (*pattern != '^' || strchr(pattern, '|'))
        return (struct slice){ 0 };
    size_t n = strcspn(++pattern, ".*+?()[]{}|\\^$");
    n -= n && pattern[n] && strchr("*?{", pattern[n]);
    return (struct slice){ pattern, n };
}

/* Two that begin differently. */
static bool exclude_each_other(struct conf_list cmdline)
{
    for (size_t i = 0; i < cmdline.count; i++)
        for (size_t j = i + 1; j < cmdline.count; j++) {
            struct slice a = beginning_of(cmdline.item[i]), b = beginning_of(cmdline.item[j]);
            size_t       n = a.n < b.n ? a.n : b.n;
            if (n && memcmp(a.s, b.s, n) != 0)
                return true;
        }
    return false;
}

/* An empty text: nothing to say. */
static void look_for_alternatives(const struct sensors_group_conf *c, size_t i, char *text, size_t size)
{
    const char *first = c->cmdline.count ? c->cmdline.item[0] : "", *second = c->cmdline.count > 1 ? c->cmdline.item[1] : "";
    if (group_alternatives(c))
        (void)snprintf(text, size, "sensor_groups[%zu], %.80s: comm, exe and cmdline name the same programs, so one pattern of cmdline is enough here; process-exporter itself would match nobody", i, c->name);
    else if (exclude_each_other(c->cmdline))
        (void)snprintf(text, size, "sensor_groups[%zu], %.80s: never matches: all patterns of cmdline must be found, and they begin differently; alternatives are one pattern: '(a|b)'", i, c->name);
    else if (names_of_several(c))
        (void)snprintf(text, size, "sensor_groups[%zu], %.80s: all patterns of cmdline must be found in one command line, and they look like alternatives; those are one pattern: '(%.40s|%.40s)'", i, c->name,
                       first, second);
}

/* ---- recipes that match nobody ---- */

enum { COMM_MAX = 15 };         /* what the kernel keeps of a name */

/* A name, or one between ^ and $, that is longer than any can be. */
static bool too_long(const char *entry)
{
    const char *text = group_entry_expression(entry);
    size_t      n    = strlen(text);
    if (!group_entry_is_expression(entry))
        return n > COMM_MAX;
    return n > COMM_MAX + 2 && *text == '^' && text[n - 1] == '$' && strcspn(text + 1, "^$.*+?()[]{}|\\") == n - 2;
}

static bool all_too_long(struct conf_list list)
{
    size_t n = 0;
    while (n < list.count && too_long(list.item[n]))
        n++;
    return list.count && n == list.count;
}

/* Takes everybody; with_arguments: everybody who has any. */
static bool takes_all(const struct sensors_group_conf *c, bool *with_arguments)
{
    static const char *const anything[] = { ".", ".+", "^.+$", "^.+" }, *const nothing_too[] = { ".*", "^.*$", "^.*", "^" };
    *with_arguments = false;
    if (c->comm.count || c->exe.count)
        return false;
    for (size_t i = 0; i < c->cmdline.count; i++) {
        bool any = false, needs = false;
        for (size_t j = 0; j < sizeof anything / sizeof *anything; j++) {
            needs |= strcmp(c->cmdline.item[i], anything[j]) == 0;
            any   |= strcmp(c->cmdline.item[i], nothing_too[j]) == 0;
        }
        if (!any && !needs)
            return false;
        *with_arguments |= needs;
    }
    return true;
}

size_t grouping_doubts(const struct sensors_group_conf *conf, size_t count, void (*say)(void *ctx, const char *text), void *ctx)
{
    char   text[300];
    size_t doubts = 0, all = count, armed = count;          /* the first who takes everybody, or everybody with arguments */
    for (size_t i = 0; i < count; i++) {
        const struct sensors_group_conf *c = &conf[i];
        bool                             with_arguments;
        size_t                           taker = all < i ? all : armed < i && (c->exe.count || c->cmdline.count) ? armed : count;
        *text = 0;
        if (all_too_long(c->comm))
            snprintf(text, sizeof text, "sensor_groups[%zu], %.80s: never matches: the kernel keeps %d bytes of a process's name, and each of comm is longer", i, c->name, COMM_MAX);
        else if (taker < count)
            snprintf(text, sizeof text, "sensor_groups[%zu], %.80s: never matches: sensor_groups[%zu], %.80s, stands in front of it and takes them all", i, c->name, taker, conf[taker].name);
        else
            look_for_alternatives(c, i, text, sizeof text);
        if (*text) {
            say(ctx, text);
            doubts++;
        }
        if (takes_all(c, &with_arguments)) {
            all   = !with_arguments && all == count ? i : all;
            armed = with_arguments && armed == count ? i : armed;
        }
    }
    return doubts;
}
