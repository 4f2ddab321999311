// What most tests include, compiled once.
#pragma once

#include "common.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
