/* The content of files on the simulated disk: what the process sees, and what a crash would leave.
 *
 * Terms: the *cached* image is what reads return; the *durable* image is what is on the medium for
 * certain; a *change* is a write or truncation that was performed and is not durable.
 *
 * Fault model of a crash. Each change is kept, lost or torn (sectors of 512 bytes, aligned in the
 * file, kept or lost one by one; a truncation is one piece), independently of the others; what is
 * kept is applied in the order in which it was performed. Where nothing was kept, the old durable
 * bytes stay, or zeros past the old end. The new size of a write that moved the end of its file
 * comes with its last byte, or without it: of a torn write the size may be kept alone, and if it is
 * lost, what a truncation has cut off before, and is lost as well, is still there, however many
 * bytes of the write have come. A failed sync does the same to what it covers, at once, since
 * nobody knows how far it had come, and what is lost then never becomes durable.
 *
 * Invariants:
 *  1. cached = durable with all changes applied in order, unless a sync has failed and left its
 *     content in the cache.
 *  2. The durable image changes with a sync that covers a change, failed or not, and at a crash
 *     alone. It is what the medium was told; what it really has, disk_damage.c knows.
 *  3. disk->used is the sum of the cached sizes of all files that have a name or a handle. */
#include "disk_private.h"
#include "world.h"

#include <assert.h>
#include <string.h>

#define IMAGE_FIRST     ((size_t)256)
#define FILE_SIZE_MAX   ((uint64_t)1 << 31)
#define NOTHING_CHANGED SIZE_MAX

static void image_reserve(struct arena *arena, struct sim_image *image, size_t size)
{
    if (size <= image->capacity) {
        return;
    }
    size_t capacity = image->capacity == 0 ? IMAGE_FIRST : image->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    image->bytes = arena_realloc(arena, image->bytes, capacity);
    image->capacity = capacity;
    assert(image->capacity >= size);
}

void sim_image_resize(struct arena *arena, struct sim_image *image, uint64_t size)
{
    assert(size <= FILE_SIZE_MAX);
    image_reserve(arena, image, (size_t)size);
    if (size > image->size) {
        memset(image->bytes + image->size, 0, (size_t)size - image->size);
    }
    image->size = (size_t)size;
}

static void image_write(struct arena *arena, struct sim_image *image, uint64_t offset,
                        const uint8_t *bytes, size_t size)
{
    assert(size > 0 && bytes != NULL);
    assert(offset <= FILE_SIZE_MAX && size <= FILE_SIZE_MAX - offset);
    if (offset + size > image->size) {
        sim_image_resize(arena, image, offset + size);
    }
    memcpy(image->bytes + offset, bytes, size);
}

void sim_image_copy(struct arena *arena, struct sim_image *image, const struct sim_image *from)
{
    sim_image_resize(arena, image, from->size);
    if (from->size > 0) {
        memcpy(image->bytes, from->bytes, from->size);
    }
}

struct sim_inode *sim_inode_new(struct sim_disk *disk)
{
    struct sim_inode *inode = arena_calloc(disk->arena, sizeof *inode);
    inode->references = 1;
    inode->previous = disk->inode_last;
    *(disk->inode_last == NULL ? &disk->inodes : &disk->inode_last->next) = inode;
    disk->inode_last = inode;
    return inode;
}

void sim_inode_hold(struct sim_inode *inode)
{
    assert(inode->references > 0);
    inode->references++;
}

static void change_free(struct sim_disk *disk, struct sim_change *change)
{
    arena_free(disk->arena, change->bytes);
    arena_free(disk->arena, change);
}

void sim_inode_drop(struct sim_disk *disk, struct sim_inode *inode)
{
    assert(inode->references > 0);
    inode->references--;
    if (inode->references > 0) {
        return;
    }
    assert(inode->handles == 0 && !inode->is_linked && inode->entry == NULL);
    assert(inode->charged == 0);
    *(inode->previous == NULL ? &disk->inodes : &inode->previous->next) = inode->next;
    *(inode->next == NULL ? &disk->inode_last : &inode->next->previous) = inode->previous;
    while (inode->changes != NULL) {
        struct sim_change *change = inode->changes;
        inode->changes = change->next;
        change_free(disk, change);
    }
    arena_free(disk->arena, inode->cached.bytes);
    arena_free(disk->arena, inode->durable.bytes);
    sim_damage_free(disk, inode);
    arena_free(disk->arena, inode);
}

