#include "os/links.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

namespace burrow::os {
namespace {

constexpr uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

template <class Number>
Number ReadAttribute(const rtattr& attribute) {
  Number number{};
  memcpy(&number, RTA_DATA(&attribute), std::min(sizeof number, static_cast<size_t>(RTA_PAYLOAD(&attribute))));
  return number;
}

template <class Header>
const Header& HeaderOf(const nlmsghdr& message) {
  return *static_cast<const Header*>(NLMSG_DATA(&message));
}

ifinfomsg UpFlags() {
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  return header;
}

void PutAddress(NetlinkBatch& batch, int link, uint32_t address, int prefix_length) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = static_cast<uint8_t>(prefix_length);
  header.ifa_index = static_cast<uint32_t>(link);
  batch.Begin("add an address", RTM_NEWADDR, kCreate, header);
  batch.PutNumber(IFA_LOCAL, htonl(address));
  batch.PutNumber(IFA_ADDRESS, htonl(address));
}

void PutDefaultRoute(NetlinkBatch& batch, uint32_t gateway) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  batch.Begin("add the default route", RTM_NEWROUTE, kCreate, header);
  batch.PutNumber(RTA_GATEWAY, htonl(gateway));
}

}  // namespace

Result<Links> Links::Open() {
  Links links;
  BURROW_ASSIGN_OR_RETURN(links.netlink_, Netlink::Open());
  return links;
}

Result<std::vector<Link>> Links::List() {
  std::vector<Link> links;
  BURROW_RETURN_IF_ERROR(netlink_.Dump(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    Link link{.index = HeaderOf<ifinfomsg>(message).ifi_index};
    VisitAttributes(message, sizeof(ifinfomsg), [&](const rtattr& attribute) {
      const auto* text = static_cast<const char*>(RTA_DATA(&attribute));
      if (attribute.rta_type == IFLA_IFNAME) link.name.assign(text, strnlen(text, RTA_PAYLOAD(&attribute)));
      if (attribute.rta_type == IFLA_MTU) link.mtu = ReadAttribute<uint32_t>(attribute);
    });
    links.push_back(std::move(link));
  }));
  return links;
}

Result<std::vector<Ipv4Prefix>> Links::UsedPrefixes() {
  std::vector<Ipv4Prefix> prefixes;
  BURROW_RETURN_IF_ERROR(netlink_.Dump(RTM_GETADDR, AF_INET, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWADDR) return;
    const int length = HeaderOf<ifaddrmsg>(message).ifa_prefixlen;
    VisitAttributes(message, sizeof(ifaddrmsg), [&](const rtattr& attribute) {
      if (attribute.rta_type == IFA_ADDRESS) prefixes.push_back({ntohl(ReadAttribute<uint32_t>(attribute)), length});
    });
  }));
  BURROW_RETURN_IF_ERROR(netlink_.Dump(RTM_GETROUTE, AF_INET, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    const int length = HeaderOf<rtmsg>(message).rtm_dst_len;
    VisitAttributes(message, sizeof(rtmsg), [&](const rtattr& attribute) {
      if (attribute.rta_type == RTA_DST) prefixes.push_back({ntohl(ReadAttribute<uint32_t>(attribute)), length});
    });
  }));
  return prefixes;
}

Result<std::vector<int>> Links::LinksInside(const Ipv4Prefix& prefix) {
  std::vector<int> links;
  BURROW_RETURN_IF_ERROR(netlink_.Dump(RTM_GETADDR, AF_INET, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWADDR) return;
    const auto& header = HeaderOf<ifaddrmsg>(message);
    VisitAttributes(message, sizeof(ifaddrmsg), [&](const rtattr& attribute) {
      if (attribute.rta_type != IFA_ADDRESS) return;
      const Ipv4Prefix other{ntohl(ReadAttribute<uint32_t>(attribute)), header.ifa_prefixlen};
      if (Overlap(prefix, other)) links.push_back(static_cast<int>(header.ifa_index));
    });
  }));
  return links;
}

