/* gate/window.c - weekly windows: read, written, and looked up. */
#include "gate/window.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_US (60 * US_PER_S)
#define DAY_US    (1440 * MINUTE_US)

static const char *const day_names[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static int day_of(const char *s)
{
    for (int i = 0; i < 7; i++)
        if (strncmp(s, day_names[i], 3) == 0)
            return i;
    return -1;
}

static bool parse_days(const char *s, unsigned *days)
{
    *days = 0;
    if (strcmp(s, "daily") == 0) {
        *days = 0x7f;
        return true;
    }
    for (;;) {
        int a = day_of(s), b = a;
        if (a < 0)
            return false;
        s += 3;
        if (*s == '-') {
            if ((b = day_of(s + 1)) < 0)
                return false;
            s += 4;
        }
        for (int d = a;; d = (d + 1) % 7) {
            *days |= 1u << d;
            if (d == b)
                break;
        }
        if (*s == '\0')
            return true;
        if (*s++ != ',')
            return false;
    }
}

/* "hh:mm", up to last minutes. */
static bool parse_clock(const char *s, int last, int *minutes)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? s[i] != ':' : s[i] < '0' || s[i] > '9')
            return false;
    int h = (s[0] - '0') * 10 + s[1] - '0', m = (s[3] - '0') * 10 + s[4] - '0';
    *minutes = h * 60 + m;
    return m < 60 && *minutes <= last;
}

static bool parse_zone(const char *s, int *offset)
{
    int m;
    *offset = 0;
    if (*s == '\0' || strcmp(s, "UTC") == 0 || strcmp(s, "Z") == 0)
        return true;
    if ((*s != '+' && *s != '-') || !parse_clock(s + 1, 14 * 60, &m) || s[6] != '\0')
        return false;
    *offset = *s == '-' ? -m : m;
    return true;
}

enum err week_window_parse(const char *text, struct week_window *w, struct fault *fault)
{
    char days[64] = "", hours[32] = "", zone[32] = "", rest[8] = "";
    struct week_window got = { 0 };
    int  n = sscanf(text, "%63s %31s %31s %7s", days, hours, zone, rest);
    bool good = (n == 2 || n == 3) && parse_days(days, &got.days) && strlen(hours) == 11 && hours[5] == '-' &&
                parse_clock(hours, 1439, &got.from_min) && parse_clock(hours + 6, 1440, &got.to_min) && parse_zone(zone, &got.offset_min);
    if (!good) {
        (void)fail(fault, ERR_INPUT, "\"%.60s\" is not a weekly window", text);
        fail_hint(fault, "write it as days, hours and an offset: mon-fri 02:00-04:00 +01:00, or: daily 22:00-06:00, or: sat,sun 00:00-24:00");
        return ERR_INPUT;
    }
    if (got.to_min == 0)
        got.to_min = 1440;   /* until midnight */
    *w = got;
    return OK;
}

char *week_window_format(const struct week_window *w, char *out, size_t size)
{
    struct text t;
    text_init(&t, 64);
    if (w->days == 0x7f)
        text_add(&t, "daily");
    for (int d = 0; w->days != 0x7f && d < 7; d++)
        if (w->days & (1u << d))
            text_printf(&t, "%s%s", t.used ? "," : "", day_names[d]);
    text_printf(&t, " %02d:%02d-%02d:%02d", w->from_min / 60, w->from_min % 60, w->to_min / 60, w->to_min % 60);
    int a = w->offset_min < 0 ? -w->offset_min : w->offset_min;
    if (a)
        text_printf(&t, " %c%02d:%02d", w->offset_min < 0 ? '-' : '+', a / 60, a % 60);
    (void)text_copy(out, size, t.s);
    text_done(&t);
    return out;
}

int64_t week_window_length_us(const struct week_window *w) { return (w->to_min - w->from_min + (w->to_min <= w->from_min ? 1440 : 0)) * MINUTE_US; }

/* The window that begins on the local day that holds `wall_us` plus `ahead` days; false when it is not one of its days. */
static bool on_day(const struct week_window *w, int64_t wall_us, int ahead, int64_t *opens, int64_t *closes)
{
    int64_t local = wall_us + w->offset_min * MINUTE_US;
    int64_t day = local / DAY_US - (local % DAY_US < 0) + ahead;
    int64_t weekday = ((day + 3) % 7 + 7) % 7;   /* 1970-01-01 was a Thursday */
    *opens = day * DAY_US + (w->from_min - w->offset_min) * MINUTE_US;
    *closes = *opens + week_window_length_us(w);
    return (w->days >> weekday & 1u) != 0;
}

bool week_window_open(const struct week_window *w, int64_t wall_us, int64_t *opens_us, int64_t *closes_us)
{
    for (int ahead = -1; ahead <= 8; ahead++)
        if (on_day(w, wall_us, ahead, opens_us, closes_us) && *closes_us > wall_us)
            return *opens_us <= wall_us;
    *opens_us = *closes_us = INT64_MAX;
    return false;
}

bool week_window_meets(const struct week_window *w, int64_t from_us, int64_t to_us, int64_t *closes_us)
{
    int64_t opens;
    return week_window_open(w, from_us, &opens, closes_us) || opens <= to_us;
}
