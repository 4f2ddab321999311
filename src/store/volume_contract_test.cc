// Volumes, as every implementation of Store keeps them.
#include <gmock/gmock.h>

#include "store/testing/store_contract.h"

namespace burrow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

VolumeRecord NewVolume(const std::string& name, const std::string& workspace = kDefaultWorkspace) {
  return {.id = VolumeId::New(),
          .workspace = workspace,
          .name = name,
          .created_ms = 5,
          .head = {.index_digest = "aa", .version = 1, .files = 2, .bytes = 3, .changed_ms = 6}};
}

std::vector<std::string> NamesOf(Store& store) {
  std::vector<std::string> names;
  const auto volumes = store.Volumes();
  for (const auto& volume : *volumes) names.push_back(volume.workspace + "/" + volume.name);
  return names;
}

TEST_P(StoreContract, KeepsVolumesWithTheirHeads) {
  const VolumeRecord volume = NewVolume("weights");
  ASSERT_TRUE(store().AddVolume(volume));
  Reopen();
  const auto volumes = *store().Volumes();
  ASSERT_EQ(volumes.size(), 1u);
  EXPECT_EQ(volumes[0].id, volume.id);
  EXPECT_EQ(volumes[0].workspace, kDefaultWorkspace);
  EXPECT_EQ(volumes[0].name, "weights");
  EXPECT_EQ(volumes[0].created_ms, 5u);
  EXPECT_EQ(volumes[0].head.index_digest, "aa");
  EXPECT_EQ(volumes[0].head.version, 1u);
  EXPECT_EQ(volumes[0].head.files, 2u);
  EXPECT_EQ(volumes[0].head.bytes, 3u);
  EXPECT_EQ(volumes[0].head.changed_ms, 6u);
}

TEST_P(StoreContract, TheNameOfAVolumeIsOnePerWorkspace) {
  const VolumeRecord one = NewVolume("one"), other = NewVolume("other");
  ASSERT_TRUE(store().AddVolume(one));
  ASSERT_TRUE(store().AddVolume(other));
  ASSERT_TRUE(store().AddVolume(NewVolume("one", "team")));
  EXPECT_EQ(store().AddVolume(NewVolume("one")).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(store().RenameVolume(other.id, "one").error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(store().RenameVolume(other.id, "two"));
  ASSERT_TRUE(store().RenameVolume(other.id, "two")) << "its own name is not taken";
  Reopen();
  EXPECT_THAT(NamesOf(store()), ElementsAre("default/one", "default/two", "team/one"));
}

TEST_P(StoreContract, AHeadMovesTogetherWithTheCommitThatMovedIt) {
  const VolumeRecord volume = NewVolume("v");
  ASSERT_TRUE(store().AddVolume(volume));
  const VolumeHead head{.index_digest = "bb", .version = 2, .files = 7, .bytes = 8, .changed_ms = 9};
  ASSERT_TRUE(store().MoveVolumeHead(
      volume.id, head, VolumeCommit{.volume = volume.id, .owner = "ct-1", .sequence = 4, .committed_ms = 9}));
  ASSERT_TRUE(store().RenameVolume(volume.id, "w"));
  Reopen();
  const auto moved = store().Volumes()->front();
  EXPECT_EQ(moved.name, "w");
  EXPECT_EQ(moved.head.index_digest, "bb");
  EXPECT_EQ(moved.head.version, 2u);
  EXPECT_EQ(moved.head.bytes, 8u);
  const auto commits = *store().VolumeCommits();
  ASSERT_EQ(commits.size(), 1u);
  EXPECT_EQ(commits[0].volume, volume.id);
  EXPECT_EQ(commits[0].owner, "ct-1");
  EXPECT_EQ(commits[0].sequence, 4u);
}

TEST_P(StoreContract, CommitsAreForgottenOnceNobodySaysThemAgain) {
  const VolumeRecord volume = NewVolume("v");
  ASSERT_TRUE(store().AddVolume(volume));
  const auto commit = [&](const std::string& owner, uint64_t sequence, uint64_t now) {
    return store().MoveVolumeHead(
        volume.id, volume.head,
        VolumeCommit{.volume = volume.id, .owner = owner, .sequence = sequence, .committed_ms = now});
  };
  ASSERT_TRUE(commit("ct-1", 1, 1'000));
  ASSERT_TRUE(commit("ct-2", 1, 2'000));
  ASSERT_TRUE(commit("ct-2", 2, 1'001 + kVolumeCommitsKeptMs));
  const auto commits = *store().VolumeCommits();
  ASSERT_EQ(commits.size(), 1u);
  EXPECT_EQ(commits[0].owner, "ct-2");
  EXPECT_EQ(commits[0].sequence, 2u);
}

TEST_P(StoreContract, ADroppedVolumeStaysAway) {
  const VolumeRecord volume = NewVolume("v");
  ASSERT_TRUE(store().AddVolume(volume));
  const VolumeCommit commit{.volume = volume.id, .owner = "ct-1", .sequence = 1, .committed_ms = 9};
  ASSERT_TRUE(store().MoveVolumeHead(volume.id, volume.head, commit));
  ASSERT_TRUE(store().DropVolume(volume.id));
  ASSERT_TRUE(store().DropVolume(volume.id));
  ASSERT_TRUE(store().MoveVolumeHead(volume.id, volume.head, commit));
  Reopen();
  EXPECT_THAT(*store().Volumes(), IsEmpty());
  EXPECT_THAT(*store().VolumeCommits(), IsEmpty());
}

}  // namespace
}  // namespace burrow::store::testing
