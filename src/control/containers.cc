#include "control/containers.h"

#include <algorithm>

#include "control/apps.h"
#include "control/calls.h"
#include "control/workers.h"

namespace burrow::control {

Container& ContainerTable::Add(const std::shared_ptr<Function>& function, Worker& worker) {
  auto owned = std::make_unique<Container>(io_, ContainerId::New());
  Container& container = *owned;
  container.function = function;
  container.generation = function->generation;
  container.worker = &worker;
  container.demand = DemandOf(*function);
  function->containers.push_back(&container);
  worker.containers.push_back(&container);
  worker.reserved_cpus += container.demand.cpus;
  worker.reserved_memory += container.demand.memory;
  containers_.emplace(container.id.str(), std::move(owned));
  return container;
}

Container* ContainerTable::Find(const std::string& id) const {
  auto found = containers_.find(id);
  return found == containers_.end() ? nullptr : found->second.get();
}

Container* ContainerTable::Find(const std::string& workspace, const std::string& id) const {
  Container* container = Find(id);
  return container && container->function->workspace == workspace ? container : nullptr;
}

void ContainerTable::Remove(Container& container) {
  Worker& worker = *container.worker;
  std::erase(container.function->containers, &container);
  std::erase(worker.containers, &container);
  worker.reserved_cpus = worker.containers.empty() ? 0 : worker.reserved_cpus - container.demand.cpus;
  worker.reserved_memory -= container.demand.memory;
  containers_.erase(std::string(container.id.str()));
}

void ContainerTable::ForEach(const std::function<void(const Container&)>& visit) const {
  for (const auto& [id, container] : containers_) visit(*container);
}

std::vector<Container*> ContainerTable::All() const {
  std::vector<Container*> all;
  all.reserve(containers_.size());
  for (const auto& [id, container] : containers_) all.push_back(container.get());
  std::ranges::sort(all, {}, [](const Container* container) { return container->started_ms; });
  return all;
}

std::vector<Container*> ContainerTable::In(const std::string& workspace) const {
  auto containers = All();
  std::erase_if(containers, [&](const Container* container) { return container->function->workspace != workspace; });
  return containers;
}

scheduler::WorkspaceShare ContainerTable::ShareOf(const std::string& workspace) const {
  scheduler::WorkspaceShare share;
  for (const auto& [id, container] : containers_) {
    if (container->function->workspace == workspace) share.Add(container->demand);
  }
  return share;
}

pb::ContainerInfo Describe(const Container& container) {
  pb::ContainerInfo info;
  const App& app = *container.function->app;
  info.set_container_id(container.id.str());
  info.set_app_id(app.record.id.str());
  info.set_app_name(app.record.name);
  info.set_function(container.function->name());
  info.set_state(container.was_ready ? pb::CONTAINER_STATE_READY : pb::CONTAINER_STATE_STARTING);
  info.set_started_ms(container.started_ms);
  info.set_worker_id(container.worker->id.str());
  info.set_running(static_cast<uint32_t>(container.calls.size()));
  info.set_calls_done(container.calls_done);
  info.set_reason(container.stop_reason);
  for (const auto& phase : container.phases) *info.add_phases() = phase;
  return info;
}

}  // namespace burrow::control
