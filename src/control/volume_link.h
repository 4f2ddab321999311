// Volumes between control and workers: what containers have written, and what they ask for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "control/containers.h"
#include "control/limits.h"
#include "control/volumes.h"
#include "control/workers.h"
#include "net/event.h"

namespace burrow::control {

// Loop's thread only. Held by a shared_ptr, so that a request that is destroyed after it does not ask for it.
class VolumeLink : public std::enable_shared_from_this<VolumeLink> {
 public:
  VolumeLink(net::IoContext& io, const Clock& clock, const Timings& timings, ContainerTable& containers,
             WorkerPool& workers, Volumes& volumes)
      : io_(io), clock_(clock), timings_(timings), containers_(containers), workers_(workers), volumes_(volumes) {}

  enum class Wish { kCommit, kReload };
  // Has the container's worker commit or reload the volume, which it has; gives the version by then. kUnavailable where
  // the worker or the container goes away meanwhile, kFailedPrecondition while files of it are open, kDeadlineExceeded.
  net::Task<Result<uint64_t>> Ask(Container& container, std::string volume_id, Wish wish);

  void OnChanged(Worker& worker, const lpb::VolumeChanged& changed);
  void OnDone(const Worker& worker, const lpb::VolumeRequestDone& done);
  // Requests are not said again to a worker that comes back.
  void OnConnectionLost(const Worker& worker);

 private:
  struct Request {
    Request(net::IoContext& io, const Worker* on) : worker(on), changed(io) {}
    const Worker* worker;
    std::optional<Result<uint64_t>> outcome;
    net::Event changed;
  };
  class Waiting;
  net::Task<Result<uint64_t>> Await(std::shared_ptr<Request> request, std::string container_id);
  void Answer(const WorkerId& to, const lpb::VolumeChanged& changed, const Result<store::VolumeHead>& head);

  net::IoContext& io_;
  const Clock& clock_;
  const Timings& timings_;
  ContainerTable& containers_;
  WorkerPool& workers_;
  Volumes& volumes_;
  std::map<std::string, std::shared_ptr<Request>> requests_;  // by id
};

}  // namespace burrow::control
