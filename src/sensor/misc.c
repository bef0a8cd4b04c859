/* sensor/misc.c - the rest of the host: its name, clocks, open files, entropy, temperatures. */
#include "sensor/inside.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

#define G(name, help) { name, "", SERIES_GAUGE, help }

/* ---- open files, entropy ---- */

static const struct series_kind allocated_kind = G("node_filefd_allocated", "File descriptor statistics: allocated.");
static const struct series_kind maximum_kind   = G("node_filefd_maximum", "File descriptor statistics: maximum.");
static const struct series_kind bits_kind      = G("node_entropy_available_bits", "Bits of available entropy.");
static const struct series_kind pool_kind      = G("node_entropy_pool_size_bits", "Bits of entropy pool.");

static void one_file_done(void *state) { kept_done(state); }

static enum sensed filefd_read(struct turn *u, void *state)
{
    struct slice text;
    enum sensed  is = kept_read(u, state, "/proc/sys/fs/file-nr", &text);
    if (is != SENSED)
        return is;
    struct scan s = scan_of(text);
    put(u, &allocated_kind, (double)scan_or_0(&s));
    (void)scan_or_0(&s);
    put(u, &maximum_kind, slice_number(scan_word(&s)));
    return SENSED;
}

static enum sensed entropy_read(struct turn *u, void *state)
{
    struct slice text;
    enum sensed  is = kept_read(u, state, "/proc/sys/kernel/random/entropy_avail", &text);
    if (is != SENSED)
        return is;
    put(u, &bits_kind, slice_number(text));
    if (file_once(u, "/proc/sys/kernel/random/poolsize", &text) == SENSED)
        put(u, &pool_kind, slice_number(text));
    return SENSED;
}

/* ---- who it is ---- */

static const struct series_kind uname_kind = { "node_uname_info", "domainname machine nodename release sysname version", SERIES_GAUGE,
    "Labeled system information as provided by the uname system call." };
static const struct series_kind os_kind = { "node_os_info",
    "build_id id id_like image_id image_version name pretty_name variant variant_id version version_codename version_id", SERIES_GAUGE, "A metric with a constant '1' value labeled by build_id, id, ... of os-release." };
static const struct series_kind os_version_kind = { "node_os_version", "id id_like name", SERIES_GAUGE, "Metric containing the major.minor part of the OS version." };

static enum sensed uname_read(struct turn *u, void *state)
{
    struct utsname n;
    (void)state;
    if (uname(&n) != 0)
        return failed(u, "uname: no answer");
    series_put(u->t, &uname_kind, SLICE(""), (struct slice[]){ slice_of(n.domainname), slice_of(n.machine), slice_of(n.nodename), slice_of(n.release),
        slice_of(n.sysname), slice_of(n.version) }, 1);
    return SENSED;
}

/* "3.18" of "3.18.4". */
static struct slice major_minor(struct slice version)
{
    size_t n = 0, dots = 0;
    for (; n < version.n && ((version.s[n] >= '0' && version.s[n] <= '9') || (version.s[n] == '.' && n && !dots)); n++)
        dots += version.s[n] == '.';
    return (struct slice){ version.s, n && version.s[n - 1] == '.' ? n - 1 : n };
}

static enum sensed os_read(struct turn *u, void *state)
{
    static const char *const keys[] = { "BUILD_ID", "ID", "ID_LIKE", "IMAGE_ID", "IMAGE_VERSION", "NAME", "PRETTY_NAME", "VARIANT", "VARIANT_ID", "VERSION", "VERSION_CODENAME",
        "VERSION_ID" };
    struct slice text, line, value[COUNT(keys)];
    (void)state;
    enum sensed is = file_once(u, "/etc/os-release", &text);
    if (is == HERE_NOT)
        is = file_once(u, "/usr/lib/os-release", &text);
    if (is != SENSED)
        return is;
    for (size_t i = 0; i < COUNT(keys); i++)
        value[i] = SLICE("");
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        const char *equals = line.n ? memchr(line.s, '=', line.n) : NULL;
        for (size_t i = 0; equals && i < COUNT(keys); i++)
            if (slice_is((struct slice){ line.s, (size_t)(equals - line.s) }, keys[i])) {
                value[i] = slice_trim((struct slice){ equals + 1, (size_t)(line.s + line.n - equals - 1) });
                if (value[i].n >= 2 && (*value[i].s == '"' || *value[i].s == '\''))
                    value[i] = (struct slice){ value[i].s + 1, value[i].n - 2 };
            }
    }
    series_put(u->t, &os_kind, SLICE(""), value, 1);
    double version = slice_number(major_minor(value[11]));
    if (!isnan(version))
        series_put(u->t, &os_version_kind, SLICE(""), (struct slice[]){ value[1], value[2], value[5] }, version);
    return SENSED;
}

/* ---- clocks ---- */

