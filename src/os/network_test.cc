#include "os/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <thread>

#include "os/links.h"
#include "os/nat.h"
#include "os/process.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

using ::testing::HasSubstr;

constexpr uint16_t kPort = 7000;
// How long a packet that is dropped is waited for; one that is not dropped arrives at once.
constexpr int kDropMs = 400, kArriveMs = 20'000;

sockaddr_in Address(const std::string& text, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

UniqueFd Listen() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in any = Address("0.0.0.0", kPort);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(listen(fd.get(), 8), 0);
  return fd;
}

bool Connects(const std::string& to, int wait_ms) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = Address(to, kPort);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  pollfd ready{fd.get(), POLLOUT, 0};
  if (errno != EINPROGRESS || poll(&ready, 1, wait_ms) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0;
}

// Runs something on a thread inside a namespace.
void Inside(int namespace_fd, const std::function<void()>& work) {
  std::thread([&] {
    ASSERT_EQ(setns(namespace_fd, CLONE_NEWNET), 0);
    work();
  }).join();
}

Status Ip(const std::string& arguments) {
  std::vector<std::string> argv = {"sh", "-c", "ip " + arguments};
  BURROW_ASSIGN_OR_RETURN(const Output output, Run({.argv = argv}, std::chrono::seconds(30)));
  if (!output.status.Success()) return Fail(Code::kInternal, "ip {}: {}", arguments, output.out);
  return {};
}

// Each test has a "host" of its own: a fresh network namespace.
class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    before_ = *Open("/proc/thread-self/ns/net", O_RDONLY);
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_TRUE(Ip("link set lo up"));
  }
  void TearDown() override {
    if (before_.valid()) ASSERT_EQ(setns(before_.get(), CLONE_NEWNET), 0);
  }

  // A machine beyond the host, at 198.51.100.2 and 169.254.169.254.
  void MakeOutside() {
    outside_ = *CreateLoopbackNamespace();
    ASSERT_EQ(ErrorText(Ip(
                  fmt::format("link add up0 type veth peer name far0 netns /proc/{}/fd/{}", getpid(), outside_.get()))),
              "");
    ASSERT_EQ(
        ErrorText(Ip("addr add 198.51.100.1/24 dev up0; ip link set up0 up; ip route add default via 198.51.100.2")),
        "");
    Inside(outside_.get(), [] {
      ASSERT_EQ(ErrorText(Ip(
                    "addr add 198.51.100.2/24 dev far0; ip addr add 169.254.169.254/32 dev far0; ip link set far0 up")),
                "");
    });
  }

  UniqueFd before_, outside_;
};

TEST_F(NetworkTest, GivesEachContainerItsOwnAddressAndAWayOut) {
  auto node = NodeNetwork::Create("ab12");
  ASSERT_TRUE(node) << ErrorText(node);
  EXPECT_EQ((*node)->bridge(), "bwab12");
  auto first = (*node)->CreateContainerNetwork();
  auto second = (*node)->CreateContainerNetwork();
  ASSERT_TRUE(first && second) << ErrorText(first) << ErrorText(second);
  EXPECT_NE(first->address(), second->address());
  Inside(first->namespace_fd(), [&] {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
    const sockaddr_in far = Address("198.51.100.9", 53);
    ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&far), sizeof far), 0);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size);
    EXPECT_EQ(inet_ntoa(own.sin_addr), first->address());
  });
}

TEST_F(NetworkTest, LetsContainersOutThroughNatAndNowhereElse) {
  MakeOutside();
  auto node = NodeNetwork::Create("ab12");
  ASSERT_TRUE(node) << ErrorText(node);
  auto container = (*node)->CreateContainerNetwork();
  auto neighbour = (*node)->CreateContainerNetwork();
  ASSERT_TRUE(container && neighbour);
  const UniqueFd on_host = Listen();
  UniqueFd on_outside, on_neighbour;
  Inside(outside_.get(), [&] { on_outside = Listen(); });
  Inside(neighbour->namespace_fd(), [&] { on_neighbour = Listen(); });
  const std::string gateway = container->address().substr(0, container->address().rfind('.')) + ".1";

  Inside(container->namespace_fd(), [&] {
    EXPECT_TRUE(Connects("198.51.100.2", kArriveMs)) << "the outside";
    EXPECT_FALSE(Connects("169.254.169.254", kDropMs)) << "instance metadata";
    EXPECT_FALSE(Connects("198.51.100.1", kDropMs)) << "the host's own address";
    EXPECT_FALSE(Connects(gateway, kDropMs)) << "the host's address on the bridge";
    EXPECT_FALSE(Connects(neighbour->address(), kDropMs)) << "another container";
  });
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  UniqueFd accepted(accept(on_outside.get(), reinterpret_cast<sockaddr*>(&peer), &size));
  EXPECT_STREQ(inet_ntoa(peer.sin_addr), "198.51.100.1");
  // The counter-checks: what was refused to the container is open to the host.
  EXPECT_TRUE(Connects("169.254.169.254", kArriveMs));
  EXPECT_TRUE(Connects("198.51.100.1", kArriveMs));
}

