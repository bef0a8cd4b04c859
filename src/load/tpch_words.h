/*
 * load/tpch_words.h - the lists of words that TPC-H's columns and parameters are drawn from (clauses 4.2.2.13 and 4.2.3), and its comments.
 *
 * The lists are the specification's: predicates name their words.  Comments are
 * ours.  What counts in them is how often two words that Q13 looks for stand in
 * one comment in this order, which is about one order in a hundred.
 */
#ifndef LOAD_TPCH_WORDS_H
#define LOAD_TPCH_WORDS_H

#include "base/rand.h"

#include <stddef.h>

#define LOAD_COLOURS      92
#define LOAD_TYPE_SIZES   6      /* first syllable of a type */
#define LOAD_TYPE_FINISH  5      /* second */
#define LOAD_TYPE_METALS  5      /* third */
#define LOAD_BOX_SIZES    5      /* first syllable of a container */
#define LOAD_BOX_KINDS    8      /* second */
#define LOAD_SEGMENTS     5
#define LOAD_PRIORITIES   5
#define LOAD_INSTRUCTIONS 4
#define LOAD_SHIP_MODES   7
#define LOAD_NATIONS      25
#define LOAD_REGIONS      5
#define LOAD_PAIR_WORDS   4      /* each half of Q13's pairs */

extern const char *const load_colours[LOAD_COLOURS];
extern const char *const load_type_sizes[LOAD_TYPE_SIZES], *const load_type_finishes[LOAD_TYPE_FINISH], *const load_type_metals[LOAD_TYPE_METALS];
extern const char *const load_box_sizes[LOAD_BOX_SIZES], *const load_box_kinds[LOAD_BOX_KINDS];
extern const char *const load_segments[LOAD_SEGMENTS], *const load_priorities[LOAD_PRIORITIES];
extern const char *const load_instructions[LOAD_INSTRUCTIONS], *const load_ship_modes[LOAD_SHIP_MODES];
extern const char *const load_regions[LOAD_REGIONS];
extern const struct load_nation { const char *name; int region; } load_nations[LOAD_NATIONS];   /* by key */
extern const char *const load_pair_first[LOAD_PAIR_WORDS], *const load_pair_second[LOAD_PAIR_WORDS];

/* A comment of lo..hi characters (at most 200) into out, no NUL. Returns its length. */
size_t load_draw_comment(struct rand *r, size_t lo, size_t hi, char *out);

#endif
