#include "net/detached.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

#include "base/log.h"

namespace burrow::net {
namespace asio = boost::asio;

void RunDetached(IoContext& io, Task<void> task, std::string what) {
  asio::co_spawn(io, std::move(task), [what = std::move(what)](const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) LogError("{}: {}", what, e.what());
    } catch (const std::exception& e) {
      LogError("{}: {}", what, e.what());
    }
  });
}

}  // namespace burrow::net
