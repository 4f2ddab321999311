#include "control/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>
#include <string_view>

#include "control/limits.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

using nlohmann::json;

std::optional<pb::LogLine> DecodeLogLine(std::string_view text, const std::string& app_id) {
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  try {
    pb::LogLine line;
    line.set_app_id(app_id);
    line.set_time_ms(object.value("time_ms", uint64_t{0}));
    line.set_function(object.value("function", ""));
    line.set_container_id(object.value("container", ""));
    line.set_call_id(object.value("call", ""));
    line.set_stream(static_cast<pb::LogStream>(object.value("stream", 0)));
    line.set_text(object.value("text", ""));
    line.set_partial(object.value("partial", false));
    return line;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

Result<std::string> ReadOrEmpty(const std::string& path) {
  auto content = os::ReadFile(path, 4 * kMaxLogFileBytes);
  if (!content && content.error().code() == Code::kNotFound) return std::string();
  return content;
}

}  // namespace

std::string EncodeLogLine(const pb::LogLine& line) {
  json object = {{"time_ms", line.time_ms()}, {"stream", static_cast<int>(line.stream())}, {"text", line.text()}};
  if (!line.function().empty()) object["function"] = line.function();
  if (!line.container_id().empty()) object["container"] = line.container_id();
  if (!line.call_id().empty()) object["call"] = line.call_id();
  if (line.partial()) object["partial"] = true;
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

Result<Appended> AppendLog(const std::string& path, const std::string& lines, uint64_t limit) {
  BURROW_ASSIGN_OR_RETURN(auto file, os::Open(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return FailErrno(path);
  const bool is_full = static_cast<uint64_t>(info.st_size) > limit;
  if (is_full) {
    if (::rename(path.c_str(), EarlierLog(path).c_str()) != 0) return FailErrno(path);
    BURROW_ASSIGN_OR_RETURN(file, os::Open(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
  }
  BURROW_RETURN_IF_ERROR(os::WriteAll(file.get(), lines));
  return is_full || info.st_size == 0 ? Appended::kToNewFile : Appended::kToSameFile;
}

void RemoveLog(const std::string& path) {
  ::unlink(EarlierLog(path).c_str());
  ::unlink(path.c_str());
}

Result<std::vector<pb::LogLine>> ReadLog(const std::string& path, const std::string& app_id, uint32_t tail,
                                         const LogFilter& filter) {
  BURROW_ASSIGN_OR_RETURN(std::string content, ReadOrEmpty(EarlierLog(path)));
  BURROW_ASSIGN_OR_RETURN(std::string current, ReadOrEmpty(path));
  content += current;
  std::vector<pb::LogLine> lines;
  size_t end = content.size();
  // Backwards, so that a short tail of a long log costs little.
  while (end > 0 && (tail == 0 || lines.size() < tail)) {
    size_t newline = end >= 2 ? content.rfind('\n', end - 2) : std::string::npos;
    size_t begin = newline == std::string::npos ? 0 : newline + 1;
    auto line = DecodeLogLine(std::string_view(content).substr(begin, end - begin), app_id);
    if (line && filter.Takes(*line)) lines.push_back(std::move(*line));
    end = begin;
  }
  std::ranges::reverse(lines);
  return lines;
}

}  // namespace burrow::control
