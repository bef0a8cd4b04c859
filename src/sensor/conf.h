/*
 * sensor/conf.h - the settings of the sensors: `sensors`, its groups of processes `sensor_groups`, and `probes`.
 *
 * The structs live as long as the struct conf they came from. sensors_new() copies what it needs.
 */
#ifndef SENSOR_CONF_H
#define SENSOR_CONF_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

enum { SENSOR_GROUPS_CONF_MAX = 64, PROBES_MAX = 64 };

struct sensors_conf {
    bool               enabled;
    int64_t            interval_us;
    struct conf_list   off;                     /* names of sensors that are left out */
    const char        *disks_exclude;           /* extended regular expressions */
    const char        *mounts_exclude, *filesystems_exclude;
    const char        *interfaces_exclude;
    bool               processes_children;      /* who matches nothing belongs to its parent's group */
    int64_t            processes_groups_max;
    int64_t            tcp_talkers;
    struct conf_list   listen_allowed, peers_allowed;   /* port, port-port, address:port; empty: not checked */
};

/* One recipe, in process-exporter's terms; who must match all that is given. When one pattern of cmdline is enough: sensor/group_inside.h. */
struct sensors_group_conf {
    const char      *name;                      /* a template: {{.Comm}}, {{.ExeBase}}, {{.ExeFull}}, {{.Username}}, {{.Matches.x}} */
    struct conf_list comm, exe, cmdline;
};

struct probe_conf {
    const char *name;
    int         kind;                           /* enum probe_kind */
    const char *target;                         /* tcp: host:port; dns: a name; http: http://host[:port]/path */
    int64_t     interval_us, timeout_us;
};

extern const struct conf_section sensors_section;       /* CONF_ONCE */
extern const struct conf_section sensor_groups_section; /* CONF_ITEMS of struct sensors_group_conf, the first that matches wins */
extern const struct conf_section probes_section;        /* CONF_MAP of struct probe_conf */

#endif
