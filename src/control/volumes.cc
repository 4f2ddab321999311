#include "control/volumes.h"

#include <algorithm>
#include <utility>

#include "net/event.h"

namespace burrow::control {
namespace {

constexpr Millis kPatience{60'000};  // between looks at an outcome that is notified anyway

std::unexpected<Error> Gone(const VolumeId& id) {
  return Fail(Code::kNotFound, "there is no volume {}: it was deleted", id.str().substr(0, 64));
}
std::unexpected<Error> NameTaken(const std::string& name) {
  return Fail(Code::kAlreadyExists, "there is a volume '{}' already: take another name", name);
}
double Mib(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// A head or an error that is on its way to a request, which may leave before.
struct Outcome {
  explicit Outcome(net::IoContext& io) : done(io) {}
  std::optional<Result<store::VolumeHead>> head;
  net::Event done;
};

}  // namespace

Status Volumes::Load() {
  BURROW_ASSIGN_OR_RETURN(auto records, p_.store.Volumes());
  for (auto& record : records) volumes_[record.id].record = std::move(record);
  BURROW_ASSIGN_OR_RETURN(auto commits, p_.store.VolumeCommits());
  for (auto& commit : commits) {
    if (Volume* volume = FindOwn(commit.volume)) volume->commits[commit.owner] = std::move(commit);
  }
  return {};
}

const store::VolumeRecord* Volumes::Find(const VolumeId& id) const {
  const auto found = volumes_.find(id);
  return found == volumes_.end() ? nullptr : &found->second.record;
}

Volumes::Volume* Volumes::FindOwn(const VolumeId& id) {
  const auto found = volumes_.find(id);
  return found == volumes_.end() ? nullptr : &found->second;
}

const store::VolumeRecord* Volumes::Find(const std::string& workspace, const VolumeId& id) const {
  const auto* record = Find(id);
  return record && record->workspace == workspace ? record : nullptr;
}

const store::VolumeRecord* Volumes::FindNamed(const std::string& workspace, const std::string& name) const {
  for (const auto& [id, volume] : volumes_) {
    if (volume.record.workspace == workspace && volume.record.name == name) return &volume.record;
  }
  return nullptr;
}

std::vector<const store::VolumeRecord*> Volumes::In(const std::string& workspace) const {
  std::vector<const store::VolumeRecord*> records;
  for (const auto& [id, volume] : volumes_) {
    if (volume.record.workspace == workspace) records.push_back(&volume.record);
  }
  std::ranges::sort(records, {}, [](const store::VolumeRecord* record) { return record->name; });
  return records;
}

uint64_t Volumes::BytesIn(const std::string& workspace) const {
  uint64_t bytes = 0;
  for (const auto& [id, volume] : volumes_) {
    if (volume.record.workspace == workspace) bytes += volume.record.head.bytes;
  }
  return bytes;
}

std::vector<std::string> Volumes::Heads() const {
  std::vector<std::string> heads;
  heads.reserve(volumes_.size());
  for (const auto& [id, volume] : volumes_) heads.push_back(volume.record.head.index_digest);
  return heads;
}

net::Task<Result<store::VolumeRecord>> Volumes::Create(const std::string& workspace, const std::string& name) {
  auto tree = co_await p_.disk.Ask([this] { return trees_.StoreEmpty(); });
  BURROW_CO_RETURN_IF_ERROR(tree);
  BURROW_CO_RETURN_IF_ERROR(p_.workspaces.Need(workspace));
  if (FindNamed(workspace, name)) co_return NameTaken(name);
  if (In(workspace).size() >= kMaxVolumes)
    co_return Fail(Code::kResourceExhausted, "there are {} volumes already: delete some", kMaxVolumes);
  const uint64_t now = p_.clock.UnixMillis();
  const store::VolumeRecord record{.id = VolumeId::New(),
                                   .workspace = workspace,
                                   .name = name,
                                   .created_ms = now,
                                   .head = {.index_digest = tree->index_digest, .version = 1, .changed_ms = now}};
  volumes_[record.id].record = record;  // first, so that no name is given twice meanwhile
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, record] { return store.AddVolume(record); });
  if (!stored) {
    volumes_.erase(record.id);
    co_return Forward(std::move(stored.error()));
  }
  co_return record;
}

net::Task<Status> Volumes::Rename(const VolumeId& id, const std::string& name) {
  Volume* volume = FindOwn(id);
  if (!volume) co_return Gone(id);
  const std::string before = volume->record.name;
  if (before == name) co_return Status();
  if (FindNamed(volume->record.workspace, name)) co_return NameTaken(name);
  volume->record.name = name;
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, id, name] { return store.RenameVolume(id, name); });
  if (stored) co_return Status();
  if (Volume* there = FindOwn(id); there && there->record.name == name) there->record.name = before;
  co_return Forward(std::move(stored.error()));
}

