#include "oci/archive_handle.h"

#include <new>

namespace burrow::oci {

ArchiveHandle::ArchiveHandle(ByteSource& source) : source_(source), archive_(archive_read_new()) {
  if (!archive_) throw std::bad_alloc();
}

ArchiveHandle::~ArchiveHandle() { archive_read_free(archive_); }

Status ArchiveHandle::Open() {
  archive_read_set_read_callback(archive_, Read);
  archive_read_set_skip_callback(archive_, Skip);
  archive_read_set_callback_data(archive_, this);
  return archive_read_open1(archive_) == ARCHIVE_OK ? Status() : Failure("open the archive");
}

std::unexpected<Error> ArchiveHandle::Failure(std::string_view what) {
  if (failure_) return Forward(*failure_);
  const char* words = archive_error_string(archive_);
  return Fail(Code::kInvalidArgument, "{}: {}", what, words ? words : "it is damaged");
}

la_ssize_t ArchiveHandle::Read(archive*, void* self, const void** bytes) {
  auto* handle = static_cast<ArchiveHandle*>(self);
  auto next = handle->source_.Next();
  if (!next) {
    handle->failure_ = std::move(next.error());
    return -1;
  }
  *bytes = next->data();
  return static_cast<la_ssize_t>(next->size());
}

la_int64_t ArchiveHandle::Skip(archive*, void* self, la_int64_t count) {
  auto* handle = static_cast<ArchiveHandle*>(self);
  auto skipped = count > 0 ? handle->source_.Skip(static_cast<uint64_t>(count)) : Result<uint64_t>(0);
  if (skipped) return static_cast<la_int64_t>(*skipped);
  handle->failure_ = std::move(skipped.error());
  return ARCHIVE_FATAL;
}

}  // namespace burrow::oci
