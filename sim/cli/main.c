/* The program squall: reads the command line and calls the command. */
#include "commands.h"
#include "help.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

/* "squall help", "squall help run". */
static enum cli_status help(const struct cli_options *options)
{
    if (options->argument_count == 0) {
        cli_help_print(stdout, CLI_HELP);
        return CLI_CLEAN;
    }
    for (uint32_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        if (strcmp(options->arguments[0], cli_command_string((enum cli_command)i)) == 0) {
            cli_help_print(stdout, (enum cli_command)i);
            return CLI_CLEAN;
        }
    }
    fprintf(stderr, "squall: there is no command '%s'; 'squall help' lists them\n",
            options->arguments[0]);
    return CLI_USAGE;
}

static enum cli_status command_call(const struct cli_options *options, int argc, char **argv)
{
    switch (options->command) {
    case CLI_RUN:
    case CLI_SWEEP:
    case CLI_VERIFY:
        if (options->against != NULL) {
            return cli_compare(options);
        }
        return cli_campaign(options, argc, argv);
    case CLI_REPLAY:
        return cli_replay(options);
    case CLI_REPORT:
        return cli_report(options);
    case CLI_POINTS:
        return cli_points(options);
    case CLI_LIST:
        return cli_list(options);
    case CLI_CHECK_HISTORY:
        return cli_check_history(options);
    case CLI_HELP:
        return help(options);
    case CLI_COMMAND_COUNT:
        break;
    }
    assert(!"not a command");
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct cli_options options;
    char error[SIM_TEXT_MAX];
    enum cli_status status = CLI_CLEAN;
    /* A limit on the size of files is a full disk: a call that fails, and is told. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (!cli_options_parse(&options, argc, argv, error, sizeof error)) {
        fprintf(stderr, "squall: %s\n", error);
        return CLI_USAGE;
    }
    if (options.version) {
        cli_version_print(stdout);
    } else if (options.help) {
        cli_help_print(stdout, options.command);
    } else if (argc == 1) {
        cli_help_print(stderr, CLI_HELP);
        status = CLI_USAGE;
    } else {
        status = command_call(&options, argc, argv);
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "squall: cannot write to standard output: %s\n", strerror(errno));
        return CLI_USAGE;
    }
    return (int)status;
}
