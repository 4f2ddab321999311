#include "cas/pack_journal.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/faults.h"
#include "cas/blob_store.h"
#include "cas/pack_records.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr std::string_view kPrefix = "journal-";
constexpr uint64_t kMaxJournal = 1u << 30;
constexpr size_t kHead = Digest::kSize + sizeof(uint32_t);

std::string PathOf(const std::string& directory, uint64_t number) {
  return fmt::format("{}/{}{}", directory, kPrefix, number);
}

}  // namespace

Result<PackJournal> PackJournal::Create(const std::string& directory, uint64_t number) {
  PackJournal journal;
  journal.path_ = PathOf(directory, number);
  BURROW_ASSIGN_OR_RETURN(journal.fd_, os::Open(journal.path_, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600));
  return journal;
}

PackJournal PackJournal::Replayed(const std::string& directory, uint64_t number) {
  PackJournal journal;
  journal.path_ = PathOf(directory, number);
  return journal;
}

Result<std::vector<uint64_t>> PackJournal::Find(const std::string& directory) {
  std::vector<uint64_t> numbers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const char* end = name.data() + name.size();
    uint64_t number = 0;
    auto [last, failed] = std::from_chars(name.data() + kPrefix.size(), end, number);
    if (failed == std::errc() && last == end) numbers.push_back(number);
  }
  if (error) return FailErrno("read " + directory, error.value());
  std::ranges::sort(numbers);
  return numbers;
}

Status PackJournal::Replay(const std::string& directory, uint64_t number,
                           const std::function<Status(const Digest&, std::string)>& blob) {
  BURROW_ASSIGN_OR_RETURN(std::string content, os::ReadFile(PathOf(directory, number), kMaxJournal));
  std::string_view rest = content;
  while (rest.size() >= kHead) {
    PackEntry entry = pack_records::ReadEntry(rest);
    rest.remove_prefix(kHead);
    if (entry.size > rest.size() || entry.size >= kSmallBlob) return {};
    auto data = rest.substr(0, entry.size);
    rest.remove_prefix(entry.size);
    // A power failure may leave a hole anywhere; what follows may be whole.
    if (Digest::Of(data) == entry.digest) BURROW_RETURN_IF_ERROR(blob(entry.digest, std::string(data)));
  }
  return {};
}

Status PackJournal::Append(const Digest& digest, std::string_view data) {
  std::string record;
  record.reserve(kHead + data.size());
  pack_records::AppendDigest(digest, record);
  pack_records::AppendNumber(static_cast<uint32_t>(data.size()), record);
  record += data;
  Status written = os::WriteAll(fd_.get(), record);
  if (written) {
    size_ += record.size();
    return FaultPoint("cas.packs.journal_appended");
  }
  if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) return FailErrno("cut the journal of packs");
  return Forward(std::move(written.error()).WithContext("keep a small blob"));
}

Status PackJournal::Remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return FailErrno("remove " + path_);
  return {};
}

}  // namespace burrow::cas
