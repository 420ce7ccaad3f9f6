// A progress bar on the terminal's standard error for whatever takes over a second. Silent when standard error is no
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

class Progress {
 public:
  enum class Unit { items, bytes };

  /// `total` 0 means unknown.
  Progress(std::string label, std::uint64_t total, Unit unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  ///< wipes the bar

  /// `note` stands behind the bar.
  void update(std::uint64_t done, std::string_view note = {});

 private:
  std::string label_;
  std::uint64_t total_;
  Unit unit_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace assay
