#include "worker/source_store.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "os/fs.h"

namespace burrow::worker {
namespace {

constexpr size_t kMaxFiles = 100'000;
constexpr size_t kMaxPath = 4'000;
constexpr size_t kKeptIdle = 64;

using Lease = std::shared_ptr<const SourceDirectory>;

// Equal for equal sets whatever their order.
cas::Digest ManifestDigest(const SourceFiles& files) {
  std::vector<std::string> lines;
  lines.reserve(files.size());
  for (const auto& file : files)
    lines.push_back(fmt::format("{}\n{}\n{:o}\n", file.path(), file.digest(), file.mode() & 0777));
  std::sort(lines.begin(), lines.end());
  cas::Hasher hasher;
  for (const auto& line : lines) hasher.Update(line);
  return hasher.Finish();
}

// Opens the directory `parent` of a file below `root`, making what is missing; never follows a link.
Result<UniqueFd> OpenParent(int root, std::string_view path) {
  UniqueFd at(::fcntl(root, F_DUPFD_CLOEXEC, 0));
  if (!at.valid()) return FailErrno("duplicate a descriptor");
  for (size_t slash; (slash = path.find('/')) != std::string_view::npos; path.remove_prefix(slash + 1)) {
    std::string name(path.substr(0, slash));
    if (::mkdirat(at.get(), name.c_str(), 0755) != 0 && errno != EEXIST) return FailErrno("make directory " + name);
    UniqueFd next(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return FailErrno("open directory " + name);
    at = std::move(next);
  }
  return at;
}

Status CopyContent(int from, int to) {
  while (true) {
    ssize_t moved = ::sendfile(to, from, nullptr, 1u << 30);
    if (moved == 0) return {};
    if (moved < 0 && errno != EINTR) return FailErrno("copy a source file");
  }
}

Status LayFile(int root, const burrow::v1::SourceFile& file, cas::BlobCache& cache) {
  if (!IsPlainRelativePath(file.path()))
    return Fail(Code::kInvalidArgument, "the source path '{}' is not a plain relative path", file.path());
  BURROW_ASSIGN_OR_RETURN(auto parent, OpenParent(root, file.path()));
  std::string name = file.path().substr(file.path().rfind('/') + 1);
  UniqueFd out(::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out.valid()) return FailErrno("make source file " + file.path());
  static const cas::Digest kEmpty = cas::Digest::Of("");
  auto digest = cas::Digest::FromHex(file.digest());
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' is no digest", file.digest());
  if (*digest != kEmpty) {
    BURROW_ASSIGN_OR_RETURN(auto blob, cache.OpenBlob(*digest));
    BURROW_RETURN_IF_ERROR(CopyContent(blob.get(), out.get()));
  }
  if (::fchmod(out.get(), (file.mode() & 0777) | 0444) != 0) return FailErrno("set the mode of " + file.path());
  return {};
}

Status LayFiles(const std::string& directory, const SourceFiles& files, cas::BlobCache& cache) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
  BURROW_ASSIGN_OR_RETURN(auto root, os::Open(directory, O_RDONLY | O_DIRECTORY));
  for (const auto& file : files) BURROW_RETURN_IF_ERROR(LayFile(root.get(), file, cache));
  return {};
}

}  // namespace

bool IsPlainRelativePath(std::string_view path) {
  if (path.empty() || path.size() > kMaxPath || path.find('\0') != std::string_view::npos) return false;
  while (true) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

struct SourceStore::State {
  struct Entry {
    std::optional<Result<Lease>> lease;  // absent while a thread lays the files
    uint64_t used = 0;
  };

  Result<Lease> Make(const cas::Digest& manifest, const SourceFiles& files);
  std::vector<Lease> TakeIdle();

  std::string directory;
  cas::BlobCache* cache = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<cas::Digest, std::shared_ptr<Entry>> entries;
  uint64_t uses = 0;
};

Result<Lease> SourceStore::State::Make(const cas::Digest& manifest, const SourceFiles& files) {
  std::string target = directory + "/" + manifest.Hex(), temporary = directory + "/.new-" + manifest.Hex();
  BURROW_RETURN_IF_ERROR(os::RemoveTree(temporary));
  Status laid = LayFiles(temporary, files, *cache);
  if (laid && ::rename(temporary.c_str(), target.c_str()) != 0) laid = FailErrno("rename " + temporary);
  if (laid) return std::make_shared<const SourceDirectory>(target);
  if (auto removed = os::RemoveTree(temporary); !removed) LogWarn("{}", removed.error().message());
  return Forward(std::move(laid.error()).WithContext("lay out the function's source"));
}

// The longest unused sets over the bound, out of the map; the mutex is held.
std::vector<Lease> SourceStore::State::TakeIdle() {
  std::vector<std::pair<uint64_t, cas::Digest>> idle;
  for (const auto& [digest, entry] : entries) {
    if (entry->lease && entry->lease->has_value() && entry->lease->value().use_count() == 1)
      idle.emplace_back(entry->used, digest);
  }
  std::vector<Lease> taken;
  if (idle.size() <= kKeptIdle) return taken;
  std::sort(idle.begin(), idle.end());
  for (size_t i = 0; i < idle.size() - kKeptIdle; ++i) {
    auto at = entries.find(idle[i].second);
    // The name is freed under the mutex, so that the same set can be laid anew at once.
    std::string dead = at->second->lease->value()->path() + ".dead";
    if (::rename(at->second->lease->value()->path().c_str(), dead.c_str()) != 0) continue;
    taken.push_back(std::make_shared<const SourceDirectory>(dead));
    entries.erase(at);
  }
  return taken;
}

SourceStore::SourceStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SourceStore::~SourceStore() = default;

Result<std::unique_ptr<SourceStore>> SourceStore::Open(const std::string& directory, cas::BlobCache* cache) {
  BURROW_RETURN_IF_ERROR(os::RemoveTree(directory));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
  auto state = std::make_unique<State>();
  state->directory = directory;
  state->cache = cache;
  return std::unique_ptr<SourceStore>(new SourceStore(std::move(state)));
}

Result<Lease> SourceStore::Materialise(const SourceFiles& files) {
  if (files.empty()) return std::make_shared<const SourceDirectory>("");
  if (files.size() > kMaxFiles)
    return Fail(Code::kInvalidArgument, "{} source files are more than the {} that are allowed", files.size(),
                kMaxFiles);
  cas::Digest manifest = ManifestDigest(files);
  std::unique_lock lock(state_->mutex);
  auto& slot = state_->entries[manifest];
  if (slot) {
    auto entry = slot;
    state_->changed.wait(lock, [&] { return entry->lease.has_value(); });
    entry->used = ++state_->uses;
    return *entry->lease;
  }
  auto entry = slot = std::make_shared<State::Entry>();
  lock.unlock();
  Result<Lease> made = state_->Make(manifest, files);
  lock.lock();
  entry->lease = made;
  entry->used = ++state_->uses;
  if (!made) state_->entries.erase(manifest);  // the next one tries again
  auto idle = state_->TakeIdle();
  state_->changed.notify_all();
  lock.unlock();
  for (const auto& dead : idle) {
    if (auto removed = os::RemoveTree(dead->path()); !removed) LogWarn("{}", removed.error().message());
  }
  return made;
}

}  // namespace burrow::worker
