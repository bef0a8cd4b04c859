/*
 * model/target.h - a thing that is watched and may be changed, and what is known of it right now.
 */
#ifndef MODEL_TARGET_H
#define MODEL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

/* How far Homeostat may go by itself. Each rung includes the ones below it. */
enum target_mode { MODE_WATCH, MODE_SUGGEST, MODE_APPROVE, MODE_AUTO };
const char *target_mode_name(enum target_mode m);

enum target_owner { OWNER_NONE, OWNER_PATRONI, OWNER_CLOUD, OWNER_OTHER };   /* who manages its configuration */
const char *target_owner_name(enum target_owner o);

enum { SETTING_NAME_SIZE = 64, SETTING_VALUE_SIZE = 160, SETTINGS_MAX = 512 };

/* One row of pg_settings that matters to us. */
struct setting {
    char name[SETTING_NAME_SIZE];
    char value[SETTING_VALUE_SIZE];      /* in force, as pg_settings.setting shows it (in base units) */
    char unit[8];                        /* "8kB", "kB", "ms", ...; empty for none */
    char boot[SETTING_VALUE_SIZE];       /* boot_val */
    char context[20];                    /* "postmaster", "sighup", "user", ... */
    char source[24];                     /* "default", "configuration file", "command line", ... */
    char source_file[256];               /* empty when not visible */
    bool pending_restart;
    bool denied;                         /* our role may not ALTER SYSTEM it; before 15, and where it is not known, false */
    char min[32], max[32];
};

/* ALTER ROLE ... SET or ALTER DATABASE ... SET: it wins over the configuration file for those sessions. */
struct setting_override {
    char name[SETTING_NAME_SIZE];
    char value[SETTING_VALUE_SIZE];
    char role[64], database[64];         /* empty: every one */
};

enum { OVERRIDES_MAX = 64 };

/* The machine and the server as they are now; the bounds of every plan come from here. */
struct target_facts {
    char     name[64];
    int      server_version;             /* 150018; 0: unknown */
    bool     local;                      /* the postmaster is proven to run on this machine */
    bool     in_recovery;
    bool     superuser;                  /* may ALTER SYSTEM everything */
    bool     may_alter_system, may_reload, may_read_file_settings, may_checkpoint;
    bool     has_statements;             /* pg_stat_statements answers */
    bool     file_access;                /* we proved that we can write postgresql.auto.conf */
    enum target_owner owner;
    char     data_directory[256];        /* empty: not visible */
    int      postmaster_pid;             /* 0: unknown */
    int64_t  postmaster_start_us;
    int      cpus;                       /* the server may use; 0: unknown */
    double   memory_bytes;               /* the smaller of machine and cgroup; NAN: unknown */
    double   memory_machine_bytes;
    bool     limit_counts_cache;         /* a cgroup limit counts page cache too: double buffering hurts */
    double   disk_free_bytes;            /* NAN: unknown */
    double   database_bytes;             /* all databases; NAN: unknown */
    bool     rotational;                 /* the data lies on a disk with a seek penalty */
    int      peak_sessions;              /* highest number of client connections observed */
    int      standbys, slots;
    int      settings;
    struct setting setting[SETTINGS_MAX];

    /* how it is known, and what else is */
    int64_t  read_wall_us;               /* when these facts were read; 0: never */
    char     role[64], database[64];     /* we are connected as and to */
    bool     may_watch_all;              /* sees activity, replication and statements of everybody (pg_monitor) */
    char     local_why[200];             /* the proof, or why there is none */
    char     owner_why[160];             /* what gave the owner away */
    char     statements_schema[64];      /* where pg_stat_statements is; empty: nowhere in this database */
    char     system_identifier[24];      /* another one at the same address is another database; empty: not visible */
    int      timeline;                   /* goes up with each promotion; 0: unknown */
    bool     settings_complete;          /* false: the role may not see every row of pg_settings */
    bool     host_readable;              /* local, and the machine's metrics can be read */
    double   cpus_limit;                 /* CPU quota in cores, before rounding; NAN: none or unknown */
    double   memory_used_bytes;          /* without page cache, when the facts were read; NAN: unknown */
    double   slots_retained_bytes;       /* WAL kept back by the slot that is furthest behind; NAN: unknown */
    double   wal_disk_free_bytes;        /* where pg_wal lies; NAN: unknown */
    int      overrides;                  /* -1: unknown */
    struct setting_override override[OVERRIDES_MAX];
};

const struct setting *target_setting(const struct target_facts *f, const char *name);   /* NULL: not there */

/* The first parameter that was shown both times and is not what it was; NULL: none. What only our session has, or the server tells of itself, does not count. */
const struct setting *target_changed(const struct target_facts *then, const struct target_facts *now);

#endif
