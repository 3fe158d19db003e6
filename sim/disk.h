/* The simulated disk of one node: a flat directory of files.
 *
 * Fault model. An operation takes effect when it completes, after a latency of its own, so that
 * operations complete in any order; operations on one file with overlapping ranges, and directory
 * operations, keep their order. Content is durable only when a sync of the file, submitted after
 * the write completed, has succeeded; a directory entry only when a sync of the directory has. At a
 * crash each write that is not durable (completed or under way) is kept, dropped or torn, sector by
 * sector of 512 bytes, independently; each directory operation that is not durable is kept or lost.
 * Of the writes that a failed sync covered some may have got as far, sector by sector; the others
 * are not durable for ever ("clean"), and their content is either kept in the cache or reverted. A
 * failed sync of the directory did nothing. Any operation may fail with EIO; one that makes a file
 * grow beyond the quota fails with ENOSPC, but that a write may write what fits. A read or a write
 * may be short, down to nothing. Never by itself: changes durable bytes that no write covers, makes
 * any other failed operation durable, reorders a sync before writes it covers, exceeds the quota.
 *
 * Damage is asked for, one piece at a time: durable bits rot; a write is lost, or lands at another
 * place, though it and its sync succeed, which shows when the machine has crashed; a file is
 * gone; the whole store is wiped, or is replaced by a copy, of its own as it once was or of another
 * node's, with the damage it had. What is damaged is well when something else there is durable.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "random.h"
#include "scheduler.h"

#define SIM_DISK_SECTOR 512u

struct sim_watch;
struct sim_world;

enum sim_unsynced { /* what a crash does to writes that are not durable */
                    SIM_UNSYNCED_LOSE,
                    SIM_UNSYNCED_KEEP,   /* the process died, the machine did not: the cache stays,
                                            still unsynced */
                    SIM_UNSYNCED_TORN,   /* each sector kept or dropped */
                    SIM_UNSYNCED_RANDOM, /* one of the above per write */
                    SIM_UNSYNCED_CHOSEN, /* as the disk's image says */
};

/* How a write lies that reports success. */
enum sim_lie {
    SIM_LIE_NONE,
    SIM_LIE_LOST,       /* the medium keeps what it had */
    SIM_LIE_MISDIRECTED /* likewise, and the bytes land at another place of the disk */
};

#define SIM_SHORT_ANY UINT64_MAX /* a length drawn at random */
/* What a chosen crash leaves of what is not durable: some pieces of it, or all of it with the last
 * write damaged from a byte on. A *piece* is a sector of a write, a truncation or a directory
 * operation; operations under way come first, then the changes of each file, then the directory. */
struct sim_disk_image {
    enum sim_disk_damage {
        SIM_DISK_PIECES,
        SIM_DISK_CUT,  /* the file ends before that byte of the write, or where it did */
        SIM_DISK_ZERO, /* zeros from that byte of the write to its end */
        SIM_DISK_FLIP, /* one bit of that byte is the other way round */
    } damage;
    uint32_t byte; /* CUT, ZERO, FLIP: offset within the write */
    uint64_t kept; /* PIECES: a bit for each; the last bit stands for all further ones */
};
#define SIM_DISK_PIECE_BITS 64u

/* What a fault does to one operation. */
struct sim_disk_fault {
    enum raft_status status; /* RAFT_OK: none; RAFT_IO, RAFT_NOSPACE */
    bool is_short;           /* a part only: READ and WRITE */
    uint64_t short_bytes;    /* at most so many, or SIM_SHORT_ANY */
    enum sim_lie lie;        /* WRITE */
    uint64_t delay_ns;       /* on top of the latency */
};

/* Tells an observer what has become durable. */
struct sim_disk_observer {
    void *ctx;
    /* The durable content of a linked file has changed from an offset on. */
    void (*durable)(void *ctx, uint32_t node, const char *name, const uint8_t *bytes, size_t size,
                    size_t from);
    /* A file is durably gone. */
    void (*removed)(void *ctx, uint32_t node, const char *name);
};

/* The names of a directory, in ascending byte order. */
struct sim_dir {
    struct sim_dir_entry **entries; /* each at an address of its own; in the arena */
    size_t count;
    size_t capacity;
};

struct sim_disk {
    struct sim_world *world;
    uint32_t node;
    uint32_t owner; /* the node whose store it holds; 0: of nobody, it was wiped */
    struct arena *arena;
    struct sim_stream stream; /* latencies */
    struct sim_stream crash;  /* what survives */
    struct sim_source source;
    struct sim_disk_observer observer;
    uint64_t read_ns, write_ns, sync_ns; /* mean latencies; each operation draws in [1/2, 3/2) */
    uint64_t slow_ns;                    /* mean of what is added, of a READ a tenth; 0: nothing */
    uint64_t quota;                      /* bytes all files together may have; UINT64_MAX: none */
    uint64_t used;
    struct sim_watch *quota_watch;      /* or NULL */
    bool revert_failed_sync;            /* which variant of a failed sync */
    bool spares_copies;                 /* lies about one thing at a time, see disk_damage.c */
    char lost_file[RAFT_FILE_NAME_MAX]; /* the last one that was lost by damage; "": none */
    uint64_t operations;                /* completed */
    uint32_t open_count;                /* handles of the running process */
    struct sim_inode *inodes;           /* private to disk*.c from here on */
    struct sim_inode *inode_last;
    struct sim_dir cached;
    struct sim_dir durable;
    struct sim_dir_op *dir_ops;
    uint64_t dir_sequence; /* of the latest of dir_ops */
    uint64_t change_last;  /* number of the latest change of any file */
    uint32_t piece;        /* of the image, that is asked for next */
    struct sim_disk_image image;
    struct sim_handle *handles;
    struct sim_disk_op *pending; /* in the order of submission */
    uint32_t handle_last;
    struct sim_stream lengths; /* of short transfers */
    struct sim_stream decay;   /* where damage strikes */
};

