/* web/header.c - the small grammars of RFC 9110, 7240, 6750, W3C trace context and the Idempotency-Key draft. */
#include "web/header.h"

#include "base/id.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *skip_blank(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

static bool is_printable(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
            return false;
    return true;
}

static size_t trimmed_length(const char *s)
{
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    return n;
}

void header_request_id(const char *value, char out[REQUEST_ID_SIZE])
{
    if (value) {
        value = skip_blank(value);
        size_t n = trimmed_length(value);
        if (n > 0 && n < REQUEST_ID_SIZE && is_printable(value, n)) {
            memcpy(out, value, n);
            out[n] = '\0';
            return;
        }
    }
    id_random_hex(out, 16);
}

/* n lower-case hex digits, not all of them zero. */
static bool is_hex_id(const char *s, size_t n)
{
    bool something = false;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)s[i]) && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
        something |= s[i] != '0';
    }
    return something;
}

bool header_trace_id(const char *value, char out[HEADER_TRACE_SIZE])
{
    /* version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 hex digits. Versions above 00 may add more after a dash. */
    if (value) {
        value = skip_blank(value);
        size_t n = trimmed_length(value);
        bool version_ok = n >= 55 && isxdigit((unsigned char)value[0]) && isxdigit((unsigned char)value[1]) && strncmp(value, "ff", 2) != 0;
        bool length_ok = n == 55 || (n > 55 && strncmp(value, "00", 2) != 0 && value[55] == '-');
        if (version_ok && length_ok && value[2] == '-' && value[35] == '-' && value[52] == '-' &&
            is_hex_id(value + 3, 32) && is_hex_id(value + 36, 16) && isxdigit((unsigned char)value[53]) &&
            isxdigit((unsigned char)value[54])) {
            memcpy(out, value + 3, 32);
            out[32] = '\0';
            return true;
        }
    }
    id_random_hex(out, 16);
    return false;
}

/* A structured-field string, s after its opening quote. Its length without quotes and escapes, or -1 when it is not well formed or too long. */
static int read_quoted(const char *s, char *out, size_t size)
{
    size_t n = 0;
    for (; *s != '"'; s++) {
        if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
            s++;
        else if (*s == '\\' || !is_printable(s, 1))   /* the NUL at the end is not printable either */
            return -1;
        if (n + 1 >= size)
            return -1;
        out[n++] = *s;
    }
    out[n] = '\0';
    s = skip_blank(s + 1);
    return *s == '\0' || *s == ';' ? (int)n : -1;   /* parameters are allowed and mean nothing here */
}

enum err header_key(const char *value, char out[HEADER_KEY_SIZE], struct fault *fault)
{
    out[0] = '\0';
    if (!value)
        return OK;
    const char *s = skip_blank(value);
    int         n = -1;
    if (*s == '"') {
        n = read_quoted(s + 1, out, HEADER_KEY_SIZE);
    } else if (trimmed_length(s) < HEADER_KEY_SIZE && is_printable(s, trimmed_length(s))) {
        n = (int)trimmed_length(s);
        memcpy(out, s, (size_t)n);
        out[n] = '\0';
    }
    if (n > 0)
        return OK;
    out[0] = '\0';
    (void)fail(fault, ERR_INPUT, n == 0 ? "Idempotency-Key is empty" : "Idempotency-Key is not well formed");
    fail_hint(fault, "1 to %d printable ASCII characters, quoted or bare", HEADER_KEY_SIZE - 1);
    return ERR_INPUT;
}

/* ---- entity tags ---- */

struct tag { bool weak; int64_t version; };   /* version IF_MATCH_NEVER: not one of ours */

/* The next tag of a list. 1: there was one; 0: the end; -1: not a tag. */
static int next_tag(const char **at, struct tag *tag)
{
    const char *s = *at;
    while (*s == ' ' || *s == '\t' || *s == ',')
        s++;
    if (*s == '\0')
        return 0;
    tag->weak = strncmp(s, "W/", 2) == 0;
    if (tag->weak)
        s += 2;
    if (*s != '"')
        return -1;
    const char *end = strchr(s + 1, '"');
    if (!end)
        return -1;
    tag->version = IF_MATCH_NEVER;
    if (s[1] == 'v' && s[2] >= '1' && s[2] <= '9') {
        char *rest;
        errno = 0;
        long long v = strtoll(s + 2, &rest, 10);
        if (errno == 0 && rest == end)
            tag->version = v;
    }
    s = skip_blank(end + 1);
    if (*s != '\0' && *s != ',')
        return -1;
    *at = s;
    return 1;
}

enum err header_if_match(const char *value, int64_t *version, struct fault *fault)
{
    *version = IF_MATCH_NONE;
    if (!value)
        return OK;
    const char *s = skip_blank(value);
    if (*s == '*' && *skip_blank(s + 1) == '\0') {
        *version = IF_MATCH_ANY;
        return OK;
    }
    struct tag tag;
    int        found, tags = 0;
    *version = IF_MATCH_NEVER;
    while ((found = next_tag(&s, &tag)) == 1) {
        tags++;
        if (tag.weak || tag.version == IF_MATCH_NEVER)   /* strong comparison: a weak tag equals nothing */
            continue;
        if (*version != IF_MATCH_NEVER && *version != tag.version) {
            (void)fail(fault, ERR_INPUT, "If-Match names more than one version");
            fail_hint(fault, "send the ETag of the case as you last saw it");
            return ERR_INPUT;
        }
        *version = tag.version;
    }
    if (found == 0 && tags > 0)
        return OK;
    *version = IF_MATCH_NONE;
    (void)fail(fault, ERR_INPUT, "If-Match is not an entity tag");
    fail_hint(fault, "send the ETag with its quotes, as in If-Match: \"v3\"");
    return ERR_INPUT;
}

