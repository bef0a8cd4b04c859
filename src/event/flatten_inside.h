/* event/flatten_inside.h - between flatten.c and flatten_name.c. */
#ifndef EVENT_FLATTEN_INSIDE_H
#define EVENT_FLATTEN_INSIDE_H

#include "event/flatten.h"

/* SLICE() is a compound literal; rows of constant tables need this. */
#define SLICE_ROW(literal) { "" literal, sizeof(literal) - 1 }

/* It came from Prometheus: its name and labels are as they should be. */
bool flatten_is_native(const struct event *e);

#endif
