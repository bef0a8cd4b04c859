/*
 * bench/replay_file.h - a file of measured trials: the space of its parameters, the default, and what was measured.
 *
 * A line of names, then rows of cells between commas: index, parameters, and the result.  The last name says which way is better:
 * tps, qps or throughput more; lat, latency, time or runtime less.  The row with the index 0 is the default configuration; where
 * there is none, the first row is taken for it.  Columns of words are choices, whole numbers whole; a range over three decades or more
 * is searched by ratios, and a 0 below such a range is a value of its own.
 *
 * Nothing is made up: a row that lacks a value of a parameter, or a result above 0, is left out, and so is a column that most rows
 * lack, or of more different words than a choice may have.  What was left out is told (`said`).
 */
#ifndef REPLAY_FILE_H
#define REPLAY_FILE_H

#include "base/err.h"
#include "math/search/forest.h"
#include "math/search/space.h"

enum { REPLAY_ROWS_MAX = MATH_FOREST_POINTS_MAX, REPLAY_BYTES_MAX = 256 * 1024 * 1024 };
#define REPLAY_DECADES 1000.0

struct replay_file {
    char              name[64];
    int               columns, rows;             /* of what follows */
    double           *x;                         /* [rows][columns]: values as the space has them */
    double           *y;                         /* [rows]: ln of the result, or minus that: larger is better */
    double            first[MATH_SPACE_MAX];     /* the default */
    struct math_space space;
    char              said[400];                 /* what was left out, and what was taken for the default; empty: nothing to say */
};

/* The caller frees it, also after a failure. ERR_IO, ERR_INPUT, ERR_LIMIT name the file, and what is wrong with it. */
MUST_CHECK enum err replay_file_read(const char *path, struct replay_file *f, struct fault *fault);
void                replay_file_free(struct replay_file *f);

#endif
