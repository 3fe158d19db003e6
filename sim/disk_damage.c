/* What goes wrong on the medium of the simulated disk although every operation succeeded.
 *
 * Terms. The durable image of a file is what the medium was told. *Damage* is how what it really
 * has differs: bytes to be XORed to what a read finds. *Latent* damage is hidden by the cache of
 * the machine, which has other bytes there: such as are not durable yet, or never will be, or are
 * by a lie. It surfaces when the machine crashes, or when a failed sync takes those bytes back. A
 * *lie* is a write that reports success, as its sync does, and is lost, or lands at another place.
 *
 * Whoever watches what has become durable sees the durable image, and thus what the process could
 * rely on: damage is nobody's fault but the medium's.
 *
 * Fault model. May: flip bits of durable bytes, at once visible; keep the old bytes of a range that
 * was written (zeros past the old end), and put the written ones over others of the same disk, both
 * visible after a crash; lose a file; empty the disk; bring back a whole earlier content. Never:
 * changes a size or a name by a lie, shows damage under bytes that are not durable, lets damage
 * outlive what has become durable over it, or the durable end of its file, heals it before. A disk
 * that *spares copies* lies only while nothing on it is damaged, and what it misdirects lands on no
 * file of the same number as the one it was meant for: so of a thing that is there twice, in two
 * places of a file or in a file and its twin, one copy stays whole.
 *
 * Invariants:
 *  1. No byte past the end of a durable image is damaged.
 *  2. No byte has damage of both kinds, and none that a change covers has any but latent one.
 *  3. Without damage both images are empty and cost nothing. */
#include "disk_private.h"
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct sim_disk_copy {
    struct sim_disk_copy *next;    /* one for each file */
    uint32_t owner;                /* of the first one: of the disk */
    char name[RAFT_FILE_NAME_MAX]; /* of the first one: of the file that was lost, or "" */
    struct sim_image durable;
    struct sim_image damage;
};

void sim_damage_apply(const struct sim_inode *inode, uint64_t offset, uint8_t *bytes, size_t size)
{
    const struct sim_image *damage = &inode->damage;
    for (size_t i = 0; i < size && offset + i < damage->size; i++) {
        bytes[i] ^= damage->bytes[offset + i];
    }
}

static void clear(struct sim_image *image, uint64_t offset, uint64_t size)
{
    if (offset < image->size) {
        uint64_t there = image->size - offset;
        memset(image->bytes + offset, 0, (size_t)(size < there ? size : there));
    }
}

static uint8_t bits_at(const struct sim_image *image, uint64_t offset)
{
    return offset < image->size ? image->bytes[offset] : 0;
}

static void set_bits(struct arena *arena, struct sim_image *image, uint64_t offset, uint8_t bits)
{
    if (offset >= image->size) {
        if (bits == 0) {
            return;
        }
        sim_image_resize(arena, image, offset + 1);
    }
    image->bytes[offset] = bits;
}

/* Damage of a range becomes that of the other kind. */
static void move(struct sim_disk *disk, struct sim_image *from, struct sim_image *to,
                 uint64_t offset, uint64_t size)
{
    for (uint64_t i = offset; i < from->size && i - offset < size; i++) {
        if (from->bytes[i] != 0) {
            assert(bits_at(to, i) == 0);
            set_bits(disk->arena, to, i, from->bytes[i]);
            from->bytes[i] = 0;
        }
    }
}

void sim_damage_hide(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset, uint64_t size)
{
    move(disk, &inode->damage, &inode->latent, offset, size);
}

void sim_damage_surface(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                        uint64_t size)
{
    move(disk, &inode->latent, &inode->damage, offset, size);
}

/* Whether the cache has other bytes there than the durable ones. */
static bool is_hidden(const struct sim_inode *inode, uint64_t offset)
{
    for (const struct sim_change *change = inode->changes; change != NULL; change = change->next) {
        if (change->offset <= offset &&
            (change->is_truncate || offset - change->offset < change->size)) {
            return true;
        }
    }
    return bits_at(&inode->latent, offset) != 0 || offset >= inode->cached.size ||
           inode->cached.bytes[offset] != inode->durable.bytes[offset];
}

