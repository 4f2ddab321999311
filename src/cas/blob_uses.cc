#include "cas/blob_uses.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/log.h"
#include "base/unique_fd.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr std::string_view kPrefix = "uses-";
constexpr int kGenerations = 8;  // of the time of grace
constexpr uint64_t kMaxFile = 4ull << 30;

// What was used in one stretch of time; its file is named by the start.
struct Generation {
  uint64_t start_ms = 0;
  std::unordered_set<Digest> digests;
};

void ReadDigests(std::string_view bytes, std::unordered_set<Digest>& digests) {
  for (; bytes.size() >= Digest::kSize; bytes.remove_prefix(Digest::kSize)) {
    std::array<uint8_t, Digest::kSize> digest;
    std::memcpy(digest.data(), bytes.data(), digest.size());
    digests.insert(Digest(digest));
  }
}

}  // namespace

struct BlobUses::State {
  std::string directory;
  const Clock& clock;
  Millis grace;
  mutable std::mutex mutex;
  std::condition_variable removed;
  // All of it guarded by mutex.
  std::deque<Generation> generations;  // oldest first
  UniqueFd file;                       // of the last one
  std::unordered_map<Digest, int> held;
  std::unordered_set<Digest> removing;

  State(std::string d, const Clock& c, Millis g) : directory(std::move(d)), clock(c), grace(g) {}
  std::string PathOf(uint64_t start_ms) const { return fmt::format("{}/{}{}", directory, kPrefix, start_ms); }
  uint64_t length_ms() const { return std::max<uint64_t>(static_cast<uint64_t>(grace.count()) / kGenerations, 1); }
  Status Load();
  void DropOld(uint64_t now_ms);
  Status StartGeneration(uint64_t now_ms);
  bool Protected(const Digest& digest) const {
    return held.contains(digest) ||
           std::ranges::any_of(generations, [&](const Generation& g) { return g.digests.contains(digest); });
  }
};

Status BlobUses::State::Load() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename();
    Generation generation;
    const char* end = name.data() + name.size();
    if (!name.starts_with(kPrefix)) continue;
    if (std::from_chars(name.data() + kPrefix.size(), end, generation.start_ms).ptr != end) continue;
    BURROW_ASSIGN_OR_RETURN(std::string content, os::ReadFile(entry.path(), kMaxFile));
    ReadDigests(content, generation.digests);
    generations.push_back(std::move(generation));
  }
  if (error) return FailErrno("read " + directory, error.value());
  std::ranges::sort(generations, {}, &Generation::start_ms);
  return {};
}

// A generation takes uses for its length, and protects for the time of grace from then on.
void BlobUses::State::DropOld(uint64_t now_ms) {
  while (!generations.empty()) {
    uint64_t start = generations.front().start_ms;
    if (start + length_ms() + static_cast<uint64_t>(grace.count()) >= now_ms) return;
    if (::unlink(PathOf(start).c_str()) != 0) LogWarn("{}", FailErrno("forget old uses").error().message());
    generations.pop_front();
    if (generations.empty()) file.Reset();
  }
}

Status BlobUses::State::StartGeneration(uint64_t now_ms) {
  bool current = file.valid() && generations.back().start_ms + length_ms() > now_ms;
  if (current) return {};
  uint64_t start = generations.empty() ? now_ms : std::max(now_ms, generations.back().start_ms + 1);
  BURROW_ASSIGN_OR_RETURN(file, os::Open(PathOf(start), O_WRONLY | O_CREAT | O_APPEND, 0600));
  generations.push_back({.start_ms = start});
  DropOld(now_ms);
  return {};
}

BlobUses::BlobUses(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobUses::~BlobUses() = default;

Result<std::unique_ptr<BlobUses>> BlobUses::Open(const std::string& directory, const Clock& clock, Millis grace) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  auto state = std::make_unique<State>(directory, clock, grace);
  BURROW_RETURN_IF_ERROR(state->Load());
  return std::unique_ptr<BlobUses>(new BlobUses(std::move(state)));
}

BlobUses::Hold::~Hold() {
  if (digests_.empty()) return;
  std::lock_guard lock(uses_->state_->mutex);
  for (const Digest& digest : digests_) {
    auto held = uses_->state_->held.find(digest);
    if (--held->second == 0) uses_->state_->held.erase(held);
  }
}

BlobUses::Hold BlobUses::Keep(std::span<const Digest> digests) {
  Hold hold(this, digests);
  std::unique_lock lock(state_->mutex);
  // A removal is a few hundred blobs, and bounded by the store's deadline.
  state_->removed.wait(lock, [&] {
    return state_->removing.empty() ||
           std::ranges::none_of(digests, [&](const Digest& digest) { return state_->removing.contains(digest); });
  });
  for (const Digest& digest : digests) ++state_->held[digest];
  return hold;
}

Status BlobUses::Record(std::span<const Digest> digests) {
  std::lock_guard lock(state_->mutex);
  BURROW_RETURN_IF_ERROR(state_->StartGeneration(state_->clock.UnixMillis()));
  auto& known = state_->generations.back().digests;
  std::string added;
  for (const Digest& digest : digests) {
    if (!known.insert(digest).second) continue;
    added.append(reinterpret_cast<const char*>(digest.bytes().data()), Digest::kSize);
  }
  if (added.empty()) return {};
  return os::WriteAll(state_->file.get(), added);
}

std::vector<Digest> BlobUses::BeginRemoval(std::span<const Digest> candidates) {
  std::lock_guard lock(state_->mutex);
  state_->DropOld(state_->clock.UnixMillis());
  std::vector<Digest> free;
  for (const Digest& digest : candidates) {
    if (!state_->Protected(digest)) free.push_back(digest);
  }
  state_->removing.insert(free.begin(), free.end());
  return free;
}

void BlobUses::EndRemoval() {
  std::lock_guard lock(state_->mutex);
  state_->removing.clear();
  state_->removed.notify_all();
}

bool BlobUses::InUse(const Digest& digest) {
  std::lock_guard lock(state_->mutex);
  state_->DropOld(state_->clock.UnixMillis());
  return state_->Protected(digest);
}

Millis BlobUses::grace() const { return state_->grace; }

}  // namespace burrow::cas
