#include "dockerfile/patterns.h"

#include "dockerfile/runes.h"
#include "dockerfile/wildcard.h"

namespace burrow::dockerfile {
namespace {

// Only the last star is ever tried again: what an earlier one could take instead, the last one can take as well.
bool Match(const std::vector<WildcardToken>& tokens, std::string_view name) {
  size_t token = 0, at = 0, after_star = std::string_view::npos, retry = 0;
  while (at < name.size() || token < tokens.size()) {
    if (token < tokens.size() && tokens[token].kind == WildcardToken::Kind::kStar) {
      after_star = ++token;
      retry = at;
      continue;
    }
    size_t next = at;
    if (token < tokens.size() && at < name.size() && tokens[token].Accepts(NextRune(name, next))) {
      ++token;
      at = next;
      continue;
    }
    if (after_star == std::string_view::npos || retry >= name.size() || name[retry] == '/') return false;
    (void)NextRune(name, retry);
    at = retry;
    token = after_star;
  }
  return true;
}

}  // namespace

bool HasWildcard(std::string_view pattern) { return pattern.find_first_of("*?[\\") != std::string_view::npos; }

Result<bool> MatchComponent(std::string_view pattern, std::string_view name) {
  BURROW_ASSIGN_OR_RETURN(auto tokens, ParseWildcard(pattern, Levels::kOne));
  return Match(tokens, name);
}

}  // namespace burrow::dockerfile
