#include "oci/registry_client.h"

#include <condition_variable>
#include <mutex>

#include "oci/registry_access.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Wait = RegistryHttp::Wait;

constexpr milliseconds kLongestPause{10'000};
constexpr int kMaxRedirects = 5;
constexpr int kMaxDownloads = 2;  // of bytes that do not hash to their name
constexpr std::string_view kAccept =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

// Waits; false once a stop is requested.
bool Pause(milliseconds pause, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, pause, [] { return false; });
  return !stop.stop_requested();
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}
bool IsPassing(int status) { return status == 429 || status == 408 || status >= 500; }

Status StatusOf(int status, const std::string& what) {
  if (status >= 200 && status < 300) return {};
  if (status == 404) return Fail(Code::kNotFound, "the registry has no {}", what);
  if (status == 401)
    return Fail(Code::kUnauthenticated, "the registry refuses the login for {}: run `docker login` again", what);
  if (status == 403) return Fail(Code::kPermissionDenied, "the registry denies access to {}", what);
  return Fail(IsPassing(status) ? Code::kUnavailable : Code::kInvalidArgument, "the registry answers {} to {}", status,
              what);
}

// What a person needs who waited in vain: what happened last, how long, and what to do.
Error GaveUp(const Result<int>& status, const Error& outcome, const Wait& wait) {
  const char* advice = status ? "try again later" : "check its name and that this server reaches it, then try again";
  return {outcome.code(), fmt::format("{}; it was tried for {:.1f} s: {}", outcome.message(),
                                      std::chrono::duration<double>(wait.lasted()).count(), advice)};
}

}  // namespace

// What to get, and where its bytes go.
struct RegistryGet {
  std::string path;  // "/v2/..."
  std::string what;  // for errors
  std::string accept;
  std::function<Status(std::string_view)> sink;
  uint64_t from = 0;  // of a Range, where it is not 0
};

class RegistryClient::State {
 public:
  State(const RegistryReference& reference, RegistryOptions options)
      : options_(std::move(options)),
        host_(options_.server.empty() ? reference.host : options_.server),
        secure_(!options_.plain_http && !IsLoopback(host_)),
        base_("/v2/" + reference.repository),
        http_(options_.patience),
        access_({.username = options_.username,
                 .password = options_.password,
                 .scope = "repository:" + reference.repository + ":pull",
                 .secure = secure_}) {}

  const std::string& base() const { return base_; }
  const RegistryHttp& http() const { return http_; }
  // One answer with a final status. `get.sink` sees the body of a 2xx answer alone.
  Result<int> Once(const RegistryGet& get, Wait& wait);
  // Tries again after passing failures. `received` is asked before each further attempt: what came in meanwhile.
  Status Perform(RegistryGet& get, const std::function<uint64_t()>& received, const std::stop_token& stop);

 private:
  struct Answer {
    int status = 0;
    std::string location, challenge;
  };
  Result<Answer> Send(const std::string& url, const std::string& authorization, const RegistryGet& get, Wait& wait);
  Result<std::string> Redirected(const std::string& from, const std::string& location) const;
  std::string Origin() const { return (secure_ ? "https://" : "http://") + host_; }

  const RegistryOptions options_;
  const std::string host_;
  const bool secure_;
  const std::string base_;
  RegistryHttp http_;
  RegistryAccess access_;
};

Result<RegistryClient::State::Answer> RegistryClient::State::Send(const std::string& url,
                                                                  const std::string& authorization,
                                                                  const RegistryGet& get, Wait& wait) {
  Answer answer;
  net::HttpRequest request{.url = url};
  if (!authorization.empty()) request.headers.push_back(authorization);
  if (!get.accept.empty()) request.headers.push_back(get.accept);
  if (get.from > 0) request.headers.push_back(fmt::format("Range: bytes={}-", get.from));
  request.on_header = [&answer](std::string_view name, std::string_view value) {
    if (name == "location") answer.location = value;
    if (name == "www-authenticate") answer.challenge = value;
  };
  int status = 0;
  uint64_t skip = 0;  // of a whole answer to a request for the rest
  request.on_status = [&](int got) {
    status = got;
    if (got == 200) skip = get.from;
  };
  request.sink = [&](std::string_view bytes) -> Status {
    uint64_t passed = std::min<uint64_t>(skip, bytes.size());
    skip -= passed;
    return passed == bytes.size() ? Status() : get.sink(bytes.substr(passed));
  };
  BURROW_ASSIGN_OR_RETURN(auto response, wait.Perform(std::move(request)));
  answer.status = response.status;
  return answer;
}

// Where a redirect leads. From https to https only.
Result<std::string> RegistryClient::State::Redirected(const std::string& from, const std::string& location) const {
  BURROW_ASSIGN_OR_RETURN(UrlParts before, ParseUrl(from));
  std::string url = location;
  if (location.starts_with('/')) url = (before.secure ? "https://" : "http://") + before.authority + location;
  BURROW_ASSIGN_OR_RETURN(UrlParts after, ParseUrl(url));
  if (before.secure && !after.secure) {
    return Fail(Code::kInvalidArgument, "the registry redirects to an address without encryption");
  }
  return url;
}

