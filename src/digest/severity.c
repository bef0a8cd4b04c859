/* digest/severity.c - levels of plain lines. */
#include "digest/severity.h"

#include <stdint.h>

enum { TRACE = 1, DEBUG = 5, INFO = 9, NOTICE = 10, WARN = 13, ERROR = 17, CRITICAL = 18, ALERT = 19, FATAL = 21, EMERGENCY = 22 };

static const struct level { const char *name; int severity; } levels[] = {
    { "trace", TRACE }, { "finest", TRACE }, { "finer", TRACE },
    { "debug", DEBUG }, { "dbg", DEBUG }, { "fine", DEBUG }, { "verbose", DEBUG },
    { "debug1", DEBUG }, { "debug2", DEBUG }, { "debug3", DEBUG }, { "debug4", DEBUG }, { "debug5", DEBUG },
    { "info", INFO }, { "inf", INFO }, { "information", INFO }, { "informational", INFO }, { "log", INFO }, { "statement", INFO },
    { "notice", NOTICE }, { "note", NOTICE },
    { "warn", WARN }, { "warning", WARN }, { "wrn", WARN },
    { "error", ERROR }, { "err", ERROR }, { "eror", ERROR }, { "severe", ERROR }, { "failure", ERROR },
    { "critical", CRITICAL }, { "crit", CRITICAL },
    { "alert", ALERT },
    { "fatal", FATAL }, { "panic", FATAL }, { "dpanic", CRITICAL }, { "ftl", FATAL },
    { "emerg", EMERGENCY }, { "emergency", EMERGENCY },
};

static const struct level letters[] = {
    { "t", TRACE }, { "d", DEBUG }, { "v", DEBUG }, { "i", INFO }, { "n", NOTICE }, { "w", WARN }, { "e", ERROR }, { "c", CRITICAL }, { "f", FATAL },
};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool same_word(struct slice a, const char *lower_case)
{
    size_t i = 0;
    for (; i < a.n && lower_case[i]; i++)
        if (lower(a.s[i]) != lower_case[i])
            return false;
    return i == a.n && !lower_case[i];
}

/* The first letters of all names above. */
static bool may_begin(char c)
{
    return c && strchr("acdefilnpstvw", c);
}

static int of_table(const struct level *table, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (lower(name.s[0]) == *table[i].name && same_word(name, table[i].name))
            return table[i].severity;
    return 0;
}

static int of_word(struct slice name)
{
    return name.n < 3 || name.n > 13 || !may_begin(lower(name.s[0])) ? 0 : of_table(levels, sizeof levels / sizeof *levels, name);
}

/* OpenTelemetry's TRACE2 to FATAL4. */
static int of_numbered(struct slice name)
{
    static const char *const base[] = { "trace", "debug", "info", "warn", "error", "fatal" };
    struct slice             word = { name.s, name.n - 1 };
    char                     digit = name.s[name.n - 1];
    for (size_t i = 0; digit >= '1' && digit <= '4' && i < sizeof base / sizeof *base; i++)
        if (same_word(word, base[i]))
            return (int)(4 * i) + 1 + digit - '1';
    return 0;
}

static bool is_frame(char c) { return c && strchr(" \t[]<>():", c); }

int severity_of_name(struct slice name)
{
    while (name.n && is_frame(name.s[0]))
        name.s++, name.n--;
    while (name.n && is_frame(name.s[name.n - 1]))
        name.n--;
    int found = name.n > 4 && name.n < 7 ? of_numbered(name) : 0;
    if (found)
        return found;
    return name.n == 1 ? of_table(letters, sizeof letters / sizeof *letters, name) : of_word(name);
}

/* <0> to <191>, and perhaps the version behind it. */
static int of_priority(struct slice line)
{
    static const int of[8] = { EMERGENCY, ALERT, CRITICAL, ERROR, WARN, NOTICE, INFO, DEBUG };
    unsigned         n = 0;
    size_t           i = 1;
    if (line.n < 3 || line.s[0] != '<')
        return 0;
    for (; i < line.n && i < 4 && is_digit(line.s[i]); i++)
        n = n * 10 + (unsigned)(line.s[i] - '0');
    return i > 1 && i < line.n && line.s[i] == '>' && n < 192 ? of[n & 7] : 0;
}

