/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Every map of the dataplane. Layouts and meaning: include/bulkhead/abi/. All are shared between the objects of all zones by pin:
 * user space gives each its pin path before it loads an object; .rodata (bh_zone) alone belongs to one object.
 * Sizes of the hash maps and the flow tables are defaults; user space may set others before the first load. */
#ifndef BULKHEAD_BPF_MAPS_H_
#define BULKHEAD_BPF_MAPS_H_

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/flow_key.h"
#include "bpf/judgement.h"
#include "bulkhead/abi/address.h"
#include "bulkhead/abi/base.h"
#include "bulkhead/abi/capture.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/denial.h"
#include "bulkhead/abi/dns.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/abi/flow.h"
#include "bulkhead/abi/policy.h"
#include "bulkhead/abi/rule.h"
#include "bulkhead/abi/uplink.h"

#define BH_ARRAY_MAP(name, value_type, entries)  \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(max_entries, entries);      \
		__type(key, __u32);                \
		__type(value, value_type);         \
	} name SEC(".maps")

#define BH_MAPPED_ARRAY_MAP(name, value_type, entries) \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);        \
		__uint(max_entries, entries);            \
		__uint(map_flags, BPF_F_MMAPABLE);       \
		__type(key, __u32);                      \
		__type(value, value_type);               \
	} name SEC(".maps")

#define BH_PERCPU_MAP(name, value_type, entries)       \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, entries);            \
		__type(key, __u32);                      \
		__type(value, value_type);               \
	} name SEC(".maps")

#define BH_HASH_MAP(map_type, name, key_type, value_type, entries) \
	struct {                                                   \
		__uint(type, map_type);                              \
		__uint(max_entries, entries);                        \
		__type(key, key_type);                               \
		__type(value, value_type);                           \
	} name SEC(".maps")

/* The kernel insists on BPF_F_NO_PREALLOC for tries. */
#define BH_TRIE_MAP(name, key_type, value_type, entries) \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);       \
		__uint(max_entries, entries);              \
		__uint(map_flags, BPF_F_NO_PREALLOC);      \
		__type(key, key_type);                     \
		__type(value, value_type);                 \
	} name SEC(".maps")
#define BH_PREFIX_MAP(name, key_type) BH_TRIE_MAP(name, key_type, __u32, BH_MAX_PREFIXES)

/* Control and policy (abi/config.h, abi/policy.h). User space writes what is large, and the stamp with one aligned store, through
 * mappings. */
BH_MAPPED_ARRAY_MAP(bh_control, struct bh_control, 1);
BH_ARRAY_MAP(bh_policy, struct bh_policy, BH_POLICY_SLOTS);
BH_MAPPED_ARRAY_MAP(bh_subjects, struct bh_subject, BH_POLICY_SLOTS * BH_MAX_SUBJECTS);
BH_MAPPED_ARRAY_MAP(bh_matrix, struct bh_matrix_line, BH_POLICY_SLOTS * (BH_MAX_CELLS / BH_CELLS_PER_LINE));
BH_MAPPED_ARRAY_MAP(bh_rulesets, struct bh_ruleset, BH_POLICY_SLOTS * BH_MAX_RULESETS);
BH_MAPPED_ARRAY_MAP(bh_intervals, struct bh_interval, BH_POLICY_SLOTS * BH_MAX_INTERVALS);

/* Who lives here (abi/address.h). */
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_ports, __u32, __u32, BH_MAX_ENDPOINTS);
BH_ARRAY_MAP(bh_endpoints, struct bh_endpoint, BH_MAX_ENDPOINTS);
BH_ARRAY_MAP(bh_fast_ends, struct bh_fast, BH_MAX_ENDPOINTS);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_macs, struct bh_zone_mac_key, __u32, BH_MAX_ENDPOINTS);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_addresses, struct bh_address_key, struct bh_address, 32768);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_published, struct bh_published_key, struct bh_published, 8192);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_targets, struct bh_target_key, __u32, 8192);
BH_PREFIX_MAP(bh_prefix4_0, struct bh_prefix4_key);
BH_PREFIX_MAP(bh_prefix4_1, struct bh_prefix4_key);
BH_PREFIX_MAP(bh_prefix4_2, struct bh_prefix4_key);
BH_PREFIX_MAP(bh_prefix6_0, struct bh_prefix6_key);
BH_PREFIX_MAP(bh_prefix6_1, struct bh_prefix6_key);
BH_PREFIX_MAP(bh_prefix6_2, struct bh_prefix6_key);

