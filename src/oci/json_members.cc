#include "oci/json_members.h"

#include "oci/manifest.h"

namespace burrow::oci {

using nlohmann::json;

Result<json> ParseJson(std::string_view text, const char* what) {
  if (text.size() > kMaxDocument) return Fail(Code::kOutOfRange, "{} of {} bytes is too large", what, text.size());
  auto document = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Fail(Code::kInvalidArgument, "{} is no JSON", what);
  return document;
}

const json& Member(const json& object, const char* name) {
  static const json kNull;
  auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNull;
}

std::string Text(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Result<std::vector<std::string>> Texts(const json& object, const char* name) {
  const json& list = Member(object, name);
  std::vector<std::string> texts;
  if (list.is_null()) return texts;
  if (!list.is_array() || list.size() > kMaxJsonItems) return Fail(Code::kInvalidArgument, "'{}' is no list", name);
  for (const json& item : list) {
    if (!item.is_string()) return Fail(Code::kInvalidArgument, "'{}' has something in it that is no text", name);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<std::vector<std::string>> Keys(const json& object, const char* name) {
  const json& set = Member(object, name);
  std::vector<std::string> keys;
  if (set.is_null()) return keys;
  if (!set.is_object() || set.size() > kMaxJsonItems) return Fail(Code::kInvalidArgument, "'{}' is no object", name);
  for (const auto& [key, value] : set.items()) keys.push_back(key);
  return keys;
}

Result<uint64_t> Number(const json& object, const char* name, uint64_t limit) {
  const json& value = Member(object, name);
  if (value.is_null()) return uint64_t{0};
  if (!value.is_number_unsigned() || value.get<uint64_t>() > limit) {
    return Fail(Code::kInvalidArgument, "'{}' is no number from 0 to {}", name, limit);
  }
  return value.get<uint64_t>();
}

}  // namespace burrow::oci
