/* sensor/sensors.c - the turn: who is due is asked, what was told is encoded once and handed on. */
#include "sensor/sensors.h"

#include "sensor/inside.h"
#include "sensor/ports.h"
#include "sensor/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS_MAX = SERIES_OWNERS_MAX - 1, BODY_MAX = 16 * 1024 * 1024 };

/* Per sensor: what it answered, how long it took, when it is due. */
struct place {
    const struct sensor *row;
    void                *state;
    int64_t              due_us;
    enum sensed          is;
    bool                 asked, refused;        /* refused: at its last turn some of its series had no room */
    uint64_t             failures, left_out;
    char                 why[160];
};

struct sensors {
    struct sensors_conf    conf;
    char                  *texts[4];
    char                   root[256];
    struct sensors_options options;
    struct place           place[ROWS_MAX];
    size_t                 places;
    struct processes      *processes;
    struct series_table    table;
    struct turn            turn;
    struct text            body;
    struct sensors_counts  counts;
    struct port_rules      listen_allowed, peers_allowed;
    double                 cpu_s;
};

static const struct series_kind up_kind      = { "homeostat_sensor_up", "sensor", SERIES_GAUGE, "1: the sensor gave values at its last turn; 0: it failed. Absent: this host has no such thing." };
static const struct series_kind failed_kind  = { "homeostat_sensor_failures_total", "sensor", SERIES_COUNTER, "Turns in which the sensor failed." };
static const struct series_kind left_kind    = { "homeostat_sensor_left_out", "sensor", SERIES_GAUGE, "Things (filesystems, interfaces, processors) that the sensor did not tell of at its last turn, because there are too many. Absent: none." };
static const struct series_kind ticks_kind   = { "homeostat_sensor_ticks_total", "", SERIES_COUNTER, "Readings taken." };
static const struct series_kind cpu_kind     = { "homeostat_sensor_cpu_seconds_total", "", SERIES_COUNTER, "Processor time that the readings took." };
static const struct series_kind samples_kind = { "homeostat_sensor_samples_total", "", SERIES_COUNTER, "Samples handed on." };
static const struct series_kind refused_kind = { "homeostat_sensor_records_refused_total", "", SERIES_COUNTER, "Readings that the journal did not take." };
static const struct series_kind series_kind_ = { "homeostat_sensor_series", "", SERIES_GAUGE, "Series that stand." };
static const struct series_kind lost_kind    = { "homeostat_sensor_series_refused_total", "", SERIES_COUNTER, "Series that were not made because there are too many." };

/* All rows, in the order of their files. */
static const struct { const struct sensor *rows; const size_t *count; } tables[] = {
    { sensors_cpu, &sensors_cpu_count }, { sensors_memory, &sensors_memory_count }, { sensors_disk, &sensors_disk_count }, { sensors_filesystem, &sensors_filesystem_count },
    { sensors_net, &sensors_net_count }, { sensors_netclass, &sensors_netclass_count }, { sensors_misc, &sensors_misc_count }, { sensors_raid, &sensors_raid_count }, { sensors_tcp, &sensors_tcp_count }, { sensors_process, &sensors_process_count },
};

static const struct sensor *row_at(size_t i)
{
    for (size_t t = 0; t < COUNT(tables); t++) {
        if (i < *tables[t].count)
            return &tables[t].rows[i];
        i -= *tables[t].count;
    }
    return NULL;
}

const char *const *sensors_names(size_t *count)
{
    static const char *const names[] = {
        "stat", "loadavg", "softnet", "schedstat", "cpufreq", "meminfo", "vmstat", "pressure", "diskstats", "filesystem", "netdev", "netstat", "sockstat", "arp", "udp_queues",
        "conntrack", "netclass", "filefd", "entropy", "uname", "os", "time", "timex", "thermal", "hwmon", "selinux", "mdadm", "bonding", "tcp", "tcp_settings", "tcp_connections", "processes",
    };
    *count = COUNT(names);
    return names;
}

static bool is_off(const struct sensors_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->off.count; i++)
        if (strcmp(conf->off.item[i], name) == 0)
            return true;
    return false;
}

static enum err own_texts(struct sensors *s, struct fault *fault)
{
    const char **of[] = { &s->conf.disks_exclude, &s->conf.mounts_exclude, &s->conf.filesystems_exclude, &s->conf.interfaces_exclude };
    for (size_t i = 0; i < COUNT(of); i++) {
        if (!(s->texts[i] = strdup(*of[i] ? *of[i] : "")))
            return fail(fault, ERR_LIMIT, "out of memory for the sensors");
        *of[i] = s->texts[i];
    }
    s->conf.off = s->conf.listen_allowed = s->conf.peers_allowed = (struct conf_list){ 0 };
    return OK;
}

