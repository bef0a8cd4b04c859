/*
 * tests/live/knob_tool.c - the catalogue for tests that compare it with a real server.
 *
 *     knob_tool table           one line a parameter: name, type, unit, context, least, most, special values, choices
 *     knob_tool show < lines    "name|text" -> "what the server would show", or "ERR"
 */
#include "model/knob.h"

#include <stdio.h>
#include <string.h>

static void print_row(const struct knob *k)
{
    printf("%s\t%s\t%s\t%s\t%.17g\t%.17g\t", k->name, knob_type_name(k->type), k->unit, k->restart ? "postmaster" : "reload", k->lo, k->hi.number);
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        printf("%s%g", i ? "," : "", k->special[i].value);
    printf("\t");
    for (int i = 0; i < KNOB_CHOICES_MAX && k->choice[i].name; i++)
        printf("%s%s", i ? "," : "", k->choice[i].name);
    printf("\t%d\t%d\n", k->min_version, k->max_version);
}

static void show(char *line)
{
    char  *bar = strchr(line, '|'), out[64];
    double v;
    line[strcspn(line, "\n")] = '\0';
    if (!bar)
        return;
    *bar = '\0';
    const struct knob *k = knob_find(line);
    printf("%s\n", k && knob_parse(k, bar + 1, &v, NULL) == OK ? knob_format(k, v, out, sizeof out) : "ERR");
}

int main(int argc, char **argv)
{
    char line[512];
    if (argc == 2 && strcmp(argv[1], "table") == 0) {
        for (int i = 1; i < KNOB_COUNT; i++)
            print_row(&knobs[i]);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "show") == 0) {
        while (fgets(line, sizeof line, stdin))
            show(line);
        return 0;
    }
    fprintf(stderr, "usage: knob_tool table|show\n");
    return 2;
}
