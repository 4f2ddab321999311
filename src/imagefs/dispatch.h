// From a request's bytes to its handler.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "imagefs/fuse_abi.h"
#include "imagefs/session.h"

namespace burrow::imagefs {

struct Request {
  abi::InHeader header;
  std::string_view body;
  std::string_view message;           // header and body
  std::shared_ptr<KeptRequest> kept;  // null: in no slot of its own yet

  // The body's leading structure; absent where the body is too short.
  template <class T>
  std::optional<T> Leading() const {
    if (body.size() < sizeof(T)) return std::nullopt;
    T value;
    body.copy(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  // The NUL-terminated name that starts at `offset`.
  std::optional<std::string_view> Name(size_t offset = 0) const;
};

// What a handler says in reply.
class Answer {
 public:
  static Answer Error(int os_errno) { return Answer(os_errno, Kind::kReply); }
  static Answer Data() { return Answer(0, Kind::kReply); }  // what the handler wrote to the buffer
  static Answer None() { return Answer(0, Kind::kNone); }   // this opcode has no reply, or another thread gives it

  bool replies() const { return kind_ == Kind::kReply; }
  int os_errno() const { return errno_; }

 private:
  enum class Kind { kReply, kNone };
  Answer(int os_errno, Kind kind) : errno_(os_errno), kind_(kind) {}
  int errno_;
  Kind kind_;
};

// The payload of a reply while it is made. One thread.
class ReplyBuffer {
 public:
  void Clear() { bytes_.clear(); }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  template <class T>
  void AppendStruct(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  // Gives it exactly so many bytes, of any content, and where they are: without zeroing a megabyte first.
  char* Resize(size_t size) {
    // The library may offer more room than was asked for, and takes what is returned for the size.
    bytes_.resize_and_overwrite(size, [size](char*, size_t) { return size; });
    return bytes_.data();
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Handles one request, reply included; where its reply comes later, it has been kept. Foreign bytes are checked here
// and in the handlers.
void Dispatch(Session& session, std::string_view message, ReplyBuffer& reply);
// The same for one that an earlier process kept.
void Dispatch(Session& session, std::shared_ptr<KeptRequest> kept, ReplyBuffer& reply);

}  // namespace burrow::imagefs
