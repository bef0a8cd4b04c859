/* wire/utf8.h - is it UTF-8, and how many characters is it? */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include "base/slice.h"

#include <stdbool.h>

/* Well-formed UTF-8 as Unicode has it: no surrogates, nothing overlong, up to U+10FFFF. */
bool   utf8_fine(struct slice s);
/* Characters of what is well-formed. */
size_t utf8_count(struct slice s);

#endif
