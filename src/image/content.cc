#include "image/content.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include "cas/frames.h"

namespace burrow::image {
namespace {

constexpr size_t kChunk = 1u << 20;

}  // namespace

size_t HashThreads() { return std::clamp<size_t>(std::thread::hardware_concurrency(), 2, 8); }

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
  if (!frames) return {};
  std::string table = frames->Finish();
  inode.frames = cas::Digest::Of(table);
  return store.Put(inode.frames, table);
}

}  // namespace burrow::image
