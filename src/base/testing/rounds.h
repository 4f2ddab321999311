// How often a test repeats what it does at random, or how many do it at once.
#pragma once

namespace burrow::testing {

// `rounds`, or a quarter of them under a sanitizer: there each round costs several times as much and shows more, and
// the plain build runs them all.
constexpr int Rounds(int rounds) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return (rounds + 3) / 4;
#else
  return rounds;
#endif
}

}  // namespace burrow::testing
