#include "control/hot_sets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "cas/disk_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "control/apps.h"
#include "control/testing/manual_clock.h"
#include "image/tree.h"

namespace burrow::control {
namespace {

// Each letter is a blob.
std::array<uint8_t, 32> BytesOfBlob(char name) {
  std::array<uint8_t, 32> bytes;
  bytes.fill(static_cast<uint8_t>(name));
  return bytes;
}

class HotSetsTest : public ::testing::Test {
 protected:
  HotSetsTest() { Restart(); }

  void Restart() {
    sets_.emplace(io_, clock_, *store_, store_thread_, *blobs_, disk_);
    ASSERT_TRUE(sets_->Load());
  }
  // The digest of an image's index.
  std::string ImageOf(const std::string& names) {
    image::Tree tree;
    for (char name : names) {
      auto node = std::make_unique<image::TreeNode>();
      node->inode = std::make_shared<image::TreeInode>(
          image::TreeInode{.mode = S_IFREG | 0644, .size = 1, .digest = cas::Digest(BytesOfBlob(name))});
      tree.root().children[std::string(1, name)] = std::move(node);
    }
    const std::string bytes = tree.Encode().value();
    const auto digest = cas::Digest::Of(bytes);
    EXPECT_TRUE(blobs_->Put(digest, bytes));
    return digest.Hex();
  }
  std::shared_ptr<Function> NewFunctionOf(const std::string& image, const std::string& app = "app",
                                          const std::string& workspace = "default", const std::string& name = "f") {
    auto& owner = apps_.emplace_back(
        std::make_shared<App>(io_, store::AppRecord{.id = AppId::New(), .name = app, .workspace = workspace}));
    auto function = std::make_shared<Function>(io_, FunctionId::New(), owner.get());
    function->spec.mutable_function()->set_name(name);
    function->spec.mutable_image()->set_index_digest(image);
    return function;
  }
  void Record(const std::shared_ptr<Function>& function, const std::string& names) {
    Container container(io_, ContainerId::New());
    container.function = function;
    lpb::Trace trace;
    trace.set_index_digest(function->spec.image().index_digest());
    for (char name : names) {
      const auto bytes = BytesOfBlob(name);
      trace.mutable_reads()->add_blobs()->set_digest(std::string(bytes.begin(), bytes.end()));
    }
    clock_.Advance(Millis(1));
    sets_->Add(container, trace);
    Settle();
  }
  void Publish(const std::shared_ptr<Function>& function) {
    boost::asio::co_spawn(io_, sets_->Inherit({function}), boost::asio::detached);
    Settle();
  }
  // What a container that starts is given.
  std::string Given(const std::shared_ptr<Function>& function) {
    lpb::StartContainer start;
    sets_->Prepare(*function, start);
    records_ = start.record();
    std::string names;
    for (const auto& blob : start.hot_set().blobs()) names += blob.digest()[0];
    return names;
  }
  // Until nothing is on its way.
  void Settle() {
    do {
      io_.restart();
      io_.run_for(Millis(1));
    } while (store_thread_.pending() + disk_.pending() > 0);
    io_.restart();
    io_.run_for(Millis(1));
  }

