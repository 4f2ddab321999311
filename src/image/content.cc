#include "image/content.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

namespace burrow::image {
namespace {

constexpr size_t kChunk = 1u << 20;

}  // namespace

size_t HashThreads() { return std::clamp<size_t>(std::thread::hardware_concurrency(), 2, 8); }

Result<cas::Digest> PutFrames(cas::FrameHasher& frames, cas::BlobStore& store) {
  std::string table = frames.Finish();
  cas::Digest digest = cas::Digest::Of(table);
  BURROW_RETURN_IF_ERROR(store.Put(digest, table));
  return digest;
}

Status HashContent(int file, uint64_t limit, TreeInode& inode, cas::BlobStore& store) {
  thread_local std::string buffer(kChunk, '\0');
  cas::Hasher hasher;
  std::optional<cas::FrameHasher> frames;
  if (inode.size >= cas::kFramedFrom) frames.emplace();
  uint64_t size = 0;
  while (size < limit) {
    ssize_t n = ::read(file, buffer.data(), std::min<uint64_t>(buffer.size(), limit - size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read it");
    if (n == 0) break;
    hasher.Update({buffer.data(), static_cast<size_t>(n)});
    if (frames) frames->Update({buffer.data(), static_cast<size_t>(n)});
    size += static_cast<uint64_t>(n);
  }
  if (frames.has_value() != (size >= cas::kFramedFrom)) return Fail(Code::kAborted, "it changed while it was read");
  inode.size = size;
  inode.digest = size > 0 ? hasher.Finish() : cas::Digest();
  inode.frames = cas::Digest();
  if (frames) {
    BURROW_ASSIGN_OR_RETURN(inode.frames, PutFrames(*frames, store));
  }
  return {};
}

}  // namespace burrow::image
