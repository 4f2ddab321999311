#include "image/upper_changes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <unordered_map>
#include <utility>

#include "image/content.h"
#include "image/parallel.h"
#include "image/upper_reader.h"
#include "image/upper_scan.h"
#include "os/fs.h"

namespace burrow::image {
namespace {

// One reading of an upper directory: scanned and planned, then read, then put.
class ChangeReading {
 public:
  ChangeReading(const std::vector<ScannedEntry>& scanned, const UpperPlan& plan, const UpperMemory& before,
                const UpperReader& reader, cas::BlobStore& store)
      : scanned_(scanned), plan_(plan), before_(before), reader_(reader), store_(store), reads_(scanned.size()) {}

  Result<UpperChanges> Run() {
    BURROW_RETURN_IF_ERROR(ReadFirstNames());
    BURROW_RETURN_IF_ERROR(ReadFurtherNames());
    BURROW_RETURN_IF_ERROR(PutContent());
    return Tell();
  }

 private:
  bool IsRead(size_t i) const {
    return plan_.actions[i] != UpperAction::kNothing && plan_.actions[i] != UpperAction::kWhiteout;
  }
  Status ReadFirstNames();
  Status ReadFurtherNames();
  Status PutContent();
  Status PutOne(size_t i);
  UpperChanges Tell();
  void TellEntry(size_t i, UpperChanges& changes);
  void TellRead(size_t i, UpperChanges& changes);
  void KeepOld(const std::string& path, UpperMemory& memory) const {
    if (const auto told = before_.find(path); told != before_.end()) memory.insert(*told);
  }

