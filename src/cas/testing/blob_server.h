// A small HTTP server of blobs on loopback for tests: real sockets, one thread a connection, and faults on request.
#pragma once

#include <memory>
#include <string>

#include "cas/digest.h"

namespace burrow::cas::testing {

// What goes wrong with the answer to a GET of a blob.
enum class BlobFault {
  kNone,
  kServerError,
  kTruncated,
  kCorrupt,
  kReset,
  kTrickle,  // in small pieces
  kDrip,     // a byte from time to time: never silent, and never done
  kStall,
};

// Any thread. Speaks what http_blob_store.h describes, in memory.
class BlobServer {
 public:
  explicit BlobServer(std::string token = "test-token");
  ~BlobServer();

  std::string url() const;
  const std::string& token() const;
  Digest Add(std::string_view content);
  void AddAs(const Digest& digest, std::string_view content);  // also under a wrong name
  void Remove(const Digest& digest);
  bool Has(const Digest& digest) const;

  // The next `count` GETs of blobs go wrong like this; negative: all from now on.
  void Fail(BlobFault fault, int count = -1);
  // GETs of blobs wait until Release, which the destructor calls too.
  void Hold();
  void Release();
  // Blocks until `count` GETs are waiting; false after 30 s.
  bool WaitForHeld(int count);
  // Refuses connections and drops those that are open; Start listens on the same port again.
  void Stop();
  void Start();
  int gets() const;  // GETs of blobs that came in
  int puts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas::testing
