// What every implementation of Store must do, as a suite that an implementation joins with
// INSTANTIATE_TEST_SUITE_P(Name, StoreContract, testing::Values(...)).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "store/store.h"

namespace burrow::store::testing {

// Opens the same state each time: what one returned Store wrote, the next one finds.
using OpenStore = std::function<std::unique_ptr<Store>()>;

struct StoreKind {
  std::string name;
  // Makes a place for fresh state, removed with the returned function's last copy.
  std::function<OpenStore()> make_state;
};
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    open_ = GetParam().make_state();
    store_ = open_();
    ASSERT_NE(store_, nullptr);
  }
  Store& store() { return *store_; }
  // What a restart of the daemon sees.
  void Reopen() {
    store_.reset();
    store_ = open_();
    ASSERT_NE(store_, nullptr);
  }

 private:
  OpenStore open_;
  std::unique_ptr<Store> store_;
};

}  // namespace burrow::store::testing
