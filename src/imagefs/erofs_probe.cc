#include "imagefs/erofs_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/log.h"
#include "cas/blob_path.h"
#include "image/erofs_writer.h"
#include "image/tree.h"
#include "os/fs.h"
#include "os/mount.h"

namespace burrow::imagefs {
namespace {

constexpr std::string_view kRead = "read by the self-test of burrowd";
constexpr std::string_view kChanged = "changed by the self-test of burrowd";

void AddFile(image::TreeNode& directory, const std::string& name, std::string_view content) {
  auto& node = directory.children[name];
  node = std::make_unique<image::TreeNode>();
  node->inode = std::make_shared<image::TreeInode>();
  node->inode->mode = S_IFREG | 0644;
  node->inode->size = content.size();
  node->inode->digest = cas::Digest::Of(content);
}

// "/read" and "/directory/changed".
Result<std::string> TestImage() {
  image::Tree tree;
  AddFile(tree.root(), "read", kRead);
  BURROW_ASSIGN_OR_RETURN(image::TreeNode * directory, tree.MakeDirectories("/directory"));
  AddFile(*directory, "changed", kChanged);
  BURROW_ASSIGN_OR_RETURN(std::string bytes, tree.Encode());
  BURROW_ASSIGN_OR_RETURN(auto index,
                          image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  return image::WriteErofs(index);
}

class SelfTest {
 public:
  explicit SelfTest(const SelfTestOptions& options) : options_(options) {}
  ~SelfTest() {
    (void)overlay_.Unmount();
    (void)image_.Unmount();
    for (std::string_view content : {kRead, kChanged}) (void)options_.cache->Remove(cas::Digest::Of(content));
    if (Status removed = os::RemoveTree(options_.directory); !removed) LogWarn("{}", removed.error().message());
  }

  Status Run() {
    BURROW_RETURN_IF_ERROR(os::RemoveTree(options_.directory));
    for (const char* name : {"image", "upper", "work", "overlay", "none"}) {
      BURROW_RETURN_IF_ERROR(os::MakeDirectories(Below(name)));
    }
    BURROW_RETURN_IF_ERROR(Checked("mount an EROFS image from a file", MountImage()));
    BURROW_RETURN_IF_ERROR(Checked("tell of a failed fetch", CheckError()));
    BURROW_RETURN_IF_ERROR(Checked("mount an overlay with data-only layers", MountOver(Layers())));
    BURROW_RETURN_IF_ERROR(Checked("find content that appears after the mount", CheckContent()));
    BURROW_RETURN_IF_ERROR(Checked("change a file before it is read", CheckChange()));
    return Checked("rename a directory of the image", CheckRename());
  }

 private:
  std::string Below(const char* name) const { return options_.directory + "/" + name; }
  os::OverlayLower Layers() const {
    os::OverlayLower lower = options_.layers.Over(Below("image"));
    lower.renames_directories = true;  // as containers have them
    return lower;
  }

  static Status Checked(const char* what, Status status) {
    if (status) return status;
    return Forward(std::move(status.error()).WithContext(fmt::format("this kernel cannot {}", what)));
  }

  Status MountImage() {
    BURROW_ASSIGN_OR_RETURN(std::string bytes, TestImage());
    BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(Below("file"), bytes));
    BURROW_ASSIGN_OR_RETURN(image_, os::MountErofs(Below("file"), Below("image")));
    return {};
  }

  Status MountOver(os::OverlayLower lower) {
    const os::OverlayOptions overlay{.lower = std::move(lower), .upper = Below("upper"), .work = Below("work")};
    BURROW_ASSIGN_OR_RETURN(overlay_, os::MountOverlay(overlay, Below("overlay")));
    return {};
  }

  // Over no layer but an empty one and that of errors, so that nothing is fetched. Read-only: the other overlay gets
  // the upper directory.
  Status CheckError() {
    os::OverlayLower lower = Layers();
    lower.data_only = {Below("none"), lower.data_only.back()};
    BURROW_ASSIGN_OR_RETURN(os::Mount overlay, os::MountOverlay({.lower = std::move(lower)}, Below("overlay")));
    auto content = os::ReadFile(Below("overlay/read"));
    if (!content && content.error().os_errno() == EIO) return {};
    return Fail(Code::kFailedPrecondition, "{}", content ? "the file was read" : content.error().message());
  }

  Status CheckContent() {
    for (std::string_view content : {kRead, kChanged}) {
      BURROW_RETURN_IF_ERROR(options_.cache->Store(cas::Digest::Of(content), content));
    }
    BURROW_ASSIGN_OR_RETURN(std::string content, os::ReadFile(Below("overlay/read")));
    if (content != kRead) return Fail(Code::kFailedPrecondition, "the content is another");
    const std::string linked = options_.cache->layout().Linked() + "/" + cas::BlobPath(cas::Digest::Of(kRead));
    if (::access(linked.c_str(), F_OK) == 0) return {};
    return Fail(Code::kFailedPrecondition, "the hook was not asked");
  }

  Status CheckChange() {
    if (::chmod(Below("overlay/directory/changed").c_str(), 0600) != 0) return FailErrno("chmod");
    // Without metacopy the upper directory must be readable by itself.
    const char* shown = options_.layers.needs_metacopy ? "overlay/directory/changed" : "upper/directory/changed";
    BURROW_ASSIGN_OR_RETURN(std::string content, os::ReadFile(Below(shown)));
    if (content == kChanged) return {};
    return Fail(Code::kFailedPrecondition, "its content is lost");
  }

  Status CheckRename() {
    const std::string from = Below("overlay/directory"), to = Below("overlay/renamed");
    if (::rename(from.c_str(), to.c_str()) == 0 || errno == EXDEV) return {};
    return FailErrno("rename");
  }

  const SelfTestOptions& options_;
  os::Mount image_, overlay_;
};

}  // namespace

Status TestErofsTier(const SelfTestOptions& options) { return SelfTest(options).Run(); }

}  // namespace burrow::imagefs
