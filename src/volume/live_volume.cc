#include "volume/live_volume.h"

#include <sys/mount.h>

#include <utility>

#include "base/log.h"
#include "os/attributes.h"
#include "os/fs.h"
#include "os/mount.h"
#include "volume/change_messages.h"

namespace burrow::volume {
namespace {

// What a volume holds gives nobody rights: its programs are no setuid ones, its devices none.
Status Restrict(const std::string& tree, bool read_only) {
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | (read_only ? MS_RDONLY : 0);
  if (::mount(nullptr, tree.c_str(), nullptr, flags, nullptr) == 0) return {};
  return FailErrno(fmt::format("restrict the mount {}", tree));
}

Result<std::string> PutChanges(const std::vector<image::UpperEntry>& entries, cas::BlobStore& store) {
  std::string bytes;
  if (!ToMessage(entries).SerializeToString(&bytes))
    return Fail(Code::kOutOfRange, "the list of what was written is too long for one message");
  const cas::Digest digest = cas::Digest::Of(bytes);
  BURROW_RETURN_IF_ERROR(store.Put(digest, bytes));
  return digest.Hex();
}

}  // namespace

struct LiveVolume::Layer {
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  ~Layer() {
    if (Status status = mount.Unmount(); !status) LogWarn("volume: {}", status.error().message());
    if (directory.empty()) return;
    if (Status status = os::RemoveTree(directory); !status) LogWarn("volume: {}", status.error().message());
  }

  std::string Below(const char* name) const { return directory + "/" + name; }
  image::LiveUpper Live() const {
    return {.upper = Below("upper"), .lower = image.lower().directories.front(), .scratch = Below("scratch")};
  }

  uint64_t number = 0;
  std::string directory, tree;
  imagefs::ImageLease image;
  os::Mount mount;
  image::UpperMemory memory;
  bool told = false, seen_changed = false;
};

LiveVolume::LiveVolume(imagefs::ImageProvider* images, burrow::link::v1::MountedVolume asked, std::string directory)
    : images_(images), asked_(std::move(asked)), directory_(std::move(directory)) {}

LiveVolume::~LiveVolume() {
  layers_.clear();
  if (Status status = os::RemoveTree(directory_); !status) LogWarn("volume: {}", status.error().message());
}

const std::string& LiveVolume::tree() const { return layers_.back()->tree; }
bool LiveVolume::unwritten() const { return !layers_.back()->told && !layers_.back()->seen_changed; }

Result<std::unique_ptr<LiveVolume>> LiveVolume::Mount(imagefs::ImageProvider* images,
                                                      const burrow::link::v1::MountedVolume& asked,
                                                      std::string directory) {
  std::unique_ptr<LiveVolume> volume(new LiveVolume(images, asked, std::move(directory)));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(volume->directory_, 0700));
  auto layer = volume->MakeLayer(asked.index_digest());
  if (!layer) return Forward(std::move(layer.error()).WithContext(fmt::format("mount the volume at {}", asked.path())));
  volume->layers_.push_back(std::move(*layer));
  return volume;
}

Result<std::unique_ptr<LiveVolume::Layer>> LiveVolume::MakeLayer(const std::string& index_digest) {
  const auto digest = cas::Digest::FromHex(index_digest);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' names no index", index_digest);
  auto layer = std::make_unique<Layer>();
  layer->number = ++made_;
  // The upper directory is read by itself.
  BURROW_ASSIGN_OR_RETURN(layer->image, images_->Acquire(*digest, {.upper_is_read = true}));
  layer->directory = fmt::format("{}/{}", directory_, layer->number);
  layer->tree = layer->Below("tree");
  for (const char* name : {"upper", "work", "tree", "scratch"})
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(layer->Below(name)));
  os::OverlayOptions overlay{.lower = layer->image.lower(), .upper = {}, .work = {}};
  if (read_only()) {
    // An overlay also where the tree alone would do: a filesystem of its own, by which its mounts are known.
    overlay.lower.directories.insert(overlay.lower.directories.begin(), layer->Below("upper"));
  } else {
    overlay.upper = layer->Below("upper");
    overlay.work = layer->Below("work");
  }
  BURROW_RETURN_IF_ERROR(os::CopyDirectoryAttributes(layer->image.lower().directories.front(), layer->Below("upper")));
  BURROW_ASSIGN_OR_RETURN(layer->memory, image::RememberUnwritten(layer->Below("upper")));
  BURROW_ASSIGN_OR_RETURN(layer->mount, os::MountOverlay(overlay, layer->tree));
  BURROW_RETURN_IF_ERROR(Restrict(layer->tree, read_only()));
  return layer;
}

Result<PreparedChanges> LiveVolume::Prepare(cas::BlobStore& store) {
  if (read_only()) return PreparedChanges();
  BURROW_RETURN_IF_ERROR(DropTold());
  Layer& layer = *layers_.front();
  BURROW_ASSIGN_OR_RETURN(auto changes, image::ReadUpperChanges(layer.Live(), layer.memory, store));
  PreparedChanges prepared;
  if (changes.entries.empty()) {
    layer.memory = std::move(changes.memory);
    return prepared;
  }
  layer.seen_changed = true;
  prepared.changes = changes.entries.size();
  prepared.earlier = has_earlier();
  prepared.layer = layer.number;
  prepared.memory = std::move(changes.memory);
  BURROW_ASSIGN_OR_RETURN(prepared.digest, PutChanges(changes.entries, store));
  return prepared;
}

Status LiveVolume::DropTold() {
  while (has_earlier()) {
    BURROW_ASSIGN_OR_RETURN(const bool told, image::IsAllTold(layers_.front()->Live(), layers_.front()->memory));
    if (!told) return {};
    layers_.pop_front();
  }
  return {};
}

void LiveVolume::Told(PreparedChanges told) {
  for (auto& layer : layers_) {
    if (layer->number != told.layer) continue;
    layer->memory = std::move(told.memory);
    layer->told = true;
  }
}

Status LiveVolume::Remount(const std::string& index_digest, uint64_t version, const Exchange& exchange) {
  BURROW_ASSIGN_OR_RETURN(auto next, MakeLayer(index_digest));
  BURROW_RETURN_IF_ERROR(exchange(layers_.back()->tree, next->tree));
  if (read_only()) layers_.clear();
  layers_.push_back(std::move(next));
  asked_.set_index_digest(index_digest);
  asked_.set_version(version);
  return {};
}

}  // namespace burrow::volume