Result<uint32_t> Links::OutsideMtu() {
  int outside = 0;
  BURROW_RETURN_IF_ERROR(netlink_.Dump(RTM_GETROUTE, AF_INET, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE || HeaderOf<rtmsg>(message).rtm_dst_len != 0 || outside != 0) return;
    VisitAttributes(message, sizeof(rtmsg), [&](const rtattr& attribute) {
      if (attribute.rta_type == RTA_OIF) outside = ReadAttribute<int>(attribute);
    });
  }));
  BURROW_ASSIGN_OR_RETURN(const auto links, List());
  const auto link = std::ranges::find(links, outside, &Link::index);
  constexpr uint32_t kUsual = 1500, kLeast = 576;
  return link == links.end() ? kUsual : std::clamp(link->mtu, kLeast, kUsual);
}

Status Links::AddBridge(const std::string& name, uint32_t mtu) {
  NetlinkBatch batch;
  batch.Begin(fmt::format("add bridge {}", name), RTM_NEWLINK, kCreate, UpFlags());
  batch.PutText(IFLA_IFNAME, name);
  batch.PutNumber(IFLA_MTU, mtu);
  const size_t info = batch.Nest(IFLA_LINKINFO);
  batch.PutText(IFLA_INFO_KIND, "bridge");
  batch.Close(info);
  return netlink_.Send(std::move(batch));
}

Status Links::AddVeth(const VethPair& pair) {
  NetlinkBatch batch;
  batch.Begin(fmt::format("add link {}", pair.host_name), RTM_NEWLINK, kCreate, UpFlags());
  batch.PutText(IFLA_IFNAME, pair.host_name);
  batch.PutNumber(IFLA_MTU, pair.mtu);
  batch.PutNumber(IFLA_MASTER, static_cast<uint32_t>(pair.bridge));
  const size_t info = batch.Nest(IFLA_LINKINFO);
  batch.PutText(IFLA_INFO_KIND, "veth");
  const size_t data = batch.Nest(IFLA_INFO_DATA);
  const size_t peer = batch.Nest(VETH_INFO_PEER);
  const ifinfomsg peer_header{};
  batch.Append(&peer_header, sizeof peer_header);
  batch.PutText(IFLA_IFNAME, "eth0");
  batch.PutNumber(IFLA_MTU, pair.mtu);
  batch.PutNumber(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer_namespace));
  batch.Close(peer);
  batch.Close(data);
  batch.Close(info);
  return netlink_.Send(std::move(batch));
}

Status Links::IsolatePort(const std::string& name) {
  BURROW_ASSIGN_OR_RETURN(const int index, LinkIndex(name));
  NetlinkBatch batch;
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = index;
  batch.Begin(fmt::format("isolate {}", name), RTM_SETLINK, 0, header);
  const size_t port = batch.Nest(IFLA_PROTINFO);
  batch.PutNumber(IFLA_BRPORT_ISOLATED, uint8_t{1});
  batch.Close(port);
  return netlink_.Send(std::move(batch));
}

Status Links::Delete(const std::string& name) {
  NetlinkBatch batch;
  batch.Begin(fmt::format("delete link {}", name), RTM_DELLINK, 0, ifinfomsg{});
  batch.PutText(IFLA_IFNAME, name);
  Status status = netlink_.Send(std::move(batch));
  if (!status && status.error().os_errno() == ENODEV) return {};
  return status;
}

Status Links::SetUp(const std::string& name) {
  NetlinkBatch batch;
  batch.Begin(fmt::format("set {} up", name), RTM_NEWLINK, 0, UpFlags());
  batch.PutText(IFLA_IFNAME, name);
  return netlink_.Send(std::move(batch));
}

Status Links::AddAddress(int link, uint32_t address, int prefix_length) {
  NetlinkBatch batch;
  PutAddress(batch, link, address, prefix_length);
  return netlink_.Send(std::move(batch));
}

Status Links::ConfigureContainer(int link, uint32_t address, uint32_t gateway, int prefix_length) {
  NetlinkBatch batch;
  ifinfomsg header = UpFlags();
  header.ifi_index = link;
  batch.Begin("set eth0 up", RTM_NEWLINK, 0, header);
  PutAddress(batch, link, address, prefix_length);
  PutDefaultRoute(batch, gateway);
  return netlink_.Send(std::move(batch));
}

Result<int> LinkIndex(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return FailErrno(fmt::format("find link {}", name));
  return static_cast<int>(index);
}

}  // namespace burrow::os
