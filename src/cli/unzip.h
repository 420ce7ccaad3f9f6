// One member of a zip archive that arrives as a stream, by libarchive. A Python wheel is a zip archive.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace assay::cli {

/// The next bytes of the archive; empty at its end. May throw.
using ArchiveSource = std::function<std::span<const std::byte>()>;
/// Takes the next bytes of the member. May throw.
using MemberSink = std::function<void(std::span<const std::byte>)>;

/// Feeds the member whose name without folders is `file` to `sink`. Throws Error{input} when `archive_name` has no such
/// member or is no zip archive, and whatever `source` and `sink` throw. The rest of the source stays unread.
void unpack_member(const std::string& archive_name, std::string_view file, const ArchiveSource& source,
                   const MemberSink& sink);

}  // namespace assay::cli
