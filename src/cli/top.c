/* cli/top.c - homeostat top: one minute of the history on a screen, or a line for each of many. Needs the folder, and nothing that runs. */
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/where.h"
#include "conf/knob.h"
#include "history/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MINUTES = 3 };      /* a minute that ended longer before what was asked for is not of that time */

/* "-" for what is unknown; 1.2k, 3.4M, ... by `step`. */
static const char *amount(double v, double step, char out[16])
{
    static const char units[] = " kMGTPE";
    size_t            unit = 0;
    if (isnan(v))
        return strcpy(out, "-");
    while (fabs(v) >= (unit ? 999.5 : 9999.5) && unit + 1 < sizeof units - 1) {
        v /= step;
        unit++;
    }
    snprintf(out, 16, unit && fabs(v) < 99.95 ? "%.1f%.*s" : "%.0f%.*s", v, unit != 0, units + unit);
    return out;
}

static const char *share(double v, char out[16])
{
    if (isnan(v))
        return strcpy(out, "-");
    snprintf(out, 16, "%.1f%%", 100 * v);
    return out;
}

static const char *plain(double v, char out[16])
{
    if (isnan(v))
        return strcpy(out, "-");
    snprintf(out, 16, "%.2f", v);
    return out;
}

#define A(v) amount(v, 1000, (char[16]){ 0 })
#define B(v) amount(v, 1024, (char[16]){ 0 })
#define S(v) share(v, (char[16]){ 0 })
#define P(v) plain(v, (char[16]){ 0 })

static void put_host(FILE *f, const struct history_minute *m)
{
    const struct history_host *h = &m->host;
    char                       at[32];
    fprintf(f, "%s  over %.4g s\n", clock_format(m->at_us, at, sizeof at), m->seconds);
    fprintf(f, "load     %s %s %s   processes %s, running %s, blocked %s   forks %s/s   switches %s/s   interrupts %s/s\n", P(h->load1), P(h->load5), P(h->load15), A(h->processes),
            A(h->procs_running), A(h->procs_blocked), P(h->forks), A(h->context_switches), A(h->interrupts));
    fprintf(f, "cpu      %s cores   user %s  nice %s  system %s  iowait %s  irq %s  softirq %s  steal %s  idle %s\n", A(h->cpus), S(h->cpu_user), S(h->cpu_nice), S(h->cpu_system),
            S(h->cpu_iowait), S(h->cpu_irq), S(h->cpu_softirq), S(h->cpu_steal), S(h->cpu_idle));
    fprintf(f, "memory   total %s  available %s  free %s  cached %s  buffers %s  slab %s  dirty %s\n", B(h->mem_total), B(h->mem_available), B(h->mem_free), B(h->mem_cached),
            B(h->mem_buffers), B(h->mem_slab), B(h->mem_dirty));
    fprintf(f, "swap     total %s  free %s   in %s/s  out %s/s   major faults %s/s   killed for want of memory %s\n", B(h->swap_total), B(h->swap_free), P(h->swap_in), P(h->swap_out),
            P(h->major_faults), A(h->oom_kills));
    fprintf(f, "waited   processors %s  memory %s  disks %s\n", S(h->pressure_cpu), S(h->pressure_memory), S(h->pressure_io));
    fprintf(f, "tcp      established %s  retransmitted %s/s  resets sent %s/s  listen overflows %s/s   open files %s\n", A(h->tcp_established), P(h->tcp_retransmits), P(h->tcp_resets),
            P(h->listen_overflows), A(h->filefd));
}

/* A name at its width; what a terminal would obey, and what is no text, is taken out. */
static void shown_of(const char *name, char out[HISTORY_NAME])
{
    snprintf(out, HISTORY_NAME, "%s", name);
    utf8_tame(out, '?');
}

static void put_name(FILE *f, const char *name, int width)
{
    char shown[HISTORY_NAME];
    shown_of(name, shown);
    if (strlen(shown) > (size_t)width) {
        shown[width] = '\0';
        utf8_clean(shown, '?');
    }
    fprintf(f, "%-*s", width, shown);
}

