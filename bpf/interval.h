/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Search of a ruleset's intervals: sorted by (protocol, first port), disjoint. */
#ifndef BULKHEAD_BPF_INTERVAL_H_
#define BULKHEAD_BPF_INTERVAL_H_

#include "bpf/host_shim.h"
#include "bulkhead/abi/policy.h"

#define BH_INTERVAL_STEPS 13 /* enough for BH_MAX_RULESET_INTERVALS */

typedef const struct bh_interval *(*bh_interval_at)(__u32 index);

static __always_inline __u32 bh_interval_order(__u8 protocol, __u16 port)
{
	return (__u32)protocol << 16 | port;
}

/* The interval that holds (protocol, port), or 0. at: gives the interval of an index in first..first+count-1, 0 when there is none,
 * which ends the search. port: host order. */
static __always_inline const struct bh_interval *bh_interval_search(bh_interval_at at, __u32 first, __u32 count, __u8 protocol,
								    __u16 port)
{
	__u32 low = 0, high = count; /* what is sought lies in low..high-1 */
	__u32 sought = bh_interval_order(protocol, port);
	int step;

	for (step = 0; step < BH_INTERVAL_STEPS && low < high; step++) {
		__u32 middle = (low + high) / 2;
		const struct bh_interval *interval = at(first + middle);

		if (!interval)
			return 0;
		if (sought < bh_interval_order(interval->protocol, interval->first))
			high = middle;
		else if (sought > bh_interval_order(interval->protocol, interval->last))
			low = middle + 1;
		else
			return interval;
	}
	return 0;
}

#endif /* BULKHEAD_BPF_INTERVAL_H_ */
