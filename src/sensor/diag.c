/* sensor/diag.c - see diag.h. */
#include "sensor/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER = 64 * 1024, TIMEOUT_MS = 200, ERRNO_MOST = 4095 };

/* ---- addresses ---- */

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct diag_address address_of(int family, const void *bytes)
{
    struct diag_address a = { .family = AF_INET };
    if (family == AF_INET)
        memcpy(a.bytes, bytes, 4);
    else if (memcmp(bytes, mapped, sizeof mapped) == 0)
        memcpy(a.bytes, (const char *)bytes + sizeof mapped, 4);
    else {
        a.family = AF_INET6;
        memcpy(a.bytes, bytes, 16);
    }
    return a;
}

const char *diag_address_text(const struct diag_address *a, char out[DIAG_ADDRESS_SIZE])
{
    return inet_ntop(a->family, a->bytes, out, DIAG_ADDRESS_SIZE) ? out : "?";
}

bool diag_address_is_loopback(const struct diag_address *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == AF_INET ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof one) == 0;
}

/* ---- what the kernel says of one ---- */

static void take_info(const void *bytes, size_t size, struct diag_connection *c)
{
    struct tcp_info i = { 0 };
    memcpy(&i, bytes, size < sizeof i ? size : sizeof i);        /* older kernels give less of it */
    c->retries             = i.tcpi_retransmits;
    c->backoff             = i.tcpi_backoff;
    c->rtt_us              = i.tcpi_rtt;
    c->rttvar_us           = i.tcpi_rttvar;
    c->min_rtt_us          = i.tcpi_min_rtt == UINT32_MAX ? 0 : i.tcpi_min_rtt;     /* not measured yet */
    c->rto_us              = i.tcpi_rto;
    c->retransmits         = i.tcpi_total_retrans;
    c->unacked             = i.tcpi_unacked;
    c->since_ack_ms        = i.tcpi_last_ack_recv;
    c->since_sent_ms       = i.tcpi_last_data_sent;
    c->cwnd                = i.tcpi_snd_cwnd;
    c->ssthresh            = i.tcpi_snd_ssthresh;
    c->bytes_acked         = i.tcpi_bytes_acked;
    c->bytes_received      = i.tcpi_bytes_received;
    c->bytes_sent          = i.tcpi_bytes_sent;
    c->bytes_retransmitted = i.tcpi_bytes_retrans;
    c->delivery_rate       = i.tcpi_delivery_rate;
    c->busy_us             = i.tcpi_busy_time;
    c->receiver_us         = i.tcpi_rwnd_limited;
    c->sender_us           = i.tcpi_sndbuf_limited;
}

static bool one(const char *bytes, size_t size, struct diag_connection *c)
{
    struct inet_diag_msg m;
    if (size < sizeof m)
        return false;
    memcpy(&m, bytes, sizeof m);
    if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
        return false;
    *c = (struct diag_connection){ .local = address_of(m.idiag_family, m.id.idiag_src), .remote = address_of(m.idiag_family, m.id.idiag_dst),
        .local_port = ntohs(m.id.idiag_sport), .remote_port = ntohs(m.id.idiag_dport), .state = m.idiag_state, .timer = m.idiag_timer, .timer_retries = m.idiag_retrans,
        .expires_ms = m.idiag_expires, .cookie = (uint64_t)m.id.idiag_cookie[0] << 32 | m.id.idiag_cookie[1] };
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

/* An error, and the end as well, begin with a number: 0 or a negative errno. */
static int number_of(const char *bytes, size_t size)
{
    int32_t n = 0;
    if (size >= sizeof n)
        memcpy(&n, bytes, sizeof n);
    return n >= 0 ? 0 : n < -ERRNO_MOST ? EPROTO : -n;
}

enum diag_part diag_parse(const void *bytes, size_t size, diag_see *see, void *ctx, int *error)
{
    const char *p = bytes;
    *error        = EPROTO;
    for (size_t at = 0; at < size;) {
        struct nlmsghdr h;
        if (size - at < sizeof h)
            return DIAG_BROKEN;
        memcpy(&h, p + at, sizeof h);
        if (h.nlmsg_len < sizeof h || h.nlmsg_len > size - at)
            return DIAG_BROKEN;
        const char *body   = p + at + NLMSG_HDRLEN;
        size_t      length = h.nlmsg_len - NLMSG_HDRLEN;
        if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR) {
            int wrong = number_of(body, length);
            if (h.nlmsg_type == NLMSG_DONE && !wrong)
                return DIAG_DONE;
            *error = wrong ? wrong : EPROTO;
            return DIAG_BROKEN;
        }
        struct diag_connection c;
        if (h.nlmsg_type == SOCK_DIAG_BY_FAMILY && one(body, length, &c) && !see(ctx, &c))
            return DIAG_STOPPED;
        at += NLMSG_ALIGN((size_t)h.nlmsg_len);
    }
    return DIAG_MORE;
}

/* ---- asking ---- */

static enum diag_part ask_on(int fd, int family, unsigned states, diag_see *see, void *ctx, int *error)
{
    struct { struct nlmsghdr h; struct inet_diag_req_v2 r; } q = {
        .h = { .nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .r = { .sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_ext = states == DIAG_LISTENERS ? 0 : 1 << (INET_DIAG_INFO - 1), .idiag_states = states },
    };
    char           answer[ANSWER];
    enum diag_part part = DIAG_MORE;
    if (send(fd, &q, sizeof q, 0) != (ssize_t)sizeof q) {
        *error = errno;
        return DIAG_BROKEN;
    }
    while (part == DIAG_MORE) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *error = n == 0 ? EPROTO : errno == EAGAIN ? ETIMEDOUT : errno;
            return DIAG_BROKEN;
        }
        part = diag_parse(answer, (size_t)n, see, ctx, error);
    }
    return part;
}

/* Counts what is told, so that nothing is not taken for something. */
struct counting { diag_see *see; void *ctx; bool any; };

static bool count_and_see(void *ctx, const struct diag_connection *c)
{
    struct counting *n = ctx;
    n->any             = true;
    return n->see(n->ctx, c);
}

static enum diag_part ask_family(int family, unsigned states, struct counting *n, int *error)
{
    /* a socket of its own for each question: what was left of one cannot be taken for the other's answer */
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        *error = errno;
        return DIAG_BROKEN;
    }
    struct timeval limit = { .tv_usec = TIMEOUT_MS * 1000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    enum diag_part part = ask_on(fd, family, states, count_and_see, n, error);
    close(fd);
    return part;
}

enum diag_heard diag_ask(void *whom, unsigned states, diag_see *see, void *ctx, int *error)
{
    struct counting n = { see, ctx, false };
    (void)whom;
    enum diag_part part = ask_family(AF_INET, states, &n, error);
    if (part == DIAG_BROKEN)
        return n.any ? DIAG_PARTIAL : DIAG_NONE;
    if (part == DIAG_STOPPED)
        return DIAG_WHOLE;
    part = ask_family(AF_INET6, states, &n, error);
    /* a kernel without IPv6 has no such connections, and the answer is whole without them */
    return part != DIAG_BROKEN || *error == ENOENT ? DIAG_WHOLE : DIAG_PARTIAL;
}
