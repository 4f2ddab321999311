// Archives that come without layers which the server may know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <map>
#include <set>

#include "cas/disk_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "oci/archive_source.h"
#include "oci/import_image.h"
#include "oci/testing/tar_builder.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

using ::testing::ElementsAre;
using testing::Gzip;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeTar;
using testing::TarMember;

// What a server remembers, for one thread.
class RememberedLayers final : public LayerCache {
 public:
  Result<std::optional<cas::Digest>> FindLayer(const cas::Digest& diff_id) override { return Find(layers, diff_id); }
  Status RememberLayer(const cas::Digest& diff_id, const cas::Digest& layer) override {
    layers.insert_or_assign(diff_id, layer);
    return {};
  }
  Result<std::optional<cas::Digest>> FindImage(const cas::Digest& chain) override { return Find(images, chain); }
  Status RememberImage(const cas::Digest& chain, const cas::Digest& index) override {
    images.insert_or_assign(chain, index);
    return {};
  }

  std::map<cas::Digest, cas::Digest> layers, images;

 private:
  static std::optional<cas::Digest> Find(const std::map<cas::Digest, cas::Digest>& in, const cas::Digest& key) {
    auto found = in.find(key);
    return found == in.end() ? std::nullopt : std::optional(found->second);
  }
};

std::string Quoted(const cas::Digest& digest) { return fmt::format(R"("sha256:{}")", digest.Hex()); }

// An image as its layers' tars, lowest first.
struct Archived {
  std::vector<std::string> tars;

  std::string Config() const {
    std::string ids;
    for (const std::string& tar : tars) ids += (ids.empty() ? "" : ",") + Quoted(cas::Digest::Of(tar));
    return fmt::format(R"({{"os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}})", ids);
  }
  static std::string NameOf(size_t layer) { return fmt::format("{}/layer.tar", layer); }
  // As `docker save` has it, with these layers alone.
  std::string Docker(const std::set<size_t>& present) const {
    std::string names;
    std::vector<TarMember> members;
    for (size_t i = 0; i < tars.size(); ++i) {
      names += fmt::format("{}\"{}\"", i > 0 ? "," : "", NameOf(i));
      if (present.contains(i)) members.push_back({.name = NameOf(i), .content = tars[i]});
    }
    members.push_back({.name = "config.json", .content = Config()});
    members.push_back({.name = "manifest.json",
                       .content = fmt::format(R"([{{"Config":"config.json","Layers":[{}],"RepoTags":[]}}])", names)});
    return MakeTar(members);
  }
  static std::string BlobOf(std::string_view content) { return "blobs/sha256/" + cas::Digest::Of(content).Hex(); }
  // As an OCI layout with compressed layers.
  std::string Layout(const std::set<size_t>& present) const {
    std::vector<TarMember> members;
    const auto add = [&](const std::string& content) {
      members.push_back({.name = BlobOf(content), .content = content});
      return fmt::format(R"({{"digest":{},"size":{}}})", Quoted(cas::Digest::Of(content)), content.size());
    };
    std::string layers;
    for (size_t i = 0; i < tars.size(); ++i) {
      layers += (i > 0 ? "," : "") + add(Gzip(tars[i]));
      if (!present.contains(i)) members.pop_back();
    }
    const std::string config = add(Config());
    const std::string manifest = add(fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", config, layers));
    members.push_back({.name = "oci-layout", .content = "{}"});
    members.push_back({.name = "index.json", .content = fmt::format(R"({{"manifests":[{}]}})", manifest)});
    return MakeTar(members);
  }
};

class PartialImportTest : public ::testing::Test {
 protected:
  Result<ImportedImage> Import(const std::string& archive, bool partial = true) {
    UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
    EXPECT_TRUE(os::WriteAll(file.get(), archive));
    auto source = NewArchiveSource(std::move(file), {.scratch_directory = directory_.path(), .partial = partial});
    ImportProgress progress;
    return ImportImage(*source,
                       {.store = store_.get(),
                        .layers = &layers_,
                        .scratch_directory = directory_.path(),
                        .is_recorded = [this](const cas::Digest&) { return recorded_; }},
                       progress, {});
  }

