/*
 * sense/device.h - which block devices lie under a data directory.
 */
#ifndef SENSE_DEVICE_H
#define SENSE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

enum { DEVICES_MAX = 8 };

struct device { unsigned major, minor; };

struct device_list {
    int           count;
    struct device device[DEVICES_MAX];
    bool          visible;               /* the data directory itself could be looked at */
    bool          whole;                 /* pg_wal and the tablespaces were looked at too */
    char          data[512], wal[512];   /* where they are as seen from here; empty: not visible */
};

/*
 * The data directory of that process: through its working folder where we may look (root, same user), else by the name that
 * the server gives, when a folder of that name belongs to the process's user and the process lives in no container.
 */
void device_find(const char *root, int pid, const char *data_directory, struct device_list *list);

/* Does the device have a seek penalty? Partitions are asked for their disk. */
bool device_rotational(const char *root, struct device d);

#endif
