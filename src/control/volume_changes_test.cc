// What changes make of a volume's tree.
#include "control/volume_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control/volume_entries.h"
#include "control/volume_mounts.h"

namespace burrow::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Change = pb::VolumeChange;

constexpr size_t kMostCopied = 10'000;

class VolumeChanges : public ::testing::Test {
 protected:
  Change& Add(Change::Kind kind, const std::string& path) {
    auto& change = *changes_.add_changes();
    change.set_kind(kind);
    change.set_path(path);
    return change;
  }
  Change& File(const std::string& path, const std::string& content = "x") {
    auto& change = Add(Change::PUT, path);
    change.set_mode(S_IFREG | 0644);
    change.set_size(content.size());
    const auto digest = cas::Digest::Of(content).bytes();
    if (!content.empty()) change.set_digest(digest.data(), digest.size());
    change.set_mtime(77);
    return change;
  }
  Change& Directory(const std::string& path, Change::Kind kind = Change::PUT) {
    auto& change = Add(kind, path);
    change.set_mode(S_IFDIR | 0700);
    return change;
  }
  void Link(Change::Kind kind, const std::string& path, const std::string& target) {
    Add(kind, path).set_target(target);
  }

  // Checks and applies what was added, and forgets it.
  Status Apply(Existing existing = Existing::kReplaced) {
    const pb::VolumeChanges changes = std::exchange(changes_, {});
    BURROW_RETURN_IF_ERROR(CheckVolumeChanges(changes));
    return ApplyVolumeChanges(tree_, changes, existing, kMostCopied);
  }
  Code Refusal(Existing existing = Existing::kReplaced) {
    const Status status = Apply(existing);
    return status ? Code::kUnknown : status.error().code();
  }
  pb::VolumeEntriesResponse List(const pb::VolumeEntriesRequest& request) {
    const std::string bytes = *tree_.Encode();
    const auto index = *image::Index::Open(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    auto listed = ListVolume(index, request);
    EXPECT_TRUE(listed) << listed.error().message();
    return *listed;
  }
  std::vector<std::string> Paths() {
    pb::VolumeEntriesRequest request;
    request.set_recursive(true);
    std::vector<std::string> paths;
    const auto listed = List(request);
    for (const auto& entry : listed.entries()) paths.push_back(entry.path());
    return paths;
  }

  image::Tree tree_;
  pb::VolumeChanges changes_;
};

TEST_F(VolumeChanges, PutMakesTheDirectoriesThatLack) {
  File("a/b/c");
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("a", "a/b", "a/b/c"));
  EXPECT_EQ(tree_.root().children.at("a")->inode->mtime, 77);
}

TEST_F(VolumeChanges, TheLastOneWinsPathByPath) {
  File("a", "first");
  File("b/c");
  ASSERT_TRUE(Apply());
  File("a/now/a/directory");
  File("b", "now a file");
  File("d");
  Add(Change::REMOVE, "d");
  Add(Change::REMOVE, "never/was/there");
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("a", "a/now", "a/now/a", "a/now/a/directory", "b"));
}

TEST_F(VolumeChanges, ADirectoryKeepsWhatIsBelowUnlessItIsOpaque) {
  File("a/kept");
  ASSERT_TRUE(Apply());
  Directory("a");
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("a", "a/kept"));
  Directory("a", Change::OPAQUE_DIRECTORY);
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("a"));
  Directory("", Change::OPAQUE_DIRECTORY);
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), IsEmpty());
  EXPECT_EQ(tree_.root().inode->mode, uint32_t{S_IFDIR | 0700});
}