static enum err rules_of(const struct conf_list *list, struct port_rules *out, struct fault *fault)
{
    if (list->count > PORT_RULES_MAX)
        return fail(fault, ERR_LIMIT, "more than %d ports that are allowed", PORT_RULES_MAX);
    for (; out->count < list->count; out->count++)
        if (port_rule_parse(list->item[out->count], &out->rule[out->count], fault) != OK)
            return ERR_INPUT;
    return OK;
}

enum err sensors_new(const struct sensors_conf *conf, const struct sensors_group_conf *groups, size_t count, const struct sensors_options *options,
                     struct sensors **out, struct fault *fault)
{
    struct sensors *s = calloc(1, sizeof *s);
    if (!s)
        return fail(fault, ERR_LIMIT, "out of memory for the sensors");
    s->conf    = *conf;
    s->options = *options;
    text_init(&s->body, BODY_MAX);
    series_init(&s->table, SENSOR_SERIES_MAX, SENSOR_SERIES_EACH);
    enum err e = text_copy(s->root, sizeof s->root, options->root ? options->root : "") ? own_texts(s, fault) : fail(fault, ERR_INPUT, "the root %s is too long", options->root);
    if (e == OK && (e = rules_of(&conf->listen_allowed, &s->listen_allowed, fault)) == OK)
        e = rules_of(&conf->peers_allowed, &s->peers_allowed, fault);
    const struct sensor *row;
    for (size_t i = 0; e == OK && (row = row_at(i)); i++) {
        if (is_off(conf, row->name))
            continue;
        struct place *p = &s->place[s->places];
        *p = (struct place){ .row = row, .state = row->state ? calloc(1, row->state) : NULL };
        if (row->state && !p->state)
            e = fail(fault, ERR_LIMIT, "out of memory for the sensor %s", row->name);
        s->places++;
    }
    if (e == OK && !is_off(conf, "processes"))
        e = processes_new(conf, groups, count, &s->processes, fault);
    if (e != OK) {
        sensors_free(s);
        return e;
    }
    s->turn = (struct turn){ .t = &s->table, .conf = &s->conf, .root = s->root, .processes = s->processes, .diag = options->diag ? options->diag : *s->root ? NULL : diag_ask,
        .diag_whom = options->diag_whom, .say = options->say, .say_ctx = options->ctx, .listen_allowed = &s->listen_allowed, .peers_allowed = &s->peers_allowed };
    *out    = s;
    return OK;
}

void sensors_free(struct sensors *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->places; i++) {
        if (s->place[i].row->done && s->place[i].state)
            s->place[i].row->done(s->place[i].state);
        free(s->place[i].state);
    }
    processes_free(s->processes);
    series_done(&s->table);
    text_done(&s->body);
    free(s->turn.buffer);
    for (size_t i = 0; i < COUNT(s->texts); i++)
        free(s->texts[i]);
    free(s);
}

int64_t sensors_interval_us(const struct sensors *s) { return s->conf.interval_us; }

/* ---- the turn ---- */

static double thread_cpu_s(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : 0;
}

static void say_failed(struct sensors *s, const struct place *p)
{
    char text[240];
    snprintf(text, sizeof text, "the sensor %s fails: %s", p->row->name, s->turn.why);
    say(&s->turn, text);
}

static void say_left_out(struct sensors *s, const struct place *p)
{
    char text[200];
    snprintf(text, sizeof text, "the sensor %s leaves out %llu: there are more than it has room for", p->row->name, (unsigned long long)s->turn.left_out);
    say(&s->turn, text);
}

static void say_refused(struct sensors *s, const struct place *p)
{
    char text[240];
    snprintf(text, sizeof text, "the sensor %s has more series than the %d there is room for, or %d of all sensors; leave some out, by sensors.off or an exclude", p->row->name, SENSOR_SERIES_EACH,
             SENSOR_SERIES_MAX);
    say(&s->turn, text);
}

static void ask(struct sensors *s, size_t i)
{
    struct place *p       = &s->place[i];
    uint64_t      refused = s->table.refused;
    s->turn.why[0]   = 0;
    s->turn.left_out = 0;
    series_begin(&s->table, i);
    p->is    = p->row->read(&s->turn, p->state);
    p->asked = true;
    series_end(&s->table, i);
    if (s->turn.left_out && !p->left_out)           /* once, when it begins */
        say_left_out(s, p);
    p->left_out = s->turn.left_out;
    if (s->table.refused > refused && !p->refused)
        say_refused(s, p);
    p->refused = s->table.refused > refused;
    if (p->is == FAILED) {
        p->failures++;
        if (strcmp(p->why, s->turn.why) != 0)       /* once for each reason, not at each turn */
            say_failed(s, p);
        text_copy(p->why, sizeof p->why, s->turn.why);
    }
    /* half an interval of slack: a tick that comes a little early is not put off by a whole one */
    p->due_us = s->turn.mono_us + (int64_t)p->row->every_s * US_PER_S - s->conf.interval_us / 2;
}

