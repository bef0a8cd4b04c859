/*
 * event/flatten_name.c - names as OpenTelemetry's specification of Prometheus compatibility makes them: characters made fit, the unit
 * spelt out, _total on counters, _ratio on gauges without a unit of their own.
 */
#include "event/flatten_inside.h"

static const struct { struct slice unit, word; } units[] = {
    { SLICE_ROW("d"), SLICE_ROW("days") },           { SLICE_ROW("h"), SLICE_ROW("hours") },           { SLICE_ROW("min"), SLICE_ROW("minutes") },
    { SLICE_ROW("s"), SLICE_ROW("seconds") },        { SLICE_ROW("ms"), SLICE_ROW("milliseconds") },   { SLICE_ROW("us"), SLICE_ROW("microseconds") },
    { SLICE_ROW("\xc2\xb5s"), SLICE_ROW("microseconds") }, { SLICE_ROW("ns"), SLICE_ROW("nanoseconds") },
    { SLICE_ROW("By"), SLICE_ROW("bytes") },         { SLICE_ROW("KiBy"), SLICE_ROW("kibibytes") },    { SLICE_ROW("MiBy"), SLICE_ROW("mebibytes") },
    { SLICE_ROW("GiBy"), SLICE_ROW("gibibytes") },   { SLICE_ROW("TiBy"), SLICE_ROW("tibibytes") },    { SLICE_ROW("KBy"), SLICE_ROW("kilobytes") },
    { SLICE_ROW("MBy"), SLICE_ROW("megabytes") },    { SLICE_ROW("GBy"), SLICE_ROW("gigabytes") },     { SLICE_ROW("TBy"), SLICE_ROW("terabytes") },
    { SLICE_ROW("m"), SLICE_ROW("meters") },         { SLICE_ROW("V"), SLICE_ROW("volts") },           { SLICE_ROW("A"), SLICE_ROW("amperes") },
    { SLICE_ROW("J"), SLICE_ROW("joules") },         { SLICE_ROW("W"), SLICE_ROW("watts") },           { SLICE_ROW("g"), SLICE_ROW("grams") },
    { SLICE_ROW("Cel"), SLICE_ROW("celsius") },      { SLICE_ROW("Hz"), SLICE_ROW("hertz") },          { SLICE_ROW("%"), SLICE_ROW("percent") },
};
static const struct { struct slice unit, word; } per_units[] = {
    { SLICE_ROW("s"), SLICE_ROW("second") }, { SLICE_ROW("m"), SLICE_ROW("minute") }, { SLICE_ROW("min"), SLICE_ROW("minute") }, { SLICE_ROW("h"), SLICE_ROW("hour") },
    { SLICE_ROW("d"), SLICE_ROW("day") },    { SLICE_ROW("w"), SLICE_ROW("week") },   { SLICE_ROW("mo"), SLICE_ROW("month") },   { SLICE_ROW("y"), SLICE_ROW("year") },
};

static bool word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
static bool is_digit(char c)  { return c >= '0' && c <= '9'; }

struct slice flatten_label(struct slice key, struct arena *a)
{
    bool fit = key.n && !is_digit(key.s[0]);
    for (size_t i = 0; i < key.n && fit; i++)
        fit = word_char(key.s[i]);
    if (fit || !key.n)
        return key;
    size_t front = is_digit(key.s[0]) ? 4 : 0;
    char  *to = arena_alloc(a, key.n + front);
    if (!to)
        return (struct slice){ NULL, 0 };
    memcpy(to, "key_", front);
    for (size_t i = 0; i < key.n; i++)
        to[front + i] = word_char(key.s[i]) ? key.s[i] : '_';
    return (struct slice){ to, key.n + front };
}

/* A name in the making: within its room, runs of _ are one. */
struct name { char *s; size_t n, room; };

static void name_add(struct name *to, struct slice s)
{
    for (size_t i = 0; i < s.n && to->n < to->room; i++) {
        char c = word_char(s.s[i]) || s.s[i] == ':' ? s.s[i] : '_';
        if (c != '_' || !to->n || to->s[to->n - 1] != '_')
            to->s[to->n++] = c;
    }
}

