#include "cas/http_blob_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <unordered_set>

#include "net/http_client.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kStall{15'000};
constexpr size_t kMissingBatch = 5'000;
// A transfer that got this much further has a whole deadline again.
constexpr uint64_t kProgress = 1u << 20;
// From this size on asking first is cheaper than sending what may be there.
constexpr uint64_t kAskBeforePut = 64u << 10;

// Whether and how long to go on with a request that failed for a passing reason.
class Retry {
 public:
  explicit Retry(milliseconds deadline) : deadline_(deadline), end_(steady_clock::now() + deadline) {}

  // Waits before the next attempt; false where the deadline has come.
  bool Pause() {
    auto now = steady_clock::now();
    if (now >= end_) return false;
    std::uniform_real_distribution<double> jitter(0.5, 1.0);
    auto pause = std::chrono::duration_cast<milliseconds>(pause_ * jitter(random_));
    std::this_thread::sleep_for(std::min(pause, std::chrono::ceil<milliseconds>(end_ - now)));
    pause_ = std::min(2 * pause_, kLongestPause);
    return true;
  }
  void Renew() {
    end_ = steady_clock::now() + deadline_;
    pause_ = kFirstPause;
  }
  milliseconds Stall() const {
    auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now());
    return std::clamp(left, milliseconds(100), kStall);
  }
  milliseconds deadline() const { return deadline_; }

 private:
  milliseconds deadline_;
  steady_clock::time_point end_;
  milliseconds pause_ = kFirstPause;
  std::minstd_rand random_{std::random_device{}()};
};

bool MayPass(int status) { return (status >= 500 && status != 501 && status != 507) || status == 408 || status == 429; }

// A short excerpt of what the server said, for a one-line error.
std::string Excerpt(std::string_view body) {
  std::string text(body.substr(0, 200));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, ' ');
  return text;
}

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

// A download over several attempts: what has been handed to the sink stays handed.
struct Download {
  const BlobSink& sink;
  Hasher hasher;
  uint64_t delivered = 0;
  uint64_t skip = 0;     // bytes of this attempt that an earlier one delivered
  bool refused = false;  // the sink wants no more

  Status Receive(std::string_view data) {
    size_t known = std::min<uint64_t>(skip, data.size());
    skip -= known;
    data.remove_prefix(known);
    hasher.Update(data);
    delivered += data.size();
    Status status = sink(data);
    refused = !status;
    return status;
  }
};

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
  Status Sync() override { return {}; }  // the server answers a PUT for what it keeps

 private:
  net::HttpRequest NewRequest(std::string method, const std::string& path) const;
  // Tries until an answer that will not change, or the deadline.
  Result<net::HttpResponse> Perform(net::HttpRequest request, Retry& retry);
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

Result<net::HttpResponse> HttpBlobStore::Perform(net::HttpRequest request, Retry& retry) {
  for (;;) {
    request.stall_timeout = retry.Stall();
    auto response = client_.Perform(request);
    if (response && response->status >= 200 && response->status < 300) return response;
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (error.code() != Code::kUnavailable) return Forward(std::move(error));
    if (!retry.Pause()) {
      return Fail(Code::kUnavailable, "{} (tried for {} ms; is the server at {} up?)", error.message(),
                  retry.deadline().count(), options_.url);
    }
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

Status HttpBlobStore::Get(const Digest& digest, const BlobSink& sink) {
  Retry retry(options_.deadline);
  Download download{.sink = sink};
  for (;;) {
    auto request = NewRequest("GET", "/blobs/" + digest.Hex());
    request.stall_timeout = retry.Stall();
    uint64_t before = download.delivered;
    if (before > 0) request.headers.push_back(fmt::format("Range: bytes={}-", before));
    request.on_status = [&](int status) { download.skip = status == 206 ? 0 : before; };
    request.sink = [&](std::string_view data) { return download.Receive(data); };
    auto response = client_.Perform(request);
    bool complete = response && (response->status == 200 || response->status == 206);
    if (response && response->status == 416) complete = before > 0;  // all had come, only the end was lost
    if (complete) break;
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (download.refused) return Forward(std::move(error));
    if (error.code() != Code::kUnavailable) return Forward(std::move(error).WithContext("fetch blob " + digest.Hex()));
    if (download.delivered - before >= kProgress) retry.Renew();
    if (!retry.Pause()) {
      return Fail(Code::kUnavailable, "fetch blob {}: {} (tried for {} ms; is the server at {} up?)", digest.Hex(),
                  error.message(), retry.deadline().count(), options_.url);
    }
  }
  if (download.hasher.Finish() != digest) {
    return Fail(Code::kDataLoss, "fetch blob {}: the bytes that {} sent do not hash to its name", digest.Hex(),
                options_.url);
  }
  return {};
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

}  // namespace

std::unique_ptr<BlobStore> NewHttpBlobStore(HttpBlobStoreOptions options) {
  return std::make_unique<HttpBlobStore>(std::move(options));
}

}  // namespace burrow::cas
