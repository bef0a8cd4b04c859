/* ingest/detail_inside.h - what detail_pg.c (the session) and detail_batch.c (what goes over it) share. */
#ifndef INGEST_DETAIL_INSIDE_H
#define INGEST_DETAIL_INSIDE_H

#include "ingest/detail_pg.h"
#include "ingest/detail_rows.h"
#include "link/pg.h"

#include <stdatomic.h>

enum detail_stage { STAGE_KEYS, STAGE_TENANT, STAGE_RESOURCE, STAGE_LOCATOR, STAGE_PATTERN, STAGE_METRIC, STAGE_CALL, STAGE_LOG, STAGE_EVENT, STAGE_EVIDENCE, STAGE_RUN, STAGE_CIRCUIT, STAGES };

struct detail_pg {
    const struct sink_conf *conf;
    struct pg_link         *link;            /* NULL: not connected */
    atomic_bool             cancelled;
    struct pg_warned        warned;
    bool                    migrates;        /* what is done to tables of others may take longer than timeout */
    bool                    mapped;          /* in this session: tenants and things are known by the ids that digest.db has for them now */
    char                    origin[256], origin_id[16];
    struct detail_rows      stage[STAGES];
    uint64_t                bytes;           /* copied, of this batch */
    char                    keep_metrics[24], keep_calls[24], keep_logs[24], keep_runs[24], pack[24];      /* seconds, as SQL wants them */
};

MUST_CHECK enum err detail_connect(struct detail_pg *p, struct fault *fault);
void                detail_hang_up(struct detail_pg *p);
MUST_CHECK enum err detail_run(struct detail_pg *p, const char *sql, int n, const char *const *values, struct fault *fault);
MUST_CHECK enum err detail_ask(struct detail_pg *p, const char *sql, int n, const char *const *values, PGresult **r, struct fault *fault);
MUST_CHECK enum err detail_copy(struct detail_pg *p, enum detail_stage stage, struct fault *fault);        /* what lies in a stage, which is empty then */

#endif