TEST_F(NetworkTest, KeepsTheOutsideFromReachingContainers) {
  MakeOutside();
  auto node = NodeNetwork::Create("ab12");
  ASSERT_TRUE(node) << ErrorText(node);
  auto container = (*node)->CreateContainerNetwork();
  ASSERT_TRUE(container);
  UniqueFd listening;
  Inside(container->namespace_fd(), [&] { listening = Listen(); });
  Inside(outside_.get(), [&] {
    ASSERT_EQ(ErrorText(Ip("route add default via 198.51.100.1")), "");
    EXPECT_FALSE(Connects(container->address(), kDropMs));
  });
}

TEST_F(NetworkTest, RemovesEverythingWithItsOwners) {
  auto links = Links::Open();
  ASSERT_TRUE(links);
  const size_t before = links->List()->size();
  {
    auto node = NodeNetwork::Create("ab12");
    ASSERT_TRUE(node) << ErrorText(node);
    auto container = (*node)->CreateContainerNetwork();
    ASSERT_TRUE(container);
    EXPECT_EQ(links->List()->size(), before + 2);
  }
  EXPECT_EQ(links->List()->size(), before);
  auto tables = os::Run({.argv = {"nft", "list", "tables"}}, std::chrono::seconds(30));
  ASSERT_TRUE(tables);
  EXPECT_EQ(tables->out, "");
}

TEST_F(NetworkTest, ClearsWhatAKilledOwnerOfTheSameTagLeftAndNothingOfOthers) {
  auto other = NodeNetwork::Create("ab1");
  ASSERT_TRUE(other) << ErrorText(other);
  auto others = (*other)->CreateContainerNetwork();
  ASSERT_TRUE(others);
  const pid_t child = fork();
  if (child == 0) {
    auto node = NodeNetwork::Create("ab");
    auto container = (*node)->CreateContainerNetwork();
    _exit(node && container ? 0 : 1);  // no destructor runs
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_NE(if_nametoindex("bwab"), 0U);
  auto node = NodeNetwork::Create("ab");
  ASSERT_TRUE(node) << ErrorText(node);
  EXPECT_NE(if_nametoindex("bwab1-2"), 0U) << "of the other tag";
  EXPECT_TRUE((*node)->CreateContainerNetwork());
}

TEST_F(NetworkTest, PlacesInstancesSideBySideOnDifferentSubnets) {
  std::vector<std::unique_ptr<NodeNetwork>> nodes;
  std::set<std::string> subnets;
  for (const char* tag : {"1", "2", "3", "4"}) {
    auto node = NodeNetwork::Create(tag);
    ASSERT_TRUE(node) << ErrorText(node);
    auto container = (*node)->CreateContainerNetwork();
    ASSERT_TRUE(container);
    subnets.insert(container->address().substr(0, container->address().rfind('.')));
    nodes.push_back(std::move(*node));
  }
  EXPECT_EQ(subnets.size(), 4U);
}

TEST_F(NetworkTest, HandsOutEveryAddressOnceAndSaysWhenThereIsNoneLeft) {
  auto node = NodeNetwork::Create("ab12");
  ASSERT_TRUE(node) << ErrorText(node);
  std::vector<ContainerNetwork> all;
  std::set<std::string> addresses;
  for (;;) {
    auto container = (*node)->CreateContainerNetwork();
    if (!container) {
      EXPECT_EQ(container.error().code(), Code::kResourceExhausted) << ErrorText(container);
      break;
    }
    addresses.insert(container->address());
    all.push_back(std::move(*container));
  }
  ASSERT_EQ(all.size(), 253U);
  EXPECT_EQ(addresses.size(), all.size());
  const std::string last = all.back().address();
  all.pop_back();
  const auto again = (*node)->CreateContainerNetwork();
  ASSERT_TRUE(again) << ErrorText(again);
  EXPECT_EQ(again->address(), last);
}

TEST_F(NetworkTest, CreatesNetworksFromSeveralThreadsAtOnce) {
  auto node = NodeNetwork::Create("ab12");
  ASSERT_TRUE(node) << ErrorText(node);
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (std::string& error : errors) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5 && error.empty(); ++i) error = ErrorText((*node)->CreateContainerNetwork());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(errors, ::testing::Each(""));
}

TEST_F(NetworkTest, MakesALoopbackNamespaceThatIsUp) {
  auto fd = CreateLoopbackNamespace();
  ASSERT_TRUE(fd) << ErrorText(fd);
  Inside(fd->get(), [] {
    const UniqueFd listening = Listen();
    EXPECT_TRUE(Connects("127.0.0.1", kArriveMs));
  });
}

TEST(NodeNetwork, RefusesATagThatWouldNotFitIntoALinksName) {
  for (const char* tag : {"", "123456789", "xyz", "a-b", "AB"}) {
    auto node = NodeNetwork::Create(tag);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code(), Code::kInvalidArgument);
  }
}

TEST(NatRules, NameTheTableTheBridgeAndTheSubnet) {
  const std::string rules = NatRules("ab", "bwab", "10.70.1.0/24");
  EXPECT_THAT(rules, HasSubstr("delete table inet burrow_ab"));
  EXPECT_THAT(rules, HasSubstr("ip saddr 10.70.1.0/24 oifname != \"bwab\" masquerade"));
  EXPECT_THAT(rules, HasSubstr("iifname \"bwab\" ip daddr 169.254.0.0/16 drop"));
}

}  // namespace
}  // namespace burrow::os
