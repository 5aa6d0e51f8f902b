# embed.cmake - writes a C file that holds other files, as server/files.h describes it.
#
#   cmake -DOUT=served_files.c -DFILES="web/index.html;web/app.js" -P embed.cmake
set(arrays "")
set(table "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER "file_${name}" identifier)
  file(READ ${file} hex HEX)
  file(SHA256 ${file} sum)
  string(SUBSTRING ${sum} 0 32 sum)
  string(LENGTH "${hex}" n_digits)
  math(EXPR n_bytes "${n_digits} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const uint8_t ${identifier}[] = {\n${bytes}0};\n")
  string(APPEND table "    {\"${name}\", \"\\\"${sum}\\\"\", ${identifier}, ${n_bytes}},\n")
endforeach()
file(WRITE ${OUT} "/* Written by cmake/embed.cmake. */\n#include \"files.h\"\n\n${arrays}\nconst serve_file serve_files[] = {\n${table}};\n"
  "const size_t serve_n_files = sizeof serve_files / sizeof *serve_files;\n")
