#include "oci/tar_stream.h"

#include <locale.h>

#include <algorithm>
#include <array>
#include <string>

namespace burrow::oci {
namespace {

// Libarchive converts names to the thread's character set: with UTF-8 it leaves them as they are.
class Utf8Scope {
 public:
  Utf8Scope() {
    static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8) before_ = ::uselocale(utf8);
  }
  Utf8Scope(const Utf8Scope&) = delete;
  Utf8Scope& operator=(const Utf8Scope&) = delete;
  ~Utf8Scope() {
    if (before_) ::uselocale(before_);
  }

 private:
  locale_t before_ = nullptr;
};

Status PutZeros(uint64_t count, const std::function<Status(std::string_view)>& sink) {
  static constexpr std::array<char, 64u << 10> kZeros{};
  while (count > 0) {
    auto size = std::min<uint64_t>(count, kZeros.size());
    BURROW_RETURN_IF_ERROR(sink({kZeros.data(), size}));
    count -= size;
  }
  return {};
}

}  // namespace

Status TarStream::Open() {
  archive_read_support_format_tar(handle_.get());
  return handle_.Open();
}

Result<bool> TarStream::Next() {
  Utf8Scope utf8;
  int got = archive_read_next_header(handle_.get(), &entry_);
  if (got == ARCHIVE_EOF) return false;
  if (got == ARCHIVE_OK) return true;
  // Names that are no UTF-8 are kept as the bytes that they are.
  const char* words = archive_error_string(handle_.get());
  if (got == ARCHIVE_WARN && words && std::string_view(words).find("can't be converted") != std::string_view::npos) {
    return true;
  }
  return handle_.Failure("read the tar");
}

uint64_t TarStream::header_position() const {
  return static_cast<uint64_t>(std::max<la_int64_t>(0, archive_read_header_position(handle_.get())));
}

uint64_t TarStream::size() const { return static_cast<uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry_))); }

Status TarStream::ReadContent(const std::function<Status(std::string_view)>& sink) {
  uint64_t done = 0, total = size();
  for (;;) {
    const void* bytes = nullptr;
    size_t count = 0;
    la_int64_t offset = 0;
    int got = archive_read_data_block(handle_.get(), &bytes, &count, &offset);
    if (got == ARCHIVE_EOF) return PutZeros(total - done, sink);
    if (got != ARCHIVE_OK) return handle_.Failure("read the tar");
    auto start = static_cast<uint64_t>(offset);
    if (offset < 0 || start < done || start > total || count > total - start) {
      return Fail(Code::kInvalidArgument, "a sparse file of the tar overlaps itself");
    }
    BURROW_RETURN_IF_ERROR(PutZeros(start - done, sink));
    BURROW_RETURN_IF_ERROR(sink({static_cast<const char*>(bytes), count}));
    done = start + count;
  }
}

Result<std::string_view> TarStream::NextContent() {
  const void* bytes = nullptr;
  size_t count = 0;
  la_int64_t offset = 0;
  while (count == 0) {
    int got = archive_read_data_block(handle_.get(), &bytes, &count, &offset);
    if (got == ARCHIVE_EOF) return std::string_view();
    if (got != ARCHIVE_OK) return handle_.Failure("read the tar");
  }
  return std::string_view(static_cast<const char*>(bytes), count);
}

}  // namespace burrow::oci
