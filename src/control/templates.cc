#include "control/templates.h"

#include <algorithm>
#include <set>
#include <utility>

#include "scheduler/placement.h"

namespace burrow::control {
namespace {

// It runs nothing: it reserves no core.
scheduler::Demand TemplateDemand(const Function& function) { return {.cpus = 0, .memory = DemandOf(function).memory}; }

void SendOrder(Worker& worker, const std::string& id, bool warm) {
  lpb::FromControl message;
  message.mutable_template_order()->set_template_id(id);
  message.mutable_template_order()->set_warm(warm);
  worker.Send(message);
}

}  // namespace

bool Templates::MayWarm(const Worker& worker, const Function& function) const {
  const auto demand = TemplateDemand(function);
  const uint64_t promised = worker.promised_memory();
  const bool has_room = promised <= worker.memory && demand.memory <= worker.memory - promised;
  return has_room && may_have(function.workspace, demand);
}

void Templates::Hold(Worker& worker, const Function& function, const lpb::TemplateUpdate& update) {
  Held held{.worker = &worker,
            .function = function.id,
            .room = guests_.Admit(function.workspace, TemplateDemand(function)),
            .in_use = update.phase() == lpb::TEMPLATE_PHASE_IN_USE};
  held.room->is_template = true;
  worker.template_memory += held.room->demand.memory;
  held_[update.template_id()] = std::move(held);
}

void Templates::Drop(const std::string& id) {
  auto held = held_.extract(id);
  if (!held) return;
  SetUse(held.mapped(), false, false);
  held.mapped().worker->template_memory -= held.mapped().room->demand.memory;
}

void Templates::SetUse(Held& held, bool in_use, bool leaves) {
  const bool freed = held.frees();
  held.in_use = in_use;
  held.leaves = leaves;
  if (held.frees() == freed) return;
  uint64_t& sum = held.worker->leaving_template_memory;
  sum = held.frees() ? sum + held.room->demand.memory : sum - held.room->demand.memory;
}

void Templates::OnUpdate(Worker& worker, const lpb::TemplateUpdate& update) {
  const auto found = held_.find(update.template_id());
  const bool is_held = found != held_.end() && found->second.worker == &worker;
  if (update.phase() == lpb::TEMPLATE_PHASE_WANTED && found == held_.end()) {
    const auto function = apps_.FindFunction(FunctionId(update.function_id()));
    const bool may = function && MayWarm(worker, *function);
    if (may) Hold(worker, *function, update);
    return SendOrder(worker, update.template_id(), may);
  }
  if (!is_held) return;
  if (update.phase() == lpb::TEMPLATE_PHASE_ENDED) return Drop(update.template_id());
  Held& held = found->second;
  SetUse(held, update.phase() == lpb::TEMPLATE_PHASE_IN_USE, held.leaves);
  // It may be given up now, or somebody counts on its room in vain.
  if ((!held.in_use || held.leaves) && guests_.share_room) guests_.share_room();
}

// Those of functions that are not there any more are given up.
void Templates::OnWorkerJoined(Worker& worker, const lpb::Hello& hello) {
  std::set<std::string> told;
  for (const auto& update : hello.templates()) {
    told.insert(update.template_id());
    if (held_.contains(update.template_id())) {
      OnUpdate(worker, update);
    } else if (const auto function = apps_.FindFunction(FunctionId(update.function_id()))) {
      Hold(worker, *function, update);
    } else {
      SendOrder(worker, update.template_id(), false);
    }
  }
  std::vector<std::string> gone;
  for (auto& [id, held] : held_) {
    if (held.worker != &worker) continue;
    if (!told.contains(id)) gone.push_back(id);
    if (held.leaves) SendOrder(worker, id, false);
  }
  for (const auto& id : gone) Drop(id);
}

void Templates::OnWorkerLost(Worker& worker) {
  std::vector<std::string> lost;
  for (const auto& [id, held] : held_) {
    if (held.worker == &worker) lost.push_back(id);
  }
  for (const auto& id : lost) Drop(id);
}

bool Templates::GiveUpFirst(const std::function<bool(const Held&)>& wanted) {
  const auto found = std::ranges::find_if(held_, [&](const auto& entry) {
    const Held& held = entry.second;
    return !held.in_use && !held.leaves && held.worker->connected() && wanted(held);
  });
  if (found == held_.end()) return false;
  auto& [id, held] = *found;
  SetUse(held, held.in_use, true);
  SendOrder(*held.worker, id, false);
  return true;
}

bool Templates::GiveUpIn(const std::string& workspace) {
  return GiveUpFirst([&](const Held& held) { return held.room->workspace == workspace; });
}

bool Templates::GiveUpOn(const std::vector<Worker*>& workers) {
  return GiveUpFirst([&](const Held& held) { return std::ranges::find(workers, held.worker) != workers.end(); });
}

bool Templates::AnyLeaves(const std::string& workspace) const {
  return std::ranges::any_of(
      held_, [&](const auto& entry) { return entry.second.frees() && entry.second.room->workspace == workspace; });
}

uint32_t Templates::InUseOf(const Function& function) const {
  const auto counts = [&](const auto& entry) { return entry.second.in_use && entry.second.function == function.id; };
  return static_cast<uint32_t>(std::ranges::count_if(held_, counts));
}

}  // namespace burrow::control
