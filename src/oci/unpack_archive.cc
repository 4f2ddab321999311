#include "oci/unpack_archive.h"

#include <algorithm>

#include "oci/decompress.h"
#include "oci/tar_layer.h"
#include "oci/tar_stream.h"

namespace burrow::oci {
namespace {

constexpr uint64_t kPiece = 1u << 20;
constexpr uint64_t kTarBlock = 512;
constexpr uint64_t kSlack = 1u << 20;  // of a tar: its headers and padding, beside its content

// A blob from its start, in pieces.
class BlobSource final : public ByteSource {
 public:
  BlobSource(cas::BlobStore& store, const cas::Digest& digest, uint64_t size, std::stop_token stop)
      : store_(store), digest_(digest), left_(size), stop_(std::move(stop)) {}
  Result<std::string_view> Next() override;

 private:
  cas::BlobStore& store_;
  const cas::Digest digest_;
  uint64_t at_ = 0, left_;
  const std::stop_token stop_;
  std::string piece_;
};

Result<std::string_view> BlobSource::Next() {
  if (stop_.stop_requested()) return Fail(Code::kCancelled, "unpacking was cancelled");
  piece_.clear();
  uint64_t length = std::min(kPiece, left_);
  if (length == 0) return std::string_view();
  BURROW_RETURN_IF_ERROR(store_.GetRange(digest_, at_, length, [this](std::string_view bytes) -> Status {
    piece_ += bytes;
    return {};
  }));
  at_ += length;
  left_ -= length;
  return std::string_view(piece_);
}

// Hands bytes through, but no more than `limit`.
class LimitedSource final : public ByteSource {
 public:
  LimitedSource(std::unique_ptr<ByteSource> inner, uint64_t limit) : inner_(std::move(inner)), left_(limit) {}
  Result<std::string_view> Next() override {
    BURROW_ASSIGN_OR_RETURN(std::string_view bytes, inner_->Next());
    if (bytes.size() > left_)
      return Fail(Code::kOutOfRange, "the archive grows beyond all measure when it is unpacked");
    left_ -= bytes.size();
    return bytes;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  uint64_t left_;
};

class Archive {
 public:
  Archive(cas::BlobStore& store, const cas::Digest& digest, uint64_t size, const UnpackOptions& options)
      : store_(store), digest_(digest), size_(size), allowance_(options.content.Of(size)), options_(options) {}
  Result<bool> IsTar() const;
  Result<Layer> Read() const;

 private:
  std::unique_ptr<ByteSource> Stored() const {
    return std::make_unique<BlobSource>(store_, digest_, size_, options_.stop);
  }
  Result<std::unique_ptr<ByteSource>> Plain(std::unique_ptr<ByteSource> stored) const;
  uint64_t TarLimit() const;

  cas::BlobStore& store_;
  const cas::Digest digest_;
  const uint64_t size_, allowance_;
  const UnpackOptions& options_;
};

// A tar is larger than its content: a header and padding for each member.
uint64_t Archive::TarLimit() const {
  uint64_t headers = options_.max_entries > UINT64_MAX / kTarBlock ? UINT64_MAX : options_.max_entries * kTarBlock;
  uint64_t by_size = std::max(allowance_, size_);
  uint64_t more = std::min(headers, by_size) + kSlack;
  return by_size > UINT64_MAX - more ? UINT64_MAX : by_size + more;
}

Result<std::unique_ptr<ByteSource>> Archive::Plain(std::unique_ptr<ByteSource> stored) const {
  BURROW_ASSIGN_OR_RETURN(auto plain, Decompressed(std::move(stored), Compressions::kOfArchives));
  return std::make_unique<LimitedSource>(std::move(plain), TarLimit());
}

// Whether a first member can be read. What is damaged before is no archive, but some other file.
Result<bool> Archive::IsTar() const {
  if (size_ < kTarBlock) {  // too small for a tar: it could only be compressed
    BURROW_ASSIGN_OR_RETURN(std::string head, cas::GetAll(store_, digest_, kTarBlock));
    if (!LooksCompressed(head, Compressions::kOfArchives)) return false;
  }
  auto no_archive = [](const Error& error) -> Result<bool> {
    bool damaged = error.code() == Code::kInvalidArgument || error.code() == Code::kOutOfRange;
    return damaged ? Result<bool>(false) : Forward(error);
  };
  auto plain = Plain(Stored());
  if (!plain) return no_archive(plain.error());
  TarStream tar(**plain);
  if (Status opened = tar.Open(); !opened) return no_archive(opened.error());
  auto first = tar.Next();
  return first ? first : no_archive(first.error());
}

Result<Layer> Archive::Read() const {
  auto hashed = std::make_unique<HashedSource>(Stored(), size_);
  HashedSource& stored = *hashed;
  BURROW_ASSIGN_OR_RETURN(auto plain, Plain(std::move(hashed)));
  BlobFeed feed(store_);
  BURROW_ASSIGN_OR_RETURN(Layer layer, ReadTarLayer(*plain, feed,
                                                    {.max_bytes = allowance_,
                                                     .max_entries = options_.max_entries,
                                                     .max_metadata = options_.max_metadata,
                                                     .scratch_directory = options_.scratch_directory,
                                                     .whiteouts = false}));
  BURROW_RETURN_IF_ERROR(feed.Finish());
  BURROW_ASSIGN_OR_RETURN(cas::Digest digest, stored.Finish());
  if (digest != digest_) return Fail(Code::kDataLoss, "the archive's bytes hash to {}, not to its name", digest.Hex());
  return layer;
}

}  // namespace

Result<std::optional<Layer>> UnpackArchive(cas::BlobStore& store, const cas::Digest& digest, uint64_t size,
                                           const UnpackOptions& options) {
  std::optional<Layer> none;
  if (size == 0) return none;
  Archive archive(store, digest, size, options);
  BURROW_ASSIGN_OR_RETURN(bool is_tar, archive.IsTar());
  if (!is_tar) return none;
  BURROW_ASSIGN_OR_RETURN(Layer layer, archive.Read());
  return std::optional<Layer>(std::move(layer));
}

}  // namespace burrow::oci
