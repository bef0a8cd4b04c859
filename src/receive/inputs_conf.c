/* receive/inputs_conf.c - the tables of inputs_conf.h. The last column is what the operator reads in the documentation. */
#include "receive/inputs_conf.h"

#include <regex.h>
#include <stddef.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum err tenant_check(const char *value, struct fault *fault)
{
    return strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(value)
               ? OK
               : fail(fault, ERR_INPUT, "a tenant's name is made of letters, digits, `-`, `_` and `.`");
}

static enum err pattern_check(const char *value, struct fault *fault)
{
    regex_t r;
    char    why[120];
    if (!*value)
        return OK;
    int e = regcomp(&r, value, REG_EXTENDED | REG_NOSUB);
    if (e == 0) {
        regfree(&r);
        return OK;
    }
    (void)regerror(e, NULL, why, sizeof why);
    (void)fail(fault, ERR_INPUT, "it is no extended regular expression of POSIX: %s", why);
    return ERR_INPUT;
}

static enum err glob_check(const char *value, struct fault *fault)
{
    return value[0] == '/' ? OK : fail(fault, ERR_INPUT, "the path of a file to follow begins with /");
}

static const struct conf_knob inputs_knobs[] = {
    { "delay", KNOB_TIME(struct inputs_conf, delay_us), "200ms", "1ms..10s", CONF_LIVE, "How long lines wait for company before they are made durable together. Shorter is dearer." },
};

const struct conf_section inputs_section = { .path = "inputs", .knobs = inputs_knobs, .count = COUNT(inputs_knobs), .size = sizeof(struct inputs_conf),
    .why = "What holds for lines of syslog, files and journald alike." };

/* ---- syslog ---- */

static const struct conf_knob syslog_knobs[] = {
    { "address",         KNOB_ADDRESS(struct syslog_conf, address),         NULL,    NULL,           CONF_LIVE,
      "Where to listen; port 0 takes any free one. Usual: 514 for udp and tcp, 6514 for tls." },
    { "transport",       KNOB_CHOICE(struct syslog_conf, transport),        NULL,    "udp|tcp|tls",  CONF_LIVE,
      "udp: a message a datagram. tcp, tls: counted octets or lines, told apart by the first bytes of a connection; among counted messages lines may stand. Over udp a sender cannot be made to wait." },
    { "tenant",          KNOB_TEXT(struct syslog_conf, tenant),             "",      "0..63",        CONF_LIVE,
      "Whose everything is that comes in here. Unset: the installation's own.", tenant_check },
    { "message_max",     KNOB_SIZE(struct syslog_conf, message_max),        "64KiB", "480B..256KiB", CONF_LIVE,
      "A longer message is cut off here, and counted." },
    { "tls_certificate", KNOB_PATH(struct syslog_conf, tls_certificate),    "",      "file",         CONF_LIVE,
      "PEM file with the certificate and its chain; read again at each reload." },
    { "tls_key",         KNOB_SECRET_FILE(struct syslog_conf, tls_key),     "",      NULL,           CONF_LIVE,
      "PEM file with the private key, mode 0600 or 0400." },
    { "tls_client_ca",   KNOB_PATH(struct syslog_conf, tls_client_ca),      "",      "file",         CONF_LIVE,
      "PEM file with the authorities whose client certificates are let in. Unset: anybody." },
    { "insecure",        KNOB_BOOL(struct syslog_conf, insecure),           "no",    NULL,           CONF_LIVE,
      "Let it be reached from outside without TLS and client certificates. For a network that is guarded by other means." },
};

static void syslog_check(const void *instance, struct conf_checker *c)
{
    const struct syslog_conf *s = instance;
    bool                      tls = s->transport == SYSLOG_TLS;
    if (tls != (*s->tls_certificate != '\0'))
        conf_refuse(c, "tls_certificate", "Set tls_certificate and tls_key with `transport: tls`, and only there.", "transport and certificate do not go together");
    if (tls != (*s->tls_key.path != '\0'))
        conf_refuse(c, "tls_key", "Set tls_certificate and tls_key with `transport: tls`, and only there.", "transport and key do not go together");
    if (!tls && *s->tls_client_ca)
        conf_refuse(c, "tls_client_ca", "Set `transport: tls`.", "only tls knows client certificates");
    if (!s->address.loopback && !s->insecure && !*s->tls_client_ca)
        conf_refuse(c, "address", "Use tls with tls_client_ca, listen on 127.0.0.1, or say `insecure: yes`.", "%s can be reached from outside, so it needs TLS and client certificates",
                    s->address.host);
}

