#include "dockerfile/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace burrow::dockerfile {
namespace {

constexpr size_t kLongestWord = 32;  // of which a misspelling is looked for

template <class Change>
std::string Changed(std::string_view text, Change change) {
  std::string changed(text);
  std::transform(changed.begin(), changed.end(), changed.begin(), change);
  return changed;
}

}  // namespace

std::string Upper(std::string_view text) {
  return Changed(text, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
}

std::string Lower(std::string_view text) {
  return Changed(text, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> steps(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        steps[i][j] = i + j;
        continue;
      }
      steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, steps[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
    }
  }
  return steps[a.size()][b.size()];
}

std::optional<std::string_view> Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  std::optional<std::string_view> nearest;
  size_t best = (word.size() + 2) / 3;
  for (std::string_view candidate : candidates) {
    size_t distance = EditDistance(Lower(word), Lower(candidate));
    if (distance < best || (distance == best && !nearest)) {
      nearest = candidate;
      best = distance;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates, std::string_view prefix) {
  auto nearest = Nearest(word, candidates);
  return nearest ? fmt::format("did you mean {}{}?", prefix, *nearest) : std::string();
}

}  // namespace burrow::dockerfile
