#include "cas/http_blob_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "cas/http_download.h"
#include "cas/http_many.h"
#include "cas/pack.h"
#include "cas/retry.h"
#include "net/http_client.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMissingBatch = 5'000;
constexpr size_t kGetBatch = kMaxPackDigests;
constexpr uint64_t kPutBatch = 4u << 20;  // bytes of the blobs of one pack
// A transfer that got this much further has a whole deadline again.
constexpr uint64_t kProgress = 1u << 20;
// From this size on asking first is cheaper than sending what may be there.
constexpr uint64_t kAskBeforePut = 64u << 10;

Error ErrorOf(const net::HttpResponse& response) {
  switch (response.status) {
    case 400:
      return {Code::kInvalidArgument, fmt::format("the server refuses it: {}", Excerpt(response.body))};
    case 401:
      return {Code::kUnauthenticated, "the server does not accept the token"};
    case 403:
      return {Code::kPermissionDenied, "the token does not allow it"};
    case 404:
      return {Code::kNotFound, "the server does not have it"};
    case 413:
      return {Code::kOutOfRange, "the server finds it too large"};
    case 507:
      return {Code::kResourceExhausted, "the server's disk is full"};
    default:
      if (MayPass(response.status)) {
        return {Code::kUnavailable, fmt::format("the server answers {}: {}", response.status, Excerpt(response.body))};
      }
      return {Code::kInternal, fmt::format("the server answers {}: {}", response.status, Excerpt(response.body))};
  }
}

class HttpBlobStore final : public BlobStore {
 public:
  explicit HttpBlobStore(HttpBlobStoreOptions options) : options_(std::move(options)) {
    while (options_.url.ends_with('/')) options_.url.pop_back();
  }

  Result<bool> Has(const Digest& digest) override;
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override;
  Status Get(const Digest& digest, const BlobSink& sink) override;
  Status Put(const Digest& digest, std::string_view data) override;
  Status PutFile(const Digest& digest, int fd) override;
  Result<uint64_t> Size(const Digest& digest) override;
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override;
  Status Sync() override { return {}; }  // the server answers a PUT for what it keeps
  Status PutMany(std::span<const BlobBytes> blobs) override;
  Result<std::vector<Digest>> GetMany(std::span<const Digest> digests, const ManySink& sink,
                                      const GetManyOptions& options) override;
  Status Remove(const Digest& digest) override;
  Status List(const BlobVisitor& visit) override;

 private:
  net::HttpRequest NewRequest(std::string method, const std::string& path) const;
  // Waits before another attempt and counts it; false where the deadline has come.
  bool Again(Retry& retry) const;
  void CountDamaged(uint64_t bytes) const;
  Error GaveUp(const std::string& what, const Error& last, const Retry& retry) const;
  // Tries until an answer that will not change, or the deadline.
  Result<net::HttpResponse> Perform(net::HttpRequest request, Retry& retry);
  // Receives until the end has come, or the deadline.
  Status Fetch(const Digest& digest, HttpDownload& download);
  Status GetBatch(ManyDownload& many);
  // Sends as many of the blobs as one pack takes, and takes them off.
  Status PutBatch(std::span<const BlobBytes>& blobs);
  Status Upload(net::HttpRequest request, const Digest& digest, uint64_t size);
  Status MissingBatch(std::span<const Digest> batch, std::vector<Digest>& missing);

  HttpBlobStoreOptions options_;
  net::HttpClient client_;
};

net::HttpRequest HttpBlobStore::NewRequest(std::string method, const std::string& path) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.url = options_.url + path;
  request.connect_timeout = std::min<milliseconds>(request.connect_timeout, options_.deadline);
  if (!options_.token.empty()) request.headers.push_back("Authorization: Bearer " + options_.token);
  return request;
}

