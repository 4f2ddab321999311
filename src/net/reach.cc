#include "net/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>

namespace burrow::net {
namespace {

bool IsOfLink(uint32_t address) { return address >> 16 == 0xa9fe; }  // 169.254.0.0/16
bool IsOfMachine(uint32_t address) { return address >> 24 == 127 || address >> 24 == 0; }

uint32_t LastFourBytes(const in6_addr& address) {
  uint32_t bytes;
  std::memcpy(&bytes, address.s6_addr + 12, sizeof bytes);
  return ntohl(bytes);
}

bool IsOfLink(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return IsOfLink(LastFourBytes(address));
  // Some clouds have theirs at fd00:ec2::254.
  constexpr uint8_t kMetadata[8] = {0xfd, 0x00, 0x0e, 0xc2};
  return IN6_IS_ADDR_LINKLOCAL(&address) || std::memcmp(address.s6_addr, kMetadata, sizeof kMetadata) == 0;
}

bool IsOfMachine(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return IsOfMachine(LastFourBytes(address));
  return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address);
}

template <class Address>
bool IsWithin(Reach reach, const Address& address) {
  return !IsOfLink(address) && (reach == Reach::kBeyondLink || !IsOfMachine(address));
}

}  // namespace

bool IsWithinReach(Reach reach, const sockaddr& address) {
  if (reach == Reach::kEverywhere) return true;
  if (address.sa_family == AF_INET)
    return IsWithin(reach, ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  return address.sa_family == AF_INET6 && IsWithin(reach, reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

}  // namespace burrow::net
