#include "os/network.h"

#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "os/fs.h"
#include "os/links.h"
#include "os/nat.h"
#include "os/subnet.h"

namespace burrow::os {
namespace {

constexpr int kPrefixLength = 24;
constexpr uint8_t kGatewayNumber = 1, kFirstNumber = 2, kLastNumber = 254;
constexpr size_t kMaxTagLength = 8;
constexpr int kSubnetAttempts = 32;
constexpr const char* kIpForward = "/proc/sys/net/ipv4/ip_forward";
constexpr const char* kResolvConf = "/etc/resolv.conf";
// The container's only link besides loopback is the first that is made there.
constexpr const char* kLoopback = "lo";

struct NewNamespace {
  UniqueFd fd;
  Links links;
};

// `existing`: the descriptor of one that is empty; negative: a new one.
Result<NewNamespace> EnterNamespace(int existing) {
  if (existing >= 0 && setns(existing, CLONE_NEWNET) != 0) return FailErrno("enter a network namespace");
  if (existing < 0 && unshare(CLONE_NEWNET) != 0) return FailErrno("make a network namespace");
  NewNamespace made;
  BURROW_ASSIGN_OR_RETURN(made.fd, Open("/proc/thread-self/ns/net", O_RDONLY));
  BURROW_ASSIGN_OR_RETURN(made.links, Links::Open());
  BURROW_RETURN_IF_ERROR(made.links.SetUp(kLoopback));
  return made;
}

// A thread moves out and ends; its namespace lives on in the descriptor and the netlink socket.
Result<NewNamespace> MakeNamespace(int existing = -1) {
  std::optional<Result<NewNamespace>> made;
  try {
    std::thread([&] { made = EnterNamespace(existing); }).join();
  } catch (const std::system_error& error) {
    return Fail(Code::kResourceExhausted, "start a thread: {}", error.what());
  }
  return std::move(*made);
}

Status CheckTag(const std::string& tag) {
  const bool fine =
      !tag.empty() && tag.size() <= kMaxTagLength && tag.find_first_not_of("0123456789abcdef") == tag.npos;
  if (fine) return {};
  return Fail(Code::kInvalidArgument, "network tag \"{}\" must be 1 to {} of [0-9a-f]", tag, kMaxTagLength);
}

Status AllowForwarding() {
  const auto now = ReadFile(kIpForward);
  if (now && now->starts_with('1')) return {};
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(kIpForward, O_WRONLY));
  BURROW_RETURN_IF_ERROR(WriteAll(fd.get(), "1"));
  LogInfo("net.ipv4.ip_forward is now on: containers need it to reach the outside; it stays on");
  return {};
}

}  // namespace

struct NodeNetwork::State {
  std::string tag, bridge;
  Ipv4Prefix subnet;
  uint32_t mtu = 1500;
  int bridge_index = 0;
  bool has_table = false;

  std::mutex mutex;  // guards what follows
  std::optional<Links> links;
  std::bitset<256> taken;
  uint8_t next = kFirstNumber;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  Status RemoveLeftovers();
  Status ClaimSubnet();
  Result<uint8_t> TakeNumber();
  void GiveBack(uint8_t number);
  Status Connect(uint8_t number, int peer_namespace);
  std::string HostLink(uint8_t number) const { return fmt::format("{}-{:x}", bridge, number); }
};

Status NodeNetwork::State::RemoveLeftovers() {
  BURROW_ASSIGN_OR_RETURN(const auto found, links->List());
  for (const Link& link : found) {
    if (link.name == bridge || link.name.starts_with(bridge + "-")) BURROW_RETURN_IF_ERROR(links->Delete(link.name));
  }
  return {};
}

NodeNetwork::State::~State() {
  if (!links) return;
  if (Status status = RemoveLeftovers(); !status) LogWarn("network {}: {}", bridge, status.error().message());
  if (!has_table) return;
  if (Status status = RemoveNat(tag); !status) LogWarn("network {}: {}", bridge, status.error().message());
}

// Another instance may choose at the same time: an address is looked at again once it is set, and given up where it is
// not alone.
Status NodeNetwork::State::ClaimSubnet() {
  const auto servers = NameServerPrefixes(ReadFile(kResolvConf).value_or(""));
  for (int attempt = 0; attempt < kSubnetAttempts; ++attempt) {
    BURROW_ASSIGN_OR_RETURN(auto used, links->UsedPrefixes());
    used.insert(used.end(), servers.begin(), servers.end());
    const auto choice = ChooseSubnet(attempt == 0 ? tag : fmt::format("{}-{}", tag, attempt), used);
    if (!choice)
      return Fail(Code::kResourceExhausted, "no 10.x.y.0/24 is free for the containers' network on this host");
    BURROW_RETURN_IF_ERROR(links->AddBridge(bridge, mtu));
    BURROW_ASSIGN_OR_RETURN(bridge_index, LinkIndex(bridge));
    BURROW_RETURN_IF_ERROR(links->AddAddress(bridge_index, choice->address | kGatewayNumber, kPrefixLength));
    BURROW_ASSIGN_OR_RETURN(const auto inside, links->LinksInside(*choice));
    subnet = *choice;
    if (std::ranges::all_of(inside, [&](int link) { return link == bridge_index; })) return {};
    BURROW_RETURN_IF_ERROR(links->Delete(bridge));
  }
  return Fail(Code::kUnavailable, "other container networks are being made on this host: try again");
}