void sim_inode_charge(struct sim_disk *disk, struct sim_inode *inode)
{
    assert(disk->used >= inode->charged);
    size_t size = inode->is_linked || inode->handles > 0 ? inode->cached.size : 0;
    disk->used = disk->used - inode->charged + size;
    inode->charged = size;
}

uint64_t sim_inode_room(const struct sim_disk *disk, const struct sim_inode *inode)
{
    assert(inode->charged == inode->cached.size && inode->charged <= disk->used);
    uint64_t left = disk->used < disk->quota ? disk->quota - disk->used : 0;
    return inode->cached.size + left;
}

bool sim_inode_fits(const struct sim_disk *disk, const struct sim_inode *inode, uint64_t size)
{
    bool fits = size <= sim_inode_room(disk, inode);
    if (fits || !sim_fault_befalls(&disk->world->faults, disk->node, SIM_MISHAP_FULL)) {
        return true;
    }
    sim_watch_hit(disk->quota_watch);
    return false;
}

static struct sim_change *change_add(struct sim_disk *disk, struct sim_inode *inode,
                                     uint64_t offset)
{
    struct sim_change *change = arena_calloc(disk->arena, sizeof *change);
    inode->sequence++;
    change->sequence = inode->sequence;
    disk->change_last++;
    change->number = disk->change_last;
    change->offset = offset;
    struct sim_change **end = &inode->changes;
    while (*end != NULL) {
        assert((*end)->sequence < change->sequence);
        end = &(*end)->next;
    }
    *end = change;
    return change;
}

void sim_inode_write(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                     uint8_t *bytes, size_t size, enum sim_lie lie)
{
    assert(size > 0);
    size_t old_size = inode->cached.size;
    image_write(disk->arena, &inode->cached, offset, bytes, size);
    sim_damage_hide(disk, inode, offset, size);
    struct sim_change *change = change_add(disk, inode, offset);
    if (inode->cached.size != old_size) {
        change->old_size = old_size;
        change->new_size = inode->cached.size;
    }
    change->lie = lie;
    change->size = size;
    change->bytes = bytes;
    sim_inode_charge(disk, inode);
}

