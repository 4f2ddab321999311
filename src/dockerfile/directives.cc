#include "dockerfile/directives.h"

#include <optional>
#include <set>
#include <string>

#include "dockerfile/hints.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

struct Directive {
  std::string name, value;
  uint32_t column = 0;  // of the value
};

// Nothing where the line is no directive, but maybe a comment.
std::optional<Directive> ReadDirective(std::string_view line) {
  std::string_view rest = TrimBlanks(line);
  if (!rest.starts_with('#')) return {};
  size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return {};
  std::string name = Lower(TrimBlanks(rest.substr(1, equals - 1)));
  std::string_view value = TrimBlanks(rest.substr(equals + 1));
  if (value.empty() || (name != "escape" && name != "syntax" && name != "check")) return {};
  return Directive{std::move(name), std::string(value), static_cast<uint32_t>(value.data() - line.data() + 1)};
}

}  // namespace

Status ReadDirectives(Dockerfile& dockerfile) {
  std::set<std::string> seen;
  for (uint32_t number = 1; number <= dockerfile.lines.size(); ++number) {
    auto directive = ReadDirective(dockerfile.lines[number - 1]);
    // The first line that is none ends them: what follows is a comment, whatever it looks like.
    if (!directive) return {};
    Position position{number, directive->column};
    if (!seen.insert(directive->name).second) {
      return std::unexpected(
          ErrorAt(dockerfile, position, fmt::format("the directive {} comes a second time", directive->name)));
    }
    if (directive->name == "escape") {
      if (directive->value != "\\" && directive->value != "`") {
        return std::unexpected(ErrorAt(dockerfile, position, "the escape character must be \\ or `"));
      }
      dockerfile.escape = directive->value[0];
    } else {
      dockerfile.notes.push_back(fmt::format("line {}: the directive {}={} is ignored: Burrow reads the file itself",
                                             number, directive->name, directive->value));
    }
  }
  return {};
}

}  // namespace burrow::dockerfile
