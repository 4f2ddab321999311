#include "api/upload_endpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <memory>
#include <utility>

#include "api/answer.h"
#include "base/ids.h"
#include "os/disk_room.h"
#include "os/fs.h"

namespace burrow::api {
namespace {

constexpr const char* kPrefix = "up";
constexpr const char* kUnfinished = ".part";
constexpr size_t kUploadPiece = 1u << 20;

// One upload under way; shared with the pool's thread, which has it while the coroutine waits.
struct Receiving {
  explicit Receiving(const UploadOptions& o) : options(o), id(NewIdText(kPrefix)), piece(kUploadPiece, '\0') {}
  Receiving(const Receiving&) = delete;
  Receiving& operator=(const Receiving&) = delete;
  ~Receiving() {
    if (file.valid()) ::unlink(Path().c_str());  // finished ones have another name
  }
  std::string Path() const { return options.directory + "/" + id + kUnfinished; }

  Status Store(size_t size, bool last);
  Status CheckRoom() const;

  const UploadOptions& options;
  std::string id;
  UniqueFd file;
  std::string piece;
  uint64_t bytes = 0;
};

Status Receiving::CheckRoom() const {
  if (bytes > options.max_bytes) return Fail(Code::kResourceExhausted, "the upload is larger than it may be");
  return os::CheckDiskRoom(options.directory, options.keep_free);
}

Status Receiving::Store(size_t size, bool last) {
  if (!file.valid()) {
    BURROW_ASSIGN_OR_RETURN(file, os::Open(Path(), O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  bytes += size;
  BURROW_RETURN_IF_ERROR(CheckRoom());
  BURROW_RETURN_IF_ERROR(os::WriteAll(file.get(), std::string_view(piece).substr(0, size)));
  if (!last) return {};
  if (::rename(Path().c_str(), (options.directory + "/" + id).c_str()) != 0) return FailErrno("keep the upload");
  return {};
}

}  // namespace

Status Uploads::Clear() const {
  BURROW_RETURN_IF_ERROR(os::RemoveTree(options_.directory));
  return os::MakeDirectories(options_.directory, 0700);
}

Result<UniqueFd> Uploads::Take(const std::string& id) const {
  if (!IsIdText(kPrefix, id)) return Fail(Code::kInvalidArgument, "'{}' is no upload's id", id.substr(0, 64));
  std::string path = options_.directory + "/" + id;
  auto file = os::Open(path, O_RDONLY | O_NOFOLLOW);
  if (!file || ::unlink(path.c_str()) != 0) {
    return Fail(Code::kNotFound, "there is no upload {}: it was used already, or is too old; send it again", id);
  }
  return file;
}

void Uploads::ForgetOld() const {
  std::error_code error;
  auto now = static_cast<uint64_t>(::time(nullptr));
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory, error)) {
    struct stat st;
    if (::lstat(entry.path().c_str(), &st) != 0) continue;
    bool old = static_cast<uint64_t>(st.st_mtim.tv_sec) + options_.forget_after_ms / 1000 < now;
    if (old) ::unlink(entry.path().c_str());
  }
}

net::Task<void> UploadEndpoint::Handle(net::HttpExchange& exchange) {
  if (exchange.method() != "POST") {
    exchange.AddHeader("Allow", "POST");
    co_await RespondError(exchange, Error(Code::kUnimplemented, "uploads are sent by POST"), 405);
    co_return;
  }
  auto id = co_await Receive(exchange);
  if (id) {
    co_await exchange.Respond(201, "application/json", fmt::format(R"({{"upload":"{}"}})", *id));
  } else {
    co_await RespondError(exchange, id.error());
  }
}

net::Task<Result<std::string>> UploadEndpoint::Receive(net::HttpExchange& exchange) {
  auto forget = [&uploads = uploads_] { uploads.ForgetOld(); };
  co_await net::RunBlocking(pool_, std::move(forget));
  auto receiving = std::make_shared<Receiving>(uploads_.options());
  for (bool last = false; !last;) {
    size_t filled = 0;
    while (filled < receiving->piece.size() && !last) {
      BURROW_CO_ASSIGN_OR_RETURN(size_t got, co_await exchange.ReadSome(std::span(receiving->piece).subspan(filled)));
      filled += got;
      last = got == 0;
    }
    auto store = [receiving, filled, last] { return receiving->Store(filled, last); };
    BURROW_CO_RETURN_IF_ERROR(co_await net::RunBlocking(pool_, std::move(store)));
  }
  co_return receiving->id;
}

}  // namespace burrow::api
