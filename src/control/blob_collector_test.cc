#include "control/blob_collector.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <future>

#include "cas/disk_blob_store.h"
#include "cas/guarded_blob_store.h"
#include "cas/packed_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "control/images.h"
#include "image/import.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::control {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectory = "BURROW_TEST_COLLECT_DIRECTORY";
constexpr Millis kGrace(86'400'000);

class ShiftedClock final : public Clock {
 public:
  SteadyTime Now() const override { return SystemClock().Now(); }
  uint64_t UnixMillis() const override { return SystemClock().UnixMillis() + ahead; }
  std::atomic<uint64_t> ahead = 0;
};

// A state directory with records and blobs, as control has them.
struct World {
  explicit World(const std::string& directory) {
    EXPECT_TRUE(os::MakeDirectories(directory));
    store = store::OpenSqliteStore(directory + "/db").value();
    blobs = cas::PackedBlobStore::Open({.directory = directory + "/packing"},
                                       cas::DiskBlobStore::Open(directory + "/blobs").value(),
                                       cas::DiskBlobStore::Open(directory + "/packs").value())
                .value();
    uses = cas::BlobUses::Open(directory + "/uses", clock, kGrace).value();
    guarded = cas::NewGuardedBlobStore(*blobs, *uses);
    collector = std::make_unique<BlobCollector>(BlobCollectorParts{*store, *blobs, *uses, clock});
  }
  cas::Digest Put(const std::string& content) {
    auto digest = cas::Digest::Of(content);
    EXPECT_TRUE(guarded->Put(digest, content));
    return digest;
  }
  bool Has(const cas::Digest& digest) { return blobs->Has(digest).value(); }
  CollectedBlobs Collect(bool dry_run = false) {
    auto counts = collector->Collect({}, dry_run);
    EXPECT_TRUE(counts) << counts.error().message();
    return counts.value_or(CollectedBlobs());
  }
  // A day and more passes.
  void Age() { clock.ahead += 3 * static_cast<uint64_t>(kGrace.count()); }

  ShiftedClock clock;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<cas::BlobStore> blobs, guarded;
  std::unique_ptr<cas::BlobUses> uses;
  std::unique_ptr<BlobCollector> collector;
};

// An image with a small and a framed file; gives every blob that it needs.
std::vector<cas::Digest> AddImage(World& world, const std::string& scratch) {
  fs::create_directories(scratch);
  std::string small = "small file", large(5u << 20, 'l');
  EXPECT_TRUE(os::WriteFileAtomically(scratch + "/small", small));
  EXPECT_TRUE(os::WriteFileAtomically(scratch + "/large", large));
  auto tree = image::ImportDirectory(scratch, *world.guarded, nullptr).value();
  auto index = image::PutIndex(tree, *world.guarded).value();
  lpb::Image image;
  image.set_index_digest(index.Hex());
  EXPECT_TRUE(
      world.store->PutImage({.id = ImageIdOf(store::kDefaultWorkspace, image), .image = image.SerializeAsString()}));
  auto bytes = cas::GetAll(*world.blobs, index, 1u << 20).value();
  auto opened = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}).value();
  std::vector<cas::Digest> needed = {index, cas::Digest::Of(small), cas::Digest::Of(large)};
  for (image::InodeNumber i = 0; i < opened.inode_count(); ++i) {
    if (!opened.inode(i).frames.IsZero()) needed.push_back(opened.inode(i).frames);
  }
  EXPECT_EQ(needed.size(), 4u) << "with the frame table";
  return needed;
}

class BlobCollectorTest : public ::testing::Test {
 protected:
  cas::testing::TemporaryDirectory directory_;
  World world_{directory_ / "state"};
};

