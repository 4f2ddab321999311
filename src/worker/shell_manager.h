// Shells by id. Everything runs on the IoContext's one thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "net/event.h"
#include "worker/shell.h"

namespace burrow::worker {

class ShellManager {
 public:
  // Ignores SIGPIPE in the whole process: a command may end while its input is written.
  explicit ShellManager(ShellServices services);
  ~ShellManager();

  void Start(burrow::link::v1::StartShell request);
  // Of a shell that is not there any more: no error.
  void Input(const burrow::link::v1::ShellInput& input);
  void Close(const std::string& shell_id);
  void VolumeApplied(const burrow::link::v1::VolumeApplied& answer);
  // To be called when it was lost, which closes all, or is there again.
  void LinkChanged(bool connected);
  // The worker ends.
  void CloseAll();
  // Closes all and waits for their end; false at the deadline.
  net::Task<bool> StopAll(std::chrono::milliseconds deadline);
  size_t size() const { return shells_.size(); }

 private:
  ShellServices services_;
  std::map<std::string, std::unique_ptr<Shell>> shells_;
  net::Event gone_;
};

}  // namespace burrow::worker
