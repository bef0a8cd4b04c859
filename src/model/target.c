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
