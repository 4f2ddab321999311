#include "oci/testing/tar_builder.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace burrow::oci::testing {
namespace {

void PutOctal(std::string& header, size_t offset, size_t width, uint64_t value) {
  header.replace(offset, width, fmt::format("{:0{}o}", value, width - 1) + '\0');
}

void AppendMember(std::string& tar, const TarMember& member) {
  std::string header(512, '\0');
  header.replace(0, std::min<size_t>(100, member.name.size()), member.name.substr(0, 100));
  PutOctal(header, 100, 8, member.mode);
  PutOctal(header, 108, 8, member.uid);
  PutOctal(header, 116, 8, member.gid);
  PutOctal(header, 124, 12, member.content.size());
  PutOctal(header, 136, 12, static_cast<uint64_t>(member.mtime));
  header[156] = member.type;
  header.replace(157, std::min<size_t>(100, member.link.size()), member.link.substr(0, 100));
  header.replace(257, 8, std::string("ustar\00000", 8));
  PutOctal(header, 329, 8, member.major);
  PutOctal(header, 337, 8, member.minor);
  header.replace(148, 8, "        ");
  uint64_t sum = 0;
  for (unsigned char c : header) sum += c;
  PutOctal(header, 148, 7, sum);
  tar += header;
  tar += member.content;
  tar.append((512 - member.content.size() % 512) % 512, '\0');
}

// "<length> <name>=<value>\n", where the length counts its own digits.
std::string PaxRecord(const std::string& name, const std::string& value) {
  std::string rest = " " + name + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

std::string Compressed(std::string_view bytes, int (*add_filter)(archive*)) {
  std::string out(bytes.size() + 4096, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  add_filter(writer);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_per_block(writer, 0);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  bool good = archive_write_open_memory(writer, out.data(), out.size(), &used) == ARCHIVE_OK &&
              archive_write_header(writer, entry) == ARCHIVE_OK &&
              archive_write_data(writer, bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()) &&
              archive_write_close(writer) == ARCHIVE_OK;
  archive_entry_free(entry);
  archive_write_free(writer);
  if (!good) throw std::runtime_error("cannot compress");
  out.resize(used);
  return out;
}

}  // namespace

std::string MakeTar(const std::vector<TarMember>& members) {
  std::string tar;
  for (const TarMember& member : members) {
    std::string records;
    for (const auto& [name, value] : member.pax) records += PaxRecord(name, value);
    if (!records.empty()) AppendMember(tar, {.name = "PaxHeaders/x", .type = 'x', .content = records});
    AppendMember(tar, member);
  }
  return tar + std::string(1024, '\0');
}

std::string Gzip(std::string_view bytes) { return Compressed(bytes, archive_write_add_filter_gzip); }
std::string Zstd(std::string_view bytes) { return Compressed(bytes, archive_write_add_filter_zstd); }

}  // namespace burrow::oci::testing
