#include "control/url_download.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "net/http_client.h"
#include "oci/registry_reference.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

constexpr int kMaxRedirects = 10;
constexpr uint32_t kDownloadMode = 0600;

// One answer: a file without a name that holds its body, or where else to ask.
struct Answer {
  int status = 0;
  UniqueFd file;
  uint64_t size = 0;
  cas::Digest digest;
  std::string location;
  int64_t mtime = 0;
};

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// "Tue, 15 Nov 1994 12:45:26 GMT" (RFC 9110); 0 for what is no date.
int64_t ParseHttpDate(std::string_view text) {
  std::tm parts = {};
  if (!::strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts)) return 0;
  return std::max<int64_t>(0, ::timegm(&parts));
}

Result<Answer> Ask(const UrlDownload& download, const std::string& url, net::Reach reach) {
  BURROW_RETURN_IF_ERROR(oci::ParseUrl(url));
  Answer answer;
  BURROW_ASSIGN_OR_RETURN(answer.file, os::Open(download.scratch_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  cas::Hasher hasher;
  net::HttpRequest request;
  request.url = url;
  request.reach = reach;
  auto is_late = [&] { return std::chrono::steady_clock::now() >= download.limits.deadline; };
  request.cancelled = [&] { return download.limits.stop.stop_requested() || is_late(); };
  request.sink = [&](std::string_view data) -> Status {
    answer.size += data.size();
    if (answer.size > download.max_bytes)
      return Fail(Code::kOutOfRange, "{} is larger than {} bytes", url, download.max_bytes);
    hasher.Update(data);
    return os::WriteAll(answer.file.get(), data);
  };
  request.on_header = [&](std::string_view name, std::string_view value) {
    if (name == "location") answer.location = value;
    if (name == "last-modified") answer.mtime = ParseHttpDate(value);
  };
  net::HttpClient client;
  auto response = client.Perform(request);
  if (!response && is_late())
    return Fail(Code::kDeadlineExceeded,
                "it took longer than a step may: `burrow build --step-timeout SECONDS` raises the limit");
  if (!response) return Forward(std::move(response.error()));
  answer.status = response->status;
  answer.digest = hasher.Finish();
  return answer;
}

// Without scheme, user, port and path.
std::string_view HostOf(std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  url = url.substr(0, url.find_first_of("/?#"));
  url.remove_prefix(url.rfind('@') == url.npos ? 0 : url.rfind('@') + 1);
  return url.starts_with('[') ? url.substr(0, url.find(']') + 1) : url.substr(0, url.find(':'));
}

Result<Answer> AskThrough(const UrlDownload& download) {
  std::string url = download.url;
  for (int i = 0; i <= kMaxRedirects; ++i) {
    // Who wrote the Dockerfile may serve files on the machine itself; where others' servers point is another matter.
    const bool own = HostOf(url) == HostOf(download.url);
    auto answer = Ask(download, url, own ? net::Reach::kBeyondLink : net::Reach::kBeyondMachine);
    if (!answer) return Forward(std::move(answer.error()).WithContext("download " + url));
    if (answer->status / 100 == 2) return answer;
    if (answer->status / 100 != 3 || answer->location.empty())
      return Fail(Code::kFailedPrecondition, "{} answered with HTTP status {}", url, answer->status);
    BURROW_ASSIGN_OR_RETURN(url, ResolveLocation(url, answer->location));
  }
  return Fail(Code::kFailedPrecondition, "{} redirects more than {} times", download.url, kMaxRedirects);
}

// This machine, or its link, where clouds keep their metadata.
bool IsNear(std::string_view host) {
  return oci::IsLoopback(host) || host.starts_with("169.254.") || host.starts_with("[fe80:") || host == "[::1]" ||
         host == "0.0.0.0" || host == "[::]" || host.starts_with("[::ffff:");
}

}  // namespace

std::string NameOfUrl(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  size_t scheme = url.find("://");
  size_t path = scheme == url.npos ? url.npos : url.find('/', scheme + 3);
  if (path == url.npos) return {};
  std::string name;
  for (std::string_view rest = url.substr(url.rfind('/') + 1); !rest.empty(); rest.remove_prefix(1)) {
    bool escaped = rest.size() >= 3 && rest[0] == '%' && HexValue(rest[1]) >= 0 && HexValue(rest[2]) >= 0;
    name += escaped ? static_cast<char>(HexValue(rest[1]) * 16 + HexValue(rest[2])) : rest[0];
    if (escaped) rest.remove_prefix(2);
  }
  bool plain = name != "." && name != ".." && name.find_first_of(std::string_view("/\0", 2)) == name.npos;
  return plain ? name : std::string();
}

Result<std::string> ResolveLocation(std::string_view url, std::string_view location) {
  size_t host = url.find("://") + 3;
  std::string_view origin = url.substr(0, url.find_first_of("/?#", host));
  std::string target;
  if (location.starts_with("http://") || location.starts_with("https://")) {
    target = location;
  } else if (location.find("://") != location.npos) {
    return Fail(Code::kInvalidArgument, "{} redirects to '{}', which is not on the web", url, location.substr(0, 200));
  } else if (location.starts_with("//")) {
    target = std::string(url.substr(0, host - 2)) + std::string(location);
  } else if (location.starts_with('/')) {
    target = std::string(origin) + std::string(location);
  } else {
    std::string_view path = url.substr(0, url.find_first_of("?#"));
    std::string_view folder = path.size() > origin.size() ? path.substr(0, path.rfind('/')) : origin;
    target = fmt::format("{}/{}", folder, location);
  }
  if (IsNear(HostOf(target)) && HostOf(target) != HostOf(url))
    return Fail(Code::kInvalidArgument, "{} redirects to '{}', which only this machine can reach", url,
                location.substr(0, 200));
  return target;
}

Result<std::pair<std::string, image::TreeInode>> DownloadFile(const UrlDownload& download, cas::BlobStore& blobs) {
  BURROW_ASSIGN_OR_RETURN(auto answer, AskThrough(download));
  if (!download.checksum.empty() && download.checksum != "sha256:" + answer.digest.Hex()) {
    return Fail(Code::kFailedPrecondition, "{} has the content sha256:{}, not {}", download.url, answer.digest.Hex(),
                download.checksum);
  }
  image::TreeInode inode;
  inode.mode = S_IFREG | kDownloadMode;
  inode.mtime = answer.mtime;
  inode.size = answer.size;
  if (answer.size > 0) {
    inode.digest = answer.digest;
    BURROW_RETURN_IF_ERROR(blobs.PutFile(answer.digest, answer.file.get()));
  }
  return std::pair(NameOfUrl(download.url), std::move(inode));
}

}  // namespace burrow::control
