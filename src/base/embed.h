/*
 * base/embed.h - what tools/embed.py makes of files: statements and bytes that the program carries inside.
 *
 * A room's generated header ("load/sql.h") has a constant per statement (sql_<name>) and a table of these.
 */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#include <stddef.h>

struct sql_statement { const char *name, *text; };

struct embedded_file {
    const char          *name;   /* without folders */
    const unsigned char *data;   /* a NUL that does not count follows the last byte */
    size_t               size;
};

#endif
