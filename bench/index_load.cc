// Loads what a list of an image's files is kept as, and prints how many nanoseconds that took.
//   index_load make FILES DIRECTORY: writes DIRECTORY/index and DIRECTORY/list.json, the same tree of so many files.
//   index_load index FILE: mapped, verified by its SHA-256 and checked, as imagefs does before it serves an image.
//   index_load json FILE: read and parsed; a JSON document is what other lazy formats keep.
#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "image/mapped_index.h"
#include "image/tree.h"
#include "os/fs.h"

namespace {

using burrow::Fail;
using burrow::Result;
using burrow::Status;
namespace cas = burrow::cas;
namespace image = burrow::image;
namespace os = burrow::os;

constexpr int kFilesOfADirectory = 50;
constexpr uint64_t kLimit = 1u << 30;

// A file of a package of Python, with a content of its own.
std::shared_ptr<image::TreeInode> File(const std::string& path) {
  auto inode = std::make_shared<image::TreeInode>();
  inode->mode = S_IFREG | 0644;
  inode->size = 1 + path.size() * 37 % 20'000;
  inode->mtime = 1'700'000'000;
  inode->mtime_ns = 123'456'789;
  inode->digest = cas::Digest::Of(path);
  return inode;
}

nlohmann::json Described(const std::string& path, const image::TreeInode& inode) {
  return {{"name", path},         {"type", "reg"},    {"size", inode.size}, {"mode", 0644},
          {"mtime", inode.mtime}, {"uid", inode.uid}, {"gid", inode.gid},   {"digest", "sha256:" + inode.digest.Hex()}};
}

Status Make(int files, const std::string& directory) {
  image::Tree tree;
  auto list = nlohmann::json::array();
  for (int number = 0; number < files; ++number) {
    auto package = fmt::format("/usr/lib/python3/dist-packages/package{:05}", number / kFilesOfADirectory);
    BURROW_ASSIGN_OR_RETURN(image::TreeNode * parent, tree.MakeDirectories(package));
    std::string name = fmt::format("module_{:02}.py", number % kFilesOfADirectory);
    auto node = std::make_unique<image::TreeNode>();
    node->inode = File(package + "/" + name);
    list.push_back(Described(package + "/" + name, *node->inode));
    parent->children[name] = std::move(node);
  }
  BURROW_ASSIGN_OR_RETURN(std::string index, tree.Encode());
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(directory + "/index", index));
  return os::WriteFileAtomically(directory + "/list.json", list.dump());
}

Result<size_t> LoadIndex(const std::string& file, const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(burrow::UniqueFd fd, os::Open(file, O_RDONLY));
  BURROW_ASSIGN_OR_RETURN(auto mapped, burrow::image::MappedIndex::Map(fd, digest));
  return mapped->index().file_count();
}

Result<size_t> LoadJson(const std::string& file) {
  BURROW_ASSIGN_OR_RETURN(std::string text, os::ReadFile(file, kLimit));
  return nlohmann::json::parse(text).size();
}

Status Load(std::string_view kind, const std::string& file) {
  BURROW_ASSIGN_OR_RETURN(std::string text, os::ReadFile(file, kLimit));  // the page cache has it from now on
  const cas::Digest digest = cas::Digest::Of(text);
  const auto begin = std::chrono::steady_clock::now();
  BURROW_ASSIGN_OR_RETURN(size_t files, kind == "index" ? LoadIndex(file, digest) : LoadJson(file));
  const auto took = std::chrono::steady_clock::now() - begin;
  if (files == 0) return Fail(burrow::Code::kInvalidArgument, "{} holds nothing", file);
  fmt::print("{}\n", std::chrono::nanoseconds(took).count());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string_view what = argv[1];
  Status status = what == "make" && argc == 4 ? Make(std::atoi(argv[2]), argv[3]) : Load(what, argv[2]);
  if (!status) fmt::print(stderr, "index_load: {}\n", status.error().message());
  return status ? 0 : 1;
}
