/* Messages between nodes, and their encoding.
 *
 * One format for all types, little-endian: magic, version, type, checksum (CRC-32C over all the
 * rest), the fixed fields, then the entries or the piece of a snapshot. Whatever does not match
 * is RAFT_CORRUPT. */
#ifndef RAFT_MESSAGE_H
#define RAFT_MESSAGE_H

#include <raft/entry.h>

enum raft_message_type {
    RAFT_MESSAGE_PREVOTE_REQ = 1,
    RAFT_MESSAGE_PREVOTE_REP,
    RAFT_MESSAGE_VOTE_REQ,
    RAFT_MESSAGE_VOTE_REP,
    RAFT_MESSAGE_APPEND_REQ, /* without entries: a heartbeat */
    RAFT_MESSAGE_APPEND_REP,
    RAFT_MESSAGE_TIMEOUT_NOW, /* the leader asks a follower to campaign at once */
    RAFT_MESSAGE_INSTALL_REQ, /* a piece of a snapshot file */
    RAFT_MESSAGE_INSTALL_REP,
    RAFT_MESSAGE_REPAIR_REQ, /* asks for one entry, which is damaged here; or how far the leader's
                              * log reaches, since entries are lost here */
    RAFT_MESSAGE_REPAIR_REP, /* that entry; or, without one, that */
    RAFT_MESSAGE_TYPE_COUNT
};

enum raft_message_flag {
    RAFT_FLAG_SUCCESS = 1u << 0,   /* replies: granted, or the log matched */
    RAFT_FLAG_READ_ONLY = 1u << 1, /* APPEND_REP: the sender refuses user entries for now */
    RAFT_FLAG_BUSY = 1u << 2,      /* APPEND_REP: matched, but the entries could not be taken */
    RAFT_FLAG_TRANSFER = 1u << 3,  /* VOTE_REQ: the leader has asked for the campaign */
    RAFT_FLAG_DAMAGED = 1u << 4, /* APPEND_REP: refused, since the entry behind the hint is damaged,
                                  * whatever was acknowledged before */
    RAFT_FLAG_UNCOUNTED = 1u << 5, /* APPEND_REP, INSTALL_REP: for flow control only; the sender is
                                    * in quarantine and part of no majority */
    RAFT_FLAG_BLANK = 1u << 6,     /* APPEND_REP: the sender's state machine needs a snapshot */
    RAFT_FLAG_WITNESS = 1u << 7,   /* APPEND_REQ, INSTALL_REQ: the sender takes the receiver for a
                                    * witness: commands are encoded as elided entries, and of a
                                    * snapshot only header and trailer are sent. APPEND_REP,
                                    * INSTALL_REP: the sender is one */
    RAFT_FLAG_LOST = 1u << 8, /* APPEND_REP: the sender has lost entries, maybe some that it has
                               * acknowledged */
};

/* What the fields mean:
 *
 *                 term            id                    commit          hint
 *   *VOTE_REQ     campaign's      candidate's last      -               -
 *   *VOTE_REP     voter's *)      -                     -               -
 *   APPEND_REQ    leader's        before the entries    leader's        -
 *   APPEND_REP    follower's      success: durable      -               failure: where the
 *                                 match; failure: the                   follower may agree
 *                                 refused position
 *   TIMEOUT_NOW   leader's        -                     -               -
 *   INSTALL_REQ   leader's        the snapshot's        leader's        -
 *   INSTALL_REP   follower's      the snapshot's        -               -
 *   REPAIR_REQ    sender's        of the entry, or 0    -               -
 *   REPAIR_REP    sender's        before the entry, or  -               -
 *                                 the leader's last
 *   *) a granted PREVOTE_REP carries the term it was asked for.
 *   A successful APPEND_REP with RAFT_FLAG_BLANK has the base of the follower's log as its hint. */
struct raft_message {
    const struct raft_memory *memory; /* what entries and bytes were allocated from */
    enum raft_message_type type;
    raft_node_id from;
    raft_node_id to;
    uint32_t flags;
    raft_term term;
    struct raft_entry_id id;
    raft_index commit;
    struct raft_entry_id hint;
    uint64_t round; /* APPEND_REQ: of reads; APPEND_REP: the latest one heard in the term;
                     * REPAIR_*: number of the question how far the log reaches */
    /* INSTALL_REQ: where the piece begins, and the size of the whole file. INSTALL_REP: how far the
     * follower has the file, so where the next piece must begin; == total: it is installed. */
    uint64_t offset;
    uint64_t total;
    uint8_t *bytes; /* INSTALL_REQ: the piece, allocated from memory */
    uint32_t size;
    enum raft_holder holder; /* of the entries: REPLICATION when sent, MESSAGE when received */
    uint32_t entry_count;
    uint32_t entry_capacity;
    struct raft_entry **entries; /* consecutive, from id.index + 1 */
};

/* Bytes of a message without entries and without a piece, and what one entry adds to it besides its
 * payload. */
#define RAFT_MESSAGE_SIZE       104u
#define RAFT_MESSAGE_ENTRY_SIZE 16u

const char *raft_message_type_string(enum raft_message_type type);

/* Bytes of an entry's payload as the message carries it. */
uint32_t raft_message_payload_size(const struct raft_message *message,
                                   const struct raft_entry *entry);
/* Bytes raft_message_encode writes. */
size_t raft_message_size(const struct raft_message *message);
/* Writes raft_message_size bytes. */
void raft_message_encode(const struct raft_message *message, uint8_t *bytes);
/* Reads a message; its entries are held as MESSAGE and, like its piece, released by
 * raft_message_release.
 * RAFT_CORRUPT, RAFT_NOMEM; then message owns nothing. */
RAFT_MUST_CHECK enum raft_status raft_message_decode(const struct raft_memory *memory,
                                                     const uint8_t *bytes, size_t size,
                                                     struct raft_message *message);
/* Reads all but the entries and the piece (entry_count and size are set, entries and bytes are
 * NULL) and allocates nothing. For observers. RAFT_CORRUPT. */
RAFT_MUST_CHECK enum raft_status raft_message_peek(const uint8_t *bytes, size_t size,
                                                   struct raft_message *message);
/* Gives back the entries, the array and the piece. Safe to repeat. */
void raft_message_release(struct raft_message *message);

/* CRC-32C (Castagnoli), start with crc = 0. */
uint32_t raft_crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
