#include "worker/state_layout.h"

#include "cas/digest.h"

namespace burrow::worker {

std::string InstanceTag(const std::string& absolute_state_directory) {
  return cas::Digest::Of(absolute_state_directory).Hex().substr(0, 8);
}

}  // namespace burrow::worker
