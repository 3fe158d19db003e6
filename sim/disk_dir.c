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
#include <string.h>

static struct sim_dir_entry **seek(struct sim_dir_entry **list, const char *name)
{
    while (*list != NULL && strcmp((*list)->name, name) < 0) {
        list = &(*list)->next;
    }
    return list;
}

static bool is_at(struct sim_dir_entry *const *place, const char *name)
{
    return *place != NULL && strcmp((*place)->name, name) == 0;
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

/* Gives a name to a file, in place of what had it. */
static void put(struct sim_disk *disk, bool is_durable, const char *name, struct sim_inode *inode)
{
    struct sim_dir_entry **place = seek(is_durable ? &disk->durable : &disk->cached, name);
    if (is_at(place, name)) {
        entry_detach(disk, *place, is_durable);
    } else {
        struct sim_dir_entry *entry = arena_calloc(disk->arena, sizeof *entry);
        sim_dir_name_copy(entry->name, name);
        entry->next = *place;
        *place = entry;
    }
    (*place)->inode = inode;
    entry_attach(disk, *place, is_durable);
}

static void take_away(struct sim_disk *disk, bool is_durable, struct sim_dir_entry **place)
{
    struct sim_dir_entry *entry = *place;
    assert(entry != NULL);
    *place = entry->next;
    entry_detach(disk, entry, is_durable);
    arena_free(disk->arena, entry);
}

struct sim_inode *sim_dir_find(const struct sim_disk *disk, const char *name)
{
    struct sim_dir_entry *entry = disk->cached;
    while (entry != NULL && strcmp(entry->name, name) < 0) {
        entry = entry->next;
    }
    return entry != NULL && strcmp(entry->name, name) == 0 ? entry->inode : NULL;
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
    struct sim_dir_entry **place = seek(&disk->cached, name);
    assert(is_at(place, name));
    op_add(disk, RAFT_IO_UNLINK, name, NULL, (*place)->inode);
    take_away(disk, false, place);
}

void sim_dir_rename(struct sim_disk *disk, const char *name, const char *name_to)
{
    struct sim_dir_entry **place = seek(&disk->cached, name);
    assert(is_at(place, name));
    if (strcmp(name, name_to) == 0) {
        return;
    }
    struct sim_inode *inode = (*place)->inode;
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

/* Removes a durable name if it is there. */
static void durable_remove(struct sim_disk *disk, const char *name)
{
    char gone[RAFT_FILE_NAME_MAX]; /* name may be the entry's own */
    sim_dir_name_copy(gone, name);
    struct sim_dir_entry **place = seek(&disk->durable, gone);
    if (!is_at(place, gone)) {
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
    while (disk->cached != NULL) {
        take_away(disk, false, &disk->cached);
    }
    for (struct sim_dir_entry *entry = disk->durable; entry != NULL; entry = entry->next) {
        put(disk, false, entry->name, entry->inode);
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
    struct sim_dir_entry **place = &disk->cached;
    while (*place != NULL && (*place)->inode != inode) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
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
    while (disk->cached != NULL) {
        take_away(disk, false, &disk->cached);
    }
    while (disk->durable != NULL) {
        durable_remove(disk, disk->durable->name);
    }
}
