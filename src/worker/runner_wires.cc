#include "worker/runner_wires.h"

#include <fcntl.h>

#include "os/fs.h"

namespace burrow::worker {

Result<RunnerWires> MakeRunnerWires() {
  RunnerWires wires;
  BURROW_ASSIGN_OR_RETURN(wires.socket, MakeSocketPair());
  BURROW_ASSIGN_OR_RETURN(wires.out, os::MakePipe());
  BURROW_ASSIGN_OR_RETURN(wires.err, os::MakePipe());
  BURROW_ASSIGN_OR_RETURN(wires.null, os::Open("/dev/null", O_RDWR));
  return wires;
}

}  // namespace burrow::worker
