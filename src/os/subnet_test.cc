#include "os/subnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace burrow::os {
namespace {

constexpr uint32_t Ip(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { return a << 24 | b << 16 | c << 8 | d; }

TEST(ChooseSubnet, TakesTheSameFreePlaceForTheSameSeed) {
  const auto first = ChooseSubnet("ab12", {}), again = ChooseSubnet("ab12", {}), other = ChooseSubnet("ab13", {});
  EXPECT_EQ(first->address, again->address);
  EXPECT_NE(first->address, other->address);
  EXPECT_EQ(first->length, 24);
  EXPECT_EQ(first->address >> 24, 10U);
  EXPECT_EQ(first->address & 255, 0U);
}

TEST(ChooseSubnet, AvoidsWhatIsUsedWhateverItsSize) {
  const auto free = ChooseSubnet("ab12", {});
  for (const Ipv4Prefix used :
       {Ipv4Prefix{free->address | 9, 32}, Ipv4Prefix{free->address, 24}, Ipv4Prefix{free->address & 0xffff0000, 16}}) {
    const auto next = ChooseSubnet("ab12", {used});
    ASSERT_TRUE(next);
    EXPECT_FALSE(Overlap(*next, used)) << ToText(next->address);
  }
}

TEST(ChooseSubnet, IsNotHinderedByADefaultRouteOrAllOfTenThroughATunnel) {
  EXPECT_TRUE(ChooseSubnet("ab12", {{0, 0}, {Ip(10, 0, 0, 0), 8}}));
}

TEST(ChooseSubnet, SaysSoWhenNothingIsFree) {
  std::vector<Ipv4Prefix> used;
  for (uint32_t i = 0; i < 256; ++i) used.push_back({Ip(10, i, 0, 0), 16});
  EXPECT_FALSE(ChooseSubnet("ab12", used));
}

TEST(NameServerPrefixes, ReadsIpv4ServersAndSkipsTheRest) {
  const auto servers = NameServerPrefixes(
      "# nameserver 10.0.0.1\nsearch x\nnameserver 10.255.255.53\nnameserver fd00::1\n"
      "nameserver\nnameserver nonsense\n");
  ASSERT_EQ(servers.size(), 1U);
  EXPECT_EQ(ToText(servers[0].address), "10.255.255.53");
}

}  // namespace
}  // namespace burrow::os
