#include "os/mountinfo.h"

#include "os/fs.h"

namespace burrow::os {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool IsOctal(std::string_view text) {
  return text.size() == 3 && text[0] >= '0' && text[0] <= '3' && text.find_first_not_of("01234567") == text.npos;
}

// The kernel writes blank, tab, newline and backslash as \040 and so on.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text.substr(i + 1, 3))) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::vector<MountEntry> ParseMountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  for (std::string_view line : Split(text, '\n')) {
    const auto separator = line.find(" - ");
    if (separator == line.npos) continue;
    const auto front = Split(line.substr(0, separator), ' ');
    const auto back = Split(line.substr(separator + 3), ' ');
    if (front.size() < 6 || back.empty()) continue;
    entries.push_back({.root = Unescape(front[3]),
                       .point = Unescape(front[4]),
                       .type = std::string(back[0]),
                       .super_options = back.size() > 1 ? std::string(back.back()) : "",
                       .id = std::string(front[0]),
                       .device = std::string(front[2])});
  }
  return entries;
}

Result<std::vector<MountEntry>> ReadMountinfo() {
  BURROW_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/self/mountinfo"));
  return ParseMountinfo(text);
}

}  // namespace burrow::os
