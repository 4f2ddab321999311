// The worker's end of the socket to one runner. Everything runs on the IoContext's one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "net/task.h"
#include "worker/frame.h"
#include "worker/payloads.h"

namespace burrow::worker {

// A frame that came.
struct ReceivedFrame {
  std::string header;
  RunnerBody body;
};

class RunnerChannel {
 public:
  // `payloads` says where large bodies lie; it outlives what is read and written.
  RunnerChannel(net::IoContext& io, UniqueFd socket, const Payloads* payloads);
  ~RunnerChannel();

  // Writes at once what the socket takes and queues the rest, in order. After Close or a lost peer it does nothing.
  // A file's bytes are the body in place of `body`, which is empty then.
  void Send(std::string_view header, std::string_view body, std::shared_ptr<Spool> file = nullptr);
  // The next frame; nullopt when the runner has closed its end. One reader at a time.
  net::Task<Result<std::optional<ReceivedFrame>>> Read();
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A connected pair of stream sockets, close-on-exec: the worker's end and the container's.
struct SocketPair {
  UniqueFd ours, theirs;
};
Result<SocketPair> MakeSocketPair();

}  // namespace burrow::worker
