#include "trace/foreign/npz.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "base/unzip.h"
#include "trace/foreign/npy.h"

namespace assay::trace {
namespace {

// Numbers hardly deflate, but padding does; a bomb deflates a thousandfold.
constexpr std::uint64_t kMaxRatio = 64;
constexpr std::uint64_t kAlwaysAllowed = 64U << 20U;
constexpr std::string_view kExtension = ".npy";

/// Collects a member, and refuses more than its header announces as soon as that is known.
class Member {
 public:
  Member(std::string where, std::uint64_t* budget) : where_(std::move(where)), budget_(budget) {}

  void append(std::span<const std::byte> more) {
    if (more.size() > *budget_) {
      throw Error(ErrorKind::input, fmt::format("{}: unpacks to far more than {} times the file", where_, kMaxRatio),
                  "Save it with numpy.savez instead of savez_compressed.");
    }
    *budget_ -= more.size();
    bytes_->insert(bytes_->end(), more.begin(), more.end());
    if (!header_) header_ = parse_npy_header(where_, *bytes_);
    if (header_ && bytes_->size() - header_->data_offset > header_->data_bytes) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: more than the {} bytes that shape and dtype need", where_, header_->data_bytes));
    }
  }

  Array finish(std::string name) { return parse_npy(where_, std::move(name), *bytes_, bytes_); }

 private:
  std::string where_;
  std::uint64_t* budget_;
  std::shared_ptr<std::vector<std::byte>> bytes_ = std::make_shared<std::vector<std::byte>>();
  std::optional<NpyHeader> header_;
};

}  // namespace

std::vector<Array> read_npz(const std::string& name, std::span<const std::byte> bytes) {
  std::vector<Array> arrays;
  std::uint64_t budget = kAlwaysAllowed + kMaxRatio * bytes.size();
  const auto source = [rest = bytes]() mutable { return std::exchange(rest, {}); };
  unpack(name, source, [&](std::string_view path, const MemberReader& read) {
    if (path.ends_with("/data.pkl")) {
      throw Error(ErrorKind::unsupported, fmt::format("{}: a checkpoint of PyTorch, which is a Python program", name),
                  "Save the tensors with numpy.savez or safetensors.numpy.save_file.");
    }
    if (path.ends_with('/')) return true;
    Member member(fmt::format("{}: member '{}'", name, printable(path)), &budget);
    read([&](std::span<const std::byte> more) { member.append(more); });
    const bool has_extension = path.ends_with(kExtension);
    arrays.push_back(member.finish(std::string(path.substr(0, path.size() - (has_extension ? kExtension.size() : 0)))));
    return true;
  });
  return arrays;
}

}  // namespace assay::trace
