#include "dockerfile/paths.h"
#include "dockerfile/patterns.h"
#include "dockerfile/runes.h"
#include "dockerfile/wildcard.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

using Kind = WildcardToken::Kind;

// One pattern as an automaton whose states are the places between its tokens; all states that are possible are followed
// at once, so that the time is bounded by the lengths of pattern and path.
class PathPattern {
 public:
  PathPattern(std::vector<WildcardToken> tokens, bool keeps) : tokens_(std::move(tokens)), keeps_(keeps) {}

  bool keeps() const { return keeps_; }

  // Whether it matches the path or a directory above it.
  bool Matches(std::string_view path) const {
    Walk walk(tokens_);
    for (size_t at = 0; at < path.size() && walk.alive();) {
      if (path[at] == '/' && walk.accepted()) return true;
      walk.Take(NextRune(path, at));
    }
    return walk.accepted();
  }

  // Whether something below the directory could match.
  bool MayMatchBelow(std::string_view directory) const {
    if (directory.empty() || directory == ".") return true;
    Walk walk(tokens_);
    for (size_t at = 0; at < directory.size() && walk.alive();) walk.Take(NextRune(directory, at));
    walk.Take('/');
    return walk.alive();
  }

 private:
  class Walk {
   public:
    explicit Walk(const std::vector<WildcardToken>& tokens)
        : tokens_(tokens), reached_(tokens.size() + 1), entered_(tokens.size() + 1) {
      Enter(0);
    }

    bool alive() const { return !states_.empty(); }
    bool accepted() const { return reached_[tokens_.size()] == step_; }

    void Take(char32_t character) {
      previous_.swap(states_);
      states_.clear();
      ++step_;
      for (size_t state : previous_) {
        if (state < tokens_.size()) Advance(state, character);
      }
    }

   private:
    void Advance(size_t state, char32_t character) {
      switch (tokens_[state].kind) {
        case Kind::kStar:
          if (character != '/') Enter(state);
          break;
        case Kind::kAnything:
          Enter(state);
          break;
        case Kind::kLevels:
          Stay(state);
          if (character == '/') Enter(state + 1);
          break;
        default:
          if (tokens_[state].Accepts(character)) Enter(state + 1);
      }
    }

    // With all that may follow without a character.
    void Enter(size_t state) {
      while (entered_[state] != step_) {
        entered_[state] = step_;
        Stay(state);
        if (state == tokens_.size() || !MayBeNothing(tokens_[state].kind)) return;
        ++state;
      }
    }

    // Inside the levels that ** takes: only a '/' leads out.
    void Stay(size_t state) {
      if (reached_[state] != step_) states_.push_back(state);
      reached_[state] = step_;
    }

    static bool MayBeNothing(Kind kind) {
      return kind == Kind::kStar || kind == Kind::kAnything || kind == Kind::kLevels;
    }

    const std::vector<WildcardToken>& tokens_;
    size_t step_ = 1;
    std::vector<size_t> reached_;  // the step in which a state was reached last
    std::vector<size_t> entered_;  // the same, with what may follow
    std::vector<size_t> states_, previous_;
  };

  std::vector<WildcardToken> tokens_;
  bool keeps_;
};

}  // namespace

struct PathFilter::State {
  std::vector<PathPattern> patterns;
};

PathFilter::PathFilter(std::unique_ptr<State> state) : state_(std::move(state)) {}
PathFilter::PathFilter(PathFilter&&) noexcept = default;
PathFilter& PathFilter::operator=(PathFilter&&) noexcept = default;
PathFilter::~PathFilter() = default;

Result<PathFilter> PathFilter::Create(const std::vector<std::string>& patterns) {
  auto state = std::make_unique<State>();
  for (const std::string& written : patterns) {
    std::string_view text = TrimBlanks(written);
    bool keeps = text.starts_with('!');
    if (keeps) text = TrimBlanks(text.substr(1));
    if (text.empty() && keeps) return Fail(Code::kInvalidArgument, "the pattern \"{}\" takes back nothing", written);
    std::string clean = CleanPath(text);
    if (clean == ".") continue;
    if (clean.size() > 1 && clean.starts_with('/')) clean.erase(0, 1);
    BURROW_ASSIGN_OR_RETURN(auto tokens, ParseWildcard(clean, Levels::kMany));
    for (const WildcardToken& token : tokens) {
      for (auto [low, high] : token.ranges) {
        if (low > high)
          return Fail(Code::kInvalidArgument, "the pattern \"{}\" has a range that is upside down", written);
      }
    }
    state->patterns.emplace_back(std::move(tokens), keeps);
  }
  return PathFilter(std::move(state));
}

bool PathFilter::Matches(std::string_view path) const {
  bool left_out = false;
  for (const PathPattern& pattern : state_->patterns) {
    // A pattern that would change nothing need not be asked.
    if (pattern.keeps() == left_out && pattern.Matches(path)) left_out = !pattern.keeps();
  }
  return left_out;
}

bool PathFilter::MayKeepBelow(std::string_view directory) const {
  for (const PathPattern& pattern : state_->patterns) {
    if (pattern.keeps() && pattern.MayMatchBelow(directory)) return true;
  }
  return false;
}

}  // namespace burrow::dockerfile
