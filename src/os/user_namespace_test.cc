#include "os/user_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/network.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

ino_t InodeOf(int fd) {
  struct stat st{};
  EXPECT_EQ(fstat(fd, &st), 0);
  return st.st_ino;
}
ino_t OwnInode(const char* path) { return InodeOf(Open(path, O_RDONLY)->get()); }

TEST(UserNamespace, IsNewWithANetworkNamespaceThatCanBeUsed) {
  BURROW_NEEDS_ROOT();
  auto made = CreateUserNamespace();
  ASSERT_TRUE(made) << ErrorText(made);
  EXPECT_NE(InodeOf(made->user.get()), OwnInode("/proc/self/ns/user"));
  const ino_t network = InodeOf(made->network.get());
  EXPECT_NE(network, OwnInode("/proc/self/ns/net"));
  auto raised = CreateLoopbackNamespace(made->network.get());
  ASSERT_TRUE(raised) << ErrorText(raised);
  EXPECT_EQ(InodeOf(raised->get()), network);
}

}  // namespace
}  // namespace burrow::os
