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

static const char *line_end(const char *at, const char *end)
{
    const char *to = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return to ? to : end;
}

static const char *skip_indent(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

static bool begins(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - at) >= n && memcmp(at, with, n) == 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Is the line from `at` to `to` a frame of Java, C#, JavaScript, Ruby, PHP, or the head of a goroutine? A cut one is, too. */
static bool is_frame(const char *at, const char *to)
{
    const char *word = skip_indent(at, to);
    bool        indented = word > at;
    if (indented && (begins(word, to, "at ") || (to - word == 2 && memcmp(word, "at", 2) == 0) || begins(word, to, "... ")))
        return true;
    if (indented && begins(word, to, "from ") && memchr(word, ':', (size_t)(to - word)))
        return true;
    if (begins(word, to, "goroutine ") && to - word > 10 && is_digit(word[10]))
        return true;
    return to - word > 2 && *word == '#' && is_digit(word[1]) && (word[2] == ' ' || is_digit(word[2]));
}

/* Of Python: File "x.py", line 3, in f, and what is indented further. Of Go: f(0x1, 0x2) before an indented path. Their end, or `at`. */
static const char *frame_of_two(const char *at, const char *to, const char *end)
{
    const char *word = skip_indent(at, to);
    if (word > at && begins(word, to, "File \"")) {
        for (const char *next = to; next < end; to = next) {
            const char *in = skip_indent(next + 1, end);
            if (in - next - 1 <= word - at || begins(in, end, "File \""))
                break;
            next = line_end(in, end);
        }
        return to;
    }
    const char *next = to < end ? skip_indent(to + 1, end) : end;
    const char *path_end = line_end(next, end);
    if (word > at || to == at || (to[-1] != ')' && !begins(at, to, "created by ")) || next == end || to[1] != '\t')
        return at;
    const char *line = memchr(next, ':', (size_t)(path_end - next));
    return memchr(next, '/', (size_t)(path_end - next)) && line && line + 1 < path_end && (is_digit(line[1]) || line[1] == '/') ? path_end : at;
}

const char *mask_frames(const char *at, const char *end)
{
    while (at < end) {                                       /* at a new line */
        const char *from = at + 1, *to = line_end(from, end);
        bool        empty = skip_indent(from, to) == to && to < end && begins(to + 1, end, "goroutine ");
        if (!empty && !is_frame(from, to)) {
            to = frame_of_two(from, to, end);
            if (to == from)
                break;
        }
        at = to;
    }
    return at;
}
