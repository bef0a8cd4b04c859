/* sensor/group_inside.h - how an entry of a recipe is read: for who matches with it and for who doubts it. */
#ifndef SENSOR_GROUP_INSIDE_H
#define SENSOR_GROUP_INSIDE_H

#include "sensor/group.h"

#include <string.h>

/* An entry of comm or exe is a name as process-exporter takes it, unless it has what names of programs do not have; some write ~ in front of expressions. */
static inline bool group_entry_is_expression(const char *entry) { return *entry == '~' || strpbrk(entry, "^$*(|"); }
static inline const char *group_entry_expression(const char *entry) { return entry + (*entry == '~'); }

/*
 * Whether one of the patterns of cmdline is enough: comm, exe and cmdline name the same programs, in the same order, and comm and exe do so by
 * expressions.  process-exporter knows names alone there, so a recipe that works as it says keeps its rule, by which all patterns must be found.
 */
bool group_alternatives(const struct sensors_group_conf *c);

#endif
