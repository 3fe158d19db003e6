/* A store's directory on a POSIX system: opening and locking it, and the threads that do what
 * is submitted.
 *
 *   submit          a worker takes it         it is done          poll
 *   ------> QUEUED ------------------> RUNNING ---------> DONE --------> delivered
 *
 * A worker takes the first operation of the queue that no earlier one of the same order (one
 * handle, or the directory) stands before, queued or running.
 *
 * Invariants:
 *  1. queue_count + done_count, what was submitted and not delivered, is at most
 *     RAFT_POSIX_SUBMITTED_MAX: whatever gets done has a place in `done`.
 *  2. Of two operations of one order in the queue, only the first may be running.
 *  3. The pipe holds one byte if done_count > 0 and nothing otherwise, whenever the mutex is free.
 *  4. From submission to delivery an operation belongs to the queue; it is the worker's alone while
 *     it runs, with the mutex free. */
#include "posix_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void raft_posix_lock(struct raft_posix_files *files)
{
    int error = pthread_mutex_lock(&files->mutex);
    assert(error == 0);
}

void raft_posix_unlock(struct raft_posix_files *files)
{
    int error = pthread_mutex_unlock(&files->mutex);
    assert(error == 0);
}

/* ---- the workers ---- */

static bool is_held_back(const struct raft_posix_files *files, uint32_t position)
{
    for (uint32_t i = 0; i < position; i++) {
        if (files->queue[i].order == files->queue[position].order) {
            return true;
        }
    }
    return false;
}

/* The operation to do next, marked as running, or NULL. */
static struct raft_io *take_next(struct raft_posix_files *files)
{
    for (uint32_t i = 0; i < files->queue_count; i++) {
        if (!files->queue[i].is_running && !is_held_back(files, i)) {
            files->queue[i].is_running = true;
            return files->queue[i].io;
        }
    }
    return NULL;
}

static void wake_owner(struct raft_posix_files *files)
{
    ssize_t count = -1;
    do {
        count = write(files->wake_write, "!", 1);
    } while (count < 0 && errno == EINTR);
    assert(count == 1);
}

/* Moves an operation that is done from the queue to the answers. */
static void put_done(struct raft_posix_files *files, struct raft_io *io)
{
    uint32_t position = 0;
    while (files->queue[position].io != io) {
        position++;
        assert(position < files->queue_count);
    }
    assert(files->queue[position].is_running);
    files->queue_count--;
    memmove(&files->queue[position], &files->queue[position + 1],
            (files->queue_count - position) * sizeof files->queue[0]);
    assert(files->done_count < RAFT_POSIX_SUBMITTED_MAX);
    files->done[files->done_count++] = io;
    if (files->done_count == 1) {
        wake_owner(files);
    }
}

static void *work(void *ctx)
{
    struct raft_posix_files *files = ctx;
    raft_posix_lock(files);
    while (!files->is_closing) {
        struct raft_io *io = take_next(files);
        if (io == NULL) {
            pthread_cond_wait(&files->changed, &files->mutex);
            continue;
        }
        raft_posix_unlock(files);
        raft_posix_perform(files, io);
        raft_posix_lock(files);
        put_done(files, io);
        pthread_cond_broadcast(&files->changed); /* what it held back may go on */
    }
    raft_posix_unlock(files);
    return NULL;
}

/* The server's signals are for its own threads. */
static enum raft_status start_workers(struct raft_posix_files *files)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(error == 0);
    while (error == 0 && files->worker_count < RAFT_POSIX_WORKERS) {
        error = pthread_create(&files->workers[files->worker_count], NULL, work, files);
        files->worker_count += error == 0 ? 1 : 0;
    }
    int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(restored == 0);
    return error == 0 ? RAFT_OK : RAFT_NOMEM; /* no fault point: before there is a replica */
}

static void stop_workers(struct raft_posix_files *files)
{
    raft_posix_lock(files);
    files->is_closing = true;
    pthread_cond_broadcast(&files->changed);
    raft_posix_unlock(files);
    while (files->worker_count > 0) {
        files->worker_count--;
        int error = pthread_join(files->workers[files->worker_count], NULL);
        assert(error == 0);
    }
}

/* ---- the directory ---- */

