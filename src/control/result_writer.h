// Writes the ends of stored calls in batches: those that come while one transaction runs go into the next.
#pragma once

#include <functional>
#include <vector>

#include "control/background.h"
#include "control/timer.h"
#include "store/store.h"

namespace burrow::control {

// Loop's thread only. `store` and `background` (of one thread) outlive it.
class ResultWriter {
 public:
  ResultWriter(net::IoContext& io, store::Store& store, Background& background)
      : store_(store), background_(background), retry_(io) {}

  // `committed` is called once the end is durable. A write that fails is tried again every second.
  void Write(store::FinishedCall call, std::function<void()> committed);
  bool idle() const { return waiting_.empty() && !writing_; }

 private:
  struct Entry {
    store::FinishedCall call;
    std::function<void()> committed;
  };
  void Next();
  void Done(std::vector<Entry> batch, const Status& status);

  store::Store& store_;
  Background& background_;
  Timer retry_;
  std::vector<Entry> waiting_;
  bool writing_ = false;
};

}  // namespace burrow::control
