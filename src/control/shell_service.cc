#include "control/shell_service.h"

#include <algorithm>
#include <utility>

#include "control/start_secrets.h"
#include "control/volume_mounts.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxShellArguments = 10'000;
constexpr size_t kMaxShellArgumentBytes = 1u << 20;  // all of them
constexpr size_t kMaxTermBytes = 100;
constexpr uint64_t kInputWindow = 256u << 10;  // that the command has not taken

Status CheckOpen(const pb::OpenShellRequest& request) {
  size_t bytes = 0;
  for (const auto& argument : request.args()) bytes += argument.size();
  if (request.args_size() > static_cast<int>(kMaxShellArguments) || bytes > kMaxShellArgumentBytes) {
    return Fail(Code::kInvalidArgument, "the command has more than {} arguments or {} bytes", kMaxShellArguments,
                kMaxShellArgumentBytes);
  }
  if (request.term().size() > kMaxTermBytes)
    return Fail(Code::kInvalidArgument, "TERM is longer than {} bytes", kMaxTermBytes);
  return {};
}

// What `input` brings beyond what was received already, as far as there is room.
std::string_view NewBytes(const OpenShell& shell, const pb::ShellInputRequest& input) {
  std::string_view data = input.data();
  data.remove_prefix(std::min<uint64_t>(shell.received - input.offset(), data.size()));
  return data.substr(0, kInputWindow - std::min(kInputWindow, shell.received - shell.taken));
}

}  // namespace

void ShellService::Register(api::Gateway& gateway) {
  gateway.AddServerStream<pb::OpenShellRequest, pb::ShellEvent>(
      "burrow.v1.Shells/Open",
      [this](const auto& by, const auto& r, auto writer) { return Open(by.workspace, r, writer); });
  gateway.AddUnary<pb::ShellInputRequest, pb::ShellInputResponse>(
      "burrow.v1.Shells/Input", [this](const auto& by, const auto& r) { return Input(by.workspace, r); });
}

Result<const ImageEntry*> ShellService::FindSource(const std::string& workspace,
                                                   const pb::OpenShellRequest& request) const {
  if (!request.has_build()) return parts_.records.Find(workspace, request.image());
  if (!IsIdText(BuildTag::kPrefix, request.build())) {
    return Fail(Code::kInvalidArgument, "'{}' is no id of a build: `burrow build` says it when a step fails",
                request.build().substr(0, kMaxNameBytes));
  }
  if (const ImageEntry* left = parts_.images.FindLeftBy(workspace, BuildId(request.build()))) return left;
  return Fail(Code::kNotFound,
              "nothing is kept of a failed step of the build {}: none failed in a container, or it was removed",
              request.build());
}

Result<std::shared_ptr<Function>> ShellService::FindFunction(const std::string& workspace,
                                                             const std::string& id) const {
  const bool is_id = IsIdText(FunctionTag::kPrefix, id);
  auto function = is_id ? parts_.apps.FindFunction(workspace, FunctionId(id)) : nullptr;
  if (!function) return Fail(Code::kNotFound, "there is no function '{}'", id.substr(0, kMaxNameBytes));
  return function;
}

Result<std::optional<scheduler::Demand>> ShellService::DemandFor(const std::string& workspace,
                                                                 const pb::OpenShellRequest& request) const {
  if (request.has_container()) return std::nullopt;
  if (request.has_function()) {
    BURROW_ASSIGN_OR_RETURN(const auto function, FindFunction(workspace, request.function()));
    return DemandOf(*function);
  }
  BURROW_RETURN_IF_ERROR(FindSource(workspace, request));
  return parts_.guests.UsualDemand(workspace);
}

net::Task<Result<std::shared_ptr<Guest>>> ShellService::Enter(const std::string& workspace,
                                                              const scheduler::Demand& demand, Events& writer) {
  BURROW_CO_ASSIGN_OR_RETURN(auto room, parts_.guests.Enter(workspace, demand));
  if (room->has_room) co_return room;
  auto changed = std::make_shared<net::Event>(parts_.io);
  room->on_room = [changed] { changed->Notify(); };
  pb::ShellEvent waits;
  waits.set_waits_for(parts_.guests.WaitsFor(*room));
  BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(waits));
  const SteadyTime deadline = parts_.clock.Now() + parts_.timings.shell_room;
  while (!room->has_room) {
    const auto left = std::chrono::ceil<Millis>(deadline - parts_.clock.Now());
    if (left.count() <= 0) co_return std::unexpected(parts_.guests.Refusal(*room, parts_.timings.shell_room));
    if (!co_await changed->Wait(std::min(left, parts_.timings.heartbeat))) {
      BURROW_CO_RETURN_IF_ERROR(co_await writer.Write({}));
    }
  }
  co_return room;
}

