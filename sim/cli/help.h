/* What the program says about itself. */
#ifndef SIM_CLI_HELP_H
#define SIM_CLI_HELP_H

#include "options.h"
#include <stdio.h>

void cli_help_print(FILE *out, enum cli_command command); /* CLI_HELP: the overview */
void cli_version_print(FILE *out);

#endif
