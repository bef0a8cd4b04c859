/* sense/local.c - the proof that local.h describes. */
#include "sense/local.h"

#include "base/clock.h"
#include "base/text.h"
#include "sense/peek.h"
#include "sense/procfs.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server notes its start time a little after its process began; never before (but for rounding of the boot time). */
enum { START_LATE_MAX_S = 30, START_EARLY_MAX_S = 2 };

static bool read_stat(const char *root, int pid, struct proc_stat *p)
{
    char text[1024];
    return pid > 0 && peek_once(text, sizeof text, "%s/proc/%d/stat", root, pid) && proc_pid_stat(text, p);
}

uint64_t local_process_start(const char *root, int pid)
{
    struct proc_stat p;
    return read_stat(root, pid, &p) && p.state != 'Z' ? p.start_ticks : 0;
}

bool local_process_alive(const char *root, int pid, uint64_t start_ticks)
{
    return start_ticks != 0 && local_process_start(root, pid) == start_ticks;
}

/* ---- whose address is it? ---- */

static bool same_address(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    if (!a || a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)a)->sin_addr, &((const struct sockaddr_in *)b)->sin_addr, sizeof(struct in_addr)) == 0;
    return a->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool is_our_address(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET && ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 == 127)
        return true;
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return false;
    bool ours = false;
    for (const struct ifaddrs *i = all; i && !ours; i = i->ifa_next)
        ours = same_address(i->ifa_addr, peer);
    freeifaddrs(all);
    return ours;
}

static int port_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)a)->sin_port) : ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
}

/* ---- the three steps ---- */

static bool says_no(struct local_proof *proof, const char *why)
{
    *proof = (struct local_proof){ 0 };
    (void)text_copy(proof->why, sizeof proof->why, why);
    return false;
}

static bool is_postgres(const char *name) { return strcmp(name, "postgres") == 0 || strcmp(name, "postmaster") == 0; }

/* The title of a backend names the client: "postgres: role db 127.0.0.1(40122) idle". */
static bool title_names_port(const char *root, int pid, int port)
{
    char title[1024], mark[16];
    (void)snprintf(mark, sizeof mark, "(%d)", port);
    return peek_once(title, sizeof title, "%s/proc/%d/cmdline", root, pid) && strstr(title, mark);
}

static bool find_by_socket_file(const char *root, const struct local_claim *claim, struct local_proof *proof)
{
    struct ucred cred;
    socklen_t    size = sizeof cred;
    if (getsockopt(claim->socket, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0 || cred.pid <= 0)
        return says_no(proof, "the kernel does not name the process behind the Unix socket (another pid namespace?)");
    /* In a container the server counts its processes otherwise than we do: then nobody here has that id, or it is no PostgreSQL. */
    struct proc_stat backend;
    if (read_stat(root, claim->backend_pid, &backend) && is_postgres(backend.name) && backend.parent != cred.pid)
        return says_no(proof, "the process behind the Unix socket is not the parent of our backend (a pooler in between?)");
    proof->postmaster_pid = cred.pid;
    return true;
}

static bool find_by_address(const char *root, const struct local_claim *claim, struct local_proof *proof)
{
    struct sockaddr_storage peer, own;
    socklen_t               size = sizeof peer, own_size = sizeof own;
    if (getpeername(claim->socket, (struct sockaddr *)&peer, &size) != 0 || getsockname(claim->socket, (struct sockaddr *)&own, &own_size) != 0)
        return says_no(proof, "the connection has no address");
    if (!is_our_address(&peer))
        return says_no(proof, "the server's address is not one of this machine's");
    struct proc_stat backend;
    if (!read_stat(root, claim->backend_pid, &backend) || !is_postgres(backend.name))
        return says_no(proof, "no PostgreSQL process with our backend's id is to be seen here (container, tunnel, pooler or hidepid)");
    if (!title_names_port(root, claim->backend_pid, port_of(&own)))
        return says_no(proof, "the process with our backend's id does not serve our connection (a tunnel or forwarded port?)");
    proof->postmaster_pid = backend.parent;
    return true;
}

static bool find_postmaster(const char *root, const struct local_claim *claim, struct local_proof *proof)
{
    struct sockaddr_storage own;
    socklen_t               size = sizeof own;
    if (claim->socket < 0 || getsockname(claim->socket, (struct sockaddr *)&own, &size) != 0)
        return says_no(proof, "there is no connection to look at");
    return own.ss_family == AF_UNIX ? find_by_socket_file(root, claim, proof) : find_by_address(root, claim, proof);
}

static bool pid_file_names(const char *root, const struct local_claim *claim, int pid)
{
    char text[256];
    return *claim->data_directory && peek_once(text, sizeof text, "%s%s/postmaster.pid", root, claim->data_directory) && atoi(text) == pid;
}

static double started_at(const char *root, const struct proc_stat *p)
{
    static const size_t room = 512 * 1024;   /* btime stands behind a line per CPU and all interrupts */
    char  *text = malloc(room);
    double boot = text && peek_once(text, room, "%s/proc/stat", root) ? proc_stat_boot_time(text) : (double)NAN;
    free(text);
    return boot + (double)p->start_ticks / (double)sysconf(_SC_CLK_TCK);
}

void local_prove(const char *root, const struct local_claim *claim, struct local_proof *proof)
{
    *proof = (struct local_proof){ 0 };
    struct proc_stat postmaster;
    char             why[200];
    if (!find_postmaster(root, claim, proof))
        return;
    if (!read_stat(root, proof->postmaster_pid, &postmaster)) {
        says_no(proof, "the postmaster's process cannot be seen here (hidepid or another pid namespace)");
        return;
    }
    if (!is_postgres(postmaster.name)) {
        (void)snprintf(why, sizeof why, "the process at the other end is \"%s\", not a postmaster", postmaster.name);
        says_no(proof, why);
        return;
    }
    double late = (double)claim->postmaster_start_us / 1e6 - started_at(root, &postmaster);   /* NAN fails the test below */
    bool   in_time = claim->postmaster_start_us > 0 && late >= -START_EARLY_MAX_S && late <= START_LATE_MAX_S;
    if (!in_time && !pid_file_names(root, claim, proof->postmaster_pid)) {
        (void)snprintf(why, sizeof why, "process %d did not start when the server says it did (%.0f s apart; was the clock set?), and its postmaster.pid cannot be read",
                       proof->postmaster_pid, late);
        says_no(proof, why);
        return;
    }
    proof->proven = true;
    (void)snprintf(proof->why, sizeof proof->why, "process %d is the postmaster at the other end of our connection%s", proof->postmaster_pid,
                   in_time ? ", started when the server says it did" : ", named by postmaster.pid");
}
