/* The commands. Each returns the exit status of the program. */
#ifndef SIM_CLI_COMMANDS_H
#define SIM_CLI_COMMANDS_H

#include "options.h"
#include <sim/explorer/catalogue.h>
#include <sim/sut.h>

/* run, sweep, verify */
enum cli_status cli_campaign(const struct cli_options *options, int argc, char **argv);
/* verify --against */
enum cli_status cli_compare(const struct cli_options *options);
enum cli_status cli_replay(const struct cli_options *options);
enum cli_status cli_report(const struct cli_options *options);
enum cli_status cli_points(const struct cli_options *options);
enum cli_status cli_list(const struct cli_options *options);
enum cli_status cli_check_history(const struct cli_options *options);

/* The implementation under test. NULL with a message on standard error. */
const struct sut_ops *cli_sut(const struct cli_options *options);
/* The second one; *out_next is NULL if there is none. False with a message. */
bool cli_sut_next(const struct cli_options *options, const struct sut_ops **out_next);
/* Reads the scenarios that the arguments name, with --set applied. A message on standard error
 * unless it returns CLI_CLEAN. */
enum cli_status cli_catalogue(const struct cli_options *options, const struct sut_ops *sut,
                              struct sim_catalogue *catalogue);

#endif
