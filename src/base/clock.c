/* base/clock.c - the machine's clocks, a manual one, and RFC 3339. */
#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int64_t real_wall(void *ctx) { (void)ctx; return read_clock(CLOCK_REALTIME); }
static int64_t real_mono(void *ctx) { (void)ctx; return read_clock(CLOCK_MONOTONIC); }

const struct clock clock_real = { real_wall, real_mono, NULL };

static int64_t manual_wall(void *ctx) { return ((const struct clock_manual *)ctx)->wall_us; }
static int64_t manual_mono(void *ctx) { return ((const struct clock_manual *)ctx)->mono_us; }

struct clock clock_manual_of(struct clock_manual *m)
{
    return (struct clock){ manual_wall, manual_mono, m };
}

char *clock_format(int64_t wall_us, char *out, size_t size)
{
    int64_t   rest = (wall_us % US_PER_S + US_PER_S) % US_PER_S;      /* before 1970 the second began below zero */
    time_t    s = (time_t)((wall_us - rest) / US_PER_S);
    struct tm t;
    if (!gmtime_r(&s, &t)) {
        (void)snprintf(out, size, "1970-01-01T00:00:00.000Z");
        return out;
    }
    (void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                   t.tm_hour, t.tm_min, t.tm_sec, (int)(rest / US_PER_MS));
    return out;
}

static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

int64_t clock_parse(const char *text)
{
    struct tm t = { 0 };
    int       used = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &used) != 6 || used == 0)
        return -1;
    if (t.tm_year < 0 || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > days_of(t.tm_year, t.tm_mon) || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 ||
        t.tm_sec < 0 || t.tm_sec > 60)
        return -1;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    const char *p = text + used;
    int64_t     us = 0;
    if (*p == '.') {
        int64_t unit = US_PER_S / 10;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            us += (*p - '0') * unit;
    }
    int64_t offset_s = 0;
    if (*p == '+' || *p == '-') {
        int h = 0, m = 0, n = 0;
        /* +05:30, and as date(1) has it by default, +0530 */
        if ((sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 && sscanf(p + 1, "%2d%2d%n", &h, &m, &n) != 2) || p[1 + n] != '\0' || h < 0 || h > 23 || m < 0 || m > 59)
            return -1;
        offset_s = (h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
    } else if (strcmp(p, "Z") != 0 && strcmp(p, "z") != 0) {
        return -1;
    }
    return ((int64_t)timegm(&t) - offset_s) * US_PER_S + us;
}
