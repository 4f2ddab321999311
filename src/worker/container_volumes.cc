#include "worker/container_volumes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/detached.h"
#include "os/fs.h"
#include "runtime/mount_exchange.h"
#include "worker/volume_line.h"

namespace burrow::worker {

using burrow::link::v1::FromWorker;
using burrow::link::v1::VolumeRequest;
using std::chrono::milliseconds;

namespace {

constexpr size_t kMostRequests = 64;  // of a container that wait
constexpr milliseconds kLookAgain{60'000};

std::string FloorOf(const std::string& floors, size_t number) { return fmt::format("{}/floor/{}", floors, number); }

}  // namespace

struct ContainerVolumes::State : std::enable_shared_from_this<State> {
  State(const ContainerServices& given, ContainerVolumesOptions wanted)
      : services(given),
        options(std::move(wanted)),
        times(options.times),
        timer(*given.io),
        line_ended(*given.io),
        directory(given.volumes_directory + "/" + options.container_id) {}

  net::Task<void> CommitAtTimes();
  net::Task<void> CommitOnce(std::shared_ptr<VolumeLine> line);
  net::Task<void> CommitLastOf(std::shared_ptr<VolumeLine> line);
  net::Task<void> Answer(VolumeRequest request);
  net::Task<Status> Fulfil(VolumeLine& line, bool reload);
  void Note(const VolumeLine& line, std::string sentence);
  std::shared_ptr<VolumeLine> Find(const std::string& volume_id) const;

  ContainerServices services;
  ContainerVolumesOptions options;
  CommitTimes times;
  boost::asio::steady_timer timer;
  net::Event line_ended;
  std::string directory;
  std::string floors;                                        // see TakeFloors
  std::vector<std::unique_ptr<volume::LiveVolume>> mounted;  // of the thread that mounts, until Begin
  std::vector<std::shared_ptr<VolumeLine>> lines;
  std::shared_ptr<RunningContainer> container;
  std::string last_noted;
  size_t requests = 0, committing_last = 0;
  bool ended = false;
};

std::shared_ptr<VolumeLine> ContainerVolumes::State::Find(const std::string& volume_id) const {
  const auto at = std::ranges::find(lines, volume_id, [](const auto& line) { return line->id(); });
  return at == lines.end() ? nullptr : *at;
}

// A commit that fails is tried again every few seconds: its user reads why once.
void ContainerVolumes::State::Note(const VolumeLine& line, std::string sentence) {
  std::string text = fmt::format("volume at {}: {}", line.path(), sentence);
  if (text == last_noted) return;
  last_noted = text;
  options.log(std::move(text));
}

net::Task<void> ContainerVolumes::State::CommitOnce(std::shared_ptr<VolumeLine> line) {
  Status committed = co_await line->Commit();
  if (ended) co_return;
  if (committed) last_noted.clear();
  if (!committed)
    Note(*line,
         fmt::format("what was written is not committed yet: {}; it is tried again", committed.error().message()));
}

net::Task<void> ContainerVolumes::State::CommitAtTimes() {
  auto self = shared_from_this();
  milliseconds pause = times.pause;
  while (!ended) {
    timer.expires_after(pause);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    const SteadyTime began = services.clock->Now();
    for (size_t i = 0; i < lines.size() && !ended; ++i) {
      if (!lines[i]->read_only()) co_await CommitOnce(lines[i]);
    }
    pause = PauseAfterCommit(times, services.clock->Now() - began);
  }
}

net::Task<void> ContainerVolumes::State::CommitLastOf(std::shared_ptr<VolumeLine> line) {
  auto self = shared_from_this();
  Status committed = co_await line->CommitLast();
  if (!committed)
    Note(*line, fmt::format("what was written since the last commit is lost: {}", committed.error().message()));
  --committing_last;
  line_ended.Notify();
}

net::Task<Status> ContainerVolumes::State::Fulfil(VolumeLine& line, bool reload) {
  if (!reload) co_return co_await line.Commit();
  co_return co_await line.Reload([held = container](const std::string& before, const std::string& now) -> Status {
    BURROW_ASSIGN_OR_RETURN(const runtime::ContainerMounts mounts, held->OpenMounts());
    return runtime::ExchangeMount(mounts, before, now);
  });
}

net::Task<void> ContainerVolumes::State::Answer(VolumeRequest request) {
  auto self = shared_from_this();
  const auto line = Find(request.volume_id());
  Status outcome;
  if (!line) {
    outcome = Fail(Code::kNotFound, "the container does not have this volume");
  } else if (!container || ended) {
    outcome = Fail(Code::kUnavailable, "the container does not run");
  } else if (requests >= kMostRequests) {
    outcome =
        Fail(Code::kResourceExhausted, "{} commits and reloads of this container are under way already", requests);
  } else {
    ++requests;
    outcome = co_await Fulfil(*line, request.reload());
    --requests;
  }
  FromWorker message;
  auto& done = *message.mutable_volume_request_done();
  done.set_request_id(request.request_id());
  if (!outcome) {
    done.set_error(outcome.error().message());
    done.set_busy(outcome.error().code() == Code::kAborted);
  }
  if (line) done.set_version(line->version());
  services.send(std::move(message));
}

Result<std::vector<runtime::Bind>> MakeVolumeFloors(
    const std::string& floors, const google::protobuf::RepeatedPtrField<burrow::link::v1::MountedVolume>& volumes) {
  std::vector<runtime::Bind> binds;
  for (const auto& volume : volumes) {
    const std::string floor = FloorOf(floors, binds.size());
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(floor, 0555));
    binds.push_back({.source = floor, .target = volume.path(), .read_only = true});
  }
  return binds;
}

ContainerVolumes::ContainerVolumes(const ContainerServices& services, ContainerVolumesOptions options)
    : state_(std::make_shared<State>(services, std::move(options))) {}
ContainerVolumes::~ContainerVolumes() = default;

Result<std::vector<runtime::Bind>> ContainerVolumes::Mount() {
  std::vector<runtime::Bind> binds;
  const std::string floor = state_->directory + "/floor";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(floor, 0555));
  for (const auto& asked : state_->options.volumes) {
    const std::string directory = fmt::format("{}/{}", state_->directory, state_->mounted.size());
    BURROW_ASSIGN_OR_RETURN(auto volume, volume::LiveVolume::Mount(state_->services.images, asked, directory));
    // Lies below: while a reload exchanges the mounts, nothing is written past the volume.
    if (state_->options.reloads) binds.push_back({.source = floor, .target = volume->path(), .read_only = true});
    binds.push_back({.source = volume->tree(), .target = volume->path(), .read_only = volume->read_only()});
    state_->mounted.push_back(std::move(volume));
  }
  return binds;
}

