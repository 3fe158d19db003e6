/* The directory of the simulated disk: names, and which of them would be there after a crash.
 *
 * Terms: the *cached* directory is what the process sees; the *durable* one is on the medium for
 * certain; a directory operation (create, unlink, rename) is performed on the cached one at once
 * and on the durable one by a sync of the directory, or by surviving a crash.
 *
 * Fault model of a crash. Each operation that is not durable is kept or lost by a coin of its own;
 * what is kept is applied in the order in which it was performed. A lost creation leaves no file
 * whatever was synced into it; a lost removal brings the old file back with its durable content; a
 * rename is atomic: it removes the name under which its file stands and gives it the new one.
 *
 * Invariants:
 *  1. A file has at most one name in each directory, and inode->is_linked and inode->entry say so.
 *  2. The cached directory is the durable one with all dir_ops applied in order.
 *  3. The observer has been told of every change of the durable directory. */
#include "disk_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DIR_CAPACITY_MIN 16u

/* How many names of a directory come before this one. */
static size_t seek(const struct sim_dir *dir, const char *name)
{
    size_t low = 0;
    size_t high = dir->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(dir->entries[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct sim_dir *dir, size_t place, const char *name)
{
    return place < dir->count && strcmp(dir->entries[place]->name, name) == 0;
}

/* Makes room for an entry at a place, and puts it there. */
static void insert(struct arena *arena, struct sim_dir *dir, size_t place,
                   struct sim_dir_entry *entry)
{
    assert(place <= dir->count);
    if (dir->count == dir->capacity) {
        dir->capacity = dir->capacity == 0 ? DIR_CAPACITY_MIN : dir->capacity * 2;
        dir->entries =
            arena_realloc(arena, dir->entries, dir->capacity * sizeof(struct sim_dir_entry *));
    }
    memmove(dir->entries + place + 1, dir->entries + place,
            (dir->count - place) * sizeof(struct sim_dir_entry *));
    dir->entries[place] = entry;
    dir->count++;
}

void sim_dir_name_copy(char *to, const char *name)
{
    size_t length = strnlen(name, RAFT_FILE_NAME_MAX);
    assert(length > 0 && length < RAFT_FILE_NAME_MAX);
    memset(to, 0, RAFT_FILE_NAME_MAX);
    memcpy(to, name, length);
}

/* Tells the inode that it has got, or lost, an entry of the cached or the durable directory. */
static void entry_attach(struct sim_disk *disk, struct sim_dir_entry *entry, bool is_durable)
{
    sim_inode_hold(entry->inode);
    if (is_durable) {
        assert(entry->inode->entry == NULL);
        entry->inode->entry = entry;
    } else {
        assert(!entry->inode->is_linked);
        entry->inode->is_linked = true;
        sim_inode_charge(disk, entry->inode);
    }
}

static void entry_detach(struct sim_disk *disk, struct sim_dir_entry *entry, bool is_durable)
{
    struct sim_inode *inode = entry->inode;
    if (is_durable) {
        assert(inode->entry == entry);
        inode->entry = NULL;
    } else {
        assert(inode->is_linked);
        inode->is_linked = false;
        sim_inode_charge(disk, inode);
    }
    entry->inode = NULL;
    sim_inode_drop(disk, inode);
}

static struct sim_dir *dir_of(struct sim_disk *disk, bool is_durable)
{
    return is_durable ? &disk->durable : &disk->cached;
}

/* Gives a name to a file, in place of what had it. */
static void put(struct sim_disk *disk, bool is_durable, const char *name, struct sim_inode *inode)
{
    struct sim_dir *dir = dir_of(disk, is_durable);
    size_t place = seek(dir, name);
    if (is_at(dir, place, name)) {
        entry_detach(disk, dir->entries[place], is_durable);
    } else {
        struct sim_dir_entry *entry = arena_calloc(disk->arena, sizeof *entry);
        sim_dir_name_copy(entry->name, name);
        insert(disk->arena, dir, place, entry);
    }
    dir->entries[place]->inode = inode;
    entry_attach(disk, dir->entries[place], is_durable);
}

static void take_away(struct sim_disk *disk, bool is_durable, size_t place)
{
    struct sim_dir *dir = dir_of(disk, is_durable);
    assert(place < dir->count);
    struct sim_dir_entry *entry = dir->entries[place];
    dir->count--;
    memmove(dir->entries + place, dir->entries + place + 1,
            (dir->count - place) * sizeof(struct sim_dir_entry *));
    dir->entries[dir->count] = NULL; /* an old address must not be in a digest of memory */
    if (dir->count == 0) {           /* an empty disk has no memory */
        arena_free(disk->arena, dir->entries);
        *dir = (struct sim_dir){0};
    }
    entry_detach(disk, entry, is_durable);
    arena_free(disk->arena, entry);
}

struct sim_inode *sim_dir_look_up(const struct sim_dir *dir, const char *name)
{
    size_t place = seek(dir, name);
    return is_at(dir, place, name) ? dir->entries[place]->inode : NULL;
}

struct sim_inode *sim_dir_find(const struct sim_disk *disk, const char *name)
{
    return sim_dir_look_up(&disk->cached, name);
}

static void op_add(struct sim_disk *disk, enum raft_io_op op, const char *name, const char *name_to,
                   struct sim_inode *inode)
{
    struct sim_dir_op *dir_op = arena_calloc(disk->arena, sizeof *dir_op);
    disk->dir_sequence++;
    dir_op->sequence = disk->dir_sequence;
    dir_op->op = op;
    sim_dir_name_copy(dir_op->name, name);
    if (name_to != NULL) {
        sim_dir_name_copy(dir_op->name_to, name_to);
    }
    dir_op->inode = inode;
    sim_inode_hold(inode);
    struct sim_dir_op **end = &disk->dir_ops;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = dir_op;
}

static void op_free(struct sim_disk *disk, struct sim_dir_op *dir_op)
{
    sim_inode_drop(disk, dir_op->inode);
    arena_free(disk->arena, dir_op);
}

void sim_dir_create(struct sim_disk *disk, const char *name, struct sim_inode *inode)
{
    assert(sim_dir_find(disk, name) == NULL);
    put(disk, false, name, inode);
    op_add(disk, RAFT_IO_CREATE, name, NULL, inode);
}

void sim_dir_unlink(struct sim_disk *disk, const char *name)
{
    size_t place = seek(&disk->cached, name);
    assert(is_at(&disk->cached, place, name));
    op_add(disk, RAFT_IO_UNLINK, name, NULL, disk->cached.entries[place]->inode);
    take_away(disk, false, place);
}

void sim_dir_rename(struct sim_disk *disk, const char *name, const char *name_to)
{
    size_t place = seek(&disk->cached, name);
    assert(is_at(&disk->cached, place, name));
    if (strcmp(name, name_to) == 0) {
        return;
    }
    struct sim_inode *inode = disk->cached.entries[place]->inode;
    op_add(disk, RAFT_IO_RENAME, name, name_to, inode);
    take_away(disk, false, place);
    put(disk, false, name_to, inode);
}

static void notify_linked(struct sim_disk *disk, const struct sim_inode *inode)
{
    assert(inode->entry != NULL);
    if (disk->observer.durable != NULL) {
        disk->observer.durable(disk->observer.ctx, disk->node, inode->entry->name,
                               inode->durable.bytes, inode->durable.size, 0);
    }
}

void sim_disk_observe_all(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->durable.count; i++) {
        notify_linked(disk, disk->durable.entries[i]->inode);
    }
}

/* Removes a durable name if it is there. */
static void durable_remove(struct sim_disk *disk, const char *name)
{
    char gone[RAFT_FILE_NAME_MAX]; /* name may be the entry's own */
    sim_dir_name_copy(gone, name);
    size_t place = seek(&disk->durable, gone);
    if (!is_at(&disk->durable, place, gone)) {
        return;
    }
    take_away(disk, true, place);
    if (disk->observer.removed != NULL) {
        disk->observer.removed(disk->observer.ctx, disk->node, gone);
    }
}

/* Performs an operation on the durable directory. */
static void make_durable(struct sim_disk *disk, const struct sim_dir_op *dir_op)
{
    struct sim_inode *inode = dir_op->inode;
    if (dir_op->op == RAFT_IO_UNLINK) {
        durable_remove(disk, dir_op->name);
        return;
    }
    assert(dir_op->op == RAFT_IO_CREATE || dir_op->op == RAFT_IO_RENAME);
    if (inode->entry != NULL) {
        durable_remove(disk, inode->entry->name);
    }
    put(disk, true, dir_op->op == RAFT_IO_CREATE ? dir_op->name : dir_op->name_to, inode);
    notify_linked(disk, inode);
}

void sim_dir_sync(struct sim_disk *disk, uint64_t covers)
{
    assert(covers <= disk->dir_sequence);
    while (disk->dir_ops != NULL && disk->dir_ops->sequence <= covers) {
        struct sim_dir_op *dir_op = disk->dir_ops;
        disk->dir_ops = dir_op->next;
        make_durable(disk, dir_op);
        op_free(disk, dir_op);
    }
}

void sim_dir_survive(struct sim_disk *disk, enum sim_unsynced unsynced)
{
    assert(unsynced != SIM_UNSYNCED_KEEP); /* the machine lives: nothing is decided */
    while (disk->dir_ops != NULL) {
        struct sim_dir_op *dir_op = disk->dir_ops;
        disk->dir_ops = dir_op->next;
        bool is_kept = false;
        if (unsynced == SIM_UNSYNCED_CHOSEN) {
            is_kept = sim_image_keeps(disk);
        } else if (unsynced != SIM_UNSYNCED_LOSE) {
            is_kept = sim_draw_below(&disk->crash, 2) == 0;
        }
        if (is_kept) {
            make_durable(disk, dir_op);
        }
        op_free(disk, dir_op);
    }
    while (disk->cached.count > 0) {
        take_away(disk, false, disk->cached.count - 1);
    }
    for (size_t i = 0; i < disk->durable.count; i++) {
        put(disk, false, disk->durable.entries[i]->name, disk->durable.entries[i]->inode);
    }
}

void sim_dir_lose(struct sim_disk *disk, struct sim_inode *inode)
{
    sim_inode_hold(inode);
    for (struct sim_dir_op **at = &disk->dir_ops; *at != NULL;) {
        struct sim_dir_op *dir_op = *at;
        if (dir_op->inode == inode) {
            *at = dir_op->next;
            op_free(disk, dir_op);
        } else {
            at = &dir_op->next;
        }
    }
    size_t place = 0;
    while (place < disk->cached.count && disk->cached.entries[place]->inode != inode) {
        place++;
    }
    if (place < disk->cached.count) {
        take_away(disk, false, place);
    }
    if (inode->entry != NULL) {
        durable_remove(disk, inode->entry->name);
    }
    sim_inode_drop(disk, inode);
}

void sim_dir_wipe(struct sim_disk *disk)
{
    while (disk->dir_ops != NULL) {
        struct sim_dir_op *dir_op = disk->dir_ops;
        disk->dir_ops = dir_op->next;
        op_free(disk, dir_op);
    }
    while (disk->cached.count > 0) {
        take_away(disk, false, disk->cached.count - 1);
    }
    while (disk->durable.count > 0) {
        durable_remove(disk, disk->durable.entries[0]->name);
    }
}

/* ---- for people ---- */

static const char *name_of(const struct sim_disk *disk, const struct sim_inode *inode)
{
    for (size_t i = 0; i < disk->cached.count; i++) {
        if (disk->cached.entries[i]->inode == inode) {
            return disk->cached.entries[i]->name;
        }
    }
    return "";
}

void sim_disk_describe(const struct sim_disk *disk, const struct sim_event *event, char *text,
                       size_t text_size)
{
    const struct sim_disk_op *op = event->data;
    assert(event->kind == SIM_EVENT_IO && event->node == disk->node);
    const char *file = op->inode == NULL ? op->name : name_of(disk, op->inode);
    switch (op->op) {
    case RAFT_IO_OPEN:
        snprintf(text, text_size, "open %s", op->name);
        return;
    case RAFT_IO_CREATE:
        snprintf(text, text_size, "create %s", op->name);
        return;
    case RAFT_IO_READ:
        snprintf(text, text_size, "read %s, %zu bytes", file, op->size);
        return;
    case RAFT_IO_WRITE:
        snprintf(text, text_size, "write %s, %zu bytes", file, op->size);
        return;
    case RAFT_IO_SYNC:
        snprintf(text, text_size, "sync %s", file);
        return;
    case RAFT_IO_TRUNCATE:
        snprintf(text, text_size, "truncate %s to %llu bytes", file,
                 (unsigned long long)op->offset);
        return;
    case RAFT_IO_CLOSE:
        snprintf(text, text_size, "close %s", file);
        return;
    case RAFT_IO_UNLINK:
        snprintf(text, text_size, "unlink %s", op->name);
        return;
    case RAFT_IO_RENAME:
        snprintf(text, text_size, "rename %s to %s", op->name, op->name_to);
        return;
    case RAFT_IO_SYNC_DIR:
        snprintf(text, text_size, "sync the directory");
        return;
    case RAFT_IO_OP_COUNT:
        break;
    }
    assert(!"not an operation");
}

const char *sim_disk_open_file(const struct sim_disk *disk)
{
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        if (inode->handles > 0) {
            return name_of(disk, inode);
        }
    }
    return "";
}
