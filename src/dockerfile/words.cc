#include "dockerfile/words.h"

#include <nlohmann/json.hpp>

namespace burrow::dockerfile {
namespace {

using Json = nlohmann::json;

bool IsBlank(char c) { return kBlanks.find(c) != std::string_view::npos; }

// Of SplitQuoted: the end of the word that begins at `at`.
size_t EndOfQuotedWord(std::string_view text, size_t at, char escape) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c == escape && quote != '\'') {
      ++at;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (IsBlank(c)) {
      break;
    }
  }
  return std::min(at, text.size());
}

}  // namespace

std::string_view TrimBlanks(std::string_view text) {
  size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<Word> SplitBlanks(std::string_view text, size_t offset) {
  std::vector<Word> words;
  for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back({std::string(text.substr(at, end - at)), offset + at});
    at = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::vector<Word> SplitQuoted(std::string_view text, size_t offset, char escape) {
  std::vector<Word> words;
  for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    size_t end = EndOfQuotedWord(text, at, escape);
    words.push_back({std::string(text.substr(at, end - at)), offset + at});
    at = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

Result<std::optional<std::vector<std::string>>> StringList(std::string_view text) {
  text = TrimBlanks(text);
  if (!text.starts_with('[')) return std::nullopt;
  bool nested = false;
  auto flat = [&nested](int depth, Json::parse_event_t event, Json&) {
    bool opens = event == Json::parse_event_t::array_start || event == Json::parse_event_t::object_start;
    nested = nested || (opens && depth > 0);
    return depth == 0 || !opens;
  };
  Json list = Json::parse(text, flat, false);
  if (list.is_discarded()) return std::nullopt;
  std::vector<std::string> strings;
  for (const Json& entry : list) {
    if (!entry.is_string()) nested = true;
    if (!nested) strings.push_back(entry.get<std::string>());
  }
  if (nested) return Fail(Code::kInvalidArgument, "a list in brackets may hold nothing but strings");
  return strings;
}

}  // namespace burrow::dockerfile
