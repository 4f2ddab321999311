#include "dockerfile/lines.h"

#include <algorithm>
#include <optional>

#include "dockerfile/directives.h"
#include "dockerfile/flags.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/hints.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

constexpr size_t kMaxLines = 200'000;  // of the text
constexpr std::string_view kMark = "\xef\xbb\xbf";

bool IsComment(std::string_view line) {
  size_t first = line.find_first_not_of(kBlanks);
  return first != std::string_view::npos && line[first] == '#';
}

std::string_view WithoutEnding(std::string_view line) { return line.substr(0, line.find_last_not_of("\r\n") + 1); }

// The word at `at`, in capitals; `at` moves to what follows.
std::string TakeKeyword(std::string_view text, size_t& at) {
  size_t start = std::min(text.find_first_not_of(kBlanks, at), text.size());
  size_t end = std::min(text.find_first_of(kBlanks, start), text.size());
  at = std::min(text.find_first_not_of(kBlanks, end), text.size());
  return Upper(text.substr(start, end - start));
}

// Those of an instruction that takes any.
std::vector<HeredocMark> MarksOf(std::string_view line) {
  size_t at = 0;
  std::string keyword = TakeKeyword(line, at);
  if (keyword == "ONBUILD") keyword = TakeKeyword(line, at);
  if (keyword != "RUN" && keyword != "COPY" && keyword != "ADD") return {};
  std::string_view arguments = line.substr(SplitFlags(line, at).rest);
  auto list = StringList(arguments);
  if (!list || *list) return {};
  return HeredocMarks(arguments);
}

class LineReader {
 public:
  LineReader(std::string_view text, Dockerfile& dockerfile) : dockerfile_(dockerfile) {
    if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
    for (size_t at = 0; at < text.size() && lines_.size() <= kMaxLines;) {
      size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      lines_.push_back(text.substr(at, end - at));
      at = end;
      dockerfile.lines.emplace_back(WithoutEnding(lines_.back()));
    }
  }

  Result<std::vector<LogicalLine>> Run() {
    BURROW_RETURN_IF_ERROR(CheckText());
    BURROW_RETURN_IF_ERROR(ReadDirectives(dockerfile_));
    std::vector<LogicalLine> found;
    while (next_ < lines_.size()) {
      std::optional<LogicalLine> line = TakeLogicalLine();
      if (!line) continue;
      BURROW_RETURN_IF_ERROR(TakeHeredocs(*line));
      found.push_back(std::move(*line));
    }
    return found;
  }

 private:
  Status CheckText() const {
    if (lines_.size() > kMaxLines) {
      return Fail(Code::kInvalidArgument, "{} has more than {} lines", dockerfile_.file, kMaxLines);
    }
    for (uint32_t number = 0; number < lines_.size(); ++number) {
      size_t null = lines_[number].find('\0');
      if (null == std::string_view::npos) continue;
      return std::unexpected(ErrorAt(dockerfile_, {number + 1, static_cast<uint32_t>(null + 1)},
                                     "a zero byte: is this text, and in UTF-8?"));
    }
    return {};
  }

  // Nothing for a line that is empty or a comment.
  std::optional<LogicalLine> TakeLogicalLine() {
    std::string_view first = TrimBlanks(lines_[next_]);
    if (first.empty() || first.starts_with('#')) {
      ++next_;
      return {};
    }
    LogicalLine line;
    bool more = Append(line, static_cast<size_t>(first.data() - lines_[next_].data()));
    while (more && next_ < lines_.size()) {
      if (IsComment(lines_[next_]) || TrimBlanks(lines_[next_]).empty()) {
        ++next_;
      } else {
        more = Append(line, 0);
      }
    }
    if (TrimBlanks(line.text).empty()) return {};
    return line;
  }

  // The next line of the text from `start` on; tells whether it is continued.
  bool Append(LogicalLine& line, size_t start) {
    std::string_view part = WithoutEnding(lines_[next_]).substr(start);
    ++next_;
    line.pieces.push_back({line.text.size(), {static_cast<uint32_t>(next_), static_cast<uint32_t>(start + 1)}});
    size_t last = part.find_last_not_of(" \t");
    // Two escapes are an escaped one.
    bool continued = last != std::string_view::npos && part[last] == dockerfile_.escape &&
                     (last == 0 || part[last - 1] != dockerfile_.escape);
    line.text += continued ? part.substr(0, last) : part;
    return continued;
  }

  Status TakeHeredocs(LogicalLine& line) {
    for (HeredocMark& mark : MarksOf(line.text)) {
      Heredoc heredoc{std::move(mark.name), {}, mark.expand};
      bool ended = false;
      while (!ended && next_ < lines_.size()) {
        std::string_view text = lines_[next_++];
        if (mark.strip_tabs) text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
        ended = WithoutEnding(text) == heredoc.name;
        if (!ended) heredoc.content += text;
      }
      if (!ended) {
        return std::unexpected(ErrorAt(dockerfile_, line.At(line.text.find("<<")),
                                       fmt::format("no line ends the heredoc: it should be {} alone", heredoc.name)));
      }
      line.heredocs.push_back(std::move(heredoc));
    }
    return {};
  }

  Dockerfile& dockerfile_;
  std::vector<std::string_view> lines_;  // with their endings
  size_t next_ = 0;
};

}  // namespace

Position LogicalLine::At(size_t offset) const {
  auto after = std::upper_bound(pieces.begin(), pieces.end(), offset,
                                [](size_t wanted, const LinePiece& piece) { return wanted < piece.offset; });
  if (after == pieces.begin()) return {1, 1};
  const LinePiece& piece = *std::prev(after);
  return {piece.position.line, piece.position.column + static_cast<uint32_t>(offset - piece.offset)};
}

Result<std::vector<LogicalLine>> ReadLines(std::string_view text, Dockerfile& dockerfile) {
  return LineReader(text, dockerfile).Run();
}

}  // namespace burrow::dockerfile
