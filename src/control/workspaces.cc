#include "control/workspaces.h"

#include <algorithm>
#include <utility>

#include "control/limits.h"
#include "control/near_names.h"

namespace burrow::control {

Status WorkspaceTable::Load(store::Store& store) {
  BURROW_ASSIGN_OR_RETURN(auto records, store.Workspaces());
  for (auto& record : records) Put(std::move(record));
  return {};
}

const store::WorkspaceRecord* WorkspaceTable::Find(const std::string& name) const {
  const auto found = records_.find(name);
  return found == records_.end() ? nullptr : &found->second;
}

Status WorkspaceTable::Need(const std::string& name) const {
  if (Find(name)) return {};
  std::vector<std::string> names;
  names.reserve(records_.size());
  for (const auto& [known, record] : records_) names.push_back(known);
  const std::string shown = name.substr(0, kMaxNameBytes);
  return Fail(Code::kNotFound, "there is no workspace '{}'{}: see `burrow workspace list`", shown,
              DidYouMean(shown, names));
}

std::vector<const store::WorkspaceRecord*> WorkspaceTable::All() const {
  std::vector<const store::WorkspaceRecord*> all;
  all.reserve(records_.size());
  for (const auto& [name, record] : records_) all.push_back(&record);
  return all;
}

void WorkspaceTable::Put(store::WorkspaceRecord record) {
  std::string name = record.name;
  records_.insert_or_assign(std::move(name), std::move(record));
}

scheduler::WorkspaceBounds WorkspaceTable::BoundsOf(const std::string& name) const {
  const auto* record = Find(name);
  if (!record) return {};
  return {.containers = record->max_containers,
          .cpus = record->max_cpu_millis / 1000.0,
          .memory = uint64_t{record->max_memory_mib} << 20};
}

size_t WorkspaceTable::MaxQueuedCalls(const std::string& name) const {
  const auto* record = Find(name);
  const size_t asked = record ? record->max_queued_calls : 0;
  return asked == 0 ? kMaxQueuedInWorkspace : std::min(asked, kMaxQueuedInWorkspace);
}

std::string WorkspaceTable::CacheScope(const std::string& name) const {
  const auto* record = Find(name);
  return record && record->shares_cache ? "" : name;
}

}  // namespace burrow::control