TEST_F(VolumeChanges, HardLinksShareAnInodeAndCopiesDoNot) {
  File("a/one");
  Link(Change::HARD_LINK, "a/two", "a/one");
  Link(Change::COPY, "b", "a");
  ASSERT_TRUE(Apply());
  const auto& a = tree_.root().children.at("a")->children;
  const auto& b = tree_.root().children.at("b")->children;
  EXPECT_EQ(a.at("one")->inode, a.at("two")->inode);
  EXPECT_EQ(b.at("one")->inode, b.at("two")->inode);
  EXPECT_NE(a.at("one")->inode, b.at("one")->inode);
  EXPECT_EQ(a.at("one")->inode->digest, b.at("one")->inode->digest);
}

TEST_F(VolumeChanges, ACopyOverADirectoryMergesAndMayLieInItsSource) {
  File("a/x", "new");
  File("b/x", "old");
  File("b/y");
  ASSERT_TRUE(Apply());
  Link(Change::COPY, "b", "a");
  Link(Change::COPY, "a/inner", "a");
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("a", "a/inner", "a/inner/x", "a/x", "b", "b/x", "b/y"));
  EXPECT_EQ(tree_.root().children.at("b")->children.at("x")->inode->digest, cas::Digest::Of("new"));
}

TEST_F(VolumeChanges, CopiesOfCopiesHaveABound) {
  for (int i = 0; i < 64; ++i) File("a/" + std::to_string(i));
  for (int i = 0; i < 7; ++i) Link(Change::COPY, "a/copy" + std::to_string(i), "a");
  ASSERT_TRUE(Apply());  // 65 * 127 copies
  for (int i = 0; i < 40; ++i) Link(Change::COPY, "b/copy" + std::to_string(i), "a");
  EXPECT_EQ(Refusal(), Code::kResourceExhausted);
}

TEST_F(VolumeChanges, WhatIsThereIsKeptWhereThatIsAsked) {
  File("a/b");
  ASSERT_TRUE(Apply());
  Directory("a");
  File("a/c");
  ASSERT_TRUE(Apply(Existing::kKept));
  File("a/b", "other");
  EXPECT_EQ(Refusal(Existing::kKept), Code::kAlreadyExists);
  File("a/b/below");
  EXPECT_EQ(Refusal(Existing::kKept), Code::kAlreadyExists);
  Directory("a/b");
  EXPECT_EQ(Refusal(Existing::kKept), Code::kAlreadyExists);
  Link(Change::COPY, "a/b", "a/c");
  EXPECT_EQ(Refusal(Existing::kKept), Code::kAlreadyExists);
  Directory("a", Change::OPAQUE_DIRECTORY);
  EXPECT_EQ(Refusal(Existing::kKept), Code::kAlreadyExists);
  EXPECT_THAT(Paths(), ElementsAre("a", "a/b", "a/c"));
}

TEST_F(VolumeChanges, WhatCannotBeFollowedIsAnError) {
  Link(Change::COPY, "b", "nothing");
  EXPECT_EQ(Refusal(), Code::kNotFound);
  Link(Change::HARD_LINK, "b", "nothing");
  EXPECT_EQ(Refusal(), Code::kInvalidArgument);
}

