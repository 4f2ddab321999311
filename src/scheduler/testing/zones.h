// Time zones for tests, made of their rule alone.
#pragma once

#include <stdexcept>
#include <string>

#include "scheduler/time_zone.h"

namespace burrow::scheduler::testing {

// A TZif file of version 2 without changes, ending in the rule.
inline std::string ZoneFile(const std::string& rule) {
  std::string header = "TZif2" + std::string(15, '\0');
  for (char count : {0, 0, 0, 0, 1, 4}) header += std::string(3, '\0') + count;
  const std::string block = std::string(6, '\0') + std::string("UTC\0", 4);
  return header + block + header + block + "\n" + rule + "\n";
}

inline TimeZone ZoneOf(const std::string& rule) {
  auto zone = TimeZone::Parse(ZoneFile(rule));
  if (!zone) throw std::runtime_error(zone.error().message());
  return std::move(*zone);
}

inline constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
inline constexpr const char* kNewYork = "EST5EDT,M3.2.0,M11.1.0";
inline constexpr const char* kLordHowe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";  // half an hour
inline constexpr const char* kDublin = "IST-1GMT0,M10.5.0,M3.5.0/1";              // winter is the exception
inline constexpr const char* kNuuk = "<-02>2<-01>,M3.5.0/-1,M10.5.0/0";           // on the evening before
inline constexpr const char* kKolkata = "IST-5:30";

}  // namespace burrow::scheduler::testing