static const struct series_kind time_kind      = G("node_time_seconds", "System time in seconds since epoch (1970).");
static const struct series_kind zone_kind      = { "node_time_zone_offset_seconds", "time_zone", SERIES_GAUGE, "System time zone offset in seconds." };
static const struct series_kind available_kind = { "node_time_clocksource_available_info", "clocksource device", SERIES_GAUGE, "Available clocksources read from '/sys/devices/system/clocksource'." };
static const struct series_kind current_kind   = { "node_time_clocksource_current_info", "clocksource device", SERIES_GAUGE, "Current clocksource read from '/sys/devices/system/clocksource'." };

static enum sensed time_read(struct turn *u, void *state)
{
    time_t       now = (time_t)(u->wall_us / 1000000);
    struct tm    local;
    char         zone[32];
    struct slice text, word;
    (void)state;
    put(u, &time_kind, (double)u->wall_us / 1e6);
    if (localtime_r(&now, &local)) {
        size_t n = strftime(zone, sizeof zone, "%Z", &local);       /* not tm_zone, which is the library's, and other threads' */
        put_1(u, &zone_kind, (struct slice){ zone, n }, (double)local.tm_gmtoff);
    }
    if (file_once(u, "/sys/devices/system/clocksource/clocksource0/available_clocksource", &text) == SENSED)
        for (struct scan s = scan_of(slice_trim(text)); (word = scan_word(&s)).n;)
            put_2(u, &available_kind, word, SLICE("0"), 1);
    if (file_once(u, "/sys/devices/system/clocksource/clocksource0/current_clocksource", &text) == SENSED)
        put_2(u, &current_kind, slice_trim(text), SLICE("0"), 1);
    return SENSED;
}

static const struct series_kind timex_kinds[] = {
    G("node_timex_offset_seconds", "Time offset in between local system and reference clock."),
    G("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment."),
    G("node_timex_maxerror_seconds", "Maximum error in seconds."),
    G("node_timex_estimated_error_seconds", "Estimated error in seconds."),
    G("node_timex_status", "Value of the status array bits."),
    G("node_timex_loop_time_constant", "Phase-locked loop time constant."),
    G("node_timex_tick_seconds", "Seconds between clock ticks."),
    G("node_timex_pps_frequency_hertz", "Pulse per second frequency."),
    G("node_timex_pps_jitter_seconds", "Pulse per second jitter."),
    G("node_timex_pps_shift_seconds", "Pulse per second interval duration."),
    G("node_timex_pps_stability_hertz", "Pulse per second stability, average of recent frequency changes."),
    { "node_timex_pps_jitter_total", "", SERIES_COUNTER, "Pulse per second count of jitter limit exceeded events." },
    { "node_timex_pps_calibration_total", "", SERIES_COUNTER, "Pulse per second count of calibration intervals." },
    { "node_timex_pps_error_total", "", SERIES_COUNTER, "Pulse per second count of calibration errors." },
    { "node_timex_pps_stability_exceeded_total", "", SERIES_COUNTER, "Pulse per second count of stability limit exceeded events." },
    G("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset."),
    G("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
};

static enum sensed timex_read(struct turn *u, void *state)
{
    struct timex x = { 0 };
    (void)state;
    int answer = adjtimex(&x);
    if (answer < 0)
        return HERE_NOT;        /* a container may not ask */
    double part = x.status & STA_NANO ? 1e9 : 1e6, ppm = 1e6 * 65536;
    double v[COUNT(timex_kinds)] = { (double)x.offset / part, 1 + (double)x.freq / ppm, (double)x.maxerror / 1e6, (double)x.esterror / 1e6, x.status, (double)x.constant,
        (double)x.tick / 1e6, (double)x.ppsfreq / ppm, (double)x.jitter / part, x.shift, (double)x.stabil / ppm, (double)x.jitcnt, (double)x.calcnt, (double)x.errcnt,
        (double)x.stbcnt, x.tai, answer != TIME_ERROR };
    for (size_t i = 0; i < COUNT(v); i++)
        put(u, &timex_kinds[i], v[i]);
    return SENSED;
}

/* ---- temperatures ---- */

static const struct series_kind zone_temp_kind = { "node_thermal_zone_temp", "type zone", SERIES_GAUGE, "Zone temperature in Celsius" };
static const struct series_kind chip_kind      = { "node_hwmon_chip_names", "chip chip_name", SERIES_GAUGE, "Annotation metric for human-readable chip names" };
static const struct series_kind hwmon_kind     = { "node_hwmon_temp_celsius", "chip sensor", SERIES_GAUGE, "Hardware monitor for temperature (input)" };

enum { ZONES_MAX = 128, CHIPS_MAX = 64, CHIP_TEMPERATURES_MAX = 256 };

static enum sensed thermal_read(struct turn *u, void *state)
{
    char         path[96], type[64], zone[16];
    unsigned     number[ZONES_MAX];
    struct slice text;
    bool         any   = false;
    size_t       count = folder_numbers(u, "/sys/class/thermal", "thermal_zone", "", number, ZONES_MAX);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%u/type", number[i]);
        if (file_once(u, path, &text) != SENSED)
            continue;
        text     = slice_trim(text);
        size_t n = text.n < sizeof type ? text.n : sizeof type;
        memcpy(type, text.s, n);
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%u/temp", number[i]);
        if (file_once(u, path, &text) != SENSED)
            continue;
        int size = snprintf(zone, sizeof zone, "%u", number[i]);
        any      = true;
        put_2(u, &zone_temp_kind, (struct slice){ type, n }, (struct slice){ zone, (size_t)size }, slice_number(text) / 1000);
    }
    return any ? SENSED : HERE_NOT;
}

