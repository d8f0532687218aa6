// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nft/table_writer.h"

#include "dataplane/nft/handles.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

namespace bulkhead::nft {
namespace {

constexpr char kKindsSet[] = "kinds";
// Before all that others hang there: NF_BR_PRI_NAT_DST_BRIDGED and NF_IP_PRI_RAW. Last, after the host has changed where it goes.
constexpr int32_t kEarly = -300, kLate = 300;
constexpr uint32_t kNameSize = 16;  // IFNAMSIZ
constexpr uint32_t kPortSize = sizeof(uint32_t) + kNameSize;
constexpr size_t kElementsInAMessage = 512;  // some 30 KB
// How nft shows keys (its enum datatypes); the kernel keeps the numbers and does not look at them.
constexpr uint32_t kTypeIfindex = 20, kTypeIfname = 41;
constexpr uint32_t kTypePort = kTypeIfindex << 6 | kTypeIfname;
constexpr uint32_t kHostOrder = 1;

using Key = std::array<uint8_t, kPortSize>;

void CopyName(const std::string& name, uint8_t* to) { std::memcpy(to, name.data(), std::min<size_t>(name.size(), kNameSize - 1)); }

Key KeyOf(const std::string& name) {
  Key key{};
  CopyName(name, key.data());
  return key;
}

Key KeyOf(const Port& port) {
  Key key{};
  std::memcpy(key.data(), &port.ifindex, sizeof(port.ifindex));
  CopyName(port.name, key.data() + sizeof(port.ifindex));
  return key;
}

constexpr uint32_t SizeOf(const std::string*) { return kNameSize; }
constexpr uint32_t SizeOf(const Port*) { return kPortSize; }

// The two directions in which a packet is looked at.
struct Side {
  const char* chain;
  const char* counter;
  uint32_t index, name, kind, bridge;  // NFT_META_...
};
constexpr Side kFrom = {"from", kFromCounter, NFT_META_IIF, NFT_META_IIFNAME, NFT_META_IIFKIND, NFT_META_BRI_IIFNAME};
constexpr Side kTo = {"to", kToCounter, NFT_META_OIF, NFT_META_OIFNAME, NFT_META_OIFKIND, NFT_META_BRI_OIFNAME};

struct BaseChain {
  const char* name;
  uint32_t hook;
  int32_t priority;
  std::vector<const Side*> sides;
};

std::vector<BaseChain> BaseChainsOf(uint8_t family) {
  if (family == NFPROTO_INET) {
    return {{"prerouting", NF_INET_PRE_ROUTING, kEarly, {&kFrom}}, {"postrouting", NF_INET_POST_ROUTING, kLate, {&kTo}}};
  }
  return {{"forward", NF_INET_FORWARD, kEarly, {&kFrom, &kTo}},
          {"input", NF_INET_LOCAL_IN, kEarly, {&kFrom}},
          {"output", NF_INET_LOCAL_OUT, kEarly, {&kTo}}};
}

// Kinds of interfaces: those that the bridge's table lets be, those that the other one is about.
constexpr const char* kWires[] = {"bond",      "team",   "vlan",   "vxlan", "geneve", "gretap",
                                  "ip6gretap", "macsec", "batadv", "hsr",   "dsa"};
constexpr const char* kRoutedKinds[] = {"veth", "netkit"};

// One rule under construction.
class RuleMaker {
 public:
  RuleMaker(uint8_t family, const char* chain) : family_(family), rule_(nftnl_rule_alloc()) {
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, kTable);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
  }
  RuleMaker& Load(uint32_t key, uint32_t reg = NFT_REG_1) {
    nftnl_expr* expr = Append("meta");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
    return *this;
  }
  // The number and the name side by side, as the keys of sets of ports are.
  RuleMaker& LoadPort(const Side& side) { return Load(side.index, NFT_REG32_00).Load(side.name, NFT_REG32_01); }
  RuleMaker& In(const char* set, bool inverted = false) {
    nftnl_expr* expr = Append("lookup");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
    if (inverted) nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return *this;
  }
  RuleMaker& Compare(uint32_t op, const void* bytes, size_t size) {
    nftnl_expr* expr = Append("cmp");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, bytes, static_cast<uint32_t>(size));
    return *this;
  }
  RuleMaker& Count(const char* counter) {
    nftnl_expr* expr = Append("objref");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    nftnl_expr_set_str(expr, NFTNL_EXPR_OBJREF_IMM_NAME, counter);
    return *this;
  }
  RuleMaker& Verdict(int verdict, const char* chain = nullptr) {
    nftnl_expr* expr = Append("immediate");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, static_cast<uint32_t>(verdict));
    if (chain != nullptr) nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain);
    return *this;
  }
  void AddTo(Batch& batch) {
    batch.Add(NFT_MSG_NEWRULE, family_, NLM_F_CREATE | NLM_F_APPEND,
              [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, rule_.get()); });
  }

 private:
  nftnl_expr* Append(const char* name) {
    nftnl_expr* expr = nftnl_expr_alloc(name);
    nftnl_rule_add_expr(rule_.get(), expr);
    return expr;
  }
  const uint8_t family_;
  RuleHandle rule_;
};

