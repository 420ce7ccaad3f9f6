// Models split over several files: PREFIX-00001-of-0000N.gguf, each with split.no (from 0) and split.count. Metadata is
// that of part 1.
#pragma once

#include <cstdint>
#include <filesystem>

#include "gguf/part.h"

namespace assay::gguf {

/// How many files the model of this part lies in; 1 for a whole one.
std::uint64_t split_count(const Part& part);

/// Requires split_count(first) > 1. Throws Error{input} unless `first` is part 1 and is named so; the hint says which
/// file to open instead.
void check_first_part(const Part& first, const std::filesystem::path& path);

/// Throws Error{input} when `part` is one of several: for bytes in memory, where the others cannot be found.
void refuse_split(const Part& part);

/// Path of part `index` (from 0) beside part 1, which check_first_part() has accepted.
std::filesystem::path path_of_part(const std::filesystem::path& first, std::uint64_t index, std::uint64_t count);

/// Throws Error{input} that names part 1, which asks for the part, and the part that is not there.
[[noreturn]] void refuse_missing_part(const Part& first, const std::filesystem::path& path);

/// Throws Error{input} unless `part` says that it is part `index` (from 0) of `count`.
void check_part(const Part& part, std::uint64_t index, std::uint64_t count);

/// Throws Error{input} when part 1 says how many tensors the parts hold together, and it is not `tensor_count`.
void check_tensor_count(const Part& first, std::uint64_t tensor_count);

}  // namespace assay::gguf
