/*
 * conf/daemon.h - the settings of the daemon that belong to no other room: logging, store, web, targets, tuning, budgets.
 *
 *     enum err e = conf_load(path, daemon_sections, daemon_sections_count, &conf, &complaints, fault);
 *     struct daemon_conf d = daemon_conf_of(conf);
 *     for (size_t i = 0; i < d.targets; i++) watch(&d.target[i]);
 *
 * Times are microseconds (…_us).  The structs live as long as the struct conf.
 * deploy/homeostat.yaml is the commented sample; `homeostat config docs` prints the tables.
 */
#ifndef CONF_DAEMON_H
#define CONF_DAEMON_H

#include "base/log.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAEMON_CONF_PATH    "/etc/homeostat/homeostat.yaml"
#define DAEMON_TARGETS_MAX  64u
#define DAEMON_TENANTS_MAX  1024u
#define DAEMON_TOKENS_MAX   1000u
#define DAEMON_TOKEN_LEAST  32u          /* characters in a token */

struct daemon_log {
    enum log_level  level;
    enum log_format format;
};

struct daemon_store {
    const char *folder;                  /* cases.db, telemetry.db, undo/ */
};

struct daemon_web {
    struct conf_address listen;          /* port 0: any free one */
    const char         *tls_certificate; /* PEM; "" without TLS */
    struct conf_secret  tls_key;
    struct conf_secret  tokens;          /* parse with daemon_tokens_parse() */
    bool                metrics_open;    /* GET /metrics needs no token */
};

struct daemon_policy   { const char *file; };      /* "" : the built-in policy, which is to watch and suggest */
struct daemon_runbooks { const char *folder; };    /* "" : none */

enum daemon_kind    { DAEMON_POSTGRES };
enum daemon_mode    { DAEMON_WATCH, DAEMON_SUGGEST, DAEMON_APPROVE, DAEMON_AUTO };
enum daemon_restart { DAEMON_RESTART_NEVER, DAEMON_RESTART_WINDOW, DAEMON_RESTART_ALLOWED };
enum daemon_owner   { DAEMON_OWNER_NONE, DAEMON_OWNER_PATRONI, DAEMON_OWNER_CLOUD };

struct daemon_target {
    const char         *name;
    const char         *tenant;                   /* whose database it is */
    enum daemon_kind    kind;
    const char         *dsn;                      /* libpq conninfo without a password */
    struct conf_secret  passfile;                 /* libpq reads .path itself */
    enum daemon_mode    mode;
    enum daemon_owner   owner;
    enum daemon_restart restart;
    struct conf_list    restart_command;          /* argument vector, no shell */
    struct conf_list    start_command;            /* starts a server that is down; empty: restart_command does that too */
    int64_t             restart_timeout_us;
    bool                trial_start;              /* try restart settings in a throwaway instance first */
    const char         *bin_directory;            /* "" : looked for */
    const char         *data_directory;           /* "" : ask the server, and prove that it is this machine's */
    const char         *cgroup;                   /* "" : the one the postmaster is in */
    const char         *load_endpoint;            /* "" : latencies are estimated from the server */
    bool                load_saturates;           /* closed loop without think time: throughput is earned, not offered */
    int64_t             sample_interval_us;
    int64_t             connect_timeout_us;
    int64_t             statement_timeout_us;
};

/* What trials taught, between databases: of all tenants, and of each that says otherwise. */
struct daemon_knowledge { bool share, use; };
struct daemon_tenant    { const char *name; struct daemon_knowledge knowledge; };

/* The names of kinds in plan/planner.h. */
enum daemon_planner { DAEMON_PLANNER_JOINT, DAEMON_PLANNER_JOINT_PPO, DAEMON_PLANNER_LADDER };
const char *daemon_planner_name(int planner);

struct daemon_tune {
    int64_t window_us;                   /* one measurement */
    int64_t windows_min, windows_max;    /* per verdict */
    int64_t wash_out_us;                 /* after a toggle, before a window counts */
    int64_t warm_up_us;                  /* after a restart, before a window counts */
    int64_t watch_us;                    /* after each step */
    int64_t settle_us;                   /* between the end of a case and the next on the same target */
    int64_t reevaluate_us;
    int64_t cool_down_us;                /* after a rollback */
    double  alpha;                       /* over the lifetime of a target */
    bool    checkpoint_in_window;
    int64_t seed;
    int     planner;                     /* enum daemon_planner */
};

struct daemon_budget {                   /* of the daemon; what a target may bear is said by the policy */
    int64_t cases_open_max;
    int64_t plans_per_case_max;
};

extern const struct conf_section daemon_log_section, daemon_store_section, daemon_web_section, daemon_policy_section, daemon_runbooks_section,
    daemon_knowledge_section, daemon_tenants_section, daemon_targets_section, daemon_tune_section, daemon_budget_section;

extern const struct conf_section *const daemon_sections[];
extern const size_t                     daemon_sections_count;

/* All sections in one view. */
struct daemon_conf {
    const struct daemon_log      *log;
    const struct daemon_store    *store;
    const struct daemon_web      *web;
    const struct daemon_policy   *policy;
    const struct daemon_runbooks *runbooks;
    const struct daemon_target   *target;
    size_t                        targets;
    const struct daemon_knowledge *knowledge;
    const struct daemon_tenant   *tenant;
    size_t                        tenants;
    const struct daemon_tune     *tune;
    const struct daemon_budget   *budget;
};

/* c was loaded with all of daemon_sections (and perhaps others). */
struct daemon_conf daemon_conf_of(const struct conf *c);

/* What holds for a tenant: both it and the daemon must agree. */
struct daemon_knowledge daemon_knowledge_of(const struct daemon_conf *d, const char *tenant);

/* ---- who may use the web: the file behind web.tokens ---- */

/* The bits of model/principal.h; admin includes the others. */
enum daemon_role { DAEMON_VIEWER = 1, DAEMON_OPERATOR = 2, DAEMON_APPROVER = 4, DAEMON_ADMIN = 8 };

struct daemon_token {
    unsigned roles;
    char     name[49];                       /* who is written into the timeline */
    char     digest[DIGEST_SIZE];            /* SHA-256 of the token; the token itself is not kept */
    int64_t  expires_us;                     /* wall; 0: never */
};

/*
 * One line each: "roles name token [expires]", roles parted by commas, the token at least 32 characters or "sha256:" and the 64 hex
 * digits of its digest.  Empty lines are skipped, and so is what begins with # up to the end of its line.  The fault names the line, never a token.
 */
MUST_CHECK enum err daemon_tokens_parse(const char *contents, struct daemon_token *out, size_t max, size_t *count, struct fault *fault);

#endif
