#include "control/result_writer.h"

#include <iterator>
#include <memory>
#include <utility>

#include "base/faults.h"
#include "base/log.h"

namespace burrow::control {

void ResultWriter::Write(store::FinishedCall call, std::function<void()> committed) {
  waiting_.push_back({std::move(call), std::move(committed)});
  if (!writing_ && !retry_.armed()) Next();
}

void ResultWriter::Next() {
  if (waiting_.empty()) return;
  writing_ = true;
  auto batch = std::make_shared<std::vector<Entry>>(std::exchange(waiting_, {}));
  background_.Run(
      [&store = store_, batch] {
        std::vector<store::FinishedCall> calls;
        calls.reserve(batch->size());
        for (const Entry& entry : *batch) calls.push_back(entry.call);
        return store.FinishCalls(calls);
      },
      [this, batch](const Status& status) { Done(std::move(*batch), status); });
}

void ResultWriter::Done(std::vector<Entry> batch, const Status& status) {
  writing_ = false;
  if (!status) {
    LogError("results of {} calls could not be stored, trying again: {}", batch.size(), status.error().message());
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    retry_.Start(Millis(1'000), [this] { Next(); });
    return;
  }
  KillPoint("control.outcome.stored");
  for (Entry& entry : batch) entry.committed();
  if (!writing_) Next();
}

}  // namespace burrow::control
