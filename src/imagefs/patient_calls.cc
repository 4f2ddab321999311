#include "imagefs/patient_calls.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "imagefs/attributes.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

using std::chrono::milliseconds;

constexpr char kReadAheadKb[] = "1024";

// Between looks at whether an answer is still wanted.
constexpr milliseconds kLook{100};

bool NeverEnds() { return false; }

// Runs `work` on a thread that may be left behind: a system call that hangs in the kernel cannot be ended.
template <class T>
Result<T> Within(milliseconds deadline, std::string_view what, std::function<Result<T>()> work,
                 const std::function<bool()>& ended = NeverEnds) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<T>> result;
  };
  auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)] {
    Result<T> result = work();
    std::lock_guard lock(shared->mutex);
    shared->result = std::move(result);
    shared->done.notify_all();
  }).detach();
  const auto end = std::chrono::steady_clock::now() + deadline;
  std::unique_lock lock(shared->mutex);
  for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
    if (ended()) return Fail(Code::kCancelled, "nobody needs it any more");
    if (shared->done.wait_until(lock, std::min(end, now + kLook), [&] { return shared->result.has_value(); }))
      return std::move(*shared->result);
  }
  return Fail(Code::kDeadlineExceeded, "imagefs did not answer for {} within {} ms", what, deadline.count());
}

}  // namespace

Result<struct stat> StatWithin(const std::string& path, milliseconds deadline) {
  return Within<struct stat>(deadline, path, [path]() -> Result<struct stat> {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return FailErrno("stat " + path);
    return st;
  });
}

Status PingWithin(const std::string& path, milliseconds deadline) {
  auto answered = Within<bool>(deadline, path, [path]() -> Result<bool> {
    struct statfs st;
    if (::statfs(path.c_str(), &st) != 0) return FailErrno("statfs " + path);
    return true;
  });
  if (!answered) return Forward(std::move(answered.error()));
  return {};
}

using FilePointer = std::shared_ptr<PatientFile>;

Result<FilePointer> OpenWithin(const std::string& path, milliseconds deadline, const std::function<bool()>& ended) {
  auto open = [path]() -> Result<FilePointer> {
    BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(path, O_RDONLY));
    return std::make_shared<PatientFile>(PatientFile{.fd = std::move(fd), .bytes = {}});
  };
  return Within<FilePointer>(deadline, path, open, ended);
}

Status ReadWithin(const FilePointer& file, ByteRange range, milliseconds deadline, const std::function<bool()>& ended) {
  auto read = [file, range]() -> Result<bool> {
    file->bytes.resize(range.size);
    ssize_t n = ::pread(file->fd.get(), file->bytes.data(), range.size, static_cast<off_t>(range.offset));
    if (n < 0) return FailErrno("read a frame");
    return true;
  };
  auto done = Within<bool>(deadline, "a frame", read, ended);
  if (!done) return Forward(std::move(done.error()));
  return {};
}

Status Probe(const std::string& mount) {
  std::string path = mount + "/" + kProbeName;
  auto opened = OpenWithin(path, kAnswerSlack, NeverEnds);
  if (!opened) return Forward(std::move(opened.error()));
  return {};
}

void RaiseReadAhead(const std::string& mount) {
  auto st = StatWithin(mount, kAnswerSlack);
  if (!st) return;
  std::string path = fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(st->st_dev), minor(st->st_dev));
  auto fd = os::Open(path, O_WRONLY);
  if (!fd || !os::WriteAll(fd->get(), kReadAheadKb)) LogDebug("{} cannot be written", path);
}

}  // namespace burrow::imagefs
