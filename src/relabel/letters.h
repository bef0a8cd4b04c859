/* relabel/letters.h - small and capital letters of a text: of all scripts where the machine knows them, as Prometheus has it. */
#ifndef RELABEL_LETTERS_H
#define RELABEL_LETTERS_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>

/* In the arena; false: it is full. What is no UTF-8 stays as it is. */
bool letters_case(struct slice text, bool upper, struct arena *a, struct slice *out);

#endif
