/* sensor/raid.c - what is made of several: disks as one (/proc/mdstat), interfaces as one (bonding). */
#include "sensor/inside.h"

#include <stdio.h>

/* ---- disks ---- */

static const struct series_kind md_state_kind    = { "node_md_state", "device state", SERIES_GAUGE, "Indicates the state of md-device." };
static const struct series_kind md_disks_kind    = { "node_md_disks", "device state", SERIES_GAUGE, "Number of active/failed/spare disks of device." };
static const struct series_kind md_required_kind = { "node_md_disks_required", "device", SERIES_GAUGE, "Total number of disks of device." };
static const struct series_kind md_blocks_kind   = { "node_md_blocks", "device", SERIES_GAUGE, "Total number of blocks on device." };
static const struct series_kind md_synced_kind   = { "node_md_blocks_synced", "device", SERIES_GAUGE, "Number of blocks synced on device." };

/* One array: its line, the one with blocks, and perhaps one about what is done to it. */
struct array { struct slice name; bool active; const char *doing; uint64_t members, failed, spare, required, working, blocks, synced; };

static bool holds(struct slice s, const char *what) { return s.n && memmem(s.s, s.n, what, strlen(what)); }

static uint64_t times(struct slice s, const char *what)
{
    uint64_t n = 0;
    for (const char *at = s.s, *end = s.s + s.n; (at = memmem(at, (size_t)(end - at), what, strlen(what))); at++)
        n++;
    return n;
}

/* "[8/7]" */
static void members_of(struct slice line, struct array *a)
{
    a->required = a->working = a->members;      /* levels without redundancy do not say */
    for (const char *at = line.s, *end = line.s + line.n; at < end && (at = memchr(at, '[', (size_t)(end - at))); at++) {
        struct scan s = { at + 1, end };
        uint64_t    all, up;
        if (scan_u64(&s, &all) && s.p < end && *s.p++ == '/' && scan_u64(&s, &up)) {
            a->required = all;
            a->working  = up;
            return;
        }
    }
}

/* "[=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min": how far it is. */
static void doing_of(struct slice line, struct array *a)
{
    a->doing = holds(line, "recovery") || holds(line, "reshape") ? "recovering" : holds(line, "resync") ? "resync" : holds(line, "check") ? "check" : NULL;
    if (!a->doing)
        return;
    const char *open = memchr(line.s, '(', line.n);
    a->synced        = open ? scan_or_0(&(struct scan){ open + 1, line.s + line.n }) : 0;      /* it waits: nothing yet */
}

static void md_tell(struct turn *u, const struct array *a)
{
    static const char *const states[] = { "active", "inactive", "recovering", "resync", "check" };
    const char              *is = a->doing ? a->doing : a->active ? "active" : "inactive";
    for (size_t i = 0; i < COUNT(states); i++)
        put_2(u, &md_state_kind, a->name, slice_of(states[i]), strcmp(states[i], is) == 0);
    put_2(u, &md_disks_kind, a->name, SLICE("active"), (double)a->working);
    put_2(u, &md_disks_kind, a->name, SLICE("failed"), (double)a->failed);
    put_2(u, &md_disks_kind, a->name, SLICE("spare"), (double)a->spare);
    put_1(u, &md_required_kind, a->name, (double)a->required);
    put_1(u, &md_blocks_kind, a->name, (double)a->blocks);
    put_1(u, &md_synced_kind, a->name, (double)a->synced);
}

static enum sensed md_read(struct turn *u, void *state)
{
    struct slice text, line;
    struct array a   = { .members = 0 };
    bool         any = false;
    enum sensed  is  = kept_read(u, state, "/proc/mdstat", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = scan_word(&s), colon = scan_word(&s);
        if (line.n && !scan_blank(*line.s) && slice_is(colon, ":") && !slice_is(word, "Personalities")) {
            if (a.name.n)
                md_tell(u, &a);
            uint64_t failed_ = times(line, "(F)"), spare = times(line, "(S)");
            a   = (struct array){ .name = word, .active = slice_is(scan_word(&s), "active"), .members = times(line, "["), .failed = failed_, .spare = spare };
            any = true;
        } else if (a.name.n && slice_is(colon, "blocks")) {
            a.blocks = a.synced = scan_or_0(&(struct scan){ word.s, word.s + word.n });
            members_of(line, &a);
            if (!a.active)
                a.working = 0;
        } else if (a.name.n && (holds(line, "%") || holds(line, "DELAYED") || holds(line, "PENDING"))) {
            doing_of(line, &a);
        }
    }
    if (a.name.n)
        md_tell(u, &a);
    return any ? SENSED : HERE_NOT;
}

static void md_done(void *state) { kept_done(state); }

/* ---- interfaces ---- */

static const struct series_kind slaves_kind = { "node_bonding_slaves", "master", SERIES_GAUGE, "Number of configured slaves per bonding interface." };
static const struct series_kind active_kind = { "node_bonding_active", "master", SERIES_GAUGE, "Number of active slaves per bonding interface." };

enum { NAMES_SIZE = 4096 };

static struct slice names_of(struct turn *u, const char *path, char out[NAMES_SIZE])
{
    struct slice text;
    if (file_once(u, path, &text) != SENSED)
        return SLICE("");
    text     = slice_trim(text);
    size_t n = text.n < NAMES_SIZE ? text.n : NAMES_SIZE;
    if (n)
        memcpy(out, text.s, n);
    return (struct slice){ out, n };
}

static bool is_up(struct turn *u, struct slice master, struct slice slave)
{
    static const char *const ways[] = { "lower", "slave" };       /* the second before Linux 3.18 */
    char                     path[300];
    struct slice             text;
    for (size_t i = 0; i < COUNT(ways); i++) {
        snprintf(path, sizeof path, "/sys/class/net/%.*s/%s_%.*s/bonding_slave/mii_status", (int)master.n, master.s, ways[i], (int)slave.n, slave.s);
        if (file_once(u, path, &text) == SENSED)
            return slice_is(slice_trim(text), "up");
    }
    return false;
}

static enum sensed bonding_read(struct turn *u, void *state)
{
    char         masters[NAMES_SIZE], slaves[NAMES_SIZE], path[200];
    struct slice all = names_of(u, "/sys/class/net/bonding_masters", masters), master, slave;
    (void)state;
    if (!all.n)
        return HERE_NOT;
    for (struct scan m = scan_of(all); (master = scan_word(&m)).n;) {
        double count = 0, up = 0;
        snprintf(path, sizeof path, "/sys/class/net/%.*s/bonding/slaves", (int)(master.n < 64 ? master.n : 64), master.s);
        for (struct scan s = scan_of(names_of(u, path, slaves)); (slave = scan_word(&s)).n; count++)
            up += is_up(u, master, slave);
        put_1(u, &slaves_kind, master, count);
        put_1(u, &active_kind, master, up);
    }
    return SENSED;
}

const struct sensor sensors_raid[] = {
    { "mdadm",   10, sizeof(struct kept), md_read,      md_done, "disks that are one: how many of them work, and how far a recovery is" },
    { "bonding", 10, 0,                   bonding_read, NULL,    "interfaces that are one: how many of them are up" },
};
const size_t sensors_raid_count = COUNT(sensors_raid);
