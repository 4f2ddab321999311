// The daemon's log: one line an event on stderr, levels by BURROW_LOG (debug, info, warn, error; default info).
// Any thread may log. Never log payloads, tokens or environment values.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace burrow {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// Names the process in each line ("control", "worker"); called once by main, before threads start.
void InitLog(std::string_view process_name);

bool LogEnabled(LogLevel level);
void LogText(LogLevel level, std::string_view text);

template <class... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogText(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogWarn(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarn, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace burrow
