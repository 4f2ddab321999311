#include "dockerfile/numbers.h"

#include <array>
#include <charconv>
#include <utility>

#include "dockerfile/hints.h"

namespace burrow::dockerfile {
namespace {

constexpr long double kMost = 9223372036854775807.0L;

// Digits with at most one point among them, which move out of `text`.
std::optional<long double> TakeDecimal(std::string_view& text) {
  long double number = 0, place = 0;
  size_t digits = 0, at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && place == 0) {
      place = 1;
      continue;
    }
    if (text[at] < '0' || text[at] > '9') break;
    ++digits;
    if (place == 0) {
      number = number * 10 + (text[at] - '0');
    } else {
      place /= 10;
      number += place * (text[at] - '0');
    }
  }
  text.remove_prefix(at);
  if (digits == 0) return {};
  return number;
}

constexpr std::array<std::pair<std::string_view, uint64_t>, 8> kTimes = {{
    {"ns", 1},
    {"us", 1'000},
    {"\xc2\xb5s", 1'000},
    {"\xce\xbcs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

// The unit moves out of `text`.
std::optional<uint64_t> TakeTimeUnit(std::string_view& text) {
  std::string_view unit = text.substr(0, text.find_first_of(".0123456789"));
  for (auto [name, nanoseconds] : kTimes) {
    if (name != unit) continue;
    text.remove_prefix(unit.size());
    return nanoseconds;
  }
  return {};
}

}  // namespace

std::optional<uint64_t> ParseNumber(std::string_view text, int base) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

std::optional<uint64_t> ParseDuration(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return {};
  long double sum = 0;
  while (!text.empty()) {
    auto number = TakeDecimal(text);
    auto unit = number ? TakeTimeUnit(text) : std::nullopt;
    if (!unit) return {};
    sum += *number * static_cast<long double>(*unit);
    if (sum >= kMost) return {};
  }
  // Decimal fractions lose a little in binary.
  return static_cast<uint64_t>(sum + 0.0001L);
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  auto number = TakeDecimal(text);
  if (!number) return {};
  std::string unit = Lower(text);
  if (unit.starts_with(' ')) unit.erase(0, 1);
  size_t power = 0;
  if (!unit.empty() && unit != "b") {
    power = std::string_view("kmgtp").find(unit[0]) + 1;
    std::string_view rest = std::string_view(unit).substr(1);
    if (power == 0 || (!rest.empty() && rest != "b" && rest != "i" && rest != "ib")) return {};
  }
  for (size_t i = 0; i < power; ++i) *number *= 1024;
  if (*number >= kMost) return {};
  return static_cast<uint64_t>(*number);
}

std::optional<bool> ParseBool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return {};
}

}  // namespace burrow::dockerfile