bool HttpBlobStore::Again(Retry& retry) const {
  if (!retry.Pause()) return false;
  if (options_.signals) options_.signals->counters().retries.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void HttpBlobStore::CountDamaged(uint64_t bytes) const {
  if (options_.signals) options_.signals->counters().damaged_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

Error HttpBlobStore::GaveUp(const std::string& what, const Error& last, const Retry& retry) const {
  return {Code::kUnavailable, fmt::format("{}{} (tried for {} ms; is the server at {} up?)", what, last.message(),
                                          retry.deadline().count(), options_.url)};
}

Result<net::HttpResponse> HttpBlobStore::Perform(net::HttpRequest request, Retry& retry) {
  for (;;) {
    request.stall_timeout = retry.Stall();
    auto response = client_.Perform(request);
    if (response && response->status >= 200 && response->status < 300) return response;
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (error.code() != Code::kUnavailable) return Forward(std::move(error));
    if (!Again(retry)) return Forward(GaveUp("", error, retry));
  }
}

Result<bool> HttpBlobStore::Has(const Digest& digest) {
  Retry retry(options_.deadline);
  auto response = Perform(NewRequest("HEAD", "/blobs/" + digest.Hex()), retry);
  if (response) return true;
  if (response.error().code() == Code::kNotFound) return false;
  return Forward(std::move(response.error()).WithContext("ask for blob " + digest.Hex()));
}

Result<std::vector<Digest>> HttpBlobStore::Missing(const std::vector<Digest>& digests) {
  std::vector<Digest> missing;
  std::span<const Digest> rest = digests;
  while (!rest.empty()) {
    auto batch = rest.first(std::min(rest.size(), kMissingBatch));
    rest = rest.subspan(batch.size());
    BURROW_RETURN_IF_ERROR(MissingBatch(batch, missing));
  }
  return missing;
}

Status HttpBlobStore::MissingBatch(std::span<const Digest> batch, std::vector<Digest>& missing) {
  nlohmann::json names = nlohmann::json::array();
  for (const Digest& digest : batch) names.push_back(digest.Hex());
  std::string body = nlohmann::json{{"digests", std::move(names)}}.dump();
  auto request = NewRequest("POST", "/burrow.v1.Blobs/Missing");
  request.headers.emplace_back("Content-Type: application/json");
  request.body = body;
  Retry retry(options_.deadline);
  auto response = Perform(std::move(request), retry);
  if (!response) return Forward(std::move(response.error()).WithContext("ask which blobs are missing"));

  auto answer = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return Fail(Code::kInternal, "{} answers something that is not JSON", options_.url);
  std::unordered_set<Digest> absent;
  for (const auto& name : answer.value("digests", nlohmann::json::array())) {
    auto digest = name.is_string() ? Digest::FromHex(name.get_ref<const std::string&>()) : std::nullopt;
    if (!digest) return Fail(Code::kInternal, "{} answers a digest that is none", options_.url);
    absent.insert(*digest);
  }
  for (const Digest& digest : batch) {
    if (absent.contains(digest)) missing.push_back(digest);
  }
  return {};
}

Result<uint64_t> HttpBlobStore::Size(const Digest& digest) {
  Retry retry(options_.deadline);
  auto response = Perform(NewRequest("HEAD", "/blobs/" + digest.Hex()), retry);
  if (!response) return Forward(std::move(response.error()).WithContext("ask for blob " + digest.Hex()));
  if (!response->content_length) return Fail(Code::kInternal, "{} does not say how large a blob is", options_.url);
  return *response->content_length;
}

Status HttpBlobStore::Fetch(const Digest& digest, HttpDownload& download) {
  const std::string what = "fetch blob " + digest.Hex();
  uint64_t renewed = 0;  // what had come when the deadline was set last
  for (Retry retry(options_.deadline);;) {
    auto request = NewRequest("GET", "/blobs/" + digest.Hex());
    request.stall_timeout = retry.Stall();
    uint64_t before = download.delivered;
    if (!download.whole()) request.headers.push_back("Range: " + download.RangeValue());
    request.on_status = [&](int status) { download.Begin(status); };
    request.sink = [&](std::string_view data) -> Status {
      BURROW_RETURN_IF_ERROR(download.Receive(data));
      if (download.delivered - renewed >= kProgress) {
        renewed = download.delivered;
        retry.Renew();
      }
      return retry.Over() ? Fail(Code::kUnavailable, "the server is too slow") : Status();
    };
    auto response = client_.Perform(request);
    if (response && (response->status == 200 || response->status == 206)) return {};
    if (response && response->status == 416) {  // all had come, only the end was lost; or there is no such part
      if (!download.length && before > 0) return {};
      return Fail(Code::kOutOfRange, "blob {} ends before byte {}", digest.Hex(), download.offset);
    }
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (download.refused) return Forward(std::move(error));
    const bool absent = error.code() == Code::kNotFound && options_.absence_may_pass;
    if (error.code() != Code::kUnavailable && !absent) return Forward(std::move(error).WithContext(what));
    if (Again(retry)) continue;
    return absent ? Forward(std::move(error).WithContext(what)) : Forward(GaveUp(what + ": ", error, retry));
  }
}

Status HttpBlobStore::Get(const Digest& digest, const BlobSink& sink) {
  Hasher hasher;
  HttpDownload download{.sink = sink, .hasher = &hasher};
  BURROW_RETURN_IF_ERROR(Fetch(digest, download));
  if (hasher.Finish() != digest) {
    return Fail(Code::kDataLoss, "fetch blob {}: the bytes that {} sent do not hash to its name", digest.Hex(),
                options_.url);
  }
  return {};
}

Status HttpBlobStore::GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) {
  if (length == 0) return {};
  HttpDownload download{.sink = sink, .offset = offset, .length = length};
  BURROW_RETURN_IF_ERROR(Fetch(digest, download));
  if (download.delivered == length) return {};
  return Fail(Code::kOutOfRange, "blob {} ends at byte {}", digest.Hex(), offset + download.delivered);
}

Status HttpBlobStore::Upload(net::HttpRequest request, const Digest& digest, uint64_t size) {
  if (size >= kAskBeforePut) {
    BURROW_ASSIGN_OR_RETURN(bool has, Has(digest));
    if (has) return {};
  }
  Retry retry(options_.deadline);
  auto response = Perform(std::move(request), retry);
  if (!response) return Forward(std::move(response.error()).WithContext("store blob " + digest.Hex()));
  return {};
}

Status HttpBlobStore::Put(const Digest& digest, std::string_view data) {
  if (Digest::Of(data) != digest) return Fail(Code::kInvalidArgument, "the bytes do not hash to {}", digest.Hex());
  auto request = NewRequest("PUT", "/blobs/" + digest.Hex());
  request.body = data;
  return Upload(std::move(request), digest, data.size());
}

Status HttpBlobStore::PutFile(const Digest& digest, int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return FailErrno("stat the file to store");
  auto request = NewRequest("PUT", "/blobs/" + digest.Hex());
  request.body_fd = fd;
  return Upload(std::move(request), digest, static_cast<uint64_t>(st.st_size));
}

Status HttpBlobStore::GetBatch(ManyDownload& many) {
  for (Retry retry(options_.deadline);;) {
    BURROW_RETURN_IF_ERROR(many.CheckCancelled());
    size_t before = many.left();
    std::string body = many.Request();
    PackReader reader(many.Events());
    auto request = NewRequest("POST", kPackPath);
    request.headers.emplace_back("Content-Type: application/octet-stream");
    request.body = body;
    request.stall_timeout = retry.Stall();
    request.cancelled = many.cancelled();
    request.sink = [&](std::string_view data) -> Status {
      BURROW_RETURN_IF_ERROR(many.CheckCancelled());
      Status read = reader.Append(data);
      if (!read && read.error().code() == Code::kDataLoss) CountDamaged(data.size());
      return read;
    };
    auto response = client_.Perform(request);
    bool answered = response && response->status == 200;
    if (answered && reader.complete()) {
      many.Finish();
      return {};
    }
    Error error = answered ? Error(Code::kUnavailable, "the pack broke off")
                           : (response ? ErrorOf(*response) : std::move(response.error()));
    bool passing = error.code() == Code::kUnavailable || error.code() == Code::kDataLoss;
    if (many.refused() || !passing) return Forward(std::move(error).WithContext("fetch a pack of blobs"));
    if (many.left() < before) retry.Renew();
    if (!Again(retry)) return Forward(GaveUp("fetch a pack of blobs: ", error, retry));
  }
}

Result<std::vector<Digest>> HttpBlobStore::GetMany(std::span<const Digest> digests, const ManySink& sink,
                                                   const GetManyOptions& options) {
  std::vector<Digest> absent;
  while (!digests.empty()) {
    auto batch = digests.first(std::min(digests.size(), kGetBatch));
    digests = digests.subspan(batch.size());
    ManyDownload many(batch, sink, options, absent);
    Status got = GetBatch(many);
    CountDamaged(many.damaged_bytes());
    BURROW_RETURN_IF_ERROR(got);
  }
  return absent;
}

Status HttpBlobStore::PutBatch(std::span<const BlobBytes>& blobs) {
  std::string pack;
  PackWriter writer({}, [&](std::string_view data) -> Status {
    pack += data;
    return {};
  });
  for (uint64_t bytes = 0; !blobs.empty() && blobs.front().data.size() <= kManyLimit; blobs = blobs.subspan(1)) {
    bytes += blobs.front().data.size();
    if (bytes > kPutBatch && !pack.empty()) break;
    BURROW_RETURN_IF_ERROR(writer.Add(blobs.front().digest, blobs.front().data));
  }
  BURROW_RETURN_IF_ERROR(writer.Finish());
  auto request = NewRequest("PUT", kPackPath);
  request.body = pack;
  Retry retry(options_.deadline);
  auto response = Perform(std::move(request), retry);
  if (!response) return Forward(std::move(response.error()).WithContext("store a pack of blobs"));
  return {};
}

Status HttpBlobStore::PutMany(std::span<const BlobBytes> blobs) {
  while (!blobs.empty()) {
    if (blobs.front().data.size() > kManyLimit) {
      BURROW_RETURN_IF_ERROR(Put(blobs.front().digest, blobs.front().data));
      blobs = blobs.subspan(1);
    } else {
      BURROW_RETURN_IF_ERROR(PutBatch(blobs));
    }
  }
  return {};
}

Status HttpBlobStore::Remove(const Digest& digest) {
  return Fail(Code::kUnimplemented, "blob {} is removed by the control plane alone", digest.Hex());
}

Status HttpBlobStore::List(const BlobVisitor&) {
  return Fail(Code::kUnimplemented, "blobs are listed by the control plane alone");
}

}  // namespace

std::unique_ptr<BlobStore> NewHttpBlobStore(HttpBlobStoreOptions options) {
  return std::make_unique<HttpBlobStore>(std::move(options));
}

}  // namespace burrow::cas
