#include "oci/unpack_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>

#include "cas/disk_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "oci/testing/tar_builder.h"

namespace burrow::oci {
namespace {

using image::UpperEntry;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::MakeTar;

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};

// The bytes compressed by libarchive's filter of this number.
std::string Compress(const std::string& bytes, int filter) {
  std::unique_ptr<archive, FreeWriter> writer(archive_write_new());
  std::string out(bytes.size() + (1u << 20), '\0');
  size_t used = 0;
  archive_write_add_filter(writer.get(), filter);
  archive_write_set_format_raw(writer.get());
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  archive_write_open_memory(writer.get(), out.data(), out.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer.get(), entry);
  archive_entry_free(entry);
  EXPECT_EQ(archive_write_data(writer.get(), bytes.data(), bytes.size()), static_cast<la_ssize_t>(bytes.size()));
  EXPECT_EQ(archive_write_close(writer.get()), ARCHIVE_OK);
  out.resize(used);
  return out;
}

class UnpackArchiveTest : public ::testing::Test {
 protected:
  Result<std::optional<Layer>> Unpack(const std::string& bytes, UnpackOptions options = {}) {
    cas::Digest digest = cas::Digest::Of(bytes);
    if (Status put = store_->Put(digest, bytes); !put) return Forward(std::move(put.error()));
    options.scratch_directory = directory_.path();
    return UnpackArchive(*store_, digest, bytes.size(), options);
  }
  std::string ContentOf(const UpperEntry& entry) { return cas::GetAll(*store_, entry.inode->digest, 1u << 20).value(); }

  cas::testing::TemporaryDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
};

TEST_F(UnpackArchiveTest, KnowsATarByItsContentHoweverItIsCompressed) {
  std::string tar = MakeTar({{.name = "bin/", .type = '5', .mode = 0755}, {.name = "bin/x", .content = "hello"}});
  for (const std::string& bytes : {tar, Gzip(tar), Compress(tar, ARCHIVE_FILTER_BZIP2),
                                   Compress(tar, ARCHIVE_FILTER_XZ), Compress(tar, ARCHIVE_FILTER_ZSTD)}) {
    auto layer = Unpack(bytes);
    ASSERT_TRUE(layer) << layer.error().message();
    ASSERT_TRUE(*layer) << bytes.size();
    ASSERT_EQ((*layer)->entries.size(), 2u);
    EXPECT_EQ((*layer)->entries[1].path, "bin/x");
    EXPECT_EQ(ContentOf((*layer)->entries[1]), "hello");
  }
}

TEST_F(UnpackArchiveTest, LeavesOtherFilesAlone) {
  std::string text(3000, 'x');
  for (const std::string& bytes :
       {std::string(), std::string("hello"), text, Gzip(text), Compress(text, ARCHIVE_FILTER_XZ),
        std::string(2048, '\0'), std::string("\x1f\x8b\x08 but not really"), "BZh" + text,
        std::string("PK\x03\x04") + text}) {
    auto layer = Unpack(bytes);
    ASSERT_TRUE(layer) << layer.error().message();
    EXPECT_FALSE(*layer) << bytes.substr(0, 20);
  }
}

TEST_F(UnpackArchiveTest, TakesNamesLikeWhiteoutsAsNames) {
  auto layer = Unpack(MakeTar({{.name = "d/.wh.x", .content = "a"}, {.name = ".wh..wh..opq", .content = "b"}}));
  ASSERT_TRUE(layer && *layer);
  ASSERT_EQ((*layer)->entries.size(), 3u);
  for (const UpperEntry& entry : (*layer)->entries) {
    EXPECT_TRUE(entry.kind == UpperEntry::Kind::kPut || entry.kind == UpperEntry::Kind::kDirectory) << entry.path;
  }
  EXPECT_EQ((*layer)->entries[1].path, "d/.wh.x");
  EXPECT_EQ((*layer)->entries[2].path, ".wh..wh..opq");
}

TEST_F(UnpackArchiveTest, LetsNoNameLeadOutside) {
  auto absolute = Unpack(MakeTar({{.name = "/etc/x", .content = "a"}}));
  ASSERT_TRUE(absolute && *absolute);
  EXPECT_EQ((*absolute)->entries.back().path, "etc/x");
  for (const char* name : {"../x", "a/../../x", "/../x"}) {
    auto refused = Unpack(MakeTar({{.name = name, .content = "a"}}));
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  }
  auto link = Unpack(MakeTar({{.name = "x", .type = '1', .link = "../../etc/passwd"}}));
  EXPECT_FALSE(link);
}

TEST_F(UnpackArchiveTest, RefusesWhatGrowsBeyondMeasure) {
  std::string tar = MakeTar({{.name = "zeros", .content = std::string(8u << 20, '\0')}});
  UnpackOptions options{.content = {.always_bytes = 1u << 20, .max_ratio = 20}};
  for (const std::string& bytes : {Gzip(tar), Compress(tar, ARCHIVE_FILTER_XZ), Gzip(Gzip(tar))}) {
    auto bomb = Unpack(bytes, options);
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().code(), Code::kOutOfRange) << bomb.error().message();
  }
  auto large = Unpack(tar, {.content = {.max_bytes = 1u << 20}});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), Code::kOutOfRange);
  EXPECT_FALSE(store_->Has(cas::Digest::Of(std::string(8u << 20, '\0'))).value());
  EXPECT_TRUE(Unpack(Gzip(tar)));
}

TEST_F(UnpackArchiveTest, RefusesMoreEntriesThanItMayHave) {
  std::string tar = MakeTar({{.name = "a"}, {.name = "b"}, {.name = "c"}});
  EXPECT_TRUE(Unpack(tar, {.max_entries = 4}));
  auto many = Unpack(tar, {.max_entries = 2});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code(), Code::kOutOfRange);
}

// A hole takes no bytes in the archive, but all of them on the disk.
TEST_F(UnpackArchiveTest, RefusesAHoleThatIsTooLarge) {
  std::string map = "1\n1099511627775\n1\n";  // one byte at the end of a TiB
  map.resize(512, '\0');
  auto hole = Unpack(MakeTar({{.name = "GNUSparseFile.0/hole",
                               .content = map + "x",
                               .pax = {{"GNU.sparse.major", "1"},
                                       {"GNU.sparse.minor", "0"},
                                       {"GNU.sparse.name", "hole"},
                                       {"GNU.sparse.realsize", "1099511627776"}}}}));
  ASSERT_FALSE(hole);
  EXPECT_EQ(hole.error().code(), Code::kOutOfRange) << hole.error().message();
}

TEST_F(UnpackArchiveTest, SaysWhereAnArchiveIsDamagedOrACancelCame) {
  std::string tar = MakeTar({{.name = "a", .content = std::string(100'000, 'a')}, {.name = "b", .content = "b"}});
  auto cut = Unpack(tar.substr(0, 50'000));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), Code::kInvalidArgument);
  std::stop_source stop;
  stop.request_stop();
  auto cancelled = Unpack(tar, {.stop = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace burrow::oci
