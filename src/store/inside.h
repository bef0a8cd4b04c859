/* store/inside.h - what the files of this room share and nobody else sees. */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include "store/db.h"
#include "store/digest_store.h"

struct store { struct db *db; int lock_fd; };
enum { DIGEST_MARKS_KNOWN = 16 };

struct digest_store {
    struct db *db;
    bool       in;
    struct { int kind; int64_t key; } known[DIGEST_MARKS_KNOWN];    /* marks that this transaction has written */
    unsigned   knowns;
    int        beside;                       /* -1: the digest's own */
};

/*
 * Who writes digest.db beside the digest holds it while he does (digest.lock, shared), and who puts it aside holds it alone: nothing may end in a
 * file that goes. *fd: close() lets go.
 */
MUST_CHECK enum err digest_hold(const char *folder, bool alone, int *fd, struct fault *fault);

#endif
