/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes at a time from tables. The one checksum
 * of the core: messages on the wire and records on disk. */
#include <raft/message.h>

#include "crc32c_table.inc"

static uint32_t load32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint32_t raft_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = crc ^ load32(at);
        uint32_t high = load32(at + 4);
        crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^
              table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
    }
    for (; size > 0; size--, at++) {
        crc = table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}
