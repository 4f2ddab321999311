#include "builder/cancellation.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace burrow::builder {

Result<std::shared_ptr<Cancellation>> Cancellation::Create() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return FailErrno("make an eventfd");
  return std::shared_ptr<Cancellation>(new Cancellation(std::move(event)));
}

void Cancellation::Cancel() {
  uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

bool Cancellation::cancelled() const {
  pollfd wait{.fd = event_.get(), .events = POLLIN};
  return ::poll(&wait, 1, 0) > 0;
}

}  // namespace burrow::builder
