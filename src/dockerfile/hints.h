// What somebody may have meant. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace burrow::dockerfile {

// ASCII letters changed, everything else kept.
std::string Upper(std::string_view text);
std::string Lower(std::string_view text);

// The candidate that is near enough to be meant, whatever the case.
std::optional<std::string_view> Nearest(std::string_view word, std::span<const std::string_view> candidates);

// "did you mean --chown?", with `prefix` before the candidate; empty if there is none.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates,
                       std::string_view prefix = {});

}  // namespace burrow::dockerfile
