#include "dockerfile/flags.h"

#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

// The word at `at`, which moves behind it, without its quotes and escapes.
std::string TakeWord(std::string_view line, size_t& at) {
  std::string word;
  char quote = 0;
  for (; at < line.size(); ++at) {
    char c = line[at];
    if (c == '\\') {
      if (++at == line.size()) break;
      word += line[at];
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (kBlanks.find(c) != std::string_view::npos) {
      break;
    } else {
      word += c;
    }
  }
  return word;
}

}  // namespace

FlagsAndRest SplitFlags(std::string_view line, size_t start) {
  FlagsAndRest split;
  for (size_t at = start;;) {
    at = std::min(line.find_first_not_of(kBlanks, at), line.size());
    split.rest = at;
    if (!line.substr(at).starts_with("--")) return split;
    size_t offset = at;
    std::string word = TakeWord(line, at);
    if (word == "--") {
      split.rest = std::min(line.find_first_not_of(kBlanks, at), line.size());
      return split;
    }
    size_t equals = word.find('=');
    Flag flag{word.substr(2, equals == std::string::npos ? equals : equals - 2), {}, offset};
    if (equals != std::string::npos) flag.value = word.substr(equals + 1);
    split.flags.push_back(std::move(flag));
  }
}

}  // namespace burrow::dockerfile
