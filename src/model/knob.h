/*
 * model/knob.h - the PostgreSQL parameters that Homeostat knows, as one table.
 *
 * A value is a double in the base unit of pg_settings: 8 kB blocks, kB, MB, ms,
 * s, or a plain number; integers are exact.  A bool is 0 or 1, an enum the
 * index of its choice.  Text is what PostgreSQL reads and shows: "128MB",
 * "5min", "on", "lz4".  knob_parse() and knob_format() go between the two the
 * way the server does (units are case sensitive, "1.5GB" is 1536 MB).
 *
 * Ranges are those of *this* machine: the row's outer bounds, cut down by
 * memory (the smaller of machine and cgroup), cores and disk.  Where a range
 * depends on something unknown, the range is unknown, and nobody may guess.
 *
 * A row's number is stable: plans, reports and history quote it.
 *
 *     const struct knob *k = knob_find("max_wal_size");
 *     double now, lo, hi;
 *     if (knob_current(k, facts, &now, fault) == OK && knob_range(k, facts, &lo, &hi, fault) == OK) ...
 */
#ifndef MODEL_KNOB_H
#define MODEL_KNOB_H

#include "base/err.h"
#include "base/text.h"
#include "model/target.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stddef.h>

enum knob_id {
    KNOB_NONE = 0,
    /* memory */
    KNOB_SHARED_BUFFERS = 1, KNOB_EFFECTIVE_CACHE_SIZE, KNOB_WORK_MEM, KNOB_HASH_MEM_MULTIPLIER,
    KNOB_MAINTENANCE_WORK_MEM, KNOB_AUTOVACUUM_WORK_MEM, KNOB_WAL_BUFFERS, KNOB_HUGE_PAGES, KNOB_MAX_CONNECTIONS,
    /* write-ahead log and checkpoints */
    KNOB_MAX_WAL_SIZE, KNOB_MIN_WAL_SIZE, KNOB_CHECKPOINT_TIMEOUT, KNOB_CHECKPOINT_COMPLETION_TARGET,
    KNOB_CHECKPOINT_FLUSH_AFTER, KNOB_WAL_COMPRESSION, KNOB_WAL_WRITER_DELAY, KNOB_WAL_WRITER_FLUSH_AFTER,
    KNOB_COMMIT_DELAY,
    /* background writer */
    KNOB_BGWRITER_DELAY, KNOB_BGWRITER_LRU_MAXPAGES, KNOB_BGWRITER_LRU_MULTIPLIER, KNOB_BGWRITER_FLUSH_AFTER,
    KNOB_BACKEND_FLUSH_AFTER,
    /* query planner and execution */
    KNOB_RANDOM_PAGE_COST, KNOB_SEQ_PAGE_COST, KNOB_EFFECTIVE_IO_CONCURRENCY, KNOB_MAINTENANCE_IO_CONCURRENCY,
    KNOB_DEFAULT_STATISTICS_TARGET, KNOB_JIT, KNOB_MAX_WORKER_PROCESSES, KNOB_MAX_PARALLEL_WORKERS,
    KNOB_MAX_PARALLEL_WORKERS_PER_GATHER,
    /* autovacuum */
    KNOB_AUTOVACUUM_MAX_WORKERS, KNOB_AUTOVACUUM_NAPTIME, KNOB_AUTOVACUUM_VACUUM_COST_LIMIT,
    KNOB_AUTOVACUUM_VACUUM_COST_DELAY, KNOB_AUTOVACUUM_VACUUM_SCALE_FACTOR,
    /* known so that they can be guarded; no planner proposes them */
    KNOB_MAX_WAL_SENDERS, KNOB_MAX_PREPARED_TRANSACTIONS, KNOB_MAX_LOCKS_PER_TRANSACTION,
    KNOB_MAX_SLOT_WAL_KEEP_SIZE, KNOB_FSYNC, KNOB_FULL_PAGE_WRITES, KNOB_SYNCHRONOUS_COMMIT,
    /* newer servers */
    KNOB_IO_WORKERS,
    KNOB_COUNT
};

enum knob_type { KNOB_TYPE_INT, KNOB_TYPE_REAL, KNOB_TYPE_BOOL, KNOB_TYPE_ENUM };
const char *knob_type_name(enum knob_type t);

/* How a value may move in one step. */
enum knob_rule {
    KNOB_BY_RATIO,     /* at most the policy's share (20 %) of the current value; an integer by 1 where that is less */
    KNOB_BY_ONE,       /* small integers: +1 or -1 */
    KNOB_BY_JUMP,      /* bool and enum: from one value to any other */
    KNOB_TOGETHER      /* needs a restart: straight to the target, with all other such changes in one restart */
};
const char *knob_rule_name(enum knob_rule r);

