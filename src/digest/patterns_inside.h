/*
 * digest/patterns_inside.h - what the files of patterns share: templates, where they are found, and what leads to them.
 *
 * An entry is one template.  It hangs in a list by last use (what goes when memory ends), in a table by id, and in a table by
 * skeleton: the number of tokens and the punctuation among them, which never vary.  Lines whose shape was seen lately find their
 * entry in the cache; slots and their generations tell when what it points to is gone.
 */
#ifndef DIGEST_PATTERNS_INSIDE_H
#define DIGEST_PATTERNS_INSIDE_H

#include "digest/mask.h"
#include "digest/patterns.h"

enum {
    TOKEN_OPEN = 16,                 /* beside enum mask_kind: shown to vary, matches any word */
    BUCKET_LOOK_MAX = 512,           /* templates of one skeleton that a new line is compared with, latest first */
};

struct token { uint64_t hash; uint32_t at; uint16_t n; uint8_t kind; bool blank; };    /* at, n: in chars */

struct entry {
    struct pattern public;           /* first: the outside holds a pointer to it */
    struct entry  *newer, *older;    /* by last use */
    struct entry  *id_next, *bucket_next, *bucket_before;
    uint64_t       skeleton;
    uint32_t       slot;
    uint32_t       n, words;         /* tokens; those of them that are constant words */
    size_t         bytes;
    char          *chars;
    struct token   token[];
};

struct slot   { struct entry *entry; uint32_t generation, next_free; };
struct cached { uint64_t hash; uint32_t slot, generation; };

struct patterns {
    struct patterns_options options;
    struct entry  *newest, *oldest, *other;
    struct entry **by_id, **by_skeleton;
    size_t         table_mask, cache_mask;
    struct slot   *slot;
    uint32_t       slots, free_slot;
    struct cached *cache;
    uint64_t       next_id, evicted, unfit;
    size_t         count, bytes;
    void         (*on_merge)(void *ctx, uint64_t gone, uint64_t into);
    void          *ctx;
    struct mask_line line;           /* being looked at */
};

/* entry.c */
struct entry *entry_new(const struct mask_token *token, size_t n, struct slice line);
void          entry_free(struct entry *e);
bool          entry_write_text(struct entry *e);                     /* false: out of memory; the text is as it was */
bool          entry_set_sample(struct entry *e, struct slice line);
bool          entry_covers(const struct entry *e, const struct token *token, size_t n);
uint64_t      skeleton_of(const struct token *token, size_t n);
void          tokens_of(const struct mask_line *m, struct token *token);

/* align.c: the entry this line belongs to after learning what it shows; NULL: it is a new one. */
struct entry *align_find(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton);
struct entry *align_learn(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton);

/* patterns.c */
bool patterns_put(struct patterns *p, struct entry *e);              /* links it; what is too much goes. false: there is no room for it */
void patterns_merge(struct patterns *p, struct entry *a, struct entry **into);   /* the younger of both becomes the older */
void patterns_drop(struct patterns *p, struct entry *e);

#endif
