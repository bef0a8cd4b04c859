/*
 * ingest/inside.h - what the parts share, and the table of them. For files in this room.
 *
 * A part is a row of parts.c.  Rows start from top to bottom and stop from bottom to top, so a row may use what stands above it: the
 * journal is first, and whoever takes something in is last.
 */
#ifndef INGEST_INSIDE_H
#define INGEST_INSIDE_H

#include "base/clock.h"
#include "ingest/conf.h"
#include "ingest/gauge.h"
#include "ingest/ingest.h"
#include "journal/journal.h"

#include <pthread.h>

enum { INGEST_PARTS_MAX = 16, INGEST_PATH_SIZE = 1024 };

struct ingest {
    const struct conf  *conf;
    const struct clock *clock;
    char                store_folder[INGEST_PATH_SIZE], journal_folder[INGEST_PATH_SIZE];
    pthread_rwlock_t    lock;                 /* written for moments, when one of what follows changes; read by who asks */
    size_t              started;              /* parts, from the top */
    struct journal     *journal;              /* of the part `journal`: everybody's */
    void               *part[INGEST_PARTS_MAX];                /* what belongs to each row */
    struct fault        trouble[INGEST_PARTS_MAX];             /* of the last reload, or of the start; code OK: none */
    uint64_t            reload_failures;
    int64_t             started_us;           /* wall */
    pthread_mutex_t     turn;                 /* over what follows */
    pthread_cond_t      changed;
    const struct conf  *wanted;               /* to be taken; NULL: none. A newer one takes its place */
    bool                ending, reloads;
    bool                taking;               /* the parts are being told of a newer one */
    pthread_t           reloader;
};

struct ingest_part {
    const char *name, *why;
    enum err  (*start)(struct ingest *in, void **self, struct fault *fault);     /* *self may stay NULL: nothing of it is configured */
    /*
     * in->conf is the new one; on a fault self goes on as before.  Others ask meanwhile, so self may come into being here, but not go:
     * what shall go is left in *gone, and gets stop() once nobody can ask it any more.
     */
    enum err  (*reload)(struct ingest *in, void **self, void **gone, struct fault *fault);
    void      (*stop)(struct ingest *in, void *self);
    json_t   *(*status)(struct ingest *in, void *self);                          /* NULL: nothing to say */
    void      (*metrics)(struct ingest *in, void *self, struct gauge *g);
    bool      (*ready)(struct ingest *in, void *self, char *why, size_t size);
};

extern const struct ingest_part *const ingest_parts[];
extern const size_t             ingest_parts_count;

/* ---- own.c: for the parts that ask on behalf of this machine ---- */

enum { INGEST_LABELS_SIZE = 288 };

/* `instance` and this machine's name, as a record's labels; answers their size. */
size_t ingest_own_labels(char out[INGEST_LABELS_SIZE]);
/* All that these sections say, to be compared with what they say after a reload; free() it. NULL: it is not known, and the same as nothing. */
char  *ingest_settings_text(const struct conf *conf, const struct conf_section *const *sections, size_t count);
bool   ingest_settings_same(const char *a, const char *b);

/* A row's own, by its name; NULL while it does not run. */
void *ingest_part_of(struct ingest *in, const char *name);

#endif
