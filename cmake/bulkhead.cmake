# SPDX-License-Identifier: Apache-2.0
# Targets follow the folders: bulkhead_library(NAME DEPENDS ...) makes bulkhead::NAME of every .cc in the current folder.
#
# Most of the time that a file takes is its headers (json.hpp, CLI.hpp, gmock: 10 s and more), so the presets `release` and `asan`
# compile the files of a target eight at a time (CMAKE_UNITY_BUILD). In return the names in the anonymous namespaces of a target must
# differ. The preset `debug` compiles each file alone: it shows a forgotten include, and its compile_commands.json names every file.

function(bulkhead_interface name)
  add_library(bulkhead_${name} INTERFACE)
  add_library(bulkhead::${name} ALIAS bulkhead_${name})
  target_include_directories(bulkhead_${name} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
endfunction()

function(bulkhead_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(bulkhead_${name} STATIC ${sources})
    target_include_directories(bulkhead_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(bulkhead_${name} PUBLIC ${ARG_DEPENDS})
  else()
    add_library(bulkhead_${name} INTERFACE)
    target_include_directories(bulkhead_${name} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(bulkhead_${name} INTERFACE ${ARG_DEPENDS})
  endif()
  add_library(bulkhead::${name} ALIAS bulkhead_${name})
endfunction()

# bulkhead_test_program(NAME DEPENDS ...): a GoogleTest program of every .cc in the current folder. Tests are compiled with less
# optimization than what they test: it costs as much time as the headers and nobody measures them.
function(bulkhead_test_program name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} bulkhead::places GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# bulkhead_test(NAME [LABEL label] [SERIAL] DEPENDS ...): such a program, each of its tests one for ctest; SERIAL: run alone.
function(bulkhead_test name)
  cmake_parse_arguments(ARG "SERIAL" "LABEL" "DEPENDS" ${ARGN})
  bulkhead_test_program(${name} DEPENDS ${ARG_DEPENDS})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300 RUN_SERIAL ${ARG_SERIAL})
endfunction()
