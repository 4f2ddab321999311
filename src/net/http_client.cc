#include "net/http_client.h"

#include <curl/curl.h>
#include <curl/header.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

#include "base/ascii.h"

namespace burrow::net {
namespace {

constexpr size_t kMaxIdleHandles = 64;
constexpr size_t kMaxErrorBody = 64u << 10;

struct CurlCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlHandle = std::unique_ptr<CURL, CurlCloser>;

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }
  void Add(const std::string& header) {
    if (curl_slist* longer = curl_slist_append(list_, header.c_str())) list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// One request under way: what curl's callbacks work on.
struct Transfer {
  explicit Transfer(const HttpRequest& r) : request(r) {}

  const HttpRequest& request;
  CURL* handle = nullptr;
  HttpResponse response;
  std::optional<Error> failure;  // why a callback ended the transfer
  uint64_t sent = 0;             // position in the request's body
  curl_off_t moved = 0;          // bytes both ways when last looked at
  std::chrono::steady_clock::time_point last_move = std::chrono::steady_clock::now();
  bool stalled = false;
  bool cancelled = false;

  bool Successful() const { return response.status >= 200 && response.status < 300; }
  Status Receive(std::string_view data);
};

Status Transfer::Receive(std::string_view data) {
  if (response.status == 0) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    if (request.on_status) request.on_status(response.status);
  }
  if (!Successful()) {
    response.body.append(data.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, response.body.size())));
    return {};
  }
  if (request.sink) return request.sink(data);
  if (data.size() > request.body_limit - response.body.size()) {
    return Fail(Code::kOutOfRange, "the answer is larger than {} bytes", request.body_limit);
  }
  response.body.append(data);
  return {};
}

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  try {
    if (Status status = transfer->Receive({data, size * count}); !status) {
      transfer->failure = std::move(status.error());
      return CURL_WRITEFUNC_ERROR;
    }
  } catch (const std::exception& e) {
    transfer->failure = Error(Code::kInternal, fmt::format("receive: {}", e.what()));
    return CURL_WRITEFUNC_ERROR;
  }
  return size * count;
}

size_t OnHeader(char* data, size_t size, size_t count, void* context) {
  std::string_view line(data, size * count);
  size_t colon = line.find(':');
  if (colon == line.npos) return line.size();
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), ToLower);
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' '))
    value.remove_suffix(1);
  static_cast<Transfer*>(context)->request.on_header(name, value);
  return line.size();
}

size_t OnSend(char* buffer, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  size_t room = size * count;
  if (transfer->request.body_fd >= 0) {
    ssize_t n = ::pread(transfer->request.body_fd, buffer, room, static_cast<off_t>(transfer->sent));
    if (n < 0) {
      transfer->failure = FailErrno("read the file to send").error();
      return CURL_READFUNC_ABORT;
    }
    transfer->sent += static_cast<uint64_t>(n);
    return static_cast<size_t>(n);
  }
  std::string_view rest = transfer->request.body.substr(transfer->sent);
  size_t n = std::min(room, rest.size());
  std::memcpy(buffer, rest.data(), n);
  transfer->sent += n;
  return n;
}

