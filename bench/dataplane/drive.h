/* SPDX-License-Identifier: Apache-2.0 */
/* What user space tells the driver (driver.bpf.c) of the packets to make. Shared between C and C++. */
#ifndef BULKHEAD_BENCH_DATAPLANE_DRIVE_H_
#define BULKHEAD_BENCH_DATAPLANE_DRIVE_H_

#include <linux/types.h>

/* Packet number n of a run is of the flow f = n & flow_mask (random: a well-mixed n). A flow's port is port_base + f, its address
 * address_base + (a well-mixed f, scaled to [0, spread)). Host order. */
struct bench_drive {
  __u64 next; /* n of the next packet; the driver counts it up */
  __u32 flow_mask;
  __u32 random;
  __u32 port_at; /* bytes from the start of the frame; 0: the ports stay */
  __u32 port_base;
  __u32 address_at; /* of the last four bytes of an address; 0: the addresses stay */
  __u32 address_base;
  __u32 spread;
  __u32 tag; /* provenance of the packet, for egress */
};

/* The element of the program array that the driver goes on with. */
#define DRIVE_NEXT 0

#endif /* BULKHEAD_BENCH_DATAPLANE_DRIVE_H_ */
