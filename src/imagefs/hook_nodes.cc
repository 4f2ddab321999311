#include "imagefs/hook_nodes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "imagefs/access_log.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

constexpr NodeId kFirstLayer = 1024;
constexpr NodeId kIdsPerLayer = 512;
constexpr NodeId kFirstLarge = NodeId{1} << 40;
constexpr size_t kFixedLayers = 2;  // "h" and "err"
constexpr size_t kMaxRecordingLayers = 1'000'000;
constexpr size_t kMaxLarge = 100'000;
constexpr size_t kMaxImages = 10'000;
constexpr uint64_t kMaxJournal = 64u << 20;
constexpr size_t kHex = 2 * cas::Digest::kSize;
constexpr char kRecordingLine = 'r', kLargeLine = 'l';

constexpr NodeId LayerId(size_t number) { return kFirstLayer + number * kIdsPerLayer; }

bool IsToken(std::string_view name) {
  return name.size() == kTokenBytes && name.find_first_not_of("0123456789abcdef") == name.npos;
}

// "l<digest> <frames> <size>"
std::string LargeLine(const cas::LargeBlob& blob) {
  return fmt::format("{}{} {} {}\n", kLargeLine, blob.digest.Hex(), blob.frames.Hex(), blob.size);
}
std::optional<cas::LargeBlob> ParseLarge(std::string_view line) {
  if (line.size() < 2 * kHex + 3) return std::nullopt;
  auto digest = cas::Digest::FromHex(line.substr(1, kHex)), frames = cas::Digest::FromHex(line.substr(kHex + 2, kHex));
  uint64_t size = 0;
  const char* end = line.data() + line.size();
  auto [last, error] = std::from_chars(line.data() + 2 * kHex + 3, end, size);
  if (!digest || !frames || error != std::errc() || last != end) return std::nullopt;
  return cas::LargeBlob{.digest = *digest, .size = size, .frames = *frames};
}

}  // namespace

Result<std::unique_ptr<HookNodes>> HookNodes::Open(const std::string& journal) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(journal, O_RDWR | O_CREAT | O_APPEND, 0600));
  BURROW_ASSIGN_OR_RETURN(std::string lines, os::ReadFile(journal, kMaxJournal));
  lines.resize(lines.rfind('\n') + 1);  // npos + 1 is 0
  if (::ftruncate(fd.get(), static_cast<off_t>(lines.size())) != 0) return FailErrno("cut " + journal);
  std::unique_ptr<HookNodes> nodes(new HookNodes(std::move(fd)));
  BURROW_RETURN_IF_ERROR(nodes->Replay(lines));
  return nodes;
}

Status HookNodes::Replay(std::string_view lines) {
  while (!lines.empty()) {
    size_t newline = lines.find('\n');
    BURROW_RETURN_IF_ERROR(ReplayLine(lines.substr(0, newline)));
    lines.remove_prefix(newline + 1);
  }
  return {};
}

Status HookNodes::ReplayLine(std::string_view line) {
  if (line.starts_with(kRecordingLine) && IsToken(line.substr(1))) {
    recordings_.emplace_back(line.substr(1));
    recording_numbers_.emplace(line.substr(1), recordings_.size() - 1);
    return {};
  }
  auto large = line.starts_with(kLargeLine) ? ParseLarge(line) : std::nullopt;
  if (!large) return Fail(Code::kDataLoss, "the journal of the fetch hook is damaged");
  Insert(*large);
  return {};
}

Result<std::optional<NodeId>> HookNodes::LayerByName(std::string_view name) {
  if (name == kHookLayer) return LayerId(0);
  if (name == kErrorLayer) return LayerId(1);
  if (!name.starts_with(kRecordingPrefix)) return std::nullopt;
  std::string_view token = name.substr(std::string_view(kRecordingPrefix).size());
  if (!IsToken(token)) return std::nullopt;
  std::lock_guard lock(mutex_);
  auto known = recording_numbers_.find(token);
  if (known != recording_numbers_.end()) return LayerId(kFixedLayers + known->second);
  if (recordings_.size() >= kMaxRecordingLayers) return Fail(Code::kResourceExhausted, "too many recordings were made");
  BURROW_RETURN_IF_ERROR(os::WriteAll(journal_.get(), fmt::format("{}{}\n", kRecordingLine, token)));
  recordings_.emplace_back(token);
  recording_numbers_.emplace(token, recordings_.size() - 1);
  return LayerId(kFixedLayers + recordings_.size() - 1);
}

HookLayer HookNodes::Layer(NodeId layer) const {
  size_t number = (layer - kFirstLayer) / kIdsPerLayer;
  if (number < kFixedLayers) return {.answers_errors = number == 1};
  std::shared_lock lock(mutex_);
  return {.recording = recordings_[number - kFixedLayers]};
}

std::optional<HookDirectory> HookNodes::Directory(NodeId id) const {
  if (id < kFirstLayer || id >= kFirstLarge) return std::nullopt;
  size_t number = (id - kFirstLayer) / kIdsPerLayer;
  NodeId within = (id - kFirstLayer) % kIdsPerLayer;
  std::shared_lock lock(mutex_);
  if (number >= kFixedLayers + recordings_.size() || within > 256) return std::nullopt;
  HookDirectory directory{.layer = LayerId(number)};
  if (within > 0) directory.first_byte = static_cast<uint8_t>(within - 1);
  return directory;
}

void HookNodes::Insert(const cas::LargeBlob& blob) {
  if (large_numbers_.emplace(blob.digest, large_.size()).second) large_.push_back(blob);
}

bool HookNodes::KnowsImage(const cas::Digest& index) const {
  std::shared_lock lock(mutex_);
  return images_.contains(index);
}

void HookNodes::RememberImage(const cas::Digest& index) {
  std::lock_guard lock(mutex_);
  if (images_.size() >= kMaxImages) images_.clear();  // who is asked for again is looked at again
  images_.insert(index);
}

Status HookNodes::AddLarge(const cas::LargeBlob& blob) {
  std::lock_guard lock(mutex_);
  if (large_numbers_.contains(blob.digest) || large_.size() >= kMaxLarge) return {};
  BURROW_RETURN_IF_ERROR(os::WriteAll(journal_.get(), LargeLine(blob)));
  Insert(blob);
  return {};
}

std::optional<HookNodes::Large> HookNodes::FindLarge(const cas::Digest& digest) const {
  std::shared_lock lock(mutex_);
  auto known = large_numbers_.find(digest);
  if (known == large_numbers_.end()) return std::nullopt;
  return Large{.id = kFirstLarge + known->second, .blob = large_[known->second]};
}

std::optional<cas::LargeBlob> HookNodes::LargeOf(NodeId id) const {
  std::shared_lock lock(mutex_);
  if (id < kFirstLarge || id - kFirstLarge >= large_.size()) return std::nullopt;
  return large_[id - kFirstLarge];
}

}  // namespace burrow::imagefs
