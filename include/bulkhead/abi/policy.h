/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The compiled policy in maps. Three policy slots: 0 and 1 take turns as the active generation; BH_SLOT_STAGED holds the policy that
 * is staged beside it, which judges but never decides. Every table below holds the slots one after the other, so an index is
 * slot * BH_MAX_... + i. How the tables are used stands in model/compiled_policy.h. */
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

#define BH_SLOT_STAGED 2u
#define BH_POLICY_SLOTS 3u

/* For each policy slot. */
#define BH_MAX_SUBJECTS 262144u
#define BH_MAX_CELLS 4194304u /* of both directions together */
#define BH_MAX_RULESETS 262144u
#define BH_MAX_INTERVALS 262144u
#define BH_MAX_RULESET_INTERVALS 4096u /* 2^12: a search takes at most 13 steps */

/* Map bh_policy: array of BH_POLICY_SLOTS, by policy slot. */
struct bh_policy {
	__u32 generation;
	__u32 global_mode;  /* enum bh_mode */
	__u32 stride;       /* cells of one row in one direction, a multiple of BH_CELLS_PER_LINE: room for classes to come */
	__u32 self_rule;    /* interned id of the rule "self": a workload to itself */
	__u32 default_rule; /* interned id of the rule "default": what a side without a row says */
	__u32 reserved[3];
};
BH_SIZE(struct bh_policy, 32);

/* Map bh_subjects. A table grows at its end while programs read it: subjects come last, and only those that are whole are in the
 * addresses, endpoints and tries. Behind what a policy has the tables hold whatever an earlier one left there. */
struct bh_subject {
	__u32 identity;
	__u16 class_id;
	__u16 row; /* BH_NO_ROW: nothing of this class lives here */
	__u8 mode; /* enum bh_mode */
	__u8 reserved[7];
};
BH_SIZE(struct bh_subject, 16);

/* Map bh_matrix: cells, ruleset numbers, by the cache line. The cell of a row's peer class is (row * 2 + enum bh_direction) * stride +
 * class, so that rows can be added. */
#define BH_CELLS_PER_LINE 16u
struct bh_matrix_line {
	__u32 cell[16];
};
BH_SIZE(struct bh_matrix_line, 64);

/* What one side says. Audit: it denies by a policy in audit, which is reported and never drops. */
enum bh_side { BH_SIDE_ALLOWS = 0, BH_SIDE_DENIES = 1, BH_SIDE_AUDITS = 2 };

/* Map bh_rulesets: one side's. */
struct bh_ruleset {
	__u32 first; /* interval, without the slot's offset */
	__u16 count;
	__u8 verdict; /* enum bh_side, for what no interval holds */
	__u8 reserved;
	__u32 rule;
	__u32 reserved2;
};
BH_SIZE(struct bh_ruleset, 16);

/* Map bh_intervals: sorted by (protocol, first) within a ruleset, disjoint. ICMP of both families is protocol 1 here. */
struct bh_interval {
	__u8 protocol;
	__u8 verdict; /* enum bh_side */
	__u16 first;  /* ports, host order */
	__u16 last;
	__u16 reserved;
	__u32 rule;
	__u32 reserved2;
};
BH_SIZE(struct bh_interval, 16);

#endif /* BULKHEAD_ABI_POLICY_H_ */
