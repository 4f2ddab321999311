#include <algorithm>

#include "dockerfile/parse.h"

namespace burrow::dockerfile {
namespace {

constexpr size_t kShown = 160;  // bytes of a long line

bool ContinuesCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// What a terminal takes for a command is shown as a blank.
std::string Printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; }, ' ');
  return shown;
}

// Blanks as wide as the text.
std::string Indent(std::string_view text) {
  std::string indent;
  for (char byte : text) {
    if (!ContinuesCharacter(byte)) indent += byte == '\t' ? '\t' : ' ';
  }
  return indent;
}

// The line and the caret below; of a long line only what is near the column.
std::string Excerpt(std::string_view line, size_t column) {
  size_t caret = std::min(column > 0 ? column - 1 : 0, line.size());
  size_t start = line.size() > kShown && caret > kShown / 2 ? caret - kShown / 2 : 0;
  while (start > 0 && ContinuesCharacter(line[start])) --start;
  size_t end = std::min(line.size(), start + kShown);
  while (end < line.size() && ContinuesCharacter(line[end])) ++end;
  return "\n" + Printable(line.substr(start, end - start)) + "\n" + Indent(line.substr(start, caret - start)) + "^";
}

}  // namespace

Error ErrorAt(const Dockerfile& dockerfile, Position position, std::string_view message, std::string_view hint) {
  std::string text = fmt::format("{}:{}:{}: {}", dockerfile.file, position.line, position.column, message);
  if (position.line >= 1 && position.line <= dockerfile.lines.size()) {
    text += Excerpt(dockerfile.lines[position.line - 1], position.column);
  }
  if (!hint.empty()) text.append("\n").append(hint);
  return {Code::kInvalidArgument, std::move(text)};
}

}  // namespace burrow::dockerfile
