/* receive/http1.c - see http1.h. A head is read line by line; a line that lies whole in the input is read where it is. */
#include "receive/http1.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum http1_event bad(struct http1 *p, int status, const char *why)
{
    p->at = HTTP1_AT_BAD;
    p->status = status;
    p->why = why;
    return HTTP1_BAD;
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char((unsigned char)s.s[i]))
            return false;
    return s.n > 0;
}

static bool same_word(struct slice s, const char *word) { return s.n == strlen(word) && strncasecmp(s.s, word, s.n) == 0; }

static struct slice trimmed(struct slice s)
{
    while (s.n && (*s.s == ' ' || *s.s == '\t'))
        s.s++, s.n--;
    while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Fill p->line from in up to a line's end. OK: *line is it, without CRLF. */
static enum http1_event line_take(struct http1 *p, struct slice *in, size_t max, struct slice *line)
{
    const char *end = in->n ? memchr(in->s, '\n', in->n) : NULL;
    size_t      n = end ? (size_t)(end - in->s) + 1 : in->n;
    if (n > max || p->line_n + n > max)
        return bad(p, 431, "the head of the request is too large");
    if (p->line_n || !end) {
        if (!p->line && !(p->line = malloc(p->head_max)))
            return bad(p, 503, "out of memory");
        if (n)
            memcpy(p->line + p->line_n, in->s, n);
        p->line_n += n;
        *line = (struct slice){ p->line, p->line_n };
    } else
        *line = (struct slice){ in->s, n };
    in->s += n;
    in->n -= n;
    if (!end)
        return HTTP1_MORE;
    p->line_n = 0;
    if (line->n < 2 || line->s[line->n - 2] != '\r')
        return bad(p, 400, "a line does not end with CR LF");
    line->n -= 2;
    return HTTP1_FIELD;
}

static enum http1_event request_line(struct http1 *p, struct slice line)
{
    const char *first = memchr(line.s, ' ', line.n);
    if (!first)
        return bad(p, 400, "this is no request line");
    p->method = (struct slice){ line.s, (size_t)(first - line.s) };
    p->target = (struct slice){ first + 1, line.n - p->method.n - 1 };
    const char *second = memchr(p->target.s, ' ', p->target.n);
    if (!second || !is_token(p->method))
        return bad(p, 400, "this is no request line");
    struct slice version = { second + 1, p->target.n - (size_t)(second - p->target.s) - 1 };
    p->target.n = (size_t)(second - p->target.s);
    for (size_t i = 0; i < p->target.n; i++)
        if ((unsigned char)p->target.s[i] <= ' ' || (unsigned char)p->target.s[i] >= 0x7f)
            return bad(p, 400, "the target of the request holds a character that must be encoded");
    if (version.n != 8 || memcmp(version.s, "HTTP/", 5) != 0)
        return bad(p, 400, "this is no request line");
    if (memcmp(version.s, "HTTP/1.", 7) != 0 || (version.s[7] != '1' && version.s[7] != '0'))
        return bad(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    p->version = version.s[7] == '1' ? 11 : 10;
    if (p->target.n > 7 && strncasecmp(p->target.s, "http://", 7) == 0) {
        const char *path = memchr(p->target.s + 7, '/', p->target.n - 7);
        if (!path)
            return bad(p, 400, "the target of the request has no path");
        p->target.n -= (size_t)(path - p->target.s);
        p->target.s = path;
    }
    if (!p->target.n || *p->target.s != '/')
        return bad(p, p->method.n ? 400 : 405, "the target of the request is no path");
    p->at = HTTP1_AT_FIELD;
    return HTTP1_REQUEST;
}

static enum http1_event length_field(struct http1 *p)
{
    if (p->has_length)
        return bad(p, 400, "Content-Length is there more than once");
    if (p->has_coding)
        return bad(p, 400, "Content-Length and Transfer-Encoding are both there");
    p->has_length = true;
    if (p->value.n == 0 || p->value.n > 18)
        return bad(p, p->value.n ? 413 : 400, "Content-Length is no length");
    for (size_t i = 0; i < p->value.n; i++) {
        if (p->value.s[i] < '0' || p->value.s[i] > '9')
            return bad(p, 400, "Content-Length is no length");
        p->length = p->length * 10 + (p->value.s[i] - '0');
    }
    return HTTP1_FIELD;
}

static enum http1_event connection_field(struct http1 *p)
{
    struct slice rest = p->value;
    while (rest.n) {
        const char  *comma = memchr(rest.s, ',', rest.n);
        struct slice word = { rest.s, comma ? (size_t)(comma - rest.s) : rest.n };
        p->says_close |= same_word(trimmed(word), "close");
        p->says_keep |= same_word(trimmed(word), "keep-alive");
        rest.n -= word.n + (comma != NULL);
        rest.s += word.n + (comma != NULL);
    }
    return HTTP1_FIELD;
}

/* The fields that say where the request ends. */
static enum http1_event framing_field(struct http1 *p)
{
    if (same_word(p->name, "content-length"))
        return length_field(p);
    if (same_word(p->name, "transfer-encoding")) {
        if (p->has_length || p->has_coding || p->version < 11)
            return bad(p, 400, p->has_length ? "Content-Length and Transfer-Encoding are both there" : "Transfer-Encoding must not be there");
        p->has_coding = true;
        p->length = -1;
        return same_word(p->value, "chunked") ? HTTP1_FIELD : bad(p, 501, "no transfer coding but chunked is known");
    }
    if (same_word(p->name, "host")) {
        if (p->has_host)
            return bad(p, 400, "Host is there more than once");
        p->has_host = true;
    } else if (same_word(p->name, "connection"))
        return connection_field(p);
    else if (same_word(p->name, "expect")) {
        if (p->version >= 11 && !same_word(p->value, "100-continue"))
            return bad(p, 417, "only 100-continue can be expected");
        p->expect = p->version >= 11;
    }
    return HTTP1_FIELD;
}

static enum http1_event field_line(struct http1 *p, struct slice line)
{
    if (++p->fields > HTTP1_FIELDS_MAX)
        return bad(p, 431, "the head of the request has too many fields");
    const char *colon = memchr(line.s, ':', line.n);
    if (!colon)
        return bad(p, 400, "a field has no colon");
    p->name = (struct slice){ line.s, (size_t)(colon - line.s) };
    p->value = trimmed((struct slice){ colon + 1, line.n - p->name.n - 1 });
    if (!is_token(p->name))
        return bad(p, 400, "the name of a field is none");     /* a blank before the colon or at the line's begin, too */
    for (size_t i = 0; i < p->value.n; i++) {
        unsigned char c = (unsigned char)p->value.s[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return bad(p, 400, "a field holds a control character");
    }
    return HTTP1_FIELD;
}

static enum http1_event head_end(struct http1 *p)
{
    if (p->version >= 11 && !p->has_host)
        return bad(p, 400, "Host is missing");
    p->keep_alive = !p->says_close && (p->version >= 11 || p->says_keep);
    p->left = p->length > 0 ? (uint64_t)p->length : 0;
    p->at = p->length < 0 ? HTTP1_AT_CHUNK : p->length > 0 ? HTTP1_AT_BODY : HTTP1_AT_END;
    p->expect = p->expect && p->at != HTTP1_AT_END;
    return HTTP1_HEAD;
}

static enum http1_event chunk_line(struct http1 *p, struct slice line)
{
    size_t i = 0;
    p->left = 0;
    for (; i < line.n; i++) {
        unsigned char c = (unsigned char)line.s[i], low = (unsigned char)(c | 0x20);
        unsigned      digit = c >= '0' && c <= '9' ? (unsigned)c - '0' : low >= 'a' && low <= 'f' ? (unsigned)low - 'a' + 10 : 16;
        if (digit > 15)
            break;
        if (i >= 12)
            return bad(p, 413, "a chunk is too large");
        p->left = p->left << 4 | digit;
    }
    if (i == 0 || (i < line.n && line.s[i] != ';'))
        return bad(p, 400, "the size of a chunk is no number");
    for (; i < line.n; i++)
        if (((unsigned char)line.s[i] < ' ' && line.s[i] != '\t') || line.s[i] == 0x7f)
            return bad(p, 400, "a chunk's extension holds a control character");
    p->at = p->left ? HTTP1_AT_CHUNK_DATA : HTTP1_AT_TRAILER;
    return HTTP1_MORE;
}

static enum http1_event body_take(struct http1 *p, struct slice *in)
{
    size_t n = in->n < p->left ? in->n : (size_t)p->left;
    if (n == 0)
        return HTTP1_MORE;
    p->value = (struct slice){ in->s, n };
    in->s += n;
    in->n -= n;
    p->left -= n;
    if (p->left == 0)
        p->at = p->at == HTTP1_AT_BODY ? HTTP1_AT_END : HTTP1_AT_CHUNK_END;
    return HTTP1_DATA;
}

static void next_request(struct http1 *p)
{
    struct http1 fresh = { .line = p->line, .head_max = p->head_max };
    *p = fresh;
}

/* One line of a head, of chunks or of trailers. HTTP1_MORE with something left in `in`: go on. */
static enum http1_event line_next(struct http1 *p, struct slice *in)
{
    struct slice     line;
    bool             chunk = p->at == HTTP1_AT_CHUNK || p->at == HTTP1_AT_CHUNK_END;
    size_t           room = chunk ? (p->head_max < HTTP1_CHUNK_LINE_MAX ? p->head_max : HTTP1_CHUNK_LINE_MAX) : p->head_max - p->head_n;
    enum http1_event e = line_take(p, in, room, &line);
    if (e != HTTP1_FIELD)
        return e;
    if (!chunk)
        p->head_n += line.n + 2;
    switch (p->at) {
    case HTTP1_AT_LINE:
        if (line.n == 0)
            return ++p->empty_lines > 2 ? bad(p, 400, "this is no request line") : HTTP1_MORE;
        return request_line(p, line);
    case HTTP1_AT_FIELD:
        if (line.n == 0)
            return head_end(p);
        e = field_line(p, line);
        return e == HTTP1_FIELD ? framing_field(p) : e;
    case HTTP1_AT_CHUNK:
        return chunk_line(p, line);
    case HTTP1_AT_CHUNK_END:
        if (line.n)
            return bad(p, 400, "a chunk is longer than it says");
        p->at = HTTP1_AT_CHUNK;
        return HTTP1_MORE;
    default:                                                    /* a trailer: looked at, not used */
        if (line.n == 0) {
            p->at = HTTP1_AT_END;
            return HTTP1_MORE;
        }
        e = field_line(p, line);
        return e == HTTP1_FIELD ? HTTP1_MORE : e;
    }
}

enum http1_event http1_next(struct http1 *p, struct slice *in)
{
    for (;;) {
        if (p->at == HTTP1_AT_BAD)
            return HTTP1_BAD;
        if (p->at == HTTP1_AT_END) {
            next_request(p);
            return HTTP1_END;
        }
        if (in->n == 0)
            return HTTP1_MORE;
        enum http1_event e = p->at == HTTP1_AT_BODY || p->at == HTTP1_AT_CHUNK_DATA ? body_take(p, in) : line_next(p, in);
        if (e != HTTP1_MORE)
            return e;
    }
}

bool http1_between(const struct http1 *p) { return p->at == HTTP1_AT_LINE && p->line_n == 0; }

void http1_init(struct http1 *p, size_t head_max) { *p = (struct http1){ .head_max = head_max }; }

void http1_done(struct http1 *p)
{
    free(p->line);
    p->line = NULL;
}
