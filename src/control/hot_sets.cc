#include "control/hot_sets.h"

#include <utility>

#include "base/log.h"
#include "control/apps.h"
#include "control/hot_set.h"
#include "image/stored_index.h"
#include "net/event.h"

namespace burrow::control {
namespace {

constexpr Millis kInheritPatience(500);

HotSetKey KeyOfSet(const Function& function) {
  return {.workspace = function.workspace,
          .app = function.app->record.name,
          .function = function.key(),
          .image = function.spec.image().index_digest()};
}

// Blocks. Replaces each set by what the image holds of it.
template <class Heirs>
Status FilterByIndex(cas::BlobStore& blobs, const std::string& image, Heirs& heirs) {
  auto digest = cas::Digest::FromHex(image);
  if (!digest) return Fail(Code::kNotFound, "the image has no index");
  BURROW_ASSIGN_OR_RETURN(const auto index, image::StoredIndex::Read(blobs, *digest));
  for (auto& heir : heirs) heir.set = InheritedSet(heir.set, *index);
  return {};
}

}  // namespace

Status HotSets::Load() {
  BURROW_ASSIGN_OR_RETURN(auto records, store_.HotSets());
  for (auto& record : records) {
    Entry entry{.updated_ms = record.updated_ms};
    if (!entry.recorded.ParseFromString(record.hot_set)) continue;
    entries_[{std::move(record.workspace), std::move(record.app), std::move(record.function),
              std::move(record.image)}] = std::move(entry);
  }
  return {};
}

// Inherited sets are passed over: from image to image, they would only lose.
const HotSets::Entry* HotSets::NewestRecordedOf(const HotSetKey& function) const {
  HotSetKey first = function;
  first.image.clear();
  const Entry* newest = nullptr;
  for (auto at = entries_.lower_bound(first); at != entries_.end(); ++at) {
    const auto& [key, entry] = *at;
    if (key.workspace != first.workspace || key.app != first.app || key.function != first.function) break;
    if (entry.recorded.recordings() == 0) continue;
    if (!newest || entry.updated_ms > newest->updated_ms) newest = &entry;
  }
  return newest;
}

const HotSets::Entry* HotSets::NewestOfImage(const HotSetKey& wanted) const {
  const Entry* newest = nullptr;
  for (auto at = entries_.lower_bound({.workspace = wanted.workspace}); at != entries_.end(); ++at) {
    if (at->first.workspace != wanted.workspace) break;
    if (at->first.image != wanted.image) continue;
    if (!newest || at->second.updated_ms > newest->updated_ms) newest = &at->second;
  }
  return newest;
}

// By image, so that its index is read once.
std::map<std::string, std::vector<HotSets::Heir>> HotSets::HeirsOf(
    const std::vector<std::shared_ptr<Function>>& functions) const {
  std::map<std::string, std::vector<Heir>> heirs;
  for (const auto& function : functions) {
    HotSetKey key = KeyOfSet(*function);
    if (entries_.contains(key)) continue;
    if (const Entry* old = NewestRecordedOf(key)) heirs[key.image].push_back({std::move(key), old->recorded});
  }
  return heirs;
}

net::Task<void> HotSets::Inherit(std::vector<std::shared_ptr<Function>> functions) {
  struct Waiting {
    explicit Waiting(net::IoContext& io) : done(io) {}
    size_t left = 0;
    net::Event done;
  };
  auto waiting = std::make_shared<Waiting>(io_);
  for (auto& [image, heirs] : HeirsOf(functions)) {
    ++waiting->left;
    auto shared = std::make_shared<std::vector<Heir>>(std::move(heirs));
    disk_.Run([&blobs = blobs_, image, shared] { return FilterByIndex(blobs, image, *shared); },
              [this, shared, waiting](const Status& filtered) {
                for (Heir& heir : *shared) {
                  // A recording that came meanwhile knows better.
                  const bool helps = filtered && !heir.set.blobs().empty() && !entries_.contains(heir.key);
                  if (helps) Put(heir.key, std::move(heir.set));
                }
                if (--waiting->left == 0) waiting->done.Notify();
              });
  }
  if (waiting->left > 0) co_await waiting->done.Wait(kInheritPatience);
}

void HotSets::Prepare(const Function& function, lpb::StartContainer& start) {
  const HotSetKey key = KeyOfSet(function);
  auto at = entries_.find(key);
  const Entry* known = at != entries_.end() ? &at->second : NewestOfImage(key);
  if (known) *start.mutable_hot_set()->mutable_blobs() = known->recorded.blobs();
  if (at == entries_.end()) return start.set_record(true);
  start.set_record(ShouldRecord(at->second.recorded, ++at->second.starts_since));
  if (start.record()) at->second.starts_since = 0;
}

void HotSets::Add(const Container& container, const lpb::Trace& trace) {
  const HotSetKey key = KeyOfSet(*container.function);
  // The function may have been published anew with another image meanwhile.
  if (trace.index_digest() != key.image || trace.reads().blobs().empty()) return;
  auto at = entries_.find(key);
  Put(key, MergeTrace(at != entries_.end() ? at->second.recorded : lpb::RecordedHotSet(), trace.reads()));
}

void HotSets::Put(const HotSetKey& key, lpb::RecordedHotSet set) {
  Entry& entry = entries_[key];
  entry.recorded = std::move(set);
  entry.updated_ms = clock_.UnixMillis();
  store::HotSetRecord record{.workspace = key.workspace,
                             .app = key.app,
                             .function = key.function,
                             .image = key.image,
                             .updated_ms = entry.updated_ms,
                             .hot_set = entry.recorded.SerializeAsString()};
  store_thread_.Run([&store = store_, record = std::move(record)] { return store.PutHotSet(record); },
                    [](const Status& status) {
                      if (!status) LogWarn("a hot set could not be stored: {}", status.error().message());
                    });
  Trim(key.workspace);
}

// The store forgets the oldest in the same way.
void HotSets::Trim(const std::string& workspace) {
  size_t count = 0;
  auto oldest = entries_.end();
  for (auto at = entries_.lower_bound({.workspace = workspace}); at != entries_.end(); ++at, ++count) {
    if (at->first.workspace != workspace) break;
    if (oldest == entries_.end() || at->second.updated_ms < oldest->second.updated_ms) oldest = at;
  }
  if (count > store::kMaxHotSets) entries_.erase(oldest);
}

void HotSets::DropAll(const std::string& workspace) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.workspace == workspace; });
}

}  // namespace burrow::control
