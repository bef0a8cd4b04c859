/*
 * wire/syslog.c - RFC 5424 by its grammar, RFC 3164 by what is seen in the wild: the year is missing, the host may be, so may the PRI.
 */
#include "wire/syslog.h"

static const char *const severities[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };
static const char *const facilities[] = { "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert",
                                          "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" };

int syslog_severity_number(int severity)
{
    static const int numbers[] = { 21, 19, 18, 17, 13, 10, 9, 5 };
    return severity >= 0 && severity <= 7 ? numbers[severity] : 0;
}

const char *syslog_severity_name(int severity) { return severity >= 0 && severity <= 7 ? severities[severity] : ""; }
const char *syslog_facility_name(int facility) { return facility >= 0 && facility <= 23 ? facilities[facility] : ""; }

/* ---- times ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool day_exists(int64_t year, int month, int day)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

/* Exactly n digits. */
static bool digits(const char **p, const char *end, int n, int *value)
{
    int v = 0;
    if (end - *p < n)
        return false;
    for (int i = 0; i < n; i++) {
        if (!is_digit((*p)[i]))
            return false;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += n;
    *value = v;
    return true;
}

static bool letter(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    ++*p;
    return true;
}

/* hh:mm:ss[.fraction]; a leap second is the second after :59. */
static bool clock_time(const char **at, const char *end, int64_t *us)
{
    const char *p = *at;
    int         h, m, s;
    if (!digits(&p, end, 2, &h) || !letter(&p, end, ':') || !digits(&p, end, 2, &m) || !letter(&p, end, ':') || !digits(&p, end, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    int64_t fraction = 0;
    if (end - p >= 2 && (*p == '.' || *p == ',') && is_digit(p[1])) {
        int64_t unit = 100000;
        for (p++; p < end && is_digit(*p); p++, unit /= 10)
            fraction += unit * (*p - '0');
    }
    *us = ((int64_t)h * 3600 + m * 60 + s) * 1000000 + fraction;
    *at = p;
    return true;
}

/* 2003-10-11T22:14:15.003Z, or with +02:00. Without a zone only where one need not be: then it is the receiver's. */
static bool iso_time(const char **at, const char *end, const int32_t *local_offset, int64_t *time_us)
{
    const char *p = *at;
    int         year, month, day, h, m;
    int64_t     us, offset = 0;
    if (!digits(&p, end, 4, &year) || !letter(&p, end, '-') || !digits(&p, end, 2, &month) || !letter(&p, end, '-') || !digits(&p, end, 2, &day))
        return false;
    if (!letter(&p, end, 'T') && !(local_offset && letter(&p, end, ' ')))
        return false;
    if (!clock_time(&p, end, &us) || !day_exists(year, month, day))
        return false;
    if (p < end && (*p == '+' || *p == '-')) {
        bool minus = *p++ == '-';
        if (!digits(&p, end, 2, &h))
            return false;
        bool colon = letter(&p, end, ':');
        if ((!colon && !local_offset) || !digits(&p, end, 2, &m) || h > 23 || m > 59)
            return false;
        offset = (minus ? -1 : 1) * (int64_t)(h * 3600 + m * 60);
    } else if (!letter(&p, end, 'Z')) {
        if (!local_offset)
            return false;
        offset = *local_offset;
    }
    *time_us = days_of(year, month, day) * 86400 * 1000000 + us - offset * 1000000;
    *at = p;
    return true;
}

/* " UTC" or " GMT", as network devices add it; other zones say nothing certain, and may be the name of a host. */
static bool zone_utc(const char **at, const char *end)
{
    const char *p = *at;
    if (end - p < 4 || (memcmp(p, " UTC", 4) != 0 && memcmp(p, " GMT", 4) != 0) || (end - p > 4 && p[4] != ' ' && p[4] != ':'))
        return false;
    *at = p + 4;
    return true;
}

/* "Oct 11 22:14:15", "Oct  1 ...", and with a year before or after the day's time. Without one it is the year that comes nearest to now. */
static bool month_time(const char **at, const char *end, const struct syslog_around *around, int64_t *time_us)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char       *p = *at;
    int               month = 0, day, year = 0;
    int64_t           us;
    if (end - p < 4 || p[3] != ' ')
        return false;
    for (int i = 0; i < 12 && !month; i++)
        if (!memcmp(p, names + 3 * i, 3))
            month = i + 1;
    if (!month)
        return false;
    p += 4;
    while (p < end && *p == ' ' && p - *at < 5)
        p++;
    if (!digits(&p, end, p < end - 1 && is_digit(p[1]) ? 2 : 1, &day) || !letter(&p, end, ' '))
        return false;
    const char *before = p;
    if (!digits(&p, end, 4, &year) || !letter(&p, end, ' ')) {
        year = 0;
        p = before;
    }
    if (!clock_time(&p, end, &us))
        return false;
    const char *behind = p;
    int         other;
    if (!year && letter(&behind, end, ' ') && digits(&behind, end, 4, &other) && other >= 1970 && other < 2200 && (behind == end || *behind == ' ')) {
        year = other;
        p = behind;
    }
    int64_t zone = zone_utc(&p, end) ? 0 : (int64_t)around->utc_offset_s * 1000000, best = 0, nearest = INT64_MAX;
    if (year) {
        if (!day_exists(year, month, day))
            return false;
        best = days_of(year, month, day) * 86400 * 1000000 + us - zone;
        nearest = 0;
    } else {
        int64_t now_year = 1970 + around->now_us / (INT64_C(31556952) * 1000000);
        for (int64_t y = now_year - 1; y <= now_year + 1; y++) {
            if (!day_exists(y, month, day))
                continue;
            int64_t t = days_of(y, month, day) * 86400 * 1000000 + us - zone, away = t > around->now_us ? t - around->now_us : around->now_us - t;
            if (away < nearest) {
                nearest = away;
                best = t;
            }
        }
    }
    if (nearest == INT64_MAX)
        return false;
    *time_us = best;
    *at = p;
    return true;
}

/* ---- pieces ---- */

static bool read_pri(const char **at, const char *end, struct syslog_message *m)
{
    const char *p = *at;
    int         v = 0, n = 0;
    if (!letter(&p, end, '<'))
        return false;
    for (; p < end && is_digit(*p) && n < 4; p++, n++)
        v = v * 10 + (*p - '0');
    if (!n || n > 3 || v > 191 || !letter(&p, end, '>'))
        return false;
    m->facility = v / 8;
    m->severity = v % 8;
    *at = p;
    return true;
}

/* Printable ASCII up to a space, which is passed; "-" is empty. false: there is none, or no space after it. */
static bool header_word(const char **at, const char *end, struct slice *word)
{
    const char *p = *at;
    while (p < end && *p > ' ' && *p < 0x7f)
        p++;
    if (p == *at || p == end || *p != ' ')
        return false;
    *word = (struct slice){ *at, (size_t)(p - *at) };
    if (word->n == 1 && *word->s == '-')
        *word = (struct slice){ NULL, 0 };
    *at = p + 1;
    return true;
}

static struct slice sd_name(const char **at, const char *end)
{
    const char *p = *at;
    while (p < end && *p > ' ' && *p < 0x7f && *p != '=' && *p != ']' && *p != '"')
        p++;
    struct slice s = { *at, (size_t)(p - *at) };
    *at = p;
    return s;
}

static struct slice sd_unescape(struct syslog_message *m, struct slice s)
{
    if (s.n > sizeof m->scratch - m->scratch_n)
        return s;
    char  *to = m->scratch + m->scratch_n;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\\' && i + 1 < s.n && (s.s[i + 1] == '"' || s.s[i + 1] == '\\' || s.s[i + 1] == ']'))
            i++;
        to[n++] = s.s[i];
    }
    m->scratch_n += n;
    return (struct slice){ to, n };
}

static void sd_keep(struct syslog_message *m, struct syslog_pair pair)
{
    if (m->pairs_n < SYSLOG_PAIRS_MAX)
        m->pair[m->pairs_n++] = pair;
    else
        m->pairs_lost++;
}

/* "-" or [id name="value" ...]...; false: it is not that, and there are no pairs. */
static bool structured_data(const char **at, const char *end, struct syslog_message *m)
{
    const char *p = *at;
    if (letter(&p, end, '-')) {
        *at = p;
        return true;
    }
    if (p == end || *p != '[')
        return false;
    while (letter(&p, end, '[')) {
        struct slice id = sd_name(&p, end);
        bool         any = false;
        if (!id.n)
            goto no;
        while (letter(&p, end, ' ')) {
            while (p < end && *p == ' ')
                p++;
            if (p < end && *p == ']')
                break;
            struct slice name = sd_name(&p, end);
            if (!name.n || !letter(&p, end, '=') || !letter(&p, end, '"'))
                goto no;
            const char *begin = p;
            bool        escaped = false;
            for (; p < end && *p != '"'; p++)
                if (*p == '\\') {
                    escaped = true;
                    if (++p == end)
                        goto no;
                }
            struct slice value = { begin, (size_t)(p - begin) };
            if (!letter(&p, end, '"'))
                goto no;
            sd_keep(m, (struct syslog_pair){ id, name, escaped ? sd_unescape(m, value) : value });
            any = true;
        }
        if (!letter(&p, end, ']'))
            goto no;
        if (!any)
            sd_keep(m, (struct syslog_pair){ .id = id });
    }
    *at = p;
    return true;
no:
    m->pairs_n = m->pairs_lost = m->scratch_n = 0;
    return false;
}

/* ---- the two forms; p stands behind the PRI ---- */

static void text_is(struct syslog_message *m, const char *p, const char *end) { m->text = (struct slice){ p, (size_t)(end - p) }; }

static void read_5424(const char *p, const char *end, struct syslog_message *m)
{
    struct slice none;
    const char  *begin = p;
    m->form = SYSLOG_5424;
    if (end - p >= 2 && p[0] == '-' && p[1] == ' ')
        p += 2;
    else if (!iso_time(&p, end, NULL, &m->time_us) || !letter(&p, end, ' ')) {
        m->time_us = 0;
        p = begin;
        /* A time that is not one is still a word: what stands behind it can be read. */
        m->odd = true;
        if (!header_word(&p, end, &none)) {
            text_is(m, begin, end);
            return;
        }
    }
    begin = p;
    if (!header_word(&p, end, &m->host) || !header_word(&p, end, &m->app) || !header_word(&p, end, &m->procid) || !header_word(&p, end, &m->msgid)) {
        m->odd = true;
        m->host = m->app = m->procid = m->msgid = (struct slice){ NULL, 0 };
        text_is(m, begin, end);
        return;
    }
    begin = p;
    if (!structured_data(&p, end, m) || (p < end && *p != ' ')) {
        m->odd = true;
        m->pairs_n = m->pairs_lost = 0;
        text_is(m, begin, end);
        return;
    }
    p += p < end;
    if (end - p >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) {
        m->bom = true;
        p += 3;
    }
    text_is(m, p, end);
}

/* "app[pid]: " or "app: "; false: the text does not begin so. sure: only with [pid]. */
static bool read_tag(const char **at, const char *end, bool sure, struct syslog_message *m)
{
    const char *p = *at;
    while (p < end && *p > ' ' && *p < 0x7f && *p != ':' && *p != '[')
        p++;
    struct slice app = { *at, (size_t)(p - *at) }, pid = { NULL, 0 };
    if (!app.n || app.n > 48 || p == end)
        return false;
    if (*p == '[') {
        const char *begin = ++p;
        while (p < end && *p > ' ' && *p != ']')
            p++;
        pid = (struct slice){ begin, (size_t)(p - begin) };
        if (!letter(&p, end, ']'))
            return false;
        (void)letter(&p, end, ':');
    } else if (sure || !letter(&p, end, ':'))
        return false;
    if (p < end && *p != ' ')
        return false;
    m->app = app;
    m->procid = pid;
    *at = p + (p < end);
    return true;
}

static void read_3164(const char *p, const char *end, const struct syslog_around *around, bool has_pri, struct syslog_message *m)
{
    const char *begin = p;
    while (p < end && *p == ' ')
        p++;
    m->form = SYSLOG_3164;
    bool timed = month_time(&p, end, around, &m->time_us) || iso_time(&p, end, &around->utc_offset_s, &m->time_us);
    if (timed && p < end && *p == ':' )       /* as some routers write it */
        p++;
    if (timed && (p == end || *p == ' ')) {
        p += p < end;
        while (p < end && *p == ' ')
            p++;
        /* The host is a word that is not a tag. */
        const char *q = p;
        while (q < end && *q > ' ' && *q < 0x7f && *q != '[' && !(*q == ':' && (q + 1 == end || q[1] == ' ')))
            q++;
        if (q > p && q < end && *q == ' ') {
            m->host = (struct slice){ p, (size_t)(q - p) };
            for (p = q; p < end && *p == ' ';)
                p++;
        }
        (void)read_tag(&p, end, false, m);
        text_is(m, p, end);
        return;
    }
    m->time_us = 0;
    p = begin;
    if (!has_pri)
        m->form = SYSLOG_BARE;
    else
        (void)read_tag(&p, end, true, m);
    text_is(m, p, end);
}

/* What RFC 5424 has behind its version: a time, be it one that is wrong, or none. A text may begin with a number as well: "5 minutes have passed". */
static bool begins_5424(const char *p, const char *end, int version)
{
    int year;
    return digits(&p, end, 4, &year) ? letter(&p, end, '-') : version == 1 && letter(&p, end, '-') && letter(&p, end, ' ');
}

void syslog_read(struct slice in, const struct syslog_around *around, struct syslog_message *m)
{
    memset(m, 0, offsetof(struct syslog_message, pair));
    m->facility = m->severity = -1;
    const char *p = in.n ? in.s : "", *end = p + in.n;
    if (end > p && (end[-1] == '\n' || end[-1] == '\0'))
        end -= end - p >= 2 && end[-1] == '\n' && end[-2] == '\r' ? 2 : 1;
    bool        has_pri = read_pri(&p, end, m);
    const char *q = p;
    int         version = 0;
    while (has_pri && q < end && is_digit(*q) && q - p < 3)
        version = version * 10 + (*q++ - '0');
    if (version > 0 && *p != '0' && letter(&q, end, ' ') && begins_5424(q, end, version))
        read_5424(q, end, m);
    else
        read_3164(p, end, around, has_pri, m);
}
