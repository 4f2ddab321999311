#include "worker/shell_manager.h"

#include <signal.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "base/ids.h"
#include "base/log.h"

namespace burrow::worker {

ShellManager::ShellManager(ShellServices services) : services_(std::move(services)), gone_(*services_.io) {
  ::signal(SIGPIPE, SIG_IGN);
}
ShellManager::~ShellManager() = default;

void ShellManager::Start(burrow::link::v1::StartShell request) {
  std::string id = request.shell_id();
  if (!IsIdText(ShellTag::kPrefix, id)) {  // it names a directory and a control group
    LogError("control asked for a shell with the malformed id '{}'", id);
    return;
  }
  if (shells_.contains(id)) return;
  auto on_gone = [this, id] {
    // Not at once: the shell's coroutine still runs.
    boost::asio::post(*services_.io, [this, id] {
      shells_.erase(id);
      gone_.Notify();
    });
  };
  shells_.emplace(id, std::make_unique<Shell>(services_, std::move(request), std::move(on_gone)));
}

void ShellManager::Input(const burrow::link::v1::ShellInput& input) {
  auto at = shells_.find(input.shell_id());
  if (at != shells_.end()) at->second->Input(input);
}

void ShellManager::Close(const std::string& shell_id) {
  auto at = shells_.find(shell_id);
  if (at != shells_.end()) at->second->Close();
}

void ShellManager::VolumeApplied(const burrow::link::v1::VolumeApplied& answer) {
  auto at = shells_.find(answer.owner_id());
  if (at != shells_.end()) at->second->VolumeApplied(answer);
}

void ShellManager::LinkChanged(bool connected) {
  for (const auto& [id, shell] : shells_) {
    if (!connected) shell->Close();
    shell->LinkChanged();
  }
}

void ShellManager::CloseAll() {
  for (const auto& [id, shell] : shells_) {
    shell->Hurry();
    shell->Close();
  }
}

net::Task<bool> ShellManager::StopAll(std::chrono::milliseconds deadline) {
  CloseAll();
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!shells_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !co_await gone_.Wait(left)) break;
  }
  const bool none_left = shells_.empty();
  co_return none_left;
}

}  // namespace burrow::worker
