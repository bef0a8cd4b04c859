/*
 * journal/inside.h - what the files of this room share: a journal that is open.
 *
 * One lock guards everything that is not said to belong to a thread.  It is held for memory only, never over a system call.
 * The writer (writer.c) turns groups into blocks; the keeper (keeper.c) has zeroed segments ready before they are needed and
 * decides what is used again; consumers (consumer.c) read on their own threads.
 */
#ifndef JOURNAL_INSIDE_H
#define JOURNAL_INSIDE_H

#include "base/rand.h"
#include "journal/journal.h"
#include "journal/segment.h"
#include "journal/slot.h"

#include <pthread.h>
#include <zstd.h>

enum {
    READY_SEGMENTS   = 2,                       /* prepared ahead */
    READY_MAX        = 64,                      /* those found at a start may be more; beyond it the rest is used again later */
    SYNCS_KEPT       = 1000,
    POOL_GROUPS      = 16,
    HOT_BYTES        = 8 * 1024 * 1024,         /* of the newest groups stay in memory for consumers that keep up, ... */
    HOT_GROUPS       = 256,                     /* ... and at most so many, ... */
    HOT_US           = 2 * 1000 * 1000,         /* ... none older than this: who is further behind reads files */
    COMMIT_BYTES_MAX = 16 * 1024 * 1024,        /* of groups in one sync, unless one is larger */
    TRIES_MAX        = 6,                       /* segments on which a group is tried before its senders are told */
    QUARANTINE_FILES = 1000
};
#define QUARANTINE_BYTES INT64_C(67108864)
#define GIVE_UP_US       INT64_C(4000000)       /* so long a group that was taken waits for room: less than what receivers and senders have patience for */
#define ID_MARGIN        (UINT64_C(1) << 32)    /* ids that may be used between two writings of meta: more than the ready segments hold */

struct waiter { journal_done *done; void *ctx; };

struct group {
    struct group  *next;
    char          *data;                        /* BLOCK_HEAD bytes, then the records, then room for one page */
    size_t         used, room;                  /* of records */
    struct waiter *waiters;
    uint32_t       count, waiters_room;
    uint64_t       first, events;
    int64_t        first_us, last_us, since_us; /* since: real mono, when its first record came */
    int            refs;
    bool           hot;
    struct segment *segment;                    /* where the writer put it */
    int64_t        at;
    struct block   head;
};

/* What meta has in `more`: where the last block that is known ends; the last id at the last start, what was missing then is told already; which journal this is. */
enum { META_GENERATION, META_USED, META_LAST, META_JUDGED, META_IDENTITY };

/* A block: in which segment, of which ids, when the first of it was received. */
struct place { uint64_t generation, first, last; int64_t at, us; };

struct cursor {
    bool        used, open, woken;
    struct slot slot;                           /* of the consumer's thread */
    char        name[JOURNAL_NAME_MAX + 1];
    uint64_t    committed;
    int64_t     moved_us;
    struct place place;                         /* near the record that comes next, as journal_progress found it */
};

/* Reads on from an id: out of memory when it is near the end, else block by block from the files. Of one thread. */
struct reader {
    struct journal *j;
    uint64_t        next;                       /* the first id that is wanted */
    bool            ahead;                      /* it is not the one behind what was read */
    struct group   *pin;                        /* the block in memory, or ... */
    struct segment_scan scan;                   /* ... the file of the segment of this generation */
    uint64_t        generation;
    uint32_t        number;
    int             errors;                     /* reads that failed in a row */
    ZSTD_DCtx      *unpack;
    char           *full;
    size_t          full_room;
    const char     *payload;                    /* NULL: no block at hand */
    size_t          n, at;
    uint64_t        id, last;                   /* of the record at `at`; of the block */
};

struct journal {
    struct journal_options     o;               /* segment_bytes of it is below: it never changes */
    int64_t                    segment_bytes;
    char                      *folder;
    struct journal_files       f;
    const struct clock        *clock;
    int                        lock_fd;
    struct slot                meta;            /* a: ids below may have been used; b: the last generation; more: META_*. Of the keeper */
    uint64_t                   identity, judged;    /* of meta */
    struct rand                chance;          /* of the keeper */

    pthread_mutex_t lock;
    pthread_cond_t  work, prepared, readable, settled;
    pthread_t       writer, keeper;
    bool            closing;
    bool            looking;                    /* a view: no lock, no threads, nothing is written */

    struct segment **segments;                  /* by generation; the last may be the current one */
    size_t           count, segments_room;
    struct segment  *current;                   /* NULL: the next group takes a ready one */
    struct segment  *ready[READY_MAX];
    int              readies;
    uint32_t         number;                    /* the last one used in a name */
    uint64_t         generation;