void sim_inode_truncate(struct sim_disk *disk, struct sim_inode *inode, uint64_t size)
{
    sim_image_resize(disk->arena, &inode->cached, size);
    sim_damage_hide(disk, inode, size, UINT64_MAX);
    struct sim_change *change = change_add(disk, inode, size);
    change->is_truncate = true;
    sim_inode_charge(disk, inode);
    assert(inode->cached.size == size);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Applies [from, from + size) of a write, or a truncation, to an image. Returns the first byte that
 * may have changed. */
static size_t apply_part(struct sim_disk *disk, struct sim_image *image,
                         const struct sim_change *change, size_t from, size_t size)
{
    size_t old_size = image->size;
    if (change->is_truncate) {
        sim_image_resize(disk->arena, image, change->offset);
        return image->size == old_size ? NOTHING_CHANGED : least(image->size, old_size);
    }
    assert(from + size <= change->size);
    image_write(disk->arena, image, change->offset + from, change->bytes + from, size);
    return least((size_t)change->offset + from, old_size);
}

/* The same for the medium, which may lie about it. */
static size_t reach_medium(struct sim_disk *disk, struct sim_inode *inode,
                           const struct sim_change *change, size_t from, size_t size)
{
    sim_damage_reach(disk, inode, change, from, size);
    return apply_part(disk, &inode->durable, change, from, size);
}

/* A file has one size: a write that moved its end brings the one that the file had then, whatever
 * became of a truncation before. Whether it cuts off what an image still has behind that. */
static bool cuts_off(const struct sim_image *image, const struct sim_change *change)
{
    return change->new_size != 0 && change->new_size < image->size;
}

/* Ends the file on the medium at a size, which is not beyond its end. */
static size_t cut(struct sim_disk *disk, struct sim_inode *inode, uint64_t size)
{
    const struct sim_change truncation = {.is_truncate = true, .offset = size};
    assert(size <= inode->durable.size);
    return reach_medium(disk, inode, &truncation, 0, 0);
}

/* All of a change. */
static size_t reach_whole(struct sim_disk *disk, struct sim_inode *inode,
                          const struct sim_change *change)
{
    size_t first_changed = reach_medium(disk, inode, change, 0, change->size);
    if (cuts_off(&inode->durable, change)) {
        first_changed = least(first_changed, cut(disk, inode, change->new_size));
    }
    return first_changed;
}

static void notify_durable(struct sim_disk *disk, const struct sim_inode *inode, size_t from)
{
    if (from == NOTHING_CHANGED || inode->entry == NULL || disk->observer.durable == NULL) {
        return;
    }
    assert(from <= inode->durable.size); /* a truncation that cut the change reported itself */
    disk->observer.durable(disk->observer.ctx, disk->node, inode->entry->name, inode->durable.bytes,
                           inode->durable.size, from);
}

/* The oldest change if it is covered, taken out of the list, or NULL. */
static struct sim_change *take_covered(struct sim_inode *inode, uint64_t covers)
{
    struct sim_change *change = inode->changes;
    if (change == NULL || change->sequence > covers) {
        return NULL;
    }
    inode->changes = change->next;
    return change;
}

void sim_inode_sync(struct sim_disk *disk, struct sim_inode *inode, uint64_t covers)
{
    assert(covers <= inode->sequence);
    size_t from = NOTHING_CHANGED;
    struct sim_change *change = take_covered(inode, covers);
    while (change != NULL) {
        from = least(from, reach_whole(disk, inode, change));
        change_free(disk, change);
        change = take_covered(inode, covers);
    }
    notify_durable(disk, inode, from);
}

static bool piece_survives(struct sim_disk *disk, bool is_chosen)
{
    return is_chosen ? sim_image_keeps(disk) : sim_draw_below(&disk->crash, 2) == 0;
}

/* The size of a torn write comes with its end, or by a coin without it: a chosen image has
 * SIM_DISK_ZERO for that. */
static size_t apply_size(struct sim_disk *disk, struct sim_inode *inode,
                         const struct sim_change *change, bool has_end, bool is_chosen)
{
    size_t end = (size_t)change->offset + change->size;
    size_t old_end = inode->durable.size;
    bool moves = end > old_end || cuts_off(&inode->durable, change);
    if (!moves || (!has_end && (is_chosen || sim_draw_below(&disk->crash, 2) != 0))) {
        return NOTHING_CHANGED;
    }
    if (end <= old_end) {
        return cut(disk, inode, end);
    }
    sim_image_resize(disk->arena, &inode->durable, end);
    return old_end;
}

/* Keeps some sectors of a change, by a coin or as the image says; a truncation is one piece.
 * Returns the first byte changed. */
static size_t apply_torn(struct sim_disk *disk, struct sim_inode *inode,
                         const struct sim_change *change, bool is_chosen)
{
    if (change->is_truncate) {
        bool is_kept = piece_survives(disk, is_chosen);
        return is_kept ? reach_medium(disk, inode, change, 0, 0) : NOTHING_CHANGED;
    }
    size_t first_changed = NOTHING_CHANGED;
    size_t from = 0;
    bool has_end = false;
    while (from < change->size) {
        size_t in_sector = (size_t)((change->offset + from) % SIM_DISK_SECTOR);
        size_t size = least(SIM_DISK_SECTOR - in_sector, change->size - from);
        has_end = piece_survives(disk, is_chosen);
        if (has_end) {
            size_t changed = reach_medium(disk, inode, change, from, size);
            first_changed = least(first_changed, changed);
        }
        from += size;
    }
    return least(first_changed, apply_size(disk, inode, change, has_end, is_chosen));
}

/* Keeps a change whole, but for the damage that the image does to the last write. */
static size_t apply_damaged(struct sim_disk *disk, struct sim_inode *inode,
                            const struct sim_change *change)
{
    const struct sim_disk_image *how = &disk->image;
    if (change->number != disk->change_last || change->is_truncate) {
        return reach_whole(disk, inode, change);
    }
    assert(!change->is_truncate && how->byte < change->size);
    if (how->damage == SIM_DISK_CUT) {
        /* What was in the file before is not of this write. */
        uint64_t end = change->offset + how->byte;
        end = end < change->old_size ? change->old_size : end;
        size_t first_changed =
            how->byte == 0 ? NOTHING_CHANGED : reach_medium(disk, inode, change, 0, how->byte);
        bool is_longer = change->new_size != 0 && end < inode->durable.size;
        return is_longer ? least(first_changed, cut(disk, inode, end)) : first_changed;
    }
    size_t changed = reach_whole(disk, inode, change);
    uint8_t *bytes = inode->durable.bytes + change->offset;
    if (how->damage == SIM_DISK_ZERO) {
        memset(bytes + how->byte, 0, change->size - how->byte);
    } else {
        bytes[how->byte] ^= (uint8_t)(1u << how->byte % 8);
    }
    return changed;
}

static size_t apply_surviving(struct sim_disk *disk, struct sim_inode *inode,
                              const struct sim_change *change, enum sim_unsynced unsynced)
{
    enum sim_unsynced fate = unsynced;
    if (fate == SIM_UNSYNCED_RANDOM) {
        static const enum sim_unsynced fates[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_KEEP,
                                                  SIM_UNSYNCED_TORN};
        fate = fates[sim_draw_below(&disk->crash, 3)];
    }
    switch (fate) {
    case SIM_UNSYNCED_LOSE:
        return NOTHING_CHANGED;
    case SIM_UNSYNCED_KEEP:
        return reach_whole(disk, inode, change);
    case SIM_UNSYNCED_TORN:
        return apply_torn(disk, inode, change, false);
    case SIM_UNSYNCED_CHOSEN:
        return disk->image.damage == SIM_DISK_PIECES ? apply_torn(disk, inode, change, true)
                                                     : apply_damaged(disk, inode, change);
    case SIM_UNSYNCED_RANDOM:
        break;
    }
    assert(!"a change has one of three fates");
    return NOTHING_CHANGED;
}

/* The process sees what the medium has, but for what is written and not yet synced. */
static void revert(struct sim_disk *disk, struct sim_inode *inode)
{
    sim_image_copy(disk->arena, &inode->cached, &inode->durable);
    sim_damage_surface(disk, inode, 0, UINT64_MAX);
    for (const struct sim_change *change = inode->changes; change != NULL; change = change->next) {
        apply_part(disk, &inode->cached, change, 0, change->size);
        bool is_end = change->is_truncate || cuts_off(&inode->cached, change);
        if (is_end && !change->is_truncate) {
            sim_image_resize(disk->arena, &inode->cached, change->new_size);
        }
        sim_damage_hide(disk, inode, change->offset, is_end ? UINT64_MAX : change->size);
    }
    sim_inode_charge(disk, inode);
}

void sim_inode_sync_failed(struct sim_disk *disk, struct sim_inode *inode, uint64_t covers)
{
    assert(covers <= inode->sequence);
    size_t from = NOTHING_CHANGED;
    struct sim_change *change = take_covered(inode, covers);
    while (change != NULL) {
        from = least(from, apply_surviving(disk, inode, change, SIM_UNSYNCED_RANDOM));
        change_free(disk, change);
        change = take_covered(inode, covers);
    }
    if (disk->revert_failed_sync) {
        revert(disk, inode);
    }
    notify_durable(disk, inode, from);
}

void sim_inode_survive(struct sim_disk *disk, struct sim_inode *inode, enum sim_unsynced unsynced)
{
    assert(unsynced != SIM_UNSYNCED_KEEP); /* the machine lives: nothing is decided */
    size_t from = NOTHING_CHANGED;
    struct sim_change *change = take_covered(inode, inode->sequence);
    while (change != NULL) {
        from = least(from, apply_surviving(disk, inode, change, unsynced));
        change_free(disk, change);
        change = take_covered(inode, inode->sequence);
    }
    sim_image_copy(disk->arena, &inode->cached, &inode->durable);
    sim_damage_surface(disk, inode, 0, UINT64_MAX);
    sim_inode_charge(disk, inode);
    notify_durable(disk, inode, from);
    assert(inode->changes == NULL);
}
