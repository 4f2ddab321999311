#include "cas/retry.h"

#include <algorithm>
#include <thread>

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kStall{15'000};

}  // namespace

Retry::Retry(milliseconds deadline) : deadline_(deadline), end_(steady_clock::now() + deadline), pause_(kFirstPause) {}

bool Retry::Pause() {
  auto now = steady_clock::now();
  if (now >= end_) return false;
  std::uniform_real_distribution<double> jitter(0.5, 1.0);
  auto pause = std::chrono::duration_cast<milliseconds>(pause_ * jitter(random_));
  std::this_thread::sleep_for(std::min(pause, std::chrono::ceil<milliseconds>(end_ - now)));
  pause_ = std::min(2 * pause_, kLongestPause);
  return true;
}

bool Retry::Over() const { return steady_clock::now() >= end_; }

void Retry::Renew() {
  end_ = steady_clock::now() + deadline_;
  pause_ = kFirstPause;
}

milliseconds Retry::Stall() const {
  auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now());
  return std::clamp(left, milliseconds(100), kStall);
}

bool MayPass(int http_status) {
  return (http_status >= 500 && http_status != 501 && http_status != 507) || http_status == 408 || http_status == 429;
}

std::string Excerpt(std::string_view body) {
  std::string text(body.substr(0, 200));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, ' ');
  return text;
}

}  // namespace burrow::cas
