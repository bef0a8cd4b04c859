/* sensor/diag.c - see diag.h. */
#include "sensor/diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STATES = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 /* established, SYN sent, FIN wait 1 and 2, close wait, last ACK */, ANSWER = 64 * 1024, TIMEOUT_MS = 200 };

static void take_info(const void *bytes, size_t size, struct diag_connection *c)
{
    struct tcp_info i = { 0 };
    memcpy(&i, bytes, size < sizeof i ? size : sizeof i);        /* older kernels give less of it */
    c->rtt_us         = i.tcpi_rtt;
    c->retransmits    = i.tcpi_total_retrans;
    c->backoff        = i.tcpi_backoff;
    c->unacked        = i.tcpi_unacked;
    c->since_ack_ms   = i.tcpi_last_ack_recv;
    c->rto_us         = i.tcpi_rto;
    c->bytes_acked    = i.tcpi_bytes_acked;
    c->bytes_received = i.tcpi_bytes_received;
}

static bool one(const char *bytes, size_t size, struct diag_connection *c)
{
    struct inet_diag_msg m;
    if (size < sizeof m)
        return false;
    memcpy(&m, bytes, sizeof m);
    *c = (struct diag_connection){ .state = m.idiag_state, .local_port = ntohs(m.id.idiag_sport), .remote_port = ntohs(m.id.idiag_dport),
        .cookie = { m.id.idiag_cookie[0], m.id.idiag_cookie[1] } };
    if (!inet_ntop(m.idiag_family, m.id.idiag_dst, c->remote, sizeof c->remote))
        return false;
    for (size_t at = NLMSG_ALIGN(sizeof m); at + sizeof(struct nlattr) <= size;) {
        struct nlattr a;
        memcpy(&a, bytes + at, sizeof a);
        if (a.nla_len < sizeof a || a.nla_len > size - at)
            break;
        if (a.nla_type == INET_DIAG_INFO)
            take_info(bytes + at + sizeof a, a.nla_len - sizeof a, c);
        at += NLMSG_ALIGN((size_t)a.nla_len);
    }
    return true;
}

bool diag_parse(const void *bytes, size_t size, bool (*see)(void *ctx, const struct diag_connection *c), void *ctx)
{
    const char *p = bytes;
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= size;) {
        struct nlmsghdr h;
        memcpy(&h, p + at, sizeof h);
        if (h.nlmsg_len < sizeof h || h.nlmsg_len > size - at || h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
            return false;
        struct diag_connection c;
        if (h.nlmsg_type == SOCK_DIAG_BY_FAMILY && one(p + at + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN, &c) && !see(ctx, &c))
            return false;
        at += NLMSG_ALIGN((size_t)h.nlmsg_len);
    }
    return true;
}

static bool ask_family(int fd, int family, bool (*see)(void *ctx, const struct diag_connection *c), void *ctx)
{
    struct { struct nlmsghdr h; struct inet_diag_req_v2 r; } q = {
        .h = { .nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .r = { .sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_ext = 1 << (INET_DIAG_INFO - 1), .idiag_states = STATES },
    };
    char answer[ANSWER];
    if (send(fd, &q, sizeof q, 0) != (ssize_t)sizeof q)
        return false;
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n <= 0)
            return false;
        if (!diag_parse(answer, (size_t)n, see, ctx))
            return true;
    }
}

bool diag_ask(bool (*see)(void *ctx, const struct diag_connection *c), void *ctx)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return false;
    struct timeval limit = { .tv_usec = TIMEOUT_MS * 1000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    bool fine = ask_family(fd, AF_INET, see, ctx);
    close(fd);
    /* a socket of its own for each question: what was left of one cannot be taken for the other's answer */
    if (fine && (fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        (void)ask_family(fd, AF_INET6, see, ctx);
        close(fd);
    }
    return fine;
}