Result<uint8_t> NodeNetwork::State::TakeNumber() {
  std::lock_guard lock(mutex);
  for (int i = kFirstNumber; i <= kLastNumber; ++i) {
    const uint8_t number = next;
    next = next == kLastNumber ? kFirstNumber : static_cast<uint8_t>(next + 1);
    if (taken[number]) continue;
    taken[number] = true;
    return number;
  }
  return Fail(Code::kResourceExhausted, "all {} container addresses of this node are in use",
              kLastNumber - kFirstNumber + 1);
}

void NodeNetwork::State::GiveBack(uint8_t number) {
  std::lock_guard lock(mutex);
  taken[number] = false;
}

// The kernel takes a link away some time after its namespace, together with others: to delete it here would keep
// everybody from changing the network for 20 ms. So a number that comes round again may find its old link.
Status NodeNetwork::State::Connect(uint8_t number, int peer_namespace) {
  std::lock_guard lock(mutex);
  const VethPair pair{
      .host_name = HostLink(number), .bridge = bridge_index, .peer_namespace = peer_namespace, .mtu = mtu};
  Status added = links->AddVeth(pair);
  if (!added && added.error().code() == Code::kAlreadyExists) {
    BURROW_RETURN_IF_ERROR(links->Delete(pair.host_name));
    added = links->AddVeth(pair);
  }
  if (!added) return added;
  return links->IsolatePort(pair.host_name);
}

NodeNetwork::NodeNetwork(std::shared_ptr<State> state) : state_(std::move(state)) {}
NodeNetwork::~NodeNetwork() = default;
const std::string& NodeNetwork::bridge() const { return state_->bridge; }

Result<std::unique_ptr<NodeNetwork>> NodeNetwork::Create(const std::string& tag) {
  BURROW_RETURN_IF_ERROR(CheckTag(tag));
  auto state = std::make_shared<State>();
  state->tag = tag;
  state->bridge = "bw" + tag;
  BURROW_ASSIGN_OR_RETURN(state->links, Links::Open());
  BURROW_RETURN_IF_ERROR(state->RemoveLeftovers());
  BURROW_ASSIGN_OR_RETURN(state->mtu, state->links->OutsideMtu());
  BURROW_RETURN_IF_ERROR(state->ClaimSubnet());
  state->has_table = true;
  BURROW_RETURN_IF_ERROR(
      InstallNat(tag, state->bridge, fmt::format("{}/{}", ToText(state->subnet.address), kPrefixLength)));
  BURROW_RETURN_IF_ERROR(AllowForwarding());
  return std::unique_ptr<NodeNetwork>(new NodeNetwork(std::move(state)));
}

Result<ContainerNetwork> NodeNetwork::CreateContainerNetwork(int existing_namespace) {
  BURROW_ASSIGN_OR_RETURN(const uint8_t number, state_->TakeNumber());
  ContainerNetwork network;
  network.host_number_ = number;
  network.state_ = state_;
  network.address_ = ToText(state_->subnet.address | number);
  BURROW_ASSIGN_OR_RETURN(NewNamespace made, MakeNamespace(existing_namespace));
  BURROW_RETURN_IF_ERROR(state_->Connect(number, made.fd.get()));
  BURROW_ASSIGN_OR_RETURN(const auto inside, made.links.List());
  const auto eth0 = std::ranges::find(inside, "eth0", &Link::name);
  if (eth0 == inside.end())
    return Fail(Code::kInternal, "the container's end of {} is missing", state_->HostLink(number));
  BURROW_RETURN_IF_ERROR(made.links.ConfigureContainer(eth0->index, state_->subnet.address | number,
                                                       state_->subnet.address | kGatewayNumber, kPrefixLength));
  network.namespace_ = std::move(made.fd);
  return network;
}

ContainerNetwork::ContainerNetwork(ContainerNetwork&& other) noexcept { *this = std::move(other); }

ContainerNetwork& ContainerNetwork::operator=(ContainerNetwork&& other) noexcept {
  std::swap(namespace_, other.namespace_);
  std::swap(address_, other.address_);
  std::swap(host_number_, other.host_number_);
  std::swap(state_, other.state_);
  return *this;
}

ContainerNetwork::~ContainerNetwork() {
  namespace_.Reset();
  if (state_) std::static_pointer_cast<NodeNetwork::State>(state_)->GiveBack(host_number_);
}

Result<UniqueFd> CreateLoopbackNamespace(int existing_namespace) {
  BURROW_ASSIGN_OR_RETURN(NewNamespace made, MakeNamespace(existing_namespace));
  return std::move(made.fd);
}

}  // namespace burrow::os