enum {
    KNOB_TUNED         = 1,   /* planners may propose it */
    KNOB_DURABILITY    = 2,   /* trades safety of committed data for speed: only when the policy names it */
    KNOB_STANDBY_ORDER = 4,   /* raised on standbys first, lowered on the primary first */
    KNOB_MEMORY        = 8,   /* part of the memory bound */
    KNOB_MAY_NOT_START = 16   /* a value that the machine cannot serve keeps the server from starting */
};

/* The smallest of what is set (0: not set); the fractions are of this machine. number is in base units. */
struct knob_bound { double number, of_memory, per_cpu, of_disk_free; };

/* A value outside the usual meaning, such as 0 = off or -1 = automatic. */
struct knob_special {
    double      value;
    double      land;        /* leaving it by ratio begins here (base units) */
    const char *means;       /* NULL ends the list */
    const char *as;          /* the parameter, of the same unit, whose value counts instead: what is left is that, and not the place above (model/bounds.h) */
};

struct knob_choice { const char *name; int min_version, max_version; };   /* 0: no limit; NULL ends the list */

enum { KNOB_SPECIALS_MAX = 2, KNOB_CHOICES_MAX = 6 };

struct knob {
    enum knob_id        id;                        /* also its stable number */
    const char         *name;
    enum knob_type      type;
    const char         *unit;                      /* as in pg_settings; "" for none */
    double              lo;                        /* outer bounds, base units */
    struct knob_bound   hi;
    struct knob_special special[KNOB_SPECIALS_MAX];
    struct knob_choice  choice[KNOB_CHOICES_MAX];
    bool                restart;                   /* context postmaster */
    enum knob_rule      rule;
    enum verify_class   verify;
    int                 min_version, max_version;  /* server_version_num; 0: no limit */
    unsigned            flags;
    const char         *needs;                     /* dependencies, for people; may be NULL */
    const char         *why;                       /* why it matters, one sentence */
};

extern const struct knob knobs[KNOB_COUNT];        /* knobs[KNOB_NONE] is empty */

/* NULL when the catalogue does not have it. Names are compared as PostgreSQL does: without case. */
const struct knob *knob_find(const char *name);
static inline const struct knob *knob_at(enum knob_id id) { return &knobs[id]; }

/* Does this server have it? (facts->server_version; 0 is unknown: false) */
bool knob_applies(const struct knob *k, const struct target_facts *f);
/* Needs a restart on this server? (autovacuum_max_workers became reloadable in 18) */
bool knob_needs_restart(const struct knob *k, const struct target_facts *f);
/* How it moves on this server. */
enum knob_rule knob_rule_on(const struct knob *k, const struct target_facts *f);
/* The meaning of a special value, NULL for an ordinary one. */
const struct knob_special *knob_special_of(const struct knob *k, double value);

/* Text <-> value. ERR_INPUT with what would be right. */
MUST_CHECK enum err knob_parse(const struct knob *k, const char *text, double *value, struct fault *fault);
/* The shortest text that PostgreSQL reads back as exactly this value. Returns out. */
char *knob_format(const struct knob *k, double value, char *out, size_t size);
/* To the nearest value that has a text: whole base units, six digits. */
double knob_round(const struct knob *k, double value);
bool   knob_equal(const struct knob *k, double a, double b);

/* What is in force: ERR_MISSING when pg_settings did not show it, ERR_STATE when its unit is not the table's (other block size). */
MUST_CHECK enum err knob_current(const struct knob *k, const struct target_facts *f, double *value, struct fault *fault);
/* The server's own default (boot_val). */
MUST_CHECK enum err knob_boot(const struct knob *k, const struct target_facts *f, double *value, struct fault *fault);

/* The range on this machine and this server. ERR_UNKNOWN when it depends on something that is not known. */
MUST_CHECK enum err knob_range(const struct knob *k, const struct target_facts *f, double *lo, double *hi, struct fault *fault);
/* Is the value allowed on this machine: in range, or special, or a choice that this server has? The fault says what would be. */
MUST_CHECK enum err knob_allows(const struct knob *k, const struct target_facts *f, double value, struct fault *fault);

/* Bytes in one base unit; 0 when the unit is no size. Seconds in one base unit; 0 when it is no time. */
double knob_unit_bytes(const struct knob *k);
double knob_unit_seconds(const struct knob *k);

/* The table checks itself: numbers, bounds, specials, choices, rules. */
MUST_CHECK enum err knob_table_check(struct fault *fault);

/* The table as Markdown; facts may be NULL, else the ranges are those of that machine. */
void knob_docs(const struct target_facts *f, struct text *out);

#endif
