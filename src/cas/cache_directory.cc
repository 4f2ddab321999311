#include "cas/cache_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cas/linked_blobs.h"
#include "os/directory_stream.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr char kBootId[] = "/proc/sys/kernel/random/boot_id";
constexpr int64_t kNanosPerMilli = 1'000'000;
// Clocks of files tick coarsely.
constexpr int64_t kSlackMs = 1'000;

int64_t MillisOf(const timespec& time) { return time.tv_sec * 1000 + time.tv_nsec / kNanosPerMilli; }

void ListShard(int root, const std::string& shard, std::vector<CachedBlob>& blobs) {
  os::DirectoryStream dir = os::OpenDirectoryStream(root, shard.c_str());
  if (!dir) return;
  while (dirent* entry = ::readdir(dir.get())) {
    auto digest = Digest::FromHex(shard + entry->d_name);
    struct stat st;
    if (!digest || ::fstatat(::dirfd(dir.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    blobs.push_back({.digest = *digest,
                     .bytes = static_cast<uint64_t>(st.st_blocks) * 512,
                     .changed_ms = std::max(MillisOf(st.st_mtim), MillisOf(st.st_ctim))});
  }
}

Result<std::string> BootId() { return os::ReadFile(kBootId, 100); }
std::string SyncedFile(const CacheLayout& layout) { return layout.root + "/synced"; }

// "<boot id>\n<unix ms>\n"
struct SyncedNote {
  std::string boot;
  int64_t until_ms = 0;
};

Status WriteNote(const CacheLayout& layout, const SyncedNote& note) {
  return os::WriteFileAtomically(SyncedFile(layout), fmt::format("{}{}\n", note.boot, note.until_ms), 0600);
}

SyncedNote ReadNote(const CacheLayout& layout) {
  SyncedNote note;
  auto text = os::ReadFile(SyncedFile(layout), 200);
  size_t line = text ? text->find('\n') : std::string::npos;
  if (line == std::string::npos) return note;
  std::from_chars(text->data() + line + 1, text->data() + text->size(), note.until_ms);
  note.boot = text->substr(0, line + 1);
  return note;
}

// The time as the cache's filesystem tells it, which is what its files bear.
Result<int64_t> FileClock(const CacheLayout& layout) {
  std::string path = layout.root + "/clock";
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(path, O_WRONLY | O_CREAT, 0600));
  struct stat st;
  if (::futimens(fd.get(), nullptr) != 0 || ::fstat(fd.get(), &st) != 0) return FailErrno("read the time of " + path);
  return MillisOf(st.st_mtim);
}

}  // namespace

Result<std::vector<CachedBlob>> ListBlobs(const std::string& directory) {
  os::DirectoryStream root = os::OpenDirectoryStream(AT_FDCWD, directory.c_str());
  if (!root) return FailErrno("list " + directory);
  std::vector<CachedBlob> blobs;
  while (dirent* entry = ::readdir(root.get())) {
    std::string shard = entry->d_name;
    if (shard.size() == 2 && shard[0] != '.') ListShard(::dirfd(root.get()), shard, blobs);
  }
  return blobs;
}

Status SyncCache(const CacheLayout& layout) {
  BURROW_ASSIGN_OR_RETURN(std::string boot, BootId());
  BURROW_ASSIGN_OR_RETURN(int64_t now, FileClock(layout));
  BURROW_ASSIGN_OR_RETURN(UniqueFd root, os::Open(layout.root, O_RDONLY | O_DIRECTORY));
  if (::syncfs(root.get()) != 0) return FailErrno("sync the cache");
  return WriteNote(layout, {.boot = std::move(boot), .until_ms = now - kSlackMs});
}

Result<uint64_t> DropUnsynced(const CacheLayout& layout) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(layout.root, 0700));
  BURROW_ASSIGN_OR_RETURN(std::string boot, BootId());
  SyncedNote note = ReadNote(layout);
  if (note.boot == boot) return 0;
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(layout.Blobs(), 0700));
  BURROW_ASSIGN_OR_RETURN(LinkedBlobs linked, LinkedBlobs::Open(layout.Blobs(), layout.Linked()));
  BURROW_ASSIGN_OR_RETURN(auto blobs, ListBlobs(layout.Blobs()));
  uint64_t dropped = 0;
  for (const CachedBlob& blob : blobs) {
    if (blob.changed_ms < note.until_ms) continue;
    BURROW_RETURN_IF_ERROR(linked.Remove(blob.digest));
    ++dropped;
  }
  // From here on a file without a note of this life would be one that nobody checked.
  auto noted = WriteNote(layout, {.boot = std::move(boot), .until_ms = note.until_ms});
  if (!noted && noted.error().code() != Code::kResourceExhausted) return Forward(std::move(noted.error()));
  return dropped;
}

}  // namespace burrow::cas