  const std::vector<ScannedEntry>& scanned_;
  const UpperPlan& plan_;
  const UpperMemory& before_;
  const UpperReader& reader_;
  cas::BlobStore& store_;
  std::vector<std::optional<UpperRead>> reads_;      // by scanned entry; nothing: not read, or gone
  std::unordered_map<uint64_t, size_t> first_name_;  // of inodes with several: the entry that has been read
  std::unordered_map<size_t, size_t> links_;         // further names: the entry of the first
};

Status ChangeReading::ReadFirstNames() {
  std::vector<size_t> wanted;
  for (size_t i = 0; i < scanned_.size(); ++i) {
    if (IsRead(i) && (!scanned_[i].linked || first_name_.emplace(scanned_[i].print.inode, i).second))
      wanted.push_back(i);
  }
  return ParallelFor(wanted.size(), HashThreads(), [&](size_t n) -> Status {
    BURROW_ASSIGN_OR_RETURN(reads_[wanted[n]], reader_.Read(scanned_[wanted[n]].path));
    return {};
  });
}

// Where the first name has gone meanwhile, the next one takes its place.
Status ChangeReading::ReadFurtherNames() {
  for (size_t i = 0; i < scanned_.size(); ++i) {
    if (!IsRead(i) || !scanned_[i].linked) continue;
    size_t& first = first_name_.at(scanned_[i].print.inode);
    if (first == i) continue;
    const auto& read = reads_[first];
    if (read && read->told.print.inode == scanned_[i].print.inode) {
      links_[i] = first;
      continue;
    }
    BURROW_ASSIGN_OR_RETURN(reads_[i], reader_.Read(scanned_[i].path));
    first = i;
  }
  return {};
}

Status ChangeReading::PutOne(size_t i) {
  BURROW_ASSIGN_OR_RETURN(const bool there, reader_.Put(*reads_[i]));
  if (!there) reads_[i].reset();
  return {};
}

// Each content that the store lacks once, unless it changes meanwhile.
Status ChangeReading::PutContent() {
  std::unordered_map<cas::Digest, std::vector<size_t>> by_digest;
  std::vector<cas::Digest> digests;
  for (size_t i = 0; i < reads_.size(); ++i) {
    if (!reads_[i] || !S_ISREG(reads_[i]->entry.inode->mode) || reads_[i]->entry.inode->size == 0) continue;
    auto& with_it = by_digest[reads_[i]->entry.inode->digest];
    if (with_it.empty()) digests.push_back(reads_[i]->entry.inode->digest);
    with_it.push_back(i);
  }
  for (size_t start = 0; start < digests.size(); start += kMissingBatch) {
    const auto end = std::min(digests.size(), start + kMissingBatch);
    BURROW_ASSIGN_OR_RETURN(auto missing, store_.Missing({digests.begin() + static_cast<ptrdiff_t>(start),
                                                          digests.begin() + static_cast<ptrdiff_t>(end)}));
    BURROW_RETURN_IF_ERROR(ParallelFor(missing.size(), kUploads, [&](size_t n) -> Status {
      for (const size_t i : by_digest.at(missing[n])) {
        BURROW_RETURN_IF_ERROR(PutOne(i));
        if (reads_[i] && reads_[i]->entry.inode->digest == missing[n]) break;
        // It has another content by now, which was put; the next one with this digest puts it.
      }
      return {};
    }));
  }
  return {};
}

UpperChanges ChangeReading::Tell() {
  UpperChanges changes;
  for (const std::string& path : plan_.removed)
    changes.entries.push_back({.kind = UpperEntry::Kind::kWhiteout, .path = path});
  for (size_t i = 0; i < scanned_.size(); ++i) TellEntry(i, changes);
  return changes;
}

void ChangeReading::TellEntry(size_t i, UpperChanges& changes) {
  const ScannedEntry& entry = scanned_[i];
  if (plan_.actions[i] == UpperAction::kNothing) return KeepOld(entry.path, changes.memory);
  if (plan_.actions[i] != UpperAction::kWhiteout) return TellRead(i, changes);
  changes.entries.push_back({.kind = UpperEntry::Kind::kWhiteout, .path = entry.path});
  changes.memory[entry.path] = {.print = entry.print, .whiteout = true};
}

void ChangeReading::TellRead(size_t i, UpperChanges& changes) {
  const std::string& path = scanned_[i].path;
  const auto link = links_.find(i);
  const auto& read = reads_[link == links_.end() ? i : link->second];
  if (!read) return KeepOld(path, changes.memory);
  RememberedEntry& remembered = changes.memory[path] = read->told;
  remembered.opaque = scanned_[i].opaque;
  if (plan_.actions[i] == UpperAction::kVerify && SignatureOf(read->entry) == before_.at(path).unsettled) return;
  UpperEntry entry = read->entry;
  entry.path = path;
  entry.kind =
      plan_.actions[i] == UpperAction::kPutOpaque ? UpperEntry::Kind::kOpaqueDirectory : UpperEntry::Kind::kPut;
  if (link != links_.end()) {
    entry.kind = UpperEntry::Kind::kHardLink;
    entry.target = read->entry.path;
    entry.inode.reset();
  }
  changes.entries.push_back(std::move(entry));
}

struct OpenedUpper {
  UniqueFd upper, lower;
};
Result<OpenedUpper> OpenUpper(const LiveUpper& live) {
  OpenedUpper opened;
  BURROW_ASSIGN_OR_RETURN(opened.upper, os::Open(live.upper, O_RDONLY | O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(opened.lower, os::Open(live.lower, O_PATH | O_DIRECTORY));
  return opened;
}

}  // namespace

Result<UpperMemory> RememberUnwritten(const std::string& upper) {
  struct stat st{};
  if (::stat(upper.c_str(), &st) != 0) return FailErrno(upper);
  UpperMemory memory;
  memory[""] = {.print = FingerprintOf(st, true)};
  return memory;
}

Result<bool> IsAllTold(const LiveUpper& live, const UpperMemory& before) {
  BURROW_ASSIGN_OR_RETURN(const OpenedUpper opened, OpenUpper(live));
  BURROW_ASSIGN_OR_RETURN(const auto scanned, ScanUpper(opened.upper.get(), opened.lower.get()));
  return PlanUpper(scanned, before).empty;
}

Result<UpperChanges> ReadUpperChanges(const LiveUpper& live, const UpperMemory& before, cas::BlobStore& store) {
  BURROW_ASSIGN_OR_RETURN(const OpenedUpper opened, OpenUpper(live));
  BURROW_ASSIGN_OR_RETURN(const auto scanned, ScanUpper(opened.upper.get(), opened.lower.get()));
  const UpperPlan plan = PlanUpper(scanned, before);
  if (plan.empty) return UpperChanges{.entries = {}, .memory = before};
  const UpperReader reader(opened.upper.get(), live.scratch, store);
  return ChangeReading(scanned, plan, before, reader, store).Run();
}

}  // namespace burrow::image