curl_socket_t OnConnect(void* context, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(context);
  if (!IsWithinReach(transfer->request.reach, address->addr)) {
    transfer->failure =
        Error(Code::kPermissionDenied,
              fmt::format("{} is an address of this machine's own, or of its link", transfer->request.url));
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Curl sends a body again from its start when a kept connection turned out to be dead.
int OnSeek(void* context, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(context)->sent = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int OnProgress(void* context, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  auto* transfer = static_cast<Transfer*>(context);
  auto now = std::chrono::steady_clock::now();
  if (received + sent != transfer->moved) {
    transfer->moved = received + sent;
    transfer->last_move = now;
  }
  transfer->stalled = now - transfer->last_move > transfer->request.stall_timeout;
  transfer->cancelled = transfer->request.cancelled && transfer->request.cancelled();
  return transfer->stalled || transfer->cancelled ? 1 : 0;
}

Result<curl_off_t> BodySize(const HttpRequest& request) {
  if (request.body_fd < 0) return static_cast<curl_off_t>(request.body.size());
  struct stat st;
  if (::fstat(request.body_fd, &st) != 0) return FailErrno("stat the file to send");
  return static_cast<curl_off_t>(st.st_size);
}

// As OpenSSL's own programs take it; libcurl by itself reads neither.
struct TrustedAuthorities {
  const char* file = std::getenv("SSL_CERT_FILE");
  const char* directory = std::getenv("SSL_CERT_DIR");
};

void SetTrust(CURL* handle) {
  static const TrustedAuthorities trusted;
  if (trusted.file && *trusted.file) curl_easy_setopt(handle, CURLOPT_CAINFO, trusted.file);
  if (trusted.directory && *trusted.directory) curl_easy_setopt(handle, CURLOPT_CAPATH, trusted.directory);
}

std::string SentenceOf(CURLcode code) {
  if (code != CURLE_PEER_FAILED_VERIFICATION) return curl_easy_strerror(code);
  return "its certificate is not of a trusted authority or not for this name: start burrowd with SSL_CERT_FILE=FILE to "
         "trust those in FILE";
}

void SetCommonOptions(CURL* handle, const HttpRequest& request) {
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a silent name server holds nobody longer than the deadlines say
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  SetTrust(handle);
  curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
}

void SetCallbacks(CURL* handle, Transfer* transfer) {
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
  if (transfer->request.on_header) {
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
  }
  if (transfer->request.reach != Reach::kEverywhere) {
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, OnConnect);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, transfer);
  }
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
}

Status SetMethod(CURL* handle, Transfer* transfer) {
  const HttpRequest& request = transfer->request;
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    return {};
  }
  bool has_body = request.method == "PUT" || request.method == "POST" || request.method == "PATCH";
  if (has_body) {
    BURROW_ASSIGN_OR_RETURN(curl_off_t size, BodySize(request));
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, size);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, OnSend);
    curl_easy_setopt(handle, CURLOPT_READDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, transfer);
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  return {};
}

void ReadHeaders(CURL* handle, HttpResponse& response) {
  curl_off_t length = -1;
  curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length >= 0) response.content_length = static_cast<uint64_t>(length);
  curl_header* etag = nullptr;
  if (curl_easy_header(handle, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK) response.etag = etag->value;
}

}  // namespace

struct HttpClient::State {
  std::mutex mutex;
  std::vector<CurlHandle> idle;  // guarded by mutex

  CurlHandle Take() {
    std::lock_guard lock(mutex);
    if (idle.empty()) return CurlHandle(curl_easy_init());
    CurlHandle handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }
  void GiveBack(CurlHandle handle) {
    curl_easy_reset(handle.get());  // keeps the connections
    std::lock_guard lock(mutex);
    if (idle.size() < kMaxIdleHandles) idle.push_back(std::move(handle));
  }
};

HttpClient::HttpClient() : state_(std::make_unique<State>()) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Perform(const HttpRequest& request) {
  CurlHandle handle = state_->Take();
  if (!handle) return Fail(Code::kResourceExhausted, "no memory for an HTTP request");
  Transfer transfer(request);
  transfer.handle = handle.get();
  HeaderList headers;
  for (const std::string& header : request.headers) headers.Add(header);
  headers.Add("Expect:");  // a body is sent at once
  SetCommonOptions(handle.get(), request);
  SetCallbacks(handle.get(), &transfer);
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  BURROW_RETURN_IF_ERROR(SetMethod(handle.get(), &transfer));

  CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  ReadHeaders(handle.get(), transfer.response);
  state_->GiveBack(std::move(handle));
  if (transfer.failure) return Forward(std::move(*transfer.failure));
  if (transfer.cancelled) return Fail(Code::kCancelled, "{} {} was cancelled", request.method, request.url);
  if (transfer.stalled) {
    return Fail(Code::kUnavailable, "{} {}: no byte moved for {} ms", request.method, request.url,
                request.stall_timeout.count());
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Fail(Code::kUnavailable, "{} {}: no connection within {} ms", request.method, request.url,
                request.connect_timeout.count());
  }
  if (code != CURLE_OK) return Fail(Code::kUnavailable, "{} {}: {}", request.method, request.url, SentenceOf(code));
  return std::move(transfer.response);
}

}  // namespace burrow::net
