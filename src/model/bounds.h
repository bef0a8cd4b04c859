/*
 * model/bounds.h - how far one may go, in numbers: the part of the policy that
 * planners keep to and the gate enforces, and the estimates both use.
 *
 * The planner uses it to propose what has a chance; the gate computes the same
 * from the plan alone and trusts no planner.
 */
#ifndef MODEL_BOUNDS_H
#define MODEL_BOUNDS_H

#include "base/err.h"
#include "model/knob.h"
#include "model/target.h"

#include <stdbool.h>

struct knob_limit {
    bool   allowed;
    double lo, hi;                  /* base units; NAN: the catalogue's */
};

struct bounds {
    double step_ratio;              /* largest share of the current value one step may change: 0.20 */
    int    steps_max, changes_max;  /* of one plan: its steps, and the parameters that they change */
    double memory_fraction;         /* of min(machine, cgroup) that the server may need at worst */
    double sessions_factor;         /* expected sessions = this x highest number observed, at most max_connections */
    double nodes_per_session;       /* sort and hash nodes that use work_mem at the same time */
    double session_bytes;           /* a backend's own memory */
    double work_mem_total_bytes;    /* work_mem x max_connections stays below */
    bool   half_of_cache_size;      /* shared_buffers at most half of effective_cache_size */
    double disk_fraction;           /* of the free disk that WAL may grow into */
    double recovery_max_s;          /* crash recovery may take this long */
    double replay_bytes_per_s;      /* how fast WAL is replayed, when nothing better is known */
    bool   restart_allowed;         /* at all; windows are the gate's business */
    double harm_max[VERIFY_CLASS_COUNT];   /* share by which a trial may be believed to be worse than what is in force, by how it is proven */
    double gain_min;                /* less than this share is not worth going on for */
    int    trials_min;              /* under this workload, before models may say that nothing is left to win */
    struct knob_limit knob[KNOB_COUNT];
};

/* Cautious values; durability knobs, standby-ordered knobs and huge_pages are not allowed. */
void bounds_default(struct bounds *b);

/*
 * The catalogue's row as it is here: how it moves on this server, and where leaving a special value lands.  "As another parameter" is left
 * at what that one has here, and any other at the catalogue's place; within the range of machine and policy, also where that place lies outside
 * (64MB on a machine of half a gigabyte).
 */
struct knob bounds_knob(const struct bounds *b, enum knob_id id, const struct target_facts *f);
/* Is the special value within what policy says of the parameter? An ordinary one always: it is cut down. */
bool bounds_special(const struct bounds *b, enum knob_id id, double value);

/* A configuration: what is in force, and then what would be after a change. NAN: unknown. */
struct knob_state { double value[KNOB_COUNT]; };
void knob_state_of(struct knob_state *s, const struct target_facts *f);

/* What the server may need at worst, in bytes; a part that is NAN is unknown and makes the total unknown. */
struct footprint {
    double shared, work, maintenance, wal, sessions, total;
    double expected_sessions;
    double bound;                   /* memory_fraction x memory */
};
void footprint_of(const struct knob_state *s, const struct target_facts *f, const struct bounds *b, struct footprint *out);
/* "968 MB at worst, at most 921 MB: shared_buffers 614, sorts and hashes of 22 sessions 176, ..." Returns out. */
char *footprint_text(const struct footprint *p, char *out, size_t size);

/*
 * What knobs demand of each other, as an excess in the units of a: above 0 is too much, NAN is not known.  Numbers are
 * stable.  A configuration that already breaks one may be changed as long as the excess does not grow.
 */
struct knob_dependency {
    int          number;
    enum knob_id a, b;              /* b may be KNOB_NONE */
    double     (*excess)(const struct knob_state *s, const struct target_facts *f, const struct bounds *b);
    const char  *text;
};
enum { KNOB_DEPENDENCIES = 7 };
extern const struct knob_dependency knob_dependency[KNOB_DEPENDENCIES];

/* Going from one configuration to another: is this dependency broken (worse than it was, or unknown)? Untouched ones are not. */
bool knob_dependency_broken(const struct knob_dependency *d, const struct knob_state *before, const struct knob_state *after,
                            const struct target_facts *f, const struct bounds *b);

/* Crash recovery in seconds: WAL that may have to be replayed / replay speed. wal_bytes_per_s NAN: assume the worst. */
double recovery_estimate_s(const struct knob_state *s, const struct bounds *b, double wal_bytes_per_s);

/* Bytes that WAL may come to occupy: max_wal_size and what slots may keep. *unlimited: a slot may keep without a limit. */
double wal_disk_bytes(const struct knob_state *s, const struct target_facts *f, bool *unlimited);

#endif
