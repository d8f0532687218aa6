/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Captures: the first bytes of packets, with what was said of them. One capture at a time; off, it costs the established path one
 * test of a word that lies beside the stamp. */
#ifndef BULKHEAD_ABI_CAPTURE_H_
#define BULKHEAD_ABI_CAPTURE_H_

#include "bulkhead/abi/base.h"
#include "bulkhead/abi/event.h"

#define BH_CAPTURE_BYTES 128u /* of each packet at most */
#define BH_MAX_CAPTURED 8192u /* endpoints and identities that a capture names */

/* Map bh_capture: array of 1. */
struct bh_capture {
	__u32 verdicts; /* a bit for each enum bh_verdict that is wanted */
	__u32 per_tick; /* packets, for each CPU in a flow tick */
};
BH_SIZE(struct bh_capture, 8);

/* Map bh_captured (hash; value __u32, 1): whose packets are wanted. A packet that passes is an endpoint's when it meets one of that
 * endpoint's hooks; one that is denied, also when its sender is one of these, or an identity that policy judged. */
enum bh_captured_kind { BH_CAPTURED_SLOT = 0, BH_CAPTURED_IDENTITY = 1 };
struct bh_captured_key {
	__u32 kind; /* enum bh_captured_kind */
	__u32 number;
};
BH_SIZE(struct bh_captured_key, 8);

/* Map bh_captures: ring buffer of these. Never wakes the reader. */
struct bh_capture_packet {
	struct bh_event event; /* verdict: any. What no policy judged again, an established flow's packet, has no identities and rules. */
	__u32 captured;        /* bytes of data that are the packet's */
	__u32 reserved;
	__u8 data[BH_CAPTURE_BYTES];
};
BH_SIZE(struct bh_capture_packet, 232);

#endif /* BULKHEAD_ABI_CAPTURE_H_ */
