#include "imagefs/erofs_images.h"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "image/erofs_writer.h"
#include "os/fs.h"
#include "os/mount.h"

namespace burrow::imagefs {
namespace {

// One mounted image; its end removes both mount and file.
struct MountedImage {
  std::string file;
  os::Mount mount;

  MountedImage() = default;
  MountedImage(const MountedImage&) = delete;
  MountedImage& operator=(const MountedImage&) = delete;
  ~MountedImage() {
    const std::string target = mount.target();
    if (Status status = mount.Unmount(); !status) LogWarn("{}", status.error().message());
    if (!target.empty()) ::rmdir(target.c_str());
    if (!file.empty()) ::unlink(file.c_str());
  }
};

// Nobody sees a file that is not whole: it is not mounted, and is removed with the directory after a crash.
Status WriteImage(const std::string& path, const image::ErofsWriter& writer) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, os::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(writer.size())) != 0) return FailErrno("make " + path);
  return writer.Write(
      [&](uint64_t offset, std::string_view bytes) { return os::WriteAllAt(file.get(), bytes, offset); });
}

}  // namespace

struct ErofsImages::State : std::enable_shared_from_this<State> {
  struct Slot {
    std::unique_ptr<MountedImage> image;  // null while it is made
    size_t users = 0;
    std::optional<std::list<cas::Digest>::iterator> idle;
  };

  explicit State(ErofsImagesOptions given) : options(std::move(given)) {}
  Result<Held> Acquire(const cas::Digest& digest);
  Result<std::unique_ptr<MountedImage>> Make(const cas::Digest& digest);
  Held Hold(const cas::Digest& digest, Slot& slot);  // with the mutex held
  void Release(const cas::Digest& digest);

  const ErofsImagesOptions options;
  mutable std::mutex mutex;
  std::condition_variable made;
  // All guarded by mutex.
  std::map<cas::Digest, Slot> slots;
  std::list<cas::Digest> idle;  // front: released last
  uint64_t next = 0;            // numbers files and mount points
};

ErofsImages::Held ErofsImages::State::Hold(const cas::Digest& digest, Slot& slot) {
  ++slot.users;
  if (slot.idle) idle.erase(*std::exchange(slot.idle, std::nullopt));
  auto release = [state = shared_from_this(), digest](const void*) { state->Release(digest); };
  return {slot.image->mount.target(), std::shared_ptr<const void>(slot.image.get(), release)};
}

void ErofsImages::State::Release(const cas::Digest& digest) {
  std::unique_ptr<MountedImage> ended;  // unmounted outside of the lock
  std::lock_guard lock(mutex);
  auto slot = slots.find(digest);
  if (slot == slots.end() || --slot->second.users > 0) return;
  idle.push_front(digest);
  slot->second.idle = idle.begin();
  if (idle.size() <= options.max_idle) return;
  auto oldest = slots.find(idle.back());
  ended = std::move(oldest->second.image);
  slots.erase(oldest);
  idle.pop_back();
}

// Whoever waits for it must hear of an exception, too.
Result<std::unique_ptr<MountedImage>> ErofsImages::State::Make(const cas::Digest& digest) try {
  BURROW_ASSIGN_OR_RETURN(const auto loaded, options.load(digest));
  std::future<void> told;  // its end is waited for
  if (options.on_loaded) told = std::async(std::launch::async, options.on_loaded, digest);
  const image::Index& index = loaded->index();
  BURROW_ASSIGN_OR_RETURN(const image::ErofsWriter writer, image::ErofsWriter::For(index));
  std::string name;
  {
    std::lock_guard lock(mutex);
    name = fmt::format("{}/{}-{}", options.directory, digest.Hex(), next++);
  }
  auto image = std::make_unique<MountedImage>();
  image->file = name + ".erofs";
  Status written = WriteImage(image->file, writer);
  if (!written && written.error().disk_is_full() && options.make_room && options.make_room(writer.size())) {
    written = WriteImage(image->file, writer);
  }
  BURROW_RETURN_IF_ERROR(written);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(name, 0700));
  BURROW_ASSIGN_OR_RETURN(image->mount, os::MountErofs(image->file, name));
  LogInfo("image {} is mounted: {} inodes, {} bytes of EROFS", digest.Hex(), index.inode_count(), writer.size());
  return image;
} catch (const std::exception& e) {
  return Fail(Code::kInternal, "mount image {}: {}", digest.Hex(), e.what());
}

Result<ErofsImages::Held> ErofsImages::State::Acquire(const cas::Digest& digest) {
  std::unique_lock lock(mutex);
  for (;;) {
    auto [slot, first] = slots.try_emplace(digest);
    if (first) break;
    if (slot->second.image) return Hold(digest, slot->second);
    made.wait(lock);  // who makes it has deadlines; when it fails, this caller tries
  }
  lock.unlock();
  auto image = Make(digest);
  lock.lock();
  made.notify_all();
  if (!image) {
    slots.erase(digest);
    return Forward(std::move(image.error()));
  }
  Slot& slot = slots[digest];
  slot.image = std::move(*image);
  return Hold(digest, slot);
}

Result<std::unique_ptr<ErofsImages>> ErofsImages::Open(ErofsImagesOptions options) {
  BURROW_RETURN_IF_ERROR(os::UnmountBelow(options.directory));
  BURROW_RETURN_IF_ERROR(os::RemoveTree(options.directory));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(options.directory, 0700));
  return std::unique_ptr<ErofsImages>(new ErofsImages(std::make_shared<State>(std::move(options))));
}

ErofsImages::~ErofsImages() {
  std::map<cas::Digest, State::Slot> slots;
  std::lock_guard lock(state_->mutex);
  slots.swap(state_->slots);
  state_->idle.clear();
}

Result<ErofsImages::Held> ErofsImages::Acquire(const cas::Digest& digest) { return state_->Acquire(digest); }

size_t ErofsImages::mounted() const {
  std::lock_guard lock(state_->mutex);
  return state_->slots.size();
}

}  // namespace burrow::imagefs
