/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The compiled policy in maps. Two policy slots: every table below holds slot 0 in its first half and slot 1 in its second, so an
 * index is slot * BH_MAX_... + i. How the tables are used stands in model/compiled_policy.h. */
#ifndef BULKHEAD_ABI_POLICY_H_
#define BULKHEAD_ABI_POLICY_H_

#include "bulkhead/abi/base.h"

enum bh_mode { BH_MODE_LEARN = 0, BH_MODE_AUDIT = 1, BH_MODE_ENFORCE = 2 };
enum bh_verdict { BH_ALLOW = 0, BH_DENY = 1, BH_WOULD_DENY = 2 };
enum bh_direction { BH_EGRESS = 0, BH_INGRESS = 1 };

/* Identities that every policy has (bh_subject.identity); the subjects of these numbers have them and an empty set of CIDRs. */
#define BH_IDENTITY_UNKNOWN 0u
#define BH_IDENTITY_HOST 1u
#define BH_IDENTITY_WORLD 2u

#define BH_SUBJECT_UNKNOWN 0u
#define BH_SUBJECT_HOST 1u
#define BH_SUBJECT_WORLD 2u
#define BH_NO_ROW 0xffffu

/* For each policy slot. */
#define BH_MAX_SUBJECTS 65536u
#define BH_MAX_CELLS 4194304u /* of both directions together */
#define BH_MAX_RULESETS 65535u
#define BH_MAX_INTERVALS 262144u
#define BH_MAX_RULESET_INTERVALS 4096u /* 2^12: a search takes at most 13 steps */

/* Map bh_policy: array of 2, by policy slot. */
struct bh_policy {
	__u32 generation;
	__u32 global_mode; /* enum bh_mode */
	__u32 classes;
	__u32 rows;
	__u32 stride;  /* cells from one row to the next, a multiple of BH_CELLS_PER_LINE */
	__u32 ingress; /* first cell of the ingress matrix; the egress matrix starts at 0 */
	__u32 subjects;
	__u32 self_rule; /* interned id of the rule "self": a workload to itself */
};
BH_SIZE(struct bh_policy, 32);

/* Map bh_subjects. */
struct bh_subject {
	__u32 identity;
	__u16 class_id;
	__u16 row; /* BH_NO_ROW: nothing of this class lives here */
	__u8 mode; /* enum bh_mode */
	__u8 reserved[7];
};
BH_SIZE(struct bh_subject, 16);

/* Map bh_matrix: cells of 16 bits, ruleset ids, packed by the cache line, since an array map rounds its values up to 8 bytes. */
#define BH_CELLS_PER_LINE 32u
struct bh_matrix_line {
	__u16 cell[32];
};
BH_SIZE(struct bh_matrix_line, 64);

/* bh_ruleset.verdicts, bh_interval.verdicts: who denies. */
#define BH_SOURCE_DENIES 1u
#define BH_DESTINATION_DENIES 2u

/* Map bh_rulesets. */
struct bh_ruleset {
	__u32 first; /* interval, without the slot's offset */
	__u16 count;
	__u8 verdicts; /* for what no interval holds */
	__u8 reserved;
	__u32 source_rule;
	__u32 destination_rule;
};
BH_SIZE(struct bh_ruleset, 16);

/* Map bh_intervals: sorted by (protocol, first) within a ruleset, disjoint. ICMP of both families is protocol 1 here. */
struct bh_interval {
	__u8 protocol;
	__u8 verdicts;
	__u16 first; /* ports, host order */
	__u16 last;
	__u16 reserved;
	__u32 source_rule;
	__u32 destination_rule;
};
BH_SIZE(struct bh_interval, 16);

#endif /* BULKHEAD_ABI_POLICY_H_ */
