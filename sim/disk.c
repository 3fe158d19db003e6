/* The simulated disk: takes operations, orders them, and performs them when they are due.
 *
 * Fault model: in disk.h; what a crash does to content is in disk_file.c, to names in disk_dir.c.
 *
 * An operation copies what it needs when it is submitted (the name, the bytes of a write), so that
 * a crash can let it hit the disk although the process and its buffers are gone. Its latency is
 * drawn then, too. It *follows* an earlier one that is still under way, that is, completes later,
 * if both work on the directory, or if both work on one file and (a) their ranges overlap and one
 * of them changes something or (b) it closes the handle of the other. A truncation's range begins
 * at the new size and has no end. A sync has no range: it covers the changes that were performed
 * when it was submitted, and nothing that is under way.
 *
 * Invariants:
 *  1. An operation is in `pending` from its submission until it is performed or the process dies.
 *  2. due_ns of an operation is greater than that of each one it follows.
 *  3. A failed operation changes nothing, but that a failed CLOSE closes and a failed SYNC decides
 *     for good about what it covered. */
#include "disk_private.h"
#include "world.h"

#include <assert.h>
#include <string.h>

#define NOTHING_ONE_IN 8u /* short transfers that transfer nothing */

void sim_disk_init(struct sim_disk *disk, struct sim_world *world, uint32_t node)
{
    assert(world->arena != NULL);
    memset(disk, 0, sizeof *disk);
    disk->world = world;
    disk->node = node;
    disk->owner = node;
    disk->arena = world->arena;
    disk->quota = UINT64_MAX;
    sim_stream_init(&disk->stream, world->seed, SIM_STREAM_DISK, node, 0);
    sim_stream_init(&disk->lengths, world->seed, SIM_STREAM_DISK, node, 1);
    sim_stream_init(&disk->decay, world->seed, SIM_STREAM_DISK, node, 2);
    sim_stream_init(&disk->crash, world->seed, SIM_STREAM_CRASH, node, 0);
    sim_source_init(&world->scheduler, &disk->source, false);
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool is_of_directory(enum raft_io_op op)
{
    return op == RAFT_IO_OPEN || op == RAFT_IO_CREATE || op == RAFT_IO_UNLINK ||
           op == RAFT_IO_RENAME || op == RAFT_IO_SYNC_DIR;
}

static bool changes_content(enum raft_io_op op)
{
    return op == RAFT_IO_WRITE || op == RAFT_IO_TRUNCATE || op == RAFT_IO_CREATE;
}

static uint64_t range_end(const struct sim_disk_op *op)
{
    switch (op->op) {
    case RAFT_IO_READ:
    case RAFT_IO_WRITE:
        return add_saturated(op->offset, op->size);
    case RAFT_IO_TRUNCATE:
    case RAFT_IO_CREATE:
        return UINT64_MAX;
    case RAFT_IO_OPEN:
    case RAFT_IO_SYNC:
    case RAFT_IO_CLOSE:
    case RAFT_IO_UNLINK:
    case RAFT_IO_RENAME:
    case RAFT_IO_SYNC_DIR:
    case RAFT_IO_OP_COUNT:
        break;
    }
    return 0; /* empty, as offset is 0 */
}

static bool follows(const struct sim_disk_op *later, const struct sim_disk_op *earlier)
{
    if (is_of_directory(later->op) && is_of_directory(earlier->op)) {
        return true;
    }
    if (later->inode == NULL || later->inode != earlier->inode) {
        return false;
    }
    if (later->op == RAFT_IO_CLOSE && later->handle == earlier->handle) {
        return true;
    }
    if (!changes_content(later->op) && !changes_content(earlier->op)) {
        return false;
    }
    return later->offset < range_end(earlier) && earlier->offset < range_end(later);
}

static struct sim_handle *handle_find(const struct sim_disk *disk, raft_file file)
{
    struct sim_handle *handle = disk->handles;
    while (handle != NULL && handle->id != file) {
        handle = handle->next;
    }
    assert(handle != NULL && !handle->is_closing); /* else the process uses a closed file */
    return handle;
}

static struct sim_disk_op *op_new(struct sim_disk *disk, struct raft_io *io,
                                  struct sim_disk_fault fault)
{
    assert(io->op < RAFT_IO_OP_COUNT);
    assert(fault.status == RAFT_OK || fault.status == RAFT_IO || fault.status == RAFT_NOSPACE);
    struct sim_disk_op *op = arena_calloc(disk->arena, sizeof *op);
    op->io = io;
    op->op = io->op;
    op->fault = fault;
    if (is_of_directory(io->op)) {
        op->covers = disk->dir_sequence;
        if (io->op != RAFT_IO_SYNC_DIR) {
            sim_dir_name_copy(op->name, io->name);
        }
        if (io->op == RAFT_IO_RENAME) {
            sim_dir_name_copy(op->name_to, io->name_to);
        }
        op->inode = io->op == RAFT_IO_CREATE ? sim_dir_find(disk, op->name) : NULL;
    } else {
        op->handle = handle_find(disk, io->file);
        op->inode = op->handle->inode;
        op->covers = op->inode->sequence;
        if (io->op == RAFT_IO_READ || io->op == RAFT_IO_WRITE || io->op == RAFT_IO_TRUNCATE) {
            op->offset = io->offset;
        }
        if (io->op == RAFT_IO_READ || io->op == RAFT_IO_WRITE) {
            op->size = io->size;
        }
    }
    if (op->inode != NULL) {
        sim_inode_hold(op->inode);
    }
    if (io->op == RAFT_IO_WRITE && io->size > 0) {
        assert(io->bytes != NULL);
        op->bytes = arena_alloc(disk->arena, io->size);
        memcpy(op->bytes, io->bytes, io->size);
    }
    if (io->op == RAFT_IO_CLOSE) {
        op->handle->is_closing = true;
    }
    return op;
}

static void op_free(struct sim_disk *disk, struct sim_disk_op *op)
{
    if (op->inode != NULL) {
        sim_inode_drop(disk, op->inode);
    }
    arena_free(disk->arena, op->bytes);
    arena_free(disk->arena, op);
}

static uint64_t mean_latency(const struct sim_disk *disk, enum raft_io_op op)
{
    switch (op) {
    case RAFT_IO_OPEN:
    case RAFT_IO_READ:
    case RAFT_IO_CLOSE:
        return disk->read_ns;
    case RAFT_IO_CREATE:
    case RAFT_IO_WRITE:
    case RAFT_IO_TRUNCATE:
    case RAFT_IO_UNLINK:
    case RAFT_IO_RENAME:
        return disk->write_ns;
    case RAFT_IO_SYNC:
    case RAFT_IO_SYNC_DIR:
        return disk->sync_ns;
    case RAFT_IO_OP_COUNT:
        break;
    }
    assert(!"an operation has a latency");
    return 0;
}

void sim_disk_submit(struct sim_disk *disk, struct raft_io *io, struct sim_disk_fault fault,
                     uint32_t incarnation)
{
    struct sim_scheduler *scheduler = &disk->world->scheduler;
    struct sim_disk_op *op = op_new(disk, io, fault);
    uint64_t mean_ns = mean_latency(disk, op->op);
    uint64_t drawn_ns = mean_ns / 2 + sim_draw_below(&disk->stream, mean_ns);
    uint64_t slow_ns = op->op == RAFT_IO_READ ? disk->slow_ns / 10 : disk->slow_ns;
    drawn_ns += slow_ns == 0 ? 0 : sim_draw_exponential(&disk->stream, slow_ns);
    op->due_ns = add_saturated(scheduler->now_ns, add_saturated(drawn_ns, fault.delay_ns));
    struct sim_disk_op **end = &disk->pending;
    for (; *end != NULL; end = &(*end)->next) {
        if (follows(op, *end) && op->due_ns <= (*end)->due_ns) {
            op->due_ns = add_saturated((*end)->due_ns, 1);
        }
    }
    *end = op;
    op->event = sim_event_new(scheduler, SIM_EVENT_IO, disk->node);
    op->event->incarnation = incarnation;
    op->event->number = (uint32_t)op->op;
    op->event->data = op;
    sim_schedule(scheduler, &disk->source, op->event, op->due_ns);
}

void sim_disk_heal(struct sim_disk *disk)
{
    struct sim_scheduler *scheduler = &disk->world->scheduler;
    for (struct sim_disk_op *op = disk->pending; op != NULL; op = op->next) {
        uint64_t mean_ns = mean_latency(disk, op->op);
        uint64_t due_ns = add_saturated(scheduler->now_ns, mean_ns + mean_ns / 2);
        for (struct sim_disk_op *other = disk->pending; other != op; other = other->next) {
            if (follows(op, other) && due_ns <= other->due_ns) {
                due_ns = add_saturated(other->due_ns, 1);
            }
        }
        if (due_ns < op->due_ns) {
            assert(op->event->position != 0); /* what a paused process has already was due */
            op->due_ns = due_ns;
            sim_unschedule(scheduler, op->event);
            sim_schedule(scheduler, &disk->source, op->event, due_ns);
        }
    }
}

uint32_t sim_disk_pending(const struct sim_disk *disk)
{
    uint32_t count = 0;
    for (const struct sim_disk_op *op = disk->pending; op != NULL; op = op->next) {
        count++;
    }
    return count;
}

/* How much of a transfer happens: all, or with a short one a proper first part, unless a length is
 * wanted. */
static size_t transferred(struct sim_disk *disk, const struct sim_disk_op *op, size_t size)
{
    if (!op->fault.is_short || size == 0) {
        return size;
    }
    if (op->fault.short_bytes != SIM_SHORT_ANY) {
        return op->fault.short_bytes < size ? (size_t)op->fault.short_bytes : size;
    }
    uint64_t coin = sim_draw_below(&disk->lengths, NOTHING_ONE_IN);
    if (size == 1 || coin == 0) {
        return 0;
    }
    size_t part = (size_t)sim_draw_between(&disk->lengths, 1, size - 1);
    assert(part > 0 && part < size);
    return part;
}

static raft_file handle_open(struct sim_disk *disk, struct sim_inode *inode)
{
    struct sim_handle *handle = arena_calloc(disk->arena, sizeof *handle);
    disk->handle_last++;
    assert(disk->handle_last != 0);
    handle->id = disk->handle_last;
    handle->inode = inode;
    handle->next = disk->handles;
    disk->handles = handle;
    sim_inode_hold(inode);
    inode->handles++;
    disk->open_count++;
    sim_inode_charge(disk, inode);
    return handle->id;
}

static void handle_close(struct sim_disk *disk, struct sim_handle *handle)
{
    struct sim_handle **link = &disk->handles;
    while (*link != handle) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = handle->next;
    struct sim_inode *inode = handle->inode;
    assert(inode->handles > 0 && disk->open_count > 0);
    inode->handles--;
    disk->open_count--;
    sim_inode_charge(disk, inode);
    sim_inode_drop(disk, inode);
    arena_free(disk->arena, handle);
}

/* The empty file of a CREATE, borrowed. */
static struct sim_inode *create_file(struct sim_disk *disk, const struct sim_disk_op *op)
{
    struct sim_inode *inode = sim_dir_find(disk, op->name);
    if (inode != NULL) {
        if (inode->cached.size > 0) {
            sim_inode_truncate(disk, inode, 0);
        }
        return inode;
    }
    inode = sim_inode_new(disk);
    sim_dir_create(disk, op->name, inode);
    sim_inode_drop(disk, inode); /* the directory has its own reference */
    assert(inode->is_linked);
    return inode;
}

static enum raft_status read_file(struct sim_disk *disk, struct sim_disk_op *op, size_t *out_done)
{
    assert(op->inode != NULL);
    const struct sim_image *image = &op->inode->cached;
    size_t there = op->offset < image->size ? image->size - (size_t)op->offset : 0;
    *out_done = transferred(disk, op, there < op->size ? there : op->size);
    if (*out_done > 0) {
        memcpy(op->io->bytes, image->bytes + op->offset, *out_done);
        sim_damage_apply(op->inode, op->offset, op->io->bytes, *out_done);
    }
    return RAFT_OK;
}

static enum raft_status write_file(struct sim_disk *disk, struct sim_disk_op *op, size_t *out_done)
{
    assert(op->bytes != NULL || op->size == 0);
    size_t size = transferred(disk, op, op->size);
    if (size > 0 && !sim_inode_fits(disk, op->inode, add_saturated(op->offset, size))) {
        uint64_t room = sim_inode_room(disk, op->inode);
        bool is_refused = sim_draw_below(&disk->lengths, 2) == 0; /* else what fits is written */
        if (is_refused || room <= op->offset) {
            return RAFT_NOSPACE;
        }
        assert(room - op->offset < size);
        size = (size_t)(room - op->offset);
    }
    if (size > 0) {
        sim_inode_write(disk, op->inode, op->offset, op->bytes, size, op->fault.lie);
        op->bytes = NULL;
    }
    *out_done = size;
    return RAFT_OK;
}

static enum raft_status truncate_file(struct sim_disk *disk, struct sim_disk_op *op)
{
    assert(op->inode != NULL);
    if (!sim_inode_fits(disk, op->inode, op->offset)) {
        return RAFT_NOSPACE;
    }
    /* Even if the cache has that size: the medium may not, after a sync that failed. */
    sim_inode_truncate(disk, op->inode, op->offset);
    return RAFT_OK;
}

static enum raft_status change_name(struct sim_disk *disk, const struct sim_disk_op *op)
{
    assert(op->op == RAFT_IO_UNLINK || op->op == RAFT_IO_RENAME);
    if (sim_dir_find(disk, op->name) == NULL) {
        return RAFT_NOT_FOUND;
    }
    if (op->op == RAFT_IO_UNLINK) {
        sim_dir_unlink(disk, op->name);
    } else {
        sim_dir_rename(disk, op->name, op->name_to);
    }
    return RAFT_OK;
}

static enum raft_status do_without_fault(struct sim_disk *disk, struct sim_disk_op *op)
{
    struct raft_io *io = op->io;
    struct sim_inode *inode;
    switch (op->op) {
    case RAFT_IO_OPEN:
        inode = sim_dir_find(disk, op->name);
        if (inode == NULL) {
            return RAFT_NOT_FOUND;
        }
        io->file = handle_open(disk, inode);
        io->file_size = inode->cached.size;
        return RAFT_OK;
    case RAFT_IO_CREATE:
        io->file = handle_open(disk, create_file(disk, op));
        return RAFT_OK;
    case RAFT_IO_READ:
        return read_file(disk, op, &io->done);
    case RAFT_IO_WRITE:
        return write_file(disk, op, &io->done);
    case RAFT_IO_SYNC:
        sim_inode_sync(disk, op->inode, op->covers);
        return RAFT_OK;
    case RAFT_IO_TRUNCATE:
        return truncate_file(disk, op);
    case RAFT_IO_CLOSE:
        handle_close(disk, op->handle);
        return RAFT_OK;
    case RAFT_IO_UNLINK:
    case RAFT_IO_RENAME:
        return change_name(disk, op);
    case RAFT_IO_SYNC_DIR:
        sim_dir_sync(disk, op->covers);
        return RAFT_OK;
    case RAFT_IO_OP_COUNT:
        break;
    }
    assert(!"an operation can be performed");
    return RAFT_IO;
}

static void do_op(struct sim_disk *disk, struct sim_disk_op *op)
{
    struct raft_io *io = op->io;
    assert(io->op == op->op);
    io->done = 0;
    io->file_size = 0;
    if (op->op == RAFT_IO_OPEN || op->op == RAFT_IO_CREATE) {
        io->file = 0;
    }
    if (op->fault.status == RAFT_OK) {
        io->status = do_without_fault(disk, op);
    } else {
        io->status = op->fault.status;
        if (op->op == RAFT_IO_CLOSE) {
            handle_close(disk, op->handle);
        } else if (op->op == RAFT_IO_SYNC) {
            sim_inode_sync_failed(disk, op->inode, op->covers);
        }
    }
    disk->operations++;
}

static void pending_remove(struct sim_disk *disk, const struct sim_disk_op *op)
{
    struct sim_disk_op **link = &disk->pending;
    while (*link != op) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = op->next;
}

struct raft_io *sim_disk_perform(struct sim_disk *disk, struct sim_event *event)
{
    assert(event->kind == SIM_EVENT_IO && event->node == disk->node);
    struct sim_disk_op *op = event->data;
    assert(op != NULL && op->event == event);
    event->data = NULL;
    struct raft_io *io = op->io;
    /* The process had to leave its bytes alone until the answer (raft/env.h). */
    assert(op->bytes == NULL || memcmp(op->bytes, io->bytes, op->size) == 0);
    pending_remove(disk, op);
    do_op(disk, op);
    op_free(disk, op);
    return io;
}

enum raft_status sim_disk_run(struct sim_disk *disk, struct raft_io *io,
                              struct sim_disk_fault fault)
{
    struct sim_disk_op *op = op_new(disk, io, fault);
    assert(op->event == NULL);
    do_op(disk, op);
    op_free(disk, op);
    return io->status;
}

void sim_disk_list(struct sim_disk *disk, raft_list_visit visit, void *visitor)
{
    assert(visit != NULL);
    for (size_t i = 0; i < disk->cached.count; i++) {
        const struct sim_dir_entry *entry = disk->cached.entries[i];
        if (!visit(visitor, entry->name)) {
            return;
        }
    }
}

/* Performs an operation that was under way when the process died, without an answer. */
static void let_hit(struct sim_disk *disk, struct sim_disk_op *op)
{
    size_t done = 0;
    enum raft_status status = op->fault.status;
    if (status != RAFT_OK) {
        return;
    }
    switch (op->op) {
    case RAFT_IO_WRITE:
        status = write_file(disk, op, &done);
        break;
    case RAFT_IO_TRUNCATE:
        status = truncate_file(disk, op);
        break;
    case RAFT_IO_CREATE:
        create_file(disk, op);
        break;
    case RAFT_IO_UNLINK:
    case RAFT_IO_RENAME:
        status = change_name(disk, op);
        break;
    case RAFT_IO_OPEN:
    case RAFT_IO_READ:
    case RAFT_IO_SYNC: /* what it covers may survive anyway */
    case RAFT_IO_CLOSE:
    case RAFT_IO_SYNC_DIR:
    case RAFT_IO_OP_COUNT:
        break;
    }
    (void)status; /* nobody is left to hear of it */
}

/* Whether an operation under way reaches the machine. What does joins what is not durable, where
 * the crash decides about it as about the rest; if the machine lives, a coin does. */
static bool reaches(struct sim_disk *disk, enum sim_unsynced unsynced)
{
    switch (unsynced) {
    case SIM_UNSYNCED_LOSE:
        return false;
    case SIM_UNSYNCED_KEEP:
        return sim_draw_below(&disk->crash, 2) == 0;
    case SIM_UNSYNCED_CHOSEN:
        return disk->image.damage == SIM_DISK_PIECES;
    case SIM_UNSYNCED_TORN:
    case SIM_UNSYNCED_RANDOM:
        return true;
    }
    assert(!"not a fate");
    return false;
}

static void cancel_pending(struct sim_disk *disk, enum sim_unsynced unsynced)
{
    while (disk->pending != NULL) {
        struct sim_disk_op *op = disk->pending;
        disk->pending = op->next;
        if (op->event->data == op && op->event->position != 0) {
            sim_unschedule(&disk->world->scheduler, op->event);
            sim_event_free(&disk->world->scheduler, op->event);
        }
        if (reaches(disk, unsynced)) {
            let_hit(disk, op);
        }
        op_free(disk, op);
    }
}

void sim_disk_crash(struct sim_disk *disk, enum sim_unsynced unsynced)
{
    disk->piece = 0;
    cancel_pending(disk, unsynced);
    while (disk->handles != NULL) {
        handle_close(disk, disk->handles);
    }
    assert(disk->open_count == 0 && disk->pending == NULL);
    if (unsynced == SIM_UNSYNCED_KEEP) {
        return;
    }
    for (struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        sim_inode_survive(disk, inode, unsynced);
    }
    sim_dir_survive(disk, unsynced);
    assert(disk->dir_ops == NULL);
}

bool sim_disk_is_clean(const struct sim_disk *disk)
{
    bool is_clean = disk->dir_ops == NULL && disk->pending == NULL;
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        /* After a failed sync no change is left to be synced, and yet they differ. */
        is_clean = is_clean && inode->changes == NULL &&
                   inode->cached.size == inode->durable.size &&
                   (inode->cached.size == 0 ||
                    memcmp(inode->cached.bytes, inode->durable.bytes, inode->cached.size) == 0);
    }
    return is_clean;
}

uint64_t sim_disk_digest(const struct sim_disk *disk)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct sim_dir_entry *entry = disk->durable.entries[i];
        const struct sim_image *image = &entry->inode->durable;
        assert(entry->inode->entry == entry);
        digest = sim_hash(entry->name, sizeof entry->name, digest);
        digest = sim_mix(digest, image->size, 0);
        digest = sim_hash(image->bytes, image->size, digest);
        digest = sim_hash(entry->inode->damage.bytes, entry->inode->damage.size, digest);
    }
    return digest;
}
