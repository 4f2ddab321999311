// A small burrowd for the worker's own tests: "imagefs --config-fd N", or "worker STATE PORT SDK".
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "imagefs/command.h"
#include "worker/worker.h"

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  burrow::InitLog(command);
  if (command == "imagefs" && argc == 4) return burrow::imagefs::RunImagefs(std::atoi(argv[3]));
  if (command != "worker" || argc != 5) return 2;
  auto status = burrow::worker::RunWorker({.state_directory = argv[2],
                                           .control_port = static_cast<uint16_t>(std::atoi(argv[3])),
                                           .token = "test-token",
                                           .burrowd = "/proc/self/exe",
                                           .sdk_directory = argv[4]});
  if (status) return 0;
  std::fprintf(stderr, "%s\n", status.error().message().c_str());
  return 1;
}
