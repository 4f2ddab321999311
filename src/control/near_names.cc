#include "control/near_names.h"

#include <algorithm>
#include <utility>

#include "base/edit_distance.h"
#include "dockerfile/hints.h"

namespace burrow::control {
namespace {

using dockerfile::Lower;

constexpr size_t kMaxCompared = 128;  // letters
constexpr size_t kMaxSuggested = 3;

}  // namespace

std::vector<std::string> NearNames(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::pair<size_t, std::string>> near;
  const std::string lower = Lower(name.substr(0, kMaxCompared));
  const size_t bound = lower.size() < 4 ? 1 : std::max<size_t>(2, lower.size() / 3);
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(lower, Lower(candidate.substr(0, kMaxCompared)));
    if (distance <= bound) near.emplace_back(distance, candidate);
  }
  std::ranges::sort(near);
  std::vector<std::string> names;
  for (auto& [distance, candidate] : near) {
    if (names.size() == kMaxSuggested) break;
    names.push_back(std::move(candidate));
  }
  return names;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  const auto near = NearNames(name, known);
  if (near.empty()) return "";
  std::string text = " (did you mean '" + near.front() + "'";
  for (size_t i = 1; i < near.size(); ++i) text += " or '" + near[i] + "'";
  return text + "?)";
}

}  // namespace burrow::control
