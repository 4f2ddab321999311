// The hot sets of functions: recorded by workers, stored, handed to containers that start.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cas/blob_store.h"
#include "control/background.h"
#include "control/containers.h"
#include "control/messages.h"
#include "store/store.h"

namespace burrow::control {

// What a set belongs to. The app's name, not its id: the next run of the same program finds it.
struct HotSetKey {
  std::string workspace, app, function;  // function: its key in the app
  std::string image;                     // digest of its index, hex
  auto operator<=>(const HotSetKey&) const = default;
};

// Loop's thread only. A function that has no set for its image begins with what this holds of the newest one that the
// function had with another image, or else with the newest of the image in the same workspace.
class HotSets {
 public:
  // Nothing is owned. `disk` reads indexes.
  HotSets(net::IoContext& io, const Clock& clock, store::Store& store, Background& store_thread, cas::BlobStore& blobs,
          Background& disk)
      : io_(io), clock_(clock), store_(store), store_thread_(store_thread), blobs_(blobs), disk_(disk) {}

  // What was stored. Blocks: before the loop runs. A set that cannot be read is passed over: it will be recorded again.
  Status Load();
  // Before functions are entered: gives those with a new image what it holds of their last one's set. Waits for that
  // half a second at most, since a set is a help and no need; what comes later helps later starts.
  net::Task<void> Inherit(std::vector<std::shared_ptr<Function>> functions);
  // Fills in hot_set and record.
  void Prepare(const Function& function, lpb::StartContainer& start);
  // Merges and stores it.
  void Add(const Container& container, const lpb::Trace& trace);
  // What the workspace had; the store's are dropped with it.
  void DropAll(const std::string& workspace);

 private:
  struct Entry {
    lpb::RecordedHotSet recorded;
    uint64_t updated_ms = 0;
    uint32_t starts_since = 0;
  };
  using Entries = std::map<HotSetKey, Entry>;
  struct Heir {
    HotSetKey key;
    lpb::RecordedHotSet set;
  };
  std::map<std::string, std::vector<Heir>> HeirsOf(const std::vector<std::shared_ptr<Function>>& functions) const;
  const Entry* NewestRecordedOf(const HotSetKey& function) const;
  const Entry* NewestOfImage(const HotSetKey& wanted) const;
  void Put(const HotSetKey& key, lpb::RecordedHotSet set);
  void Trim(const std::string& workspace);

  net::IoContext& io_;
  const Clock& clock_;
  store::Store& store_;
  Background& store_thread_;
  cas::BlobStore& blobs_;
  Background& disk_;
  Entries entries_;
};

}  // namespace burrow::control