/* An empty disk without latencies, quota and observer: set those fields next. */
void sim_disk_init(struct sim_disk *disk, struct sim_world *world, uint32_t node);

/* Takes an operation; its SIM_EVENT_IO (data = the operation) comes after the latency. The fault
 * has been decided by the caller. */
void sim_disk_submit(struct sim_disk *disk, struct raft_io *io, struct sim_disk_fault fault,
                     uint32_t incarnation);
/* Writes what a submitted operation does to which file, for a transcript: "write log-1, 30 bytes".
 */
void sim_disk_describe(const struct sim_disk *disk, const struct sim_event *event, char *text,
                       size_t text_size);
/* The name of a file that the process has open; "" if there is none, or it has no name any more. */
const char *sim_disk_open_file(const struct sim_disk *disk);
/* Performs a submitted operation, sets the results of its raft_io and returns it. Called for
 * SIM_EVENT_IO of a node that is up; frees the operation, not the event. The bytes of a write are
 * those it had when it was submitted; that they have not changed since is asserted. */
struct raft_io *sim_disk_perform(struct sim_disk *disk, struct sim_event *event);
/* The device is well again: what a delay has stalled completes within an ordinary latency. */
void sim_disk_heal(struct sim_disk *disk);
/* Operations that are under way. */
uint32_t sim_disk_pending(const struct sim_disk *disk);
/* Does an operation at once; returns io->status. */
enum raft_status sim_disk_run(struct sim_disk *disk, struct raft_io *io,
                              struct sim_disk_fault fault);
/* Visits the names in ascending byte order. */
void sim_disk_list(struct sim_disk *disk, raft_list_visit visit, void *visitor);

/* The process dies: operations under way are cancelled (their events unscheduled and freed),
 * handles closed, and the content becomes what survives. Touches no memory of the process. An event
 * that the caller has already taken out of the scheduler, and not performed, stays the caller's. */
void sim_disk_crash(struct sim_disk *disk, enum sim_unsynced unsynced);

/* disk_damage.c */

/* Flips bits of the durable content of one file: of the named one, or of any if name is ""; in the
 * byte at an offset, or anywhere (SIM_ROT_ANYWHERE). False: there is no such content. */
bool sim_disk_rot(struct sim_disk *disk, const char *name, uint64_t offset, uint32_t bits);
#define SIM_ROT_ANYWHERE UINT64_MAX
/* A durable file is gone. No process may run on it. False: there is none of that name. */
bool sim_disk_lose(struct sim_disk *disk, const char *name);
/* Visits the durable names in ascending byte order. */
void sim_disk_list_durable(const struct sim_disk *disk, raft_list_visit visit, void *visitor);
/* Whether a file was lost, or one that is there has damaged bytes, seen already or not. O(damage).
 */
bool sim_disk_is_damaged(const struct sim_disk *disk);
/* How many pieces a crash now would decide about; at least. */
uint32_t sim_disk_pieces(const struct sim_disk *disk);
/* The size of the last write that was performed, if it is not durable; else 0. out_file: a hash of
 * its file's name up to the first dash, and so the same for all files of one kind. */
uint32_t sim_disk_tail(const struct sim_disk *disk, uint64_t *out_file);
/* Everything is gone, as on a new disk. No process may run on it. */
void sim_disk_wipe(struct sim_disk *disk);
/* A copy of the durable content as it is now; in the arena, and there for the whole run unless it
 * is freed. */
struct sim_disk_copy *sim_disk_copy(const struct sim_disk *disk);
void sim_disk_copy_free(struct arena *arena, struct sim_disk_copy *copy);
/* Puts a copy back in place of everything. The copy stays. No process may run on it. */
void sim_disk_restore(struct sim_disk *disk, const struct sim_disk_copy *copy);

/* A digest of the durable content: names, sizes and bytes. O(size); for tests. */
uint64_t sim_disk_digest(const struct sim_disk *disk);
/* The same with what is not durable, what is under way and what will be drawn. O(size). */
uint64_t sim_disk_state_digest(const struct sim_disk *disk);
/* Whether everything that the disk shows is durable. O(size). */
bool sim_disk_is_clean(const struct sim_disk *disk);
/* Calls the observer for every durable file, from 0. */
void sim_disk_observe_all(struct sim_disk *disk);

#endif
