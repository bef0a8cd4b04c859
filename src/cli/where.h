/*
 * cli/where.h - where Homeostat answers and which token to show it: from options, environment and configuration.
 *
 * The token of this machine's store is shown only where the configuration itself leads, or to this machine; an
 * address that somebody typed gets a token only when its file was named, too.
 */
#ifndef CLI_WHERE_H
#define CLI_WHERE_H

#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>

enum { WHERE_SIZE = 512, WHERE_FOLDER_SIZE = 1024, WHERE_TOKEN_SIZE = 520 };

struct where {
    char         url[WHERE_SIZE];          /* without a slash at the end */
    char         token[WHERE_TOKEN_SIZE];  /* "": none, and no_token says why */
    char         ca_file[WHERE_SIZE];      /* "": the system's */
    struct fault no_token;
};

MUST_CHECK enum err where_find(const struct cli_options *o, struct where *w, struct fault *fault);

/* One line, printable, not empty; the file must be readable by its owner alone. The fault never quotes it. */
MUST_CHECK enum err where_read_token(const char *path, char token[WHERE_TOKEN_SIZE], struct fault *fault);

/* The configuration's path: the option, HOMEOSTAT_CONFIG, or the usual place. */
const char *where_config(const struct cli_options *o);
/* Somebody named one, or one is in the usual place, be it one that we may not look at. */
bool        where_is_configured(const struct cli_options *o);

/*
 * Where the configured Homeostat keeps something on disk, for commands that need nobody to answer. --folder goes before; where nobody named a
 * configuration and there is none in its place it is the usual folder. Any other fault is one of the configuration: nothing is looked for elsewhere then.
 */
enum where_part { WHERE_JOURNAL, WHERE_HISTORY, WHERE_STORE };
MUST_CHECK enum err where_folder(const struct cli_options *o, enum where_part part, char out[WHERE_FOLDER_SIZE], struct fault *fault);

void where_done(struct where *w);          /* forgets the token */

#endif
