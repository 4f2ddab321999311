// System calls on filesystems that a process of ours serves, with a deadline: one that hangs in the kernel cannot be
// ended, but its thread can be left behind. Private to this module.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::imagefs {

inline constexpr std::chrono::milliseconds kAnswerSlack{30'000};  // a restart of the process with its pause fits in

// All fail with kDeadlineExceeded when the time is over.
Result<struct stat> StatWithin(const std::string& path, std::chrono::milliseconds deadline);
// Asks the process for an answer that no kernel remembers (statfs).
Status PingWithin(const std::string& path, std::chrono::milliseconds deadline);
// A file with the bytes that were read of it last, which a call that was left behind may still use: after a failure
// nothing more is to be read of it.
struct PatientFile {
  UniqueFd fd;
  std::string bytes;
};
// For reading. Like ReadWithin it ends early with kCancelled, some time after `ended` says so.
Result<std::shared_ptr<PatientFile>> OpenWithin(const std::string& path, std::chrono::milliseconds deadline,
                                                const std::function<bool()>& ended);
// Reads a part of it, also for the sake of what that leaves in memory.
struct ByteRange {
  uint64_t offset = 0;
  size_t size = 0;
};
Status ReadWithin(const std::shared_ptr<PatientFile>& file, ByteRange range, std::chrono::milliseconds deadline,
                  const std::function<bool()>& ended);
// Makes the kernel learn that it need not send FLUSH, before anybody can have a file open while no process serves: a
// process that is forked then, to become the next server, closes what it inherited, and would wait for itself.
Status Probe(const std::string& mount);
// The kernel reads ahead 128 KiB unless told otherwise. Where /sys is read-only it stays so: only large files get
// slower.
void RaiseReadAhead(const std::string& mount);

}  // namespace burrow::imagefs