/* The end of a path says more than its beginning. */
static void put_path(FILE *f, const char *name, int width)
{
    char shown[HISTORY_NAME];
    shown_of(name, shown);
    int n = (int)strlen(shown), from = n > width ? n - width + 1 : 0;
    while (from && ((unsigned char)shown[from] & 0xc0) == 0x80)
        from++;
    fprintf(f, "%s%-*s", from ? "~" : "", from ? width - 1 : width, shown + from);
}

static void put_rows(FILE *f, const struct history_minute *m)
{
    for (size_t i = 0; i < m->disks; i++) {
        const struct history_disk *d = &m->disk[i];
        fputs(i ? "" : "\ndisk                 read/s   write/s   reads/s  writes/s      busy   ms/req\n", f);
        put_name(f, d->name, 16);
        fprintf(f, " %10s%10s%10s%10s%10s%9s\n", B(d->read_bytes), B(d->write_bytes), A(d->reads), A(d->writes), S(d->busy), P(d->wait_ms));
    }
    for (size_t i = 0; i < m->nets; i++) {
        const struct history_net *n = &m->net[i];
        fputs(i ? "" : "\nnetwork                in/s     out/s  pkt in/s pkt out/s  errors/s  drops/s\n", f);
        put_name(f, n->name, 16);
        fprintf(f, " %10s%10s%10s%10s%10s%9s\n", B(n->rx_bytes), B(n->tx_bytes), A(n->rx_packets), A(n->tx_packets), P(n->errors), P(n->drops));
    }
    for (size_t i = 0; i < m->mounts; i++) {
        const struct history_mount *t = &m->mount[i];
        fputs(i ? "" : "\nfilesystem                             size     avail      used     files\n", f);
        put_path(f, t->name, 32);
        fprintf(f, " %10s%10s%10s%10s\n", B(t->size_bytes), B(t->avail_bytes), S(1 - t->avail_bytes / t->size_bytes), S(1 - t->files_free / t->files));
    }
    for (size_t i = 0; i < m->tops; i++) {
        const struct history_top *t = &m->top[i];
        fputs(i ? "" : "\n    pid process          group                 cpu       rss    read/s   write/s  threads\n", f);
        fprintf(f, "%7lld ", (long long)t->pid);
        put_name(f, t->name, 16);
        fputc(' ', f);
        put_path(f, t->group, 16);
        fprintf(f, " %8s%10s%10s%10s%9s\n", S(t->cpu), B(t->rss_bytes), B(t->read_bytes), B(t->write_bytes), A(t->threads));
    }
}

/* ---- JSON: the members are called as in history.h; what is unknown is null ---- */