  const Archived image_{{MakeTar({{.name = "base", .content = "1"}}), MakeTar({{.name = "own", .content = "22"}})}};
  RememberedLayers layers_;
  bool recorded_ = false;
  cas::testing::TemporaryDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
};

TEST_F(PartialImportTest, AsksForTheLayersThatNobodyKnows) {
  auto asked = Import(image_.Docker({}));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_THAT(asked->wanted, ElementsAre(Archived::NameOf(0), Archived::NameOf(1)));
  asked = Import(image_.Layout({1}));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_THAT(asked->wanted, ElementsAre(Archived::BlobOf(Gzip(image_.tars[0]))));
  EXPECT_THAT(layers_.layers, IsEmpty());
  EXPECT_THAT(layers_.images, IsEmpty());
}

TEST_F(PartialImportTest, NeedsNoLayerOfAnImageThatCameInAnotherArchive) {
  for (bool recorded : {false, true}) {
    recorded_ = recorded;
    auto whole = Import(image_.Docker({0, 1}), false);
    ASSERT_TRUE(whole) << whole.error().message();
    for (const std::string& archive : {image_.Layout({}), image_.Docker({})}) {
      auto again = Import(archive);
      ASSERT_TRUE(again) << again.error().message();
      EXPECT_THAT(again->wanted, IsEmpty());
      EXPECT_EQ(again->index, whole->index);
      EXPECT_EQ(again->new_blobs, 0u);
    }
  }
}

TEST_F(PartialImportTest, AsksOnlyForWhatIsAboveACommonBase) {
  ASSERT_TRUE(Import(image_.Docker({0, 1}), false));
  const Archived other{{image_.tars[0], MakeTar({{.name = "other", .content = "333"}})}};
  auto asked = Import(other.Docker({}));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_THAT(asked->wanted, ElementsAre(Archived::NameOf(1)));
  auto imported = Import(other.Docker({1}));
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_THAT(imported->wanted, IsEmpty());
  layers_ = {};
  auto whole = Import(other.Docker({0, 1}), false);
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_EQ(imported->index, whole->index);
}

TEST_F(PartialImportTest, AsksAgainForALayerWhoseContentHasGone) {
  ASSERT_TRUE(Import(image_.Docker({0, 1}), false));
  ASSERT_TRUE(store_->Remove(cas::Digest::Of("1")));
  auto asked = Import(image_.Docker({}));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_THAT(asked->wanted, ElementsAre(Archived::NameOf(0)));
}

TEST_F(PartialImportTest, AsksOnceForALayerThatOccursTwice) {
  const Archived twice{{image_.tars[0], image_.tars[1], image_.tars[0]}};
  auto asked = Import(twice.Docker({}));
  ASSERT_TRUE(asked) << asked.error().message();
  EXPECT_THAT(asked->wanted, ElementsAre(Archived::NameOf(0), Archived::NameOf(1)));
  EXPECT_THAT(Import(twice.Docker({0, 1}))->wanted, IsEmpty());
}

TEST_F(PartialImportTest, ChecksTheLayersThatCameAsEver) {
  Archived forged = image_;
  const std::string config = image_.Config();
  forged.tars[1] = MakeTar({{.name = "forged", .content = "4444"}});
  ASSERT_NE(forged.Config(), config);
  std::string archive = forged.Docker({0, 1});
  const size_t at = archive.find(forged.Config());
  ASSERT_NE(at, std::string::npos);
  archive.replace(at, config.size(), config);
  auto refused = Import(archive);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("its content hashes to"));
}

TEST_F(PartialImportTest, MissesALayerThatAWholeArchiveLacksAlsoIfItIsKnown) {
  ASSERT_TRUE(Import(image_.Docker({0, 1}), false));
  for (const std::string& archive : {image_.Docker({0}), image_.Layout({0})}) {
    auto refused = Import(archive, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kNotFound);
    EXPECT_THAT(refused.error().message(), HasSubstr("the archive has no '"));
  }
}

}  // namespace
}  // namespace burrow::oci
