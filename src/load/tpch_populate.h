/*
 * load/tpch_populate.h - TPC-H: make the eight tables and fill them.
 */
#ifndef LOAD_TPCH_POPULATE_H
#define LOAD_TPCH_POPULATE_H

#include "load/options.h"
#include "load/target.h"

/* Says on standard output what was loaded. */
MUST_CHECK enum err load_populate_tpch(const struct load_options *o, const struct load_target *target, uint64_t seed, struct fault *fault);

#endif
