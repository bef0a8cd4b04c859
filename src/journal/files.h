/*
 * journal/files.h - the system calls that the journal makes, as a table, so that tests can make each of them fail.
 *
 * Every slot answers like its system call: -1 and errno, or what it did. Short reads and writes are allowed; journal_files_write_all
 * and journal_files_read_all go on where they stopped.
 */
#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef void journal_files_each(void *to, const char *name);

struct journal_files {
    void   *ctx;
    int     (*open)(void *ctx, const char *path, int flags, mode_t mode);
    int     (*close)(void *ctx, int fd);
    ssize_t (*pread)(void *ctx, int fd, void *to, size_t n, off_t at);
    ssize_t (*pwrite)(void *ctx, int fd, const void *from, size_t n, off_t at);
    int     (*fdatasync)(void *ctx, int fd);
    int     (*fsync_folder)(void *ctx, const char *path);      /* names that were made, moved or removed in it */
    int     (*allocate)(void *ctx, int fd, off_t bytes);       /* room on the disk; the content is whatever the system likes */
    int64_t (*size)(void *ctx, int fd);
    int     (*rename)(void *ctx, const char *from, const char *to);    /* EEXIST: `to` is there, and stays as it is */
    int     (*unlink)(void *ctx, const char *path);
    int     (*mkdir)(void *ctx, const char *path, mode_t mode);
    int     (*lock)(void *ctx, int fd);                        /* EWOULDBLOCK: somebody else has it */
    int64_t (*room)(void *ctx, const char *path);              /* bytes free for us on the disk of this folder */
    int     (*list)(void *ctx, const char *folder, journal_files_each *each, void *to);
    bool    (*nameless)(void *ctx, int fd);                    /* somebody removed it: nobody who opens the folder will find it */
};

extern const struct journal_files journal_files_real;

bool    journal_files_write_all(const struct journal_files *f, int fd, const void *from, size_t n, int64_t at);    /* false: errno */
bool    journal_files_short(int error);    /* too many open files, or no memory: it says nothing about the file */
ssize_t journal_files_read_all(const struct journal_files *f, int fd, void *to, size_t n, int64_t at);             /* less than n: the file ends there. -1: errno */

#endif
