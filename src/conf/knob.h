/*
 * conf/knob.h - one row per setting: its key, its place in a struct, default, range, and why one would turn it.
 *
 * A room declares a struct and a table beside it; everything else - reading,
 * checking, printing, documenting, reloading - is done from the row.
 *
 *     struct gate_conf { int64_t freeze_us; double risk_max; enum gate_mood mood; };
 *
 *     static const struct conf_knob gate_knobs[] = {
 *         { "freeze",   KNOB_TIME(struct gate_conf, freeze_us),  "0s",    "0s..7d",      CONF_LIVE,
 *           "After a rollback, leave the same target alone for this long." },
 *         { "risk_max", KNOB_REAL(struct gate_conf, risk_max),   "0.2",   "0..1",        CONF_LIVE,
 *           "Plans riskier than this wait for a person." },
 *         { "mood",     KNOB_CHOICE(struct gate_conf, mood),     "stern", "mild|stern",  CONF_LIVE, "..." },
 *     };
 *
 * The KNOB_ macros name kind and offset at once and do not compile when the
 * field has another type than the kind needs.
 *
 *   kind         field                      written as                     range
 *   INT          int64_t                    12                             lo..hi
 *   REAL         double                     0.2                            lo..hi
 *   BOOL         bool                       true false yes no on off       -
 *   TIME         int64_t, microseconds      90s  1.5h  (us ms s min h d)   lo..hi
 *   SIZE         int64_t, bytes             64MiB  (B kB MB GB TB = 1000s, KiB MiB GiB TiB = 1024s)   lo..hi
 *   PERCENT      double, 20% is 0.2         20%                            lo..hi
 *   TEXT         const char *               text                           lo..hi characters
 *   CHOICE       an enum or int             a word of the range            a|b|c, stored as 0, 1, 2
 *   PATH         const char *               relative to the file it stands in; stored absolute      file | folder: must exist
 *   ADDRESS      struct conf_address        host:port, [::1]:port          -
 *   LIST         struct conf_list           [a, b]                         lo..hi items
 *   SECRET_FILE  struct conf_secret         a PATH with mode 0600 or 0400; its contents are read    -
 *
 * "lo..hi or off" lets INT, REAL, TIME, SIZE and PERCENT be `off`, stored as 0; either end of a range may be left out.
 * initial: the default in the same notation (LIST: words parted by blanks); "" is unset for TEXT, PATH, ADDRESS,
 * LIST and SECRET_FILE (text then is "", never NULL); NULL means that the user must give one.
 * What is TIME or SIZE must carry a unit, only 0 may go without.
 */
#ifndef CONF_KNOB_H
#define CONF_KNOB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "conf/complain.h"
#include "conf/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOB_TEXT_MAX   4096u           /* characters in a TEXT without a range, a PATH, an item of a LIST */
#define KNOB_ITEMS_MAX  256u            /* items in a LIST without a range */
#define KNOB_SECRET_MAX (256u * 1024u)  /* bytes in a secret file */

enum conf_kind {
    CONF_INT, CONF_REAL, CONF_BOOL, CONF_TIME, CONF_SIZE, CONF_PERCENT, CONF_TEXT, CONF_CHOICE, CONF_PATH, CONF_ADDRESS, CONF_LIST,
    CONF_SECRET_FILE, CONF_KIND_COUNT
};

enum {
    CONF_LIVE    = 1,    /* a reload puts it into force; otherwise CONF_RESTART */
    CONF_RESTART = 2,
    CONF_SECRET  = 4     /* never printed, never quoted in a message */
};

struct conf_address { const char *host; int port; bool loopback; };        /* host "" when unset */
struct conf_list    { const char *const *item; size_t count; };            /* item[count] is NULL: fit for execv */
struct conf_secret  { const char *path, *value; size_t size; };            /* value without the last newline */

