#include "dockerfile/hints.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/edit_distance.h"

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

std::string Upper(std::string_view text) { return Changed(text, ToUpper); }

std::string Lower(std::string_view text) { return Changed(text, ToLower); }

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