static enum raft_status open_directory(struct raft_posix_files *files, const char *path)
{
    files->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0) {
        return raft_posix_status(errno);
    }
    int result = -1;
    do {
        result = flock(files->directory, LOCK_EX | LOCK_NB);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        /* No fault point: before there is a replica. */
        return errno == EWOULDBLOCK ? RAFT_BUSY : RAFT_IO;
    }
    return RAFT_OK;
}

static enum raft_status open_pipe(struct raft_posix_files *files)
{
    int ends[2] = {-1, -1};
    if (pipe(ends) < 0) {
        return RAFT_IO; /* no fault point: before there is a replica */
    }
    files->wake_read = ends[0];
    files->wake_write = ends[1];
    for (int i = 0; i < 2; i++) {
        bool is_set =
            fcntl(ends[i], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[i], F_SETFL, O_NONBLOCK) == 0;
        if (!is_set) {
            return RAFT_IO; /* no fault point: before there is a replica */
        }
    }
    return RAFT_OK;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

enum raft_status raft_posix_files_open(const char *path, struct raft_posix_files **out_files)
{
    enum raft_status status = RAFT_NOMEM; /* no fault point: before there is a replica */
    struct raft_posix_files *files = calloc(1, sizeof *files);
    if (files == NULL) {
        goto out;
    }
    files->directory = -1;
    files->wake_read = -1;
    files->wake_write = -1;
    raft_posix_handles_init(files);
    int error = pthread_mutex_init(&files->mutex, NULL);
    assert(error == 0);
    error = pthread_cond_init(&files->changed, NULL);
    assert(error == 0);
    status = open_directory(files, path);
    if (status != RAFT_OK) {
        goto out;
    }
    status = open_pipe(files);
    if (status != RAFT_OK) {
        goto out;
    }
    status = start_workers(files);
    if (status != RAFT_OK) {
        goto out;
    }
    *out_files = files;
    files = NULL;
out:
    raft_posix_files_close(files);
    return status;
}

void raft_posix_files_close(struct raft_posix_files *files)
{
    if (files == NULL) {
        return;
    }
    assert(!files->is_delivering);
    stop_workers(files);
    assert(files->queue_count == 0 && files->done_count == 0);
    raft_posix_handles_close(files);
    close_if_open(files->wake_read);
    close_if_open(files->wake_write);
    close_if_open(files->directory); /* and with it the lock */
    pthread_cond_destroy(&files->changed);
    pthread_mutex_destroy(&files->mutex);
    free(files);
}

/* ---- operations ---- */

enum raft_status raft_posix_files_submit(struct raft_posix_files *files, struct raft_io *io)
{
    raft_file order = raft_posix_is_of_directory(io->op) ? 0 : io->file;
    assert(order != 0 || raft_posix_is_of_directory(io->op));
    raft_posix_lock(files);
    assert(!files->is_closing);
    bool has_room = files->queue_count + files->done_count < RAFT_POSIX_SUBMITTED_MAX;
    if (has_room) {
        files->queue[files->queue_count++] = (struct raft_posix_queued){.io = io, .order = order};
        pthread_cond_signal(&files->changed);
    }
    raft_posix_unlock(files);
    return has_room ? RAFT_OK : RAFT_BUSY; /* no fault point: the operation has its caller's */
}

enum raft_status raft_posix_files_run(struct raft_posix_files *files, struct raft_io *io)
{
    assert(!files->is_delivering);
    raft_posix_perform(files, io);
    return io->status;
}

int raft_posix_files_fd(const struct raft_posix_files *files)
{
    assert(files->wake_read >= 0);
    return files->wake_read;
}

size_t raft_posix_files_poll(struct raft_posix_files *files,
                             void (*deliver)(void *ctx, struct raft_io *io), void *ctx)
{
    struct raft_io *done[RAFT_POSIX_SUBMITTED_MAX];
    assert(!files->is_delivering);
    raft_posix_lock(files);
    uint32_t count = files->done_count;
    assert(count <= RAFT_POSIX_SUBMITTED_MAX);
    if (count > 0) {
        char byte = 0;
        ssize_t taken = read(files->wake_read, &byte, 1);
        assert(taken == 1);
        memcpy(done, files->done, count * sizeof done[0]);
        files->done_count = 0;
    }
    raft_posix_unlock(files);
    files->is_delivering = true;
    for (uint32_t i = 0; i < count; i++) {
        deliver(ctx, done[i]);
    }
    files->is_delivering = false;
    return count;
}
