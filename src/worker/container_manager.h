// Every container of this worker by id: takes control's orders, answers for what it does not know. Everything runs on
// the IoContext's one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "burrow/link/v1/link.pb.h"
#include "net/event.h"
#include "worker/fork_servers.h"
#include "worker/function_container.h"
#include "worker/link_watch.h"

namespace burrow::worker {

class ContainerManager {
 public:
  explicit ContainerManager(ContainerServices services, ContainerDeadlines deadlines = {});
  ~ContainerManager();

  // An id that is known already is left as it is: control repeated itself.
  void Start(burrow::link::v1::StartContainer request);
  // An unknown container is reported as stopped, so that control forgets it.
  void Stop(const burrow::link::v1::StopContainer& request);
  void Dispatch(burrow::link::v1::CallDispatch call);
  void Cancel(const burrow::link::v1::CancelCall& request);

  // Commits or reloads a volume; of an unknown container, says so.
  void AskVolume(const burrow::link::v1::VolumeRequest& request);
  // Of a container or volume that is not there any more: no error.
  void VolumeApplied(const burrow::link::v1::VolumeApplied& answer);
  // Makes a template that was asked for, or gives one up.
  void OrderTemplate(const burrow::link::v1::TemplateOrder& order) { forks_.Order(order); }
  // The link is there, or has gone.
  void LinkChanged(bool connected);

  // Containers that live now, for a Hello.
  std::vector<burrow::link::v1::ContainerUpdate> Inventory() const;
  std::vector<burrow::link::v1::TemplateUpdate> Templates() const { return forks_.Inventory(); }
  // Asks every container to stop and waits until nothing is left of them; false at the deadline, which is later where
  // volumes are to be committed.
  net::Task<bool> StopAll(std::chrono::milliseconds grace, std::chrono::milliseconds deadline);

  // Of a container whose process exists; empty otherwise.
  std::optional<runtime::ExecTarget> FindExecTarget(const std::string& id) const;
  // What its containers share.
  const ContainerServices& services() const { return services_; }
  size_t size() const { return containers_.size(); }
  // Reads every container's control group; call it on the pool. Containers that have ended count with what they used.
  std::function<burrow::link::v1::Usage()> UsageReader();

 private:
  void SayStopped(const std::string& id);
  FunctionContainer* Find(const std::string& id);

  LinkWatch link_;
  net::BlockingPool commits_;
  ContainerServices services_;
  ForkServers forks_;
  ContainerDeadlines deadlines_;
  std::map<std::string, std::unique_ptr<FunctionContainer>> containers_;
  double ended_cpu_seconds_ = 0;
  net::Event gone_;
};

}  // namespace burrow::worker
