/* ship/folder.c - see folder.h. */
#include "ship/folder.h"

#include "base/clock.h"
#include "ship/route.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DATASET "{dataset}"
enum { DATASET_LENGTH = sizeof DATASET - 1 };

/* How long the piece is that begins here: {dataset}, one of %Y %m %d %H %M, or a character that any store takes. 0: none of these. */
static size_t piece(const char *p)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=:+,@/";
    if (strncmp(p, DATASET, DATASET_LENGTH) == 0)
        return DATASET_LENGTH;
    if (*p == '%')
        return p[1] && strchr("YmdHM", p[1]) ? 2 : 0;
    return strchr(plain, *p) ? 1 : 0;
}

enum err ship_folder_check(const char *path, struct fault *fault)
{
    size_t   n;
    enum err e = OK;
    for (const char *p = path; *p && e == OK; p += n)
        if ((n = piece(p)) == 0)
            e = fail(fault, ERR_INPUT, "%.10s cannot stand in a path of folders", p);
    for (const char *p = path; e == OK; p += n + 1) {
        n = strcspn(p, "/");
        if (n == 0 || *p == '.')                  /* nor is anything hidden: there lies the ledger */
            e = fail(fault, ERR_INPUT, "%.120s is not a path of folders below another one", path);
        if (!p[n])
            break;
    }
    if (e != OK)
        fail_hint(fault, "use names parted by /, with {dataset}, %%Y %%m %%d %%H %%M, letters, digits and -_.=:+,@ in them, such as {dataset}/yyyy=%%Y/mm=%%m/dd=%%d/hh=%%H");
    return e;
}

bool ship_folder_has_dataset(const char *path) { return strstr(path, DATASET) != NULL; }

static int time_piece(char what, const struct tm *t, char *out, size_t size)
{
    if (what == 'Y')
        return snprintf(out, size, "%04d", t->tm_year + 1900);
    return snprintf(out, size, "%02d", what == 'm' ? t->tm_mon + 1 : what == 'd' ? t->tm_mday : what == 'H' ? t->tm_hour : t->tm_min);
}

bool ship_folder_write(const char *path, enum event_type type, int64_t received_us, char *out, size_t size)
{
    struct tm t;
    time_t    at = (time_t)(received_us / US_PER_S);
    size_t    used = 0, length;
    if (!gmtime_r(&at, &t))
        t = (struct tm){ .tm_year = 70, .tm_mday = 1 };
    for (const char *p = path; *p; p += length) {
        length = piece(p);
        int n = length == DATASET_LENGTH ? snprintf(out + used, size - used, "%s", route_type_name(type))
              : length == 2              ? time_piece(p[1], &t, out + used, size - used)
              : length == 1              ? snprintf(out + used, size - used, "%c", *p) : -1;
        if (n < 0 || (size_t)n >= size - used)
            return false;
        used += (size_t)n;
    }
    return used > 0;
}

const char *ship_folder_of(struct ship_folder *f, const char *path, enum event_type type, int64_t received_us)
{
    int64_t minute = received_us / (60 * US_PER_S);
    if (!f->known || f->type != type || f->minute != minute)
        f->known = ship_folder_write(path, type, received_us, f->text, sizeof f->text);
    f->type = type;
    f->minute = minute;
    return f->known ? f->text : NULL;
}
