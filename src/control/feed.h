// What happens in one app, in order, for whoever follows it live: a bounded ring of events with positions. A follower
// that is too slow misses events; it never holds anything up.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "control/messages.h"
#include "net/event.h"

namespace burrow::control {

class Feed {
 public:
  explicit Feed(net::IoContext& io) : changed_(io) {}

  void Append(pb::AppEvent event);
  // Nothing follows; followers end once they have read all.
  void Close();

  // Forgets what came so far; positions go on.
  void Clear();
  // The event at `position`, or null when it has not come yet or is gone already.
  std::shared_ptr<const pb::AppEvent> At(uint64_t position) const;
  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + events_.size(); }
  bool empty() const { return events_.empty(); }
  bool closed() const { return closed_; }
  net::Event& changed() { return changed_; }

 private:
  struct Entry {
    std::shared_ptr<const pb::AppEvent> event;
    uint64_t bytes;
  };
  std::deque<Entry> events_;
  uint64_t first_ = 0;
  uint64_t bytes_ = 0;
  bool closed_ = false;
  net::Event changed_;
};

}  // namespace burrow::control