/* As node_exporter writes names into labels: small letters, digits, colons; the rest is _, and none at the ends. */
static size_t chip_add(char *out, size_t size, size_t at, const char *from, const char *end)
{
    size_t begin = at;
    for (; from < end && at + 1 < size; from++) {
        char c = *from >= 'A' && *from <= 'Z' ? (char)(*from + 32) : *from;
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':';
        if (fine || at > begin)
            out[at++] = fine ? c : '_';
    }
    while (at > begin && out[at - 1] == '_')
        at--;
    out[at] = 0;
    return at;
}

/* A chip is called by its bus and its place there, platform_coretemp_0, which stays when numbers are given in another order; without a device by its name. */
static struct slice chip_of(struct turn *u, unsigned number, struct slice name, char *out, size_t size)
{
    char path[512], real[PATH_MAX];
    snprintf(path, sizeof path, "%s/sys/class/hwmon/hwmon%u/device", u->root, number);
    size_t      n     = 0;
    const char *last  = realpath(path, real) ? strrchr(real, '/') : NULL, *bus = last;
    while (bus && bus > real && bus[-1] != '/')
        bus--;
    if (last) {
        n = chip_add(out, size, 0, bus, last);
        if (n && n + 1 < size)
            out[n++] = '_';
        n = chip_add(out, size, n, last + 1, last + strlen(last));
    }
    if (!n)
        n = chip_add(out, size, 0, name.s, name.s + name.n);
    return (struct slice){ out, n };
}

static bool one_chip(struct turn *u, unsigned c)
{
    char         path[96], name[64], folder[64], chip[192], sensor[24];
    unsigned     number[CHIP_TEMPERATURES_MAX];
    struct slice text;
    snprintf(path, sizeof path, "/sys/class/hwmon/hwmon%u/name", c);
    text     = file_once(u, path, &text) == SENSED ? slice_trim(text) : SLICE("");
    size_t n = text.n < sizeof name ? text.n : sizeof name;
    if (n)
        memcpy(name, text.s, n);
    struct slice called = chip_of(u, c, (struct slice){ name, n }, chip, sizeof chip);
    snprintf(folder, sizeof folder, "/sys/class/hwmon/hwmon%u", c);
    size_t count = called.n ? folder_numbers(u, folder, "temp", "_input", number, CHIP_TEMPERATURES_MAX) : 0;
    bool   any   = false;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/temp%u_input", folder, number[i]);
        if (file_once(u, path, &text) != SENSED)
            continue;
        int size = snprintf(sensor, sizeof sensor, "temp%u", number[i]);
        any      = true;
        put_2(u, &hwmon_kind, called, (struct slice){ sensor, (size_t)size }, slice_number(text) / 1000);
    }
    if (any && n)
        put_2(u, &chip_kind, called, (struct slice){ name, n }, 1);
    return any;
}

static enum sensed hwmon_read(struct turn *u, void *state)
{
    unsigned number[CHIPS_MAX];
    bool     any   = false;
    size_t   count = folder_numbers(u, "/sys/class/hwmon", "hwmon", "", number, CHIPS_MAX);
    (void)state;
    for (size_t i = 0; i < count; i++)
        any |= one_chip(u, number[i]);
    return any ? SENSED : HERE_NOT;
}

/* ---- SELinux ---- */

static const struct series_kind selinux_kind = G("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false");
static const struct series_kind enforce_kind = G("node_selinux_current_mode", "Current SELinux enforcement mode");

static enum sensed selinux_read(struct turn *u, void *state)
{
    struct slice text;
    (void)state;
    bool enabled = file_once(u, "/sys/fs/selinux/enforce", &text) == SENSED;
    put(u, &selinux_kind, enabled);
    if (enabled)
        put(u, &enforce_kind, slice_number(text));
    return SENSED;
}

const struct sensor sensors_misc[] = {
    { "filefd",  0,  sizeof(struct kept), filefd_read,  one_file_done, "open files of the whole machine" },
    { "entropy", 15, sizeof(struct kept), entropy_read, one_file_done, "entropy" },
    { "uname",   60, 0,                   uname_read,   NULL,          "the kernel and the machine's name" },
    { "os",      60, 0,                   os_read,      NULL,          "the distribution" },
    { "time",    0,  0,                   time_read,    NULL,          "the clock, its zone and source" },
    { "timex",   0,  0,                   timex_read,   NULL,          "how well the clock is kept" },
    { "thermal", 15, 0,                   thermal_read, NULL,          "temperatures of the zones" },
    { "hwmon",   15, 0,                   hwmon_read,   NULL,          "temperatures of chips" },
    { "selinux", 60, 0,                   selinux_read, NULL,          "SELinux" },
};
const size_t sensors_misc_count = COUNT(sensors_misc);
