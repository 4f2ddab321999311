// Names that somebody may have meant. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace burrow::control {

// Up to three of `known` that differ from `name` in few letters, the nearest first.
std::vector<std::string> NearNames(std::string_view name, const std::vector<std::string>& known);
// " (did you mean 'square' or 'cube'?)" for the middle of a sentence; empty where none is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known);

}  // namespace burrow::control
