/* Children: programs whose output is read.
 *
 *  1. A child that was started is waited for exactly once. */
#include "child.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether the child ended well. */
static bool child_wait(pid_t child)
{
    int status = 0;
    pid_t ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR) {
        ended = waitpid(child, &status, 0);
    }
    return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

FILE *cli_child_start(char *const *arguments, pid_t *out_child)
{
    int ends[2];
    assert(arguments[0] != NULL && out_child != NULL);
    if (pipe(ends) != 0) {
        return NULL;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = child < 0 ? NULL : fdopen(ends[0], "r");
    if (output == NULL) {
        close(ends[0]);
        if (child > 0) {
            (void)child_wait(child);
        }
    }
    *out_child = child;
    return output;
}

bool cli_child_end(FILE *output, pid_t child)
{
    assert(output != NULL && child > 0);
    fclose(output);
    return child_wait(child);
}
