/*
 * load/check.h - the subcommand check: TPC-C's consistency conditions 1 to 4 (clause 3.3.2), what TPC-H's tables must hold,
 * each benchmark in one snapshot; or a schedule's file, without any database.
 */
#ifndef LOAD_CHECK_H
#define LOAD_CHECK_H

#include "load/options.h"

int load_check(const struct load_options *o);   /* 0 all hold, 1 a violation or a failure, 2 wrong usage */

#endif
