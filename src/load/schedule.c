/* load/schedule.c - see the header; the rows below are also the documentation of the file. */
#include "load/schedule.h"

#include "conf/conf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* -- the file ---------------------------------------------------------------------------------------------------------- */

struct whole_row { int64_t repeat, clients, streams; double rate; };

struct spell_row {
    const char *name;
    double      tpcc, tpch, depth;
    int64_t     duration_us, ramp_us, period_us, peak_us;
    int         tpch_wave;
};

static const struct conf_knob whole_knobs[] = {
    { "repeat",       KNOB_INT(struct whole_row, repeat),   "1", "1..1000000 or off", CONF_RESTART, "How often the phases follow each other; off is for ever." },
    { "tpcc.clients", KNOB_INT(struct whole_row, clients),  "8", "1..1000",           CONF_RESTART, "Connections that 100% of TPC-C are." },
    { "tpcc.rate",    KNOB_REAL(struct whole_row, rate),    "0", "0..1000000",        CONF_RESTART, "Open loop: transactions a second that 100% are; the clients serve them. 0 is the closed loop." },
    { "tpch.streams", KNOB_INT(struct whole_row, streams),  "1", "1..64",             CONF_RESTART, "Connections that 100% of TPC-H are." },
};

static const struct conf_knob spell_knobs[] = {
    { "name",        KNOB_TEXT(struct spell_row, name),        "",     "0..40",                   CONF_RESTART, "What the output calls the phase." },
    { "duration",    KNOB_TIME(struct spell_row, duration_us), NULL,   "10ms..365d",              CONF_RESTART, "How long the phase takes, its ramp included." },
    { "tpcc",        KNOB_PERCENT(struct spell_row, tpcc),     "0%",   "0%..100%",                CONF_RESTART, "How much of TPC-C's clients or rate works." },
    { "tpch",        KNOB_PERCENT(struct spell_row, tpch),     "0%",   "0%..100%",                CONF_RESTART, "How much of TPC-H's streams works." },
    { "ramp",        KNOB_TIME(struct spell_row, ramp_us),     "0s",   "0s..365d",                CONF_RESTART, "Get from the shares before to these in this time, in a straight line; 0 switches at once." },
    { "wave.period", KNOB_TIME(struct spell_row, period_us),   "off",  "10ms..365d or off",       CONF_RESTART, "The shares swing once up and down in this time; 24h is a day." },
    { "wave.depth",  KNOB_PERCENT(struct spell_row, depth),    "50%",  "0%..100%",                CONF_RESTART, "How far down the wave goes: 60% leaves 40% of the share at the lowest." },
    { "wave.peak",   KNOB_TIME(struct spell_row, peak_us),     "0s",   "0s..365d",                CONF_RESTART, "When in the period the wave is highest." },
    { "wave.tpch",   KNOB_CHOICE(struct spell_row, tpch_wave), "same", "same|opposite|none",      CONF_RESTART, "Whether TPC-H's share swings with TPC-C's, against it, or stays." },
};

static void spell_check(const void *instance, struct conf_checker *c)
{
    const struct spell_row *p = instance;
    if (p->ramp_us > p->duration_us)
        conf_refuse(c, "ramp", "Make the phase longer or the ramp shorter.", "the ramp takes longer than its phase");
    if (p->period_us > 0 && p->peak_us >= p->period_us)
        conf_refuse(c, "wave.peak", NULL, "the peak lies behind the end of the wave's period");
    static const char *const of_wave[] = { "wave.depth", "wave.peak", "wave.tpch" };
    for (size_t i = 0; i < sizeof of_wave / sizeof of_wave[0]; i++)
        if (p->period_us == 0 && conf_is_set(c, of_wave[i]))
            conf_refuse(c, of_wave[i], "Set wave.period.", "there is no wave without a period");
}

static const struct conf_section whole_section = { .path = "", .knobs = whole_knobs, .count = sizeof whole_knobs / sizeof whole_knobs[0], .size = sizeof(struct whole_row),
    .why = "How large the load is and how often its phases repeat." };
static const struct conf_section spell_section = { .path = "phases", .knobs = spell_knobs, .count = sizeof spell_knobs / sizeof spell_knobs[0], .size = sizeof(struct spell_row),
    .check = spell_check, .shape = CONF_ITEMS, .instances_max = LOAD_PHASES_MAX, .flags = CONF_RESTART, .name_at = CONF_NO_NAME,
    .why = "The phases, one after the other." };
static const struct conf_section *const sections[] = { &whole_section, &spell_section };
enum { SECTIONS = 2 };

const struct conf_section *const *load_schedule_sections(size_t *count)
{
    *count = SECTIONS;
    return sections;
}

static void take_spell(struct load_spell *to, const struct spell_row *from, size_t place)
{
    *to = (struct load_spell){ .share = { from->tpcc, from->tpch }, .duration_us = from->duration_us, .ramp_us = from->ramp_us, .period_us = from->period_us,
                               .peak_us = from->peak_us, .depth = from->depth, .tpch_wave = (enum load_wave)from->tpch_wave };
    if (*from->name)
        (void)snprintf(to->name, sizeof to->name, "%s", from->name);
    else
        (void)snprintf(to->name, sizeof to->name, "phase %zu", place + 1);
}

/* What no single phase can see. */
static enum err check_whole(const struct load_schedule *s, const char *path, struct conf_complaints *all, struct fault *fault)
{
    struct load_share  most = load_schedule_most(s);
    struct conf_place  at = { path, 0, 0 };
    const char        *wrong = s->count == 0 ? "there are no phases" : most.tpcc <= 0 && most.tpch <= 0 ? "no phase has any load" : NULL;
    if (!wrong)
        return OK;
    const char *hint = s->count == 0 ? "Write phases: [{duration: 1min, tpcc: 100%}]." : "Give a phase a share: tpcc: 100%, or tpch: 100%.";
    if (all)
        conf_complain(all, at, hint, "%s", wrong);
    enum err code = fail(fault, ERR_INPUT, "%s: %s", path, wrong);
    fail_hint(fault, "%s", hint);
    return code;
}

