#include "imagefs/deferred.h"

#include <chrono>
#include <utility>

#include "base/log.h"

namespace burrow::imagefs {
namespace {

using std::chrono::steady_clock;

// A reply that was given already makes the kernel refuse this one.
void RunOrFail(Session& session, uint64_t unique, const std::function<void()>& work) try {
  work();
} catch (const std::exception& e) {
  LogError("a filesystem request ended with an exception: {}", e.what());
  session.connection.ReplyError(unique, EIO);
}

}  // namespace

Answer Defer(Session& session, const Request& request, int late_errno, std::function<void()> work) {
  std::shared_ptr<KeptRequest> kept = request.kept;
  if (!kept) {
    auto slot = session.slots->Keep(request.message, session.fetch_deadline);
    if (!slot) LogWarn("a filesystem request fails: {}", slot.error().message());
    if (!slot) return Answer::Error(late_errno);
    kept = std::move(*slot);
  }
  // A fetch takes as long as it may from now on, not from when a thread is free.
  const auto end = steady_clock::now() + session.fetch_deadline;
  session.fetches->Submit(
      [&session, unique = request.header.unique, late_errno, end, kept = std::move(kept), work = std::move(work)] {
        if (steady_clock::now() <= end) return RunOrFail(session, unique, work);
        LogWarn("a filesystem request fails: no thread was free in time");
        session.connection.ReplyError(unique, late_errno);
      });
  return Answer::None();
}

}  // namespace burrow::imagefs
