/* load/tpch_words.c - see the header. */
#include "load/tpch_words.h"

#include <assert.h>
#include <string.h>

const char *const load_colours[LOAD_COLOURS] = {
    "almond", "antique", "aquamarine", "azure", "beige", "bisque", "black", "blanched", "blue", "blush", "brown", "burlywood", "burnished", "chartreuse", "chiffon",
    "chocolate", "coral", "cornflower", "cornsilk", "cream", "cyan", "dark", "deep", "dim", "dodger", "drab", "firebrick", "floral", "forest", "frosted", "gainsboro",
    "ghost", "goldenrod", "green", "grey", "honeydew", "hot", "indian", "ivory", "khaki", "lace", "lavender", "lawn", "lemon", "light", "lime", "linen", "magenta",
    "maroon", "medium", "metallic", "midnight", "mint", "misty", "moccasin", "navajo", "navy", "olive", "orange", "orchid", "pale", "papaya", "peach", "peru", "pink",
    "plum", "powder", "puff", "purple", "red", "rose", "rosy", "royal", "saddle", "salmon", "sandy", "seashell", "sienna", "sky", "slate", "smoke", "snow", "spring",
    "steel", "tan", "thistle", "tomato", "turquoise", "violet", "wheat", "white", "yellow",
};

const char *const load_type_sizes[LOAD_TYPE_SIZES] = { "STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO" };
const char *const load_type_finishes[LOAD_TYPE_FINISH] = { "ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED" };
const char *const load_type_metals[LOAD_TYPE_METALS] = { "TIN", "NICKEL", "BRASS", "STEEL", "COPPER" };
const char *const load_box_sizes[LOAD_BOX_SIZES] = { "SM", "LG", "MED", "JUMBO", "WRAP" };
const char *const load_box_kinds[LOAD_BOX_KINDS] = { "CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM" };
const char *const load_segments[LOAD_SEGMENTS] = { "AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD" };
const char *const load_priorities[LOAD_PRIORITIES] = { "1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW" };
const char *const load_instructions[LOAD_INSTRUCTIONS] = { "DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN" };
const char *const load_ship_modes[LOAD_SHIP_MODES] = { "REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB" };
const char *const load_regions[LOAD_REGIONS] = { "AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST" };

enum { AFRICA, AMERICA, ASIA, EUROPE, MIDDLE_EAST };
const struct load_nation load_nations[LOAD_NATIONS] = {
    { "ALGERIA", AFRICA }, { "ARGENTINA", AMERICA }, { "BRAZIL", AMERICA }, { "CANADA", AMERICA }, { "EGYPT", MIDDLE_EAST },
    { "ETHIOPIA", AFRICA }, { "FRANCE", EUROPE }, { "GERMANY", EUROPE }, { "INDIA", ASIA }, { "INDONESIA", ASIA },
    { "IRAN", MIDDLE_EAST }, { "IRAQ", MIDDLE_EAST }, { "JAPAN", ASIA }, { "JORDAN", MIDDLE_EAST }, { "KENYA", AFRICA },
    { "MOROCCO", AFRICA }, { "MOZAMBIQUE", AFRICA }, { "PERU", AMERICA }, { "CHINA", ASIA }, { "ROMANIA", EUROPE },
    { "SAUDI ARABIA", MIDDLE_EAST }, { "VIETNAM", ASIA }, { "RUSSIA", EUROPE }, { "UNITED KINGDOM", EUROPE }, { "UNITED STATES", AMERICA },
};

const char *const load_pair_first[LOAD_PAIR_WORDS] = { "special", "pending", "unusual", "express" };
const char *const load_pair_second[LOAD_PAIR_WORDS] = { "packages", "requests", "accounts", "deposits" };

/* -- comments ---------------------------------------------------------------------------------------------------------- */

/*
 * "late crates travel slowly. pending ..." : four kinds of words in turn, begun anywhere.  Each kind holds as many
 * words as gives Q13 its one in a hundred; the first four of the first two kinds are those it looks for.
 */
#define KINDS 4
#define WORDS 13
static const char *const vocabulary[KINDS][WORDS] = {
    { "special", "pending", "unusual", "express", "late", "early", "heavy", "fragile", "local", "cheap", "sealed", "green", "spare" },
    { "packages", "requests", "accounts", "deposits", "crates", "letters", "invoices", "samples", "pallets", "stamps", "ledgers", "barrels", "receipts" },
    { "wait", "travel", "arrive", "rest", "return", "vanish", "drift", "settle", "gather", "leave", "stay", "pass", "turn up" },
    { "quietly", "slowly", "together", "again", "nearby", "twice", "today", "soon", "apart", "gladly", "abroad", "outside", "in time" },
};

size_t load_draw_comment(struct rand *r, size_t lo, size_t hi, char *out)
{
    size_t   length = (size_t)rand_int(r, (int64_t)lo, (int64_t)hi), used = 0;
    uint64_t bits = 0;
    assert(hi <= 200);
    unsigned kind = (unsigned)(rand_u64(r) % KINDS);
    for (int left = 0; used < length; left--, kind = (kind + 1) % KINDS) {
        if (left == 0) {
            bits = rand_u64(r);
            left = 4;   /* 16 bits make one word */
        }
        const char *word = vocabulary[kind][(bits & 0xffff) * WORDS >> 16];
        size_t      n = strlen(word), room = length - used;
        bits >>= 16;
        memcpy(out + used, word, n < room ? n : room);
        used += n < room ? n : room;
        for (const char *after = kind == KINDS - 1 ? ". " : " "; *after && used < length; after++)
            out[used++] = *after;
    }
    /* A blank at the end would be invisible. */
    if (out[length - 1] == ' ')
        out[length - 1] = '.';
    return length;
}
