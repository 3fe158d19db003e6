/* What files.c (life, threads and queues), perform.c (one operation) and handles.c share. */
#ifndef RAFT_POSIX_INTERNAL_H
#define RAFT_POSIX_INTERNAL_H

#include <pthread.h>
#include <raft/posix.h>

#define RAFT_POSIX_WORKERS 5u /* as many as a store has lanes */

/* An operation that was submitted and is not done. */
struct raft_posix_queued {
    struct raft_io *io;
    raft_file order; /* of two with the same one, the later waits; 0: the directory */
    bool is_running;
};

struct raft_posix_files {
    int directory;
    int wake_read; /* the ends of a pipe; it holds a byte while answers wait */
    int wake_write;
    pthread_t workers[RAFT_POSIX_WORKERS];
    uint32_t worker_count;
    bool is_delivering; /* the owner's thread is in raft_posix_files_poll */

    pthread_mutex_t mutex; /* for all that follows */
    pthread_cond_t changed;
    bool is_closing;
    struct raft_posix_queued queue[RAFT_POSIX_SUBMITTED_MAX]; /* in the order of submission */
    uint32_t queue_count;
    struct raft_io *done[RAFT_POSIX_SUBMITTED_MAX]; /* in the order of completion */
    uint32_t done_count;
    int handles[RAFT_POSIX_OPEN_MAX]; /* descriptor of handle i + 1 */
};

void raft_posix_lock(struct raft_posix_files *files);
void raft_posix_unlock(struct raft_posix_files *files);

/* Whether it works on the directory, not on a handle. */
bool raft_posix_is_of_directory(enum raft_io_op op);
/* Does an operation and sets its results. Any thread; the mutex must be free. */
void raft_posix_perform(struct raft_posix_files *files, struct raft_io *io);
/* What an errno means to the core. */
RAFT_MUST_CHECK enum raft_status raft_posix_status(int error);

/* handles.c: the table of open files. Any thread; the mutex must be free. */

void raft_posix_handles_init(struct raft_posix_files *files);
/* Reserves a handle, so that what is opened next has one. 0: all are taken. */
raft_file raft_posix_handle_reserve(struct raft_posix_files *files);
/* Gives the reserved handle its descriptor, or gives it up: fd < 0. */
void raft_posix_handle_set(struct raft_posix_files *files, raft_file file, int fd);
/* The descriptor of a handle, which must be open. */
int raft_posix_handle_fd(struct raft_posix_files *files, raft_file file);
/* Frees the handle and returns its descriptor, to be closed. */
int raft_posix_handle_take(struct raft_posix_files *files, raft_file file);
/* Closes every descriptor that is left. */
void raft_posix_handles_close(struct raft_posix_files *files);

#endif
