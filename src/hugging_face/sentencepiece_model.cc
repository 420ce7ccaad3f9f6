#include "hugging_face/sentencepiece_model.h"

#include <cmath>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace assay::hugging_face {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  ///< of a varint, or the bits of a number of fixed size
  std::string_view bytes;   ///< of kind 2
};

/// The fields of a message, one after another.
class Message {
 public:
  Message(const std::string& file, std::string_view whole, std::string_view bytes)
      : file_(file), whole_(whole), rest_(bytes) {}

  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    field = {tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        return true;
      case 1:
        field.value = fixed(8);
        return true;
      case 2:
        field.bytes = take(varint());
        return true;
      case 5:
        field.value = fixed(4);
        return true;
      default:
        fail("is a field of an unknown kind");
    }
  }

  [[noreturn]] void fail(const char* problem) const {
    throw Error(ErrorKind::input,
                fmt::format("{}: what ends at byte offset {} {}", file_, rest_.data() - whole_.data(), problem),
                "Is it a SentencePiece model? Fetch it again, or move it away where there is a tokenizer.json.");
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) fail("is cut off");
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    fail("is a number of more than 64 bits");
  }

  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) fail("is followed by less than it says");
    const std::string_view bytes = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }

  std::uint64_t fixed(std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(size).data(), size);
    return value;
  }

  const std::string& file_;
  std::string_view whole_;
  std::string_view rest_;
};

SentencePiece read_piece(Message message) {
  SentencePiece piece;
  Field field;
  while (message.next(field)) {
    if (field.number == 1) {
      piece.text = field.bytes;
    } else if (field.number == 2) {
      const auto bits = static_cast<std::uint32_t>(field.value);
      std::memcpy(&piece.score, &bits, sizeof bits);
      if (!std::isfinite(piece.score)) message.fail("is a score that is no number");
    } else if (field.number == 3) {
      if (field.value < 1 || field.value > 6) message.fail("is a piece of an unknown type");
      piece.kind = static_cast<std::int32_t>(field.value);
    }
  }
  return piece;
}

}  // namespace

std::vector<SentencePiece> read_sentencepiece_model(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kMaxBytes);
  const std::string file = path.string();
  std::vector<SentencePiece> pieces;
  std::uint64_t model_type = 1;
  Message model(file, bytes, bytes);
  Field field;
  while (model.next(field)) {
    if (field.number == 1) pieces.push_back(read_piece(Message(file, bytes, field.bytes)));
    if (field.number != 2) continue;
    Message trainer(file, bytes, field.bytes);
    Field of_trainer;
    while (trainer.next(of_trainer)) {
      if (of_trainer.number == 3) model_type = of_trainer.value;
    }
  }
  if (pieces.empty()) model.fail("holds no pieces");
  constexpr std::uint64_t kBpe = 2;
  if (model_type != kBpe) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: model_type {}, and only BPE ({}) is read", file, model_type, kBpe),
                "Where there is a tokenizer.json too, move this file away.");
  }
  return pieces;
}

}  // namespace assay::hugging_face
