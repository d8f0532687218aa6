/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What user space tells the programs about everything but policy: one element of the map `bh_control`. */
#ifndef BULKHEAD_ABI_CONFIG_H_
#define BULKHEAD_ABI_CONFIG_H_

#include "bulkhead/abi/base.h"

/* The stamp: (epoch << 1 | active slot). A program reads it once, before anything else, and uses only tables of that slot; a
 * cached verdict carries the whole word and holds only while it is unchanged. Written last, as one aligned store. */
#define BH_STAMP_SLOT(stamp) ((stamp) & 1u)
#define BH_STAMP_EPOCH(stamp) ((stamp) >> 1)
#define BH_STAMP(epoch, slot) (((__u32)(epoch) << 1) | ((__u32)(slot) & 1u))

/* Flow time-outs by state (enum bh_flow_state), one row for each kind of protocol. */
enum bh_timeout_row { BH_TIMEOUT_TCP = 0, BH_TIMEOUT_UDP = 1, BH_TIMEOUT_OTHER = 2, BH_TIMEOUT_ROWS = 3 };

/* bh_control.flags */
#define BH_CONTROL_PROXY_IS_WORLD 1u /* host-originated traffic to a published target is judged as world (docker-proxy) */
#define BH_CONTROL_UPLINKS 8u        /* uplinks are judged: whom workloads ask by UDP outside is noted (abi/uplink.h) */

#define BH_CONTROL_CAPTURE 2u        /* a capture runs (abi/capture.h) */
#define BH_CONTROL_CAPTURE_PASSED 4u /* it wants packets that pass, too: none takes the shortest way */

/* What a flood must not have without end: verdict and drop events; TCP in the middle of a stream taken for an answer;
 * copies of DNS answers. */
enum bh_limited { BH_LIMITED_EVENTS = 0, BH_LIMITED_MIDSTREAM = 1, BH_LIMITED_DNS = 2, BH_LIMITED_COUNT = 3 };

#define BH_SECRET_WORDS 11

struct bh_control {
	__u32 stamp;
	__u32 flags;
	/* In flow ticks (see abi/flow.h). [row][state]; 0 = not expired by time. */
	__u32 timeout[3][4];
	/* How often each CPU may do what is limited in one flow tick, by enum bh_limited. */
	__u32 per_tick[BH_LIMITED_COUNT];
	__u32 zero;   /* always 0, but the verifier cannot know: see bh_forget in bpf/context.h */
	__u32 staged; /* 1: a policy is staged, in BH_SLOT_STAGED (abi/policy.h). Written after its tables, cleared before them. */
	/* Of the flow table of IPv4 and of IPv6 (abi/flow.h): */
	__u32 group_mask[2];            /* number of groups - 1 */
	__u32 quota[2];                 /* entries that may count against one endpoint */
	__u32 arrivals; /* rises when somebody new is known of, which is no reason for a new stamp: notes of denials (abi/denial.h) end */
	__u64 secret[BH_SECRET_WORDS]; /* of the hash (bpf/flow_hash.h); drawn when the table is made, never changed */
};
BH_SIZE(struct bh_control, 184);

#endif /* BULKHEAD_ABI_CONFIG_H_ */
