/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The parser as a function of the programs, with a stack frame of its own: Linux 6.1 allows 512 bytes along a chain of calls, each
 * frame rounded up to 32. */
#ifndef BULKHEAD_BPF_PARSE_WHOLE_H_
#define BULKHEAD_BPF_PARSE_WHOLE_H_

#include "bpf/parse/ethernet.h"

static __noinline int bh_parse_whole(const struct bh_frame *frame, int vlan, struct bh_packet *packet)
{
	return bh_parse(frame, vlan, packet);
}

#endif /* BULKHEAD_BPF_PARSE_WHOLE_H_ */
