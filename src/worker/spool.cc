#include "worker/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "os/fs.h"

namespace burrow::worker {

Spool::Spool(const std::string& directory) {
  auto file = os::Open(directory, O_TMPFILE | O_RDWR, 0600);
  if (file) {
    file_ = std::move(*file);
  } else {
    status_ = Forward(std::move(file.error()).WithContext("make a file for a large value"));
  }
}

Status Spool::Append(std::string_view data) {
  if (!status_) return status_;
  hasher_.Update(data);
  size_ += data.size();
  if (auto written = os::WriteAll(file_.get(), data); !written)
    status_ = Forward(std::move(written.error()).WithContext("write a large value"));
  return status_;
}

Result<cas::Digest> Spool::Finish() {
  if (!status_) return Forward(Error(status_.error()));
  return hasher_.Finish();
}

Result<std::string> Spool::Read(uint64_t offset, size_t limit) const {
  std::string data(limit, '\0');
  size_t filled = 0;
  while (filled < limit) {
    const ssize_t n = ::pread(file_.get(), data.data() + filled, limit - filled, static_cast<off_t>(offset + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read a large value");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  data.resize(filled);
  return data;
}

}  // namespace burrow::worker
