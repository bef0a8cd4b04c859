/*
 * journal/block.h - what is in a segment: blocks, and in each the records of one group.
 *
 * A block begins at a multiple of BLOCK_ALIGN, so that no sector that was acknowledged is written again.  All numbers are little-endian.
 *
 *      0  u32 magic          "HJB1"                  40  u64 durable    last id known to be durable when this was written
 *      4  u16 version        1                       48  u32 count      of records; their ids are first .. first + count - 1
 *      6  u16 flags          1: packed with zstd     52  u32 stored     bytes of payload behind this header
 *      8  u32 crc            of this header (this    56  u32 full       bytes of payload when unpacked
 *                            field as zero)          60  u32 zero
 *     12  u32 payload crc    of the stored bytes     64  i64 first_us   least and ...
 *     16  u64 stamp          of the segment's use    72  i64 last_us    ... greatest received_us
 *     24  u64 generation     of the segment's use    80  u64 events     sum over the records
 *     32  u64 first          id                      88  u64 since      first id of all that is synced together with this; 0: not said
 *
 * The stamp is drawn by chance each time a segment is put to use: blocks of an earlier use, and bytes of a sender that look like a
 * block, do not have it.  A record in the payload:
 *
 *      0  u32 body bytes     4  u32 events     8  i64 received_us     16  u16 label bytes     18  u8 kind     19  u8 form
 *     20  u8 tenant bytes   21  u8 source bytes   22  u16 zero        24  tenant, source, labels, body
 *
 * Pure functions; nothing here trusts what it reads.
 */
#ifndef JOURNAL_BLOCK_H
#define JOURNAL_BLOCK_H

#include "base/err.h"
#include "journal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BLOCK_HEAD  = 96,
    BLOCK_ALIGN = 512,
    RECORD_HEAD = 24,
    /* One record of the largest kind must fit, alone. */
    BLOCK_FULL_MAX = RECORD_HEAD + RECORD_TENANT_MAX + RECORD_SOURCE_MAX + RECORD_LABELS_MAX + RECORD_BODY_MAX
};

/* No journal gets as far; what says so is damaged. */
#define RECORD_ID_END (UINT64_C(1) << 62)

struct block {
    uint64_t stamp, generation, first, durable, events, since;
    uint32_t count, stored, full, payload_crc;
    int64_t  first_us, last_us;
    bool     packed;
};

static inline uint64_t journal_block_last(const struct block *b) { return b->first + b->count - 1; }
static inline int64_t  journal_block_size(uint32_t stored) { return ((int64_t)stored + BLOCK_HEAD + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN; }

void journal_block_head_write(char out[BLOCK_HEAD], const struct block *b);
/* False: these bytes are no header of ours. What is true of the numbers is checked: count and lengths are sane. */
bool journal_block_head_read(const char in[BLOCK_HEAD], struct block *b);
bool journal_block_payload_good(const struct block *b, const char *stored);

size_t journal_record_size(const struct record *r);
/* ERR_INPUT: beyond the limits of record.h. */
MUST_CHECK enum err journal_record_check(const struct record *r, struct fault *fault);
void                journal_record_write(char *to, const struct record *r);
/* The record at *at, which moves behind it; the slices point into the payload; the id is the caller's to set. False: that is no record. */
bool                journal_record_next(const char *payload, size_t n, size_t *at, struct record *r);

#endif