/* What lies there may have been written by an older version, which took names as they were. */
static json_t *name_json(const char *name)
{
    char clean[HISTORY_NAME];
    snprintf(clean, sizeof clean, "%s", name);
    utf8_clean(clean, '?');
    return json_string(clean);
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *host_json(const struct history_host *h)
{
    json_t *o = json_object();
#define X(name, scale) json_object_set_new(o, #name, number(h->name));
    HISTORY_HOST_MAP(X)
#undef X
    return o;
}

#define N(row, member) #member, number((row)->member)

static json_t *minute_json(const struct history_minute *m)
{
    char    at[32];
    json_t *disks = json_array(), *nets = json_array(), *mounts = json_array(), *tops = json_array();
    for (size_t i = 0; i < m->disks; i++) {
        const struct history_disk *d = &m->disk[i];
        json_array_append_new(disks, json_pack("{so so so so so so so}", "name", name_json(d->name), N(d, read_bytes), N(d, write_bytes), N(d, reads), N(d, writes), N(d, busy), N(d, wait_ms)));
    }
    for (size_t i = 0; i < m->nets; i++) {
        const struct history_net *n = &m->net[i];
        json_array_append_new(nets, json_pack("{so so so so so so so}", "name", name_json(n->name), N(n, rx_bytes), N(n, tx_bytes), N(n, rx_packets), N(n, tx_packets), N(n, errors), N(n, drops)));
    }
    for (size_t i = 0; i < m->mounts; i++) {
        const struct history_mount *t = &m->mount[i];
        json_array_append_new(mounts, json_pack("{so so so so so}", "name", name_json(t->name), N(t, size_bytes), N(t, avail_bytes), N(t, files), N(t, files_free)));
    }
    for (size_t i = 0; i < m->tops; i++) {
        const struct history_top *t = &m->top[i];
        json_array_append_new(tops, json_pack("{sI so so so so so so so}", "pid", (json_int_t)t->pid, "name", name_json(t->name), "group", name_json(t->group), N(t, cpu),
                                              N(t, rss_bytes), N(t, read_bytes), N(t, write_bytes), N(t, threads)));
    }
    return json_pack("{ss sf so so so so so}", "at", clock_format(m->at_us, at, sizeof at), "seconds", m->seconds, "host", host_json(&m->host), "disks", disks, "networks", nets,
                     "filesystems", mounts, "processes", tops);
}

/* A moment, or how long ago; what is not given is `absent_us`. */
static enum err moment(const char *option, const char *text, int64_t absent_us, int64_t *us, struct fault *fault)
{
    int64_t ago;
    *us = absent_us;
    if (!*text || (*us = clock_parse(text)) >= 0)
        return OK;
    if (knob_time_parse(text, &ago, NULL) == OK) {
        *us = clock_wall_us(&clock_real) - ago;
        return OK;
    }
    enum err e = fail(fault, ERR_INPUT, "--%s %.40s is no time", option, text);
    fail_hint(fault, "Write a moment such as 2026-01-31T12:00:00Z, or how long ago: 15min, 2h.");
    return e;
}

static void put_minute(struct cli *c, const struct history_minute *m)
{
    if (c->o.json) {
        json_t *json = minute_json(m);
        cli_put_json(c, json);
        json_decref(json);
        return;
    }
    put_host(c->out, m);
    put_rows(c->out, m);
}

/* ---- many minutes ---- */

struct replay { struct cli *c; int64_t every_us, next_us; size_t seen, put; };

static double sum_of(double a, double b) { return isnan(a) ? b : isnan(b) ? a : a + b; }

static void put_line(FILE *f, const struct history_minute *m, bool first)
{
    const struct history_host *h = &m->host;
    char                       at[32];
    double                     disk_read = NAN, disk_write = NAN, in = NAN, out = NAN, busy = NAN;
    for (size_t i = 0; i < m->disks; i++) {
        disk_read  = sum_of(disk_read, m->disk[i].read_bytes);
        disk_write = sum_of(disk_write, m->disk[i].write_bytes);
        busy       = isnan(busy) || m->disk[i].busy > busy ? m->disk[i].busy : busy;
    }
    for (size_t i = 0; i < m->nets; i++) {
        in  = sum_of(in, m->net[i].rx_bytes);
        out = sum_of(out, m->net[i].tx_bytes);
    }
    if (first)
        fputs("time                      load     cpu  iowait   steal  mem avail   swap in  disk read disk write    busy    net in   net out   busiest\n", f);
    fprintf(f, "%-20.19s %9s%8s%8s%8s%11s%10s%11s%11s%8s%10s%10s", clock_format(m->at_us, at, sizeof at), P(h->load1), S(1 - h->cpu_idle), S(h->cpu_iowait), S(h->cpu_steal), B(h->mem_available),
            P(h->swap_in), B(disk_read), B(disk_write), S(busy), B(in), B(out));
    if (m->tops) {
        char name[HISTORY_NAME];
        shown_of(m->top[0].name, name);
        fprintf(f, "   %s %s", name, S(m->top[0].cpu));
    }
    fputc('\n', f);
}

static bool replay_one(void *ctx, const struct history_minute *m)
{
    struct replay *r = ctx;
    r->seen++;
    if (r->every_us && r->put && m->at_us < r->next_us && m->at_us > r->next_us - r->every_us)
        return true;
    r->next_us = (m->at_us / (r->every_us ? r->every_us : 1) + 1) * r->every_us;
    if (r->c->o.json) {
        json_t *json = minute_json(m);
        print_json(r->c->out, json, JSON_COMPACT | JSON_PRESERVE_ORDER);
        json_decref(json);
    } else {
        put_line(r->c->out, m, r->put == 0);
    }
    r->put++;
    return !ferror(r->c->out);
}

static enum err replay(struct cli *c, struct history_reader *h, int64_t now_us, struct fault *fault)
{
    struct replay r = { .c = c, .every_us = c->o.every_us };
    int64_t       from_us, to_us, damaged = 0;
    enum err      e = moment("since", c->o.since, 0, &from_us, fault);
    if (e == OK)
        e = moment("to", c->o.to, now_us, &to_us, fault);
    if (e == OK)
        e = history_each(h, from_us, to_us, replay_one, &r, &damaged, fault);
    if (e == OK && !r.seen)
        e = fail(fault, ERR_MISSING, "the history has no minute in that time");
    if (damaged)
        fprintf(c->err, "homeostat: %lld bytes of the history are damaged; minutes may be missing\n", (long long)damaged);
    return e;
}

static bool keep_first(void *ctx, const struct history_minute *m)
{
    *(int64_t *)ctx = m->at_us;
    return false;
}

/* There is nothing so old: what is the oldest? */
static void hint_oldest(struct history_reader *r, struct fault *fault)
{
    int64_t oldest_us = -1;
    char    at[32];
    if (history_each(r, 0, INT64_MAX, keep_first, &oldest_us, NULL, NULL) == OK && oldest_us >= 0)
        fail_hint(fault, "The oldest minute that is there is of %s.", clock_format(oldest_us, at, sizeof at));
}

/* Who asks what is now must not take what was yesterday for it. */
static void say_how_old(struct cli *c, const struct history_minute *m, int64_t asked_us)
{
    int64_t minutes = (asked_us - m->at_us) / (60 * US_PER_S);
    if (minutes >= NEAR_MINUTES)
        fprintf(c->err, "homeostat: there is no minute nearer to that time; this one ended %lld h %lld min before it\n", (long long)minutes / 60, (long long)minutes % 60);
}

int cmd_top(struct cli *c)
{
    char                   folder[WHERE_FOLDER_SIZE];
    struct fault           fault = { 0 };
    struct history_reader *r     = NULL;
    struct history_minute *m     = malloc(sizeof *m);
    bool                   many  = *c->o.since || *c->o.to || c->o.every_us;
    /* not the newest of all: a clock that was ahead has left its minutes */
    int64_t                clock_us = clock_wall_us(&clock_real), now_us = clock_us + 60 * US_PER_S, at;
    enum err               e = m ? moment("at", c->o.at, now_us, &at, &fault) : fail(&fault, ERR_LIMIT, "out of memory");
    if (e == OK && many && *c->o.at)
        e = fail(&fault, ERR_INPUT, "--at shows one minute, --since, --to and --every show many");
    if (e == OK)
        e = where_folder(&c->o, WHERE_HISTORY, folder, &fault);
    if (e == OK && (e = history_open_read(folder, &r, &fault)) == ERR_MISSING)
        fail_hint(&fault, "it is written while ingest.enabled and sensors.enabled are yes, into the folder history in store.folder; --config or --folder says where that is");
    if (e == OK && many)
        e = replay(c, r, now_us, &fault);
    else if (e == OK && (e = history_at(r, at, m, &fault)) == OK) {
        say_how_old(c, m, at < now_us ? at : clock_us);
        put_minute(c, m);
    } else if (e == ERR_MISSING && r)
        hint_oldest(r, &fault);
    history_close_read(r);
    free(m);
    return e == OK ? CLI_DONE : cli_complain(c, &fault);
}
