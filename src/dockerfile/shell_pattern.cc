#include "dockerfile/shell_pattern.h"

#include <algorithm>
#include <optional>

#include "dockerfile/runes.h"

namespace burrow::dockerfile {
namespace {

constexpr char32_t kAny = 0xffffffff;

// A value as characters, with the place of each in the text.
struct Characters {
  std::u32string text;
  std::vector<size_t> offsets;  // one more than characters

  explicit Characters(std::string_view value) {
    for (size_t at = 0; at < value.size();) {
      offsets.push_back(at);
      text += NextRune(value, at);
    }
    offsets.push_back(value.size());
  }
};

bool FitsAt(std::u32string_view text, size_t at, std::u32string_view part) {
  if (part.size() > text.size() - at) return false;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] != kAny && part[i] != text[at + i]) return false;
  }
  return true;
}

std::optional<size_t> FindFirst(std::u32string_view text, size_t from, std::u32string_view part) {
  for (size_t at = from; at <= text.size(); ++at) {
    if (FitsAt(text, at, part)) return at;
  }
  return {};
}

std::optional<size_t> FindLast(std::u32string_view text, size_t from, std::u32string_view part) {
  for (size_t at = text.size() + 1; at-- > from;) {
    if (FitsAt(text, at, part)) return at;
  }
  return {};
}

// Where the match ends that begins at `start`. Each part is taken as early as can be, so that the others have room; the
// last one as late as can be where the longest match is wanted.
std::optional<size_t> EndOfMatch(std::u32string_view text, size_t start, const std::vector<std::u32string>& parts,
                                 bool longest) {
  if (!FitsAt(text, start, parts[0])) return {};
  size_t end = start + parts[0].size();
  for (size_t i = 1; i < parts.size(); ++i) {
    bool last = i + 1 == parts.size();
    auto found = last && longest ? FindLast(text, end, parts[i]) : FindFirst(text, end, parts[i]);
    if (!found) return {};
    end = *found + parts[i].size();
  }
  return end;
}

}  // namespace

Result<ShellPattern> ShellPattern::Parse(std::string_view pattern) {
  ShellPattern parsed;
  for (size_t at = 0; at < pattern.size();) {
    char next = pattern[at];
    if (next == '*') {
      ++at;
      if (parsed.parts_.size() < 2 || !parsed.parts_.back().empty()) parsed.parts_.emplace_back();
      continue;
    }
    if (next == '?') {
      ++at;
      parsed.parts_.back() += kAny;
      continue;
    }
    if (next == '\\') {
      ++at;
      if (at == pattern.size() || std::string_view("*?\\/}").find(pattern[at]) == std::string_view::npos) {
        return Fail(Code::kInvalidArgument, "the pattern {} has a backslash before what needs none", pattern);
      }
    }
    parsed.parts_.back() += NextRune(pattern, at);
  }
  return parsed;
}

std::string ShellPattern::WithoutPrefix(std::string_view value, bool longest) const {
  Characters characters(value);
  auto end = EndOfMatch(characters.text, 0, parts_, longest);
  return std::string(end ? value.substr(characters.offsets[*end]) : value);
}

std::string ShellPattern::WithoutSuffix(std::string_view value, bool longest) const {
  Characters characters(value);
  std::u32string backward(characters.text.rbegin(), characters.text.rend());
  std::vector<std::u32string> parts;
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) parts.emplace_back(part->rbegin(), part->rend());
  auto end = EndOfMatch(backward, 0, parts, longest);
  return std::string(end ? value.substr(0, characters.offsets[backward.size() - *end]) : value);
}

std::string ShellPattern::Replaced(std::string_view value, std::string_view replacement, bool all) const {
  Characters characters(value);
  std::u32string_view text = characters.text;
  if (parts_.size() == 1 && parts_[0].empty()) return std::string(value);
  std::string result;
  size_t kept = 0;
  for (size_t from = 0; from <= text.size();) {
    auto start = FindFirst(text, from, parts_[0]);
    auto end = start ? EndOfMatch(text, *start, parts_, true) : std::nullopt;
    // An empty match replaces nothing but an empty value.
    if (!end || (*end == *start && !text.empty())) break;
    result += value.substr(characters.offsets[kept], characters.offsets[*start] - characters.offsets[kept]);
    result += replacement;
    kept = *end;
    from = std::max(*end, *start + 1);
    if (!all) break;
  }
  return result.append(value.substr(characters.offsets[kept]));
}

}  // namespace burrow::dockerfile
