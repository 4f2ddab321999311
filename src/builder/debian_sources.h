// Which Debian archives the machine itself uses. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

struct DebianSources {
  std::string codename;            // "bookworm"
  std::vector<std::string> lines;  // sources.list lines: "deb URI RELEASE COMPONENT..."
};

// The format that `apt-get indextargets --format` is to print for ParseIndexTargets.
inline constexpr const char* kIndexTargetsFormat =
    "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)";

// Keeps binary package archives of origin Debian. kFailedPrecondition, with what to do, where there is none.
Result<DebianSources> ParseIndexTargets(std::string_view targets);

// The release whose python3 is of that version ("3.11"), from the same archives; "" is the machine's own release. Of
// another release than that, only the release itself and its security updates. kInvalidArgument lists what there is.
Result<DebianSources> SourcesForPython(const DebianSources& own, std::string_view python_version);

}  // namespace burrow::builder