void AddTable(uint8_t family, uint16_t type, uint16_t flags, Batch& batch) {
  const TableHandle table(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, kTable);
  batch.Add(type, family, flags, [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, table.get()); });
}

void AddChain(uint8_t family, const char* name, const BaseChain* base, Batch& batch) {
  const ChainHandle chain(nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, kTable);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  if (base != nullptr) {
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, base->hook);
    nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, base->priority);
    nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  batch.Add(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE,
            [&](nlmsghdr* message) { nftnl_chain_nlmsg_build_payload(message, chain.get()); });
}

void AddCounter(uint8_t family, const char* name, uint64_t packets, Batch& batch) {
  const ObjectHandle object(nftnl_obj_alloc());
  nftnl_obj_set_str(object.get(), NFTNL_OBJ_TABLE, kTable);
  nftnl_obj_set_str(object.get(), NFTNL_OBJ_NAME, name);
  nftnl_obj_set_u32(object.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
  nftnl_obj_set_u64(object.get(), NFTNL_OBJ_CTR_PKTS, packets);
  nftnl_obj_set_u64(object.get(), NFTNL_OBJ_CTR_BYTES, 0);
  batch.Add(NFT_MSG_NEWOBJ, family, NLM_F_CREATE, [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, object.get()); });
}

// id: of the set within its transaction.
void AddSet(uint8_t family, const char* name, uint32_t id, bool of_ports, Batch& batch) {
  const SetHandle set(nftnl_set_alloc());
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, of_ports ? kPortSize : kNameSize);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, of_ports ? kTypePort : kTypeIfname);
  const UserDataHandle about(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
  if (!of_ports && nftnl_udata_put_u32(about.get(), NFTNL_UDATA_SET_KEYBYTEORDER, kHostOrder) != 0) {
    nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, nftnl_udata_buf_data(about.get()), nftnl_udata_buf_len(about.get()));
  }
  batch.Add(NFT_MSG_NEWSET, family, NLM_F_CREATE, [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, set.get()); });
}

template <typename Elements>
void AddElements(uint8_t family, uint16_t type, const char* name, const Elements& elements, Batch& batch) {
  for (auto at = elements.begin(); at != elements.end();) {
    const SetHandle set(nftnl_set_alloc());
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name);
    for (size_t i = 0; i < kElementsInAMessage && at != elements.end(); ++i, ++at) {
      nftnl_set_elem* element = nftnl_set_elem_alloc();
      const Key key = KeyOf(*at);
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), SizeOf(&*at));
      nftnl_set_elem_add(set.get(), element);
    }
    batch.Add(type, family, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
              [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, set.get()); });
  }
}

template <typename Elements>
void ChangeElements(uint8_t family, const char* name, const Elements& from, const Elements& to, Batch& batch) {
  Elements gone, fresh;
  std::set_difference(from.begin(), from.end(), to.begin(), to.end(), std::inserter(gone, gone.end()));
  std::set_difference(to.begin(), to.end(), from.begin(), from.end(), std::inserter(fresh, fresh.end()));
  AddElements(family, NFT_MSG_DELSETELEM, name, gone, batch);
  AddElements(family, NFT_MSG_NEWSETELEM, name, fresh, batch);
}

std::set<std::string> KindsOf(uint8_t family) {
  if (family == NFPROTO_INET) return {std::begin(kRoutedKinds), std::end(kRoutedKinds)};
  return {std::begin(kWires), std::end(kWires)};
}

