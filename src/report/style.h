// Emphasis for a terminal.
#pragma once

namespace assay::report {

/// Escape sequences, or empty strings where there is no colour.
struct Style {
  const char* bold = "";
  const char* dim = "";
  const char* red = "";
  const char* green = "";
  const char* yellow = "";
  const char* cyan = "";
  const char* reset = "";
};

}  // namespace assay::report
