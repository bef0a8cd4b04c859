/* receive/inputs_conf.h - the settings of syslog, files and journald: see inputs.h for how they look. */
#ifndef RECEIVE_INPUTS_CONF_H
#define RECEIVE_INPUTS_CONF_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

enum { INPUTS_SYSLOG_MAX = 32, INPUTS_FILES_MAX = 64 };

struct inputs_conf { int64_t delay_us; };      /* inputs, once */

enum syslog_transport { SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS };

struct syslog_conf {                      /* syslog, a map */
    const char           *name;
    struct conf_address   address;
    enum syslog_transport transport;
    const char           *tenant;
    int64_t               message_max;
    const char           *tls_certificate, *tls_client_ca;
    struct conf_secret    tls_key;
    bool                  insecure;
};

enum files_from { FILES_FROM_START, FILES_FROM_END };

struct files_conf {                       /* files, a map */
    const char      *name;
    struct conf_list paths, exclude;
    const char      *tenant, *service, *start_pattern;
    bool             indented;
    enum files_from  from;
    int64_t          line_max;
    int64_t          linger_us, poll_us, group_us;
};

enum journald_from { JOURNALD_FROM_START, JOURNALD_FROM_NOW };

struct journald_conf {                    /* journald, once */
    bool               enabled;
    struct conf_list   units;
    const char        *folder, *tenant;
    enum journald_from from;
};

extern const struct conf_section inputs_section, syslog_section, files_section, journald_section;

#endif
