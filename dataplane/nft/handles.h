// SPDX-License-Identifier: Apache-2.0
// libnftnl's objects, freed at the end. Private to this folder.
#ifndef BULKHEAD_DATAPLANE_NFT_HANDLES_H_
#define BULKHEAD_DATAPLANE_NFT_HANDLES_H_

// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include <memory>

namespace bulkhead::nft {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using TableHandle = std::unique_ptr<nftnl_table, Freed<nftnl_table_free>>;
using ChainHandle = std::unique_ptr<nftnl_chain, Freed<nftnl_chain_free>>;
using RuleHandle = std::unique_ptr<nftnl_rule, Freed<nftnl_rule_free>>;
using SetHandle = std::unique_ptr<nftnl_set, Freed<nftnl_set_free>>;
using ObjectHandle = std::unique_ptr<nftnl_obj, Freed<nftnl_obj_free>>;
using UserDataHandle = std::unique_ptr<nftnl_udata_buf, Freed<nftnl_udata_buf_free>>;

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_HANDLES_H_
