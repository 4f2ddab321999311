#include "oci/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/config_document.h"
#include "oci/registry_reference.h"

namespace burrow::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Hex(char digit) { return std::string(64, digit); }
std::string Blob(char digit, const std::string& more = "") {
  return R"({"mediaType":"m","size":7,"digest":"sha256:)" + Hex(digit) + "\"" + more + "}";
}

TEST(Manifest, NamesConfigurationAndLayers) {
  auto manifest = ParseManifest(R"({"schemaVersion":2,"config":)" + Blob('a') + R"(,"layers":[)" + Blob('b') + "," +
                                Blob('c') + "]}");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->config.digest.Hex(), Hex('a'));
  ASSERT_EQ(manifest->layers.size(), 2u);
  EXPECT_EQ(manifest->layers[1].digest.Hex(), Hex('c'));
  EXPECT_EQ(manifest->layers[1].size, 7u);
}

TEST(Manifest, OfSeveralPlatformsTheOwnIsChosen) {
  auto platform = [](const char* architecture, const char* variant = "") {
    return fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}","variant":"{}"}})", architecture, variant);
  };
  auto list = ParseManifest(R"({"manifests":[)" + Blob('a', platform("arm", "v6")) + "," +
                            Blob('b', platform("arm", "v7")) + "," + Blob('c', platform("amd64")) + "]}");
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(ChooseManifest(list->manifests, {"linux", "amd64", ""})->digest.Hex(), Hex('c'));
  EXPECT_EQ(ChooseManifest(list->manifests, {"linux", "arm", "v7"})->digest.Hex(), Hex('b'));
  auto absent = ChooseManifest(list->manifests, {"linux", "riscv64", ""});
  EXPECT_EQ(absent.error().code(), Code::kNotFound);
  EXPECT_THAT(absent.error().message(), HasSubstr("linux/arm/v7"));
}

TEST(Manifest, RefusesWhatItDoesNotUnderstand) {
  for (const std::string& text :
       {std::string("no json"), std::string("[]"), std::string("{}"), std::string("null"),
        std::string(R"({"manifests":[]})"), std::string(R"({"manifests":{"a":1}})"),
        std::string(R"({"schemaVersion":1,"fsLayers":[]})"), R"({"config":)" + Blob('a') + "}",
        std::string(R"({"config":{"digest":"md5:abc","size":1},"layers":[]})"),
        R"({"config":{"digest":"sha256:)" + Hex('a') + R"(","size":-1},"layers":[]})"}) {
    EXPECT_EQ(ParseManifest(text).error().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ParseManifest(std::string(kMaxDocument + 1, ' ')));
}

TEST(Config, TellsHowProcessesStart) {
  auto config = ParseConfig(R"({"rootfs":{"diff_ids":["sha256:)" + Hex('d') + R"("]},
    "config":{"Env":["A=b"],"Entrypoint":["/run"],"Cmd":["x","y"],"WorkingDir":"/srv","User":"1:2","Labels":{"l":"v","n":1}}})");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_THAT(config->config.env, ElementsAre("A=b"));
  EXPECT_THAT(config->config.entrypoint, ElementsAre("/run"));
  EXPECT_THAT(config->config.cmd, ElementsAre("x", "y"));
  EXPECT_EQ(config->config.workdir, "/srv");
  EXPECT_EQ(config->config.user, "1:2");
  EXPECT_EQ(config->config.labels, (std::map<std::string, std::string>{{"l", "v"}}));
  EXPECT_EQ(config->diff_ids.at(0).Hex(), Hex('d'));
  EXPECT_TRUE(ParseConfig(R"({"config":{"Env":null,"Cmd":null,"Labels":null}})"));
  EXPECT_FALSE(ParseConfig(R"({"config":{"Env":"A=b"}})"));
}

TEST(ArchiveManifest, ListsImages) {
  auto images =
      ParseArchiveManifest(R"([{"Config":"c.json","RepoTags":["a:1"],"Layers":["x/layer.tar"]},{"Config":"d"}])");
  ASSERT_TRUE(images);
  ASSERT_EQ(images->size(), 2u);
  EXPECT_THAT(images->at(0).layers, ElementsAre("x/layer.tar"));
  EXPECT_FALSE(ParseArchiveManifest("[]"));
  EXPECT_FALSE(ParseArchiveManifest("[1]"));
}

TEST(RegistryReference, HasHostRepositoryAndVersion) {
  auto reference = ParseReference("docker://localhost:5000/team/python:3.12").value();
  EXPECT_EQ(reference.host, "localhost:5000");
  EXPECT_EQ(reference.repository, "team/python");
  EXPECT_EQ(reference.Version(), "3.12");
  EXPECT_EQ(ParseReference("registry.example/x")->Version(), "latest");
  auto pinned = ParseReference("registry.example/x:1@sha256:" + Hex('a')).value();
  EXPECT_EQ(pinned.Version(), "sha256:" + Hex('a'));
  for (const char* text : {"", "python", "python:3.12", "team/python", "h.example/", "h.example/UP", "h.example/a:",
                           "h.example/a b", "h.example/a?x", "h.example//a", "h.example/a/", "u@h.example/a",
                           "h.example/a@sha256:12", "-h.example/a", "h.example/..", "h.example/a:b/c"}) {
    EXPECT_EQ(ParseReference(text).error().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_TRUE(IsLoopback("localhost:5000"));
  EXPECT_TRUE(IsLoopback("127.0.0.1:1"));
  EXPECT_FALSE(IsLoopback("127.0.0.1.example"));
}

TEST(AuthChallenge, IsReadWithOrWithoutQuotes) {
  auto bearer =
      ParseChallenge(R"(Bearer realm="https://a.example/token?x=1,2",service="s \"q\"",scope=repository:x:pull)");
  EXPECT_EQ(bearer.scheme, AuthChallenge::Scheme::kBearer);
  EXPECT_EQ(bearer.realm, "https://a.example/token?x=1,2");
  EXPECT_EQ(bearer.service, "s \"q\"");
  EXPECT_EQ(bearer.scope, "repository:x:pull");
  EXPECT_EQ(ParseChallenge("basic realm=x").scheme, AuthChallenge::Scheme::kBasic);
  EXPECT_EQ(ParseChallenge("Negotiate").scheme, AuthChallenge::Scheme::kNone);
}

TEST(ParseUrl, RefusesOtherSchemesAndCredentials) {
  EXPECT_EQ(ParseUrl("https://a.example:1/x?y")->authority, "a.example:1");
  for (const char* url : {"ftp://a/x", "file:///etc/passwd", "https://u:p@a/x", "http://", "/x", "http://a/\r\nX: y"}) {
    EXPECT_FALSE(ParseUrl(url)) << url;
  }
}

}  // namespace
}  // namespace burrow::oci
