// Keeps one `burrowd imagefs` process alive. Private to this module.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "imagefs/config.h"
#include "os/process.h"

namespace burrow::imagefs {

struct ChildOptions {
  std::string burrowd;
  Config config;                               // descriptors in it are ours; the child's numbers are filled in here
  std::chrono::milliseconds longest_pause{0};  // between starts
};

// Starts the process, and starts it again, with growing pauses, whenever it ends. One thread does that for the whole
// life, because the kernel's parent-death signal is tied to the thread that started the process.
class Child {
 public:
  explicit Child(ChildOptions options);
  ~Child();  // ends the process

  // Until it serves for the first time, or the reason why it does not.
  Status WaitUntilServing(std::chrono::milliseconds deadline);
  // Kills a process that does not answer any more; a new one takes over what it left unanswered.
  void Kill();
  int pid() const { return pid_.load(); }
  uint64_t restarts() const { return restarts_.load(); }

 private:
  void Run();
  Result<os::Process> StartProcess(bool resume);
  void Publish(Status status, int pid);
  // True when stopping was asked for; otherwise the descriptor became readable or the time is over.
  bool WaitFor(int fd, std::chrono::milliseconds deadline);

  const ChildOptions options_;
  UniqueFd stop_;  // an eventfd
  std::atomic<int> pid_ = -1;
  std::atomic<uint64_t> restarts_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool attempted_ = false;  // guarded by mutex_
  Status last_;             // guarded by mutex_
  std::jthread thread_;
};

}  // namespace burrow::imagefs
