// Takes one array to be one tap: which layout, which tokens its rows are, which order of channels.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "model/plan.h"
#include "trace/foreign/array.h"
#include "trace/foreign/content.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::trace {

/// An array on its way to a tap.
struct Dumped {
  const Array* array;
  std::span<const double> values;          ///< of the array, last index contiguous
  std::optional<std::size_t> first_token;  ///< where the name says it
};

struct Placement {
  Layout layout;
  std::size_t first_token = 0;
  HeadOrder head_order = HeadOrder::unknown;
  double fit = 0;  ///< correlation with our values, 0 without
};

class Placer {
 public:
  /// `tokens`: of their whole run, `prompt_tokens` of them the prompt; 0: nobody knows.
  Placer(const model::Plan& plan, const Content& content, std::size_t tokens, std::size_t prompt_tokens)
      : plan_(plan), content_(content), tokens_(tokens), prompt_tokens_(prompt_tokens) {}

  /// The best way in which the array can be the value, if there is one. Without `wants_fit` our values are asked only
  /// where the shape leaves a choice.
  std::optional<Placement> place(const Dumped& dumped, model::ValueId value, bool wants_fit) const;

  /// The tap, with its notes.
  ForeignTap tap(const Dumped& dumped, model::ValueId value, const Placement& placement) const;

 private:
  std::vector<std::size_t> possible_starts(const Layout& layout, const Dumped& dumped) const;
  void compare(const Dumped& dumped, model::ValueId value, Placement& placement) const;

  const model::Plan& plan_;
  const Content& content_;
  std::size_t tokens_;
  std::size_t prompt_tokens_;
};

}  // namespace assay::trace
