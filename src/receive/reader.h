/*
 * receive/reader.h - the thread that reads what lies on this machine: files and journald.
 *
 * A reload is a stop and a start: where they are is durable, so that nothing comes twice.
 */
#ifndef RECEIVE_READER_H
#define RECEIVE_READER_H

#include "receive/inputs.h"

struct reader;

/* *out stays NULL when there is neither. folder exists. */
MUST_CHECK enum err reader_start(const struct conf *conf, struct journal *j, const char *folder, const struct clock *clock, struct reader **out, struct fault *fault);
void    reader_stop(struct reader *r);      /* NULL is fine */
/* INPUT_FILES and INPUT_JOURNALD of out. */
void    reader_stats(struct reader *r, struct inputs_stats *out);
json_t *reader_status(struct reader *r);

#endif