  net::IoContext io_;
  cas::testing::TemporaryDirectory directory_;
  testing::ManualClock clock_{1'000};
  std::unique_ptr<store::Store> store_ = store::OpenSqliteStore(directory_ / "store").value();
  std::unique_ptr<cas::DiskBlobStore> blobs_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
  Background store_thread_{io_, 1}, disk_{io_, 1};
  std::vector<std::shared_ptr<App>> apps_;
  std::optional<HotSets> sets_;
  bool records_ = false;  // the container of Given is recorded
};

TEST_F(HotSetsTest, AreFoundByTheNextRunOfTheProgramAndAfterARestart) {
  const std::string image = ImageOf("abc");
  EXPECT_EQ(Given(NewFunctionOf(image)), "");
  EXPECT_TRUE(records_);
  Record(NewFunctionOf(image), "ab");
  EXPECT_EQ(Given(NewFunctionOf(image)), "ab");
  Restart();
  EXPECT_EQ(Given(NewFunctionOf(image)), "ab");
}

TEST_F(HotSetsTest, OfOneNameAreApartWhereAppsAre) {
  const std::string image = ImageOf("abc");
  Record(NewFunctionOf(image, "first"), "a");
  Record(NewFunctionOf(image, "second"), "b");
  EXPECT_EQ(Given(NewFunctionOf(image, "first")), "a");
  EXPECT_EQ(Given(NewFunctionOf(image, "second")), "b");
}

TEST_F(HotSetsTest, OfOneNameAreApartWhereVariantsAre) {
  const std::string image = ImageOf("abc");
  auto variant = NewFunctionOf(image);
  variant->spec.mutable_function()->mutable_bound()->set_base_function_id("fu-1");
  Record(NewFunctionOf(image), "a");
  Record(variant, "b");
  EXPECT_EQ(Given(NewFunctionOf(image)), "a");
  EXPECT_EQ(Given(variant), "b");
}

TEST_F(HotSetsTest, NeverCrossWorkspaces) {
  const std::string image = ImageOf("abc"), other = ImageOf("abcd");
  Record(NewFunctionOf(image, "app", "mine"), "ab");
  EXPECT_EQ(Given(NewFunctionOf(image, "app", "theirs")), "");
  auto rebuilt = NewFunctionOf(other, "app", "theirs");
  Publish(rebuilt);
  EXPECT_EQ(Given(rebuilt), "");
}

TEST_F(HotSetsTest, OfANewFunctionIsTheNewestOfItsImage) {
  const std::string image = ImageOf("abc");
  Record(NewFunctionOf(image, "app", "default", "old"), "a");
  Record(NewFunctionOf(image, "app", "default", "newer"), "b");
  EXPECT_EQ(Given(NewFunctionOf(image, "app", "default", "unknown")), "b");
  EXPECT_TRUE(records_);
}

TEST_F(HotSetsTest, OfARebuiltImageIsWhatItHoldsOfTheOldOnes) {
  Record(NewFunctionOf(ImageOf("abcd")), "dcba");
  auto rebuilt = NewFunctionOf(ImageOf("bdx"));
  Publish(rebuilt);
  EXPECT_EQ(Given(rebuilt), "db");
  EXPECT_TRUE(records_);
  Restart();
  EXPECT_EQ(Given(rebuilt), "db");
  Record(rebuilt, "xd");
  EXPECT_EQ(Given(rebuilt), "xdb");
}

TEST_F(HotSetsTest, AreInheritedFromWhatWasRecorded) {
  Record(NewFunctionOf(ImageOf("abcd")), "abcd");
  Publish(NewFunctionOf(ImageOf("a")));
  auto again = NewFunctionOf(ImageOf("abx"));
  Publish(again);
  EXPECT_EQ(Given(again), "ab");
}

TEST_F(HotSetsTest, AreNotInheritedWhereTheImageHasOneOrItsIndexIsNotThere) {
  Record(NewFunctionOf(ImageOf("abcd")), "abcd");
  auto known = NewFunctionOf(ImageOf("abx"));
  Record(known, "x");
  Publish(known);
  EXPECT_EQ(Given(known), "x");
  auto lost = NewFunctionOf(cas::Digest::Of("nowhere").Hex());
  Publish(lost);
  EXPECT_EQ(Given(lost), "");
}

TEST_F(HotSetsTest, OfAWorkspaceAreBoundedAndGoWithIt) {
  const std::string image = ImageOf("ab");
  Record(NewFunctionOf(image, "app", "quiet"), "b");
  for (size_t i = 0; i < store::kMaxHotSets + 1; ++i) {
    Record(NewFunctionOf(image, "app", "busy", std::to_string(i)), "a");
  }
  EXPECT_EQ(store_->HotSets()->size(), store::kMaxHotSets + 1);
  EXPECT_EQ(Given(NewFunctionOf(image, "app", "quiet")), "b");
  sets_->DropAll("quiet");
  EXPECT_EQ(Given(NewFunctionOf(image, "app", "quiet")), "");
  EXPECT_EQ(Given(NewFunctionOf(image, "app", "busy", "1")), "a");
}

}  // namespace
}  // namespace burrow::control