Result<std::shared_ptr<OpenShell>> ShellService::Start(const std::string& workspace,
                                                       const pb::OpenShellRequest& request, lpb::StartShell start,
                                                       std::shared_ptr<Guest> room) const {
  if (request.has_function()) return StartAsFunction(std::move(room), request.function(), std::move(start));
  if (!request.has_container()) {
    BURROW_ASSIGN_OR_RETURN(const ImageEntry* image, FindSource(workspace, request));
    *start.mutable_image() = image->image;
    return parts_.shells.Start(std::move(room), std::move(start));
  }
  const Container* container = parts_.containers.Find(workspace, request.container());
  if (!container || container->state != Container::State::kReady || !container->worker->connected()) {
    return Fail(Code::kNotFound, "no container '{}' is ready: see `burrow ps`",
                request.container().substr(0, kMaxNameBytes));
  }
  start.set_container_id(container->id.str());
  return parts_.shells.StartIn(*container->worker, workspace, std::move(start));
}

Result<std::shared_ptr<OpenShell>> ShellService::StartAsFunction(std::shared_ptr<Guest> room, const std::string& id,
                                                                 lpb::StartShell start) const {
  const std::string& workspace = room->workspace;
  BURROW_ASSIGN_OR_RETURN(const auto function, FindFunction(workspace, id));
  *start.mutable_spec() = function->spec;
  BURROW_RETURN_IF_ERROR(GiveSecrets(parts_.secrets, *function, start));
  BURROW_RETURN_IF_ERROR(FindMounts(parts_.volumes, workspace, function->spec.function()));
  *start.mutable_volumes() = MountsOf(parts_.volumes, function->spec.function());
  return parts_.shells.Start(std::move(room), std::move(start));
}

net::Task<Status> ShellService::Open(const std::string& workspace, const pb::OpenShellRequest& request, Events writer) {
  BURROW_CO_RETURN_IF_ERROR(CheckOpen(request));
  lpb::StartShell start;
  *start.mutable_args() = request.args();
  if (request.has_terminal()) *start.mutable_terminal() = request.terminal();
  start.set_term(request.term());
  BURROW_CO_ASSIGN_OR_RETURN(const auto demand, DemandFor(workspace, request));
  std::shared_ptr<Guest> room;
  if (demand) {
    BURROW_CO_ASSIGN_OR_RETURN(room, co_await Enter(workspace, *demand, writer));
  }
  BURROW_CO_ASSIGN_OR_RETURN(auto shell, Start(workspace, request, std::move(start), std::move(room)));
  // Whatever ends the request, its client's leaving too, ends the shell.
  struct Leaving {
    ~Leaving() {
      if (auto table = shells.lock()) table->Close(*shell);
    }
    std::weak_ptr<Shells> shells;
    std::shared_ptr<OpenShell> shell;
  } leaving{parts_.shells.weak_from_this(), shell};
  pb::ShellEvent first;
  first.set_shell_id(shell->id.str());
  BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(first));
  co_return co_await Follow(*shell, writer);
}

net::Task<Status> ShellService::Follow(OpenShell& shell, Events& writer) {
  while (!shell.outcome || !shell.events.empty()) {
    pb::ShellEvent event;
    if (!shell.events.empty()) {
      event = std::move(shell.events.front());
      shell.events.pop_front();
    } else if (co_await shell.changed.Wait(parts_.timings.heartbeat)) {
      continue;
    }
    BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(event));
  }
  BURROW_CO_RETURN_IF_ERROR(*shell.outcome);
  pb::ShellEvent last;
  *last.mutable_exit() = **shell.outcome;
  co_return co_await writer.Write(last);
}

net::Task<void> ShellService::AwaitRoom(OpenShell& shell) {
  const auto deadline = std::chrono::steady_clock::now() + parts_.timings.shell_input;
  while (!shell.outcome && shell.received - shell.taken >= kInputWindow) {
    const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !co_await shell.changed.Wait(left)) break;
  }
}

net::Task<Result<pb::ShellInputResponse>> ShellService::Input(const std::string& workspace,
                                                              const pb::ShellInputRequest& request) {
  auto shell = parts_.shells.Find(workspace, request.shell_id());
  if (!shell) co_return Fail(Code::kNotFound, "there is no shell '{}'", request.shell_id().substr(0, kMaxNameBytes));
  lpb::ShellInput told;
  told.set_shell_id(shell->id.str());
  told.set_taken(std::min(request.taken(), shell->sent));
  if (request.has_size()) *told.mutable_size() = request.size();
  if (told.taken() > 0 || told.has_size()) parts_.shells.SendInput(*shell, told);
  if (!request.data().empty()) co_await AwaitRoom(*shell);
  if (request.offset() > shell->received)
    co_return Fail(Code::kOutOfRange, "the input goes on at byte {}", shell->received);
  lpb::ShellInput input;
  input.set_shell_id(shell->id.str());
  input.set_data(std::string(NewBytes(*shell, request)));
  shell->received += input.data().size();
  input.set_end(request.end() && shell->received >= request.offset() + request.data().size());
  if (!input.data().empty() || input.end()) parts_.shells.SendInput(*shell, std::move(input));
  pb::ShellInputResponse response;
  response.set_received(shell->received);
  co_return response;
}

}  // namespace burrow::control
