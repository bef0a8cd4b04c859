/*
 * sense/cgroup.c - a membership line says where a process is inside a hierarchy, a mount line says where we see which part
 * of that hierarchy; the two together give folders.
 */
#include "sense/cgroup.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct mount {
    int  version;
    char top[CGROUP_PATH];       /* which part of the hierarchy is mounted */
    char at[CGROUP_PATH];        /* where */
    char options[128];           /* v1: the controllers, among others */
};

static const char *const names[CGROUP_CONTROLLERS] = { "memory", "cpu", "cpuacct", NULL };

/* The file by which a folder shows that the controller is there; the root of a v2 hierarchy has none of them. */
static const char *const witness[CGROUP_CONTROLLERS][3] = {
    [CGROUP_MEMORY]  = { NULL, "memory.stat",    "memory.max" },
    [CGROUP_CPU]     = { NULL, "cpu.cfs_quota_us", "cpu.max" },
    [CGROUP_CPUACCT] = { NULL, "cpuacct.usage",  "cpu.stat" },
    [CGROUP_PRESSURE] = { NULL, NULL, "cpu.pressure" },   /* v2 only, also beside v1 controllers */
};

static bool list_has(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
        if (strncmp(s, name, n) == 0 && (s[n] == ',' || s[n] == '\0'))
            return true;
    return false;
}

/* mountinfo writes blanks and the like as \040. */
static void unescape(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++)
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    *to = '\0';
}

/* "36 25 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory" */
static bool parse_mount(const char *line, size_t length, struct mount *m)
{
    char copy[2048], type[32];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, line, length);
    copy[length] = '\0';
    if (sscanf(copy, "%*s %*s %*s %511s %511s", m->top, m->at) != 2)
        return false;
    const char *dash = strstr(copy, " - ");
    m->options[0] = '\0';
    if (!dash || sscanf(dash, " - %31s %*s %127s", type, m->options) < 1)
        return false;
    m->version = strcmp(type, "cgroup2") == 0 ? 2 : strcmp(type, "cgroup") == 0 ? 1 : 0;
    unescape(m->top);
    unescape(m->at);
    return m->version != 0;
}

static int parse_mounts(const char *text, struct mount *mounts)
{
    int n = 0;
    while (*text && n < CGROUP_MOUNTS_MAX) {
        size_t length = strcspn(text, "\n");
        if (parse_mount(text, length, &mounts[n]))
            n++;
        text += length + (text[length] == '\n');
    }
    return n;
}

/* The membership of one controller (v1) or of the unified hierarchy (controller NULL): false when there is no such line. */
static bool find_membership(const char *text, const char *controller, char *path, size_t size)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        char   line[CGROUP_PATH + 160];
        (void)snprintf(line, sizeof line, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        char *list = strchr(line, ':'), *where = list ? strchr(list + 1, ':') : NULL;
        if (!where)
            continue;
        *where = '\0';
        if (controller ? list_has(list + 1, controller) : strncmp(line, "0:", 2) == 0 && list[1] == '\0')
            return text_copy(path, size, where + 1);
    }
    return false;
}

/* The path below the mount point; "" when the process lives outside of what is mounted. */
static const char *below(const struct mount *m, const char *path)
{
    if (strncmp(path, "/..", 3) == 0)
        return "";
    if (strcmp(m->top, "/") == 0)
        return strcmp(path, "/") == 0 ? "" : path;
    size_t n = strlen(m->top);
    return strncmp(path, m->top, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n : "";
}

static void add_levels(const char *root, const struct mount *m, const char *path, const char *file, struct cgroup_folders *f)
{
    char folder[CGROUP_PATH * 2 + 8], probe[CGROUP_PATH * 2 + 64];
    int  at = snprintf(folder, sizeof folder, "%s%s", root, m->at), n = snprintf(folder, sizeof folder, "%s%s%s", root, m->at, below(m, path));
    if (n >= CGROUP_PATH)
        return;
    f->version = m->version;
    f->top = at;
    for (;;) {
        (void)snprintf(probe, sizeof probe, "%s/%s", folder, file);
        if (f->levels < CGROUP_LEVELS_MAX && access(probe, R_OK) == 0)
            (void)text_copy(f->folder[f->levels++], CGROUP_PATH, folder);
        char *slash = strrchr(folder, '/');
        if (!slash || slash - folder < at)
            return;
        *slash = '\0';
    }
}

void cgroup_resolve(const char *root, const char *membership, const char *mounts, struct cgroup_map *map)
{
    struct mount mount[CGROUP_MOUNTS_MAX];
    int          n = parse_mounts(mounts, mount);
    char         path[CGROUP_PATH];
    *map = (struct cgroup_map){ 0 };
    for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
        struct cgroup_folders *f = &map->of[c];
        for (int i = 0; i < n && f->version == 0 && names[c]; i++)
            if (mount[i].version == 1 && list_has(mount[i].options, names[c]) && find_membership(membership, names[c], path, sizeof path))
                add_levels(root, &mount[i], path, witness[c][1], f);
        for (int i = 0; i < n && f->version == 0; i++)
            if (mount[i].version == 2 && find_membership(membership, NULL, path, sizeof path))
                add_levels(root, &mount[i], path, witness[c][2], f);
        if (f->levels == 0)
            f->version = 0;
    }
}
