// Patterns of paths: what COPY may name, and what .dockerignore and --exclude leave out. Foreign text; linear in time
// where that can be, bounded where not. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

// Whether the text has one of * ? [ or a backslash.
bool HasWildcard(std::string_view pattern);

// One component of a path against one of a pattern by the rules of Go's path/filepath.Match: * ? [a-z] [^a-z] and a
// backslash before what is meant literally. kInvalidArgument for a pattern that is none.
Result<bool> MatchComponent(std::string_view pattern, std::string_view name);

// An ordered list of patterns as in .dockerignore: ** crosses components, ! takes back, a pattern that matches a
// directory matches what is below it, the last one that matches decides. Blank lines and # comments were removed by the
// caller.
class PathFilter {
 public:
  // kInvalidArgument names the bad pattern.
  static Result<PathFilter> Create(const std::vector<std::string>& patterns);
  PathFilter(PathFilter&&) noexcept;
  PathFilter& operator=(PathFilter&&) noexcept;
  ~PathFilter();
  // Whether the relative '/'-separated path is left out.
  bool Matches(std::string_view path) const;
  // Whether something below the directory might be kept though the directory itself is left out.
  bool MayKeepBelow(std::string_view directory) const;

 private:
  struct State;
  explicit PathFilter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::dockerfile