net::Task<Status> Volumes::Delete(const VolumeId& id) {
  const auto found = volumes_.find(id);
  if (found == volumes_.end()) co_return Gone(id);
  if (!found->second.jobs.empty())
    co_return Fail(Code::kAborted, "the volume '{}' is being changed: try again in a while", found->second.record.name);
  const store::VolumeRecord record = found->second.record;
  volumes_.erase(found);  // first, so that nobody is given it meanwhile
  auto stored = co_await p_.store_thread.Ask([&store = p_.store, id] { return store.DropVolume(id); });
  if (stored) co_return Status();
  volumes_[id].record = record;
  co_return Forward(std::move(stored.error()));
}

void Volumes::DropAll(const std::string& workspace) {
  std::vector<std::shared_ptr<Job>> waiting;
  std::erase_if(volumes_, [&](const auto& entry) {
    const Volume& volume = entry.second;
    if (volume.record.workspace != workspace) return false;
    for (size_t i = volume.busy ? 1 : 0; i < volume.jobs.size(); ++i) waiting.push_back(volume.jobs[i]);
    return true;
  });
  for (const auto& job : waiting) job->done(Fail(Code::kNotFound, "the workspace of the volume was deleted"));
}

void Volumes::Change(const VolumeId& id, VolumeEdit edit, std::optional<CommitNumber> commit, Done done) {
  Volume* volume = FindOwn(id);
  if (!volume) return done(Gone(id));
  if (!commit && volume->jobs.size() >= kMaxWaitingChanges)
    return done(Fail(Code::kResourceExhausted, "{} changes of the volume '{}' wait already: try again later",
                     kMaxWaitingChanges, volume->record.name));
  volume->jobs.push_back(std::make_shared<Job>(Job{std::move(edit), std::move(commit), std::move(done)}));
  RunNext(id);
}

net::Task<Result<store::VolumeHead>> Volumes::Change(const VolumeId& id, VolumeEdit edit) {
  auto outcome = std::make_shared<Outcome>(p_.io);
  Change(id, std::move(edit), std::nullopt, [outcome](const Result<store::VolumeHead>& head) {
    outcome->head = head;
    outcome->done.Notify();
  });
  while (!outcome->head) co_await outcome->done.Wait(kPatience);
  co_return *outcome->head;
}

bool Volumes::IsDone(const Volume& volume, const Job& job) {
  if (job.edit.empty()) return true;
  if (!job.commit) return false;
  const auto known = volume.commits.find(job.commit->owner);
  return known != volume.commits.end() && known->second.sequence >= job.commit->sequence;
}

void Volumes::RunNext(const VolumeId& id) {
  for (;;) {
    Volume* volume = FindOwn(id);
    if (!volume || volume->busy || volume->jobs.empty()) return;
    const auto job = volume->jobs.front();
    if (IsDone(*volume, *job)) {
      volume->jobs.pop_front();
      job->done(volume->record.head);
      continue;
    }
    volume->busy = true;
    running_++;
    p_.disk.Run([this, job, head = volume->record.head.index_digest] { return trees_.Change(head, job->edit); },
                [this, id, job](Result<VolumeTree> built) { OnBuilt(id, job, std::move(built)); });
    return;
  }
}

uint64_t Volumes::BytesBeside(const Volume& volume) const {
  uint64_t bytes = 0;
  for (const auto& [id, other] : volumes_) {
    if (&other != &volume && other.record.workspace == volume.record.workspace)
      bytes += std::max(other.record.head.bytes, other.coming_bytes);
  }
  return bytes;
}

