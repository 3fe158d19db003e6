/* Options of a node: defaults and bounds. */
#include <raft/raft.h>

#define MS ((raft_time)1000000)

void raft_options_init(struct raft_options *options)
{
    *options = (struct raft_options){
        .election_ns_min = 150 * MS,
        .election_ns_max = 300 * MS,
        .heartbeat_ns = 50 * MS,
        .retry_ns = 20 * MS,
        .batch_entries_max = 64,
        .batch_size_max = 64 * 1024,
        .window_messages_max = 8,
        .payload_size_max = 16 * 1024,
        .pending_requests_max = 256,
        .segment_size_max = 64 * 1024,
        .snapshot_threshold = 1024,
        .snapshot_trailing = 128,
        .log_memory_max = 16u << 20,
        .snapshot_chunk_size = 64 * 1024,
        .snapshot_installs_max = 2,
        .append_errors_max = 3,
        .clock_drift_ppm_max = 1000,
        .catch_up_rounds_max = 10,
        .catch_up_ns_max = 5000 * MS,
        .pre_vote = true,
        .check_quorum = true,
    };
}

static bool is_voter(const struct raft_options *options)
{
    if (options->voter_count == 0) {
        return true; /* it is to be told */
    }
    for (uint32_t i = 0; i < options->voter_count; i++) {
        if (options->voters[i] == options->id) {
            return true;
        }
    }
    return false;
}

static bool are_distinct(const struct raft_options *options)
{
    for (uint32_t i = 0; i < options->voter_count; i++) {
        if (options->voters[i] == RAFT_NODE_NONE) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (options->voters[i] == options->voters[j]) {
                return false;
            }
        }
    }
    return true;
}

const char *raft_options_check(const struct raft_options *options)
{
    if (options->id == RAFT_NODE_NONE) {
        return "id must not be 0";
    }
    if (options->voter_count > RAFT_VOTERS_MAX) {
        return "voter_count must be at most RAFT_VOTERS_MAX";
    }
    if (!is_voter(options) || !are_distinct(options)) {
        return "voters must contain id, each voter once, and none that is 0";
    }
    uint32_t all = (1u << options->voter_count) - 1;
    if ((options->witnesses & ~all) != 0 || (all != 0 && options->witnesses == all)) {
        return "witnesses must be voters, and not all of them";
    }
    if (options->joins_as_witness && all != 0) {
        return "joins_as_witness is for a node that has no voters yet";
    }
    if (options->heartbeat_ns == 0 || options->heartbeat_ns >= options->election_ns_min) {
        return "heartbeat_ns must be positive and less than election_ns_min";
    }
    if (options->election_ns_max <= options->election_ns_min) {
        return "election_ns_max must be greater than election_ns_min";
    }
    if (options->retry_ns == 0) {
        return "retry_ns must be positive";
    }
    if (options->batch_entries_max == 0) {
        return "batch_entries_max must be at least 1";
    }
    if (options->batch_size_max < options->payload_size_max) {
        return "batch_size_max must be at least payload_size_max";
    }
    if (options->window_messages_max == 0 || options->window_messages_max > RAFT_WINDOW_MAX) {
        return "window_messages_max must be between 1 and RAFT_WINDOW_MAX";
    }
    if (options->pending_requests_max == 0) {
        return "pending_requests_max must be at least 1";
    }
    if (options->snapshot_chunk_size == 0) {
        return "snapshot_chunk_size must be at least 1";
    }
    if (options->snapshot_installs_max == 0) {
        return "snapshot_installs_max must be at least 1";
    }
    if (options->clock_drift_ppm_max >= 500000) {
        return "clock_drift_ppm_max must be less than 500000";
    }
    if (options->lease_reads && !options->check_quorum) {
        return "lease_reads needs check_quorum";
    }
    if (options->catch_up_rounds_max == 0 || options->catch_up_ns_max == 0) {
        return "catch_up_rounds_max and catch_up_ns_max must be positive";
    }
    if (options->append_errors_max == 0) {
        return "append_errors_max must be at least 1";
    }
    return NULL;
}

bool raft_options_is_witness(const struct raft_options *options)
{
    for (uint32_t i = 0; i < options->voter_count; i++) {
        if (options->voters[i] == options->id) {
            return (options->witnesses >> i & 1u) != 0;
        }
    }
    return options->joins_as_witness;
}

void raft_options_configuration(const struct raft_options *options,
                                struct raft_configuration *out_configuration)
{
    *out_configuration = (struct raft_configuration){.count = options->voter_count};
    for (uint32_t i = 0; i < options->voter_count; i++) {
        bool is_witness = (options->witnesses >> i & 1u) != 0;
        const struct raft_member member = {
            .id = options->voters[i],
            .flags = (uint8_t)(RAFT_MEMBER_VOTER | (is_witness ? RAFT_MEMBER_WITNESS : 0u)),
            .priority = options->priorities[i],
        };
        uint32_t at = i;
        for (; at > 0 && out_configuration->members[at - 1].id > member.id; at--) {
            out_configuration->members[at] = out_configuration->members[at - 1];
        }
        out_configuration->members[at] = member;
    }
}
