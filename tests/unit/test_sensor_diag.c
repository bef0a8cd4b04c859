/* sensor: the kernel's answer about connections, written by hand from its headers. */
#include "unit.h"

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

struct answer { char bytes[4096]; size_t size; };

static void add(struct answer *a, uint16_t type, const void *body, size_t size)
{
    struct nlmsghdr h = { .nlmsg_len = (uint32_t)(sizeof h + size), .nlmsg_type = type };
    memcpy(a->bytes + a->size, &h, sizeof h);
    if (size)
        memcpy(a->bytes + a->size + sizeof h, body, size);
    a->size += NLMSG_ALIGN(sizeof h + size);
}

static void add_connection(struct answer *a, uint16_t local, uint16_t remote, uint32_t rtt_us, size_t info_size)
{
    char                 body[1024] = { 0 };
    struct inet_diag_msg m    = { .idiag_family = AF_INET, .idiag_state = 1, .id = { .idiag_sport = htons(local), .idiag_dport = htons(remote), .idiag_dst = { htonl(0x0a000009) } } };
    struct tcp_info      info = { .tcpi_rtt = rtt_us, .tcpi_total_retrans = 3, .tcpi_bytes_acked = 1000 };
    struct nlattr        attr = { .nla_len = (uint16_t)(sizeof attr + info_size), .nla_type = INET_DIAG_INFO };
    memcpy(body, &m, sizeof m);
    memcpy(body + sizeof m, &attr, sizeof attr);
    memcpy(body + sizeof m + sizeof attr, &info, info_size < sizeof info ? info_size : sizeof info);
    add(a, SOCK_DIAG_BY_FAMILY, body, sizeof m + sizeof attr + info_size);
}

struct seen { struct diag_connection c[8]; size_t count; };

static bool see(void *ctx, const struct diag_connection *c)
{
    struct seen *s = ctx;
    s->c[s->count++] = *c;
    return s->count < 8;
}

static void an_answer_is_read_up_to_its_end(void **state)
{
    (void)state;
    struct answer a = { .size = 0 };
    struct seen   s = { .count = 0 };
    char          address[DIAG_ADDRESS_SIZE];
    int           error;
    add_connection(&a, 443, 50000, 12000, sizeof(struct tcp_info));
    add_connection(&a, 40000, 5432, 500, 72);       /* an older kernel tells less */
    assert_int_equal(diag_parse(a.bytes, a.size, see, &s, &error), DIAG_MORE);
    add(&a, NLMSG_DONE, &(int32_t){ 0 }, 4);
    s.count = 0;
    assert_int_equal(diag_parse(a.bytes, a.size, see, &s, &error), DIAG_DONE);
    assert_int_equal(s.count, 2);
    assert_string_equal(diag_address_text(&s.c[0].remote, address), "10.0.0.9");
    assert_int_equal(s.c[0].local_port, 443);
    assert_int_equal(s.c[0].rtt_us, 12000);
    assert_int_equal(s.c[0].retransmits, 3);
    assert_int_equal(s.c[0].bytes_acked, 1000);
    assert_int_equal(s.c[1].remote_port, 5432);
    assert_int_equal(s.c[1].rtt_us, 500);
    assert_int_equal(s.c[1].bytes_acked, 0);
}

static void an_answer_that_is_cut_anywhere_is_borne(void **state)
{
    (void)state;
    struct answer a = { .size = 0 };
    int           error;
    add_connection(&a, 443, 50000, 12000, sizeof(struct tcp_info));
    for (size_t n = 0; n <= a.size; n++) {
        struct seen s = { .count = 0 };
        char        exact[4096];
        memcpy(exact, a.bytes, n);
        assert_int_equal(diag_parse(exact, n, see, &s, &error), n == 0 || n == a.size ? DIAG_MORE : DIAG_BROKEN);
        assert_int_equal(s.count, n >= a.size);
    }
}

static void an_answer_that_ends_with_an_error_is_not_taken_for_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct answer a = { .size = 0 };
        struct seen   s = { .count = 0 };
        int           error = 0;
        add_connection(&a, 443, 50000, 12000, sizeof(struct tcp_info));
        add(&a, i ? NLMSG_DONE : NLMSG_ERROR, &(int32_t){ -EPERM }, 4);
        assert_int_equal(diag_parse(a.bytes, a.size, see, &s, &error), DIAG_BROKEN);
        assert_int_equal(error, EPERM);
        assert_int_equal(s.count, 1);
        a.size = 0;
        add(&a, i ? NLMSG_DONE : NLMSG_ERROR, &(int32_t){ INT32_MIN }, 4);      /* no number of an error */
        assert_int_equal(diag_parse(a.bytes, a.size, see, &s, &error), DIAG_BROKEN);
        assert_int_equal(error, EPROTO);
    }
}