TEST_F(BlobCollectorTest, KeepsWhatImagesFunctionsAndCallsNeed) {
  auto needed = AddImage(world_, directory_ / "tree");
  auto source = world_.Put("source"), pickled = world_.Put("function"), argument = world_.Put("argument"),
       value = world_.Put("value"), raised = world_.Put("exception"), garbage = world_.Put("garbage"),
       attached = world_.Put("attached"), large = world_.Put(std::string(100'000, 'g'));
  lpb::ContainerSpec spec;
  spec.add_source()->set_digest(source.Hex());
  spec.mutable_function()->add_attached()->add_files()->set_digest(attached.Hex());
  spec.mutable_function()->mutable_pickled()->set_digest(pickled.Hex());
  FunctionId function = FunctionId::New();
  ASSERT_TRUE(world_.store->PutFunctions(
      {{.id = function, .app = AppId::New(), .name = "f", .spec = spec.SerializeAsString()}}));
  pb::Payload arguments;
  arguments.set_digest(argument.Hex());
  pb::CallResult result;
  result.mutable_value()->set_digest(value.Hex());
  result.mutable_error()->mutable_pickled()->set_digest(raised.Hex());
  store::GroupRecord group{.id = GroupId::New(), .function = function};
  std::vector<store::CallRecord> calls(2);
  for (auto& call : calls) call = {.id = CallId::New(), .function = function, .group = group.id};
  calls[0].arguments = arguments.SerializeAsString();
  ASSERT_TRUE(world_.store->AddCalls(group, calls));
  ASSERT_TRUE(world_.store->FinishCalls({{calls[1].id, result.SerializeAsString(), 1}}));
  needed.insert(needed.end(), {source, attached, pickled, argument, value, raised});
  ASSERT_TRUE(world_.blobs->Sync());

  EXPECT_EQ(world_.Collect().removed_blobs, 0u) << "all of it is new";
  world_.Age();
  auto would = world_.Collect(true);
  EXPECT_EQ(would.removed_blobs, 2u);
  EXPECT_EQ(would.removed_bytes, 100'007u);
  EXPECT_TRUE(world_.Has(garbage));
  auto counts = world_.Collect();
  EXPECT_EQ(counts.removed_blobs, 2u);
  EXPECT_EQ(counts.needed_blobs, needed.size());
  EXPECT_EQ(counts.blobs, needed.size() + 2);
  EXPECT_FALSE(world_.Has(garbage));
  EXPECT_FALSE(world_.Has(large));
  for (const auto& digest : needed) EXPECT_TRUE(world_.Has(digest)) << digest.Hex();
}

TEST_F(BlobCollectorTest, KeepsWhatWasAskedForWithinTheGrace) {
  auto asked = world_.Put("asked"), put = world_.Put("put"), sized = world_.Put("sized"), other = world_.Put("other");
  ASSERT_TRUE(world_.blobs->Sync());
  world_.Age();
  EXPECT_TRUE(world_.guarded->Missing({asked}).value().empty());
  world_.Put("put");
  EXPECT_TRUE(world_.guarded->Size(sized));
  auto counts = world_.Collect();
  EXPECT_EQ(counts.removed_blobs, 1u);
  EXPECT_EQ(counts.recent_blobs, 3u);
  EXPECT_FALSE(world_.Has(other));
  for (const auto& digest : {asked, put, sized}) EXPECT_TRUE(world_.Has(digest));
}

TEST_F(BlobCollectorTest, KeepsWhatMemoryNeeds) {
  auto running = world_.Put("argument of a running call");
  ASSERT_TRUE(world_.blobs->Sync());
  world_.Age();
  EXPECT_EQ(world_.collector->Collect({.blobs = {running}}, false)->removed_blobs, 0u);
  EXPECT_TRUE(world_.Has(running));
}

TEST_F(BlobCollectorTest, RemovesNothingWhereAnIndexCannotBeRead) {
  auto garbage = world_.Put("garbage"), broken = world_.Put("no index at all");
  lpb::Image image;
  image.set_index_digest(broken.Hex());
  ASSERT_TRUE(
      world_.store->PutImage({.id = ImageIdOf(store::kDefaultWorkspace, image), .image = image.SerializeAsString()}));
  ASSERT_TRUE(world_.blobs->Sync());
  world_.Age();
  EXPECT_FALSE(world_.collector->Collect({}, false));
  EXPECT_TRUE(world_.Has(garbage));
}

TEST_F(BlobCollectorTest, StopsWhenItIsAsked) {
  auto garbage = world_.Put("garbage");
  world_.Age();
  world_.collector->Stop();
  EXPECT_EQ(world_.collector->Collect({}, false).error().code(), Code::kCancelled);
  EXPECT_TRUE(world_.Has(garbage));
}

// What a client was told to be there is there when it publishes, whatever a collection does meanwhile.
TEST_F(BlobCollectorTest, NeverTakesWhatAnUploadReliesOn) {
  std::vector<std::string> contents;
  for (int i = 0; i < 2'000; ++i) contents.push_back("content " + std::to_string(i));
  for (const auto& content : contents) world_.Put(content);
  ASSERT_TRUE(world_.blobs->Sync());
  world_.Age();
  auto collection = std::async(std::launch::async, [&] { return world_.Collect(); });
  for (size_t i = contents.size(); i-- > 0;) {
    auto digest = cas::Digest::Of(contents[i]);
    if (!world_.guarded->Missing({digest}).value().empty()) {
      ASSERT_TRUE(world_.guarded->Put(digest, contents[i]));
    }
    ASSERT_TRUE(world_.Has(digest)) << i;
  }
  collection.get();
  for (const auto& content : contents) EXPECT_TRUE(world_.Has(cas::Digest::Of(content)));
}

std::string GarbageOf(int i) { return "garbage " + std::to_string(i); }

TEST(BlobCollectorCrash, DISABLED_Child) {
  World world(std::string(std::getenv(kDirectory)));
  world.Age();
  (void)world.Collect();
}

TEST(BlobCollectorCrash, KeepsWhatIsNeededWhereverItIsKilled) {
  cas::testing::TemporaryDirectory directory;
  std::string state = directory / "state";
  std::vector<cas::Digest> needed;
  {
    World world(state);
    needed = AddImage(world, directory / "tree");
    for (int i = 0; i < 50; ++i) world.Put(GarbageOf(i));
    for (int i = 0; i < 5; ++i) world.Put(GarbageOf(i) + std::string(100'000, 'g'));
    ASSERT_TRUE(world.blobs->Sync());
  }
  for (const char* point :
       {"control.collect.removed", "cas.packs.compact_put", "cas.packs.compact_synced", "control.collect.removed"}) {
    os::SpawnOptions options;
    options.argv = {fs::read_symlink("/proc/self/exe"), "--gtest_filter=BlobCollectorCrash.DISABLED_Child",
                    "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    options.env = {std::string(kDirectory) + "=" + state, std::string("BURROW_FAULTS=") + point + "=kill"};
    options.fds = {{2, 2}};
    auto child = os::Spawn(options);
    ASSERT_TRUE(child) << child.error().message();
    ASSERT_TRUE(child->Wait(std::chrono::seconds(60)));
    World world(state);
    for (const auto& digest : needed) EXPECT_TRUE(world.Has(digest)) << point;
  }
  World world(state);
  world.Age();
  (void)world.Collect();
  EXPECT_EQ(world.Collect().blobs, needed.size());
  for (const auto& digest : needed) {
    EXPECT_TRUE(cas::GetAll(*world.blobs, digest, 1u << 30)) << digest.Hex();
  }
}

}  // namespace
}  // namespace burrow::control