const struct conf_section syslog_section = { .path = "syslog", .knobs = syslog_knobs, .count = COUNT(syslog_knobs), .size = sizeof(struct syslog_conf), .check = syslog_check,
    .shape = CONF_MAP, .instances_max = INPUTS_SYSLOG_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct syslog_conf, name), .why = "Addresses that syslog is sent to, RFC 5424 or RFC 3164." };

/* ---- files ---- */

static const struct conf_knob files_knobs[] = {
    { "paths",         KNOB_LIST(struct files_conf, paths),         NULL,     "1..64",          CONF_LIVE,
      "Files to follow, with * ? [] as the shell knows them. Name rotated ones as well (app.log*): then also what was rotated while nobody looked is read. A file that two entries name is read by the first of them.", glob_check },
    { "exclude",       KNOB_LIST(struct files_conf, exclude),       "*.gz *.xz *.bz2 *.zst *.lz4", "0..64", CONF_LIVE,
      "Not these; without a / it is compared with the last part of the path." },
    { "tenant",        KNOB_TEXT(struct files_conf, tenant),        "",       "0..63",          CONF_LIVE, "Whose the lines are. Unset: the installation's own.", tenant_check },
    { "service",       KNOB_TEXT(struct files_conf, service),       "",       "0..200",         CONF_LIVE, "The attribute service.name of each line. Unset: the name of this entry." },
    { "start_pattern", KNOB_TEXT(struct files_conf, start_pattern), "",       "0..1000",        CONF_LIVE,
      "An extended regular expression: only a line with a match begins a new text, others belong to the one before. Unset: each line is one.", pattern_check },
    { "indented",      KNOB_BOOL(struct files_conf, indented),      "no",     NULL,             CONF_LIVE, "A line that begins with a blank or a tab belongs to the one before: stack traces." },
    { "from",          KNOB_CHOICE(struct files_conf, from),        "start",  "start|end",      CONF_LIVE,
      "Where files begin that are there when this entry is read for the first time. Those that come later are always read from their start." },
    { "line_max",      KNOB_SIZE(struct files_conf, line_max),      "256KiB", "1KiB..512KiB",   CONF_LIVE, "A longer line, or text of lines, goes on in another; such are counted." },
    { "linger",        KNOB_TIME(struct files_conf, linger_us),     "1min",   "0s..1d",         CONF_LIVE,
      "A file that was deleted, or renamed so that no path names it, is still read until nothing was added for this long." },
    { "poll",          KNOB_TIME(struct files_conf, poll_us),       "10s",    "100ms..10min",   CONF_LIVE, "How often folders and sizes are looked at even when the kernel tells of no change: on network file systems it does not." },
    { "group_wait",    KNOB_TIME(struct files_conf, group_us),      "1s",     "10ms..1min",     CONF_LIVE, "With start_pattern or indented: the last text of a file is complete when nothing was added for this long." },
};

const struct conf_section files_section = { .path = "files", .knobs = files_knobs, .count = COUNT(files_knobs), .size = sizeof(struct files_conf), .shape = CONF_MAP,
    .instances_max = INPUTS_FILES_MAX, .flags = CONF_LIVE, .name_at = offsetof(struct files_conf, name), .why = "Files whose lines are taken in as they are written, through rotations and restarts." };

/* ---- journald ---- */

static const struct conf_knob journald_knobs[] = {
    { "enabled", KNOB_BOOL(struct journald_conf, enabled), "no",    NULL,        CONF_LIVE, "Take in the journal of systemd." },
    { "units",   KNOB_LIST(struct journald_conf, units),   "",      "0..64",     CONF_LIVE, "Only these units, such as postgresql@15-main.service. Unset: everything." },
    { "folder",  KNOB_PATH(struct journald_conf, folder),  "",      NULL,        CONF_LIVE, "Read the journal files of this folder instead of the machine's own." },
    { "tenant",  KNOB_TEXT(struct journald_conf, tenant),  "",      "0..63",     CONF_LIVE, "Whose the messages are. Unset: the installation's own.", tenant_check },
    { "from",    KNOB_CHOICE(struct journald_conf, from),  "start", "start|now", CONF_LIVE, "Where to begin the first time: with all that is there, or with what comes from now on." },
};

const struct conf_section journald_section = { .path = "journald", .knobs = journald_knobs, .count = COUNT(journald_knobs), .size = sizeof(struct journald_conf),
    .why = "The journal of systemd, its cursor kept durably." };