/* A file of the durable directory that has content, by a draw; NULL: there is none. name "": any.
 */
static struct sim_inode *draw_file(struct sim_disk *disk, const char *name)
{
    uint64_t count = 0;
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct sim_dir_entry *entry = disk->durable.entries[i];
        count += entry->inode->durable.size > 0 && (*name == 0 || strcmp(entry->name, name) == 0);
    }
    uint64_t chosen = sim_draw_below(&disk->decay, count);
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct sim_dir_entry *entry = disk->durable.entries[i];
        if (entry->inode->durable.size == 0 || (*name != 0 && strcmp(entry->name, name) != 0)) {
            continue;
        }
        if (chosen == 0) {
            return entry->inode;
        }
        chosen--;
    }
    return NULL;
}

bool sim_disk_rot(struct sim_disk *disk, const char *name, uint64_t offset, uint32_t bits)
{
    struct sim_inode *inode = draw_file(disk, name);
    bool is_anywhere = offset == SIM_ROT_ANYWHERE;
    if (inode == NULL || (!is_anywhere && offset >= inode->durable.size)) {
        return false;
    }
    if (!sim_fault_befalls(&disk->world->faults, disk->node, SIM_MISHAP_ROT)) {
        return true;
    }
    for (uint32_t i = 0; i < bits; i++) {
        uint64_t range = is_anywhere ? (uint64_t)inode->durable.size * 8 : 8;
        uint64_t bit = sim_draw_below(&disk->decay, range) + (is_anywhere ? 0 : offset * 8);
        struct sim_image *image = is_hidden(inode, bit / 8) ? &inode->latent : &inode->damage;
        set_bits(disk->arena, image, bit / 8, (uint8_t)(bits_at(image, bit / 8) | 1u << (bit % 8)));
    }
    return true;
}

bool sim_disk_lose(struct sim_disk *disk, const char *name)
{
    assert(disk->open_count == 0 && disk->pending == NULL);
    struct sim_inode *inode = sim_dir_look_up(&disk->durable, name);
    if (inode == NULL) {
        return false;
    }
    if (!sim_fault_befalls(&disk->world->faults, disk->node, SIM_MISHAP_REMOVE)) {
        return true;
    }
    if (inode->durable.size > 0) {
        sim_dir_name_copy(disk->lost_file, name); /* else nothing was in it */
    }
    sim_dir_lose(disk, inode);
    return true;
}

void sim_disk_list_durable(const struct sim_disk *disk, raft_list_visit visit, void *visitor)
{
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct sim_dir_entry *entry = disk->durable.entries[i];
        if (!visit(visitor, entry->name)) {
            return;
        }
    }
}

/* Whether a file's copies of something are in the other one: both bear the same number. */
static bool is_twin(const struct sim_inode *a, const struct sim_inode *b)
{
    if (a->entry == NULL || b->entry == NULL) {
        return false;
    }
    const char *number = strchr(a->entry->name, '-');
    const char *other = strchr(b->entry->name, '-');
    return number != NULL && other != NULL && strcmp(number, other) == 0;
}

/* Bytes that were meant for another place land on a file. */
static void land(struct sim_disk *disk, struct sim_inode *inode, const uint8_t *bytes, size_t size)
{
    const struct sim_image *durable = &inode->durable;
    uint64_t sectors = (durable->size + SIM_DISK_SECTOR - 1) / SIM_DISK_SECTOR;
    uint64_t offset = sim_draw_below(&disk->decay, sectors) * SIM_DISK_SECTOR;
    for (size_t i = 0; i < size && offset + i < durable->size; i++) {
        bool is_seen = bits_at(&inode->damage, offset + i) != 0;
        set_bits(disk->arena, is_seen ? &inode->damage : &inode->latent, offset + i,
                 durable->bytes[offset + i] ^ bytes[i]);
    }
}

