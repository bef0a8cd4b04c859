/*
 * bench/sensors.c - what reading this machine costs: CPU seconds and samples of so many readings, and the memory of it all.
 *
 *     sensors_cost TICKS MILLISECONDS [undivided] [off=NAME...]
 *
 * One line of JSON. undivided: every sensor at every tick, as node_exporter does. off: without this one.
 */
#include "sensor/sensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static enum err count_bytes(void *ctx, const struct record *r, struct fault *fault)
{
    (void)fault;
    *(uint64_t *)ctx += r->body.n;
    return OK;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double rss_mb(void)
{
    long  pages = 0, all = 0;
    FILE *f     = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

int main(int argc, char **argv)
{
    static const struct conf_section *const sections[] = { &sensors_section, &sensor_groups_section };
    struct fault     fault = { 0 };
    struct conf     *conf;
    struct sensors  *s;
    struct text      yaml, text;
    uint64_t         bytes     = 0;
    bool             undivided = false;
    if (argc < 3)
        return 2;
    text_init(&yaml, 4096);
    text_add(&yaml, "sensors:\n  interval: 1s\n  off: [");
    for (int i = 3; i < argc; i++)
        if (strncmp(argv[i], "off=", 4) == 0)
            text_printf(&yaml, "%s, ", argv[i] + 4);
        else
            undivided |= strcmp(argv[i], "undivided") == 0;
    text_add(&yaml, "]\n");
    struct sensors_options options = { .clock = &clock_real, .emit = count_bytes, .ctx = &bytes, .undivided = undivided };
    if (conf_load_text("bench", yaml.s, yaml.used, sections, 2, &conf, NULL, &fault) != OK ||
        sensors_new(conf_of(conf, &sensors_section), NULL, 0, &options, &s, &fault) != OK || sensors_tick(s, &fault) != OK) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    struct sensors_counts before, after;
    sensors_count(s, &before);
    double began  = cpu_s();
    bytes         = 0;
    for (int i = 0; i < atoi(argv[1]); i++) {
        usleep((useconds_t)atoi(argv[2]) * 1000);
        if (sensors_tick(s, &fault) != OK)
            return 1;
    }
    double spent = cpu_s() - began;
    sensors_count(s, &after);
    text_init(&text, 16 * 1024 * 1024);
    if (getenv("SENSORS_TEXT"))
        sensors_text(s, &text), fputs(text.s, stderr);
    printf("{\"cpu_s\": %.6f, \"ticks\": %d, \"samples\": %llu, \"series\": %zu, \"processes\": %zu, \"bytes\": %llu, \"rss_mb\": %.2f}\n", spent, atoi(argv[1]),
           (unsigned long long)(after.samples - before.samples), after.series, after.processes, (unsigned long long)bytes, rss_mb());
    sensors_free(s);
    conf_free(conf);
    text_done(&yaml);
    text_done(&text);
    return 0;
}
