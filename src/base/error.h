// The error type of every module, and Result<T>, what a function that can fail returns.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace burrow {

// Connect's error codes (connectrpc.com/docs/protocol#error-codes).
enum class Code {
  kCancelled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
};

// "not_found" and so on, as Connect spells them.
std::string_view CodeName(Code code);

// Why something failed: a code for programs, a sentence for people, the errno behind it if there is one.
class Error {
 public:
  Error(Code code, std::string message, int os_errno = 0)
      : code_(code), errno_(os_errno), message_(std::move(message)) {}

  Code code() const { return code_; }
  int os_errno() const { return errno_; }
  const std::string& message() const { return message_; }
  // Whether the filesystem, or its user's quota, had no room.
  bool disk_is_full() const { return errno_ == ENOSPC || errno_ == EDQUOT; }

  // Puts what was being done in front: "start container ct-1: mount overlay: Invalid argument".
  Error&& WithContext(std::string_view context) &&;

 private:
  Code code_;
  int errno_;
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// return Fail(Code::kNotFound, "no image {}", id);
template <class... Args>
std::unexpected<Error> Fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

// An Error from the current errno: "<what>: No such file or directory". ENOENT, EEXIST, EACCES and EPERM, ENOSPC
// and EDQUOT map to their codes, everything else to kInternal.
std::unexpected<Error> FailErrno(std::string_view what, int os_errno = errno);

inline std::unexpected<Error> Forward(Error error) { return std::unexpected(std::move(error)); }

}  // namespace burrow

#define BURROW_CONCAT_INNER(a, b) a##b
#define BURROW_CONCAT(a, b) BURROW_CONCAT_INNER(a, b)

// BURROW_ASSIGN_OR_RETURN(auto fd, OpenThing()); hands an error on to the caller. Not for coroutines.
#define BURROW_ASSIGN_OR_RETURN(lhs, expr) BURROW_ASSIGN_OR_(BURROW_CONCAT(burrow_result_, __LINE__), lhs, expr, return)
// The same inside a coroutine.
#define BURROW_CO_ASSIGN_OR_RETURN(lhs, expr) \
  BURROW_ASSIGN_OR_(BURROW_CONCAT(burrow_result_, __LINE__), lhs, expr, co_return)
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` declares a variable, `leave` is a keyword.
#define BURROW_ASSIGN_OR_(tmp, lhs, expr, leave)             \
  auto tmp = (expr);                                         \
  if (!tmp) leave ::burrow::Forward(std::move(tmp.error())); \
  lhs = std::move(*tmp)
// NOLINTEND(bugprone-macro-parentheses)

#define BURROW_RETURN_IF_ERROR(expr)                                                                                \
  do {                                                                                                              \
    if (auto burrow_status_ = (expr); !burrow_status_) return ::burrow::Forward(std::move(burrow_status_.error())); \
  } while (false)
#define BURROW_CO_RETURN_IF_ERROR(expr)                                                                                \
  do {                                                                                                                 \
    if (auto burrow_status_ = (expr); !burrow_status_) co_return ::burrow::Forward(std::move(burrow_status_.error())); \
  } while (false)
