/*
 * sensor/inside.h - what the sensors share: their table's rows, files that are kept open, and a hand parser for what is in them.
 *
 * A sensor is a row: a name, how seldom it is read, three functions. Its state is its own, made by `make` and freed by free().
 */
#ifndef SENSOR_INSIDE_H
#define SENSOR_INSIDE_H

#include "base/clock.h"
#include "sensor/conf.h"
#include "sensor/diag.h"
#include "sensor/series.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a sensor answers. HERE_NOT: this host has no such thing. */
enum sensed { SENSED, HERE_NOT, FAILED };

/* A buffer for one file at a time; grows up to FILE_MAX. */
enum { FILE_MAX = 8 * 1024 * 1024 };

struct processes;
struct port_rules;

struct turn {
    struct processes          *processes;
    struct series_table       *t;
    const struct sensors_conf *conf;
    const char                *root;        /* "" on this machine */
    int64_t                    wall_us, mono_us;
    char                      *buffer;
    size_t                     room;
    char                       why[160];    /* of FAILED */
    uint64_t                   left_out;    /* what there is beyond a bound of the sensor, in this turn: counted, since it is not told */
    diag_asker                *diag;        /* NULL: connections cannot be asked for */
    void                      *diag_whom;
    void                     (*say)(void *ctx, const char *text);       /* may be NULL */
    void                      *say_ctx;
    const struct port_rules   *listen_allowed, *peers_allowed;
    double                     tcp_rto_s, tcp_rtt_s;    /* of the last look at connections, for what is estimated with them; 0: not known */
};

struct sensor {
    const char *name;
    unsigned    every_s;                    /* read no more often than this; 0: at each tick */
    size_t      state;                      /* bytes of its state, zeroed; may be 0 */
    enum sensed (*read)(struct turn *u, void *state);
    void       (*done)(void *state);        /* may be NULL */
    const char *why;
};

/* Rows of the files of sensors. */
extern const struct sensor sensors_cpu[], sensors_memory[], sensors_disk[], sensors_filesystem[], sensors_net[], sensors_netclass[], sensors_misc[], sensors_raid[], sensors_tcp[], sensors_process[];
extern const size_t        sensors_cpu_count, sensors_memory_count, sensors_disk_count, sensors_filesystem_count, sensors_net_count, sensors_netclass_count, sensors_misc_count, sensors_raid_count, sensors_tcp_count, sensors_process_count;

/* ---- files ---- */

/* Stays open; fd + 1, so that zero is "not opened yet". long_lines: a line may be about as long as a page, so that a short answer is not yet the end. */
struct kept { int fd1; bool long_lines; };

/* The whole file from its beginning into u->buffer, with a NUL; *text is what was read. Opens at the first call, and again after an error. */
enum sensed kept_read(struct turn *u, struct kept *f, const char *path, struct slice *text);
void        kept_done(struct kept *f);
/* Once: open, read, close. */
enum sensed file_once(struct turn *u, const char *path, struct slice *text);
/*
 * The numbers of a folder's entries called <before><number><behind>, in order and at most max of them; there may be gaps. Answers how many.
 */
size_t folder_numbers(struct turn *u, const char *path, const char *before, const char *behind, unsigned *out, size_t max);
/* Something that should be known at once, for the log of whoever hosts the sensors. */
static inline void say(struct turn *u, const char *text)
{
    if (u->say)
        u->say(u->say_ctx, text);
}
PRINTF(2, 3) enum sensed failed(struct turn *u, const char *format, ...);

/* ---- telling ---- */

static inline void put(struct turn *u, const struct series_kind *k, double v) { series_put(u->t, k, SLICE(""), NULL, v); }
static inline void put_word(struct turn *u, const struct series_kind *k, struct slice word, double v) { series_put(u->t, k, word, NULL, v); }
static inline void put_1(struct turn *u, const struct series_kind *k, struct slice a, double v) { series_put(u->t, k, SLICE(""), (struct slice[]){ a }, v); }
static inline void put_2(struct turn *u, const struct series_kind *k, struct slice a, struct slice b, double v)
{
    series_put(u->t, k, SLICE(""), (struct slice[]){ a, b }, v);
}

/* ---- scanning ---- */

struct scan { const char *p, *end; };
static inline struct scan scan_of(struct slice s) { return (struct scan){ s.s, s.s + s.n }; }
static inline bool        scan_more(const struct scan *s) { return s->p < s->end; }
static inline bool        scan_blank(char c) { return c == ' ' || c == '\t'; }

/* The next line without its end; false when there is none. */
bool scan_line(struct scan *s, struct slice *line);
/* The next word of a line, parted by blanks; empty at the end. */
struct slice scan_word(struct scan *s);
/* The next number; false, and nothing taken, when the next word does not begin with one. */
bool     scan_u64(struct scan *s, uint64_t *v);
uint64_t scan_or_0(struct scan *s);
double   slice_number(struct slice s);       /* NAN when it is none; takes a fraction, a sign, 0x */
struct slice slice_trim(struct slice s);
/* As a label may be: s itself, or a copy in out where what is no UTF-8 is a ?. */
struct slice slice_clean(struct slice s, char *out, size_t size);

/* ---- leaving out ---- */

/* Names by a regular expression, each asked once. */
enum { FILTER_ROOM = 1024 };
struct filter { void *compiled; bool ready; uint64_t seen[FILTER_ROOM]; uint8_t match[FILTER_ROOM]; size_t count; };
bool     filter_matches(struct filter *f, const char *regex, struct slice name);       /* an empty expression matches nothing */
static inline bool filter_keeps(struct filter *f, const char *exclude, struct slice name) { return !filter_matches(f, exclude, name); }
void     filter_done(struct filter *f);
uint64_t slice_hash(struct slice s);

#endif
