/* relabel/letters.c - character by character; a machine without the locale C.UTF-8 knows the letters of ASCII alone. */
#include "relabel/letters.h"

#include "base/utf8.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t       all;                     /* NULL: there is no such locale */
static void           find_all(void) { all = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

/* Of k bytes, as utf8_length() says. */
static wint_t character(const char *s, size_t k)
{
    const unsigned char *u = (const unsigned char *)s;
    wint_t               c = k == 1 ? u[0] : u[0] & (0xffu >> (k + 1));
    for (size_t i = 1; i < k; i++)
        c = c << 6 | (u[i] & 0x3fu);
    return c;
}

static size_t put(char *to, wint_t c)
{
    size_t k = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = k; --i; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(k == 1 ? c : (0xf00u >> k & 0xf0u) | c);
    return k;
}

static wint_t other_case(wint_t c, bool upper)
{
    const wint_t first = upper ? 'a' : 'A', last = upper ? 'z' : 'Z';
    if (c < 0x80)
        return c >= first && c <= last ? c ^ 0x20u : c;
    return !all ? c : upper ? towupper_l(c, all) : towlower_l(c, all);
}

bool letters_case(struct slice text, bool upper, struct arena *a, struct slice *out)
{
    (void)pthread_once(&once, find_all);
    char  *to = arena_alloc(a, 2 * text.n + 1);      /* a letter of two bytes may have a capital of three */
    size_t n = 0;
    if (!to)
        return false;
    for (size_t i = 0, k; i < text.n; i += k) {
        size_t is = utf8_length(text.s + i, text.n - i);
        k = is ? is : 1;
        if (is)
            n += put(to + n, other_case(character(text.s + i, k), upper));
        else
            to[n++] = text.s[i];
    }
    *out = (struct slice){ to, n };
    return true;
}
