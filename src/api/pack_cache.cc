#include "api/pack_cache.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "os/fs.h"

namespace burrow::api {
namespace {

constexpr size_t kRemembered = 256;

bool HasRoom(const std::string& directory, uint64_t keep_free) {
  struct statvfs info{};
  if (::statvfs(directory.c_str(), &info) != 0) return false;
  return uint64_t{info.f_bavail} * info.f_frsize > keep_free;
}

}  // namespace

void PackDraft::Append(std::string_view data) {
  if (!file_.valid()) return;
  bytes_ += data.size();
  if (!os::WriteAll(file_.get(), data)) file_.Reset();
}

std::shared_ptr<const KeptPack> PackCache::Find(const cas::Digest& request) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, request, &Entry::request);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->pack;
}

std::unique_ptr<PackDraft> PackCache::Begin(const cas::Digest& request) {
  {
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(seen_, request) == seen_.end()) {
      seen_.push_back(request);
      if (seen_.size() > kRemembered) seen_.pop_front();
      return nullptr;
    }
  }
  if (!HasRoom(options_.directory, options_.keep_free)) return nullptr;
  auto file = os::Open(options_.directory, O_RDWR | O_TMPFILE, 0600);
  return file ? std::make_unique<PackDraft>(std::move(*file)) : nullptr;
}

void PackCache::Keep(const cas::Digest& request, PackDraft draft) {
  const uint64_t bytes = draft.bytes_;
  if (!draft.file_.valid() || bytes < options_.least_bytes || bytes > options_.max_bytes) return;
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(entries_, request, &Entry::request) != entries_.end()) return;  // another one was faster
  auto pack = std::make_shared<const KeptPack>(std::move(draft.file_), bytes);
  entries_.push_front({.request = request, .pack = std::move(pack)});
  std::erase(seen_, request);
  bytes_ += bytes;
  while (bytes_ > options_.max_bytes) {
    bytes_ -= entries_.back().pack->bytes;
    entries_.pop_back();
  }
}

}  // namespace burrow::api
