#include "base/ids.h"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace burrow {
namespace {
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr size_t kLength = 26;
}  // namespace

std::string NewIdText(std::string_view prefix) {
  unsigned char random[kLength];
  if (RAND_bytes(random, sizeof random) != 1) throw std::runtime_error("the system's random generator failed");
  std::string text(prefix);
  text += '-';
  for (unsigned char byte : random) text += kAlphabet[byte % kAlphabet.size()];
  return text;
}

bool IsIdText(std::string_view prefix, std::string_view text) {
  if (text.size() != prefix.size() + 1 + kLength || !text.starts_with(prefix) || text[prefix.size()] != '-')
    return false;
  return std::ranges::all_of(text.substr(prefix.size() + 1),
                             [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
}

}  // namespace burrow
