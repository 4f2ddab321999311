// The tests' main: they mount in a namespace of their own, and the executable is also the `burrowd imagefs` that they
// start.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "imagefs/command.h"
#include "os/mount.h"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "imagefs") return burrow::imagefs::RunImagefs(std::atoi(argv[3]));
  ::testing::InitGoogleTest(&argc, argv);
  if (auto status = burrow::os::EnterOwnMountNamespace(); !status) {
    std::fprintf(stderr, "mounts are made in the common namespace: %s\n", status.error().message().c_str());
  }
  return RUN_ALL_TESTS();
}
