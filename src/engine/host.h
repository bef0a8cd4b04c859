/*
 * engine/host.h - the engine's life, for the program that hosts it.
 *
 *     struct engine *e;
 *     if (conf_load(path, sections, n, &conf, NULL, fault) == OK && engine_open(conf, &e, fault) == OK) {
 *         ... start the web ...
 *         engine_run_loop(e);         returns on SIGTERM, SIGINT or engine_quit()
 *         ... stop the web ...
 *         engine_close(e);
 *     }
 *
 * engine_open() opens the store, recovers what was under way, and starts one act
 * worker per target and the sensing thread.  It is meant to be called once.
 */
#ifndef ENGINE_HOST_H
#define ENGINE_HOST_H

#include "conf/daemon.h"
#include "engine/engine.h"

/* conf was loaded with all of daemon_sections, and perhaps others; it is the engine's from now on, also when this fails. */
MUST_CHECK enum err engine_open(struct conf *conf, struct engine **e, struct fault *fault);
int                 engine_run_loop(struct engine *e);      /* exit code: 0, or 1 when the store broke and a restart must recover */
void                engine_quit(struct engine *e);          /* any thread */
void                engine_close(struct engine *e);

/* Called on the engine's thread after each successful reload of the configuration; must not block. Set it before the loop runs. */
void                engine_on_reload(struct engine *e, void (*f)(void *ctx), void *ctx);

const struct daemon_conf *engine_conf(struct engine *e);
/* All sections, as of the last reload; for whoever hosts more than the engine. Lives as long as the engine. */
const struct conf        *engine_whole_conf(struct engine *e);
/* Of the policy in force. On the engine's thread, or before its loop runs. */
const char               *engine_policy_version(struct engine *e);
const char               *engine_store_folder(struct engine *e);

/* The stages as a table and the map of targets, for `homeostat map`. */
void engine_map_print(FILE *out);

#endif
