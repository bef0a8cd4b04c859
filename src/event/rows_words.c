/*
 * event/rows_words.c - what people write in rows: keys, times, levels. One table and one reading of them for JSON rows and for columns of Arrow.
 */
#include "event/rows.h"

#include "wire/json_pull.h"

#include <string.h>
#include <strings.h>

const struct row_key row_keys[ROW_KEYS] = {
    { "time", ROW_TIME }, { "timestamp", ROW_TIME }, { "ts", ROW_TIME }, { "app", ROW_APP }, { "host", ROW_HOST }, { "name", ROW_NAME }, { "metric", ROW_NAME },
    { "value", ROW_VALUE }, { "message", ROW_MESSAGE }, { "trace_id", ROW_TRACE }, { "level", ROW_LEVEL }, { "labels", ROW_LABELS },
};

/* ---- times ---- */

bool rows_time_number(struct slice text, int64_t *ns)
{
    int64_t n;
    double  d;
    if (number_i64(text, &n)) {
        int64_t size = n < 0 ? -(n + 1) : n;
        int64_t unit = size < INT64_C(100000000000) ? 1000000000 : size < INT64_C(100000000000000) ? 1000000 : size < INT64_C(100000000000000000) ? 1000 : 1;
        return !__builtin_mul_overflow(n, unit, ns);
    }
    if (!number_double(text, false, &d) || d < 0)
        return false;
    d *= d < 1e11 ? 1e9 : d < 1e14 ? 1e6 : d < 1e17 ? 1e3 : 1.0;
    *ns = d < 9.2e18 ? (int64_t)d : 0;
    return d < 9.2e18;
}

static bool two(const char *s, int *n)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return false;
    *n = (s[0] - '0') * 10 + s[1] - '0';
    return true;
}

/* Days since 1970 of a day of the Gregorian calendar; years begin in March, so that the leap day is the last. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, of_era = y % 400, of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int y, int m) { return m == 2 ? 28 + ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0) : 30 + ((m + (m > 7)) & 1); }

bool rows_time(struct slice text, int64_t *ns)
{
    int         c, y, mo, d, h, mi, s, oh = 0, om = 0;
    const char *t = text.s;
    if (text.n < 20 || !two(t, &c) || !two(t + 2, &y) || !two(t + 5, &mo) || !two(t + 8, &d) || !two(t + 11, &h) || !two(t + 14, &mi) || !two(t + 17, &s))
        return false;
    y += 100 * c;
    if (t[4] != '-' || t[7] != '-' || (t[10] != 'T' && t[10] != 't' && t[10] != ' ') || t[13] != ':' || t[16] != ':')
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || s > 60)
        return false;
    size_t  i = 19;
    int64_t fraction = 0, unit = 100000000;
    if (t[i] == '.' || t[i] == ',') {
        size_t from = ++i;
        for (; i < text.n && t[i] >= '0' && t[i] <= '9'; i++, unit /= 10)
            fraction += (t[i] - '0') * unit;
        if (i == from)
            return false;
    }
    if (i >= text.n)
        return false;
    if (t[i] == 'Z' || t[i] == 'z') {
        i++;
    } else {
        if ((t[i] != '+' && t[i] != '-') || text.n - i < 6 || !two(t + i + 1, &oh) || t[i + 3] != ':' || !two(t + i + 4, &om) || oh > 23 || om > 59)
            return false;
        if (t[i] == '-')
            oh = -oh, om = -om;
        i += 6;
    }
    int64_t seconds = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - oh * 3600 - om * 60;
    return i == text.n && !__builtin_mul_overflow(seconds, INT64_C(1000000000), ns) && !__builtin_add_overflow(*ns, fraction, ns);
}

/* ---- levels ---- */

int rows_severity(struct slice level)
{
    static const struct { const char *word; int severity; } words[] = {
        { "trace", 1 }, { "debug", 5 }, { "info", 9 }, { "information", 9 }, { "informational", 9 }, { "notice", 10 }, { "warn", 13 }, { "warning", 13 },
        { "error", 17 }, { "err", 17 }, { "critical", 21 }, { "crit", 21 }, { "alert", 22 }, { "emergency", 24 }, { "emerg", 24 }, { "panic", 24 },
        { "fatal", 21 },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == level.n && strncasecmp(words[i].word, level.s, level.n) == 0)
            return words[i].severity;
    return 0;
}
