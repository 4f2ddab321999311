// Workspaces by name, and how much each may have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "scheduler/fair_share.h"
#include "store/store.h"

namespace burrow::control {

inline constexpr size_t kMaxWorkspaces = 1'000;

// Loop's thread only, but for Load.
class WorkspaceTable {
 public:
  Status Load(store::Store& store);  // blocks: before the loop runs
  const store::WorkspaceRecord* Find(const std::string& name) const;
  // kNotFound, saying what there may be instead, unless it is here.
  Status Need(const std::string& name) const;
  std::vector<const store::WorkspaceRecord*> All() const;  // by name
  void Put(store::WorkspaceRecord record);
  void Drop(const std::string& name) { records_.erase(name); }

  scheduler::WorkspaceBounds BoundsOf(const std::string& name) const;
  size_t MaxQueuedCalls(const std::string& name) const;
  // What keys of its cache of build steps begin with: "" for the cache that workspaces share.
  std::string CacheScope(const std::string& name) const;

 private:
  std::map<std::string, store::WorkspaceRecord> records_;
};

}  // namespace burrow::control
