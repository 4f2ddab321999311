#include "image/upper_plan.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "base/paths.h"

namespace burrow::image {
namespace {

// What was told at this place shows nothing of the lower tree.
bool HidesLower(const RememberedEntry& told) { return told.whiteout || told.opaque || !S_ISDIR(told.print.mode); }

UpperAction Decide(const ScannedEntry& entry, const RememberedEntry* told, bool forced) {
  if (entry.whiteout) return told && told->whiteout ? UpperAction::kNothing : UpperAction::kWhiteout;
  if (forced) return UpperAction::kPut;
  if (entry.opaque && (!told || !HidesLower(*told))) return UpperAction::kPutOpaque;
  if (!told || told->whiteout || told->print != entry.print) return UpperAction::kPut;
  return told->unsettled ? UpperAction::kVerify : UpperAction::kNothing;
}

// All names of an inode are told together, so that they stay one.
void PlanLinks(const std::vector<ScannedEntry>& scanned, std::vector<UpperAction>& actions) {
  std::unordered_set<uint64_t> put;
  for (size_t i = 0; i < scanned.size(); ++i) {
    if (scanned[i].linked && actions[i] != UpperAction::kNothing) put.insert(scanned[i].print.inode);
  }
  for (size_t i = 0; i < scanned.size(); ++i) {
    if (scanned[i].linked && put.contains(scanned[i].print.inode)) actions[i] = UpperAction::kPut;
  }
}

class Vanished {
 public:
  Vanished(const std::vector<ScannedEntry>& scanned, const std::vector<UpperAction>& actions)
      : scanned_(scanned), actions_(actions) {
    for (size_t i = 0; i < scanned.size(); ++i) present_.emplace(scanned[i].path, i);
  }

  bool Is(const std::string& path) const { return !present_.contains(path); }
  // What is told of the directory that held it already says that it is gone.
  bool IsCovered(const std::string& path) const {
    const size_t slash = path.rfind('/');
    if (slash == path.npos) return false;
    const auto parent = present_.find(std::string_view(path).substr(0, slash));
    if (parent == present_.end()) return true;
    const ScannedEntry& entry = scanned_[parent->second];
    return entry.whiteout || !S_ISDIR(entry.print.mode) || WasEmptied(entry.path);
  }

 private:
  bool WasEmptied(std::string_view path) const {
    for (;;) {
      if (actions_[present_.at(path)] == UpperAction::kPutOpaque) return true;
      const size_t slash = path.rfind('/');
      if (slash == path.npos) return false;
      path = path.substr(0, slash);
    }
  }

  const std::vector<ScannedEntry>& scanned_;
  const std::vector<UpperAction>& actions_;
  std::unordered_map<std::string_view, size_t> present_;
};

}  // namespace

UpperPlan PlanUpper(const std::vector<ScannedEntry>& scanned, const UpperMemory& before) {
  UpperPlan plan;
  plan.actions.reserve(scanned.size());
  const std::string* emptied = nullptr;  // the last directory that hides what was told below it, too
  for (const ScannedEntry& entry : scanned) {
    const auto told = before.find(entry.path);
    const bool forced = emptied && IsBelow(entry.path, *emptied);
    plan.actions.push_back(Decide(entry, told == before.end() ? nullptr : &told->second, forced));
    if (plan.actions.back() == UpperAction::kPutOpaque) emptied = &entry.path;
  }
  PlanLinks(scanned, plan.actions);
  const Vanished vanished(scanned, plan.actions);
  for (const auto& [path, told] : before) {
    if (!told.whiteout && vanished.Is(path) && !vanished.IsCovered(path)) plan.removed.push_back(path);
  }
  std::ranges::sort(plan.removed);
  plan.empty = plan.removed.empty() &&
               std::ranges::all_of(plan.actions, [](UpperAction action) { return action == UpperAction::kNothing; });
  return plan;
}

}  // namespace burrow::image
