/* cli/main.c - homeostat; its subcommands are the rows of commands.c. */
#include "cli/cli.h"

#include <locale.h>

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cli_main(cli_commands, cli_commands_count, argc - 1, argv + 1, stdout, stderr);
}
