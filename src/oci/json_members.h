// Members of foreign JSON, bounded and checked. Private to this module. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::oci {

inline constexpr size_t kMaxJsonItems = 10'000;  // of any list

// kOutOfRange above kMaxDocument (manifest.h), kInvalidArgument for what is no JSON; `what` names the document.
Result<nlohmann::json> ParseJson(std::string_view text, const char* what);

// The member, or null where there is none or `object` is no object.
const nlohmann::json& Member(const nlohmann::json& object, const char* name);
// Empty where it is no text.
std::string Text(const nlohmann::json& object, const char* name);
// kInvalidArgument for what is neither absent nor a list of texts.
Result<std::vector<std::string>> Texts(const nlohmann::json& object, const char* name);
// The names in an object, as Docker writes sets. kInvalidArgument for what is neither absent nor an object.
Result<std::vector<std::string>> Keys(const nlohmann::json& object, const char* name);
// 0 where it is absent. kInvalidArgument for what is no number from 0 to `limit`.
Result<uint64_t> Number(const nlohmann::json& object, const char* name, uint64_t limit);

}  // namespace burrow::oci
