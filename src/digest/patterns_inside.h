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
    TOKEN_WIDE = 17,                 /* and any few tokens without blanks between them, or in quotes */
    WIDE_MAX = 8, WIDES_MAX = 4,     /* that many tokens; that many of them in one template */
    BUCKET_LOOK_MAX = 512,           /* templates of one skeleton that a new line is compared with, latest first */
};

static inline bool is_open(unsigned kind) { return kind == MASK_VAR || kind >= TOKEN_OPEN; }

struct token { uint64_t hash; uint32_t at; uint16_t n; uint8_t kind; bool blank; };    /* at, n: in chars */

struct entry {
    struct pattern public;           /* first: the outside holds a pointer to it */
    struct entry  *newer, *older;    /* by last use */
    struct entry  *id_next, *bucket_next, *bucket_before, *first_next, *first_before;
    uint64_t       skeleton, first;  /* keys of the two tables; first: hash of the first token */
    uint32_t       slot;
    uint32_t       n, words, wides;  /* tokens; those of them that are constant words; that are wide */
    size_t         bytes;
    char          *chars;
    struct token   token[];
};

#define FRESH_ID UINT64_MAX          /* of an entry that takes over the id of another one at once */

struct slot   { struct entry *entry; uint32_t generation, next_free; };
struct cached { uint64_t hash; uint32_t slot, generation; };

struct patterns {
    struct patterns_options options;
    struct entry  *newest, *oldest, *other;
    struct entry **by_id, **by_skeleton, **by_first;
    size_t         table_mask, cache_mask;
    struct slot   *slot;
    uint32_t       slots, free_slot;
    struct cached *cache;
    uint64_t       next_id, evicted, unfit;
    size_t         count, bytes, wides;
    void         (*on_merge)(void *ctx, uint64_t gone, uint64_t into);
    void          *ctx;
    struct mask_line line;           /* being looked at */
};

/* entry.c */
struct entry *entry_new(const struct mask_token *token, size_t n, struct slice line);
void          entry_free(struct entry *e);
bool          entry_write_text(struct entry *e);                     /* false: out of memory; the text is as it was */
bool          entry_set_sample(struct entry *e, struct slice line);
/* Does the template stand for these tokens? start[i], unless NULL: the first of them that its token i stands for, start[e->n] is n. */
bool          entry_covers(const struct entry *e, const struct token *token, size_t n, size_t *start);
bool          is_quotation(const struct token *t, size_t n);         /* a few tokens in quotes, all of them */
void          entry_open(struct entry *e, size_t i, uint8_t kind);   /* from now on it varies there */
uint64_t      skeleton_of(const struct token *token, size_t n);
void          tokens_of(const struct mask_line *m, struct token *token);

/* align.c: the entry this line belongs to after learning what it shows; NULL: it is a new one. */
struct entry *align_find(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton);
struct entry *align_learn(struct patterns *p, const struct token *token, size_t n, uint64_t skeleton);

/* patterns.c */
bool patterns_put(struct patterns *p, struct entry *e);              /* links it; what is too much goes. false: there is no room for it */
void patterns_drop(struct patterns *p, struct entry *e);
void patterns_merge(struct patterns *p, struct entry *gone, struct entry *into);   /* into keeps its template, and gets the older id */
void patterns_changed(struct patterns *p, struct entry *e);          /* after entry_open(): its text and its places in the tables */
/* The line being looked at is the template, wide at one token, and takes the place of e. NULL: out of memory. */
struct entry *patterns_narrow(struct patterns *p, struct entry *e, size_t wide);

#endif
