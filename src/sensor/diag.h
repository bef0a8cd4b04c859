/*
 * sensor/diag.h - the connections of this host as the kernel's sock_diag tells them: addresses, round trip, retransmissions. Pure but for diag_ask().
 */
#ifndef SENSOR_DIAG_H
#define SENSOR_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag_connection {
    char     remote[48];
    uint16_t local_port, remote_port;
    uint8_t  state;                     /* as in <netinet/tcp.h>: 1 is established, 2 waits for the answer to its SYN */
    uint32_t rtt_us, retransmits;       /* retransmits of its whole life */
    uint32_t backoff, unacked, since_ack_ms, rto_us;
    uint64_t bytes_acked, bytes_received;
    uint32_t cookie[2];                 /* tells it from a later one with the same addresses */
};

/* The connections of one answer's bytes; see answers false to stop. False: the last message was there. Bytes that make no sense end it. */
bool diag_parse(const void *bytes, size_t size, bool (*see)(void *ctx, const struct diag_connection *c), void *ctx);

/* All of both families, listeners and TIME_WAIT left out. False: the kernel does not tell. */
bool diag_ask(bool (*see)(void *ctx, const struct diag_connection *c), void *ctx);

#endif