    struct group *open, *closed, *closed_tail, *pool, *hot, *hot_tail;
    int           pooled;
    size_t        hot_bytes, hots;
    size_t        waiting;

    uint64_t next_id, last_id;                  /* next: of the writer; last: durable */
    uint64_t present;                           /* last_id, without ids that are known from cursors and meta alone. Of the writer */
    uint64_t durable;                           /* the greatest that a cursor knew to be durable, as it was found at the start */
    struct cursor cursors[JOURNAL_CONSUMERS_MAX];

    enum { FULL_NOT, FULL_SIZE, FULL_DISK } blocked;    /* why there is no ready segment */
    bool     write_blocked;                     /* a write was answered that there is no room */
    char     why[120];

    struct journal_stats stats;
    int64_t  syncs[SYNCS_KEPT];
    int64_t  quarantine_bytes;
    int      quarantine_files;

    ZSTD_CCtx *pack;                            /* of the writer, as is since: the first id of what it makes durable now */
    uint64_t   since;
    char      *scratch;
    size_t     scratch_room;
};

struct journal *journal_new(const struct journal_options *o);    /* memory alone; NULL: there is none */
void            journal_delete(struct journal *j);
int64_t journal_real_us(void);                  /* for waiting: the machine's mono */
void    journal_timed_wait(struct journal *j, pthread_cond_t *cond, int64_t us);
enum err journal_path(const struct journal *j, const char *name, char *out, size_t size, struct fault *fault);

/* recover.c */
MUST_CHECK enum err journal_recover(struct journal *j, struct fault *fault);
MUST_CHECK enum err journal_recover_lock(struct journal *j, bool make, struct fault *fault);    /* ERR_BUSY: another process has it */
/* Bytes that are no block: counted, copied beside within the bound. Whoever calls does not hold the lock. False: known already. */
bool journal_quarantine_add(struct journal *j, const struct segment *s, int fd, int64_t at, int64_t size);
MUST_CHECK enum err journal_segments_add(struct journal *j, struct segment *s, struct fault *fault);    /* behind the last; with the lock */

/* The file of a segment. -1: errno. */
int journal_segment_open(struct journal *j, const struct segment *s, int flags);

/* missing.c: bytes that are no block are judged when all of the journal was seen */
struct gap { struct segment *segment; int64_t at, size; uint64_t before /* last id before it */; struct block behind; };
struct missing { struct gap *gap; size_t n, room, left_out; uint64_t durable; };
void     journal_missing_gap(struct missing *m, struct gap g);
uint64_t journal_missing_want(const struct journal *j);        /* the last id that must be there */
/* b: the first block of segment i; holder: the last one before it that has records. */
void     journal_missing_before(struct journal *j, size_t i, struct segment *holder, const struct block *b);
void     journal_missing_end(struct journal *j, struct missing *m, struct segment *holder);

enum err journal_short(const struct journal *j, const char *what, int error, struct fault *fault);    /* journal_files_short(error); ERR_LIMIT */

/* In a view: read the folder again. */
MUST_CHECK enum err journal_recover_look(struct journal *j, struct fault *fault);
void journal_segments_free(struct journal *j);

/* reader.c */
void journal_reader_init(struct reader *r, struct journal *j, uint64_t next);
void journal_reader_done(struct reader *r);
void journal_reader_seek(struct reader *r, uint64_t next);
MUST_CHECK enum err journal_reader_next(struct reader *r, struct record *record, struct fault *fault);    /* ERR_MISSING: nothing (yet); no fault is filled */

/* keeper.c */
void   *journal_keeper_main(void *journal);
MUST_CHECK enum err journal_keeper_make(struct journal *j, bool zeroed, struct segment **s, struct fault *fault);    /* a new file, durable, for `ready` */
MUST_CHECK enum err journal_meta_write(struct journal *j, uint64_t a, uint64_t b, struct fault *fault);    /* and how it stands now */
uint64_t journal_passed(const struct journal *j);     /* every consumer has committed up to here; UINT64_MAX: there is none. With the lock */

/* writer.c */
void *journal_writer_main(void *journal);
void  journal_group_unref(struct journal *j, struct group *g);    /* with the lock */
void  journal_group_free(struct group *g);
struct group *journal_group_new(struct journal *j, size_t bytes);

/* cursor.c */
MUST_CHECK enum err journal_cursors_load(struct journal *j, struct fault *fault);
struct cursor *journal_cursor_find(struct journal *j, const char *name);
MUST_CHECK enum err journal_cursor_file(const char *name, char *out, size_t size, struct fault *fault);
bool journal_cursor_name(const char *file, char out[JOURNAL_NAME_MAX + 1]);

#endif
