#include "dockerfile/wildcard.h"

#include "dockerfile/runes.h"

namespace burrow::dockerfile {
namespace {

using Kind = WildcardToken::Kind;

class WildcardParser {
 public:
  WildcardParser(std::string_view pattern, Levels levels) : pattern_(pattern), levels_(levels) {}

  Result<std::vector<WildcardToken>> Run() {
    while (at_ < pattern_.size()) {
      char next = pattern_[at_];
      if (next == '*') {
        TakeStars();
      } else if (next == '[') {
        ++at_;
        BURROW_ASSIGN_OR_RETURN(auto token, TakeClass());
        tokens_.push_back(std::move(token));
      } else if (next == '?') {
        ++at_;
        tokens_.push_back({Kind::kOne});
      } else {
        if (next == '\\' && ++at_ == pattern_.size()) return Bad("ends in a backslash");
        tokens_.push_back({Kind::kRune, NextRune(pattern_, at_)});
      }
    }
    return std::move(tokens_);
  }

 private:
  std::unexpected<Error> Bad(std::string_view why) const {
    return Fail(Code::kInvalidArgument, "the pattern \"{}\" {}", pattern_, why);
  }

  void TakeStars() {
    size_t start = at_++;
    bool two = levels_ == Levels::kMany && at_ < pattern_.size() && pattern_[at_] == '*';
    if (!two) {
      // Two stars that do not cross components are one.
      if (tokens_.empty() || tokens_.back().kind != Kind::kStar) tokens_.push_back({Kind::kStar});
      return;
    }
    ++at_;
    bool slash = at_ < pattern_.size() && pattern_[at_] == '/';
    if (slash) ++at_;
    bool last = at_ == pattern_.size();
    // "**name" is whatever ends so, where no other wildcard follows.
    bool ending = start == 0 && !slash && pattern_.substr(at_).find_first_of("*?[]\\") == std::string_view::npos;
    tokens_.push_back({last || ending ? Kind::kAnything : Kind::kLevels});
  }

  Result<WildcardToken> TakeClass() {
    WildcardToken token{Kind::kClass};
    if (at_ < pattern_.size() && pattern_[at_] == '^') {
      token.negated = true;
      ++at_;
    }
    while (at_ >= pattern_.size() || pattern_[at_] != ']' || token.ranges.empty()) {
      BURROW_ASSIGN_OR_RETURN(char32_t low, TakeClassRune());
      char32_t high = low;
      if (at_ < pattern_.size() && pattern_[at_] == '-') {
        ++at_;
        BURROW_ASSIGN_OR_RETURN(high, TakeClassRune());
      }
      token.ranges.emplace_back(low, high);
    }
    ++at_;
    return token;
  }

  Result<char32_t> TakeClassRune() {
    if (at_ >= pattern_.size()) return Bad("has a [ without a ]");
    if (pattern_[at_] == '-' || pattern_[at_] == ']')
      return Bad("has a class that is empty or lacks an end of a range");
    if (pattern_[at_] == '\\') ++at_;
    if (at_ == pattern_.size()) return Bad("ends in a backslash");
    char32_t rune = NextRune(pattern_, at_);
    if (at_ >= pattern_.size()) return Bad("has a [ without a ]");
    return rune;
  }

  std::string_view pattern_;
  Levels levels_;
  size_t at_ = 0;
  std::vector<WildcardToken> tokens_;
};

}  // namespace

bool WildcardToken::Accepts(char32_t character) const {
  switch (kind) {
    case Kind::kRune:
      return character == rune;
    case Kind::kOne:
      return character != '/';
    case Kind::kClass: {
      bool found = false;
      for (auto [low, high] : ranges) found = found || (low <= character && character <= high);
      return found != negated;
    }
    default:
      return false;
  }
}

Result<std::vector<WildcardToken>> ParseWildcard(std::string_view pattern, Levels levels) {
  return WildcardParser(pattern, levels).Run();
}

}  // namespace burrow::dockerfile
