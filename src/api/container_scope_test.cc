#include "api/container_scope.h"

#include <gtest/gtest.h>

#include <string>

namespace burrow::api {
namespace {

TEST(ContainerScope, LetsFunctionsCallFunctions) {
  for (const char* path : {"/burrow.v1.Calls/Invoke", "/burrow.v1.Calls/Submit", "/burrow.v1.Calls/Wait",
                           "/burrow.v1.Calls/Outputs", "/burrow.v1.Calls/Cancel", "/burrow.v1.Apps/Bind",
                           "/burrow.v1.Deployments/FindFunction", "/burrow.v1.Blobs/Missing"})
    EXPECT_TRUE(ContainersMay(path)) << path;
  EXPECT_TRUE(ContainersMay("/blobs/" + std::string(64, 'a')));
}

TEST(ContainerScope, LetsFunctionsUseVolumesAndCallersNot) {
  for (const char* path :
       {"/burrow.v1.Volumes/Create", "/burrow.v1.Volumes/Get", "/burrow.v1.Volumes/List", "/burrow.v1.Volumes/Entries",
        "/burrow.v1.Volumes/Change", "/burrow.v1.Volumes/Commit", "/burrow.v1.Volumes/Reload"}) {
    EXPECT_TRUE(ContainersMay(path)) << path;
    EXPECT_FALSE(CallersMay(path)) << path;
  }
  for (const char* path : {"/burrow.v1.Volumes/Delete", "/burrow.v1.Volumes/Rename"})
    EXPECT_FALSE(ContainersMay(path)) << path;
}

TEST(ContainerScope, LetsFunctionsScaleFunctionsAndCallersOnlyLookAtThem) {
  EXPECT_TRUE(CallersMay("/burrow.v1.Deployments/Stats"));
  EXPECT_TRUE(ContainersMay("/burrow.v1.Deployments/Stats"));
  EXPECT_TRUE(ContainersMay("/burrow.v1.Deployments/UpdateAutoscaler"));
  EXPECT_FALSE(CallersMay("/burrow.v1.Deployments/UpdateAutoscaler"));
}

TEST(ContainerScope, IsNothingElse) {
  for (const char* path :
       {"", "/", "/link", "/health", "/uploads", "/blobs/", "/blobs/pack", "/blobs/../link", "/burrow.v1.Calls/",
        "/burrow.v1.Calls/InvokeAll", "/burrow.v1.Calls/invoke", "//burrow.v1.Calls/Invoke", "/burrow.v1.Apps/Stop",
        "/burrow.v1.Apps/Create", "/burrow.v1.Deployments/Deploy", "/burrow.v1.Secrets/List", "/burrow.v1.Images/List"})
    EXPECT_FALSE(ContainersMay(path)) << path;
  EXPECT_FALSE(ContainersMay("/blobs/" + std::string(64, 'A')));
  EXPECT_FALSE(ContainersMay("/blobs/" + std::string(64, 'a') + "/x"));
}

}  // namespace
}  // namespace burrow::api
