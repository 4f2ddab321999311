// What a hostile runner may send: frames, and the headers inside them.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "worker/frame.h"
#include "worker/runner_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  burrow::worker::FrameDecoder decoder;
  size_t piece = size > 0 ? data[0] + 1u : 1;
  for (size_t at = 0; at < size; at += piece) {
    size_t bytes = std::min(piece, size - at);
    auto space = decoder.Space();
    std::memcpy(space.data(), data + at, bytes);
    decoder.Commit(bytes);
    while (true) {
      if (decoder.body_left() > 0 && (decoder.TakeBody().empty() || decoder.body_left() > 0)) break;
      auto next = decoder.Next();
      if (!next) return 0;
      if (!next->has_value()) break;
      (void)burrow::worker::ParseRunnerHeader((*next)->header);
    }
  }
  return 0;
}