/* E0101 10:11:12: the month and day, then a time. */
static int of_klog(struct slice line)
{
    static const char shape[] = "L0000 00:00:00";
    if (line.n < sizeof shape - 1)
        return 0;
    for (size_t i = 1; i < sizeof shape - 1; i++)
        if (shape[i] == '0' ? !is_digit(line.s[i]) : line.s[i] != shape[i])
            return 0;
    return memchr("DIWEF", line.s[0], 5) ? severity_of_name((struct slice){ line.s, 1 }) : 0;
}

/* E/Tag(12): and E/Tag: as logcat has it. */
static int of_logcat(struct slice line)
{
    size_t at = 2;
    while (at < line.n && at < 64 && (is_letter(line.s[at]) || is_digit(line.s[at]) || (line.s[at] && strchr("._-$", line.s[at]))))
        at++;
    if (at < 5 || line.s[1] != '/' || !is_letter(line.s[2]))
        return 0;
    if (at < line.n && line.s[at] == '(') {
        for (at++; at < line.n && line.s[at] == ' '; at++)
            ;
        size_t digits = at;
        while (at < line.n && is_digit(line.s[at]))
            at++;
        if (at == digits || at == line.n || line.s[at++] != ')')
            return 0;
    }
    bool ends = at + 1 < line.n && line.s[at] == ':' && line.s[at + 1] == ' ';
    return ends && memchr("VDIWEF", line.s[0], 6) ? severity_of_name((struct slice){ line.s, 1 }) : 0;
}

static bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || (unsigned char)c >= 0x80; }

/* level=error, "severity" : "WARN", lvl: info; at is behind the key. */
static int of_value(struct slice line, size_t at)
{
    if (at < line.n && line.s[at] == '"')
        at++;
    while (at < line.n && line.s[at] == ' ')
        at++;
    if (at == line.n || (line.s[at] != '=' && line.s[at] != ':'))
        return 0;
    at++;
    while (at < line.n && (line.s[at] == ' ' || line.s[at] == '"' || line.s[at] == '\''))
        at++;
    size_t to = at;
    while (to < line.n && in_word(line.s[to]))
        to++;
    struct slice value = { line.s + at, to - at };
    /* pino and bunyan: 10, 20, ... 60 */
    static const int tens[] = { TRACE, DEBUG, INFO, WARN, ERROR, FATAL };
    if (value.n == 2 && value.s[1] == '0' && value.s[0] >= '1' && value.s[0] <= '6')
        return tens[value.s[0] - '1'];
    return severity_of_name(value);
}

static bool is_key(struct slice word)
{
    static const char *const key[] = { "level", "lvl", "severity", "loglevel", "log_level", "levelname", "level_name", "priority", "severity_text", "severitytext",
                                       "error_severity" };
    char c = lower(word.s[0]);
    if (word.n < 3 || word.n > 14 || (c != 'l' && c != 's' && c != 'p' && c != 'e'))
        return false;
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        if (c == *key[i] && same_word(word, key[i]))
            return true;
    return false;
}

/* "@l": of Serilog; "s": of MongoDB, whose lines begin with a time under "t". */
static bool is_short_key(struct slice line, size_t at)
{
    if (at + 1 >= line.n || line.s[at + 1] != '"')
        return false;
    if (line.s[at] == 'l')
        return at > 1 && line.s[at - 1] == '@' && line.s[at - 2] == '"';
    return line.s[at] == 's' && at > 0 && line.s[at - 1] == '"' && line.n > 6 && memcmp(line.s, "{\"t\":{", 6) == 0;
}

static bool is_loud(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!(word.s[i] >= 'A' && word.s[i] <= 'Z') && !is_digit(word.s[i]))
            return false;
    return true;
}

/* A field of a line of separated values, behind one that ends in a digit: when nothing but a time and numbers stand before it, or, as PostgreSQL has it,
   an SQLSTATE follows: ,0,ERROR,42P01, */
