#include "control/step_cache.h"

#include "base/log.h"
#include "proto/deterministic_bytes.h"

namespace burrow::control {
namespace {

// Raised whenever the same step would make another layer.
constexpr std::string_view kBuilderVersion = "burrow builder 2";

store::StepRecord RecordOf(const std::string& key, const BuiltTree& built) {
  return {.key = key,
          .image = built.image.SerializeAsString(),
          .files = built.files,
          .bytes = built.bytes,
          .created_ms = built.created_ms};
}

}  // namespace

StepKey::StepKey(std::string_view kind, const lpb::Image& parent) {
  Feed(kBuilderVersion).Feed(kind).Feed(parent.index_digest());
}

StepKey& StepKey::Feed(std::string_view part) {
  hasher_.Update(fmt::format("{}:", part.size()));
  hasher_.Update(part);
  return *this;
}

StepKey& StepKey::Feed(const google::protobuf::MessageLite& message) { return Feed(DeterministicBytes(message)); }

StepKey& StepKey::Feed(std::optional<int64_t> number) { return Feed(number ? std::to_string(*number) : "none"); }

std::string StepKey::Finish() { return hasher_.Finish().Hex(); }

pb::ImageStep AsKeyed(pb::ImageStep step) {
  step.clear_fresh();
  if (step.has_run_function()) step.mutable_run_function()->mutable_function()->clear_timeout_ms();
  return step;
}

void FeedCopy(StepKey& key, const dockerfile::Copy& copy) {
  auto feed_list = [&key](const std::vector<std::string>& list) {
    key.Feed(static_cast<int64_t>(list.size()));
    for (const auto& text : list) key.Feed(text);
  };
  feed_list(copy.sources);
  key.Feed(static_cast<int64_t>(copy.heredocs.size()));
  for (const auto& heredoc : copy.heredocs) key.Feed(heredoc.name).Feed(heredoc.content);
  key.Feed(copy.destination)
      .Feed(copy.chown)
      .Feed(copy.chmod)
      .Feed(copy.checksum)
      .Feed(copy.from.empty() ? "" : "from");
  key.Feed(fmt::format("{} {} {} {}", copy.add, copy.link, copy.parents, copy.unpack ? int{*copy.unpack} : -1));
  feed_list(copy.excludes);
}

net::Task<std::optional<BuiltTree>> StepCache::Find(std::string key) {
  auto found = co_await store_thread_.Ask([&store = store_, key] { return store.FindStep(key); });
  if (!found) LogError("cache of build steps: {}", found.error().message());
  if (!found || !*found) co_return std::nullopt;
  BuiltTree built{.files = (*found)->files, .bytes = (*found)->bytes, .created_ms = (*found)->created_ms};
  if (!built.image.ParseFromString((*found)->image)) co_return std::nullopt;
  co_return built;
}

void StepCache::Put(const std::string& key, const BuiltTree& built, std::function<void(const Status&)> done) {
  store_thread_.Run([&store = store_, record = RecordOf(key, built)] { return store.PutStep(record); },
                    std::move(done));
}

net::Task<Status> StepCache::Put(std::string key, BuiltTree built) {
  co_return co_await store_thread_.Ask(
      [&store = store_, record = RecordOf(key, built)] { return store.PutStep(record); });
}

net::Task<std::optional<cas::Digest>> StepCache::FindDigest(std::string key) {
  auto found = co_await store_thread_.Ask([&store = store_, key] { return store.FindImported(key); });
  if (!found) LogError("cache of build steps: {}", found.error().message());
  if (!found || !*found) co_return std::nullopt;
  co_return cas::Digest::FromHex(**found);
}

net::Task<Status> StepCache::PutDigest(std::string key, cas::Digest digest) {
  co_return co_await store_thread_.Ask([&store = store_, key, digest] { return store.PutImported(key, digest.Hex()); });
}

}  // namespace burrow::control
