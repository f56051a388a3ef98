#pragma once

#include <map>
#include <string>

#include "tilewise/layers/plan.hpp"

namespace tilewise::app {

/// What a plan may do to be faster, by name.
inline const std::map<std::string, bool PlanOptions::*> kPlanSwitches = {
    {"depth_first", &PlanOptions::depth_first},
    {"fuse_pooling", &PlanOptions::fuse_pooling},
    {"move_relu_behind_pooling", &PlanOptions::move_relu_behind_pooling},
    {"skip_unread", &PlanOptions::skip_unread},
    {"sparse_gradients", &PlanOptions::sparse_gradients},
    {"winograd", &PlanOptions::winograd},
};

}  // namespace tilewise::app
