#include "builder/agent_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <thread>
#include <vector>

#include "os/fs.h"
#include "os/unix_socket.h"

namespace burrow::builder {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr int kBacklog = 16;
constexpr size_t kReadStep = 64u << 10;
constexpr uint32_t kDefaultMode = 0600;

struct Listener {
  UniqueFd socket;
  std::string agent;
};

// One process that speaks to its agent: a question, then its answer, then the next question.
struct Connection {
  UniqueFd socket;
  std::string id, agent;
  std::string in, out;   // read and not asked yet; answered and not written yet
  bool waiting = false;  // for an answer
};

// False when the other side has gone.
bool WriteSome(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t n = ::send(connection.socket.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    connection.out.erase(0, static_cast<size_t>(n));
  }
  return true;
}

// Reads once; false when the other side has gone.
bool ReadSome(Connection& connection) {
  std::array<char, kReadStep> buffer;
  const ssize_t n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  connection.in.append(buffer.data(), static_cast<size_t>(n));
  return n > 0;
}

}  // namespace

Result<size_t> WholeAgentMessage(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return 0;
  size_t length = 0;
  for (char c : bytes.substr(0, kLengthBytes)) length = length << 8 | static_cast<unsigned char>(c);
  if (length == 0 || length > kMaxAgentMessage)
    return Fail(Code::kInvalidArgument, "a message of {} bytes is none of an ssh agent", length);
  return bytes.size() < kLengthBytes + length ? 0 : kLengthBytes + length;
}

class AgentSockets::Relay {
 public:
  explicit Relay(AgentLink* link) : link_(link) {}
  ~Relay() {
    uint64_t one = 1;
    if (stop_.valid()) (void)!::write(stop_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
  }

  size_t listeners() const { return listeners_.size(); }
  void Add(Listener listener) { listeners_.push_back(std::move(listener)); }
  Status Start();

 private:
  void Serve();
  std::vector<pollfd> Interests() const;
  void Accept(Listener& listener);
  // False when the connection is over.
  bool Attend(Connection& connection, short events);
  bool AskNext(Connection& connection);
  void Answer(const burrow::link::v1::AgentAnswer& answer);

  AgentLink* link_;
  UniqueFd stop_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;  // of the thread
  uint64_t next_ = 0;
  std::thread thread_;
};

Status AgentSockets::Relay::Start() {
  stop_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_.valid()) return FailErrno("make an eventfd");
  try {
    thread_ = std::thread([this] { Serve(); });
  } catch (const std::system_error& error) {
    return Fail(Code::kResourceExhausted, "start a thread: {}", error.what());
  }
  return {};
}

std::vector<pollfd> AgentSockets::Relay::Interests() const {
  std::vector<pollfd> wait = {{.fd = stop_.get(), .events = POLLIN}, {.fd = link_->fd(), .events = POLLIN}};
  const short accepting = connections_.size() < kMaxAgentConnections ? POLLIN : 0;
  for (const auto& listener : listeners_) wait.push_back({.fd = listener.socket.get(), .events = accepting});
  for (const auto& connection : connections_) {
    const int events = (connection->waiting ? 0 : POLLIN) | (connection->out.empty() ? 0 : POLLOUT);
    wait.push_back({.fd = connection->socket.get(), .events = static_cast<short>(events)});
  }
  return wait;
}

void AgentSockets::Relay::Serve() {
  while (true) {
    std::vector<pollfd> wait = Interests();
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) break;
    if (wait[0].revents) break;
    const size_t first = 2 + listeners_.size();
    for (size_t i = first; i < wait.size(); ++i) {
      auto& connection = connections_[i - first];
      if (wait[i].revents && !Attend(*connection, wait[i].revents)) {
        link_->Ask(connection->id, connection->agent, {});
        connection.reset();
      }
    }
    std::erase(connections_, nullptr);
    if (wait[1].revents) {
      for (const auto& answer : link_->Take()) Answer(answer);
      std::erase(connections_, nullptr);
    }
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (wait[2 + i].revents) Accept(listeners_[i]);
    }
  }
  for (const auto& connection : connections_) link_->Ask(connection->id, connection->agent, {});
}

void AgentSockets::Relay::Accept(Listener& listener) {
  if (connections_.size() >= kMaxAgentConnections) return;
  UniqueFd socket(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) return;
  auto connection = std::make_unique<Connection>();
  connection->socket = std::move(socket);
  connection->id = fmt::format("{}/{}", link_->step_id(), next_++);
  connection->agent = listener.agent;
  connections_.push_back(std::move(connection));
}

bool AgentSockets::Relay::Attend(Connection& connection, short events) {
  if ((events & POLLOUT) && !WriteSome(connection)) return false;
  if ((events & (POLLHUP | POLLERR)) && connection.waiting) return false;
  if ((events & (POLLIN | POLLHUP | POLLERR)) && !connection.waiting && !ReadSome(connection)) return false;
  return AskNext(connection);
}

bool AgentSockets::Relay::AskNext(Connection& connection) {
  if (connection.waiting) return true;
  auto size = WholeAgentMessage(connection.in);
  if (!size) return false;
  if (*size == 0) return true;
  connection.waiting = true;
  link_->Ask(connection.id, connection.agent, connection.in.substr(0, *size));
  connection.in.erase(0, *size);
  return true;
}

void AgentSockets::Relay::Answer(const burrow::link::v1::AgentAnswer& answer) {
  auto at = std::ranges::find_if(connections_, [&](const auto& c) { return c && c->id == answer.connection(); });
  if (at == connections_.end() || !(*at)->waiting) return;
  auto& connection = **at;
  const std::string& message = answer.message();
  auto size = WholeAgentMessage(message);
  if (!size || *size == 0 || *size != message.size()) return (*at).reset();  // the agent has gone, or is none
  connection.waiting = false;
  connection.out += message;
  if (WriteSome(connection) && AskNext(connection)) return;
  link_->Ask(connection.id, connection.agent, {});
  (*at).reset();
}

AgentSockets::AgentSockets(AgentLink* link, std::string directory)
    : directory_(std::move(directory)), relay_(std::make_unique<Relay>(link)) {}
AgentSockets::~AgentSockets() = default;

Result<std::string> AgentSockets::Listen(const burrow::link::v1::RunMount::Agent& agent) {
  BURROW_ASSIGN_OR_RETURN(auto directory, os::Open(directory_, O_PATH | O_DIRECTORY));
  const std::string name = fmt::format("agent-{}", relay_->listeners());
  BURROW_ASSIGN_OR_RETURN(auto socket, os::ListenUnix(directory.get(), name, kBacklog));
  const uint32_t mode = agent.mode() ? agent.mode() & 0777 : kDefaultMode;
  if (::fchownat(directory.get(), name.c_str(), agent.uid(), agent.gid(), AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(directory.get(), name.c_str(), mode, 0) != 0) {
    return FailErrno("give an agent's socket its owner and mode");
  }
  relay_->Add({.socket = std::move(socket), .agent = agent.id()});
  return directory_ + "/" + name;
}

Status AgentSockets::Start() { return relay_->Start(); }

}  // namespace burrow::builder
