// How far each method of the API reaches. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace burrow::api {

enum class Reach {
  kWorkspace,  // what belongs to the workspace of who asks, and nothing else
  kServer,     // what is common to all workspaces
  kAdmin,      // the whole server, for admins alone
};

// Of "/burrow.v1.Apps/Create"; nothing where there is no such method. A new method belongs into its list.
std::optional<Reach> ReachOf(std::string_view path);

}  // namespace burrow::api
