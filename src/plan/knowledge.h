/*
 * plan/knowledge.h - what one trial taught, in a form that another database, on another machine, can use.
 *
 * A record says what was asked of a database (model/workload.h), on what kind of machine, which configuration was tried from
 * which, and what came of it.  What follows the machine is kept as a share of it: shared_buffers as a share of memory, workers for
 * each core; so 4 GB on a machine of 8 GB is 16 GB on one of 32.  Nothing else is in it: no data, no query, no name of a host,
 * database or tenant - those are digests that only the installation that made them can tell apart.
 *
 * A record's id is a digest of its contents.  So the same trial is the same record wherever it comes back from, and one that was
 * damaged on the way is found out.
 *
 * As a file, JSON lines: {"homeostat_knowledge": 1} first, then one record a line:
 *
 *     {"id":"9f..","source":"51..","tenant":"0c..","database":"d2..","at":"2026-03-01T12:00:00Z","server":150018,"planner":"ladder/big-step",
 *      "machine":{"memory_mb":1024,"cpus":2,"disk":"flash","limit_counts_cache":true},"workload":{"writes":0.4,...},
 *      "configuration":{"work_mem":{"of_memory":0.004}},
 *      "changes":[{"name":"shared_buffers","from":{"of_memory":0.125},"to":{"of_memory":0.6}},{"name":"jit","from":"on","to":"off"}],
 *      "result":"better","kept":true,"effect":0.7,"sd":0.05}
 */
#ifndef PLAN_KNOWLEDGE_H
#define PLAN_KNOWLEDGE_H

#include "base/err.h"
#include "model/bounds.h"
#include "model/knob.h"
#include "model/target.h"
#include "model/workload.h"
#include "plan/planner.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KNOWLEDGE_VERSION = 1,
    KNOWLEDGE_MAX     = 5000,         /* records that are kept and planned with, half of them own ones; the oldest go first */
    KNOWLEDGE_ID_SIZE = 33,           /* 32 hex digits and the NUL: a record, a source, a tenant, a database */
    KNOWLEDGE_FEATURES_MIN = 4,       /* of the load: a likeness of fewer is none */
    KNOWLEDGE_DIGITS  = 9,            /* of a number in a digest and in a file */
    KNOWLEDGE_FILE_MAX = 32 * 1024 * 1024, KNOWLEDGE_LINE_MAX = 16 * 1024
};
#define KNOWLEDGE_EFFECT_MOST 5.0     /* log ratio: 150 times as fast is no measurement */

enum knowledge_disk { KNOWLEDGE_DISK_UNKNOWN, KNOWLEDGE_DISK_FLASH, KNOWLEDGE_DISK_SPINNING };

struct knowledge_machine {
    double              memory_bytes;            /* NAN: unknown */
    int                 cpus;                    /* 0: unknown */
    enum knowledge_disk disk;
    bool                limit_counts_cache;
};
void knowledge_machine_of(struct knowledge_machine *m, const struct target_facts *f);

/* A knob's value: in base units, or a share of what the catalogue bounds it by. */
enum knowledge_scale { KNOWLEDGE_PLAIN, KNOWLEDGE_OF_MEMORY, KNOWLEDGE_PER_CORE };
struct knowledge_value { enum knob_id knob; enum knowledge_scale scale; double value; };
struct knowledge_change { struct knowledge_value from, to; };

struct knowledge_value knowledge_value_of(enum knob_id id, double base_units, const struct knowledge_machine *m);
double                 knowledge_value_on(const struct knowledge_value *v, const struct knowledge_machine *m);   /* base units; NAN: the machine is not known well enough */

struct knowledge {
    char                     id[KNOWLEDGE_ID_SIZE], source[KNOWLEDGE_ID_SIZE], tenant[KNOWLEDGE_ID_SIZE], database[KNOWLEDGE_ID_SIZE];
    int64_t                  at_us;              /* wall, whole seconds */
    int                      server_version;
    char                     planner[32];
    struct knowledge_machine machine;
    struct workload          workload;
    int                      settings;           /* the other tuned knobs that were not at the server's default */
    struct knowledge_value   setting[KNOB_COUNT];
    int                      changes;
    struct knowledge_change  change[PROPOSAL_CHANGES_MAX];
    enum told                told;
    bool                     kept;
    double                   effect, sd;         /* log ratio to what was in force before, + is better; NAN: none */
};

/* What makes up a record that is not in the proposal. */
struct knowledge_origin { const char *source, *tenant, *database; int64_t at_us; };

/*
 * A trial as a record: the proposal, facts from before or after it, and the workload before it.  Only the catalogue's tuned knobs are told, and
 * durability never.  ERR_INPUT: nothing of the proposal is worth telling; ERR_UNKNOWN: the machine or the workload is not known.
 */
MUST_CHECK enum err knowledge_of(const struct knowledge_origin *origin, const struct proposal *proposal, const struct target_facts *facts,
                                 const struct workload *workload, enum told told, bool kept, double effect, double sd, struct knowledge *k, struct fault *fault);

/* The configuration that was tried (after) or that it was tried from, as it would be on the machine of these facts; what it does not name is at the server's default. */
void knowledge_state(const struct knowledge *k, bool after, const struct target_facts *f, struct knob_state *state);

/* Digests that only whoever knows the secret can connect with the name. */
void knowledge_opaque(const char *secret, const char *kind, const char *name, char out[KNOWLEDGE_ID_SIZE]);

/* ---- JSON ---- */

json_t             *knowledge_json(struct knowledge *k);         /* fills in k->id; NULL: no memory */
/* ERR_INPUT says what is wrong, the digest included. Members that this version does not know are allowed. */
MUST_CHECK enum err knowledge_parse(const json_t *json, struct knowledge *k, struct fault *fault);

/* The first line of a file, without its end. */
json_t *knowledge_head(void);
/*
 * A whole file into an array of records that have all been parsed, each once.  Each bad line is told by its number (1 is the first), and
 * all of them are looked at before ERR_INPUT says how many there were; *records only on OK.
 */
typedef void knowledge_bad_line(void *ctx, int line, const char *why);
MUST_CHECK enum err knowledge_file_parse(const char *text, size_t size, knowledge_bad_line *bad, void *ctx, json_t **records, struct fault *fault);

#endif
