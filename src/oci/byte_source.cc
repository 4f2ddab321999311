#include "oci/byte_source.h"

#include <unistd.h>

namespace burrow::oci {
namespace {

constexpr size_t kChunk = 256u << 10;

}  // namespace

FileSource::FileSource(int fd, uint64_t offset) : fd_(fd), offset_(offset), buffer_(kChunk) {}

Result<std::string_view> FileSource::Next() {
  for (;;) {
    ssize_t n = ::pread(fd_, buffer_.data(), buffer_.size(), static_cast<off_t>(offset_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read the archive");
    offset_ += static_cast<uint64_t>(n);
    return std::string_view(buffer_.data(), static_cast<size_t>(n));
  }
}

// Beyond the file's end there is nothing to read: whoever skipped too far finds out.
Result<uint64_t> FileSource::Skip(uint64_t count) {
  if (count > INT64_MAX - offset_) return uint64_t{0};
  offset_ += count;
  return count;
}

Result<std::string_view> CountedSource::Next() {
  if (stop_.stop_requested()) return Fail(Code::kCancelled, "the import was cancelled");
  auto bytes = inner_->Next();
  if (bytes && counter_) counter_->fetch_add(bytes->size(), std::memory_order_relaxed);
  return bytes;
}

Result<std::string_view> HashedSource::Next() {
  BURROW_ASSIGN_OR_RETURN(std::string_view bytes, inner_->Next());
  if (bytes.size() > left_)
    return Fail(Code::kOutOfRange, "it becomes larger than {} bytes, which is more than an import of its size may",
                limit_);
  left_ -= bytes.size();
  hasher_.Update(bytes);
  return bytes;
}

Result<cas::Digest> HashedSource::Finish() {
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(std::string_view bytes, Next());
    if (bytes.empty()) return hasher_.Finish();
  }
}

}  // namespace burrow::oci
