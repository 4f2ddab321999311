// The directories of --mount=type=cache: they outlive steps and workers, and are part of no image. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "builder/cancellation.h"

namespace burrow::builder {

enum class CacheSharing {
  kShared,   // any number of steps at once
  kPrivate,  // a directory that no other step has: another one of the same id, if need be
  kLocked,   // one step at a time: the next one waits
};

struct CacheRequest {
  std::string workspace;  // "": the default one
  std::string id;         // one cache per workspace
  CacheSharing sharing = CacheSharing::kShared;
  uint32_t mode = 0755, uid = 0, gid = 0;  // of a new one that is not filled
  // Called where it has to wait for its turn: with true before, with false afterwards. May be absent.
  std::function<void(bool waits)> on_wait;
  // Gives a new one its first content; may be absent. Called by the acquiring thread; may block.
  std::function<Status(const std::string& directory)> fill;
};

// A cache in use, until the last copy goes.
class CacheLease {
 public:
  CacheLease() = default;
  CacheLease(std::string path, std::shared_ptr<const void> hold) : path_(std::move(path)), hold_(std::move(hold)) {}
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::shared_ptr<const void> hold_;
};

class CacheMounts {
 public:
  // What an earlier life had not finished is removed.
  static Result<std::unique_ptr<CacheMounts>> Open(std::string directory);
  ~CacheMounts();

  // Waits for its turn where `sharing` says so: until the deadline (kDeadlineExceeded) or cancellation (kCancelled).
  // Who takes several must take them in the order of their ids. Leases must not outlive this object.
  Result<CacheLease> Acquire(const CacheRequest& request, const Cancellation& cancellation,
                             std::chrono::steady_clock::time_point deadline);
  // Removes those of the workspace ("": the default one) that nobody uses; gives their number.
  Result<uint32_t> Prune(const std::string& workspace);

 private:
  struct State;
  explicit CacheMounts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::builder
