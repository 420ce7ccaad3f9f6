# assay_room(NAME [ROOMS ...] [LIBRARIES ...]): the static library assay_NAME of all sources under src/NAME.
function(assay_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  add_library(assay_${name} STATIC ${sources})
  target_include_directories(assay_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ARG_ROOMS PREPEND assay_)
  target_link_libraries(assay_${name} PUBLIC ${ARG_ROOMS} ${ARG_LIBRARIES} PRIVATE assay_warnings)
endfunction()
