/* wire/syslog_frames.c - where one message ends and the next begins in a stream (RFC 6587): counted octets, or lines. */
#include "wire/syslog.h"

enum { MAX_DEFAULT = 64 * 1024 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Of what lies at the beginning: how many digits, and whether more bytes are needed to decide. */
static enum syslog_framing decide(struct slice in, bool end)
{
    size_t n = 0;
    if (in.n && in.s[0] >= '1' && in.s[0] <= '9')
        while (n < in.n && n <= SYSLOG_OCTETS_MAX && is_digit(in.s[n]))
            n++;
    if (n == 0)
        return in.n ? SYSLOG_LINES : SYSLOG_UNDECIDED;
    if (n > SYSLOG_OCTETS_MAX)
        return SYSLOG_LINES;
    if (in.n < n + 2 && !end && (in.n == n || in.s[n] == ' '))
        return SYSLOG_UNDECIDED;
    return in.n >= n + 2 && in.s[n] == ' ' && in.s[n + 1] == '<' ? SYSLOG_OCTETS : SYSLOG_LINES;
}

/* The first LF or NUL; NULL: none. */
static const char *line_end(struct slice in)
{
    const char *lf = memchr(in.s, '\n', in.n), *nul = memchr(in.s, '\0', lf ? (size_t)(lf - in.s) : in.n);
    return nul ? nul : lf;
}

/* Behind the end of a line that was cut. */
static struct slice rest_skip(struct syslog_frames *f, struct slice in, size_t *used)
{
    if (!f->skipping)
        return in;
    const char *stop = in.n ? line_end(in) : NULL;
    size_t      gone = stop ? (size_t)(stop - in.s) + 1 : in.n;
    f->skipping = !stop;
    *used += gone;
    return (struct slice){ in.s + gone, in.n - gone };
}

static bool next_line(struct syslog_frames *f, struct slice in, size_t max, bool end, struct slice *message, size_t *used)
{
    in = rest_skip(f, in, used);
    if (!in.n)
        return false;
    struct slice look = { in.s, in.n > max + 1 ? max + 1 : in.n };
    const char  *stop = line_end(look);
    size_t       n = stop ? (size_t)(stop - in.s) : in.n;
    if (!stop && in.n > max) {
        n = max;
        f->cut++;
        f->skipping = true;
        *used += n;
    } else if (stop || end)
        *used += n + (stop != NULL);
    else
        return false;
    *message = (struct slice){ in.s, n };
    if (stop && n && in.s[n - 1] == '\r')
        message->n--;
    return true;
}

static bool next_counted(struct syslog_frames *f, struct slice in, size_t max, bool end, struct slice *message, size_t *used, enum err *e, struct fault *fault)
{
    in = rest_skip(f, in, used);
    size_t gone = f->skip < in.n ? f->skip : in.n, at = gone;
    f->skip -= gone;
    if (!f->skip)
        while (at < in.n && in.s[at] == '\n')       /* some end a counted message with a line's end as well */
            at++;
    *used += at;
    in = (struct slice){ in.s + at, in.n - at };
    if (f->skip || !in.n)
        return false;
    if (in.s[0] == '<')
        return next_line(f, in, max, end, message, used);
    size_t digits = 0, length = 0;
    while (digits < in.n && digits <= SYSLOG_OCTETS_MAX && is_digit(in.s[digits]))
        length = length * 10 + (size_t)(in.s[digits++] - '0');
    bool short_of = digits == in.n && digits <= SYSLOG_OCTETS_MAX && in.s[0] != '0';
    if (short_of && !end)
        return false;
    if (digits == 0 || digits > SYSLOG_OCTETS_MAX || in.s[0] == '0' || digits == in.n || in.s[digits] != ' ') {
        *e = fail(fault, ERR_INPUT, "the length of a syslog message is expected: the framing is lost");
        return false;
    }
    size_t head = digits + 1, have = in.n - head, want = length < max ? length : max;
    if (have < want && !end)
        return false;
    if (have < want)
        want = have;
    *message = (struct slice){ in.s + head, want };
    *used += head + want;
    f->cut += want < length;
    f->skip = length - want;
    return true;
}

bool syslog_frame_next(struct syslog_frames *f, struct slice in, bool end, struct slice *message, size_t *used, enum err *e, struct fault *fault)
{
    size_t max = f->max ? f->max : MAX_DEFAULT;
    *used = 0;
    *e = OK;
    if (f->framing == SYSLOG_UNDECIDED)
        f->framing = decide(in, end);
    if (f->framing == SYSLOG_UNDECIDED)
        return false;
    return f->framing == SYSLOG_LINES ? next_line(f, in, max, end, message, used) : next_counted(f, in, max, end, message, used, e, fault);
}