/* What the sensors say of themselves comes last, so that it is about this turn. */
static void tell_own(struct sensors *s)
{
    series_begin(&s->table, ROWS_MAX);
    for (size_t i = 0; i < s->places; i++) {
        const struct place *p = &s->place[i];
        if (!p->asked || (p->is == HERE_NOT && !p->failures))
            continue;
        put_1(&s->turn, &up_kind, slice_of(p->row->name), p->is != FAILED);
        put_1(&s->turn, &failed_kind, slice_of(p->row->name), (double)p->failures);
        if (p->left_out)
            put_1(&s->turn, &left_kind, slice_of(p->row->name), (double)p->left_out);
    }
    put(&s->turn, &ticks_kind, (double)s->counts.ticks);
    put(&s->turn, &cpu_kind, s->cpu_s);
    put(&s->turn, &samples_kind, (double)s->counts.samples);
    put(&s->turn, &refused_kind, (double)s->counts.refused_records);
    put(&s->turn, &series_kind_, (double)s->table.count);
    put(&s->turn, &lost_kind, (double)s->table.refused);
    series_end(&s->table, ROWS_MAX);
}

/* What was told since the last time, as one record. */
static enum err hand_on(struct sensors *s, struct fault *fault)
{
    text_clear(&s->body);
    size_t   samples = series_encode(&s->table, s->turn.wall_us / US_PER_MS, &s->body);
    enum err e       = OK;
    if (s->options.emit && samples) {
        struct record r = { .received_us = s->turn.wall_us, .kind = RECORD_SAMPLES, .form = FORM_PROTOBUF, .events = (uint32_t)samples, .tenant = SLICE(""),
            .source = SLICE("sensors"), .labels = SLICE(""), .body = { s->body.s, s->body.used } };
        e = s->options.emit(s->options.ctx, &r, fault);
        if (e != OK)
            s->counts.refused_records++;
    }
    if (e == OK)
        s->counts.samples += samples;
    return e;
}

enum err sensors_tick(struct sensors *s, struct fault *fault)
{
    double began    = thread_cpu_s();
    s->turn.wall_us = clock_wall_us(s->options.clock);
    s->turn.mono_us = clock_mono_us(s->options.clock);
    s->counts.ticks++;
    for (size_t i = 0; i < s->places; i++)
        if (s->options.undivided || !s->place[i].asked || s->turn.mono_us >= s->place[i].due_us)
            ask(s, i);
    tell_own(s);
    enum err e = hand_on(s, fault);
    s->cpu_s += thread_cpu_s() - began;
    return e;
}

enum err sensors_leave(struct sensors *s, const struct sensors *now, struct fault *fault)
{
    s->turn.wall_us = clock_wall_us(s->options.clock);
    series_leave(&s->table, now ? &now->table : NULL);
    return hand_on(s, fault);
}

/* ---- looking ---- */

void sensors_text(const struct sensors *s, struct text *out) { series_text(&s->table, out); }

void sensors_count(const struct sensors *s, struct sensors_counts *out)
{
    *out                = s->counts;
    out->series         = s->table.count;
    out->refused_series = s->table.refused;
    out->processes      = s->processes ? processes_count(s->processes) : 0;
}

void sensors_processes(const struct sensors *s, void (*see)(void *ctx, const struct sensors_process *p), void *ctx)
{
    if (s->processes)
        processes_each(s->processes, see, ctx);
}

void sensors_each(const struct sensors *s, void (*see)(void *ctx, const struct sensors_value *v), void *ctx)
{
    struct slice label[2 * SERIES_LABELS_MAX];
    char         name[256];
    for (size_t o = 0; o < SERIES_OWNERS_MAX; o++)
        for (size_t i = 0; i < s->table.list[o].count; i++) {
            const struct series *one   = &s->table.list[o].item[i];
            const char          *names = one->kind->labels, *value = one->key + one->word_size + 1;
            if (one->ended)
                continue;
            for (size_t l = 0; l < one->labels; l++) {
                size_t n         = strcspn(names, " ");
                label[2 * l]     = (struct slice){ names, n };
                label[2 * l + 1] = slice_of(value);
                names           += n + (names[n] == ' ');
                value           += label[2 * l + 1].n + 1;
            }
            see(ctx, &(struct sensors_value){ .name = series_name(one, name, sizeof name), .label = label, .labels = one->labels, .value = one->value });
        }
}