static void an_address_of_ipv4_in_the_dress_of_ipv6_is_one_of_ipv4(void **state)
{
    (void)state;
    struct answer        a = { .size = 0 };
    struct seen          s = { .count = 0 };
    char                 address[DIAG_ADDRESS_SIZE];
    int                  error;
    struct inet_diag_msg m = { .idiag_family = AF_INET6, .idiag_state = 2, .idiag_timer = 1, .idiag_retrans = 3, .idiag_expires = 700,
        .id = { .idiag_dst = { 0, 0, htonl(0xffff), htonl(0x7f000001) }, .idiag_src = { htonl(0x20010db8), 0, 0, htonl(1) } } };
    add(&a, SOCK_DIAG_BY_FAMILY, &m, sizeof m);
    assert_int_equal(diag_parse(a.bytes, a.size, see, &s, &error), DIAG_MORE);
    assert_string_equal(diag_address_text(&s.c[0].remote, address), "127.0.0.1");
    assert_true(diag_address_is_loopback(&s.c[0].remote));
    assert_string_equal(diag_address_text(&s.c[0].local, address), "2001:db8::1");
    assert_false(diag_address_is_loopback(&s.c[0].local));
    assert_int_equal(s.c[0].timer, DIAG_TIMER_RETRANSMIT);
    assert_int_equal(s.c[0].timer_retries, 3);
    assert_int_equal(s.c[0].expires_ms, 700);
}

/* ---- the kernel of this machine; where it may not be asked, it says why ---- */

struct sought { uint16_t port; int found; struct diag_connection c; };

static bool seek(void *ctx, const struct diag_connection *c)
{
    struct sought *s = ctx;
    if (c->state == DIAG_LISTEN ? c->local_port == s->port : c->remote_port == s->port) {
        s->found++;
        s->c = *c;
    }
    return true;
}

static int listen_on(struct sockaddr_in *at, int backlog)
{
    socklen_t n   = sizeof *at;
    int       ear = socket(AF_INET, SOCK_STREAM, 0);
    *at           = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(ear, (void *)at, sizeof *at), 0);
    assert_int_equal(listen(ear, backlog), 0);
    assert_int_equal(getsockname(ear, (void *)at, &n), 0);
    return ear;
}

static void the_kernel_tells_of_a_connection_of_ours(void **state)
{
    (void)state;
    struct sockaddr_in at;
    int                ear = listen_on(&at, 1), mouth = socket(AF_INET, SOCK_STREAM, 0), error = 0;
    struct sought      s = { .port = ntohs(at.sin_port) }, l = s;
    assert_int_equal(connect(mouth, (void *)&at, sizeof at), 0);
    enum diag_heard heard = diag_ask(NULL, DIAG_CONNECTIONS, seek, &s, &error);
    if (heard == DIAG_WHOLE) {
        assert_int_equal(s.found, 1);
        assert_int_equal(s.c.state, DIAG_ESTABLISHED);
        assert_int_equal(diag_ask(NULL, DIAG_LISTENERS, seek, &l, &error), DIAG_WHOLE);
        assert_int_equal(l.found, 1);
    } else {
        assert_int_not_equal(error, 0);
        print_message("# the kernel does not tell here: %s\n", strerror(error));
    }
    close(mouth);
    close(ear);
}

/* Who listens with a full backlog drops SYNs: nobody has to be root to see a connection that gets no answer. */
static void a_connection_without_an_answer_is_seen_as_one(void **state)
{
    (void)state;
    struct sockaddr_in at;
    int                ear = listen_on(&at, 0), fd[4], error = 0;
    struct sought      s = { .port = ntohs(at.sin_port) };
    for (size_t i = 0; i < 4; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fd[i], (void *)&at, sizeof at);
    }
    if (diag_ask(NULL, 1u << DIAG_SYN_SENT, seek, &s, &error) == DIAG_WHOLE) {
        assert_true(s.found >= 1);
        assert_int_equal(s.c.state, DIAG_SYN_SENT);
        assert_int_equal(s.c.timer, DIAG_TIMER_RETRANSMIT);
        assert_true(s.c.expires_ms > 0 && s.c.rto_us >= 100000);
    } else {
        assert_int_not_equal(error, 0);
    }
    for (size_t i = 0; i < 4; i++)
        close(fd[i]);
    close(ear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read_up_to_its_end),
        cmocka_unit_test(an_answer_that_is_cut_anywhere_is_borne),
        cmocka_unit_test(an_answer_that_ends_with_an_error_is_not_taken_for_whole),
        cmocka_unit_test(an_address_of_ipv4_in_the_dress_of_ipv6_is_one_of_ipv4),
        cmocka_unit_test(a_connection_without_an_answer_is_seen_as_one),
        cmocka_unit_test(the_kernel_tells_of_a_connection_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
