/* What the parts of the simulated disk share: disk.c (the device), disk_file.c (content of files),
 * disk_dir.c (the directory), disk_damage.c (what goes wrong on the medium) and disk_image.c
 * (chosen crashes). Included by these only. */
#ifndef SIM_DISK_PRIVATE_H
#define SIM_DISK_PRIVATE_H

#include "disk.h"

/* A byte sequence that grows; capacity grows geometrically. */
struct sim_image {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* A write or a truncation that was performed and is not durable. */
struct sim_change {
    struct sim_change *next;
    uint64_t sequence; /* in its file */
    uint64_t number;   /* on its disk */
    bool is_truncate;
    enum sim_lie lie;
    uint64_t offset;   /* of a truncation: the new size */
    uint64_t old_size; /* of a write that made the file longer: before it; else 0 */
    uint64_t new_size; /* and behind it */
    size_t size;
    uint8_t *bytes; /* owned; NULL for a truncation */
};

/* A file without its name. */
struct sim_inode {
    struct sim_inode *next; /* all of the disk, in the order of creation */
    struct sim_inode *previous;
    uint32_t references; /* cached entry, durable entry, handles, dir_ops, operations */
    uint32_t handles;
    bool is_linked;              /* has an entry in the cached directory */
    struct sim_dir_entry *entry; /* in the durable directory, or NULL */
    size_t charged;              /* bytes of the quota it takes */
    struct sim_image cached;
    struct sim_image durable;
    struct sim_image damage;    /* reads see the bytes XOR these, where there are any */
    struct sim_image latent;    /* such as the cache hides */
    struct sim_change *changes; /* in the order in which they were performed */
    uint64_t sequence;          /* of the latest change */
};

/* A name of a file, in the cached or in the durable directory. */
struct sim_dir_entry {
    char name[RAFT_FILE_NAME_MAX];
    struct sim_inode *inode; /* shared */
};

/* A directory operation that was performed and is not durable. */
struct sim_dir_op {
    struct sim_dir_op *next;
    uint64_t sequence;
    enum raft_io_op op; /* CREATE, UNLINK, RENAME */
    char name[RAFT_FILE_NAME_MAX];
    char name_to[RAFT_FILE_NAME_MAX];
    struct sim_inode *inode; /* shared */
};

/* A file that the process has open. */
struct sim_handle {
    struct sim_handle *next;
    raft_file id;
    bool is_closing;
    struct sim_inode *inode; /* shared */
};

/* An operation under way. */
struct sim_disk_op {
    struct sim_disk_op *next;
    struct raft_io *io; /* the process's: not touched when it has died */
    enum raft_io_op op;
    uint64_t offset;
    size_t size;
    uint8_t *bytes; /* WRITE: a copy; becomes the change's */
    char name[RAFT_FILE_NAME_MAX];
    char name_to[RAFT_FILE_NAME_MAX];
    struct sim_disk_fault fault;
    struct sim_handle *handle; /* NULL: of the directory */
    struct sim_inode *inode;   /* of the handle, or that CREATE will empty; shared */
    uint64_t covers;           /* SYNC, SYNC_DIR: sequence of the last change they cover */
    uint64_t due_ns;
    struct sim_event *event; /* NULL: done at once */
};

/* disk_image.c */

/* Whether the next piece of a chosen image is kept. Each piece is asked for once, in order. */
bool sim_image_keeps(struct sim_disk *disk);

/* disk_file.c */

struct sim_inode *sim_inode_new(struct sim_disk *disk);
void sim_inode_hold(struct sim_inode *inode);
/* Gives a reference back; frees the inode with the last one. */
void sim_inode_drop(struct sim_disk *disk, struct sim_inode *inode);
/* Brings the quota up to date after a change of size, links or handles. */
void sim_inode_charge(struct sim_disk *disk, struct sim_inode *inode);
/* Whether the file may have this size under the quota. If not, the quota has struck: this counts as
 * a fault, and in the twin without that there is room for everything. */
bool sim_inode_fits(const struct sim_disk *disk, const struct sim_inode *inode, uint64_t size);
/* The largest size that the file may have. */
uint64_t sim_inode_room(const struct sim_disk *disk, const struct sim_inode *inode);
/* Takes bytes. */
void sim_inode_write(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                     uint8_t *bytes, size_t size, enum sim_lie lie);
void sim_inode_truncate(struct sim_disk *disk, struct sim_inode *inode, uint64_t size);
/* Makes the changes up to a sequence durable. */
void sim_inode_sync(struct sim_disk *disk, struct sim_inode *inode, uint64_t covers);
/* The same when the sync fails: some of it has come so far, and the rest never will. */
void sim_inode_sync_failed(struct sim_disk *disk, struct sim_inode *inode, uint64_t covers);
/* A crash: decides about each change, and makes cached and durable content the same. */
void sim_inode_survive(struct sim_disk *disk, struct sim_inode *inode, enum sim_unsynced unsynced);
/* Sets a new size; bytes that are new are zero. */
void sim_image_resize(struct arena *arena, struct sim_image *image, uint64_t size);
void sim_image_copy(struct arena *arena, struct sim_image *image, const struct sim_image *from);

/* disk_damage.c */

/* What a read of the cached bytes from an offset finds on the medium. */
void sim_damage_apply(const struct sim_inode *inode, uint64_t offset, uint8_t *bytes, size_t size);
/* The cache has other bytes there from now on, and what is damaged below is not seen. */
void sim_damage_hide(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                     uint64_t size);
/* The cache has none any more. */
void sim_damage_surface(struct sim_disk *disk, struct sim_inode *inode, uint64_t offset,
                        uint64_t size);
/* [from, from + size) of a write, or a truncation, is about to become durable, or so the process
 * believes: what was damaged there is well again, unless the change is a lie. */
void sim_damage_reach(struct sim_disk *disk, struct sim_inode *inode,
                      const struct sim_change *change, size_t from, size_t size);
void sim_damage_free(struct sim_disk *disk, struct sim_inode *inode);

/* disk_dir.c */

/* Copies a name of a length in [1, RAFT_FILE_NAME_MAX) and clears the rest of to. */
void sim_dir_name_copy(char *to, const char *name);
/* The file of that name, borrowed, or NULL. O(log of the names). */
struct sim_inode *sim_dir_look_up(const struct sim_dir *dir, const char *name);
/* The same in the cached directory. */
struct sim_inode *sim_dir_find(const struct sim_disk *disk, const char *name);
void sim_dir_create(struct sim_disk *disk, const char *name, struct sim_inode *inode);
/* The name must exist. */
void sim_dir_unlink(struct sim_disk *disk, const char *name);
/* The first name must exist. */
void sim_dir_rename(struct sim_disk *disk, const char *name, const char *name_to);
void sim_dir_sync(struct sim_disk *disk, uint64_t covers);
void sim_dir_survive(struct sim_disk *disk, enum sim_unsynced unsynced);
/* Removes a file from both directories, with the operations that are not durable. */
void sim_dir_lose(struct sim_disk *disk, struct sim_inode *inode);
/* Removes every name and every operation from both directories. */
void sim_dir_wipe(struct sim_disk *disk);

#endif
