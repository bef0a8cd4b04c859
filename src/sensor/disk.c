/* sensor/disk.c - block devices. */
#include "sensor/inside.h"

/* ---- devices ---- */

static const struct disk_column { double scale; struct series_kind kind; } columns[] = {
    { 1,    { "node_disk_reads_completed_total", "device", SERIES_COUNTER, "The total number of reads completed successfully." } },
    { 1,    { "node_disk_reads_merged_total", "device", SERIES_COUNTER, "The total number of reads merged." } },
    { 512,  { "node_disk_read_bytes_total", "device", SERIES_COUNTER, "The total number of bytes read successfully." } },
    { .001, { "node_disk_read_time_seconds_total", "device", SERIES_COUNTER, "The total number of seconds spent by all reads." } },
    { 1,    { "node_disk_writes_completed_total", "device", SERIES_COUNTER, "The total number of writes completed successfully." } },
    { 1,    { "node_disk_writes_merged_total", "device", SERIES_COUNTER, "The number of writes merged." } },
    { 512,  { "node_disk_written_bytes_total", "device", SERIES_COUNTER, "The total number of bytes written successfully." } },
    { .001, { "node_disk_write_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all writes." } },
    { 1,    { "node_disk_io_now", "device", SERIES_GAUGE, "The number of I/Os currently in progress." } },
    { .001, { "node_disk_io_time_seconds_total", "device", SERIES_COUNTER, "Total seconds spent doing I/Os." } },
    { .001, { "node_disk_io_time_weighted_seconds_total", "device", SERIES_COUNTER, "The weighted # of seconds spent doing I/Os." } },
    { 1,    { "node_disk_discards_completed_total", "device", SERIES_COUNTER, "The total number of discards completed successfully." } },
    { 1,    { "node_disk_discards_merged_total", "device", SERIES_COUNTER, "The total number of discards merged." } },
    { 1,    { "node_disk_discarded_sectors_total", "device", SERIES_COUNTER, "The total number of sectors discarded successfully." } },
    { .001, { "node_disk_discard_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all discards." } },
    { 1,    { "node_disk_flush_requests_total", "device", SERIES_COUNTER, "The total number of flush requests completed successfully" } },
    { .001, { "node_disk_flush_requests_time_seconds_total", "device", SERIES_COUNTER, "This is the total number of seconds spent by all flush requests." } },
};
static const struct series_kind info_kind = { "node_disk_info", "device major minor", SERIES_GAUGE, "Info of /sys/block/<block_device>." };

struct disk_state { struct kept file; struct filter out; };

static enum sensed disk_read(struct turn *u, void *state)
{
    struct disk_state *st = state;
    struct slice       text, line;
    enum sensed        is = kept_read(u, &st->file, "/proc/diskstats", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s     = scan_of(line);
        struct slice major = scan_word(&s), minor = scan_word(&s), device = scan_word(&s);
        if (!device.n || !filter_keeps(&st->out, u->conf->disks_exclude, device))
            continue;
        series_put(u->t, &info_kind, SLICE(""), (struct slice[]){ device, major, minor }, 1);
        uint64_t v;
        for (size_t i = 0; i < COUNT(columns) && scan_u64(&s, &v); i++)
            put_1(u, &columns[i].kind, device, (double)v * columns[i].scale);
    }
    return SENSED;
}

static void disk_done(void *state)
{
    struct disk_state *st = state;
    kept_done(&st->file);
    filter_done(&st->out);
}

const struct sensor sensors_disk[] = {
    { "diskstats", 0, sizeof(struct disk_state), disk_read, disk_done, "requests, bytes and time of each block device" },
};
const size_t sensors_disk_count = COUNT(sensors_disk);