/* The programs that judge what the established path leaves, by enum bh_hook: one pair for all zones (see workload.bpf.c). */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} bh_tails SEC(".maps");

/* The same for the XDP programs of workloads' interfaces: element BH_HOOK_INGRESS alone. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bh_xdp_tails SEC(".maps");

/* What comes in from outside (abi/uplink.h). */
BH_TRIE_MAP(bh_blocked4, struct bh_prefix4_key, struct bh_block, BH_MAX_BLOCKED);
BH_TRIE_MAP(bh_blocked6, struct bh_prefix6_key, struct bh_block, BH_MAX_BLOCKED);
BH_HASH_MAP(BPF_MAP_TYPE_PERCPU_HASH, bh_uplink_drops, __u32, __u64, BH_MAX_UPLINKS);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_host_macs, struct bh_mac_key, __u32, BH_MAX_HOST_MACS);
BH_ARRAY_MAP(bh_uplink_config, struct bh_uplink_config, 1);
BH_HASH_MAP(BPF_MAP_TYPE_LRU_HASH, bh_solicited, struct bh_solicited_key, __u32, 16384);

/* What the packets left behind (abi/flow.h). */
BH_MAPPED_ARRAY_MAP(bh_flows4, struct bh_flow4_group, 4096);
BH_MAPPED_ARRAY_MAP(bh_flows4_cold, struct bh_flow4_cold_group, 4096);
BH_MAPPED_ARRAY_MAP(bh_flows6, struct bh_flow6_group, 1024);
BH_MAPPED_ARRAY_MAP(bh_usage, struct bh_usage, 1);
BH_ARRAY_MAP(bh_locks, struct bh_locks, 1);
BH_HASH_MAP(BPF_MAP_TYPE_LRU_HASH, bh_fragments, struct bh_fragment_key, struct bh_fragment, 8192);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_edges, struct bh_edge_key, struct bh_edge, 65536);
BH_HASH_MAP(BPF_MAP_TYPE_LRU_HASH, bh_edges_outside, struct bh_edge_key, struct bh_edge, 65536);
BH_HASH_MAP(BPF_MAP_TYPE_LRU_HASH, bh_staged_edges, struct bh_staged_edge_key, struct bh_edge, 16384);

/* What each rule has decided (abi/rule.h). */
BH_MAPPED_ARRAY_MAP(bh_rule_counts, struct bh_rule_counts, BH_MAX_COUNTED_RULES);

/* What was denied lately (abi/denial.h). */
BH_ARRAY_MAP(bh_denials, struct bh_denial, BH_DENIALS);

/* Room beside the stack for one packet's judgement. The programs of one CPU do not interrupt each other: they run in softirqs, or with
 * softirqs off. */
struct bh_scratch_room {
	/* What the zone knows of the packet's source and destination, looked up once, before anything is judged by them (address.h). Copies,
	 * so that the verifier need not follow what comes when one is known and the other is not. */
	struct bh_here here[2];
	struct bh_flow_request request;
	struct bh_judgement judgement;
	struct bh_judgement other;
	union bh_denial_words denial;
	struct bh_edge_key edge;
};
BH_PERCPU_MAP(bh_scratch, struct bh_scratch_room, 1);

/* What to report (abi/event.h). */
BH_PERCPU_MAP(bh_counters, __u64, BH_COUNTER_COUNT);
BH_PERCPU_MAP(bh_limits, struct bh_limit, BH_LIMITED_COUNT);
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} bh_events SEC(".maps");

/* DNS answers (abi/dns.h). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} bh_dns_answers SEC(".maps");

/* Captures (abi/capture.h). */
BH_ARRAY_MAP(bh_capture, struct bh_capture, 1);
BH_HASH_MAP(BPF_MAP_TYPE_HASH, bh_captured, struct bh_captured_key, __u32, BH_MAX_CAPTURED);
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} bh_captures SEC(".maps");

/* The clock that flows are stamped with, written by the program of the same name when user space runs it. */
BH_ARRAY_MAP(bh_clock_now, struct bh_clock, 1);

#endif /* BULKHEAD_BPF_MAPS_H_ */
