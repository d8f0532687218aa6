/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Lets the headers that call no BPF helper compile for the host too, as C or C++, so that unit tests and fuzzers run the very
 * code that the kernel runs. Such headers include this one and never <bpf/bpf_helpers.h>. */
#ifndef BULKHEAD_BPF_HOST_SHIM_H_
#define BULKHEAD_BPF_HOST_SHIM_H_

#include <linux/types.h>

#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#else
#include <stddef.h> /* brings the libc's __always_inline */
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#endif

#include <bpf/bpf_endian.h>

#define bh_copy(to, from, bytes) __builtin_memcpy((to), (from), (bytes))
/* Has the compiler keep the number that it has worked out, rather than work it out again wherever it is wanted. */
#define bh_keep(number) asm volatile("" : "+r"(number))
#define bh_likely(what) __builtin_expect(!!(what), 1)
#define bh_unlikely(what) __builtin_expect(!!(what), 0)

#endif /* BULKHEAD_BPF_HOST_SHIM_H_ */