void ContainerVolumes::TakeFloors(const std::string& floors) { state_->floors = floors; }

Status ContainerVolumes::MountUpon(const runtime::ContainerMounts& mounts) {
  BURROW_RETURN_IF_ERROR(Mount());
  for (size_t i = 0; i < state_->mounted.size(); ++i)
    BURROW_RETURN_IF_ERROR(runtime::CoverMount(mounts, FloorOf(state_->floors, i), state_->mounted[i]->tree()));
  return {};
}

void ContainerVolumes::Begin(std::shared_ptr<RunningContainer> container) {
  if (empty()) return;
  const VolumeLineServices shared{.io = state_->services.io,
                                  .pool = state_->services.commits,
                                  .blobs = state_->services.blobs,
                                  .link = state_->services.link,
                                  .clock = state_->services.clock,
                                  .send = state_->services.send};
  for (auto& volume : state_->mounted)
    state_->lines.push_back(std::make_shared<VolumeLine>(shared, state_->options.container_id, std::move(volume)));
  state_->mounted.clear();
  state_->container = std::move(container);
  net::RunDetached(*state_->services.io, state_->CommitAtTimes(), "commits of " + state_->options.container_id);
}

net::Task<void> ContainerVolumes::CommitLast() {
  auto state = state_;
  state->ended = true;
  state->last_noted.clear();
  state->timer.cancel();
  for (const auto& line : state->lines) {
    line->End(state->times);
    ++state->committing_last;
    net::RunDetached(*state->services.io, state->CommitLastOf(line), "last commit of " + state->options.container_id);
  }
  while (state->committing_last > 0) co_await state->line_ended.Wait(kLookAgain);
}

net::Task<void> ContainerVolumes::Close() {
  if (empty()) co_return;
  auto state = state_;
  state->ended = true;
  state->timer.cancel();
  state->container.reset();
  for (const auto& line : state->lines) {
    line->End(state->times);
    co_await line->Close();
  }
  Status removed = co_await net::RunBlocking(*state->services.commits, [state]() -> Status {
    state->mounted.clear();
    Status floors = state->floors.empty() ? Status() : os::RemoveTree(state->floors);
    Status own = os::RemoveTree(state->directory);
    return own ? std::move(floors) : std::move(own);
  });
  if (!removed) state->options.log(removed.error().message());
}

const std::string& ContainerVolumes::directory() const { return state_->directory; }
bool ContainerVolumes::empty() const { return state_->options.volumes.empty(); }

bool ContainerVolumes::Hurry() {
  state_->times = kHurriedCommits;
  if (state_->ended) {
    for (const auto& line : state_->lines) line->End(state_->times);
  }
  return !empty();
}

void ContainerVolumes::Ask(const VolumeRequest& request) {
  net::RunDetached(*state_->services.io, state_->Answer(request), "volumes of " + state_->options.container_id);
}

void ContainerVolumes::Applied(const burrow::link::v1::VolumeApplied& answer) {
  if (const auto line = state_->Find(answer.volume_id())) line->Applied(answer);
}

void ContainerVolumes::LinkChanged() {
  for (const auto& line : state_->lines) line->LinkChanged();
}

}  // namespace burrow::worker
