/* cli/main.c - homeostat; its subcommands are the rows of commands.c. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>

/* A standard file that is closed would be the next that is opened, and what is printed would go into that: the lock of the store, say. */
static void hold_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);      /* the wrong way round, so that using it is the failure that it was */
}

int main(int argc, char **argv)
{
    hold_standard_files();
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cli_main(cli_commands, cli_commands_count, argc - 1, argv + 1, stdout, stderr);
}
