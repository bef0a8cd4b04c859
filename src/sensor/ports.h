/*
 * sensor/ports.h - connections by the port of the side that serves, the ports that are listened on, and the ports that nobody should use.
 *
 * A connection is `in` when its local port is listened on, else `out` and belongs to its remote port.
 */
#ifndef SENSOR_PORTS_H
#define SENSOR_PORTS_H

#include "base/err.h"
#include "sensor/diag.h"
#include "sensor/inside.h"

enum { PORTS_MAX = 64, PORT_RULES_MAX = 64, PORTS_SAY_MAX = 8, PORT_NO_ACK_MS = 300 };

/* ---- which are allowed ---- */

/* A port, a range of them, or both at one address only. */
struct port_rule { struct diag_address address /* family 0: any */; uint16_t from, to; };
struct port_rules { struct port_rule rule[PORT_RULES_MAX]; size_t count; };

/* 443, 8000-8099, 10.0.0.9:5432, [::1]:5432 */
MUST_CHECK enum err port_rule_parse(const char *text, struct port_rule *out, struct fault *fault);
bool port_rules_allow(const struct port_rules *r, const struct diag_address *a, uint16_t port);       /* an empty list allows everything */

/* ---- what is there ---- */

struct port_set { uint64_t bits[65536 / 64]; };
static inline bool port_in(const struct port_set *s, uint16_t port) { return s->bits[port / 64] >> (port % 64) & 1; }
static inline void port_add(struct port_set *s, uint16_t port) { s->bits[port / 64] |= UINT64_C(1) << (port % 64); }

/* Counters of its life, and what one look sees. */
struct port {
    uint16_t number;
    bool     out;
    uint64_t looked;                    /* the last look with a connection; when there is no room, who was idle for longest goes */
    uint64_t retransmits, bytes;
    struct { uint32_t open, measured, connecting, half_open, connect_slow, silent, rtt_most_us; double rtt_us, rttvar_us; } now;
};

struct ports {
    struct port     port[PORTS_MAX + 1];       /* the last is `other` */
    size_t          count;
    uint64_t        look;
    bool            others;                     /* somebody had to go there once */
    struct port_set listening, forbidden[2] /* listen, out */, announced[2];
    unsigned        said;                       /* in this look; not more than PORTS_SAY_MAX lines of a log */
};

/* A look: begin, ports_listener() for each listener, ports_use() for each connection, then ports_see() for each, and tell. */
void         ports_begin(struct ports *p);
void         ports_listener(struct turn *u, struct ports *p, const struct diag_connection *c);
void         ports_use(struct ports *p, uint16_t number, bool out);
struct port *ports_find(struct ports *p, uint16_t number, bool out);
void         ports_see(struct turn *u, struct ports *p, struct port *one, const struct diag_connection *c, bool out);
void         ports_tell(struct turn *u, struct ports *p);

/* Waits for the answer to its SYN, or to its answer to one, for more than 300 ms. */
bool port_connect_is_slow(const struct diag_connection *c);

#endif
