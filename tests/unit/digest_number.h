/* tests/unit/digest_number.h - the one number that a question to a digest.db answers with. */
#ifndef DIGEST_NUMBER_H
#define DIGEST_NUMBER_H

#include "unit.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>

static inline int64_t digest_number(const char *folder, const char *sql)
{
    char          path[128];
    sqlite3      *db;
    sqlite3_stmt *st;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

#endif
