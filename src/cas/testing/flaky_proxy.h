// A TCP proxy on loopback that breaks connections as a test asks.
#pragma once

#include <cstdint>
#include <memory>

namespace burrow::cas::testing {

// Any thread.
class FlakyProxy {
 public:
  explicit FlakyProxy(uint16_t target_port);
  ~FlakyProxy();
  uint16_t port() const;
  // The next `count` connections are reset after so many bytes of answers.
  void ResetAfter(uint64_t bytes, int count);
  // Connections that are open now, and new ones, carry nothing more until Resume.
  void Stall();
  void Resume();
  int connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas::testing
