#include "dockerfile/heredoc.h"

#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

// Without quotes and escapes; nothing where a quote does not end.
std::optional<std::string> Unquoted(std::string_view text) {
  std::string plain;
  char quote = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'') {
      if (++at == text.size()) break;
      if (quote == '"' && text[at] != '"' && text[at] != '\\' && text[at] != '$') plain += c;
      plain += text[at];
    } else {
      plain += c;
    }
  }
  if (quote != 0) return {};
  return plain;
}

}  // namespace

std::optional<HeredocMark> ParseHeredocMark(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of("0123456789"), word.size()));
  if (!word.starts_with("<<")) return {};
  word.remove_prefix(2);
  HeredocMark mark;
  mark.strip_tabs = word.starts_with('-');
  if (mark.strip_tabs) word.remove_prefix(1);
  if (word.find('<') != std::string_view::npos) return {};
  auto name = Unquoted(word);
  if (!name || name->empty()) return {};
  mark.expand = *name == word;
  mark.name = std::move(*name);
  return mark;
}

std::vector<HeredocMark> HeredocMarks(std::string_view text) {
  std::vector<HeredocMark> marks;
  if (text.find("<<") == std::string_view::npos || !Unquoted(text)) return marks;
  for (const Word& word : SplitQuoted(text, 0, '\\')) {
    if (auto mark = ParseHeredocMark(word.text)) marks.push_back(std::move(*mark));
  }
  return marks;
}

}  // namespace burrow::dockerfile
