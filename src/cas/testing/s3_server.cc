#include "cas/testing/s3_server.h"

#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>

#include "base/unique_fd.h"
#include "cas/testing/temporary_directory.h"
#include "os/process.h"

namespace burrow::cas::testing {
namespace {

constexpr int kStartMs = 60'000;

std::string ReadLine(int fd) {
  std::string line;
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  while (!line.ends_with('\n')) {
    char c = 0;
    if (::poll(&waiting, 1, kStartMs) != 1 || ::read(fd, &c, 1) != 1) return {};
    line += c;
  }
  return line;
}

}  // namespace

struct S3Server::Running {
  Running();
  TemporaryDirectory directory;
  UniqueFd input;  // its end ends the server
  os::Process process;
  uint16_t port = 0;
};

bool S3Server::Installed() { return std::filesystem::exists(BURROW_S3_SERVER "/node_modules/s3rver"); }

S3Server::Running::Running() {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
  UniqueFd in_end(in[0]), out_end(out[1]), output(out[0]);
  input.Reset(in[1]);
  os::SpawnOptions options;
  options.argv = {"node", "--openssl-legacy-provider", BURROW_S3_SERVER "/server.js", directory.path()};
  options.fds = {{in_end.get(), 0}, {out_end.get(), 1}, {2, 2}};
  auto spawned = os::Spawn(options);
  if (!spawned) throw std::runtime_error(spawned.error().message());
  process = std::move(*spawned);
  out_end.Reset();
  std::string line = ReadLine(output.get());
  if (line.empty()) throw std::runtime_error("the S3 server did not come up");
  port = static_cast<uint16_t>(std::stoul(line));
}

const S3Server::Running& S3Server::Shared() {
  static const Running running;
  return running;
}

S3Server::S3Server() : port_(Shared().port) {
  static std::atomic<int> parts = 0;
  part_ = ++parts;
}

S3Location S3Server::Location(const std::string& style, uint16_t port, const std::string& bucket) const {
  // Every name below localhost is this machine; the server finds the bucket in front of "s3.".
  return ParseS3Location(fmt::format("s3://{}/some/part{}?endpoint=http://{}:{}&region=eu-test-1&style={}", bucket,
                                     part_, style == "path" ? "127.0.0.1" : "s3.localhost", port == 0 ? port_ : port,
                                     style))
      .value();
}

}  // namespace burrow::cas::testing