Status Volumes::CheckRoom(const Volume& volume, uint64_t bytes) const {
  const auto* workspace = p_.workspaces.Find(volume.record.workspace);
  if (!workspace || workspace->max_storage_mib == 0 || bytes <= volume.record.head.bytes) return {};
  const uint64_t all = BytesBeside(volume) + bytes + p_.images.LastKnown(workspace->name);
  if (all <= workspace->max_storage_mib << 20) return {};
  return Fail(
      Code::kResourceExhausted,
      "the images and volumes of the workspace '{}' would hold {:.1f} MiB, and may hold {}: remove files, or have an "
      "admin raise it (`burrow workspace update --max-storage`)",
      workspace->name, Mib(all), workspace->max_storage_mib);
}

void Volumes::OnBuilt(const VolumeId& id, const std::shared_ptr<Job>& job, Result<VolumeTree> built) {
  Volume* volume = FindOwn(id);
  if (!volume) return End(id, job, Gone(id));
  if (!built) return End(id, job, Forward(std::move(built.error())));
  if (Status room = CheckRoom(*volume, built->bytes); !room) return End(id, job, Forward(std::move(room.error())));
  const bool same = built->index_digest == volume->record.head.index_digest;
  if (same && !job->commit) return End(id, job, volume->record.head);
  const uint64_t now = p_.clock.UnixMillis();
  store::VolumeHead head = volume->record.head;
  if (!same) {
    head = {.index_digest = built->index_digest,
            .version = head.version + 1,
            .files = built->files,
            .bytes = built->bytes,
            .changed_ms = now};
  }
  std::optional<store::VolumeCommit> commit;
  if (job->commit) {
    commit = store::VolumeCommit{
        .volume = id, .owner = job->commit->owner, .sequence = job->commit->sequence, .committed_ms = now};
  }
  volume->coming_bytes = head.bytes;
  p_.store_thread.Run([&store = p_.store, id, head, commit] { return store.MoveVolumeHead(id, head, commit); },
                      [this, id, job, head, commit](const Status& status) { OnStored(id, job, head, commit, status); });
}

void Volumes::OnStored(const VolumeId& id, const std::shared_ptr<Job>& job, const store::VolumeHead& head,
                       const std::optional<store::VolumeCommit>& commit, const Status& status) {
  Volume* volume = FindOwn(id);
  if (!volume) return End(id, job, Gone(id));
  volume->coming_bytes = 0;
  if (!status) return End(id, job, Forward(status.error()));
  volume->record.head = head;
  if (commit) NoteCommit(*volume, *commit);
  End(id, job, head);
}

// As the store keeps them.
void Volumes::NoteCommit(Volume& volume, const store::VolumeCommit& commit) {
  std::erase_if(volume.commits, [&](const auto& known) {
    return known.second.committed_ms + store::kVolumeCommitsKeptMs < commit.committed_ms;
  });
  volume.commits[commit.owner] = commit;
}

void Volumes::End(const VolumeId& id, const std::shared_ptr<Job>& job, const Result<store::VolumeHead>& outcome) {
  running_--;
  if (Volume* volume = FindOwn(id); volume && !volume->jobs.empty() && volume->jobs.front() == job) {
    volume->jobs.pop_front();
    volume->busy = false;
  }
  job->done(outcome);
  RunNext(id);
}

net::Task<Result<pb::VolumeEntriesResponse>> Volumes::Entries(const VolumeId& id,
                                                              const pb::VolumeEntriesRequest& request) {
  const auto* record = Find(id);
  if (!record) co_return Gone(id);
  const store::VolumeHead head = record->head;
  if (request.version() != 0 && request.version() != head.version)
    co_return Fail(Code::kFailedPrecondition, "the volume '{}' has changed while it was listed: list it again",
                   record->name);
  auto listed = co_await p_.disk.Ask([this, head, request] { return trees_.Entries(head.index_digest, request); });
  if (listed) listed->set_version(head.version);
  co_return listed;
}

}  // namespace burrow::control
