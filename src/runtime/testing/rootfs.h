// A small root file system for tests, from programs of this machine.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "os/fs.h"
#include "os/process.h"

namespace burrow::runtime {

// Copies `programs` with the libraries that they need into `directory`.
inline void MakeRootfs(const std::string& directory, const std::vector<std::string>& programs) {
  constexpr const char* kScript =
      "root=$1; shift; mkdir -p $root/etc $root/tmp $root/root; "
      "for p in \"$@\"; do for f in /usr/bin/$p /bin/$p /usr/sbin/$p; do [ -e $f ] && break; done; mkdir -p $root/bin; "
      "cp -L $f $root/bin/$p; "
      "for l in $(ldd $f | grep -o '/[^ )]*'); do [ -e $root$l ] || cp -L --parents $l $root; done; done";
  std::vector<std::string> argv = {"sh", "-ec", kScript, "sh", directory};
  argv.insert(argv.end(), programs.begin(), programs.end());
  const auto output = os::Run({.argv = argv}, std::chrono::minutes(1));
  ASSERT_TRUE(output && output->status.Success()) << (output ? output->out : output.error().message());
}

}  // namespace burrow::runtime
