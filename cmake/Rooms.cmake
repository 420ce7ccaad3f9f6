# assay_room(NAME [ROOMS ...] [LIBRARIES ...]): the static library assay_NAME of all sources under src/NAME but those in a folder
# avx2, which want flags of their own.
function(assay_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/avx2/")
  add_library(assay_${name} STATIC ${sources})
  target_include_directories(assay_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ARG_ROOMS PREPEND assay_)
  target_link_libraries(assay_${name} PUBLIC ${ARG_ROOMS} ${ARG_LIBRARIES} PRIVATE assay_warnings)
endfunction()
