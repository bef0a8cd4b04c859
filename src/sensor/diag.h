/*
 * sensor/diag.h - the connections of this host as the kernel's sock_diag tells them: addresses, round trip, retransmissions, timers. Pure but for diag_ask().
 */
#ifndef SENSOR_DIAG_H
#define SENSOR_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in <netinet/tcp.h>. */
enum diag_state { DIAG_ESTABLISHED = 1, DIAG_SYN_SENT = 2, DIAG_SYN_RECV = 3, DIAG_FIN_WAIT_1 = 4, DIAG_FIN_WAIT_2 = 5, DIAG_CLOSE_WAIT = 8, DIAG_LAST_ACK = 9, DIAG_LISTEN = 10 };

/* What is asked for: who listens; and connections, without those that only wait for their port to be free. */
#define DIAG_LISTENERS   (1u << DIAG_LISTEN)
#define DIAG_CONNECTIONS (1u << DIAG_ESTABLISHED | 1u << DIAG_SYN_SENT | 1u << DIAG_SYN_RECV | 1u << DIAG_FIN_WAIT_1 | 1u << DIAG_FIN_WAIT_2 | 1u << DIAG_CLOSE_WAIT | 1u << DIAG_LAST_ACK)

/* What a connection waits for. */
enum diag_timer { DIAG_TIMER_NONE, DIAG_TIMER_RETRANSMIT, DIAG_TIMER_KEEPALIVE, DIAG_TIMER_TIME_WAIT, DIAG_TIMER_WINDOW };

/* In network order; an IPv4 address in the dress of IPv6 (::ffff:10.0.0.9) is an IPv4 address. */
struct diag_address { uint8_t family /* AF_INET, AF_INET6 */, bytes[16]; };
enum { DIAG_ADDRESS_SIZE = 48 };
const char *diag_address_text(const struct diag_address *a, char out[DIAG_ADDRESS_SIZE]);
bool        diag_address_is_loopback(const struct diag_address *a);

struct diag_connection {
    struct diag_address local, remote;
    uint16_t local_port, remote_port;
    uint8_t  state, timer;
    uint8_t  timer_retries;             /* of what the timer is for: SYNs, segments or probes sent again */
    uint8_t  retries;                   /* of the data that is under way now */
    uint8_t  backoff;
    uint32_t expires_ms;                /* until the timer fires */
    uint32_t rtt_us, rttvar_us, min_rtt_us, rto_us;
    uint32_t retransmits;               /* of its whole life */
    uint32_t unacked, since_ack_ms, since_sent_ms, cwnd, ssthresh;
    uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retransmitted;
    uint64_t delivery_rate;             /* bytes a second; 0: not known */
    uint64_t busy_us, receiver_us, sender_us;   /* sending; held up by the other side's window; by our own buffer */
    uint64_t cookie;                    /* tells it from a later one with the same addresses */
};

typedef bool diag_see(void *ctx, const struct diag_connection *c);      /* false: no more of them */

/* What came of some bytes of an answer. BROKEN: they make no sense, or the kernel reported *error. */
enum diag_part { DIAG_MORE, DIAG_DONE, DIAG_STOPPED, DIAG_BROKEN };
enum diag_part diag_parse(const void *bytes, size_t size, diag_see *see, void *ctx, int *error);

/* What came of a question. NONE: nothing was told; PARTIAL: something, and then *error. Who stops it has what he wants: WHOLE. */
enum diag_heard { DIAG_WHOLE, DIAG_PARTIAL, DIAG_NONE };
typedef enum diag_heard diag_asker(void *whom, unsigned states, diag_see *see, void *ctx, int *error);

/* The kernel; both families. whom is not used. */
diag_asker diag_ask;

#endif