// What becomes of a packet whose interface on that side is not managed.
void AddUnmanaged(const TableKind& kind, const TableRules& rules, const Side& side, Batch& batch) {
  const auto rule = [&] { return RuleMaker(kind.family, side.chain); };
  const bool routed = kind.family == NFPROTO_INET;
  rule().Load(side.name).In(kNamesSet).Verdict(NFT_RETURN).AddTo(batch);
  rule().LoadPort(side).In(kExemptSet).Verdict(NFT_RETURN).AddTo(batch);
  if (kind.knows_bridges && !routed) rule().Load(side.bridge).In(kBridgesSet).Verdict(NFT_RETURN).AddTo(batch);
  for (const std::string& pattern : rules.patterns) {
    // Of nothing but the beginning: all names have it, and every interface a name.
    if (pattern.empty()) {
      rule().Verdict(NFT_RETURN).AddTo(batch);
    } else {
      rule().Load(side.name).Compare(NFT_CMP_EQ, pattern.data(), pattern.size()).Verdict(NFT_RETURN).AddTo(batch);
    }
  }
  if (routed) return rule().Count(side.counter).Verdict(NF_DROP).AddTo(batch);
  rule().Load(side.kind).In(kKindsSet).Verdict(NFT_RETURN).AddTo(batch);
  const Key none{};
  rule().Load(side.kind).Compare(NFT_CMP_NEQ, none.data(), kNameSize).Count(side.counter).Verdict(NF_DROP).AddTo(batch);
}

}  // namespace

bool IsWire(std::string_view kind) {
  return kind.empty() || std::find(std::begin(kWires), std::end(kWires), kind) != std::end(kWires);
}

bool IsPair(std::string_view kind) {
  return std::find(std::begin(kRoutedKinds), std::end(kRoutedKinds), kind) != std::end(kRoutedKinds);
}

void AddReplacement(const TableKind& kind, const TableRules& rules, const Dropped& dropped, Batch& batch) {
  const uint8_t family = kind.family;
  AddTable(family, NFT_MSG_NEWTABLE, NLM_F_CREATE, batch);  // so that there is one to take away
  AddTable(family, NFT_MSG_DELTABLE, 0, batch);
  AddTable(family, NFT_MSG_NEWTABLE, NLM_F_CREATE, batch);
  AddCounter(family, kFromCounter, dropped.from, batch);
  AddCounter(family, kToCounter, dropped.to, batch);
  uint32_t id = 0;
  for (const char* name : {kManagedSet, kExemptSet}) AddSet(family, name, ++id, true, batch);
  for (const char* name : {kNamesSet, kKindsSet}) AddSet(family, name, ++id, false, batch);
  if (family == NFPROTO_BRIDGE) AddSet(family, kBridgesSet, ++id, false, batch);
  AddChange(kind, {}, rules, batch);
  AddElements(family, NFT_MSG_NEWSETELEM, kKindsSet, KindsOf(family), batch);
  for (const Side* side : {&kFrom, &kTo}) {
    AddChain(family, side->chain, nullptr, batch);
    AddUnmanaged(kind, rules, *side, batch);
  }
  for (const BaseChain& base : BaseChainsOf(family)) {
    AddChain(family, base.name, &base, batch);
    for (const Side* side : base.sides) {
      RuleMaker rule(family, base.name);
      if (family == NFPROTO_INET) rule.Load(side->kind).In(kKindsSet);
      rule.LoadPort(*side).In(kManagedSet, true).Verdict(NFT_JUMP, side->chain).AddTo(batch);
    }
  }
}

void AddChange(const TableKind& kind, const TableRules& from, const TableRules& to, Batch& batch) {
  ChangeElements(kind.family, kManagedSet, from.managed, to.managed, batch);
  ChangeElements(kind.family, kExemptSet, from.exempt, to.exempt, batch);
  ChangeElements(kind.family, kNamesSet, from.exempt_names, to.exempt_names, batch);
  if (kind.family == NFPROTO_BRIDGE) ChangeElements(kind.family, kBridgesSet, from.bridges, to.bridges, batch);
}

void AddRemoval(uint8_t family, Batch& batch) { AddTable(family, NFT_MSG_DELTABLE, 0, batch); }

}  // namespace bulkhead::nft
