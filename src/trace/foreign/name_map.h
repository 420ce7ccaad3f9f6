// Names that a user explains himself, a line each:
//
//   # theirs = ours
//   dec/N/att_query = blk.N.q
//   *.final         = final_norm
//   scratch*        = -
//
// `*` stands for any characters, N for a number, the same on both sides, unless a letter follows or a capital precedes
// it: the one in ATTN_N that is alone. Ours is a tap, a tensor of the model, `tokens`, `generated`, or `-` for what
// shall be left out.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::trace {

class NameMap {
 public:
  NameMap() = default;
  /// Throws Error{io}, and Error{input} that names the line.
  static NameMap read(const std::filesystem::path& path);
  static NameMap parse(const std::string& name, std::string_view text);

  /// What the first line that matches makes of it.
  std::optional<std::string> find(std::string_view given) const;

 private:
  struct Line {
    std::string theirs;
    std::string ours;
  };
  std::vector<Line> lines_;
};

}  // namespace assay::trace