void sim_damage_reach(struct sim_disk *disk, struct sim_inode *inode,
                      const struct sim_change *change, size_t from, size_t size)
{
    const struct sim_image *durable = &inode->durable;
    uint64_t first = change->offset + from;
    uint64_t length = change->is_truncate ? UINT64_MAX - first : size;
    assert(from + size <= change->size);
    if (change->lie == SIM_LIE_NONE || (disk->spares_copies && sim_disk_is_damaged(disk))) {
        clear(&inode->latent, first, length);
        return;
    }
    assert(!change->is_truncate);
    for (size_t i = from; i < from + size; i++) {
        uint64_t at = change->offset + i;
        uint8_t old = at < durable->size ? durable->bytes[at] : 0;
        uint8_t bits = old ^ bits_at(&inode->latent, at) ^ change->bytes[i];
        assert(bits_at(&inode->damage, at) == 0);
        set_bits(disk->arena, &inode->latent, at, bits);
    }
    struct sim_inode *other = change->lie == SIM_LIE_MISDIRECTED ? draw_file(disk, "") : NULL;
    bool is_spared =
        other == NULL || other == inode || (disk->spares_copies && is_twin(inode, other));
    if (!is_spared) {
        land(disk, other, change->bytes + from, size);
    }
}

void sim_damage_free(struct sim_disk *disk, struct sim_inode *inode)
{
    arena_free(disk->arena, inode->damage.bytes);
    arena_free(disk->arena, inode->latent.bytes);
}

static bool has_damage(const struct sim_image *image)
{
    for (size_t i = 0; i < image->size; i++) {
        if (image->bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

bool sim_disk_is_damaged(const struct sim_disk *disk)
{
    if (disk->lost_file[0] != 0 && sim_dir_find(disk, disk->lost_file) == NULL) {
        return true;
    }
    for (const struct sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        /* A file whose removal is not durable may yet come back. */
        bool is_there = inode->is_linked || inode->entry != NULL;
        if (is_there && (has_damage(&inode->damage) || has_damage(&inode->latent))) {
            return true;
        }
    }
    return false;
}

/* ---- the whole store ---- */

void sim_disk_wipe(struct sim_disk *disk)
{
    assert(disk->open_count == 0 && disk->pending == NULL);
    sim_dir_wipe(disk);
    disk->owner = 0;
    disk->lost_file[0] = 0;
    assert(disk->inodes == NULL && disk->used == 0);
}

struct sim_disk_copy *sim_disk_copy(const struct sim_disk *disk)
{
    struct sim_disk_copy *head = arena_calloc(disk->arena, sizeof *head);
    head->owner = disk->owner;
    memcpy(head->name, disk->lost_file, sizeof head->name);
    struct sim_disk_copy *last = head;
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct sim_dir_entry *entry = disk->durable.entries[i];
        const struct sim_inode *inode = entry->inode;
        last->next = arena_calloc(disk->arena, sizeof *last);
        last = last->next;
        memcpy(last->name, entry->name, sizeof last->name);
        sim_image_copy(disk->arena, &last->durable, &inode->durable);
        for (uint64_t at = 0; at < inode->durable.size; at++) {
            uint8_t bits = bits_at(&inode->damage, at) | bits_at(&inode->latent, at);
            set_bits(disk->arena, &last->damage, at, bits);
        }
    }
    return head;
}

void sim_disk_copy_free(struct arena *arena, struct sim_disk_copy *copy)
{
    while (copy != NULL) {
        struct sim_disk_copy *next = copy->next;
        arena_free(arena, copy->durable.bytes);
        arena_free(arena, copy->damage.bytes);
        arena_free(arena, copy);
        copy = next;
    }
}

void sim_disk_restore(struct sim_disk *disk, const struct sim_disk_copy *copy)
{
    sim_disk_wipe(disk);
    disk->owner = copy->owner;
    memcpy(disk->lost_file, copy->name, sizeof disk->lost_file);
    for (copy = copy->next; copy != NULL; copy = copy->next) {
        struct sim_inode *inode = sim_inode_new(disk);
        sim_dir_create(disk, copy->name, inode);
        sim_image_copy(disk->arena, &inode->cached, &copy->durable);
        sim_image_copy(disk->arena, &inode->durable, &copy->durable);
        sim_image_copy(disk->arena, &inode->damage, &copy->damage);
        sim_inode_charge(disk, inode);
        sim_inode_drop(disk, inode); /* the directory has its own reference */
    }
    sim_dir_sync(disk, disk->dir_sequence);
    assert(disk->dir_ops == NULL);
}
