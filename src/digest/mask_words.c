/* digest/mask_words.c - words and forms with a meaning of their own, wherever they stand. */
#include "digest/mask_inside.h"

bool mask_is_one_of(const char *s, size_t n, const char *list)
{
    for (const char *at = list; *at;) {
        size_t k = strcspn(at, " ");
        if (k == n && memcmp(at, s, n) == 0)
            return true;
        at += k + (at[k] == ' ');
    }
    return false;
}

/* After a number it belongs to it. */
bool mask_is_unit(const char *s, size_t n)
{
    if (n == 0 || n > 8)
        return false;
    switch (*s) {
    case 'B': return n == 1 || mask_is_one_of(s, n, "Bytes");
    case 'K': case 'M': case 'G': case 'T': case 'k': return mask_is_one_of(s, n, "K M G T KB MB GB TB kB kb KiB MiB GiB TiB Kb Mb Gb MHz GHz kHz");
    case 'm': return mask_is_one_of(s, n, "ms msec msecs minute minutes min mins milliseconds micros month months");
    case 's': return mask_is_one_of(s, n, "s sec secs second seconds");
    case 'u': case 'n': return mask_is_one_of(s, n, "us usec usecs ns nsec");
    case 'h': case 'd': return mask_is_one_of(s, n, "h hour hours d day days hrs");
    case 'b': return mask_is_one_of(s, n, "bytes byte bit bits");
    case 'A': case 'P': return mask_is_one_of(s, n, "AM PM");
    case 'U': case 'C': case 'E': return mask_is_one_of(s, n, "UTC CST CET CEST EST EDT CDT");
    default: return false;
    }
}

bool mask_is_month(const char *s, size_t n) { return n == 3 && mask_is_one_of(s, n, "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"); }
bool mask_is_day(const char *s, size_t n) { return n == 3 && mask_is_one_of(s, n, "Mon Tue Wed Thu Fri Sat Sun"); }

bool mask_is_constant(const char *s, size_t n)
{
    switch (n) {
    case 3: return memcmp(s, "nil", 3) == 0 || memcmp(s, "NaN", 3) == 0;
    case 4: return mask_is_one_of(s, n, "true null True TRUE None NULL");
    case 5: return mask_is_one_of(s, n, "false False FALSE");
    default: return false;
    }
}

static bool ends_with(const char *s, size_t n, const char *tail)
{
    size_t k = strlen(tail);
    return n >= k && memcmp(s + n - k, tail, k) == 0;
}

bool mask_says(const char *key, size_t n)
{
    char   lower[24] = "";
    bool   json = n > 2 && *key == '"';
    size_t from = 0;
    if (json)
        key++, n -= 2;
    if (n > sizeof lower)
        return false;
    for (size_t i = 0; i < n; i++) {
        lower[i] = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] + 32) : key[i];
        from = lower[i] == '.' ? i + 1 : from;              /* error.message */
    }
    const char *last = lower + from;
    n -= from;
    return mask_is_one_of(last, n, "event error err reason") || ends_with(last, n, "msg") || ends_with(last, n, "message") ||
           (json && mask_is_one_of(last, n, "log text body detail description exception messagetemplate textpayload @m @mt"));
}

/* ---- requests ---- */

bool mask_is_method(const char *s, size_t n)
{
    return n >= 3 && n <= 8 && mask_is_one_of(s, n, "GET HEAD POST PUT DELETE PATCH OPTIONS CONNECT TRACE PROPFIND");
}

size_t mask_request(const char *s, size_t n)
{
    size_t k = 0;
    while (k < n && k < 9 && s[k] >= 'A' && s[k] <= 'Z')
        k++;
    if (k + 1 >= n || s[k] != ' ' || !mask_is_method(s, k))
        return 0;
    const char *target = s + k + 1, *last = s + n;
    if (*target != '/' && *target != '*' && !memchr(target, ':', n - k - 1))         /* http://a/b, a:443 */
        return 0;
    while (last > target && last[-1] != ' ')
        last--;
    return last == target || (s + n - last > 5 && memcmp(last, "HTTP/", 5) == 0) ? k : 0;
}

/* [22/Nov/2026: */
static bool is_date(const char *s, const char *end)
{
    static const char shape[] = "[00/Mon/0000";
    if (end - s < (ptrdiff_t)sizeof shape)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == '0' ? s[i] < '0' || s[i] > '9' : (shape[i] == '[' || shape[i] == '/') && s[i] != shape[i])
            return false;
    return mask_is_month(s + 4, 3);
}

