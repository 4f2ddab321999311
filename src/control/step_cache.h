// What steps of builds led to before, by keys that everything which decides a step's outcome has a part in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cas/digest.h"
#include "control/background.h"
#include "control/messages.h"
#include "dockerfile/instruction.h"
#include "store/store.h"

namespace burrow::control {

// An image that a step led to: not recorded as one yet.
struct BuiltTree {
  lpb::Image image;
  uint64_t files = 0, bytes = 0;  // regular files
  uint64_t created_ms = 0;
};

// The key of one step, fed part by part: each with its length, so that no two lists of parts are alike.
class StepKey {
 public:
  // `kind` tells steps apart that have the same parts. Of the parent, only the tree counts unless more of it is fed.
  StepKey(std::string_view kind, const lpb::Image& parent);
  StepKey& Feed(std::string_view part);
  StepKey& Feed(const google::protobuf::MessageLite& message);  // the same for equal messages
  StepKey& Feed(std::optional<int64_t> number);
  std::string Finish();  // once

 private:
  cas::Hasher hasher_;
};

// The step as it counts for its key: whether it is to be taken anew, and how long it may take, does not.
pb::ImageStep AsKeyed(pb::ImageStep step);
// Everything that a copy is told, but its times: with the source's tree it settles what is copied.
void FeedCopy(StepKey& key, const dockerfile::Copy& copy);

// The cache, in the state database. Loop's thread only.
class StepCache {
 public:
  StepCache(store::Store& store, Background& store_thread) : store_(store), store_thread_(store_thread) {}

  // Nothing where the store cannot be read, too: that is logged.
  net::Task<std::optional<BuiltTree>> Find(std::string key);
  void Put(const std::string& key, const BuiltTree& built, std::function<void(const Status&)> done);
  net::Task<Status> Put(std::string key, BuiltTree built);
  // Digests that were computed before, by keys of their own.
  net::Task<std::optional<cas::Digest>> FindDigest(std::string key);
  net::Task<Status> PutDigest(std::string key, cas::Digest digest);

 private:
  store::Store& store_;
  Background& store_thread_;
};

}  // namespace burrow::control
