/*
 * journal/segment.h - one file of the journal: a page that says which use of it this is, then blocks.
 *
 * Folder:   NNNNNNNN.seg   segments; the number only names the file, the generation orders them
 *           NNNNNNNN.new   one that is being zeroed; thrown away when found at a start
 *           meta           two slots: how far ids and generations have gone (journal/slot.h)
 *           NAME.cursor    two slots: what a consumer has committed
 *           lock           held by whoever writes
 *           quarantine/    bytes that could not be read: GENERATION-OFFSET.bad
 *
 * Page:      0  u32 magic "HJS1"   4  u32 version   8  u32 crc of these 64 bytes   12 u32 zero   16  u64 stamp   24  u64 generation
 *           32  i64 bytes         40  i64 made_us         48  u64 floor: ids below it had been given before
 *           56  u64 identity of the journal; 0: not said
 * Seal:    512  u32 magic "HJE1"   4  u32 zero      8  u32 crc of these 96 bytes  12  u32 zero   16  u64 stamp   24  i64 used
 *           32  u64 first, last, blocks, events  64  i64 first_us, last_us   (written when the segment is full or given up; scanning does without)
 */
#ifndef JOURNAL_SEGMENT_H
#define JOURNAL_SEGMENT_H

#include "journal/block.h"
#include "journal/files.h"

enum {
    SEGMENT_PAGE    = 4096,
    SEGMENT_SEAL_AT = 512,
    SEGMENT_INDEX   = 128,
    SEGMENT_NAME    = 24
};
#define SEGMENT_BYTES_MIN INT64_C(1048576)
#define SEGMENT_BYTES_MAX INT64_C(1073741824)

struct segment_mark { uint64_t id; int64_t at, us; };

struct segment {
    uint32_t number;
    int      fd;                               /* of the writer; -1 when nobody writes */
    uint64_t generation, stamp, floor, identity;
    int64_t  bytes, used;                      /* used: behind the last durable block */
    uint64_t first, last, blocks, events;      /* first 0: no block yet */
    int64_t  first_us, last_us;
    int      pins;                             /* readers that are in the file right now: it is not used again meanwhile */
    bool     sealed, torn;                     /* torn: its page cannot be read */
    bool     walked;                           /* all of it was looked through at the start */
    int64_t  cut;                              /* of a block behind `used` whose header alone can be read */
    uint64_t missing;                          /* places where blocks were that are not there any more, as the start found it */
    struct segment_mark index[SEGMENT_INDEX];  /* some of its blocks, so that a seek need not walk from the start */
    int      marks;
};

void journal_segment_name(uint32_t number, char out[SEGMENT_NAME]);             /* "0000002a.seg" */
bool journal_segment_number(const char *name, const char *end, uint32_t *number);    /* end: ".seg" or ".new" */

/* The first page: who it is, and an empty seal. */
void journal_segment_page_write(char out[SEGMENT_PAGE], const struct segment *s, int64_t made_us);
bool journal_segment_page_read(const char *page, struct segment *s);            /* stamp, generation, bytes; false: no page of ours */
void journal_segment_seal_write(char out[BLOCK_ALIGN], const struct segment *s);
bool journal_segment_seal_read(const char *page, struct segment *s);            /* false: not sealed, or in an earlier use */

/* A block that was found or written at `at`. */
void journal_segment_note(struct segment *s, const struct block *b, int64_t at);
/* Where to begin to look for an id. */
int64_t journal_segment_near(const struct segment *s, uint64_t id);
int64_t journal_segment_when(const struct segment *s, uint64_t id);             /* about when it was received: not after it */

/* ---- from block to block ---- */

struct segment_scan {
    const struct journal_files *files;
    int      fd;
    uint64_t stamp;
    int64_t  at, end;
    bool     payloads;      /* look at payloads too; else only at headers where these are good */
    bool     past_errors;   /* what cannot be read (EIO) is no block, instead of FOUND_ERROR */
    char    *buffer;        /* grows to the largest block; journal_segment_scan_done frees it */
    size_t   room;
    int64_t  window_at;     /* what of the file the buffer holds */
    size_t   window;
    const char *payload;    /* with payloads: stored bytes of the block that was found; until the next call */
};

enum segment_found {
    FOUND_END,              /* no block of this use from *at on */
    FOUND_BLOCK,
    FOUND_GAP,              /* *size bytes at *at are no blocks, but blocks follow */
    FOUND_ERROR             /* the file cannot be read: errno; or no memory */
};

/* A gap is told before the block behind it. Always ends: each call moves on. */
enum segment_found journal_segment_scan_next(struct segment_scan *s, struct block *b, int64_t *at, int64_t *size);
void               journal_segment_scan_done(struct segment_scan *s);

#endif
