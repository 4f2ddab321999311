// <<NAME within a line. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::dockerfile {

struct HeredocMark {
  std::string name;
  bool expand = true;       // no part of the name was quoted
  bool strip_tabs = false;  // <<-
};

// Whether the whole word is a mark: <<EOF, <<-EOF, 3<<"EOF".
std::optional<HeredocMark> ParseHeredocMark(std::string_view word);

// Those among the words of a line, in order. None in a line whose quotes do not end.
std::vector<HeredocMark> HeredocMarks(std::string_view text);

}  // namespace burrow::dockerfile