Result<int> RegistryClient::State::Once(const RegistryGet& get, Wait& wait) {
  std::string url = Origin() + get.path;
  bool answered = false;  // a challenge
  for (int redirects = 0;;) {
    bool ours = url.starts_with(Origin() + "/");  // credentials go nowhere else
    std::string authorization = ours ? access_.Header() : std::string();
    BURROW_ASSIGN_OR_RETURN(Answer answer, Send(url, authorization, get, wait));
    if (answer.status == 401 && ours && !answered) {
      answered = true;
      BURROW_RETURN_IF_ERROR(access_.Answer(answer.challenge, authorization, wait));
    } else if (IsRedirect(answer.status) && ++redirects <= kMaxRedirects) {
      BURROW_ASSIGN_OR_RETURN(url, Redirected(url, answer.location));
    } else {
      return answer.status;
    }
  }
}

Status RegistryClient::State::Perform(RegistryGet& get, const std::function<uint64_t()>& received,
                                      const std::stop_token& stop) {
  Wait wait(http_, host_, stop);
  auto pause = options_.first_pause;
  for (;;) {
    uint64_t before = received();
    get.from = before;
    auto status = Once(get, wait);
    if (status && *status == 416 && before > 0) return {};  // all had come, only the end was lost
    Status outcome = status ? StatusOf(*status, get.what) : Status(Forward(std::move(status.error())));
    if (stop.stop_requested()) return Fail(Code::kCancelled, "the import was cancelled");
    if (outcome || outcome.error().code() != Code::kUnavailable) return outcome;
    if (received() > before) {
      wait.Renew();
      pause = options_.first_pause;
    }
    if (steady_clock::now() + pause > wait.give_up()) return Forward(GaveUp(status, outcome.error(), wait));
    if (!Pause(pause, stop)) return Fail(Code::kCancelled, "the import was cancelled");
    pause = std::min(2 * pause, kLongestPause);
  }
}

RegistryClient::RegistryClient(const RegistryReference& reference, RegistryOptions options)
    : state_(std::make_unique<State>(reference, std::move(options))) {}
RegistryClient::~RegistryClient() = default;

std::string RegistryClient::SilentHost() const { return state_->http().SilentHost(); }

Result<std::string> RegistryClient::Manifest(const std::string& version, const std::stop_token& stop) {
  std::string text;
  RegistryGet get{.path = state_->base() + "/manifests/" + version,
                  .what = fmt::format("image '{}'", version),
                  .accept = std::string(kAccept)};
  get.sink = [&](std::string_view bytes) -> Status {
    if (bytes.size() > kMaxDocument - text.size()) return Fail(Code::kOutOfRange, "the image's manifest is too large");
    text += bytes;
    return {};
  };
  auto nothing = [&text] {
    text.clear();  // a manifest is small: from its start again
    return uint64_t{0};
  };
  BURROW_RETURN_IF_ERROR(state_->Perform(get, nothing, stop));
  return text;
}

Result<std::string> RegistryClient::Document(const Descriptor& blob, const std::stop_token& stop) {
  bool manifest =
      blob.media_type.find("manifest") != std::string::npos || blob.media_type.find("image.index") != std::string::npos;
  std::string version = "sha256:" + blob.digest.Hex();
  std::string text;
  if (manifest) {
    BURROW_ASSIGN_OR_RETURN(text, Manifest(version, stop));
  } else {
    RegistryGet get{.path = state_->base() + "/blobs/" + version, .what = "blob " + version};
    get.sink = [&](std::string_view bytes) -> Status {
      if (bytes.size() > kMaxDocument - text.size()) return Fail(Code::kOutOfRange, "{} is too large", get.what);
      text += bytes;
      return {};
    };
    BURROW_RETURN_IF_ERROR(state_->Perform(get, [&] { return text.size(); }, stop));
  }
  if (cas::Digest::Of(text) == blob.digest) return text;
  return Fail(Code::kDataLoss, "the registry sent other bytes than {}", version);
}

Status RegistryClient::Download(const Descriptor& blob, int fd, std::atomic<uint64_t>* counter,
                                const std::stop_token& stop) {
  std::string version = "sha256:" + blob.digest.Hex();
  for (int attempt = 1;; ++attempt) {
    cas::Hasher hasher;
    uint64_t received = 0;
    RegistryGet get{.path = state_->base() + "/blobs/" + version, .what = "layer " + version};
    get.sink = [&](std::string_view bytes) -> Status {
      if (bytes.size() > blob.size - received) return Fail(Code::kDataLoss, "{} is longer than it should be", get.what);
      BURROW_RETURN_IF_ERROR(os::WriteAllAt(fd, bytes, received));
      hasher.Update(bytes);
      received += bytes.size();
      if (counter) counter->fetch_add(bytes.size(), std::memory_order_relaxed);
      return {};
    };
    BURROW_RETURN_IF_ERROR(state_->Perform(get, [&] { return received; }, stop));
    if (received == blob.size && hasher.Finish() == blob.digest) return {};
    if (attempt == kMaxDownloads) return Fail(Code::kDataLoss, "the registry sent other bytes than {}", version);
    if (counter) counter->fetch_sub(received, std::memory_order_relaxed);
    if (::ftruncate(fd, 0) != 0) return FailErrno("empty a layer's file");
  }
}

}  // namespace burrow::oci
