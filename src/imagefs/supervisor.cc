#include "imagefs/supervisor.h"

#include <unistd.h>

#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "cas/blob_cache.h"
#include "cas/frames.h"
#include "cas/http_blob_store.h"
#include "image/erofs_writer.h"
#include "image/import.h"
#include "imagefs/child.h"
#include "imagefs/erofs_tier.h"
#include "imagefs/fuse_mount.h"
#include "imagefs/hook_nodes.h"
#include "imagefs/patient_calls.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kServeDeadline{70'000};

// One FUSE mount.
struct Place {
  const char* name;
  ImageKind kind = ImageKind::kPlain;
  bool hook = false;
  FuseMount mount;
  UniqueFd slots;  // of RequestSlots
};
enum PlaceNumber : size_t { kPlainPlace, kXattrPlace, kHookPlace };

std::vector<Place> PlacesOf(TierChoice tier) {
  std::vector<Place> places;
  places.push_back({.name = "plain"});
  places.push_back({.name = "xattr", .kind = ImageKind::kWithXattrs});
  if (tier != TierChoice::kFuse) places.push_back({.name = "hook", .hook = true});
  return places;
}

}  // namespace

struct Supervisor::State {
  SupervisorOptions options;
  std::unique_ptr<cas::BlobStore> remote;
  std::unique_ptr<cas::BlobCache> cache;
  std::vector<Place> places;
  std::unique_ptr<Child> child;      // ends before the mounts go
  std::unique_ptr<ErofsTier> erofs;  // null in tier fuse
  std::mutex mutex;
  std::unordered_map<cas::Digest, std::string> directories;  // guarded by mutex: images that were checked

  Status MountAll();
  Status Serve();
  Status ChooseTier();
  Result<ImageLease> AcquireErofs(const cas::Digest& digest, const AcquireOptions& options);
  Result<ImageLease> AcquireFuse(const cas::Digest& digest, const AcquireOptions& options);
  // What could not be reached in time is given to a new process.
  template <class T>
  Result<T> KillWhereLate(Result<T> answer) {
    if (!answer && answer.error().code() == Code::kDeadlineExceeded) child->Kill();
    return answer;
  }
  Result<std::string> Check(const cas::Digest& digest);
  std::string Hook() const { return Target(places[kHookPlace]); }
  Status TellHook(const cas::Digest& digest);
  std::string Target(const Place& place) const { return options.state_directory + "/" + place.name; }
  std::string Journal(const Place& place) const { return Target(place) + ".journal"; }
  Config ChildConfig() const;
};

Status Supervisor::State::MountAll() {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(options.state_directory, 0700));
  BURROW_RETURN_IF_ERROR(os::UnmountBelow(options.state_directory));
  places = PlacesOf(options.tier);
  for (Place& place : places) {
    // Journals belong to mounts, and those of an earlier supervisor are gone.
    if (::unlink(Journal(place).c_str()) != 0 && errno != ENOENT) return FailErrno("remove " + Journal(place));
    BURROW_RETURN_IF_ERROR(os::RemoveTree(ImageRegistry::KeptIndexes(Journal(place))));
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(Target(place), 0700));
    BURROW_ASSIGN_OR_RETURN(place.slots, RequestSlots::NewFile());
    BURROW_ASSIGN_OR_RETURN(place.mount, MountFuse(Target(place)));
  }
  return {};
}

// Makes the hook know the image's large files. It knows no such name, and says so when it has learnt them.
Status Supervisor::State::TellHook(const cas::Digest& digest) {
  auto told = KillWhereLate(StatWithin(Hook() + "/" + digest.Hex(), options.fetch_deadline + kAnswerSlack));
  if (told || told.error().code() == Code::kNotFound) return {};
  return Forward(std::move(told.error()));
}

Config Supervisor::State::ChildConfig() const {
  Config config{.cache_directory = options.cache_directory,
                .blob_url = options.blob_url,
                .token = options.token,
                .fetch_deadline = options.fetch_deadline,
                .overflow_directory = options.overflow_directory,
                .signals_fd = options.signals ? options.signals->fd() : -1,
                .accesses_fd = options.accesses ? options.accesses->fd() : -1};
  for (const Place& place : places) {
    config.connections.push_back({.fd = place.mount.device.get(),
                                  .slots_fd = place.slots.get(),
                                  .journal = Journal(place),
                                  .hook = place.hook,
                                  .kind = place.kind,
                                  .features = place.mount.features});
  }
  return config;
}

Status Supervisor::State::Serve() {
  child = std::make_unique<Child>(
      ChildOptions{.burrowd = options.burrowd, .config = ChildConfig(), .longest_pause = options.longest_pause});
  BURROW_RETURN_IF_ERROR(child->WaitUntilServing(kServeDeadline));
  for (const Place& place : places) {
    BURROW_RETURN_IF_ERROR(Probe(Target(place)));
    RaiseReadAhead(Target(place));
  }
  return {};
}

