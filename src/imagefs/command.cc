#include "imagefs/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "base/log.h"
#include "cas/http_blob_store.h"
#include "cas/partial_blob.h"
#include "imagefs/config.h"
#include "imagefs/dispatch.h"
#include "os/fs.h"
#include "os/open_files.h"

namespace burrow::imagefs {
namespace {

constexpr size_t kFetchThreads = 32;
constexpr size_t kBackgroundThreads = 8;  // for what no reader waits for
constexpr size_t kMaxOpenBlobs = 4096;
constexpr std::chrono::milliseconds kFailureMemory{500};

// Half of what the process may open is for blobs that are kept open.
size_t OpenBlobCapacity() { return std::clamp<size_t>(os::RaiseOpenFiles(SIZE_MAX) / 2, 16, kMaxOpenBlobs); }

// Everything that serves, for the life of the process.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Open(const Config& config);
  // Starts the readers. `ended` becomes readable when every connection is gone.
  void Start(int ended);

 private:
  Status OpenCache(const Config& config);
  // The thread of that number of the session.
  void ReadRequests(Session& session, size_t reader);

  std::shared_ptr<cas::CacheSignals> signals_;
  std::unique_ptr<cas::BlobStore> remote_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::shared_ptr<AccessLog> accesses_;
  std::unique_ptr<cas::PartialBlobs> partials_;
  std::unique_ptr<BlobFiles> files_;
  RecentFailures failures_{kFailureMemory};
  FetchPool fetches_{kFetchThreads};
  FetchPool background_{kBackgroundThreads};
  std::vector<std::unique_ptr<Session>> sessions_;
  std::atomic<int> readers_ = 0;
  int ended_ = -1;
};

Result<std::unique_ptr<Session>> OpenSession(const ConnectionConfig& config, cas::BlobCache* cache) {
  ::fcntl(config.fd, F_SETFD, FD_CLOEXEC);
  auto session = std::make_unique<Session>(
      Session{.connection = Connection(UniqueFd(config.fd), &cache->signals().counters().failed_reads),
              .kind = config.kind,
              .features = config.features});
  BURROW_ASSIGN_OR_RETURN(session->slots, RequestSlots::Attach(config.slots_fd));
  ::close(config.slots_fd);
  session->cache = cache;
  if (config.hook) {
    BURROW_ASSIGN_OR_RETURN(session->hook, HookNodes::Open(config.journal));
  } else {
    BURROW_ASSIGN_OR_RETURN(session->images, ImageRegistry::Open(config.journal, config.kind, cache));
  }
  return session;
}

// What a killed process left comes first: kept requests have their slots, and free them for the others.
void AnswerLeft(Session& session, size_t reader, ReplyBuffer& reply) {
  if (reader == 0) {
    for (auto& kept : session.slots->TakeLeft()) Dispatch(session, std::move(kept), reply);
  }
  Dispatch(session, session.slots->LeftIncoming(reader), reply);
  session.slots->ClearIncoming(reader);
}

Result<std::shared_ptr<cas::CacheSignals>> OpenSignals(const Config& config) {
  if (config.signals_fd < 0) return cas::CacheSignals::Create();
  BURROW_ASSIGN_OR_RETURN(auto signals, cas::CacheSignals::Attach(config.signals_fd));
  ::close(config.signals_fd);
  return signals;
}

// Whatever goes wrong with a blob that a mounted image names may pass: readers wait until the deadline.
Status Server::OpenCache(const Config& config) {
  BURROW_ASSIGN_OR_RETURN(signals_, OpenSignals(config));
  if (config.resume) signals_->ForgetMisses();
  remote_ = cas::NewHttpBlobStore({.url = config.blob_url,
                                   .token = config.token,
                                   .deadline = config.fetch_deadline,
                                   .absence_may_pass = true,
                                   .signals = signals_});
  BURROW_ASSIGN_OR_RETURN(cache_, cas::BlobCache::Open({.directory = config.cache_directory,
                                                        .remote = remote_.get(),
                                                        .signals = signals_,
                                                        .overflow_directory = config.overflow_directory,
                                                        .patience = config.fetch_deadline}));
  return {};
}

Result<std::unique_ptr<Server>> Server::Open(const Config& config) {
  auto server = std::make_unique<Server>();
  BURROW_RETURN_IF_ERROR(server->OpenCache(config));
  if (config.accesses_fd >= 0) {
    BURROW_ASSIGN_OR_RETURN(server->accesses_, AccessLog::Attach(config.accesses_fd));
    ::close(config.accesses_fd);
  }
  server->partials_ = std::make_unique<cas::PartialBlobs>(cas::PartialBlobsOptions{
      .cache = server->cache_.get(),
      .remote = server->remote_.get(),
      .run_later = [&pool = server->background_](std::function<void()> work) { pool.Submit(std::move(work)); },
      .patience = config.fetch_deadline});
  server->files_ = std::make_unique<BlobFiles>(server->cache_.get(), OpenBlobCapacity());
  for (const ConnectionConfig& connection : config.connections) {
    BURROW_ASSIGN_OR_RETURN(auto session, OpenSession(connection, server->cache_.get()));
    session->fetch_deadline = config.fetch_deadline;
    session->files = server->files_.get();
    session->fetches = &server->fetches_;
    session->failures = &server->failures_;
    session->partials = server->partials_.get();
    session->accesses = server->accesses_.get();
    server->sessions_.push_back(std::move(session));
  }
  return server;
}

void Server::Start(int ended) {
  ended_ = ended;
  readers_ = static_cast<int>(sessions_.size() * RequestSlots::kReaders);
  for (auto& session : sessions_) {
    for (size_t reader = 0; reader < RequestSlots::kReaders; ++reader) {
      std::thread([this, &session = *session, reader] { ReadRequests(session, reader); }).detach();
    }
  }
}

void Server::ReadRequests(Session& session, size_t reader) {
  ReplyBuffer reply;
  AnswerLeft(session, reader, reply);
  for (;;) {
    auto message = session.connection.Receive(session.slots->Incoming(reader));
    if (message) {
      Dispatch(session, *message, reply);
      session.slots->ClearIncoming(reader);
      continue;
    }
    if (message.error().code() != Code::kCancelled) LogError("{}", message.error().message());
    break;
  }
  uint64_t one = 1;
  if (readers_.fetch_sub(1) == 1 && ::write(ended_, &one, sizeof one) < 0)
    LogError("cannot say that all connections ended");
}

// SIGTERM by descriptor; blocked in all threads that start later. Ctrl-C in burrowd's terminal is for its parents,
// which still need files from here to stop their containers.
UniqueFd TerminationSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  std::signal(SIGINT, SIG_IGN);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
}

Status Serve(int config_fd) {
  UniqueFd signals = TerminationSignals();
  UniqueFd ended(::eventfd(0, EFD_CLOEXEC));
  if (!signals.valid() || !ended.valid()) return FailErrno("prepare to serve");
  BURROW_ASSIGN_OR_RETURN(Config config, ReadConfig(config_fd));
  ::close(config_fd);
  UniqueFd ready(config.ready_fd);
  BURROW_ASSIGN_OR_RETURN(auto server, Server::Open(config));
  server->Start(ended.get());
  BURROW_RETURN_IF_ERROR(os::WriteAll(ready.get(), "r"));
  ready.Reset();
  pollfd waiting[2] = {{.fd = signals.get(), .events = POLLIN}, {.fd = ended.get(), .events = POLLIN}};
  while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  // Readers may be blocked in the kernel and fetches on the network; nothing of theirs needs to be saved.
  std::_Exit(0);
}

}  // namespace

int RunImagefs(int config_fd) {
  try {
    Status status = Serve(config_fd);
    LogError("imagefs cannot serve: {}", status ? "it ended" : status.error().message());
  } catch (const std::exception& e) {
    LogError("imagefs ends with an exception: {}", e.what());
  }
  return 1;
}

}  // namespace burrow::imagefs
