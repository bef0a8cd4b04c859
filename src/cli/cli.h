/*
 * cli/cli.h - one run of the program: what was asked, where to answer, and what the exit code means.
 *
 * The exit codes are a contract with scripts:
 *     0  done
 *     1  it failed, or what was asked is not so (a case that was not proven better, a target that is not ready)
 *     2  wrong usage
 *     3  the gate says no, not now, or not without a person's approval
 *     4  somebody else changed it first, or it cannot be done in the state things are in
 * Answers go to out, everything else (complaints, progress) to err.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "cli/options.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_GATED = 3, CLI_CONFLICT = 4 };

struct cli {
    const struct cli_command *command;
    struct cli_options        o;
    FILE                     *out, *err;
    bool                      terminal;      /* err is one: progress may be drawn over */
};

/* The table of subcommands: commands.c. */
extern const struct cli_command cli_commands[];
extern const size_t             cli_commands_count;

/* "homeostat: text", the hint below it; with -o json as one object on out. Returns the exit code that belongs to the fault. */
int cli_complain(struct cli *c, const struct fault *fault);
int cli_exit_of(enum err code);

/* With -o json: print it and return true. Otherwise nothing, false. */
bool cli_put_json(struct cli *c, const json_t *json);

/* Find the command that argv (after the program's name) begins with; *used says how many words it took. NULL: there is none. */
const struct cli_command *cli_find(const struct cli_command *commands, size_t count, int argc, char **argv, int *used);

/* Everything between main() and a command. */
int cli_main(const struct cli_command *commands, size_t count, int argc, char **argv, FILE *out, FILE *err);

/* ---- what takes longer than two seconds says so ---- */

struct cli_progress {
    struct cli *cli;
    const char *what;
    int64_t     began_us, said_us;
    size_t      drawn;
    bool        alone;             /* a thread of its own ticks */
    atomic_bool ending;
    pthread_t   ticker;
};

void cli_progress_begin(struct cli_progress *p, struct cli *c, const char *what);
/* As often as you like; detail (may be NULL) is where things stand. On a terminal one line, elsewhere a line every ten seconds. */
void cli_progress_tick(struct cli_progress *p, const char *detail);
/* Tick by itself until the end, for work that cannot. */
void cli_progress_alone(struct cli_progress *p);
void cli_progress_end(struct cli_progress *p);

#endif
