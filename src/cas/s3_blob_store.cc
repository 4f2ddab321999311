#include "cas/s3_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "cas/s3_answer.h"
#include "cas/s3_client.h"
#include "cas/s3_upload.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr size_t kAskers = 16;  // questions for blobs that run at once
// From this size on asking first is cheaper than sending what may be there.
constexpr uint64_t kAskBeforePut = 64u << 10;

// What comes by pieces waits in a file without a name.
class SpooledWriter final : public BlobWriter {
 public:
  SpooledWriter(BlobStore& store, UniqueFd file) : store_(store), file_(std::move(file)) {}
  Status Append(std::string_view data) override { return os::WriteAll(file_.get(), data); }
  Status Commit(const Digest& expected) override { return store_.PutFile(expected, file_.get()); }

 private:
  BlobStore& store_;
  UniqueFd file_;
};

// Up to `size` bytes of a file from `offset`; fewer at its end.
Status ReadPart(int fd, uint64_t offset, uint64_t size, std::string& part) {
  part.resize(size);
  size_t filled = 0;
  while (filled < size) {
    ssize_t n = ::pread(fd, part.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read the file to store");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  part.resize(filled);
  return {};
}

class S3BlobStore final : public BlobStore {
 public:
  explicit S3BlobStore(S3BlobStoreOptions options)
      : options_(std::move(options)), client_(options_.location, options_.credentials, options_.deadline) {}

  Result<bool> Has(const Digest& digest) override;
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override;
  Result<uint64_t> Size(const Digest& digest) override;
  Status Get(const Digest& digest, const BlobSink& sink) override;
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override;
  Status Put(const Digest& digest, std::string_view data) override;
  Status PutFile(const Digest& digest, int fd) override;
  Result<std::unique_ptr<BlobWriter>> StartBlob() override;
  Status Sync() override { return {}; }  // S3 answers a PUT for what it keeps
  Status Remove(const Digest& digest) override;
  Status List(const BlobVisitor& visit) override;

 private:
  std::string KeyOf(const Digest& digest) const { return options_.location.prefix + digest.Hex(); }
  Status PutWhole(const Digest& digest, std::string_view data);
  Status PutParts(const Digest& digest, int fd);
  Status VisitPage(const S3List& page, const BlobVisitor& visit) const;

  S3BlobStoreOptions options_;
  S3Client client_;
};

Result<uint64_t> S3BlobStore::Size(const Digest& digest) {
  auto response = client_.Perform({.method = "HEAD", .key = KeyOf(digest)});
  if (!response) return Forward(std::move(response.error()).WithContext("ask for blob " + digest.Hex()));
  if (!response->content_length) return Fail(Code::kInternal, "S3 does not say how large blob {} is", digest.Hex());
  return *response->content_length;
}

Result<bool> S3BlobStore::Has(const Digest& digest) {
  auto size = Size(digest);
  if (size) return true;
  if (size.error().code() == Code::kNotFound) return false;
  return Forward(std::move(size.error()));
}

Result<std::vector<Digest>> S3BlobStore::Missing(const std::vector<Digest>& digests) {
  std::vector<char> there(digests.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failure;  // guarded by mutex
  auto ask = [&] {
    for (size_t i = next++; i < digests.size(); i = next++) {
      auto has = Has(digests[i]);
      if (has) {
        there[i] = *has ? 1 : 0;
        continue;
      }
      std::lock_guard guard(mutex);
      failure = std::move(has.error());
      next = digests.size();
    }
  };
  {
    std::vector<std::jthread> askers;
    for (size_t i = 1; i < std::min(kAskers, digests.size()); ++i) askers.emplace_back(ask);
    ask();
  }
  if (failure) return Forward(std::move(*failure));
  std::vector<Digest> missing;
  for (size_t i = 0; i < digests.size(); ++i) {
    if (there[i] == 0) missing.push_back(digests[i]);
  }
  return missing;
}

Status S3BlobStore::Get(const Digest& digest, const BlobSink& sink) {
  Hasher hasher;
  HttpDownload download{.sink = sink, .hasher = &hasher};
  if (Status status = client_.Fetch(KeyOf(digest), download); !status) {
    if (download.refused) return status;
    return Forward(std::move(status.error()).WithContext("fetch blob " + digest.Hex()));
  }
  if (hasher.Finish() != digest) return Fail(Code::kDataLoss, "blob {} is damaged in S3", digest.Hex());
  return {};
}

Status S3BlobStore::GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) {
  if (length == 0) return {};
  HttpDownload download{.sink = sink, .offset = offset, .length = length};
  if (Status status = client_.Fetch(KeyOf(digest), download); !status) {
    if (download.refused) return status;
    return Forward(std::move(status.error()).WithContext("fetch a part of blob " + digest.Hex()));
  }
  if (download.delivered == length) return {};
  return Fail(Code::kOutOfRange, "blob {} ends at byte {}", digest.Hex(), offset + download.delivered);
}

Status S3BlobStore::PutWhole(const Digest& digest, std::string_view data) {
  S3Call call{.method = "PUT", .key = KeyOf(digest), .body = data, .body_sha256 = digest.Hex()};
  auto response = client_.Perform(call);
  if (!response) return Forward(std::move(response.error()).WithContext("store blob " + digest.Hex()));
  return {};
}

Status S3BlobStore::Put(const Digest& digest, std::string_view data) {
  if (Digest actual = Digest::Of(data); actual != digest) {
    return Fail(Code::kInvalidArgument, "the bytes hash to {}, not to {}", actual.Hex(), digest.Hex());
  }
  if (data.size() >= kAskBeforePut) {
    auto size = Size(digest);
    if (size && *size == data.size()) return {};
    if (!size && size.error().code() != Code::kNotFound) return Forward(std::move(size.error()));
  }
  if (data.size() <= options_.part_bytes) return PutWhole(digest, data);
  BURROW_ASSIGN_OR_RETURN(auto upload, S3Upload::Start(client_, KeyOf(digest)));
  for (; !data.empty(); data.remove_prefix(std::min<size_t>(data.size(), options_.part_bytes))) {
    BURROW_RETURN_IF_ERROR(upload.AddPart(data.substr(0, options_.part_bytes)));
  }
  return upload.Complete();
}

Status S3BlobStore::PutFile(const Digest& digest, int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return FailErrno("stat the file to store");
  if (static_cast<uint64_t>(info.st_size) <= options_.part_bytes) {
    std::string data;
    BURROW_RETURN_IF_ERROR(ReadPart(fd, 0, options_.part_bytes + 1, data));
    if (data.size() <= options_.part_bytes) return Put(digest, data);
  }
  auto size = Size(digest);
  if (size && *size == static_cast<uint64_t>(info.st_size)) return {};
  if (!size && size.error().code() != Code::kNotFound) return Forward(std::move(size.error()));
  return PutParts(digest, fd);
}

// The file is read once: its digest is known when its parts are there, and only then do they become the object.
Status S3BlobStore::PutParts(const Digest& digest, int fd) {
  BURROW_ASSIGN_OR_RETURN(auto upload, S3Upload::Start(client_, KeyOf(digest)));
  Hasher hasher;
  std::string part;
  for (uint64_t offset = 0;; offset += part.size()) {
    BURROW_RETURN_IF_ERROR(ReadPart(fd, offset, options_.part_bytes, part));
    if (part.empty()) break;
    hasher.Update(part);
    BURROW_RETURN_IF_ERROR(upload.AddPart(part));
  }
  if (Digest actual = hasher.Finish(); actual != digest) {
    return Fail(Code::kInvalidArgument, "the file's bytes hash to {}, not to {}", actual.Hex(), digest.Hex());
  }
  return upload.Complete();
}

Result<std::unique_ptr<BlobWriter>> S3BlobStore::StartBlob() {
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, os::Open(options_.spool_directory, O_TMPFILE | O_RDWR, 0600));
  return std::make_unique<SpooledWriter>(*this, std::move(file));
}

Status S3BlobStore::Remove(const Digest& digest) {
  auto response = client_.Perform({.method = "DELETE", .key = KeyOf(digest)});
  if (response || response.error().code() == Code::kNotFound) return {};
  return Forward(std::move(response.error()).WithContext("remove blob " + digest.Hex()));
}

Status S3BlobStore::VisitPage(const S3List& page, const BlobVisitor& visit) const {
  for (const S3Listed& object : page.objects) {
    if (!object.key.starts_with(options_.location.prefix)) continue;
    auto digest = Digest::FromHex(std::string_view(object.key).substr(options_.location.prefix.size()));
    if (!digest) continue;  // another's, or in a folder below
    BURROW_RETURN_IF_ERROR(visit(*digest, {.size = object.size, .stored_ms = object.modified_ms}));
  }
  return {};
}

Status S3BlobStore::List(const BlobVisitor& visit) {
  for (std::string next;;) {
    S3Call call{.query = {{"list-type", "2"}, {"prefix", options_.location.prefix}, {"delimiter", "/"}}};
    if (!next.empty()) call.query.emplace_back("continuation-token", next);
    auto response = client_.Perform(call);
    if (!response) return Forward(std::move(response.error()).WithContext("list the blobs of an S3 bucket"));
    auto page = ParseS3List(response->body);
    if (!page) return Fail(Code::kInternal, "S3 at {} answers something that is no list", options_.location.host);
    BURROW_RETURN_IF_ERROR(VisitPage(*page, visit));
    if (page->next.empty()) return {};
    if (page->next == next) return Fail(Code::kInternal, "S3 at {} lists in circles", options_.location.host);
    next = page->next;
  }
}

}  // namespace

std::unique_ptr<BlobStore> NewS3BlobStore(S3BlobStoreOptions options) {
  return std::make_unique<S3BlobStore>(std::move(options));
}

}  // namespace burrow::cas
