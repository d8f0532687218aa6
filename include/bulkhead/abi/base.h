/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Fixed-width types and layout checks shared by the BPF programs (C) and user space (C++). Host byte order unless a field says
 * "network order". Every struct here is written whole (padding zeroed), since most are map keys. */
#ifndef BULKHEAD_ABI_BASE_H_
#define BULKHEAD_ABI_BASE_H_

#include <linux/types.h>

#ifdef __cplusplus
#define BH_ASSERT(what, text) static_assert(what, text)
#else
#define BH_ASSERT(what, text) _Static_assert(what, text)
#endif
#define BH_SIZE(type, bytes) BH_ASSERT(sizeof(type) == (bytes), "size of " #type)
#define BH_OFFSET(type, field, bytes) BH_ASSERT(__builtin_offsetof(type, field) == (bytes), "offset of " #type "." #field)

/* Rises with every change of a pinned map's layout or meaning; part of the pin path (/sys/fs/bpf/bulkhead/v<N>/). */
#define BH_LAYOUT_VERSION 6

/* Address families as stored in keys. */
#define BH_V4 4
#define BH_V6 6

#endif /* BULKHEAD_ABI_BASE_H_ */
