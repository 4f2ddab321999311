// HEALTHCHECK.
#include "dockerfile/hints.h"
#include "dockerfile/numbers.h"
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

constexpr uint64_t kShortest = 1'000'000;  // ns; less can only be none at all

struct Times {
  std::vector<Word> interval, timeout, start_period, start_interval, retries;
};

// A flag that may come once.
Status TakeTime(const Statement& statement, const std::vector<Word>& written, uint64_t& time) {
  if (written.empty()) return {};
  if (written.size() > 1) return statement.Bad(written[1].offset, "the flag comes a second time");
  auto parsed = ParseDuration(written[0].text);
  if (!parsed) {
    return statement.Bad(written[0].offset, fmt::format("\"{}\" is no duration", written[0].text),
                         "durations look like 30s, 1m30s or 500ms");
  }
  if (*parsed != 0 && *parsed < kShortest) {
    return statement.Bad(written[0].offset, "the duration is shorter than a millisecond");
  }
  time = *parsed;
  return {};
}

Status TakeRetries(const Statement& statement, const std::vector<Word>& written, uint32_t& retries) {
  if (written.empty()) return {};
  if (written.size() > 1) return statement.Bad(written[1].offset, "the flag comes a second time");
  auto parsed = ParseNumber(written[0].text);
  if (!parsed || *parsed > INT32_MAX) {
    return statement.Bad(written[0].offset, fmt::format("\"{}\" is no number of retries", written[0].text));
  }
  retries = static_cast<uint32_t>(*parsed);
  return {};
}

Status TakeTimes(const Statement& statement, HealthCheck& check) {
  Times times;
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({{"interval", &times.interval},
                                              {"timeout", &times.timeout},
                                              {"start-period", &times.start_period},
                                              {"start-interval", &times.start_interval},
                                              {"retries", &times.retries}}));
  BURROW_RETURN_IF_ERROR(TakeTime(statement, times.interval, check.interval_ns));
  BURROW_RETURN_IF_ERROR(TakeTime(statement, times.timeout, check.timeout_ns));
  BURROW_RETURN_IF_ERROR(TakeTime(statement, times.start_period, check.start_period_ns));
  BURROW_RETURN_IF_ERROR(TakeTime(statement, times.start_interval, check.start_interval_ns));
  return TakeRetries(statement, times.retries, check.retries);
}

}  // namespace

Result<InstructionKind> ParseHealthCheck(const Statement& statement) {
  HealthCheck check;
  BURROW_RETURN_IF_ERROR(TakeTimes(statement, check));
  BURROW_RETURN_IF_ERROR(statement.Need("CMD and a command, or NONE"));
  std::string_view text = statement.arguments();
  size_t end = std::min(text.find_first_of(kBlanks), text.size());
  std::string type = Upper(text.substr(0, end));
  std::string_view rest = TrimBlanks(text.substr(end));
  if (type == "NONE") {
    if (!rest.empty()) return statement.Bad(statement.arguments_offset(), "HEALTHCHECK NONE takes no arguments");
    check.test = {"NONE"};
    return check;
  }
  if (type != "CMD") {
    static constexpr std::string_view kTypes[] = {"CMD", "NONE"};
    return statement.Bad(statement.arguments_offset(), fmt::format("HEALTHCHECK knows no {}", type),
                         Nearest(type, kTypes) ? DidYouMean(type, kTypes) : "write HEALTHCHECK CMD and a command");
  }
  auto list = StringList(rest);
  if (!list) return statement.Bad(statement.arguments_offset(), list.error().message());
  if (*list ? (*list)->empty() : rest.empty()) {
    return statement.Bad(statement.arguments_offset(), "HEALTHCHECK CMD needs a command");
  }
  if (*list) {
    check.test = std::move(**list);
    check.test.insert(check.test.begin(), "CMD");
  } else {
    check.test = {"CMD-SHELL", std::string(rest)};
  }
  return check;
}

}  // namespace burrow::dockerfile
