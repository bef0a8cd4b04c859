/*
 * store/lossy.h - a file layer for tests that keeps un-synced writes in memory only.
 *
 * With HOMEOSTAT_STORE_LOSSY=1 in the environment, what SQLite has written but
 * not fsynced is gone when the process is killed, as after a power cut.  With
 * HOMEOSTAT_STORE_FAIL=full:N, io:N or fsync:N the N-th write or fsync from then on
 * fails (full and io go on failing while the file named by HOMEOSTAT_STORE_FAIL_WHILE exists,
 * for ever when it is not set).  Both are said loudly at start; without the variables nothing here runs.
 */
#ifndef STORE_LOSSY_H
#define STORE_LOSSY_H

#include "base/err.h"

MUST_CHECK enum err lossy_from_environment(struct fault *fault);

#endif
