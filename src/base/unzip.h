// The members of a zip archive that arrives as a stream, by libarchive. A Python wheel is a zip archive, and so is what
// numpy.savez writes.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// The next bytes of the archive; empty at its end. May throw.
using ArchiveSource = std::function<std::span<const std::byte>()>;
/// Takes the next bytes of the member. May throw.
using MemberSink = std::function<void(std::span<const std::byte>)>;

/// Gives all bytes of the member at hand to the sink. May be left uncalled.
using MemberReader = std::function<void(const MemberSink&)>;
/// Called for each member with its path in the archive, until it returns false. May throw.
using MemberVisitor = std::function<bool(std::string_view path, const MemberReader& read)>;

/// Visits the members in the order of the archive. Throws Error{input} when `archive_name` is no zip archive or is
/// damaged, and whatever `source` and `visit` throw. Where the visitor stops, the rest of the source stays unread.
void unpack(const std::string& archive_name, const ArchiveSource& source, const MemberVisitor& visit);

/// Feeds the member whose name without folders is `file` to `sink`. Throws Error{input} when `archive_name` has no such
/// member or is no zip archive, and whatever `source` and `sink` throw. The rest of the source stays unread.
void unpack_member(const std::string& archive_name, std::string_view file, const ArchiveSource& source,
                   const MemberSink& sink);

}  // namespace assay
