/*
 * load/populate.h - the subcommand load: tables, rows side by side for each warehouse, keys, statistics, mark.
 */
#ifndef LOAD_POPULATE_H
#define LOAD_POPULATE_H

#include "load/options.h"

int load_populate(const struct load_options *o);   /* the program's exit status */

#endif
