/* ingest/gauge.c - samples as text. */
#include "ingest/gauge.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static void put_value(struct text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '"')
            text_add_n(out, "\\", 1);
        if (*s == '\n')
            text_add(out, "\\n");
        else
            text_add_n(out, s, 1);
    }
}

static void put(struct gauge *g, const char *name, const char *help, const char *type, double value, va_list labels)
{
    const char *sep = "{";
    if (strcmp(g->family, name) != 0) {
        (void)text_copy(g->family, sizeof g->family, name);
        text_printf(g->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    }
    text_add(g->out, name);
    for (const char *label; (label = va_arg(labels, const char *)); sep = ",") {
        text_printf(g->out, "%s%s=\"", sep, label);
        put_value(g->out, va_arg(labels, const char *));
        text_add(g->out, "\"");
    }
    if (*sep == ',')
        text_add(g->out, "}");
    if (isnan(value))
        text_add(g->out, " NaN\n");
    else if (value == floor(value) && fabs(value) < 1e15)
        text_printf(g->out, " %.0f\n", value);
    else
        text_printf(g->out, " %.9g\n", value);
}

void gauge_set(struct gauge *g, const char *name, const char *help, double value, ...)
{
    va_list labels;
    va_start(labels, value);
    put(g, name, help, "gauge", value, labels);
    va_end(labels);
}

void gauge_counter(struct gauge *g, const char *name, const char *help, double value, ...)
{
    va_list labels;
    va_start(labels, value);
    put(g, name, help, "counter", value, labels);
    va_end(labels);
}
