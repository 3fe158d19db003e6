/* A program that runs beside this one, and what it prints. */
#ifndef SIM_CLI_CHILD_H
#define SIM_CLI_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Starts a program, looked for in PATH, with its standard output in a stream. NULL: it cannot. */
FILE *cli_child_start(char *const *arguments, pid_t *out_child);
/* Closes the stream, waits for the program, and says whether it ended well. */
bool cli_child_end(FILE *output, pid_t child);

#endif
