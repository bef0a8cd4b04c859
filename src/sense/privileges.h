/*
 * sense/privileges.h - what each ability needs in PostgreSQL, and whether the role we connect as has it.
 *
 * One table, read by the sensor (clear messages), by `homeostat init` (what is missing, with the SQL to grant it) and by
 * the documentation.  Watching needs the first rows only; a role with nothing but pg_monitor has them.
 */
#ifndef SENSE_PRIVILEGES_H
#define SENSE_PRIVILEGES_H

#include "base/err.h"
#include "base/text.h"
#include "link/pg.h"
#include "model/target.h"

#include <stdbool.h>

enum ability {
    ABILITY_CONNECT,            /* ask anything at all */
    ABILITY_WATCH,              /* activity, replication and sizes of everybody */
    ABILITY_SETTINGS,           /* every row of pg_settings */
    ABILITY_STATEMENTS,         /* pg_stat_statements, of everybody */
    ABILITY_IO_TIMING,          /* track_io_timing: read times */
    ABILITY_FILE_SETTINGS,      /* read back what the files say */
    ABILITY_ALTER_SYSTEM,       /* change parameters */
    ABILITY_RELOAD,             /* put them in force */
    ABILITY_CHECKPOINT,         /* CHECKPOINT before a restart and in windows */
    ABILITY_RESTART_FILE,       /* undo by file when the server does not start */
    ABILITY_COUNT
};

enum privilege_state { PRIVILEGE_HAS, PRIVILEGE_LACKS, PRIVILEGE_UNKNOWN };

struct ability_info {
    const char *name;           /* "watch" */
    bool        for_watching;   /* false: only needed to change things */
    const char *what;           /* what it gives */
    const char *without;        /* what is not possible without it */
    const char *grant;          /* how to get it; {role} and {database} are put in; SQL where SQL does it */
    int         since;          /* the grant works from this server version on; before that it takes a superuser */
};
extern const struct ability_info ability_info[ABILITY_COUNT];

/* What an answer of the server (or of the file system) told of each ability. */
struct privileges {
    char                 role[64], database[64];
    int                  server_version;
    enum privilege_state has[ABILITY_COUNT];
    char                 why[ABILITY_COUNT][160];   /* what exactly is missing; empty when nothing */
    char                 statements[500];           /* how to get ABILITY_STATEMENTS here, as in ability_info.grant: it depends on what is loaded already */
};

/* The statement to fill in, with the role's name; for a server of that version. */
void privilege_grant(enum ability a, const struct privileges *p, char *out, size_t size);
/* From facts that were read (sense/postgres.h). */
void privileges_of(const struct target_facts *f, struct privileges *p);
/* A table for a person: ability, state, what it is for, how to get it. */
void privileges_print(const struct privileges *p, struct text *out);

/* Blocking, with a deadline: for `homeostat init`. f gets what was read on the way (the settings too); may be NULL. */
MUST_CHECK enum err privileges_check(const struct pg_link_conf *conf, int64_t deadline_us, struct privileges *p, struct target_facts *f,
                                     struct fault *fault);

#endif
