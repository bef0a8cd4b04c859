/* store/inside.h - what the files of this room share and nobody else sees. */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include "store/db.h"

struct store { struct db *db; int lock_fd; };

#endif
