/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is judged of a packet, and what comes of it. */
#ifndef BULKHEAD_BPF_JUDGEMENT_H_
#define BULKHEAD_BPF_JUDGEMENT_H_

#include "bulkhead/abi/address.h"
#include "bulkhead/abi/base.h"

/* One end of a packet or of a flow, as policy and the flow table need it. */
struct bh_party {
	__u32 subject; /* of the active policy */
	__u32 staged;  /* of the staged one; means nothing when none is staged */
	__u32 ifindex; /* of the endpoint that has its address in this zone; 0: none has */
	__u16 slot;    /* provenance that its packets carry; 0: none, or not known yet */
	__u16 flags;   /* BH_ADDRESS_HOST, BH_PARTY_OWN, BH_PARTY_DENIES */
	__u32 workload; /* the interface that stands for it in edges (abi/flow.h), of whichever zone; 0: no workload's */
	__u32 reserved;
} __attribute__((aligned(8)));
BH_SIZE(struct bh_party, 24);

#define BH_PARTY_OWN 0x8000u /* of the workload whose hook this is */
#define BH_PARTY_DENIES 0x4000u /* its side's policy denies, whether or not that drops */

struct bh_here {
	struct bh_address address;
	__u32 known; /* 0: it is nobody's in this zone, and the address above means nothing */
};

/* What was judged, and how. Everything is in the flow's own direction: opener and source are one, responder and destination too,
 * even when the packet at hand goes the other way (reversed). */
struct bh_judgement {
	struct bh_party opener;
	struct bh_party responder;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_rule;
	__u32 destination_rule;
	__u16 service_port; /* host order */
	__u8 verdict;       /* enum bh_verdict */
	__u8 reason;        /* enum bh_reason, for a verdict that is not BH_ALLOW */
	__u8 reversed;
	__u8 outside; /* enum bh_outside */
	__u8 midstream;
	__u8 step; /* enum bh_edge_step: what the packet was to its edge */
} __attribute__((aligned(8)));
BH_SIZE(struct bh_judgement, 72);

#endif /* BULKHEAD_BPF_JUDGEMENT_H_ */
