/* ingest/own.c - for the parts that ask on behalf of this machine: its name on their records, and whether a reload means them at all. */
#include "ingest/inside.h"

#include "conf/knob.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_MAX = 4 * 1024 * 1024 };

/* The name is the one under which the engine speaks of this machine. */
size_t ingest_own_labels(char out[INGEST_LABELS_SIZE])
{
    static const char key[] = "instance";
    memset(out, 0, INGEST_LABELS_SIZE);
    memcpy(out, key, sizeof key);
    if (gethostname(out + sizeof key, INGEST_LABELS_SIZE - sizeof key - 1) != 0 || !out[sizeof key])
        (void)text_copy(out + sizeof key, INGEST_LABELS_SIZE - sizeof key, "localhost");
    return sizeof key + strlen(out + sizeof key) + 1;
}

static void put_instance(const struct conf_section *s, const char *name, const void *instance, struct text *out)
{
    text_printf(out, "%s.%s\n", s->path, name);
    for (size_t i = 0; i < s->count; i++) {
        knob_print(&s->knobs[i], instance, out);
        text_add(out, "\n");
    }
}

char *ingest_settings_text(const struct conf *conf, const struct conf_section *const *sections, size_t count)
{
    struct text out CLEANUP(text_done);
    text_init(&out, SETTINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct conf_section *s = sections[i];
        size_t                     n = 1;
        const char                *at = s->shape == CONF_ONCE ? conf_of(conf, s) : conf_instances(conf, s, &n);
        for (size_t j = 0; j < n; j++)
            put_instance(s, s->shape == CONF_ONCE ? "" : conf_instance_name(conf, s, j), at + j * s->size, &out);
    }
    return out.cut || !out.s ? NULL : strdup(out.s);
}

bool ingest_settings_same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }
