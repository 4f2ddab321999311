#include "oci/tar_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cas/disk_blob_store.h"
#include "cas/frames.h"
#include "cas/testing/temporary_directory.h"
#include "oci/decompress.h"
#include "oci/testing/string_source.h"
#include "oci/testing/tar_builder.h"

namespace burrow::oci {
namespace {

using image::Tree;
using image::TreeInode;
using image::TreeNode;
using ::testing::HasSubstr;
using testing::MakeTar;
using testing::StringSource;
using testing::TarMember;

class TarLayerTest : public ::testing::Test {
 protected:
  Result<Layer> Read(const std::string& tar, TarLayerOptions options = {}) {
    options.scratch_directory = directory_.path();
    StringSource source(tar);
    BlobFeed feed(*store_);
    auto layer = ReadTarLayer(source, feed, options);
    if (Status put = feed.Finish(); !put) return Forward(std::move(put.error()));
    return layer;
  }
  Status Apply(const std::vector<TarMember>& members) {
    BURROW_ASSIGN_OR_RETURN(Layer layer, Read(MakeTar(members)));
    // Kept and read again, as a later import does.
    BURROW_ASSIGN_OR_RETURN(layer, DecodeLayer(EncodeLayer(layer)));
    return image::ApplyLayer(tree_, layer.entries);
  }
  const TreeNode* Find(const std::string& path) {
    const TreeNode* node = &tree_.root();
    for (size_t at = 0; at < path.size();) {
      size_t end = std::min(path.find('/', at), path.size());
      auto child = node->children.find(path.substr(at, end - at));
      if (child == node->children.end()) return nullptr;
      node = child->second.get();
      at = end + 1;
    }
    return node;
  }
  const TreeInode& At(const std::string& path) {
    const TreeNode* node = Find(path);
    if (!node) throw std::out_of_range(path);
    return *node->inode;
  }
  std::string ContentOf(const std::string& path) { return cas::GetAll(*store_, At(path).digest, 1u << 30).value(); }
  void ExpectRefused(const TarMember& member, const std::string& why) {
    auto layer = Read(MakeTar({member}));
    ASSERT_FALSE(layer) << member.name;
    EXPECT_EQ(layer.error().code(), Code::kInvalidArgument) << layer.error().message();
    EXPECT_THAT(layer.error().message(), HasSubstr(why));
  }

