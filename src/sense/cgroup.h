/*
 * sense/cgroup.h - which cgroup folders hold a process, from its leaf up to the root, for v1, v2 and hybrid mounts.
 *
 * Limits bind on every level, so whoever wants a limit must look at all of them.  Pure but for the existence of files.
 */
#ifndef SENSE_CGROUP_H
#define SENSE_CGROUP_H

#include <stdbool.h>

enum { CGROUP_LEVELS_MAX = 12, CGROUP_PATH = 512, CGROUP_MOUNTS_MAX = 16 };

enum cgroup_controller { CGROUP_MEMORY, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_PRESSURE, CGROUP_CONTROLLERS };

/* The folders of one controller, leaf first. version 0: not mounted or not visible. */
struct cgroup_folders {
    int  version;
    int  levels;
    int  top;                            /* folder[i] + top is the group's path below the mount point */
    char folder[CGROUP_LEVELS_MAX][CGROUP_PATH];
};

struct cgroup_map { struct cgroup_folders of[CGROUP_CONTROLLERS]; };

/*
 * membership: the text of /proc/<pid>/cgroup; mounts: the text of /proc/self/mountinfo.  Paths in the result start with root.
 * A process outside of what our mounts show ("/../..") is looked up at the mount's own top: those limits bind us both.
 */
void cgroup_resolve(const char *root, const char *membership, const char *mounts, struct cgroup_map *map);

#endif
