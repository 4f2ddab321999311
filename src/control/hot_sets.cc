#include "control/hot_sets.h"

#include <algorithm>

#include "base/log.h"
#include "control/hot_set.h"

namespace burrow::control {

Status HotSets::Load() {
  BURROW_ASSIGN_OR_RETURN(auto records, store_.HotSets());
  for (auto& record : records) {
    Entry entry{.updated_ms = record.updated_ms};
    if (!entry.recorded.ParseFromString(record.hot_set)) continue;
    entries_[{std::move(record.image), std::move(record.function)}] = std::move(entry);
  }
  return {};
}

const HotSets::Entry* HotSets::NewestOf(const std::string& image) const {
  const Entry* newest = nullptr;
  for (auto at = entries_.lower_bound({image, ""}); at != entries_.end() && at->first.first == image; ++at) {
    if (!newest || at->second.updated_ms > newest->updated_ms) newest = &at->second;
  }
  return newest;
}

void HotSets::Prepare(const Function& function, lpb::StartContainer& start) {
  const std::string& image = function.spec.image().index_digest();
  auto at = entries_.find({image, function.name()});
  const Entry* known = at != entries_.end() ? &at->second : NewestOf(image);
  if (known) *start.mutable_hot_set()->mutable_blobs() = known->recorded.blobs();
  if (at == entries_.end()) return start.set_record(true);
  start.set_record(ShouldRecord(at->second.recorded, ++at->second.starts_since));
  if (start.record()) at->second.starts_since = 0;
}

void HotSets::Add(const Container& container, const lpb::Trace& trace) {
  const Function& function = *container.function;
  // The function may have been published anew with another image meanwhile.
  if (trace.index_digest() != function.spec.image().index_digest() || trace.reads().blobs().empty()) return;
  Entry& entry = entries_[{trace.index_digest(), function.name()}];
  entry.recorded = MergeTrace(entry.recorded, trace.reads());
  entry.updated_ms = clock_.UnixMillis();
  store::HotSetRecord record{.image = trace.index_digest(),
                             .function = function.name(),
                             .updated_ms = entry.updated_ms,
                             .hot_set = entry.recorded.SerializeAsString()};
  store_thread_.Run([&store = store_, record = std::move(record)] { return store.PutHotSet(record); },
                    [](const Status& status) {
                      if (!status) LogWarn("a hot set could not be stored: {}", status.error().message());
                    });
  // The store forgets the oldest in the same way.
  while (entries_.size() > store::kMaxHotSets) {
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& item) { return item.second.updated_ms; }));
  }
}

}  // namespace burrow::control