  cas::testing::TemporaryDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
  Tree tree_;
};

TEST_F(TarLayerTest, KeepsWhatAnInodeHas) {
  ASSERT_TRUE(Apply({{.name = "./", .type = '5', .mode = 0700},
                     {.name = "./bin/", .type = '5', .mode = 01777, .uid = 3, .gid = 4},
                     {.name = "./bin/su", .content = "#!", .mode = 04755, .uid = 1, .gid = 2, .mtime = 77},
                     {.name = "./bin/link", .type = '2', .link = "/etc/passwd"},
                     {.name = "./bin/fifo", .type = '6'},
                     {.name = "./bin/null", .type = '3', .major = 1, .minor = 3},
                     {.name = "./bin/disk", .type = '4', .major = 8, .minor = 300}}));
  EXPECT_EQ(tree_.root().inode->mode, uint32_t{S_IFDIR | 0700});
  EXPECT_EQ(At("bin").mode, uint32_t{S_IFDIR | 01777});
  EXPECT_EQ(At("bin").gid, 4u);
  EXPECT_EQ(At("bin/su").mode, uint32_t{S_IFREG | 04755});
  EXPECT_EQ(At("bin/su").uid, 1u);
  EXPECT_EQ(At("bin/su").mtime, 77);
  EXPECT_EQ(ContentOf("bin/su"), "#!");
  EXPECT_EQ(At("bin/link").target, "/etc/passwd");
  EXPECT_EQ(At("bin/link").mode, uint32_t{S_IFLNK | 0777});
  EXPECT_TRUE(S_ISFIFO(At("bin/fifo").mode));
  EXPECT_EQ(At("bin/null").rdev, 0x103u);
  EXPECT_EQ(At("bin/disk").rdev, (uint32_t{300 & 0xff} | 8u << 8 | 0x100u << 12));
  EXPECT_TRUE(tree_.Encode());
}

TEST_F(TarLayerTest, KeepsTimesBelowASecond) {
  ASSERT_TRUE(Apply({{.name = "a", .pax = {{"mtime", "1700000000.123456789"}}},
                     {.name = "b", .pax = {{"mtime", "-3.25"}}},
                     {.name = "c", .pax = {{"mtime", "-7"}}}}));
  EXPECT_EQ(At("a").mtime, 1'700'000'000);
  EXPECT_EQ(At("a").mtime_ns, 123'456'789u);
  EXPECT_EQ(At("b").mtime, -4);
  EXPECT_EQ(At("b").mtime_ns, 750'000'000u);
  EXPECT_EQ(At("c").mtime, -7);
  EXPECT_EQ(At("c").mtime_ns, 0u);
}

TEST_F(TarLayerTest, KeepsAttributesButNotThoseOfOverlay) {
  std::string capability("\1\0\0\2\xff\0\0\0", 8);
  ASSERT_TRUE(Apply({{.name = "a",
                      .pax = {{"SCHILY.xattr.security.capability", capability},
                              {"SCHILY.xattr.user.note", "n"},
                              {"SCHILY.xattr.trusted.overlay.redirect", "/etc/shadow"},
                              {"SCHILY.xattr.security.selinux", "label"}}},
                     {.name = "b", .pax = {{"LIBARCHIVE.xattr.user.b", "dmFsdWU="}}}}));
  EXPECT_EQ(At("a").xattrs,
            (std::map<std::string, std::string>{{"security.capability", capability}, {"user.note", "n"}}));
  EXPECT_EQ(At("b").xattrs, (std::map<std::string, std::string>{{"user.b", "value"}}));
}

TEST_F(TarLayerTest, KeepsNamesOfAnyBytesAndAnyLength) {
  std::string longest(255, 'n'), deep = longest + "/" + longest + "/" + longest;
  ASSERT_TRUE(Apply({{.name = "caf\xc3\xa9"},
                     {.name = "caf\xe9"},
                     {.name = "x", .pax = {{"path", "pax \xff"}}},
                     {.name = "y", .pax = {{"path", "pax \xc3\xa9"}}},
                     {.name = "z", .pax = {{"path", deep}}},
                     {.name = "link", .type = '2', .link = "caf\xe9"}}));
  for (const std::string& name : {"caf\xc3\xa9", "caf\xe9", "pax \xff", "pax \xc3\xa9"})
    EXPECT_TRUE(Find(name)) << name;
  EXPECT_TRUE(Find(deep));
  EXPECT_EQ(At("link").target, "caf\xe9");
  ExpectRefused({.name = "w", .pax = {{"path", std::string(256, 'n')}}}, "too long");
}

TEST_F(TarLayerTest, RefusesNamesThatLeaveTheImageAndStripsTheRest) {
  ExpectRefused({.name = "../x"}, "..");
  ExpectRefused({.name = "a/../../x"}, "..");
  ExpectRefused({.name = "a", .type = '1', .link = "../../etc/passwd"}, "..");
  ASSERT_TRUE(Apply({{.name = "/abs/file", .content = "1"}, {.name = ".//twice//slashed", .content = "2"}}));
  EXPECT_EQ(ContentOf("abs/file"), "1");
  EXPECT_EQ(ContentOf("twice/slashed"), "2");
}

TEST_F(TarLayerTest, RefusesWhatImagesDoNotHave) {
  ExpectRefused({.name = "gone", .type = '3'}, "0:0");
  ExpectRefused({.name = "far", .type = '3', .major = 4096, .minor = 1}, "too large");
  ExpectRefused({.name = ".wh."}, "whiteout");
  ExpectRefused({.name = ".", .content = "the root as a file"}, "root");
  ExpectRefused({.name = "who", .pax = {{"uid", "4294967296"}}}, "owner");
}

TEST_F(TarLayerTest, MakesDirectoriesThatTheTarOnlyImplies) {
  ASSERT_TRUE(Apply({{.name = "etc/", .type = '5', .mode = 0700}, {.name = "etc/a/b"}}));
  ASSERT_TRUE(Apply({{.name = "etc/a/c"}, {.name = "new/d"}}));
  EXPECT_EQ(At("etc").mode, uint32_t{S_IFDIR | 0700});
  EXPECT_TRUE(Find("etc/a/b"));
  EXPECT_TRUE(Find("etc/a/c"));
  EXPECT_EQ(At("new").mode, uint32_t{S_IFDIR | 0755});
}

TEST_F(TarLayerTest, WhiteoutsMeanLowerLayersAloneWhereverTheyStand) {
  ASSERT_TRUE(Apply({{.name = "d/old"}, {.name = "d/kept"}, {.name = "o/old"}, {.name = "gone/x"}, {.name = "f"}}));
  ASSERT_TRUE(Apply({{.name = "d/old", .content = "new"},
                     {.name = "d/.wh.old"},
                     {.name = "o/fresh"},
                     {.name = "o/.wh..wh..opq"},
                     {.name = ".wh.gone"},
                     {.name = ".wh.f"},
                     {.name = ".wh.never"},
                     {.name = "absent/.wh.never"},
                     {.name = ".wh..wh.plnk", .type = '5'},
                     {.name = ".wh..wh.plnk/1.2"},
                     {.name = "f/", .type = '5'}}));
  EXPECT_EQ(ContentOf("d/old"), "new");
  EXPECT_TRUE(Find("d/kept"));
  EXPECT_FALSE(Find("o/old"));
  EXPECT_TRUE(Find("o/fresh"));
  EXPECT_FALSE(Find("gone"));
  EXPECT_TRUE(S_ISDIR(At("f").mode));
  EXPECT_EQ(tree_.root().children.size(), 3u);  // a whiteout implies no directory
}

TEST_F(TarLayerTest, LinksFilesOfItsOwnAndOfLowerLayers) {
  ASSERT_TRUE(Apply({{.name = "a", .content = "x"}, {.name = "b", .type = '1', .link = "./a"}}));
  ASSERT_TRUE(Apply({{.name = "d/c", .type = '1', .link = "/a"}, {.name = "d/e", .type = '1', .link = "d/c"}}));
  EXPECT_EQ(Find("a")->inode, Find("b")->inode);
  EXPECT_EQ(Find("a")->inode, Find("d/c")->inode);
  EXPECT_EQ(Find("a")->inode, Find("d/e")->inode);
  EXPECT_FALSE(Apply({{.name = "f", .type = '1', .link = "absent"}}));
  EXPECT_FALSE(Apply({{.name = "f", .type = '1', .link = "d"}}));
}

TEST_F(TarLayerTest, TheLastOfSeveralMembersOfOneNameCounts) {
  ASSERT_TRUE(Apply({{.name = "a", .content = "1"},
                     {.name = "a", .content = "2"},
                     {.name = "b/", .type = '5'},
                     {.name = "b/c"},
                     {.name = "b/", .type = '5', .mode = 0711}}));
  EXPECT_EQ(ContentOf("a"), "2");
  EXPECT_EQ(At("b").mode, uint32_t{S_IFDIR | 0711});
  EXPECT_TRUE(Find("b/c"));
}

TEST_F(TarLayerTest, ADirectoryReplacesALinkOfALowerLayer) {
  ASSERT_TRUE(Apply({{.name = "usr/bin/x"}, {.name = "bin", .type = '2', .link = "usr/bin"}}));
  ASSERT_TRUE(Apply({{.name = "bin/y"}}));
  EXPECT_TRUE(Find("bin/y"));
  EXPECT_FALSE(Find("usr/bin/y")) << "a link of the image was followed";
}

TEST_F(TarLayerTest, StoresLargeFilesWithTheirFrames) {
  std::string content(9u << 20, 'l');
  content[5u << 20] = 'x';
  ASSERT_TRUE(Apply({{.name = "large", .content = content}, {.name = "same", .content = content}}));
  EXPECT_EQ(At("large").digest, cas::Digest::Of(content));
  EXPECT_EQ(ContentOf("large"), content);
  auto table = cas::GetAll(*store_, At("large").frames, 10'000).value();
  EXPECT_EQ(cas::FrameDigest(table, 5), cas::Digest::Of(content.substr(5u << 20, cas::kFrameSize)));
  EXPECT_TRUE(tree_.Encode());
}

TEST_F(TarLayerTest, FillsTheHolesOfSparseFiles) {
  ASSERT_TRUE(Apply({{.name = "GNUSparseFile.0/s",
                      .content = "xy",
                      .pax = {{"GNU.sparse.size", "10"},
                              {"GNU.sparse.numblocks", "2"},
                              {"GNU.sparse.map", "3,1,7,1"},
                              {"GNU.sparse.name", "s"}}}}));
  EXPECT_EQ(ContentOf("s"), std::string("\0\0\0x\0\0\0y\0\0", 10));
}

TEST_F(TarLayerTest, RefusesDamagedAndCutTars) {
  std::string tar = MakeTar({{.name = "a", .content = std::string(3000, 'a')}, {.name = "b", .content = "b"}});
  for (size_t length : {size_t{100}, size_t{512 + 1000}, size_t{512 + 3072 + 100}}) {
    EXPECT_FALSE(Read(tar.substr(0, length))) << length;
  }
  tar[130] = '9';  // the checksum no longer fits
  EXPECT_FALSE(Read(tar));
  EXPECT_FALSE(Read("this is no tar at all"));
}

TEST_F(TarLayerTest, KeepsItsBounds) {
  std::string tar = MakeTar({{.name = "a", .content = "12345"}, {.name = "b", .content = "12345"}});
  EXPECT_TRUE(Read(tar, {.max_bytes = 10}));
  EXPECT_EQ(Read(tar, {.max_bytes = 9}).error().code(), Code::kOutOfRange);
  EXPECT_EQ(Read(tar, {.max_entries = 1}).error().code(), Code::kOutOfRange);
  EXPECT_EQ(Read(tar, {.max_metadata = 1}).error().code(), Code::kOutOfRange);
}

TEST_F(TarLayerTest, LeavesSomeOfTheDiskAlone) {
  auto layer = Read(MakeTar({{.name = "a", .content = "1"}}), {.keep_free = ~uint64_t{0}});
  ASSERT_FALSE(layer);
  EXPECT_EQ(layer.error().code(), Code::kResourceExhausted) << layer.error().message();
  EXPECT_FALSE(store_->Has(cas::Digest::Of("1")).value());
  EXPECT_TRUE(Read(MakeTar({{.name = "a"}, {.name = "d/", .type = '5'}}), {.keep_free = ~uint64_t{0}}));
}

TEST(Decompressed, UnderstandsGzipZstdAndPlainBytesAndNoticesACut) {
  auto read = [](const std::string& bytes) -> Result<std::string> {
    BURROW_ASSIGN_OR_RETURN(auto source, Decompressed(std::make_unique<StringSource>(bytes)));
    std::string all;
    for (;;) {
      BURROW_ASSIGN_OR_RETURN(std::string_view next, source->Next());
      if (next.empty()) return all;
      all += next;
    }
  };
  std::string tar = MakeTar({{.name = "a", .content = std::string(100'000, 'x')}});
  for (const std::string& packed : {testing::Gzip(tar), testing::Zstd(tar)}) {
    EXPECT_TRUE(LooksCompressed(packed));
    EXPECT_EQ(read(packed).value(), tar);
    EXPECT_EQ(read(packed + packed).value(), tar + tar) << "a stream of several frames";
    EXPECT_FALSE(read(packed.substr(0, packed.size() / 2)));
  }
  EXPECT_FALSE(LooksCompressed(tar));
  EXPECT_EQ(read(tar).value(), tar);
}

}  // namespace
}  // namespace burrow::oci
