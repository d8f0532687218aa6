/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* DNS answers that workloads get: which names stand behind addresses (bpf/dns.h). */
#ifndef BULKHEAD_ABI_DNS_H_
#define BULKHEAD_ABI_DNS_H_

#include "bulkhead/abi/base.h"

#define BH_DNS_PORT 53
#define BH_DNS_BYTES 1024u /* of each answer at most; a power of two */

/* Map bh_dns_answers: ring buffer of these. Never wakes the reader. What is new comes last: a reader passes over what is shorter, and does
 * not look at what is behind the fields that it knows. */
struct bh_dns_answer {
	__u64 time;    /* ns, CLOCK_MONOTONIC */
	__u32 ifindex; /* of the endpoint that it was delivered to */
	__u32 length;  /* of the message, bytes; of data, as many are it, or BH_DNS_BYTES */
	__u8 data[BH_DNS_BYTES];
	__u8 server[16]; /* who answered, as the receiver sees it; IPv4 in the first four */
	__u32 family;    /* BH_V4 or BH_V6 */
	__u32 reserved;
};
BH_SIZE(struct bh_dns_answer, 1064);

#endif /* BULKHEAD_ABI_DNS_H_ */
