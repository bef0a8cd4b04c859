/* model/target.c */
#include "model/target.h"

#include <string.h>

const char *target_mode_name(enum target_mode m)
{
    static const char *const names[] = { "watch", "suggest", "approve", "auto" };
    return (unsigned)m < 4 ? names[m] : "?";
}

const char *target_owner_name(enum target_owner o)
{
    static const char *const names[] = { "none", "patroni", "cloud", "other" };
    return (unsigned)o < 4 ? names[o] : "?";
}

const struct setting *target_setting(const struct target_facts *f, const char *name)
{
    for (int i = 0; i < f->settings; i++)
        if (strcmp(f->setting[i].name, name) == 0)
            return &f->setting[i];
    return NULL;
}

const struct setting *target_changed(const struct target_facts *then, const struct target_facts *now)
{
    for (int i = 0; i < now->settings; i++) {
        const struct setting *s = &now->setting[i], *was;
        if (strcmp(s->context, "internal") == 0 || strcmp(s->source, "client") == 0 || strcmp(s->source, "session") == 0)
            continue;
        was = target_setting(then, s->name);
        if (was && strcmp(was->value, s->value) != 0)
            return s;
    }
    return NULL;
}
