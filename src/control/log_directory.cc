#include "control/log_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/ids.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".jsonl";

// Ids come from workers, and become names of files.
bool IsContainerId(const std::string& id) { return IsIdText(ContainerTag::kPrefix, id); }

struct Ring {
  std::string path;
  timespec written{};
  uint64_t bytes = 0;
};

std::vector<Ring> RingsOf(const std::string& directory) {
  std::vector<Ring> rings;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    Ring ring{.path = entry->path().string()};
    struct stat current{}, before{};
    if (!ring.path.ends_with(kEnding) || ::stat(ring.path.c_str(), &current) != 0) continue;
    if (::stat(EarlierLog(ring.path).c_str(), &before) != 0) before.st_size = 0;
    ring.written = current.st_mtim;
    ring.bytes = static_cast<uint64_t>(current.st_size) + static_cast<uint64_t>(before.st_size);
    rings.push_back(std::move(ring));
  }
  return rings;
}

bool WrittenEarlier(const Ring& one, const Ring& other) {
  if (one.written.tv_sec != other.written.tv_sec) return one.written.tv_sec < other.written.tv_sec;
  return one.written.tv_nsec < other.written.tv_nsec;
}

// A line with the time by which it is sorted: never before its predecessor's, whatever the clock did.
struct TimedLine {
  uint64_t time_ms;
  size_t number;
  pb::LogLine line;
  std::pair<uint64_t, size_t> Order() const { return {time_ms, number}; }
};

void AddInOrder(std::vector<pb::LogLine> lines, std::vector<TimedLine>& all) {
  uint64_t latest = 0;
  for (pb::LogLine& line : lines) {
    latest = std::max(latest, line.time_ms());
    all.push_back({latest, all.size(), std::move(line)});
  }
}

}  // namespace

Result<Appended> LogDirectory::AppendToRing(const std::string& ring, const std::string& lines) const {
  auto appended = AppendLog(ring, lines, quota_.container_bytes / 2);
  if (appended || appended.error().code() != Code::kNotFound) return appended;
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(path_, 0700));
  return AppendLog(ring, lines, quota_.container_bytes / 2);
}

Status LogDirectory::Append(const std::map<std::string, std::string>& lines) const {
  Status result;
  bool turned = false;
  for (const auto& [container, text] : lines) {
    const bool is_ring = IsContainerId(container);
    auto appended = is_ring ? AppendToRing(RingOf(container), text) : AppendLog(OwnFile(), text, kMaxLogFileBytes);
    if (!appended) {
      result = Forward(std::move(appended.error()));
    } else if (is_ring && *appended == Appended::kToNewFile) {
      turned = true;
    }
  }
  if (turned) KeepQuota();
  return result;
}

void LogDirectory::KeepQuota() const {
  std::vector<Ring> rings = RingsOf(path_);
  std::ranges::sort(rings, WrittenEarlier);
  uint64_t bytes = 0;
  for (const Ring& ring : rings) bytes += ring.bytes;
  size_t left = rings.size();
  for (const Ring& ring : rings) {
    if (left <= 1 || (left <= quota_.containers && bytes <= quota_.app_bytes)) break;
    RemoveLog(ring.path);
    bytes -= ring.bytes;
    --left;
  }
}

std::vector<std::string> LogDirectory::FilesFor(const LogFilter& filter) const {
  if (IsContainerId(filter.container_id)) return {OwnFile(), RingOf(filter.container_id)};
  std::vector<std::string> files = {OwnFile()};
  for (Ring& ring : RingsOf(path_)) files.push_back(std::move(ring.path));
  std::ranges::sort(files.begin() + 1, files.end());
  return files;
}

Result<std::vector<pb::LogLine>> LogDirectory::Read(uint32_t tail, const LogFilter& filter) const {
  std::vector<TimedLine> all;
  for (const std::string& file : FilesFor(filter)) {
    BURROW_ASSIGN_OR_RETURN(auto lines, ReadLog(file, app_id_, tail, filter));
    AddInOrder(std::move(lines), all);
  }
  std::ranges::sort(all, {}, &TimedLine::Order);
  const size_t first = tail == 0 || all.size() <= tail ? 0 : all.size() - tail;
  std::vector<pb::LogLine> lines;
  lines.reserve(all.size() - first);
  for (size_t i = first; i < all.size(); ++i) lines.push_back(std::move(all[i].line));
  return lines;
}

void LogDirectory::Remove() const {
  RemoveLog(OwnFile());
  (void)os::RemoveTree(path_);
}

}  // namespace burrow::control
