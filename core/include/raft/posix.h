/* Files on a POSIX system: what raft/env.h asks of files, over one directory.
 *
 * A server forwards three functions of its environment to the ones below, waits in its own event
 * loop until raft_posix_files_fd() is readable, and then has the answers delivered:
 *
 *   env.io_submit -> raft_posix_files_submit      env.list -> raft_posix_files_list
 *   env.io_run    -> raft_posix_files_run
 *   fd readable   -> raft_posix_files_poll(files, deliver, server)
 *   deliver       -> raft_replica_io_done(server->replica, now_ns, io)
 *
 * What is submitted is done by a few threads of its own, which never call back: everything here is
 * called from the one thread that owns the replica, and nothing is called from inside `deliver` but
 * raft_posix_files_submit. Operations on one handle keep their order, and so do those on the
 * directory (OPEN, CREATE, UNLINK, RENAME, SYNC_DIR) among themselves; others run side by side. */
#ifndef RAFT_POSIX_H
#define RAFT_POSIX_H

#include <raft/env.h>

#define RAFT_POSIX_SUBMITTED_MAX 16u /* operations taken and not yet delivered */
#define RAFT_POSIX_OPEN_MAX      16u /* handles; a store has nine */

struct raft_posix_files;

/* Opens the store in an existing directory and locks it, against other processes and against this
 * one. RAFT_NOT_FOUND: no such directory; RAFT_BUSY: somebody has it open; RAFT_NOMEM: no memory or
 * no thread; RAFT_IO. The entry of the directory in its parent is the caller's to make durable. */
RAFT_MUST_CHECK enum raft_status raft_posix_files_open(const char *path,
                                                       struct raft_posix_files **out_files);
/* Ends the threads, closes what is open and gives the lock back. Whatever was submitted must have
 * been delivered, as it has when a replica has stopped. NULL is nothing. */
void raft_posix_files_close(struct raft_posix_files *files);

/* Takes an operation. RAFT_BUSY: RAFT_POSIX_SUBMITTED_MAX are out. */
RAFT_MUST_CHECK enum raft_status raft_posix_files_submit(struct raft_posix_files *files,
                                                         struct raft_io *io);
/* Does an operation in the calling thread, in no order with what is out; returns io->status. */
RAFT_MUST_CHECK enum raft_status raft_posix_files_run(struct raft_posix_files *files,
                                                      struct raft_io *io);
/* Visits the names in ascending byte order; leaves out those too long to be a file of a store.
 * RAFT_IO. */
RAFT_MUST_CHECK enum raft_status raft_posix_files_list(struct raft_posix_files *files,
                                                       raft_list_visit visit, void *visitor);

/* A descriptor that is readable while an answer waits to be delivered; the same for the whole life.
 * To wait on, not to read from. */
int raft_posix_files_fd(const struct raft_posix_files *files);
/* Delivers the answers that are there, in the order in which they came, each once, and returns how
 * many there were. Does not wait. */
size_t raft_posix_files_poll(struct raft_posix_files *files,
                             void (*deliver)(void *ctx, struct raft_io *io), void *ctx);

#endif
