/* sensor/conf.c - the tables of conf.h. The text in the last column is what the operator reads in the documentation. */
#include "sensor/conf.h"

#include "sensor/group.h"
#include "sensor/ports.h"
#include "sensor/probe.h"
#include "sensor/sensors.h"

#include <regex.h>
#include <string.h>

static enum err check_regex(const char *value, struct fault *fault)
{
    regex_t re;
    char    why[120];
    enum err e    = group_regex_bounded(value, fault);
    if (e != OK)
        return e;
    int     wrong = *value ? regcomp(&re, value, REG_EXTENDED | REG_NOSUB) : 0;
    if (wrong) {
        regerror(wrong, &re, why, sizeof why);
        return fail(fault, ERR_INPUT, "not an extended regular expression: %s", why);
    }
    if (*value)
        regfree(&re);
    return OK;
}

static enum err check_sensor(const char *value, struct fault *fault)
{
    size_t             count;
    const char *const *names = sensors_names(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], value) == 0)
            return OK;
    const char *meant = conf_nearest(value, names, count);
    enum err    e = fail(fault, ERR_INPUT, "there is no sensor %.40s", value);
    fail_hint(fault, meant ? "Did you mean %s?" : "homeostat sensors prints homeostat_sensor_up for each.", meant);
    return e;
}

static enum err check_port(const char *value, struct fault *fault)
{
    struct port_rule rule;
    return port_rule_parse(value, &rule, fault);
}

static const struct conf_knob knobs[] = {
    { "enabled",              KNOB_BOOL(struct sensors_conf, enabled),             "true", NULL, CONF_LIVE,
      "Whether this machine is read at all." },
    { "interval",             KNOB_TIME(struct sensors_conf, interval_us),         "10s", "1s..5min", CONF_LIVE,
      "How often the sensors are read. What seldom changes is read less often than that." },
    { "off",                  KNOB_LIST(struct sensors_conf, off),                 "", "0..64", CONF_LIVE,
      "Sensors that are left out, by name; homeostat sensors lists them.", check_sensor },
    { "disks.exclude",        KNOB_TEXT(struct sensors_conf, disks_exclude),       "^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme[0-9]+n[0-9]+p)[0-9]+$", NULL, CONF_LIVE,
      "Block devices that are left out, as an extended regular expression; by default partitions, and disks in memory or in files.", check_regex },
    { "mounts.exclude",       KNOB_TEXT(struct sensors_conf, mounts_exclude),      "^/(dev|proc|run|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)", NULL, CONF_LIVE,
      "Mount points that are left out.", check_regex },
    { "filesystems.exclude",  KNOB_TEXT(struct sensors_conf, filesystems_exclude),
      "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$", NULL, CONF_LIVE,
      "Types of filesystem that are left out.", check_regex },
    { "interfaces.exclude",   KNOB_TEXT(struct sensors_conf, interfaces_exclude),  "^lo$", NULL, CONF_LIVE,
      "Network interfaces whose traffic is left out.", check_regex },
    { "processes.children",   KNOB_BOOL(struct sensors_conf, processes_children),  "true", NULL, CONF_LIVE,
      "Whether a process that matches no group belongs to its parent's." },
    { "processes.groups_max", KNOB_INT(struct sensors_conf, processes_groups_max), "100", "1..1000", CONF_LIVE,
      "Names of groups beyond this are counted as `other`, so that a template cannot make series without end." },
    { "tcp.talkers",          KNOB_INT(struct sensors_conf, tcp_talkers),          "10", "0..100", CONF_LIVE,
      "For so many remote addresses with the most traffic there are series of their own; 0: none, and connections are not looked at one by one unless the next two name ports." },
    { "tcp.listen_allowed",   KNOB_LIST(struct sensors_conf, listen_allowed),      "", "0..64", CONF_LIVE,
      "Ports that may be listened on: 443, 8000-8099, 127.0.0.1:5432. Any other is told as homeostat_net_forbidden and in the log. Empty: nothing is checked.", check_port },
    { "tcp.peers_allowed",    KNOB_LIST(struct sensors_conf, peers_allowed),       "", "0..64", CONF_LIVE,
      "Ports of other hosts that this one may connect to, in the same forms. Empty: nothing is checked.", check_port },
};