/* Is it one of the words of the name, between _ and _? */
static bool name_has(const struct name *name, struct slice word)
{
    for (size_t from = 0; from < name->n;) {
        const char *stop = memchr(name->s + from, '_', name->n - from);
        size_t      end = stop ? (size_t)(stop - name->s) : name->n;
        if (slice_same((struct slice){ name->s + from, end - from }, word))
            return true;
        from = end + 1;
    }
    return false;
}

static bool name_ends(const struct name *name, struct slice end) { return name->n > end.n && !memcmp(name->s + name->n - end.n, end.s, end.n); }

static struct slice trim(struct slice s)
{
    while (s.n && s.s[0] == ' ')
        s = (struct slice){ s.s + 1, s.n - 1 };
    while (s.n && s.s[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* What is in braces is a remark, not a unit. */
static bool is_remark(struct slice s) { return s.n && (memchr(s.s, '{', s.n) || memchr(s.s, '}', s.n)); }

static void unit_add(struct name *name, struct slice unit)
{
    const char  *slash = unit.n ? memchr(unit.s, '/', unit.n) : NULL;
    struct slice of = trim((struct slice){ unit.s, slash ? (size_t)(slash - unit.s) : unit.n });
    struct slice per = slash ? trim((struct slice){ slash + 1, unit.n - (size_t)(slash - unit.s) - 1 }) : (struct slice){ NULL, 0 };
    if (of.n && !is_remark(of) && !slice_is(of, "1")) {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (slice_same(of, units[i].unit)) {
                of = units[i].word;
                break;
            }
        if (!name_has(name, of)) {
            name_add(name, SLICE("_"));
            name_add(name, of);
        }
    }
    if (per.n && !is_remark(per)) {
        for (size_t i = 0; i < sizeof per_units / sizeof *per_units; i++)
            if (slice_same(per, per_units[i].unit)) {
                per = per_units[i].word;
                break;
            }
        if (!name_has(name, per)) {
            name_add(name, SLICE("_per_"));
            name_add(name, per);
        }
    }
}

bool flatten_is_native(const struct event *e)
{
    return attrs_find(&e->attrs, "job") || (!e->resource->attrs.count && !e->scope->name.n);
}

static bool fit_name(struct slice s)
{
    bool fit = s.n && !is_digit(s.s[0]);
    for (size_t i = 0; i < s.n && fit; i++)
        fit = word_char(s.s[i]) || s.s[i] == ':';
    return fit;
}

struct slice flatten_name(const struct event *e, const struct flatten_options *options, struct arena *a)
{
    const struct point_event *p = &e->as.point;
    bool                      keep = (options && options->keep_names) || flatten_is_native(e);
    if (keep && fit_name(p->name))
        return p->name;
    struct name to = { .room = p->name.n + p->unit.n + 48 };
    if (!(to.s = arena_alloc(a, to.room)))
        return (struct slice){ NULL, 0 };
    if (keep) {
        /* One character for one, so that names stay apart. */
        if (!p->name.n || is_digit(p->name.s[0]))
            to.s[to.n++] = '_';
        for (size_t i = 0; i < p->name.n; i++)
            to.s[to.n++] = word_char(p->name.s[i]) || p->name.s[i] == ':' ? p->name.s[i] : '_';
        return (struct slice){ to.s, to.n };
    }
    if (!p->name.n || is_digit(p->name.s[0]))
        name_add(&to, SLICE("_"));
    name_add(&to, p->name);
    bool counter = p->kind == POINT_SUM && p->monotonic;
    while (counter && name_ends(&to, SLICE("_total")))
        to.n -= 6;
    unit_add(&to, p->unit);
    if (p->kind == POINT_GAUGE && slice_is(p->unit, "1") && !name_has(&to, SLICE("ratio")))
        name_add(&to, SLICE("_ratio"));
    while (to.n > 1 && to.s[to.n - 1] == '_')
        to.n--;
    if (counter)
        name_add(&to, SLICE("_total"));
    return (struct slice){ to.s, to.n };
}
