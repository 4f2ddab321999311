// What makes the next start of a container's function faster, and this one: the prefetch of what earlier containers
// read, and the recording of what this one reads. Lives as long as its container.
#pragma once

#include <memory>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "worker/container_services.h"

namespace burrow::worker {

// The IoContext's thread only.
class HotStart {
 public:
  // Begins both, as far as control asks for them. Where the services have neither, nothing.
  HotStart(const ContainerServices& services, const burrow::link::v1::StartContainer& request);
  HotStart(const HotStart&) = delete;
  HotStart& operator=(const HotStart&) = delete;
  ~HotStart();  // ends both

  // Names the recording, for the image; empty: there is none.
  const std::string& token() const { return token_; }
  // Ends the recording and sends it, in the background: what of the image was read, in order. Once.
  void Ready();

 private:
  ContainerServices services_;
  std::string container_, image_, token_;
};

}  // namespace burrow::worker
