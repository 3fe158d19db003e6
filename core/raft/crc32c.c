/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), sixteen bytes at a time from tables. The one
 * checksum of the core: messages on the wire and records on disk. */
#include <raft/message.h>

#include "crc32c_table.inc"

static uint32_t load32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The checksum of four bytes followed by so many zero bytes. */
static uint32_t four(uint32_t word, unsigned zeros)
{
    return (table[zeros + 3][word & 0xff] ^ table[zeros + 2][(word >> 8) & 0xff]) ^
           (table[zeros + 1][(word >> 16) & 0xff] ^ table[zeros][word >> 24]);
}

uint32_t raft_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    for (; size >= 16; size -= 16, at += 16) {
        /* Apart from the first word, so that only that waits for the round before. */
        uint32_t rest =
            four(load32(at + 4), 8) ^ four(load32(at + 8), 4) ^ four(load32(at + 12), 0);
        crc = four(crc ^ load32(at), 12) ^ rest;
    }
    for (; size >= 4; size -= 4, at += 4) {
        crc = four(crc ^ load32(at), 0);
    }
    for (; size > 0; size--, at++) {
        crc = table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}