static bool is_field(struct slice line, size_t from, size_t to)
{
    char between = to < line.n ? line.s[to] : ' ';
    if (from < 3 || (between != ',' && between != ';') || line.s[from - 1] != between || !is_loud((struct slice){ line.s + from, to - from }))
        return false;
    if (!is_digit(line.s[from - 2]) && !(line.s[from - 2] == 'Z' && is_digit(line.s[from - 3])))
        return false;
    size_t at = to + 1, digits = 0;
    for (; at < line.n && (is_digit(line.s[at]) || (line.s[at] >= 'A' && line.s[at] <= 'Z')); at++)
        digits += is_digit(line.s[at]);
    bool early = true;
    for (size_t i = 0; early && i < from; i++)
        early = !is_letter(line.s[i]) || strchr("TZUC", line.s[i]);
    return early || (at == to + 6 && digits > 1 && at < line.n && line.s[at] == between);
}

/* A level that stands by itself: how far do its surroundings say that it is meant as one? early: only times and numbers stand before it. */
static int of_place(struct slice line, size_t from, size_t to, bool early)
{
    struct slice word = { line.s + from, to - from };
    char         before = from ? line.s[from - 1] : ' ', after = to < line.n ? line.s[to] : ' ';
    bool         bracketed = (before == '[' && (after == ']' || after == ' ')) || (before == '<' && after == '>') ||
                     (before == '(' && after == ')') || (before == '|' && (after == '|' || after == ' '));
    bool         padded = before == '[' && after == ' ' && to + 1 < line.n && (line.s[to + 1] == ' ' || line.s[to + 1] == ']');
    bool         apart = before == ' ' || before == '\t' || before == ']' || before == ')' || before == '|' || before == ':';
    apart |= (before == '\n' || before == '.') && after == ':' && is_loud(word);      /* of java.util.logging; production.ERROR: */
    bool         ends = after == ' ' || after == '\t' || after == ':' || after == ']' || after == '|' || after == ',' || after == '[';
    bool         capital = word.s[0] >= 'A' && word.s[0] <= 'Z';
    if (word.n == 1)
        return capital && ((before == '[' && after == ']') || (apart && (after == ' ' || after == '/') && early)) ? severity_of_name(word) : 0;
    bool         likely = capital || early || after == ':' || bracketed || from == 0;
    int          severity = likely ? of_word(word) : 0;
    if (!severity)
        return 0;
    if (is_field(line, from, to))
        return severity;
    if (same_word(word, "log") || same_word(word, "fine") || same_word(word, "statement") || same_word(word, "note") || same_word(word, "failure"))
        return is_loud(word) && apart && after == ':' ? severity : 0;     /* words of every day */
    if (before == '[' && after == ' ' && !padded && !is_loud(word))
        return 0;
    if (bracketed)
        return severity;
    if (from == 0 && (after == ':' || (is_loud(word) && ends)))
        return severity;
    if (apart && ends && (is_loud(word) || after == ':'))
        return severity;
    return apart && ends && early ? severity : 0;
}

int severity_of_line(struct slice line)
{
    size_t far = 4 * SEVERITY_LOOK_MAX, n = line.n < far ? line.n : far;
    int    found;
    line.n = n;
    if (n == 0)
        return 0;
    if ((found = of_priority(line)) || (found = of_klog(line)) || (found = of_logcat(line)))
        return found;
    int  placed = 0;
    bool digits = false, words = false;       /* before this one: a number; a word longer than Jan, Mon, UTC */
    for (size_t i = 0; i < n;) {
        if (!in_word(line.s[i])) {
            i++;
            continue;
        }
        size_t to = i;
        while (to < n && in_word(line.s[to]))
            to++;
        struct slice word = { line.s + i, to - i };
        if ((word.n == 1 ? is_short_key(line, i) : is_key(word)) && (found = of_value(line, to)))
            return found;
        if (!placed && i < SEVERITY_LOOK_MAX)
            placed = of_place(line, i, to, digits && !words);
        if (placed && ((digits && !words) || is_field(line, i, to)))
            return placed;
        size_t run = 0;
        for (; i < to && i < SEVERITY_LOOK_MAX; i++) {
            run = is_letter(line.s[i]) ? run + 1 : 0;
            words |= run > 3;
            digits |= is_digit(line.s[i]);
        }
        i = to;
    }
    return placed;
}
