/* sensor/memory.c - what memory holds and who waits for it: meminfo, vmstat, pressure. */
#include "sensor/inside.h"

static void one_file_done(void *state) { kept_done(state); }

/* ---- meminfo ---- */

static const struct series_kind bytes_kind = { "node_memory_*_bytes", "", SERIES_GAUGE, "Memory information field *_bytes." };
static const struct series_kind plain_kind = { "node_memory_*", "", SERIES_GAUGE, "Memory information field *." };

/* "Active(anon)" is Active_anon. */
static struct slice field_name(struct slice word, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < word.n && n < size; i++)
        if (word.s[i] == '(')
            out[n++] = '_';
        else if (word.s[i] != ')' && word.s[i] != ':')
            out[n++] = word.s[i];
    return (struct slice){ out, n };
}

static enum sensed meminfo_read(struct turn *u, void *state)
{
    struct slice text, line;
    char         name[80];
    enum sensed  is = kept_read(u, state, "/proc/meminfo", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = field_name(scan_word(&s), name, sizeof name);
        uint64_t     v;
        if (!word.n || !scan_u64(&s, &v))
            continue;
        bool kb = slice_is(scan_word(&s), "kB");
        put_word(u, kb ? &bytes_kind : &plain_kind, word, (double)v * (kb ? 1024 : 1));
    }
    return SENSED;
}

/* ---- vmstat ---- */

static const struct series_kind vmstat_kind = { "node_vmstat_*", "", SERIES_UNTYPED, "/proc/vmstat information field *." };

static bool starts(struct slice s, struct slice with) { return s.n >= with.n && memcmp(s.s, with.s, with.n) == 0; }

/* oom_kill, pgpg*, pswp*, pg*fault* */
static bool vmstat_wants(struct slice w)
{
    if (w.n < 4 || (w.s[0] != 'p' && w.s[0] != 'o'))
        return false;
    if (starts(w, SLICE("oom_kill")) || starts(w, SLICE("pgpg")) || starts(w, SLICE("pswp")))
        return true;
    return starts(w, SLICE("pg")) && memmem(w.s, w.n, "fault", 5);
}

static enum sensed vmstat_read(struct turn *u, void *state)
{
    struct slice text, line;
    enum sensed  is = kept_read(u, state, "/proc/vmstat", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = scan_word(&s);
        uint64_t     v;
        if (vmstat_wants(word) && scan_u64(&s, &v))
            put_word(u, &vmstat_kind, word, (double)v);
    }
    return SENSED;
}

/* ---- pressure ---- */

static const struct pressure { const char *path; struct series_kind some, full; } pressures[] = {
    { "/proc/pressure/cpu", { "node_pressure_cpu_waiting_seconds_total", "", SERIES_COUNTER, "Total time in seconds that processes have waited for CPU time" }, { 0 } },
    { "/proc/pressure/io", { "node_pressure_io_waiting_seconds_total", "", SERIES_COUNTER, "Total time in seconds that processes have waited due to IO congestion" },
      { "node_pressure_io_stalled_seconds_total", "", SERIES_COUNTER, "Total time in seconds no process could make progress due to IO congestion" } },
    { "/proc/pressure/memory", { "node_pressure_memory_waiting_seconds_total", "", SERIES_COUNTER, "Total time in seconds that processes have waited for memory" },
      { "node_pressure_memory_stalled_seconds_total", "", SERIES_COUNTER, "Total time in seconds no process could make progress due to memory congestion" } },
};

struct pressure_state { struct kept file[COUNT(pressures)]; };

static enum sensed pressure_read(struct turn *u, void *state)
{
    struct pressure_state *st  = state;
    bool                   any = false;
    for (size_t i = 0; i < COUNT(pressures); i++) {
        struct slice text, line;
        enum sensed  is = kept_read(u, &st->file[i], pressures[i].path, &text);
        if (is == FAILED)
            return is;
        for (struct scan all = scan_of(text); is == SENSED && scan_line(&all, &line);) {
            const struct series_kind *kind  = starts(line, SLICE("some ")) ? &pressures[i].some : starts(line, SLICE("full ")) ? &pressures[i].full : NULL;
            const char               *total = memmem(line.s, line.n, "total=", 6);
            if (!kind || !kind->name || !total)
                continue;
            put(u, kind, slice_number((struct slice){ total + 6, (size_t)(line.s + line.n - total - 6) }) / 1e6);
            any = true;
        }
    }
    return any ? SENSED : HERE_NOT;
}

static void pressure_done(void *state)
{
    struct pressure_state *st = state;
    for (size_t i = 0; i < COUNT(pressures); i++)
        kept_done(&st->file[i]);
}

const struct sensor sensors_memory[] = {
    { "meminfo",  0, sizeof(struct kept),           meminfo_read,  one_file_done, "what memory holds" },
    { "vmstat",   0, sizeof(struct kept),           vmstat_read,   one_file_done, "paging, swapping, faults, processes that were killed for want of memory" },
    { "pressure", 0, sizeof(struct pressure_state), pressure_read, pressure_done, "time that processes waited for processors, memory and disks" },
};
const size_t sensors_memory_count = COUNT(sensors_memory);