/* Where the last three fields before `at` begin, or fewer at the begin of the line, or a host and its port before them; NULL: there are not even two. */
static const char *fields_before(const char *begin, const char *at)
{
    size_t fields = 0;
    while (fields < 3 && at > begin && at[-1] == ' ') {
        for (at--; at > begin && at[-1] != ' ' && at[-1] != '\t'; at--)
            ;
        fields++;
    }
    if (fields == 3 && at > begin + 1 && at[-2] >= '0' && at[-2] <= '9' && memchr(begin, ':', (size_t)(at - begin)) && memchr(begin, ' ', (size_t)(at - begin)) == at - 1)
        return begin;
    return fields > 1 ? at : NULL;
}

const char *mask_access(const char *begin, const char *end, const char **when)
{
    const char *far = end - begin > ACCESS_LOOK_MAX ? begin + ACCESS_LOOK_MAX : end;
    for (const char *at = begin; at < far && (at = memchr(at, '[', (size_t)(far - at))); at++) {
        const char *who = is_date(at, end) ? fields_before(begin, at) : NULL;
        const char *to = who ? memchr(at, ']', (size_t)(end - at)) : NULL;
        if (to && end - to >= 3 && to[1] == ' ' && to[2] == '"') {
            *when = at;
            return who;
        }
    }
    return NULL;
}

/* ---- stack traces ---- */

/* In a string of JSON a new line is written \n, a tab \t, a quote \". */
struct trace { const char *end; size_t newline; };           /* how many characters a new line is: 1, or 2 in JSON */

static const char *line_end(const struct trace *t, const char *at)
{
    char first = t->newline == 1 ? '\n' : '\\';
    while (at < t->end && (at = memchr(at, first, (size_t)(t->end - at))) != NULL) {
        if (t->newline == 1 || (at + 1 < t->end && at[1] == 'n'))
            return at;
        at += 2;
    }
    return t->end;
}

static const char *skip_indent(const struct trace *t, const char *at, const char *to)
{
    while (at < to) {
        if (*at == ' ' || *at == '\t' || *at == '\r')
            at++;
        else if (t->newline == 2 && at + 1 < to && *at == '\\' && (at[1] == 't' || at[1] == 'r'))
            at += 2;
        else
            break;
    }
    return at;
}

static bool begins(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - at) >= n && memcmp(at, with, n) == 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_goroutine(const char *at, const char *to) { return begins(at, to, "goroutine ") && to - at > 10 && is_digit(at[10]); }

/* Is the line from `at` to `to` a frame of Java, C#, JavaScript, Ruby, PHP, or the head of a goroutine? A cut one is, too. */
static bool is_frame(const struct trace *t, const char *at, const char *to)
{
    const char *word = skip_indent(t, at, to);
    bool        indented = word > at;
    if (indented && (begins(word, to, "at ") || (to - word == 2 && memcmp(word, "at", 2) == 0) || begins(word, to, "... ")))
        return true;
    if (indented && begins(word, to, "from ") && memchr(word, ':', (size_t)(to - word)))
        return true;
    return is_goroutine(word, to) || (to - word > 2 && *word == '#' && is_digit(word[1]) && (word[2] == ' ' || is_digit(word[2])));
}

static bool is_file(const char *at, const char *to) { return begins(at, to, "File \"") || begins(at, to, "File \\\""); }

/* Of Python: File "x.py", line 3, in f, and what is indented further. Its end. */
static const char *python_frame(const struct trace *t, const char *to, ptrdiff_t indent)
{
    while (to < t->end) {
        const char *next = to + t->newline, *next_end = line_end(t, next), *in = skip_indent(t, next, next_end);
        if (in - next <= indent || is_file(in, next_end))
            break;
        to = next_end;
    }
    return to;
}

/* Of Go: f(0x1, 0x2) before a line with an indented path. The path's end, or `at`. */
static const char *go_frame(const struct trace *t, const char *at, const char *to)
{
    if (to == at || to == t->end || (to[-1] != ')' && !begins(at, to, "created by ")))
        return at;
    const char *next = to + t->newline, *path_end = line_end(t, next), *path = skip_indent(t, next, path_end);
    const char *line = path > next ? memchr(path, ':', (size_t)(path_end - path)) : NULL;
    return line && memchr(path, '/', (size_t)(path_end - path)) && line + 1 < path_end && (is_digit(line[1]) || line[1] == '/') ? path_end : at;
}

const char *mask_frames(const char *at, const char *end, bool json)
{
    struct trace t = { end, json ? 2 : 1 };
    while (at < end) {                                       /* at a new line */
        const char *from = at + t.newline, *to = line_end(&t, from), *word = skip_indent(&t, from, to);
        bool        empty = word == to && to < end && is_goroutine(to + t.newline, end);
        if (word > from && is_file(word, to))
            to = python_frame(&t, to, word - from);
        else if (!empty && !is_frame(&t, from, to))
            to = word == from ? go_frame(&t, from, to) : from;
        if (to == from && !empty)
            break;
        at = to;
    }
    return at;
}
