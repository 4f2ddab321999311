#include "control/build_log.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "os/fs.h"
#include "store/store.h"

namespace burrow::control {
namespace {

Status AppendTo(const std::string& path, const std::string& text) {
  BURROW_ASSIGN_OR_RETURN(auto file, os::Open(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
  return os::WriteAll(file.get(), text);
}

Status RemoveOldest(const std::string& directory, size_t kept) {
  std::error_code error;
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    auto written = entry.last_write_time(error);
    if (!error) files.emplace_back(written, entry.path());
  }
  std::ranges::sort(files, std::greater());
  for (size_t i = kept; i < files.size(); ++i) std::filesystem::remove(files[i].second, error);
  return {};
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string BuildLogs::PathOf(const BuildLogId& build) const {
  const std::string prefix = build.workspace == store::kDefaultWorkspace ? "" : build.workspace + "@";
  return directory_ + "/" + prefix + build.build.str() + ".log";
}

void BuildLogs::Begin() {
  disk_.Run([directory = directory_] { return RemoveOldest(directory, kMaxBuildLogs - 1); }, [](const Status&) {});
}

void BuildLogs::Append(const BuildLogId& build, const std::string& line) {
  File& file = files_[build];
  if (file.bytes >= kMaxBuildLogBytes) return;
  std::string text = line;
  std::ranges::replace(text, '\n', ' ');
  file.bytes += text.size() + 1;
  if (file.bytes >= kMaxBuildLogBytes) text = "the log is full: the rest was left out";
  file.pending += text + "\n";
  if (!file.writing) Write(build);
}

void BuildLogs::Write(const BuildLogId& build) {
  File& file = files_[build];
  file.writing = true;
  disk_.Run([path = PathOf(build), text = std::exchange(file.pending, {})] { return AppendTo(path, text); },
            [this, build](const Status& status) {
              if (!status) LogError("the log of the build {}: {}", build.build.str(), status.error().message());
              File& file = files_[build];
              file.writing = false;
              if (!file.pending.empty()) return Write(build);
              if (file.ended) files_.erase(build);
            });
}

void BuildLogs::End(const BuildLogId& build) {
  auto found = files_.find(build);
  if (found == files_.end()) return;
  found->second.ended = true;
  if (!found->second.writing) files_.erase(found);
}

net::Task<Result<std::vector<std::string>>> BuildLogs::Read(BuildLogId build) {
  auto pending = files_.contains(build) ? files_[build].pending : std::string();
  auto text = co_await disk_.Ask([path = PathOf(build)] { return os::ReadFile(path, 2 * kMaxBuildLogBytes); });
  if (!text && text.error().code() == Code::kNotFound && !pending.empty()) text = std::string();
  if (!text) co_return Forward(std::move(text.error()).WithContext("read the log of the build " + build.build.str()));
  co_return SplitLines(*text + pending);
}

}  // namespace burrow::control
