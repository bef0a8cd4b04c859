/*
 * ingest/digester_table.c - tables that somebody registered (POST /schema/register), from the journal into table_registry of digest.db.
 *
 * Nothing was answered before the journal had the record, and it lets go of it only when digest.db is synced: so whatever falls, each table
 * that was registered gets its row. Only the main line comes here; windows that are made again leave tables alone.
 */
#include "ingest/digester_inside.h"
#include "receive/schema.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = RECORD_TENANT_MAX + 1 + RECORD_SOURCE_MAX };

/* Tenants may call their tables alike. A slash is in no table's name, so it parts the tenant's; the installation's own have none. */
static void name_of(const struct record *r, const char *table, char *name, size_t size)
{
    if (r->tenant.n)
        (void)snprintf(name, size, "%.*s/%s", (int)r->tenant.n, r->tenant.s, table);
    else
        (void)snprintf(name, size, "%s", table);
}

enum err digester_table(struct digester *d, const struct record *r, struct fault *fault)
{
    char        table[RECORD_SOURCE_MAX + 1], name[NAME_MAX_BYTES + 1];
    const char *kind;
    struct text schema CLEANUP(text_done);
    text_init(&schema, SCHEMA_TEXT_MAX);
    (void)snprintf(table, sizeof table, "%.*s", (int)r->source.n, r->source.s ? r->source.s : "");
    enum err e = schema_read(r->body, table, sizeof table, &kind, &schema, fault);
    if (e != OK)
        return ERR_INPUT;                    /* written by a version that took more, or no memory for so little: counted as a record that cannot be read */
    name_of(r, table, name, sizeof name);
    return digest_table_put(d->store, name, schema.s, r->received_us, fault);
}
