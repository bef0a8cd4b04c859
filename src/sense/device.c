/* sense/device.c */
#include "sense/device.h"

#include "base/text.h"
#include "sense/peek.h"
#include "sense/procfs.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool has_counters(const char *root, struct device d)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/sys/dev/block/%u:%u/stat", root, d.major, d.minor);
    return access(path, R_OK) == 0;
}

/* btrfs, overlayfs and the like have numbers of their own; the mount table names the device behind them. */
static bool behind_mount(const char *path, struct device *d)
{
    static const size_t room = 256 * 1024;
    char real[PATH_MAX], source[PATH_MAX], at[PATH_MAX], *text = malloc(room);
    size_t best = 0;
    if (!text || !realpath(path, real) || !peek_once(text, room, "/proc/self/mounts")) {
        free(text);
        return false;
    }
    struct stat st;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (sscanf(line, "%4095s %4095s", source, at) != 2)
            continue;
        size_t n = strcmp(at, "/") == 0 ? 0 : strlen(at);
        bool   holds = strncmp(real, at, n) == 0 && (real[n] == '/' || real[n] == '\0');
        if (holds && n + 1 > best) {
            best = n + 1;
            *d = (struct device){ 0 };
            if (strncmp(source, "/dev/", 5) == 0 && stat(source, &st) == 0 && S_ISBLK(st.st_mode))
                *d = (struct device){ major(st.st_rdev), minor(st.st_rdev) };
        }
    }
    free(text);
    return best > 0 && d->major != 0;
}

static bool add(const char *root, const char *path, struct device_list *list)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    struct device d = { major(st.st_dev), minor(st.st_dev) };
    if (!has_counters(root, d) && (!behind_mount(path, &d) || !has_counters(root, d)))
        return true;   /* seen, but nobody counts its IO */
    for (int i = 0; i < list->count; i++)
        if (list->device[i].major == d.major && list->device[i].minor == d.minor)
            return true;
    if (list->count < DEVICES_MAX)
        list->device[list->count++] = d;
    return true;
}

/* A process in a nested pid namespace lives in a container: its paths are not ours. Sets its user. */
static bool shares_our_paths(const char *root, int pid, uid_t *uid)
{
    char     status[4096], field[128];
    unsigned user;
    if (!peek_once(status, sizeof status, "%s/proc/%d/status", root, pid) || !proc_status_field(status, "Uid", field, sizeof field) ||
        sscanf(field, "%*u %u", &user) != 1)
        return false;
    *uid = user;
    return !proc_status_field(status, "NSpid", field, sizeof field) || strpbrk(field, " \t") == NULL;
}

static bool belongs_to(const char *path, uid_t uid)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

static void find_data(const char *root, int pid, const char *data_directory, struct device_list *list)
{
    char  link[PATH_MAX], seen[PATH_MAX];
    uid_t uid;
    (void)snprintf(link, sizeof link, "%s/proc/%d/cwd", root, pid);
    struct stat there, here;
    ssize_t     n = readlink(link, seen, sizeof seen - 1);
    if (n > 0) {
        seen[n] = '\0';
        /* The folder's own name, when it leads to the same place from here; else through the process. */
        bool same = stat(link, &there) == 0 && stat(seen, &here) == 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino;
        list->visible = text_copy(list->data, sizeof list->data, same ? seen : link);
    } else if (*data_directory && shares_our_paths(root, pid, &uid) && belongs_to(data_directory, uid)) {
        list->visible = text_copy(list->data, sizeof list->data, data_directory);
    }
}

void device_find(const char *root, int pid, const char *data_directory, struct device_list *list)
{
    *list = (struct device_list){ 0 };
    char path[PATH_MAX];
    find_data(root, pid, data_directory, list);
    if (!list->visible || !add(root, list->data, list))
        return;
    (void)snprintf(path, sizeof path, "%s/pg_wal", list->data);
    if (add(root, path, list))
        list->whole = text_copy(list->wal, sizeof list->wal, path);
    (void)snprintf(path, sizeof path, "%s/pg_tblspc", list->data);
    DIR *dir = opendir(path);
    if (!dir) {
        list->whole = false;
        return;
    }
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%.480s/pg_tblspc/%s", list->data, e->d_name);
        (void)add(root, path, list);
    }
    closedir(dir);
}

bool device_rotational(const char *root, struct device d)
{
    char text[32];
    return (peek_once(text, sizeof text, "%s/sys/dev/block/%u:%u/queue/rotational", root, d.major, d.minor) ||
            peek_once(text, sizeof text, "%s/sys/dev/block/%u:%u/../queue/rotational", root, d.major, d.minor)) && atoi(text) == 1;
}
