/*
 * web/assets.h - the dashboard's files, carried inside the program.
 *
 * tools/embed_assets.py makes the table from what the build of ui/ leaves behind.  A build without the tools for ui/
 * carries an empty table, and GET / says so.
 */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include <stddef.h>

struct ui_asset {
    const char          *path;    /* "index.html", "app.js": below /assets/, and index.html is / as well */
    const char          *type;    /* the media type with its charset */
    const unsigned char *data;
    size_t               size;
    const char          *etag;    /* quoted, of the contents */
};

extern const struct ui_asset ui_assets[];       /* ui_assets_count of them */
extern const size_t          ui_assets_count;

#endif
