#include "oci/decompress.h"

#include "oci/archive_handle.h"

namespace burrow::oci {
namespace {

class DecompressedSource final : public ByteSource {
 public:
  explicit DecompressedSource(std::unique_ptr<ByteSource> compressed)
      : compressed_(std::move(compressed)), handle_(*compressed_) {}
  Status Open(Compressions accepted);
  Result<std::string_view> Next() override;

 private:
  std::unique_ptr<ByteSource> compressed_;
  ArchiveHandle handle_;
};

Status DecompressedSource::Open(Compressions accepted) {
  archive* reader = handle_.get();
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_zstd(reader);
  if (accepted == Compressions::kOfArchives) {
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_xz(reader);
  }
  archive_read_support_format_raw(reader);
  BURROW_RETURN_IF_ERROR(handle_.Open());
  archive_entry* entry = nullptr;
  int got = archive_read_next_header(reader, &entry);
  return got == ARCHIVE_OK || got == ARCHIVE_WARN ? Status() : handle_.Failure("read the archive");
}

Result<std::string_view> DecompressedSource::Next() {
  const void* bytes = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {
    int got = archive_read_data_block(handle_.get(), &bytes, &size, &offset);
    if (got == ARCHIVE_EOF) return std::string_view();
    if (got != ARCHIVE_OK) return handle_.Failure("decompress the archive");
  }
  return std::string_view(static_cast<const char*>(bytes), size);
}

}  // namespace

Result<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> compressed, Compressions accepted) {
  auto source = std::make_unique<DecompressedSource>(std::move(compressed));
  BURROW_RETURN_IF_ERROR(source->Open(accepted));
  return source;
}

bool LooksCompressed(std::string_view head, Compressions accepted) {
  if (head.starts_with("\x1f\x8b") || head.starts_with("\x28\xb5\x2f\xfd")) return true;
  return accepted == Compressions::kOfArchives && (head.starts_with("BZh") || head.starts_with("\xfd\x37zXZ"));
}

}  // namespace burrow::oci
