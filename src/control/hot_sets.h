// The hot sets of functions: recorded by workers, stored, handed to containers that start.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "control/background.h"
#include "control/containers.h"
#include "control/messages.h"
#include "store/store.h"

namespace burrow::control {

// Loop's thread only. A set belongs to an image and a function's name, not to an app: the next run of the same program
// finds it. A function that has none starts with the newest of its image.
class HotSets {
 public:
  // Nothing is owned.
  HotSets(const Clock& clock, store::Store& store, Background& store_thread)
      : clock_(clock), store_(store), store_thread_(store_thread) {}

  // What was stored. Blocks: before the loop runs. A set that cannot be read is passed over: it will be recorded again.
  Status Load();
  // Fills in hot_set and record.
  void Prepare(const Function& function, lpb::StartContainer& start);
  // Merges and stores it.
  void Add(const Container& container, const lpb::Trace& trace);

 private:
  struct Entry {
    lpb::RecordedHotSet recorded;
    uint64_t updated_ms = 0;
    uint32_t starts_since = 0;
  };
  using Key = std::pair<std::string, std::string>;  // image's index digest, function's name
  const Entry* NewestOf(const std::string& image) const;

  const Clock& clock_;
  store::Store& store_;
  Background& store_thread_;
  std::map<Key, Entry> entries_;
};

}  // namespace burrow::control
