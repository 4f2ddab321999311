#include "api/method_reach.h"

#include <algorithm>
#include <iterator>

namespace burrow::api {
namespace {

constexpr std::string_view kServices = "/burrow.v1.";

constexpr std::string_view kOfWorkspaces[] = {
    "Apps/Create",
    "Apps/Publish",
    "Apps/Bind",
    "Apps/List",
    "Apps/Stop",
    "Apps/Watch",
    "Apps/Logs",
    "CallViews/Show",
    "Calls/Invoke",
    "Calls/Submit",
    "Calls/Wait",
    "Calls/Outputs",
    "Calls/Cancel",
    "Containers/List",
    "Deployments/Deploy",
    "Deployments/FindApp",
    "Deployments/FindFunction",
    "Deployments/History",
    "Deployments/Stats",
    "Deployments/UpdateAutoscaler",
    "Images/Build",
    "Images/List",
    "Images/Import",
    "Images/Export",
    "Images/Overlap",
    "Images/AnswerAgent",
    "Images/Inspect",
    "Images/Tag",
    "Images/Remove",
    "Images/Prune",
    "Images/Logs",
    "Overviews/Show",
    "Secrets/Put",
    "Secrets/List",
    "Secrets/Delete",
    "Shells/Open",
    "Shells/Input",
    "Volumes/Create",
    "Volumes/Get",
    "Volumes/List",
    "Volumes/Rename",
    "Volumes/Delete",
    "Volumes/Entries",
    "Volumes/Change",
    "Volumes/Commit",
    "Volumes/Reload",
};
constexpr std::string_view kOfTheServer[] = {"Blobs/Missing", "Blobs/Collect"};
constexpr std::string_view kOfAdmins[] = {
    "Tokens/Create",     "Tokens/List",     "Tokens/Revoke",  //
    "Workspaces/Create", "Workspaces/List", "Workspaces/Update", "Workspaces/Delete",
};

template <class List>
bool Has(const List& list, std::string_view method) {
  return std::ranges::find(list, method) != std::end(list);
}

}  // namespace

std::optional<Reach> ReachOf(std::string_view path) {
  if (!path.starts_with(kServices)) return std::nullopt;
  const std::string_view method = path.substr(kServices.size());
  if (Has(kOfWorkspaces, method)) return Reach::kWorkspace;
  if (Has(kOfTheServer, method)) return Reach::kServer;
  if (Has(kOfAdmins, method)) return Reach::kAdmin;
  return std::nullopt;
}

}  // namespace burrow::api
