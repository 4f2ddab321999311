#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace burrow {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> NewLogger(std::string_view process_name) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>(std::string(process_name), std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %n: %v");
  const char* wanted = std::getenv("BURROW_LOG");
  logger->set_level(wanted ? spdlog::level::from_str(wanted) : spdlog::level::info);
  return logger;
}

// Made in this file, not by spdlog's registry: a library built without ThreadSanitizer hides its own initialisation.
std::shared_ptr<spdlog::logger>& Logger() {
  static auto logger = NewLogger("burrow");
  return logger;
}

}  // namespace

void InitLog(std::string_view process_name) { Logger() = NewLogger(process_name); }

bool LogEnabled(LogLevel level) { return Logger()->should_log(ToSpdlog(level)); }

void LogText(LogLevel level, std::string_view text) { Logger()->log(ToSpdlog(level), text); }

}  // namespace burrow