bool header_if_none_match(const char *value, int64_t version)
{
    if (!value)
        return false;
    const char *s = skip_blank(value);
    if (*s == '*' && *skip_blank(s + 1) == '\0')
        return true;
    struct tag tag;
    while (next_tag(&s, &tag) == 1)
        if (tag.version == version)
            return true;
    return false;
}

/* ---- preferences and media types ---- */

static bool same_word(const char *a, size_t n, const char *b) { return strlen(b) == n && strncasecmp(a, b, n) == 0; }

void header_prefer(const char *value, int64_t max_us, struct header_prefer *p)
{
    *p = (struct header_prefer){ .wait_us = -1 };
    for (const char *s = value; s && *s;) {
        s += strspn(s, " \t,;");
        size_t n = strcspn(s, " \t,;=");
        const char *word = s;
        s = skip_blank(s + n);
        if (same_word(word, n, "respond-async"))
            p->async = true;
        if (*s == '=') {
            s = skip_blank(s + 1);
            if (same_word(word, n, "wait") && isdigit((unsigned char)*s) && p->wait_us < 0) {
                unsigned long long seconds = strtoull(s, NULL, 10);
                unsigned long long most = (unsigned long long)(max_us / 1000000);
                p->wait_us = (int64_t)(seconds < most ? seconds : most) * 1000000;
            }
            s += strcspn(s, ",;");
        }
    }
}

/* One member of an Accept header: type, subtype and q; parameters other than q are kept as text. */
struct range { const char *type, *subtype, *params; size_t type_n, subtype_n, params_n; double q; };

static const char *next_range(const char *s, struct range *r)
{
    s += strspn(s, " \t,");
    if (!*s)
        return NULL;
    *r = (struct range){ .q = 1, .type = s, .type_n = strcspn(s, "/,; \t") };
    s += r->type_n;
    if (*s == '/') {
        r->subtype = ++s;
        r->subtype_n = strcspn(s, ",; \t");
        s += r->subtype_n;
    }
    s = skip_blank(s);
    while (*s == ';') {
        s = skip_blank(s + 1);
        size_t n = strcspn(s, ",;");
        if (strncasecmp(s, "q=", 2) == 0) {
            r->q = strtod(s + 2, NULL);
        } else if (!r->params) {
            r->params = s;
            r->params_n = n;
            while (r->params_n > 0 && (s[r->params_n - 1] == ' ' || s[r->params_n - 1] == '\t'))
                r->params_n--;
        }
        s += n;
    }
    return s + strcspn(s, ",");
}

/* How exactly a range names an offer: 0 not at all, 1 by star-slash-star, 2 by type-slash-star, 3 by name, 4 with its parameters. */
static int range_fits(const struct range *r, const char *offer)
{
    size_t type_n = strcspn(offer, "/"), subtype_n = strcspn(offer + type_n + 1, "; ");
    if (!r->subtype)
        return 0;
    if (same_word(r->type, r->type_n, "*"))
        return same_word(r->subtype, r->subtype_n, "*");
    if (r->type_n != type_n || strncasecmp(r->type, offer, type_n) != 0)
        return 0;
    if (same_word(r->subtype, r->subtype_n, "*"))
        return 2;
    if (r->subtype_n != subtype_n || strncasecmp(r->subtype, offer + type_n + 1, subtype_n) != 0)
        return 0;
    if (!r->params || strncasecmp(r->params, "charset=", 8) == 0)
        return 3;
    const char *params = strchr(offer, ';');
    return params && strncasecmp(skip_blank(params + 1), r->params, r->params_n) == 0 ? 4 : 0;
}

int header_accept(const char *value, const char *const *offers, int n)
{
    if (!value || *skip_blank(value) == '\0')
        return 0;
    int    best = -1;
    double best_q = 0;
    for (int i = 0; i < n; i++) {
        struct range r;
        int          fits = 0;
        double       q = 0;
        /* The most specific range decides what q an offer has. */
        for (const char *s = value; (s = next_range(s, &r)) != NULL;) {
            int f = range_fits(&r, offers[i]);
            if (f > fits) {
                fits = f;
                q = r.q;
            }
        }
        if (fits > 0 && q > best_q) {
            best = i;
            best_q = q;
        }
    }
    return best;
}

enum header_body header_content_type(const char *value)
{
    static const struct { const char *type; enum header_body is; } known[] = {
        { "application/json",                  BODY_JSON },
        { "application/merge-patch+json",      BODY_JSON },
        { "application/x-www-form-urlencoded", BODY_MAYBE_JSON },   /* what curl -d says when it is not told */
    };
    if (!value || *skip_blank(value) == '\0')
        return BODY_MAYBE_JSON;
    value = skip_blank(value);
    size_t n = strcspn(value, "; \t");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (same_word(value, n, known[i].type)) {
            const char *charset = strcasestr(value + n, "charset=");
            if (charset && known[i].is == BODY_JSON) {
                charset += strlen("charset=");
                charset += *charset == '"' ? 1 : 0;
                if (strncasecmp(charset, "utf-8", 5) != 0 && strncasecmp(charset, "us-ascii", 8) != 0)
                    return BODY_OTHER;
            }
            return known[i].is;
        }
    return BODY_OTHER;
}

const char *header_bearer(const char *value)
{
    if (!value)
        return NULL;
    value = skip_blank(value);
    if (strncasecmp(value, "Bearer", 6) != 0 || (value[6] != ' ' && value[6] != '\t'))
        return NULL;
    value = skip_blank(value + 6);
    return *value ? value : NULL;
}