static enum err take(const struct conf *c, const char *path, struct load_schedule *s, struct conf_complaints *all, struct fault *fault)
{
    const struct whole_row *w = conf_of(c, &whole_section);
    const struct spell_row *p = conf_instances(c, &spell_section, &s->count);
    s->repeat = w->repeat;
    s->clients = w->clients;
    s->rate = w->rate;
    s->streams = w->streams;
    for (size_t i = 0; i < s->count; i++) {
        take_spell(&s->spell[i], &p[i], i);
        s->cycle_us += s->spell[i].duration_us;
    }
    return check_whole(s, path, all, fault);
}

enum err load_schedule_read(const char *path, struct load_schedule *s, struct conf_complaints *all, struct fault *fault)
{
    struct conf *c;
    *s = (struct load_schedule){ 0 };
    enum err code = conf_load(path, sections, SECTIONS, &c, all, fault);
    if (code == OK) {
        code = take(c, path, s, all, fault);
        conf_free(c);
    }
    return code;
}

enum err load_schedule_read_text(const char *name, const char *text, struct load_schedule *s, struct conf_complaints *all, struct fault *fault)
{
    struct conf *c;
    *s = (struct load_schedule){ 0 };
    enum err code = conf_load_text(name, text, strlen(text), sections, SECTIONS, &c, all, fault);
    if (code == OK) {
        code = take(c, name, s, all, fault);
        conf_free(c);
    }
    return code;
}

/* -- time -------------------------------------------------------------------------------------------------------------- */

void load_schedule_constant(struct load_schedule *s, double tpcc, double tpch)
{
    *s = (struct load_schedule){ .constant = { tpcc, tpch } };
}

int64_t load_schedule_end(const struct load_schedule *s)
{
    if (s->count == 0 || s->repeat == 0 || s->cycle_us > INT64_MAX / s->repeat)
        return INT64_MAX;
    return s->repeat * s->cycle_us;
}

struct load_moment load_schedule_moment(const struct load_schedule *s, int64_t us)
{
    if (us < 0)
        us = 0;
    if (s->count == 0 || us >= load_schedule_end(s))
        return (struct load_moment){ .place = -1 };
    int64_t left = us % s->cycle_us;
    int     place = 0;
    while (left >= s->spell[place].duration_us)
        left -= s->spell[place++].duration_us;
    return (struct load_moment){ us / s->cycle_us, place, left };
}

int64_t load_schedule_next(const struct load_schedule *s, int64_t us)
{
    struct load_moment m = load_schedule_moment(s, us);
    return m.place < 0 ? INT64_MAX : (us < 0 ? 0 : us) - m.since_us + s->spell[m.place].duration_us;
}

/* The wave at a moment of its phase, 1 at the peak and 1 - depth at the lowest. */
static double wave(const struct load_spell *p, int64_t since_us, double half_turns)
{
    double turn = (double)(since_us - p->peak_us) / (double)p->period_us;
    return 1 - p->depth * (0.5 - 0.5 * cos(M_PI * (2 * turn + half_turns)));
}

static struct load_share within(const struct load_spell *p, int64_t since_us)
{
    struct load_share x = p->share;
    if (p->period_us > 0) {
        x.tpcc *= wave(p, since_us, 0);
        if (p->tpch_wave != LOAD_WAVE_NONE)
            x.tpch *= wave(p, since_us, p->tpch_wave == LOAD_WAVE_OPPOSITE ? 1 : 0);
    }
    return x;
}

/* Where a phase left off; a ramp starts from there. The very first one starts from nothing. */
static struct load_share before(const struct load_schedule *s, struct load_moment m)
{
    if (m.place == 0 && m.round == 0)
        return (struct load_share){ 0, 0 };
    const struct load_spell *p = &s->spell[m.place > 0 ? m.place - 1 : (int)s->count - 1];
    return within(p, p->duration_us);
}

struct load_share load_schedule_at(const struct load_schedule *s, int64_t us)
{
    struct load_moment m = load_schedule_moment(s, us);
    if (s->count == 0)
        return s->constant;
    if (m.place < 0)
        return (struct load_share){ 0, 0 };
    const struct load_spell *p = &s->spell[m.place];
    struct load_share        x = within(p, m.since_us);
    if (m.since_us < p->ramp_us) {
        struct load_share from = before(s, m);
        double            part = (double)m.since_us / (double)p->ramp_us;
        x.tpcc = from.tpcc + part * (x.tpcc - from.tpcc);
        x.tpch = from.tpch + part * (x.tpch - from.tpch);
    }
    return x;
}

int64_t load_schedule_rests_until(const struct load_schedule *s, int64_t us)
{
    struct load_moment m = load_schedule_moment(s, us);
    if (m.place < 0)
        return us;
    const struct load_spell *p = &s->spell[m.place];
    bool                     leaving = m.since_us < p->ramp_us && before(s, m).tpcc > 0;
    return p->share.tpcc > 0 || leaving ? us : load_schedule_next(s, us);
}

struct load_share load_schedule_most(const struct load_schedule *s)
{
    struct load_share most = s->constant;
    for (size_t i = 0; i < s->count; i++) {
        most.tpcc = fmax(most.tpcc, s->spell[i].share.tpcc);
        most.tpch = fmax(most.tpch, s->spell[i].share.tpch);
    }
    return most;
}

double load_share_duty(double share, int workers, int i) { return fmin(fmax(share * workers - i, 0), 1); }