struct conf_knob {
    const char    *path;      /* below its section; dots go one level down */
    enum conf_kind kind;
    size_t         at;
    const char    *initial;
    const char    *range;
    unsigned       flags;
    const char    *why;
    /* More than a range can say about a text, path or item of a list; NULL: nothing. The fault must not quote a secret. */
    enum err     (*check)(const char *value, struct fault *fault);
    /* Another full path under which it may be written, of a CONF_ONCE section; below a CONF_MAP that name is then no instance. NULL: none. */
    const char    *also;
};

/* offsetof, and an error of the compiler when the field is not of that type. */
#define KNOB_AT_(s, field, ...) (offsetof(s, field) + 0 * sizeof(_Generic(((s *)0)->field, __VA_ARGS__)))

#define KNOB_INT(s, field)         CONF_INT,         KNOB_AT_(s, field, int64_t: 1)
#define KNOB_REAL(s, field)        CONF_REAL,        KNOB_AT_(s, field, double: 1)
#define KNOB_BOOL(s, field)        CONF_BOOL,        KNOB_AT_(s, field, bool: 1)
#define KNOB_TIME(s, field)        CONF_TIME,        KNOB_AT_(s, field, int64_t: 1)
#define KNOB_SIZE(s, field)        CONF_SIZE,        KNOB_AT_(s, field, int64_t: 1)
#define KNOB_PERCENT(s, field)     CONF_PERCENT,     KNOB_AT_(s, field, double: 1)
#define KNOB_TEXT(s, field)        CONF_TEXT,        KNOB_AT_(s, field, const char *: 1)
#define KNOB_CHOICE(s, field)      CONF_CHOICE,      KNOB_AT_(s, field, unsigned: 1, int: 1)
#define KNOB_PATH(s, field)        CONF_PATH,        KNOB_AT_(s, field, const char *: 1)
#define KNOB_ADDRESS(s, field)     CONF_ADDRESS,     KNOB_AT_(s, field, struct conf_address: 1)
#define KNOB_LIST(s, field)        CONF_LIST,        KNOB_AT_(s, field, struct conf_list: 1)
#define KNOB_SECRET_FILE(s, field) CONF_SECRET_FILE, KNOB_AT_(s, field, struct conf_secret: 1)

/* Everything below is for conf's own files, and for rooms that read a value of the same notation from elsewhere. */

/* "time", "size", ...; and what a person writes: "a time such as 90s". */
const char *knob_kind_name(enum conf_kind kind);
const char *knob_kind_example(enum conf_kind kind);

/* Read a value into the struct at instance. Whatever is wrong is added to all, named by `path`; false then. */
bool knob_read(const struct conf_knob *k, const char *path, const struct yaml_node *node, void *instance, struct arena *a,
               struct conf_complaints *all);

/* Put the default into the struct. False, with complaints, when the row itself is wrong (or out of memory). */
bool knob_default(const struct conf_knob *k, const char *path, void *instance, struct arena *a, struct conf_complaints *all);

/* The value as YAML that reads back as the same value; a secret as ******. */
void knob_print(const struct conf_knob *k, const void *instance, struct text *out);
bool knob_is_unset(const struct conf_knob *k, const void *instance);
bool knob_same(const struct conf_knob *k, const void *a, const void *b);
enum err knob_copy(const struct conf_knob *k, void *to, const void *from, struct arena *a, struct fault *fault);

/* "Allowed: 1s..1h (default 60s)", or "" when there is nothing to say. Returns out. */
char *knob_allowed(const struct conf_knob *k, char *out, size_t size);

/* Overwrite what was read from secret files. */
void knob_wipe(const struct conf_knob *k, void *instance);

/* A number with a unit: TIME to microseconds, SIZE to bytes. The fault says which units there are. */
MUST_CHECK enum err knob_time_parse(const char *text, int64_t *us, struct fault *fault);
MUST_CHECK enum err knob_size_parse(const char *text, int64_t *bytes, struct fault *fault);
/* The reverse, exact, in the largest unit that needs no fraction. Returns out. */
char *knob_time_format(int64_t us, char *out, size_t size);
char *knob_size_format(int64_t bytes, char *out, size_t size);

#endif
