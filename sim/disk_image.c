/* Chosen crashes of the simulated disk: what a crash would decide about, and what it was told to
 * do.
 *
 * Terms: *pieces*, as in disk.h. A crash that is chosen draws nothing: its image says of each piece
 * whether it is kept.
 *
 * Invariants:
 *  1. A crash asks for at most as many pieces as sim_disk_pieces has said. It may ask for fewer: of
 *     what is under way some may have no effect.
 *  2. Only what is not durable is kept, lost or damaged. */
#include "disk_private.h"

#include <assert.h>
#include <string.h>

bool sim_image_keeps(struct sim_disk *disk)
{
    if (disk->image.damage != SIM_DISK_PIECES) {
        return true;
    }
    uint32_t bit = disk->piece < SIM_DISK_PIECE_BITS ? disk->piece : SIM_DISK_PIECE_BITS - 1;
    disk->piece++;
    assert(disk->piece > 0);
    return (disk->image.kept >> bit & 1u) != 0;
}

static uint32_t sectors(uint64_t offset, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint64_t first = offset / SIM_DISK_SECTOR;
    uint64_t last = (offset + size - 1) / SIM_DISK_SECTOR;
    assert(last >= first);
    return (uint32_t)(last - first + 1);
}

static uint32_t op_pieces(const struct sim_disk_op *op)
{
    if (op->fault.status != RAFT_OK) {
        return 0;
    }
    switch (op->op) {
    case RAFT_IO_WRITE:
        return sectors(op->offset, op->size);
    case RAFT_IO_TRUNCATE:
    case RAFT_IO_CREATE:
    case RAFT_IO_UNLINK:
    case RAFT_IO_RENAME:
        return 1;
    case RAFT_IO_OPEN:
    case RAFT_IO_READ:
    case RAFT_IO_SYNC:
    case RAFT_IO_CLOSE:
    case RAFT_IO_SYNC_DIR:
    case RAFT_IO_OP_COUNT:
        break;
    }
    return 0;
}

uint32_t sim_disk_pieces(const struct sim_disk *disk)
{
    uint32_t count = 0;
    for (const struct sim_disk_op *op = disk->pending; op != NULL; op = op->next) {
        count += op_pieces(op);
    }
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        for (const struct sim_change *change = inode->changes; change != NULL;
             change = change->next) {
            count += change->is_truncate ? 1 : sectors(change->offset, change->size);
        }
    }
    for (const struct sim_dir_op *op = disk->dir_ops; op != NULL; op = op->next) {
        count++;
    }
    return count;
}

/* The last change, if it is a write and not durable, with its file; or NULL. */
static const struct sim_change *last_write(const struct sim_disk *disk,
                                           const struct sim_inode **out_inode)
{
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        for (const struct sim_change *change = inode->changes; change != NULL;
             change = change->next) {
            if (change->number == disk->change_last && !change->is_truncate) {
                *out_inode = inode;
                return change;
            }
        }
    }
    return NULL;
}

/* Of a file without a name: that of "". */
static uint64_t kind_of_file(const struct sim_disk *disk, const struct sim_inode *inode)
{
    uint64_t kind = 0;
    for (size_t i = 0; i < disk->cached.count; i++) {
        const struct sim_dir_entry *entry = disk->cached.entries[i];
        for (const char *at = entry->name; entry->inode == inode && *at != 0 && *at != '-'; at++) {
            kind = sim_mix(kind, (uint8_t)*at, 0);
        }
    }
    return kind;
}

uint32_t sim_disk_tail(const struct sim_disk *disk, uint64_t *out_file)
{
    const struct sim_inode *inode = NULL;
    const struct sim_change *change = last_write(disk, &inode);
    assert(change == NULL || change->size <= UINT32_MAX);
    *out_file = change == NULL ? 0 : kind_of_file(disk, inode);
    return change == NULL ? 0 : (uint32_t)change->size;
}

/* ---- the digest ---- */

static uint64_t image_digest(const struct sim_image *image, uint64_t digest)
{
    return sim_hash(image->bytes, image->size, sim_mix(digest, image->size, 0));
}

