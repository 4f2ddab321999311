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
  // The loader itself lists the libraries: ldd starts several processes for each program, which most tests would wait
  // for.
  constexpr const char* kScript =
      "root=$1; shift; mkdir -p $root/etc $root/tmp $root/root $root/bin; for p in \"$@\"; do "
      "for f in /usr/bin/$p /bin/$p /usr/sbin/$p; do [ -e $f ] && break; done; "
      "cp -L $f $root/bin/$p; LD_TRACE_LOADED_OBJECTS=1 $f; done | "
      "grep -o '/[^ )]*' | sort -u | xargs cp -L --parents -t $root";
  std::vector<std::string> argv = {"sh", "-ec", kScript, "sh", directory};
  argv.insert(argv.end(), programs.begin(), programs.end());
  const auto output = os::Run({.argv = argv}, std::chrono::minutes(1));
  ASSERT_TRUE(output && output->status.Success()) << (output ? output->out : output.error().message());
}

}  // namespace burrow::runtime
