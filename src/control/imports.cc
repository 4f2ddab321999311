#include "control/imports.h"

#include <set>
#include <utility>

#include "oci/registry_source.h"

namespace burrow::control {
namespace {

constexpr unsigned kThreads = 16;  // imports at once: one that waits for its registry holds nobody up
constexpr Millis kReportEvery(200);
constexpr size_t kMaxLogin = 64 << 10;

// The import cache in the state database.
class StoredLayers final : public oci::LayerCache {
 public:
  explicit StoredLayers(store::Store& store) : store_(store) {}
  Result<std::optional<cas::Digest>> FindLayer(const cas::Digest& diff_id) override { return Find("layer", diff_id); }
  Status RememberLayer(const cas::Digest& diff_id, const cas::Digest& layer) override {
    return store_.PutImported("layer " + diff_id.Hex(), layer.Hex());
  }
  Result<std::optional<cas::Digest>> FindImage(const cas::Digest& chain) override { return Find("image", chain); }
  Status RememberImage(const cas::Digest& chain, const cas::Digest& index) override {
    return store_.PutImported("image " + chain.Hex(), index.Hex());
  }

 private:
  Result<std::optional<cas::Digest>> Find(const char* kind, const cas::Digest& key) {
    BURROW_ASSIGN_OR_RETURN(auto found, store_.FindImported(fmt::format("{} {}", kind, key.Hex())));
    return found ? cas::Digest::FromHex(*found) : std::nullopt;
  }
  store::Store& store_;
};

burrow::v1::HealthCheck ToMessage(const oci::HealthCheck& check) {
  burrow::v1::HealthCheck message;
  message.mutable_test()->Add(check.test.begin(), check.test.end());
  message.set_interval_ns(check.interval_ns);
  message.set_timeout_ns(check.timeout_ns);
  message.set_start_period_ns(check.start_period_ns);
  message.set_start_interval_ns(check.start_interval_ns);
  message.set_retries(check.retries);
  return message;
}

oci::HealthCheck FromMessage(const burrow::v1::HealthCheck& message) {
  return {.test = {message.test().begin(), message.test().end()},
          .interval_ns = message.interval_ns(),
          .timeout_ns = message.timeout_ns(),
          .start_period_ns = message.start_period_ns(),
          .start_interval_ns = message.start_interval_ns(),
          .retries = message.retries()};
}

}  // namespace

struct Imports::Import {
  Import(net::IoContext& io, std::shared_ptr<oci::ImageSource> from) : source(std::move(from)), changed(io) {}
  const std::shared_ptr<oci::ImageSource> source;
  oci::ImportProgress progress;
  std::stop_source stop;
  std::optional<Result<oci::ImportedImage>> outcome;
  net::Event changed;  // outcome
};

Imports::Imports(ImportParts parts)
    : parts_(std::move(parts)), layers_(std::make_unique<StoredLayers>(parts_.store)), pool_(parts_.io, kThreads) {}

Result<std::shared_ptr<oci::ImageSource>> Imports::FromRegistry(
    const std::string& text, const google::protobuf::RepeatedPtrField<pb::RegistryLogin>& logins,
    bool plain_http) const {
  BURROW_ASSIGN_OR_RETURN(auto reference, oci::CompleteReference(parts_.registry, text));
  oci::RegistryOptions options{.server = oci::ServerOf(parts_.registry, reference), .plain_http = plain_http};
  for (const auto& login : logins) {
    if (login.host() != reference.host) continue;
    if (login.username().size() + login.password().size() > kMaxLogin) {
      return Fail(Code::kInvalidArgument, "the login for {} is too long", reference.host);
    }
    options.username = login.username();
    options.password = login.password();
  }
  return std::shared_ptr(oci::NewRegistrySource(reference, std::move(options), parts_.scratch_directory));
}

Imports::~Imports() { stop_all_.request_stop(); }

std::shared_ptr<Imports::Import> Imports::Start(std::shared_ptr<oci::ImageSource> source) {
  auto import = std::make_shared<Import>(parts_.io, std::move(source));
  auto recorded = std::make_shared<std::set<std::string>>();
  for (const ImageEntry* entry : parts_.images.All()) recorded->insert(entry->image.index_digest());
  oci::ImportServices services{
      .store = &parts_.blobs,
      .layers = layers_.get(),
      .scratch_directory = parts_.scratch_directory,
      .is_recorded = [recorded](const cas::Digest& index) { return recorded->contains(index.Hex()); }};
  pool_.Run(
      [import, services, all = stop_all_.get_token()] {
        std::stop_callback with_all(all, [&] { import->stop.request_stop(); });
        return oci::ImportImage(*import->source, services, import->progress, import->stop.get_token());
      },
      [import](Result<oci::ImportedImage> outcome) {
        import->outcome.emplace(std::move(outcome));
        import->changed.Notify();
      });
  return import;
}

net::Task<Result<Imports::Imported>> Imports::Run(std::shared_ptr<oci::ImageSource> source, Report report) {
  struct Leaving {
    ~Leaving() { import->stop.request_stop(); }
    std::shared_ptr<Import> import;
  } leaving{Start(std::move(source))};
  Import& import = *leaving.import;
  while (!import.outcome) {
    if (!co_await import.changed.Wait(kReportEvery))
      BURROW_CO_RETURN_IF_ERROR(co_await report(import.progress, import.source->SilentHost()));
  }
  if (!*import.outcome) co_return Forward(import.outcome->error());
  BURROW_CO_RETURN_IF_ERROR(co_await report(import.progress, {}));
  const oci::ImportedImage& imported = **import.outcome;
  BuiltTree tree{.image = ToImage(imported.index, imported.config),
                 .files = imported.files,
                 .bytes = imported.bytes,
                 .created_ms = parts_.clock.UnixMillis()};
  co_return Imported{.tree = std::move(tree), .wanted = imported.wanted};
}

lpb::Image ToImage(const cas::Digest& index, const oci::ImageConfig& config) {
  lpb::Image image;
  image.set_index_digest(index.Hex());
  image.set_workdir(config.workdir);
  image.set_user(config.user);
  image.set_stop_signal(config.stop_signal);
  image.set_author(config.author);
  image.mutable_env()->Add(config.env.begin(), config.env.end());
  image.mutable_entrypoint()->Add(config.entrypoint.begin(), config.entrypoint.end());
  image.mutable_cmd()->Add(config.cmd.begin(), config.cmd.end());
  image.mutable_shell()->Add(config.shell.begin(), config.shell.end());
  image.mutable_on_build()->Add(config.on_build.begin(), config.on_build.end());
  image.mutable_exposed_ports()->Add(config.exposed_ports.begin(), config.exposed_ports.end());
  image.mutable_volumes()->Add(config.volumes.begin(), config.volumes.end());
  image.mutable_labels()->insert(config.labels.begin(), config.labels.end());
  if (config.healthcheck) *image.mutable_healthcheck() = ToMessage(*config.healthcheck);
  for (const oci::HistoryEntry& entry : config.history) {
    auto* added = image.add_history();
    added->set_created_by(entry.created_by);
    added->set_empty_layer(entry.empty_layer);
    added->set_created_ms(entry.created_ms);
  }
  return image;
}

oci::ImageConfig ToConfig(const lpb::Image& image) {
  oci::ImageConfig config{
      .workdir = image.workdir(), .user = image.user(), .stop_signal = image.stop_signal(), .author = image.author()};
  config.env.assign(image.env().begin(), image.env().end());
  config.entrypoint.assign(image.entrypoint().begin(), image.entrypoint().end());
  config.cmd.assign(image.cmd().begin(), image.cmd().end());
  config.shell.assign(image.shell().begin(), image.shell().end());
  config.on_build.assign(image.on_build().begin(), image.on_build().end());
  config.exposed_ports.assign(image.exposed_ports().begin(), image.exposed_ports().end());
  config.volumes.assign(image.volumes().begin(), image.volumes().end());
  config.labels.insert(image.labels().begin(), image.labels().end());
  if (image.has_healthcheck()) config.healthcheck = FromMessage(image.healthcheck());
  for (const auto& entry : image.history())
    config.history.push_back({entry.created_by(), entry.empty_layer(), entry.created_ms()});
  return config;
}

}  // namespace burrow::control
