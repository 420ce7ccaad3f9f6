#include "gguf/tensor_infos.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::gguf {
namespace {

/// A tensor info with the offsets of its fields, for the checks that need the whole table.
struct Info {
  Tensor tensor;
  std::uint64_t size_bytes = 0;
  std::uint64_t data_offset = 0;  ///< relative to the begin of the data
  std::uint64_t data_offset_at = 0;
};

std::string_view read_name(Cursor& cursor) {
  const std::uint64_t at = cursor.offset();
  const std::string_view name = cursor.read_string({"tensor name"});
  if (name.empty()) cursor.refuse(at, {"tensor name"}, "is empty");
  if (name.size() > kMaxTensorNameBytes) {
    cursor.refuse(at, {"tensor name"},
                  fmt::format("{} bytes long, at most {} are allowed", name.size(), kMaxTensorNameBytes));
  }
  return name;
}

std::vector<std::uint64_t> read_shape(Cursor& cursor, std::string_view name) {
  const Field count_field{"n_dims of tensor", name};
  const std::uint64_t count_at = cursor.offset();
  const auto count = cursor.read<std::uint32_t>(count_field);
  if (count < 1 || count > kMaxDimensions) {
    cursor.refuse(count_at, count_field, fmt::format("{} dimensions, must be 1 to {}", count, kMaxDimensions));
  }
  const Field field{"dimensions of tensor", name};
  std::vector<std::uint64_t> ne(count);
  for (std::size_t i = 0; i < ne.size(); ++i) {
    const std::uint64_t at = cursor.offset();
    ne[i] = cursor.read_length(field);
    if (ne[i] == 0) cursor.refuse(at, field, fmt::format("ne[{}] is 0", i));
    if (ne[i] > INT64_MAX) {
      cursor.refuse(at, field, fmt::format("ne[{}] is {}: negative or too large", i, static_cast<std::int64_t>(ne[i])));
    }
  }
  return ne;
}

const quant::Type& read_type(Cursor& cursor, std::string_view name) {
  const Field field{"type of tensor", name};
  const std::uint64_t at = cursor.offset();
  const auto id = cursor.read<std::uint32_t>(field);
  const quant::Type* type = quant::find_type(id);
  if (type == nullptr) {
    cursor.refuse(at, field, fmt::format("unknown type id {}", id),
                  "Removed, newer than this version of Assay, or a damaged file: fetch or quantize the model again.",
                  ErrorKind::unsupported);
  }
  return *type;
}

std::uint64_t checked_size_bytes(const Cursor& cursor, const Tensor& tensor, std::uint64_t at) {
  const Field field{"dimensions of tensor", tensor.name};
  const quant::Type& type = *tensor.type;
  if (tensor.ne[0] % type.block_values != 0) {
    cursor.refuse(at, field,
                  fmt::format("ne[0] is {}, no multiple of the {} values in a block of {}", tensor.ne[0],
                              type.block_values, type.name));
  }
  const auto size_bytes = tensor_bytes(type, tensor.ne);
  if (!size_bytes) {
    cursor.refuse(at, field, fmt::format("{} values of {} take 2^64 bytes or more", shape_text(tensor.ne), type.name));
  }
  return *size_bytes;
}

Info read_info(Cursor& cursor) {
  Info info;
  Tensor& tensor = info.tensor;
  tensor.name = read_name(cursor);
  const std::uint64_t shape_at = cursor.offset() + sizeof(std::uint32_t);  // past n_dims
  tensor.ne = read_shape(cursor, tensor.name);
  tensor.type = &read_type(cursor, tensor.name);
  info.size_bytes = checked_size_bytes(cursor, tensor, shape_at);
  info.data_offset_at = cursor.offset();
  info.data_offset = cursor.read<std::uint64_t>({"offset of tensor", tensor.name});
  return info;
}

/// `expected` is where the padded data of the tensor before ends.
void check_place(const Cursor& cursor, const Info& info, std::uint64_t expected, std::uint64_t data_bytes,
                 std::uint64_t alignment) {
  const Field field{"offset of tensor", info.tensor.name};
  const std::uint64_t offset = info.data_offset;
  const auto refuse = [&](const std::string& problem) { cursor.refuse(info.data_offset_at, field, problem); };
  if (offset % alignment != 0) refuse(fmt::format("{} is no multiple of the alignment {}", offset, alignment));
  if (offset < expected) {
    refuse(fmt::format("{} overlaps the tensors before it, which end at {}", offset, expected));
  }
  if (offset > expected) {
    refuse(fmt::format("{} leaves a gap after the tensors before it, which end at {}", offset, expected));
  }
  if (offset > data_bytes || info.size_bytes > data_bytes - offset) {
    refuse(fmt::format("{} bytes of data from {} reach past the {} bytes of tensor data in the file", info.size_bytes,
                       offset, data_bytes));
  }
}

}  // namespace

std::uint64_t read_tensor_count(Cursor& cursor) {
  // A name of one letter, n_dims, one dimension, type, offset.
  const std::size_t file_bytes = 2 * cursor.length_bytes() + 1 + 2 * sizeof(std::uint32_t) + sizeof(std::uint64_t);
  constexpr std::size_t kShapeBytes = 48;
  const std::size_t memory_bytes = sizeof(Info) + 2 * sizeof(Tensor) + kShapeBytes + kIndexEntryBytes;
  return cursor.read_count(file_bytes, memory_bytes, {"tensor_count"});
}

std::optional<std::uint64_t> tensor_bytes(const quant::Type& type, std::span<const std::uint64_t> ne) {
  std::uint64_t size_bytes = type.block_bytes;
  bool overflow = __builtin_mul_overflow(size_bytes, ne[0] / type.block_values, &size_bytes);
  for (const std::uint64_t length : ne.subspan(1)) overflow |= __builtin_mul_overflow(size_bytes, length, &size_bytes);
  if (overflow) return std::nullopt;
  return size_bytes;
}

std::string shape_text(std::span<const std::uint64_t> ne) {
  std::string text;
  for (const std::uint64_t length : ne) text += fmt::format("{}{}", text.empty() ? "" : " x ", length);
  return text;
}

std::vector<Tensor> read_tensor_infos(Cursor& cursor, std::uint64_t count, std::uint64_t alignment) {
  std::vector<Info> infos;
  infos.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) infos.push_back(read_info(cursor));

  // A file without tensors need not be padded.
  const std::uint64_t file_bytes = cursor.bytes().size();
  const std::uint64_t begin = std::min(align_up(cursor.offset(), alignment), file_bytes);
  const auto data = cursor.bytes().subspan(static_cast<std::size_t>(begin));

  std::vector<Tensor> tensors;
  tensors.reserve(infos.size());
  std::uint64_t expected = 0;
  for (Info& info : infos) {
    check_place(cursor, info, expected, data.size(), alignment);
    info.tensor.data =
        data.subspan(static_cast<std::size_t>(info.data_offset), static_cast<std::size_t>(info.size_bytes));
    expected = align_up(info.data_offset + info.size_bytes, alignment);
    tensors.push_back(std::move(info.tensor));
  }
  return tensors;
}

}  // namespace assay::gguf
