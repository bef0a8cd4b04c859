/* act/rows.h - the adapters of this build; the table itself is in adapter.c. For files in this room. */
#ifndef ACT_ROWS_H
#define ACT_ROWS_H

#include "act/adapter.h"

extern const struct act_adapter act_noop, act_script, act_postgres, act_index, act_analyze;

#endif