static void sensors_check(const void *instance, struct conf_checker *c)
{
    const struct sensors_conf *s = instance;
    for (size_t i = 0; i < s->off.count; i++)
        if (strcmp(s->off.item[i], "tcp_connections") == 0 && s->listen_allowed.count + s->peers_allowed.count)
            conf_refuse(c, s->listen_allowed.count ? "tcp.listen_allowed" : "tcp.peers_allowed", "Take tcp_connections out of sensors.off.", "ports are to be checked by a sensor that is off");
}

const struct conf_section sensors_section = { .path = "sensors", .knobs = knobs, .count = COUNT(knobs), .size = sizeof(struct sensors_conf), .check = sensors_check,
    .why = "What is read of this machine, under the names of node_exporter and process-exporter." };

static const struct conf_knob group_knobs[] = {
    { "name",    KNOB_TEXT(struct sensors_group_conf, name),    "{{.ExeBase}}", "1..200", CONF_LIVE,
      "What the group is called: text with {{.Comm}}, {{.ExeBase}}, {{.ExeFull}}, {{.Username}} and {{.Matches.x}}.", group_template_check },
    { "comm",    KNOB_LIST(struct sensors_group_conf, comm),    "", "0..64", CONF_LIVE, "One of these is the process's name; with one of ^ $ * ( | in it, or ~ in front, it is an extended regular expression that is found in the name.", group_entry_check },
    { "exe",     KNOB_LIST(struct sensors_group_conf, exe),     "", "0..64", CONF_LIVE, "One of these is its first argument; without a slash, the last part of it. With one of ^ $ * ( | in it, or ~ in front, it is an expression that is found in the whole path.", group_entry_check },
    { "cmdline", KNOB_LIST(struct sensors_group_conf, cmdline), "", "0..16", CONF_LIVE,
      "Each of these extended regular expressions is found in its arguments, parted by blanks; (?P<x>...) names a part for the group's name. Where comm, exe and cmdline name the same programs in the same order, comm and exe by expressions, one of them is enough.", group_pattern_check },
};

const struct conf_section sensor_groups_section = { .path = "sensor_groups", .knobs = group_knobs, .count = COUNT(group_knobs),
    .size = sizeof(struct sensors_group_conf), .shape = CONF_ITEMS, .instances_max = SENSOR_GROUPS_CONF_MAX, .flags = CONF_LIVE, .name_at = CONF_NO_NAME,
    .why = "Groups of processes, as process-exporter's process_names: the first that matches wins, all that it gives must match, and who matches none is `other`. Without any, each process by its name." };

static const struct conf_knob probe_knobs[] = {
    { "kind",     KNOB_CHOICE(struct probe_conf, kind),       "tcp", "tcp|dns|http", CONF_LIVE, "How to ask: open a connection, look a name up, or get a page." },
    { "target",   KNOB_TEXT(struct probe_conf, target),       NULL,  "1..1000",      CONF_LIVE, "tcp: host:port. dns: a name. http: http://host[:port]/path or https://..." },
    { "interval", KNOB_TIME(struct probe_conf, interval_us),  "30s", "1s..1h",       CONF_LIVE, "How often." },
    { "timeout",  KNOB_TIME(struct probe_conf, timeout_us),   "5s",  "100ms..60s",   CONF_LIVE, "When it counts as a failure." },
};

static void probe_check(const void *instance, struct conf_checker *c)
{
    const struct probe_conf *p   = instance;
    struct fault             why = { 0 };
    if (probe_target_check((enum probe_kind)p->kind, p->target, &why) != OK)
        conf_refuse(c, "target", "", "%s", why.text);
    if (p->timeout_us > p->interval_us)
        conf_refuse(c, "timeout", "Make it shorter than the interval.", "a probe that may take longer than its interval");
}

const struct conf_section probes_section = { .path = "probes", .knobs = probe_knobs, .count = COUNT(probe_knobs), .size = sizeof(struct probe_conf),
    .shape = CONF_MAP, .instances_max = PROBES_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct probe_conf, name), .check = probe_check,
    .why = "What is asked from outside whether it answers: connections, names, pages." };
