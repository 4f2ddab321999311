#include "net/reach.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>

namespace burrow::net {
namespace {

bool May(Reach reach, const std::string& text) {
  sockaddr_storage address{};
  if (text.contains(':')) {
    auto& six = reinterpret_cast<sockaddr_in6&>(address);
    six.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr), 1) << text;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(address);
    four.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &four.sin_addr), 1) << text;
  }
  return IsWithinReach(reach, reinterpret_cast<const sockaddr&>(address));
}

TEST(Reach, BeyondTheLinkIsNoMetadata) {
  for (const char* near : {"169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254"}) {
    EXPECT_TRUE(May(Reach::kEverywhere, near)) << near;
    EXPECT_FALSE(May(Reach::kBeyondLink, near)) << near;
    EXPECT_FALSE(May(Reach::kBeyondMachine, near)) << near;
  }
}

TEST(Reach, BeyondTheMachineIsNoLoopback) {
  for (const char* near : {"127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(May(Reach::kBeyondLink, near)) << near;
    EXPECT_FALSE(May(Reach::kBeyondMachine, near)) << near;
  }
}

TEST(Reach, OfOthersIsEverywhere) {
  for (const char* far : {"10.0.0.1", "192.168.1.1", "169.253.1.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"})
    EXPECT_TRUE(May(Reach::kBeyondMachine, far)) << far;
}

TEST(Reach, OfWhatIsNoAddressOfTheInternetIsNothing) {
  sockaddr_un socket{.sun_family = AF_UNIX, .sun_path = "/run/x"};
  EXPECT_FALSE(IsWithinReach(Reach::kBeyondLink, reinterpret_cast<const sockaddr&>(socket)));
}

}  // namespace
}  // namespace burrow::net
