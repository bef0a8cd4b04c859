/* sensor/netclass.c - what an interface is and how it stands: /sys/class/net. It seldom changes, so it is read less often. */
#include "sensor/inside.h"

#include <dirent.h>
#include <stdio.h>

static const struct attribute { const char *file; double scale; struct series_kind kind; } attributes[] = {
#define A(file, scale, name, type, help) { file, scale, { "node_network_" name, "device", type, help } }
    A("addr_assign_type",    1,      "address_assign_type",        SERIES_GAUGE,   "Network device property: address_assign_type"),
    A("carrier",             1,      "carrier",                    SERIES_GAUGE,   "Network device property: carrier"),
    A("carrier_changes",     1,      "carrier_changes_total",      SERIES_COUNTER, "Network device property: carrier_changes_total"),
    A("carrier_up_count",    1,      "carrier_up_changes_total",   SERIES_COUNTER, "Network device property: carrier_up_changes_total"),
    A("carrier_down_count",  1,      "carrier_down_changes_total", SERIES_COUNTER, "Network device property: carrier_down_changes_total"),
    A("dev_id",              1,      "device_id",                  SERIES_GAUGE,   "Network device property: device_id"),
    A("dormant",             1,      "dormant",                    SERIES_GAUGE,   "Network device property: dormant"),
    A("flags",               1,      "flags",                      SERIES_GAUGE,   "Network device property: flags"),
    A("ifindex",             1,      "iface_id",                   SERIES_GAUGE,   "Network device property: iface_id"),
    A("iflink",              1,      "iface_link",                 SERIES_GAUGE,   "Network device property: iface_link"),
    A("link_mode",           1,      "iface_link_mode",            SERIES_GAUGE,   "Network device property: iface_link_mode"),
    A("mtu",                 1,      "mtu_bytes",                  SERIES_GAUGE,   "Network device property: mtu_bytes"),
    A("name_assign_type",    1,      "name_assign_type",           SERIES_GAUGE,   "Network device property: name_assign_type"),
    A("netdev_group",        1,      "net_dev_group",              SERIES_GAUGE,   "Network device property: net_dev_group"),
    A("speed",               125000, "speed_bytes",                SERIES_GAUGE,   "Network device property: speed_bytes"),
    A("tx_queue_len",        1,      "transmit_queue_length",      SERIES_GAUGE,   "Network device property: transmit_queue_length"),
    A("type",                1,      "protocol_type",              SERIES_GAUGE,   "Network device property: protocol_type"),
#undef A
};
static const struct series_kind handler_kind = { "node_network_receive_nohandler_total", "device", SERIES_COUNTER, "Network device statistic receive_nohandler." };
static const struct series_kind up_kind      = { "node_network_up", "device", SERIES_GAUGE, "Value is 1 if operstate is 'up', 0 otherwise." };
static const struct series_kind info_kind    = { "node_network_info", "address broadcast device duplex ifalias operstate", SERIES_GAUGE,
    "Non-numeric data from /sys/class/net/<iface>, value is always 1." };

enum { INTERFACES_MAX = 1024 };

static enum sensed attribute(struct turn *u, const char *device, const char *file, struct slice *text)
{
    char        path[160];
    enum sensed is;
    snprintf(path, sizeof path, "/sys/class/net/%.64s/%s", device, file);
    is    = file_once(u, path, text);
    *text = is == SENSED ? slice_trim(*text) : SLICE("");
    return is;
}

static void one_interface(struct turn *u, const char *device, bool traffic)
{
    static const char *const words[] = { "address", "broadcast", "duplex", "ifalias", "operstate" };
    char         copy[COUNT(words)][128], alias[128];
    struct slice text, name = slice_of(device), values[COUNT(words) + 1];
    for (size_t i = 0; i < COUNT(attributes); i++) {
        if (attribute(u, device, attributes[i].file, &text) != SENSED)
            continue;
        double v = slice_number(text);
        if (!isnan(v))
            put_1(u, &attributes[i].kind, name, v * attributes[i].scale);
    }
    if (traffic && attribute(u, device, "statistics/rx_nohandler", &text) == SENSED)
        put_1(u, &handler_kind, name, slice_number(text));
    for (size_t i = 0; i < COUNT(words); i++) {
        (void)attribute(u, device, words[i], &text);
        size_t n = text.n < sizeof copy[i] ? text.n : sizeof copy[i];
        if (n)
            memcpy(copy[i], text.s, n);
        values[i < 2 ? i : i + 1] = (struct slice){ copy[i], n };
    }
    values[2] = name;
    values[4] = slice_clean(values[4], alias, sizeof alias);     /* what somebody wrote */
    series_put(u->t, &info_kind, SLICE(""), values, 1);
    put_1(u, &up_kind, name, slice_is(values[5], "up"));
}

struct class_state { struct filter out; };

static enum sensed class_read(struct turn *u, void *state)
{
    struct class_state *st = state;
    char                path[512];
    size_t              count = 0;
    snprintf(path, sizeof path, "%s/sys/class/net", u->root);
    DIR *folder = opendir(path);
    if (!folder)
        return HERE_NOT;
    for (struct dirent *e; (e = readdir(folder));) {
        if (*e->d_name == '.' || strlen(e->d_name) >= 64)
            continue;
        if (count == INTERFACES_MAX) {
            u->left_out++;
            continue;
        }
        one_interface(u, e->d_name, filter_keeps(&st->out, u->conf->interfaces_exclude, slice_of(e->d_name)));
        count++;
    }
    closedir(folder);
    return count ? SENSED : HERE_NOT;
}

static void class_done(void *state) { filter_done(&((struct class_state *)state)->out); }

const struct sensor sensors_netclass[] = {
    { "netclass", 15, sizeof(struct class_state), class_read, class_done, "what each interface is: up or down, carrier, speed, addresses" },
};
const size_t sensors_netclass_count = COUNT(sensors_netclass);
