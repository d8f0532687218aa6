// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/ebpf_world.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/packet/cast.h"
#include "tests/places/places.h"

namespace bulkhead::packet_test {
namespace {

absl::Status Errno(int error, const std::string& what) { return absl::ErrnoToStatus(error, what); }

absl::Status Empty(int map, size_t key_size) {
  std::vector<uint8_t> key(key_size);
  while (bpf_map_get_next_key(map, nullptr, key.data()) == 0) {
    if (bpf_map_delete_elem(map, key.data()) != 0 && errno != ENOENT) return Errno(errno, "emptying a map");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<EbpfWorld>> EbpfWorld::Create() {
  auto world = std::unique_ptr<EbpfWorld>(new EbpfWorld());
  auto netns = lab::TestNetns::Create();
  if (!netns.ok()) return netns.status();
  world->own_netns_ = *std::move(netns);
  world->netns_ = world->own_netns_.get();
  if (const auto status = world->MakeInterfaces(); !status.ok()) return status;
  if (const auto status = world->OpenBackend(); !status.ok()) return status;
  if (const auto status = world->LoadTagPrograms(); !status.ok()) return status;
  return world;
}

absl::StatusOr<std::unique_ptr<EbpfWorld>> EbpfWorld::CreateXdp(EbpfWorld& other) {
  auto world = std::unique_ptr<EbpfWorld>(new EbpfWorld());
  world->netns_ = other.netns_;
  world->xdp_ = true;
  if (const auto status = world->OpenBackend(); !status.ok()) return status;
  if (const auto status = world->LoadTagPrograms(); !status.ok()) return status;
  if (const auto status = world->OpenInterfacesToXdp(); !status.ok()) return status;
  return world;
}

absl::Status EbpfWorld::OpenBackend() {
  EbpfOptions options;
  options.flow_entries = 1u << 13;
  options.workload_xdp = xdp_;
  if (xdp_) options.pin_root = absl::StrCat(kDefaultPinRoot, "-xdp");
  auto backend = EbpfBackend::Open(writer_, clock_, options);
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  places_.clear();
  for (const uint16_t zone : {0, 1, 2}) {
    if (const auto status = backend_->LoadZone(zone); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EbpfWorld::Reopen() {
  backend_.reset();
  return OpenBackend();
}

EbpfWorld::~EbpfWorld() { bpf_object__close(tag_object_); }

namespace {

std::vector<uint32_t> AllInterfaces() {
  std::vector<uint32_t> all = {kUplink, kNoEndpoint, Late().ifindex()};
  for (const Actor& actor : Cast()) all.push_back(actor.ifindex());
  return all;
}

}  // namespace

// Only an interface that is up, and has a program, has the queues that BPF_PROG_TEST_RUN wants to see. Its other end stays down.
absl::Status EbpfWorld::OpenInterfacesToXdp() {
  for (const uint32_t ifindex : AllInterfaces()) {
    const auto up = netns_->Command({"ip", "link", "set", absl::StrCat("v", ifindex), "up"});
    if (!up.ok()) return up;
    if (bpf_xdp_attach(static_cast<int>(ifindex), TagProgram("pass_all"), XDP_FLAGS_DRV_MODE, nullptr) != 0) {
      return Errno(errno, absl::StrCat("attaching to interface ", ifindex));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<EbpfWorld::XdpRun> EbpfWorld::RunXdp(int program, uint32_t ifindex, const std::vector<uint8_t>& frame) {
  if (const auto status = netns_->Check(); !status.ok()) return status;
  xdp_md context = {}, after = {};
  context.data_end = static_cast<uint32_t>(frame.size());
  context.ingress_ifindex = ifindex;
  std::vector<uint8_t> out(frame.size() + sizeof(bh_mark));
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .data_size_out = static_cast<uint32_t>(out.size()),
              .ctx_in = &context, .ctx_out = &after, .ctx_size_in = sizeof(context), .ctx_size_out = sizeof(after));
  if (bpf_prog_test_run_opts(program, &options) != 0) return Errno(errno, "BPF_PROG_TEST_RUN of an XDP program");
  XdpRun run;
  run.action = options.retval;
  bh_mark mark{};
  if (after.data - after.data_meta == sizeof(mark) && options.data_size_out >= sizeof(mark)) {
    std::memcpy(&mark, out.data(), sizeof(mark));
    if (mark.secret != 0) run.mark = mark;
  }
  return run;
}

absl::Status EbpfWorld::MakeInterfaces() {
  for (const uint32_t ifindex : AllInterfaces()) {
    const std::string number = std::to_string(ifindex), peer = std::to_string(ifindex + 1000);
    const auto status = netns_->Command({"ip", "link", "add", "name", absl::StrCat("v", number), "index", number, "type", "veth",
                                         "peer", "name", absl::StrCat("p", number), "index", peer});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EbpfWorld::LoadTagPrograms() {
  const std::string path = ProgramPath("tag.bpf.o");
  tag_object_ = bpf_object__open_file(path.c_str(), nullptr);
  if (tag_object_ == nullptr) return Errno(errno, "opening " + path);
  if (bpf_object__load(tag_object_) != 0) return Errno(errno, "loading " + path);
  return absl::OkStatus();
}

int EbpfWorld::TagProgram(const char* name) const { return bpf_program__fd(bpf_object__find_program_by_name(tag_object_, name)); }
int EbpfWorld::TagMap(const char* name) const { return bpf_map__fd(bpf_object__find_map_by_name(tag_object_, name)); }

absl::Status EbpfWorld::Reset() {
  if (const auto status = backend_->StagePolicy(nullptr); !status.ok()) return status;
  if (const auto status = backend_->SetFastPath({}, 0); !status.ok()) return status;
  std::vector<Actor> actors = Cast();
  actors.push_back(Late());
  for (const Actor& actor : actors) {
    for (const uint16_t slot : {actor.slot(), Replacement(actor.slot())}) {
      const auto status = backend_->RemoveEndpoint(slot);
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
  }
  if (const auto status = backend_->SetOptions({}); !status.ok()) return status;
  if (const auto status = backend_->SetPublished({}); !status.ok()) return status;
  if (const auto status = backend_->SetHostAddresses({}); !status.ok()) return status;
  const std::pair<const char*, size_t> maps[] = {{"bh_edges", sizeof(bh_edge_key)},
                                                 {"bh_edges_outside", sizeof(bh_edge_key)},
                                                 {"bh_fragments", sizeof(bh_fragment_key)},
                                                 {"bh_solicited", sizeof(bh_solicited_key)}};
  for (const auto& [name, key_size] : maps) {
    if (const auto status = Empty(backend_->MapFd(name), key_size); !status.ok()) return status;
  }
  const FlowTables::Memory& memory = backend_->flow_tables().memory();
  ForEachSlot([](bh_flow_hot& slot) { slot = {}; });
  *memory.usage = {};
  return backend_->DrainEvents([](const bh_event&) {});
}

void EbpfWorld::ForEachSlot(const std::function<void(bh_flow_hot&)>& change) {
  const FlowTables::Memory& memory = backend_->flow_tables().memory();
  for (uint32_t group = 0; group < memory.groups4; ++group) {
    for (bh_flow4_slot& slot : memory.flows4[group].slot) change(slot.hot);
  }
  for (uint32_t group = 0; group < memory.groups6; ++group) {
    for (bh_flow6_slot& slot : memory.flows6[group].slot) change(slot.hot);
  }
}

absl::StatusOr<uint32_t> EbpfWorld::PlaceOf(uint16_t zone, bh_hook hook) {
  if (const auto found = places_.find({zone, hook}); found != places_.end()) return found->second;
  const auto program = backend_->ProgramFd(zone, hook);
  if (!program) return absl::NotFoundError(absl::StrCat("no program for zone ", zone));
  const auto place = static_cast<uint32_t>(places_.size());
  const auto fd = static_cast<uint32_t>(*program);
  if (bpf_map_update_elem(TagMap("next_programs"), &place, &fd, BPF_ANY) != 0) return Errno(errno, "setting the next program");
  return places_[{zone, hook}] = place;
}

absl::StatusOr<int> EbpfWorld::Run(const Packet& packet) {
  if (const auto status = netns_->Check(); !status.ok()) return status;
  if (packet.vlan) return absl::InvalidArgumentError("BPF_PROG_TEST_RUN cannot set vlan_present");
  const auto place = PlaceOf(packet.zone, packet.hook);
  if (!place.ok()) return place.status();
  __sk_buff context = {};
  context.ifindex = packet.ifindex;
  context.ingress_ifindex = packet.ingress_ifindex;
  context.cb[0] = packet.tag;
  context.cb[1] = *place;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.bytes.data(),
              .data_size_in = static_cast<uint32_t>(packet.bytes.size()), .ctx_in = &context, .ctx_size_in = sizeof(context));
  if (bpf_prog_test_run_opts(TagProgram("set_tag"), &options) != 0) return Errno(errno, "BPF_PROG_TEST_RUN");
  return static_cast<int>(options.retval);
}

}  // namespace bulkhead::packet_test
