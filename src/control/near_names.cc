#include "control/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace burrow::control {
namespace {

constexpr size_t kMaxCompared = 128;  // letters
constexpr size_t kMaxSuggested = 3;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters to insert, drop or change.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (Lower(a[i]) == Lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> NearNames(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::pair<size_t, std::string>> near;
  name = name.substr(0, kMaxCompared);
  const size_t bound = name.size() < 4 ? 1 : std::max<size_t>(2, name.size() / 3);  // two letters swapped are two
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(name, std::string_view(candidate).substr(0, kMaxCompared));
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
