/*
 * act/target.h - what acting needs to know of one configured server.
 *
 * Everything is borrowed from the configuration and outlives the calls.  Whoever fills it need not know whether the
 * server is local: act proves that by itself before it touches a file.
 */
#ifndef ACT_TARGET_H
#define ACT_TARGET_H

#include "link/pg.h"
#include "model/target.h"

#include <stdbool.h>

struct act_target {
    const char         *name;             /* "main"; becomes part of file names, so letters, digits, - and _ */
    struct pg_link_conf link;
    const char         *data_directory;   /* NULL: as the server says */
    const char         *bin_directory;    /* where postgres and initdb are; NULL: looked for */
    const char *const  *restart_command;  /* argument vector, NULL at the end; NULL: restarts are not possible. No shell. */
    const char *const  *start_command;    /* starts a server that is down; NULL: the restart command does that too */
    const char         *start_hint;       /* a sentence for undo scripts: how a person starts the server; NULL: made from the commands */
    int                 restart_timeout_ms;   /* for one run of the command; 0: 120 s */
    bool                restart_allowed;  /* policy's last word, repeated here because this is the last door */
    bool                trial_start;      /* try restart settings in a throwaway instance first, where that is possible */
    bool                standbys_ready;   /* the standbys already have the higher values; raising them here is safe */
    enum target_owner   owner;            /* as configured; OWNER_NONE is checked, not believed */
};

#endif
