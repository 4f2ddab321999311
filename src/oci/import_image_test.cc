#include "oci/import_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "cas/disk_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "oci/archive_source.h"
#include "oci/image_tar.h"
#include "oci/testing/tar_builder.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

using testing::Gzip;
using testing::MakeTar;

TEST(ExpansionBounds, AreOfTheSizeAndNeverBeyondTheLast) {
  const ExpansionBounds bounds{.max_bytes = 1'000, .always_bytes = 100, .max_ratio = 20};
  EXPECT_EQ(bounds.Of(0), 100u);
  EXPECT_EQ(bounds.Of(5), 100u);
  EXPECT_EQ(bounds.Of(6), 120u);
  EXPECT_EQ(bounds.Of(49), 980u);
  EXPECT_EQ(bounds.Of(51), 1'000u);
  EXPECT_EQ(bounds.Of(UINT64_MAX), 1'000u);
}

// Nothing was imported before, and nothing is remembered.
class NoLayers final : public LayerCache {
 public:
  Result<std::optional<cas::Digest>> FindLayer(const cas::Digest&) override { return std::nullopt; }
  Status RememberLayer(const cas::Digest&, const cas::Digest&) override { return {}; }
  Result<std::optional<cas::Digest>> FindImage(const cas::Digest&) override { return std::nullopt; }
  Status RememberImage(const cas::Digest&, const cas::Digest&) override { return {}; }
};

class ImportImageTest : public ::testing::Test {
 protected:
  Result<ImportedImage> Import(const std::string& archive, ArchiveKind kind, const ExpansionBounds& bounds) {
    UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
    EXPECT_TRUE(os::WriteAll(file.get(), archive));
    auto source =
        NewArchiveSource(std::move(file), {.kind = kind, .scratch_directory = directory_.path(), .bounds = bounds});
    ImportProgress progress;
    return ImportImage(*source,
                       {.store = store_.get(),
                        .layers = &layers_,
                        .scratch_directory = directory_.path(),
                        .bounds = bounds,
                        .is_recorded = [](const cas::Digest&) { return false; }},
                       progress, {});
  }

  NoLayers layers_;
  cas::testing::TemporaryDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
};

// As a layer and as a whole archive, which is decompressed before it is known what it holds.
TEST_F(ImportImageTest, RefusesWhatGrowsBeyondMeasure) {
  const std::string zeros(8u << 20, '\0');
  const std::string bomb = Gzip(MakeTar({{.name = "zeros", .content = zeros}}));
  for (ArchiveKind kind : {ArchiveKind::kRootfs, ArchiveKind::kDetect}) {
    auto refused = Import(bomb, kind, {.always_bytes = 1u << 20, .max_ratio = 20});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kOutOfRange) << refused.error().message();
    EXPECT_FALSE(store_->Has(cas::Digest::Of(zeros)).value());
  }
  for (ArchiveKind kind : {ArchiveKind::kRootfs, ArchiveKind::kDetect}) {
    auto imported = Import(bomb, kind, {});
    ASSERT_TRUE(imported) << imported.error().message();
    EXPECT_EQ(imported->bytes, zeros.size());
  }
}

TEST_F(ImportImageTest, LeavesSomeOfTheDiskAloneWhenAnArchiveIsDecompressed) {
  UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  ASSERT_TRUE(os::WriteAll(file.get(), Gzip(MakeTar({{.name = "a", .content = "1"}}))));
  auto source = NewArchiveSource(std::move(file), {.scratch_directory = directory_.path(), .keep_free = ~uint64_t{0}});
  auto refused = source->Resolve({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted) << refused.error().message();
}

TEST_F(ImportImageTest, HasNoWhiteoutsInARootFilesystem) {
  const std::string tree = MakeTar({{.name = "a", .content = "1"},
                                    {.name = ".wh.a", .content = "22"},
                                    {.name = "d/.wh..wh..opq", .content = "333"},
                                    {.name = "d/.wh..wh.x", .content = "4444"}});
  for (ArchiveKind kind : {ArchiveKind::kRootfs, ArchiveKind::kDetect}) {
    auto imported = Import(tree, kind, {});
    ASSERT_TRUE(imported) << imported.error().message();
    EXPECT_EQ(imported->files, 4u);
    EXPECT_EQ(imported->bytes, 10u);
  }
}

TEST_F(ImportImageTest, TakesATarWithAManifestForATreeIfToldSo) {
  const std::string tree = MakeTar({{.name = "manifest.json", .content = "{}"}, {.name = "oci-layout"}});
  EXPECT_FALSE(Import(tree, ArchiveKind::kDetect, {}));
  auto imported = Import(tree, ArchiveKind::kRootfs, {});
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->files, 2u);
}

// In a layer it would delete a sibling.
TEST_F(ImportImageTest, IsNotWrittenAsALayerWithANameThatMeansAWhiteout) {
  auto imported = Import(MakeTar({{.name = "d/.wh.a", .content = "1"}}), ArchiveKind::kRootfs, {});
  ASSERT_TRUE(imported) << imported.error().message();
  const std::string bytes = cas::GetAll(*store_, imported->index, image::kMaxIndexBytes).value();
  auto index = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(index);
  Status written = WriteImageTar(*index, *store_, {}, [](std::string_view) { return Status(); });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(written.error().message(), ::testing::HasSubstr("/d/.wh.a"));
}

TEST_F(ImportImageTest, IsWrittenAsALayerWithTimesBefore1970) {
  auto imported = Import(MakeTar({{.name = "a", .pax = {{"mtime", "-1.25"}}},
                                  {.name = "b", .pax = {{"mtime", "-7"}}},
                                  {.name = "c", .pax = {{"mtime", "-123456.000000001"}}}}),
                         ArchiveKind::kRootfs, {});
  ASSERT_TRUE(imported) << imported.error().message();
  const std::string bytes = cas::GetAll(*store_, imported->index, image::kMaxIndexBytes).value();
  auto index = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(index);
  std::string tar;
  ASSERT_TRUE(WriteImageTar(*index, *store_, {}, [&](std::string_view part) {
    tar += part;
    return Status();
  }));
  EXPECT_EQ(Import(tar, ArchiveKind::kRootfs, {})->index, imported->index);
}

TEST_F(ImportImageTest, PutsOnlyWhatTheStoreLacks) {
  const std::string first = MakeTar({{.name = "a", .content = "same"}, {.name = "b", .content = "other"}});
  const std::string second = MakeTar({{.name = "c", .content = "same"}, {.name = "d", .content = "new"}});
  EXPECT_EQ(Import(first, ArchiveKind::kRootfs, {})->new_blobs, 2u);
  auto imported = Import(second, ArchiveKind::kRootfs, {});
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->new_blobs, 1u);
  EXPECT_EQ(imported->new_bytes, 3u);
}

}  // namespace
}  // namespace burrow::oci