TEST_F(VolumeChanges, WhatNoVolumeHoldsIsRefused) {
  const std::vector<std::function<void()>> bad = {
      [&] { File("../a"); },
      [&] { File("/a"); },
      [&] { File("a//b"); },
      [&] { File("a/./b"); },
      [&] { File(""); },
      [&] { File(std::string("a\0b", 3)); },
      [&] { File(std::string(256, 'n')); },
      [&] { File("a").set_mode(S_IFSOCK | 0644); },
      [&] { File("a").set_mode(0644); },
      [&] { File("a").set_mode(S_IFREG | 0200000 | 0644); },
      [&] { File("a").set_size(0); },
      [&] { File("a", "").set_size(1); },
      [&] { File("a").set_digest("short"); },
      [&] { File("a").set_frames(std::string(32, 'f')); },
      [&] { File("a").set_mtime_ns(1'000'000'000); },
      [&] { File("a").set_rdev(1); },
      [&] { File("a").set_target("b"); },
      [&] { (*File("a").mutable_xattrs())["trusted.overlay.opaque"] = "y"; },
      [&] { (*File("a").mutable_xattrs())[""] = "y"; },
      [&] { Directory("a").set_digest(std::string(32, 'f')); },
      [&] { Add(Change::OPAQUE_DIRECTORY, "a").set_mode(S_IFLNK | 0777); },
      [&] { Add(Change::PUT, "a").set_mode(S_IFLNK | 0777); },
      [&] { Add(Change::PUT, "a").set_mode(S_IFCHR | 0666); },
      [&] { Add(Change::REMOVE, ""); },
      [&] { Add(Change::KIND_UNSPECIFIED, "a"); },
      [&] { Link(Change::HARD_LINK, "a", "../b"); },
      [&] { Link(Change::COPY, "", "b"); },
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    bad[i]();
    EXPECT_EQ(Refusal(), Code::kInvalidArgument) << i;
  }
  EXPECT_THAT(Paths(), IsEmpty());
}

TEST_F(VolumeChanges, WhatImagesHoldVolumesHold) {
  auto& link = Add(Change::PUT, "link");
  link.set_mode(S_IFLNK | 0777);
  link.set_target("/any/where");
  Add(Change::PUT, "pipe").set_mode(S_IFIFO | 0600);
  auto& device = Add(Change::PUT, "null");
  device.set_mode(S_IFCHR | 0666);
  device.set_rdev(0x103);
  (*File("attributes").mutable_xattrs())["user.note"] = "y";
  File("empty", "");
  ASSERT_TRUE(Apply());
  EXPECT_THAT(Paths(), ElementsAre("attributes", "empty", "link", "null", "pipe"));
}

TEST_F(VolumeChanges, PathsInSentencesAreText) {
  EXPECT_EQ(ShowVolumePath("a\xff\n"
                           "b"),
            "a??b");
  EXPECT_EQ(ShowVolumePath(std::string(1'000, 'a')).size(), 200u);
}

TEST_F(VolumeChanges, EveryPageOfAListGoesOnWhereTheLastOneEnded) {
  for (const char* path : {"a", "a.txt", "b/1", "b/2/deep", "b/3", "c", "d/e/f/g"}) File(path);
  ASSERT_TRUE(Apply());
  const auto all = Paths();
  ASSERT_EQ(all.size(), 12u);
  for (uint32_t limit = 1; limit <= 13; ++limit) {
    std::vector<std::string> paths;
    pb::VolumeEntriesRequest request;
    request.set_recursive(true);
    request.set_limit(limit);
    for (bool more = true; more;) {
      const auto page = List(request);
      ASSERT_LE(page.entries_size(), static_cast<int>(limit));
      for (const auto& entry : page.entries()) paths.push_back(entry.path());
      more = page.more();
      request.set_after(paths.back());
    }
    EXPECT_EQ(paths, all) << limit;
  }
}

TEST_F(VolumeChanges, AListIsOfWhatLiesAtThePath) {
  for (const char* path : {"a/1", "a/2/x", "b"}) File(path);
  ASSERT_TRUE(Apply());
  pb::VolumeEntriesRequest request;
  request.set_path("a");
  auto listed = List(request);
  ASSERT_EQ(listed.entries_size(), 2);
  EXPECT_EQ(listed.entries(0).path(), "a/1");
  EXPECT_EQ(listed.entries(0).digest(), cas::Digest::Of("x").Hex());
  EXPECT_EQ(listed.entries(1).path(), "a/2");
  request.set_path("b");
  listed = List(request);
  ASSERT_EQ(listed.entries_size(), 1);
  EXPECT_EQ(listed.entries(0).path(), "b");
  const std::string bytes = *tree_.Encode();
  const auto index = *image::Index::Open(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  request.set_path("b/below");
  EXPECT_EQ(ListVolume(index, request).error().code(), Code::kNotFound);
  request.set_path("a/../b");
  EXPECT_EQ(ListVolume(index, request).error().code(), Code::kInvalidArgument);
  request.set_path("a");
  request.set_after("b");
  EXPECT_EQ(ListVolume(index, request).error().code(), Code::kInvalidArgument);
}

pb::FunctionSpec WithMounts(const std::vector<std::string>& paths) {
  pb::FunctionSpec spec;
  spec.set_name("f");
  for (const auto& path : paths) {
    auto& mount = *spec.add_volumes();
    mount.set_volume_id(VolumeId::New().str());
    mount.set_path(path);
  }
  return spec;
}

TEST(VolumeMounts, HavePathsOfTheirOwn) {
  EXPECT_TRUE(CheckVolumeMounts(WithMounts({"/data", "/data2", "/srv/models"})));
  for (const auto& paths : std::vector<std::vector<std::string>>{{"/"},
                                                                 {"data"},
                                                                 {"/data/"},
                                                                 {"/a/../b"},
                                                                 {"/proc"},
                                                                 {"/sys/fs"},
                                                                 {"/dev/shm"},
                                                                 {"/burrow"},
                                                                 {"/a", "/a"},
                                                                 {"/a", "/a/b"},
                                                                 {"/a/b", "/a"}}) {
    EXPECT_FALSE(CheckVolumeMounts(WithMounts(paths))) << paths.back();
  }
  EXPECT_FALSE(CheckVolumeMounts(WithMounts(std::vector<std::string>(33, "/x"))));
  auto attached = WithMounts({"/data"});
  attached.add_attached()->set_destination("/data/config");
  EXPECT_THAT(CheckVolumeMounts(attached).error().message(), HasSubstr("/data/config"));
  auto twice = WithMounts({"/a", "/b"});
  twice.mutable_volumes(1)->set_volume_id(twice.volumes(0).volume_id());
  EXPECT_THAT(CheckVolumeMounts(twice).error().message(), HasSubstr("twice"));
  auto nameless = WithMounts({"/a"});
  nameless.mutable_volumes(0)->set_volume_id("weights");
  EXPECT_FALSE(CheckVolumeMounts(nameless));
}

google::protobuf::RepeatedPtrField<lpb::MountedVolume> MountedAt(const std::string& digest) {
  google::protobuf::RepeatedPtrField<lpb::MountedVolume> mounts;
  auto& mount = *mounts.Add();
  mount.set_volume_id("v");
  mount.set_index_digest(digest);
  mount.set_version(1);
  return mounts;
}

TEST(HeadsOfAContainer, AreWhatItMayHaveMounted) {
  GivenHeads heads;
  heads.NoteStart(MountedAt("one"));
  EXPECT_TRUE(heads.Has("v"));
  EXPECT_FALSE(heads.Has("w"));
  heads.NoteTold("v", "two", 2);
  heads.NoteTold("v", "three", 3);
  EXPECT_THAT(heads.trees(), ElementsAre("one", "three")) << "a commit mounts nothing";
  heads.BeginReload("v");
  heads.NoteTold("v", "four", 4);
  EXPECT_THAT(heads.trees(), ElementsAre("one", "three", "four"));
  heads.EndReload("v", 4);
  EXPECT_THAT(heads.trees(), ElementsAre("four"));
  heads.NoteTold("w", "other", 1);
  EXPECT_THAT(heads.trees(), ElementsAre("four")) << "it does not have that volume";
}

TEST(HeadsOfAContainer, AreKeptWhereNobodyKnowsHowAReloadEnded) {
  GivenHeads heads;
  heads.NoteStart(MountedAt("one"));
  heads.BeginReload("v");
  heads.NoteTold("v", "two", 2);
  heads.EndReload("v", std::nullopt);
  heads.NoteTold("v", "three", 3);
  heads.NoteTold("v", "four", 4);
  EXPECT_THAT(heads.trees(), ElementsAre("one", "two", "four"));
}

}  // namespace
}  // namespace burrow::control