Status Supervisor::State::ChooseTier() {
  if (options.tier == TierChoice::kFuse) return {};
  ErofsTierOptions wanted{
      .directory = options.state_directory + "/erofs",
      .cache = cache.get(),
      .layers = {.hook = Hook(), .cache = options.cache_directory, .overflow = options.overflow_directory},
      .on_loaded = [this](const cas::Digest& digest) { (void)TellHook(digest); }};
  auto started = ErofsTier::Start(std::move(wanted));
  // The self-test sees to it that a read fails; that was nobody's.
  if (options.signals) options.signals->counters().failed_reads = 0;
  if (started) {
    LogInfo("images are mounted as EROFS{}", (*started)->needs_metacopy() ? ", for builds over FUSE" : "");
    erofs = std::move(*started);
    return {};
  }
  if (options.tier == TierChoice::kErofs) {
    return Fail(Code::kFailedPrecondition, "images cannot be mounted as EROFS: {}; use --image-fs=fuse",
                started.error().message());
  }
  LogInfo("images are mounted over FUSE, since EROFS cannot be used: {}", started.error().message());
  return {};
}

Supervisor::Supervisor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::Start(SupervisorOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->remote = cas::NewHttpBlobStore({.url = state->options.blob_url,
                                         .token = state->options.token,
                                         .deadline = state->options.fetch_deadline,
                                         .signals = state->options.signals});
  BURROW_ASSIGN_OR_RETURN(state->cache,
                          cas::BlobCache::Open({.directory = state->options.cache_directory,
                                                .remote = state->remote.get(),
                                                .signals = state->options.signals,
                                                .overflow_directory = state->options.overflow_directory}));
  BURROW_RETURN_IF_ERROR(state->MountAll());
  BURROW_RETURN_IF_ERROR(state->Serve());
  BURROW_RETURN_IF_ERROR(state->ChooseTier());
  return std::unique_ptr<Supervisor>(new Supervisor(std::move(state)));
}

// Fetches and checks an index here, where errors have words; imagefs then finds it in the cache.
Result<std::string> Supervisor::State::Check(const cas::Digest& digest) {
  {
    std::lock_guard lock(mutex);
    if (auto it = directories.find(digest); it != directories.end()) return it->second;
  }
  auto loaded = image::LoadIndex(*cache, digest);
  if (!loaded) return Forward(std::move(loaded.error()).WithContext("load image " + digest.Hex()));
  std::string directory =
      Target(places[(*loaded)->index().has_xattrs() ? kXattrPlace : kPlainPlace]) + "/" + digest.Hex();
  std::lock_guard lock(mutex);
  directories[digest] = directory;
  return directory;
}

Result<ImageLease> Supervisor::State::AcquireFuse(const cas::Digest& digest, const AcquireOptions& request) {
  BURROW_ASSIGN_OR_RETURN(std::string directory, Check(digest));
  auto st = KillWhereLate(StatWithin(directory, options.fetch_deadline + kAnswerSlack));
  os::OverlayLower lower{.directories = {directory}, .renames_directories = !request.upper_is_read};
  if (st) return ImageLease(std::move(lower), nullptr);
  return Forward(std::move(st.error()).WithContext("open image " + digest.Hex()));
}

Result<ImageLease> Supervisor::State::AcquireErofs(const cas::Digest& digest, const AcquireOptions& request) {
  auto lease = erofs->Acquire(digest, request);
  if (!lease) return Forward(std::move(lease.error()).WithContext("load image " + digest.Hex()));
  // Mounting an overlay over the hook asks it, without a deadline.
  BURROW_RETURN_IF_ERROR(KillWhereLate(PingWithin(Hook(), kAnswerSlack)));
  return lease;
}

Result<ImageLease> Supervisor::DoAcquire(const cas::Digest& digest, const AcquireOptions& options) {
  if (!state_->erofs || !state_->erofs->Serves(options)) return state_->AcquireFuse(digest, options);
  auto lease = state_->AcquireErofs(digest, options);
  if (lease) return lease;
  if (lease.error().code() != Code::kInvalidArgument && !lease.error().disk_is_full()) return lease;
  LogWarn("image {} is mounted over FUSE: {}", digest.Hex(), lease.error().message());
  return state_->AcquireFuse(digest, options);
}

Status Supervisor::DoFetchIndex(const cas::Digest& digest) {
  auto fetched = state_->cache->OpenBlob(digest);
  if (fetched) return {};
  return Forward(std::move(fetched.error()).WithContext("load image " + digest.Hex()));
}

// Whoever reads a frame of the hook's file leaves it where containers find it: in the file's page cache.
Status Supervisor::ReadFrames(const cas::Digest& index, const cas::HotBlob& blob, const std::function<bool()>& ended) {
  if (!state_->erofs) return Fail(Code::kFailedPrecondition, "frames are left to their readers in tier fuse");
  BURROW_RETURN_IF_ERROR(FetchIndex(index));
  BURROW_RETURN_IF_ERROR(state_->TellHook(index));
  const milliseconds deadline = state_->options.fetch_deadline + kAnswerSlack;
  const std::string path = state_->Hook() + "/" + kHookLayer + image::ContentPath(blob.digest);
  BURROW_ASSIGN_OR_RETURN(const auto file, state_->KillWhereLate(OpenWithin(path, deadline, ended)));
  for (uint32_t frame : blob.frames) {
    const ByteRange range{.offset = frame * cas::kFrameSize, .size = cas::kFrameSize};
    BURROW_RETURN_IF_ERROR(state_->KillWhereLate(ReadWithin(file, range, deadline, ended)));
  }
  return {};
}

Tier Supervisor::tier() const { return state_->erofs ? Tier::kErofs : Tier::kFuse; }
int Supervisor::pid() const { return state_->child->pid(); }
uint64_t Supervisor::restarts() const { return state_->child->restarts(); }

}  // namespace burrow::imagefs
