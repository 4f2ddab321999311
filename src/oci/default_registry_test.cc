#include "oci/default_registry.h"

#include <gtest/gtest.h>

namespace burrow::oci {
namespace {

std::string Complete(const DefaultRegistry& registry, std::string_view text) {
  auto reference = CompleteReference(registry, text);
  return reference ? reference->Text() : "";
}

TEST(DefaultRegistry, CompletesNamesAsDockerDoes) {
  auto registry = ParseDefaultRegistry("hub.example=server.example:5000").value();
  EXPECT_EQ(Complete(registry, "debian"), "hub.example/library/debian:latest");
  EXPECT_EQ(Complete(registry, "debian:12"), "hub.example/library/debian:12");
  EXPECT_EQ(Complete(registry, "docker://debian:12"), "hub.example/library/debian:12");
  EXPECT_EQ(Complete(registry, "team/image:1"), "hub.example/team/image:1");
  EXPECT_EQ(Complete(registry, "other.example/image:1"), "other.example/image:1");
  EXPECT_EQ(Complete(registry, "localhost/image"), "localhost/image:latest");
  const std::string pinned = "debian@sha256:" + std::string(64, 'a');
  EXPECT_EQ(Complete(registry, pinned), "hub.example/library/" + pinned);
}

TEST(DefaultRegistry, CompletesNothingWhereThereIsNone) {
  EXPECT_EQ(Complete(ParseDefaultRegistry("").value(), "debian:12"), "");
}

TEST(DefaultRegistry, MakesNoReferenceOfNonsense) {
  auto registry = ParseDefaultRegistry("hub.example").value();
  for (const char* text : {"", "Debian", "debian:", "/debian", "a//b", "../a", "debian 12", "im-1 2"}) {
    EXPECT_EQ(CompleteReference(registry, text).error().code(), Code::kInvalidArgument) << text;
  }
}

TEST(DefaultRegistry, HasAServerOfItsOwn) {
  auto registry = ParseDefaultRegistry("hub.example=server.example:5000").value();
  EXPECT_EQ(ServerOf(registry, CompleteReference(registry, "debian").value()), "server.example:5000");
  EXPECT_EQ(ServerOf(registry, CompleteReference(registry, "hub.example/a").value()), "server.example:5000");
  EXPECT_EQ(ServerOf(registry, CompleteReference(registry, "other.example/a").value()), "other.example");
  auto plain = ParseDefaultRegistry("localhost:5000").value();
  EXPECT_EQ(ServerOf(plain, CompleteReference(plain, "debian").value()), "localhost:5000");
}

TEST(DefaultRegistry, RefusesWhatIsNoHost) {
  for (const char* text :
       {"=", "a.example=", "=a.example", "https://a.example", "a.example/b", "plain", "a b.example"}) {
    EXPECT_EQ(ParseDefaultRegistry(text).error().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace burrow::oci
