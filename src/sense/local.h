/*
 * sense/local.h - is the postmaster that answers us a process of this machine?
 *
 * A wrong yes would size a server by somebody else's memory, so three things must hold, each told by the kernel:
 *   1. the process at the other end is ours to see: over a Unix socket the kernel names the listening process
 *      (SO_PEERCRED); over TCP the address is one of this machine's own, and the process with our backend's id carries
 *      our very client port in its title ("postgres: role db 127.0.0.1(40122) idle"), which a tunnel or a forwarded port
 *      to another machine cannot imitate;
 *   2. that process (over TCP: the parent of the backend) is a postmaster by name;
 *   3. it started when the server says that it started (pg_postmaster_start_time, which is noted up to 30 s after what
 *      /proc/<pid>/stat has, and at most 2 s before it), or the data directory's postmaster.pid names it.
 * Anything that cannot be seen (hidepid, another pid namespace, a pooler in between) is "not proven", with the reason.
 */
#ifndef SENSE_LOCAL_H
#define SENSE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct local_claim {
    int         socket;                  /* connected to the server */
    int         backend_pid;             /* as the server says (PQbackendPID) */
    int64_t     postmaster_start_us;     /* wall, as the server says; 0: unknown */
    const char *data_directory;          /* as the server says; "" when not visible */
    int64_t     now_wall_us;
};

struct local_proof {
    bool proven;
    int  postmaster_pid;                 /* 0 unless proven */
    char why[200];                       /* the proof, or what is missing */
};

/* root as in host_new(). */
void local_prove(const char *root, const struct local_claim *claim, struct local_proof *proof);

/* Is this process alive, and is it still the one that started then (clock ticks since boot)? */
bool local_process_alive(const char *root, int pid, uint64_t start_ticks);
/* 0 when there is no such process. */
uint64_t local_process_start(const char *root, int pid);

#endif
