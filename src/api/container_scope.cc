#include "api/container_scope.h"

#include <algorithm>
#include <array>

#include "cas/digest.h"

namespace burrow::api {
namespace {

constexpr std::array<std::string_view, 9> kOfCallers = {
    "/burrow.v1.Calls/Invoke",     "/burrow.v1.Calls/Submit",
    "/burrow.v1.Calls/Wait",       "/burrow.v1.Calls/Outputs",
    "/burrow.v1.Calls/Cancel",     "/burrow.v1.Apps/Bind",
    "/burrow.v1.Blobs/Missing",    "/burrow.v1.Deployments/FindFunction",
    "/burrow.v1.Deployments/Stats"};
constexpr std::array<std::string_view, 8> kOfContainers = {
    "/burrow.v1.Volumes/Create", "/burrow.v1.Volumes/Get",
    "/burrow.v1.Volumes/List",   "/burrow.v1.Volumes/Entries",
    "/burrow.v1.Volumes/Change", "/burrow.v1.Volumes/Commit",
    "/burrow.v1.Volumes/Reload", "/burrow.v1.Deployments/UpdateAutoscaler"};
constexpr std::string_view kOneBlob = "/blobs/";

}  // namespace

bool CallersMay(std::string_view path) {
  if (path.starts_with(kOneBlob)) return cas::Digest::FromHex(path.substr(kOneBlob.size())).has_value();
  return std::ranges::find(kOfCallers, path) != kOfCallers.end();
}

bool ContainersMay(std::string_view path) {
  return CallersMay(path) || std::ranges::find(kOfContainers, path) != kOfContainers.end();
}

}  // namespace burrow::api