/* The number of a file: where it stands among all of the disk; 0: there is none. */
static uint64_t place_of(const struct sim_disk *disk, const struct sim_inode *inode)
{
    uint64_t place = 0;
    const struct sim_inode *at = inode == NULL ? NULL : disk->inodes;
    for (; at != NULL && at != inode; at = at->next) {
        place++;
    }
    assert(at == inode); /* of this disk */
    return inode == NULL ? 0 : place + 1;
}

static uint64_t change_digest(const struct sim_change *change, uint64_t digest)
{
    const uint64_t words[] = {
        change->sequence, change->number,   change->is_truncate, (uint64_t)change->lie,
        change->offset,   change->old_size, change->new_size,    change->size,
    };
    return sim_hash(change->bytes, change->size, sim_hash(words, sizeof words, digest));
}

static uint64_t inode_digest(const struct sim_inode *inode, uint64_t digest)
{
    for (const struct sim_change *change = inode->changes; change != NULL; change = change->next) {
        digest = change_digest(change, digest);
    }
    digest = sim_mix(digest, inode->sequence, 0);
    /* Not the durable image with the changes: a failed sync may have left something else. */
    digest = image_digest(&inode->cached, image_digest(&inode->durable, digest));
    return image_digest(&inode->latent, image_digest(&inode->damage, digest));
}

static uint64_t names_digest(const struct sim_disk *disk, const struct sim_dir *dir,
                             uint64_t digest)
{
    for (size_t i = 0; i < dir->count; i++) {
        const struct sim_dir_entry *entry = dir->entries[i];
        digest = sim_hash(entry->name, sizeof entry->name, digest);
        digest = sim_mix(digest, place_of(disk, entry->inode), 0);
    }
    return digest;
}

static uint64_t op_digest(const struct sim_disk *disk, const struct sim_disk_op *op,
                          uint64_t digest)
{
    const uint64_t words[] = {
        (uint64_t)op->op,
        op->offset,
        op->size,
        (uint64_t)op->fault.status,
        op->fault.is_short,
        op->fault.short_bytes,
        (uint64_t)op->fault.lie,
        op->due_ns,
        op->bytes != NULL,
        op->covers,
        op->handle == NULL ? 0 : op->handle->id,
        place_of(disk, op->inode),
    };
    digest = sim_hash(words, sizeof words, digest);
    digest = sim_hash(op->name, sizeof op->name, digest);
    digest = sim_hash(op->name_to, sizeof op->name_to, digest);
    return op->bytes == NULL ? digest : sim_hash(op->bytes, op->size, digest);
}

/* Without latencies and variants, which are set once, and without the image of a chosen crash,
 * which is made with the crash. What counts references and bytes follows from the rest. */
uint64_t sim_disk_state_digest(const struct sim_disk *disk)
{
    const uint64_t words[] = {
        disk->stream.counter, disk->crash.counter, disk->lengths.counter, disk->decay.counter,
        disk->source.counter, disk->slow_ns,       disk->quota,           disk->used,
        disk->open_count,     disk->owner,         disk->dir_sequence,    disk->change_last,
        disk->handle_last,
    };
    uint64_t digest = sim_hash(words, sizeof words, 0);
    digest = sim_hash(disk->lost_file, strlen(disk->lost_file), digest);
    digest = names_digest(disk, &disk->cached, names_digest(disk, &disk->durable, digest));
    /* Such as have no name, too: they are open, or may come back. */
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        digest = inode_digest(inode, digest);
    }
    for (const struct sim_handle *handle = disk->handles; handle != NULL; handle = handle->next) {
        digest = sim_mix(digest, (uint64_t)handle->id << 1 | handle->is_closing,
                         place_of(disk, handle->inode));
    }
    for (const struct sim_dir_op *op = disk->dir_ops; op != NULL; op = op->next) {
        const uint64_t of_op[] = {(uint64_t)op->op, op->sequence, place_of(disk, op->inode)};
        digest = sim_hash(of_op, sizeof of_op, digest);
        digest = sim_hash(op->name, sizeof op->name, digest);
        digest = sim_hash(op->name_to, sizeof op->name_to, digest);
    }
    for (const struct sim_disk_op *op = disk->pending; op != NULL; op = op->next) {
        digest = op_digest(disk, op, digest);
    }
    return digest;
}
